//! Periods and windows, which have names, and spans, which have ends.

use super::{Buckets, Day, Hour, Minute, Step, Weekday};
use crate::Now;

/// A stretch of time that ends now: of the calendar, in UTC, or the last minutes. Names are ranked over periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// All time.
    All,
    /// This calendar month.
    Month,
    /// This week, from Sunday.
    Week,
    /// Today.
    Day,
    /// The last 60 minutes, the running one included.
    Hour,
    /// The last two minutes: the running one and the one before. Nothing is kept by the second.
    Minute,
    /// This hour by the clock. Only HitMe's lists have it: it is nearly empty when an hour begins.
    ClockHour,
    /// This minute by the clock. Only HitMe's lists have it, for the same reason.
    ClockMinute,
}

/// A row of whole buckets, the last of them in progress: how far back a chart looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 24 hours.
    Hours24,
    /// 7 days.
    Days7,
    /// 30 days.
    Days30,
    /// 90 days.
    Days90,
    /// 12 months.
    Months12,
    /// Twenty years of months: Redis looks into every day of them.
    All,
}

/// From one point in time to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// All time.
    All,
    /// From one day to another, both included.
    Days(Day, Day),
    /// One hour.
    Hour(Hour),
    /// From one minute to another, both included.
    Minutes(Minute, Minute),
}

impl Period {
    /// Those to choose from, the longest first.
    pub const EVERY: [Period; 6] =
        [Period::All, Period::Month, Period::Week, Period::Day, Period::Hour, Period::Minute];

    /// The word in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Period::All => "all",
            Period::Month => "month",
            Period::Week => "week",
            Period::Day => "day",
            Period::Hour | Period::ClockHour => "hour",
            Period::Minute | Period::ClockMinute => "minute",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Period> {
        Period::EVERY.into_iter().find(|period| period.word().eq_ignore_ascii_case(word))
    }

    /// The part of it that has begun.
    #[must_use]
    pub fn span(self, now: Now) -> Span {
        let (today, minute) = (now.day(), now.minute());
        match self {
            Period::All => Span::All,
            Period::Month => Span::Days(today.month().first_day(), today),
            Period::Week => Span::Days(today.week_begin(Weekday::Sun), today),
            Period::Day => Span::Days(today, today),
            Period::Hour => Span::last_minutes(minute, 60),
            Period::Minute => Span::last_minutes(minute, 2),
            Period::ClockHour => Span::Hour(minute.hour()),
            Period::ClockMinute => Span::last_minutes(minute, 1),
        }
    }

    /// Whether it moves on with every minute, instead of beginning anew.
    #[must_use]
    pub fn slides(self) -> bool {
        matches!(self, Period::Hour | Period::Minute)
    }

    /// The buckets of its chart. The hour's and the minute's are the last 60 minutes, so that no turn of the clock
    /// empties them. `None` for all time, which begins with the first hit.
    #[must_use]
    pub fn buckets(self, now: Now) -> Option<Buckets> {
        let today = now.day();
        let days = |first: Day| Some(Buckets { step: Step::Day, first: first.0, last: today.0 });
        match self {
            Period::All => None,
            Period::Month => days(today.month().first_day()),
            Period::Week => days(today.week_begin(Weekday::Sun)),
            Period::Day => Some(Buckets {
                step: Step::Hour,
                first: today.hours().start,
                last: Step::Hour.bucket(now.minute()),
            }),
            Period::Hour | Period::Minute | Period::ClockHour | Period::ClockMinute => {
                Some(Buckets::until(now, Step::Minute, 60))
            }
        }
    }
}

impl Window {
    /// All of them, the shortest first.
    pub const EVERY: [Window; 6] =
        [Window::Hours24, Window::Days7, Window::Days30, Window::Days90, Window::Months12, Window::All];

    /// The word in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Window::Hours24 => "24h",
            Window::Days7 => "7d",
            Window::Days30 => "30d",
            Window::Days90 => "90d",
            Window::Months12 => "12mo",
            Window::All => "all",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Window> {
        Window::EVERY.into_iter().find(|window| window.word().eq_ignore_ascii_case(word))
    }

