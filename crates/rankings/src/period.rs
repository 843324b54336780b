//! The six stretches of time that names are ranked over: HitMe's, as calendar buckets of UTC.

use tallymark_core::{Day, Minute, Now};
use tallymark_store::Span;

/// A stretch of time that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RankPeriod {
    /// Since ever.
    All,
    /// This calendar month.
    Month,
    /// This week, from Sunday.
    Week,
    /// Today.
    Day,
    /// This hour.
    Hour,
    /// This minute.
    Minute,
}

impl RankPeriod {
    /// All of them, the longest first.
    pub const EVERY: [RankPeriod; 6] = [
        RankPeriod::All,
        RankPeriod::Month,
        RankPeriod::Week,
        RankPeriod::Day,
        RankPeriod::Hour,
        RankPeriod::Minute,
    ];

    /// The word in addresses.
    pub fn word(self) -> &'static str {
        match self {
            RankPeriod::All => "all",
            RankPeriod::Month => "month",
            RankPeriod::Week => "week",
            RankPeriod::Day => "day",
            RankPeriod::Hour => "hour",
            RankPeriod::Minute => "minute",
        }
    }

    /// Reads that word.
    pub fn read(word: &str) -> Option<RankPeriod> {
        RankPeriod::EVERY.into_iter().find(|period| period.word().eq_ignore_ascii_case(word))
    }

    /// The stretch that holds a moment.
    pub fn span(self, now: Now) -> Span {
        let today = now.day();
        match self {
            RankPeriod::All => Span::All,
            RankPeriod::Month => {
                let (year, month, _) = today.date();
                Span::Days(Day::from_date(year, month, 1).unwrap_or(today), today)
            }
            // 1970-01-01 was a Thursday.
            RankPeriod::Week => Span::Days(Day(today.0 - (today.0 + 4).rem_euclid(7)), today),
            RankPeriod::Day => Span::Days(today, today),
            RankPeriod::Hour => Span::Hour(now.minute().hour()),
            RankPeriod::Minute => Span::Minute(now.minute()),
        }
    }

    /// When the stretch that holds a moment began.
    pub fn begin(self, now: Now) -> Option<Minute> {
        match self.span(now) {
            Span::All => None,
            Span::Days(first, _) => Some(first.first_minute()),
            Span::Hour(hour) => Some(Minute(hour.saturating_mul(60))),
            Span::Minute(minute) => Some(minute),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_calendar_buckets_and_weeks_begin_on_sunday() {
        for (now, month, week) in [
            ("2026-11-20T12:00:30Z", "2026-11-01", "2026-11-15"),
            ("2026-11-22T00:00:00Z", "2026-11-01", "2026-11-22"),
            ("2026-11-21T23:59:59Z", "2026-11-01", "2026-11-15"),
            ("2024-02-29T12:34:56Z", "2024-02-01", "2024-02-25"),
            ("2027-01-01T00:00:00Z", "2027-01-01", "2026-12-27"),
        ] {
            let at = Now::parse_rfc3339(now).unwrap();
            let first = |period: RankPeriod| match period.span(at) {
                Span::Days(first, last) => {
                    assert_eq!(last, at.day());
                    first.to_string()
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(first(RankPeriod::Month), month, "{now}");
            assert_eq!(first(RankPeriod::Week), week, "{now}");
            assert_eq!(first(RankPeriod::Day), at.day().to_string());
        }
        for period in RankPeriod::EVERY {
            assert_eq!(RankPeriod::read(period.word()), Some(period));
        }
        assert_eq!(RankPeriod::read("year"), None);
    }
}
