//! The counts of names over a period, as charts and tables show them. Never more than a few hundred buckets, whatever
//! the period.
//!
//! Hits that are not in the store yet are not in them: a tick later they are.

use tallymark_badge::chart::{Chart, Series, Step};
use tallymark_core::{Day, Event, Minute, Name, Now};
use tallymark_store::{self as store, Store, StoreError};

/// How far back a chart looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Hours24,
    Days7,
    Days30,
    Days90,
    Months12,
    All,
}

/// Every period, its word in addresses, and what a link says.
pub(crate) const PERIODS: [(Period, &str, &str); 6] = [
    (Period::Hours24, "24h", "24 hours"),
    (Period::Days7, "7d", "7 days"),
    (Period::Days30, "30d", "30 days"),
    (Period::Days90, "90d", "90 days"),
    (Period::Months12, "12mo", "12 months"),
    (Period::All, "all", "All"),
];

/// Said of any other word.
pub(crate) const UNKNOWN_PERIOD: &str = "period is 24h, 7d, 30d, 90d, 12mo or all";

/// What [`Period::All`] means: twenty years. Redis looks into every day of them.
const MOST_MONTHS: i32 = 240;
/// What it shows at least, of a young name.
const LEAST_MONTHS: usize = 12;

impl Period {
    /// Reads the word of a period; without one it is 30 days.
    pub(crate) fn read(word: Option<&str>) -> Result<Period, &'static str> {
        let word = word.unwrap_or("30d");
        let found = PERIODS.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(word));
        found.map(|&(period, ..)| period).ok_or(UNKNOWN_PERIOD)
    }

    pub(crate) fn word(self) -> &'static str {
        PERIODS.iter().find(|(period, ..)| *period == self).map_or("", |(_, word, _)| word)
    }

    /// The buckets: what they are, the first, and how many.
    fn buckets(self, now: Now) -> (Step, i32, usize) {
        let (step, last, count) = match self {
            Period::Hours24 => (Step::Hour, now.minute().hour(), 24),
            Period::Days7 => (Step::Day, now.day().0, 7),
            Period::Days30 => (Step::Day, now.day().0, 30),
            Period::Days90 => (Step::Day, now.day().0, 90),
            Period::Months12 => (Step::Month, Step::month_of(now.day()), 12),
            Period::All => (Step::Month, Step::month_of(now.day()), MOST_MONTHS),
        };
        (step, last - count + 1, count as usize)
    }
}

/// Counts of names in the same buckets.
pub(crate) struct History {
    pub(crate) step: Step,
    /// The number of the oldest bucket.
    pub(crate) first: i32,
    /// One count for each bucket.
    pub(crate) counts: Vec<(Name, Vec<i64>)>,
}

impl History {
    pub(crate) async fn read(
        store: &dyn Store,
        event: Event,
        names: &[Name],
        period: Period,
        now: Now,
    ) -> Result<History, StoreError> {
        let (step, first, length) = period.buckets(now);
        let mut counts = Vec::with_capacity(names.len());
        for name in names {
            let mut buckets = vec![0i64; length];
            for (bucket, count) in found(store, (event, name), step, first, now).await? {
                let at = usize::try_from(bucket - first).ok();
                if let Some(sum) = at.and_then(|at| buckets.get_mut(at)) {
                    *sum = sum.saturating_add(count);
                }
            }
            counts.push((name.clone(), buckets));
        }
        let mut history = History { step, first, counts };
        if period == Period::All {
            history.begin_at_the_first_hit();
        }
        Ok(history)
    }

    fn begin_at_the_first_hit(&mut self) {
        let length = self.length();
        let hits = |at: usize| self.counts.iter().any(|(_, counts)| counts[at] != 0);
        let empty = (0..length).take_while(|&at| !hits(at)).count();
        let cut = empty.min(length.saturating_sub(LEAST_MONTHS));
        self.first += cut as i32;
        for (_, counts) in &mut self.counts {
            counts.drain(..cut);
        }
    }

    /// When the oldest bucket begins, as the API takes it.
    pub(crate) fn from(&self) -> String {
        match self.step {
            Step::Hour => Minute(self.first * 60).to_string(),
            Step::Day => Day(self.first).to_string(),
            Step::Month => {
                format!("{:04}-{:02}-01", 1970 + self.first.div_euclid(12), self.first.rem_euclid(12) + 1)
            }
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.counts.first().map_or(0, |(_, counts)| counts.len())
    }

    pub(crate) fn series(&self) -> Vec<Series<'_>> {
        self.counts.iter().map(|(name, counts)| Series { name: name.as_str(), counts }).collect()
    }

    /// The chart of [`History::series`].
    pub(crate) fn chart<'a>(&self, series: &'a [Series<'a>], width: u32) -> Chart<'a> {
        Chart { step: self.step, first: self.first, series, width }
    }
}

/// What the store has from a bucket until now. It keeps hours and days; months are sums of days.
async fn found(
    store: &dyn Store,
    (event, name): (Event, &Name),
    step: Step,
    first: i32,
    now: Now,
) -> Result<Vec<(i32, i64)>, StoreError> {
    let read = |step, from, to| store.series(event, name, step, from, to);
    let tomorrow = now.day().0 + 1;
    match step {
        Step::Hour => read(store::Step::Hour, first, now.minute().hour() + 1).await,
        Step::Day => read(store::Step::Day, first, tomorrow).await,
        Step::Month => {
            let (year, month) = (1970 + first.div_euclid(12), first.rem_euclid(12) as u32 + 1);
            // Before 1970 there are no counts, and no such day.
            let from = Day::from_date(year, month, 1).map_or(0, |day| day.0);
            let days = read(store::Step::Day, from, tomorrow).await?;
            Ok(days.into_iter().map(|(day, count)| (Step::month_of(Day(day)), count)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_now_and_are_bounded() {
        // 2026-11-20T12:00:30Z.
        let now = Now { unix_ms: 1_795_176_030_000 };
        for (period, word, _) in PERIODS {
            assert_eq!(Period::read(Some(word)), Ok(period));
            assert_eq!(period.word(), word);
            let (step, first, length) = period.buckets(now);
            assert!(length <= tallymark_badge::chart::MOST_BUCKETS);
            let last = step.name(first + length as i32 - 1);
            assert!(
                ["20 Nov 2026, 12:00", "20 Nov 2026", "November 2026"].contains(&last.as_str()),
                "{last}"
            );
        }
        assert_eq!(Period::read(None), Ok(Period::Days30));
        assert_eq!(Period::read(Some("31d")), Err(UNKNOWN_PERIOD));
    }
}