    /// Its buckets.
    #[must_use]
    pub fn buckets(self, now: Now) -> Buckets {
        let (step, count) = match self {
            Window::Hours24 => (Step::Hour, 24),
            Window::Days7 => (Step::Day, 7),
            Window::Days30 => (Step::Day, 30),
            Window::Days90 => (Step::Day, 90),
            Window::Months12 => (Step::Month, 12),
            Window::All => (Step::Month, 240),
        };
        Buckets::until(now, step, count)
    }
}

impl Span {
    /// So many minutes, the last of which is given.
    #[must_use]
    pub fn last_minutes(to: Minute, count: i32) -> Span {
        Span::Minutes(Minute(to.0.saturating_sub(count - 1)), to)
    }

    /// Its first minute, unless it is all time.
    #[must_use]
    pub fn begin(self) -> Option<Minute> {
        match self {
            Span::All => None,
            Span::Days(first, _) => Some(first.first_minute()),
            Span::Hour(hour) => Some(hour.first_minute()),
            Span::Minutes(from, _) => Some(from),
        }
    }

    /// Whether it contains another one entirely.
    #[must_use]
    pub fn holds(self, other: Span) -> bool {
        match (self, other) {
            (Span::All, _) => true,
            (Span::Days(from, to), Span::Days(first, last)) => from <= first && last <= to,
            (Span::Days(from, to), Span::Hour(hour)) => (from..=to).contains(&hour.day()),
            (Span::Days(from, to), Span::Minutes(first, last)) => from <= first.day() && last.day() <= to,
            (Span::Hour(hour), Span::Minutes(first, last)) => first.hour() == hour && last.hour() == hour,
            (Span::Minutes(from, to), Span::Minutes(first, last)) => from <= first && last <= to,
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_of_the_calendar_or_slide_and_weeks_begin_on_sunday() {
        for (now, month, week) in [
            ("2026-11-20T12:00:30Z", "2026-11-01", "2026-11-15"),
            ("2026-11-22T00:00:00Z", "2026-11-01", "2026-11-22"),
            ("2026-11-21T23:59:59Z", "2026-11-01", "2026-11-15"),
            ("2024-02-29T12:34:56Z", "2024-02-01", "2024-02-25"),
            ("2027-01-01T00:00:00Z", "2027-01-01", "2026-12-27"),
        ] {
            let at = Now::parse_rfc3339(now).unwrap();
            let first = |period: Period| match period.span(at) {
                Span::Days(first, last) => {
                    assert_eq!(last, at.day());
                    first.to_string()
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(first(Period::Month), month, "{now}");
            assert_eq!(first(Period::Week), week, "{now}");
            assert_eq!(first(Period::Day), at.day().to_string());
        }
        for period in Period::EVERY {
            assert_eq!(Period::read(period.word()), Some(period));
        }
        assert_eq!(Period::read("year"), None);
        let at = Now::parse_rfc3339("2026-11-20T12:00:30Z").unwrap();
        let counts = Period::EVERY.map(|period| period.buckets(at).map(Buckets::count));
        assert_eq!(counts, [None, Some(20), Some(6), Some(13), Some(60), Some(60)]);
        let sliding = Period::EVERY.into_iter().filter(|period| period.slides());
        let begins = sliding.map(|period| period.span(at).begin().unwrap().readable());
        assert_eq!(begins.collect::<Vec<_>>(), ["2026-11-20 11:01", "2026-11-20 11:59"]);
    }

    #[test]
    fn windows_end_now() {
        let now = Now::parse_rfc3339("2026-11-20T12:00:30Z").unwrap();
        for window in Window::EVERY {
            assert_eq!(Window::read(window.word()), Some(window));
            let buckets = window.buckets(now);
            assert_eq!(buckets.last, buckets.step.bucket(now.minute()));
        }
        assert_eq!(Window::Days90.buckets(now).count(), 90);
        assert_eq!(Window::read("31d"), None);
    }
}
