//! The counts of names over a window of time, for charts and tables: at most a few hundred buckets.
//!
//! Hits that are not in the store yet are missing; they show a tick later.

use tallymark_badge::chart::{Chart, Series};
use tallymark_core::{Buckets, Event, Name, Now, Step, Window};
use tallymark_store::{StoreError, StoreRead};

/// The minimum that [`Window::All`] shows, for a new name.
const LEAST_MONTHS: usize = 12;

/// Reads the word of a window; without one it is 30 days.
pub(crate) fn window(word: Option<&str>) -> Result<Window, &'static str> {
    Window::read(word.unwrap_or("30d")).ok_or("period is 24h, 7d, 30d, 90d, 12mo or all")
}

/// Counts of names in the same buckets.
pub(crate) struct History {
    pub(crate) event: Event,
    pub(crate) buckets: Buckets,
    /// One count for each bucket.
    pub(crate) counts: Vec<(Name, Vec<i64>)>,
}

impl History {
    pub(crate) async fn read(
        store: &dyn StoreRead,
        event: Event,
        names: &[Name],
        window: Window,
        now: Now,
    ) -> Result<History, StoreError> {
        let buckets = window.buckets(now);
        let Buckets { step, first, last } = buckets;
        let mut counts = Vec::with_capacity(names.len());
        for name in names {
            counts
                .push((name.clone(), buckets.fill(store.series(event, name, step, first, last + 1).await?)));
        }
        let mut history = History { event, buckets, counts };
        if window == Window::All {
            history.begin_at_the_first_hit();
        }
        Ok(history)
    }

    fn begin_at_the_first_hit(&mut self) {
        let length = self.length();
        let hits = |at: usize| self.counts.iter().any(|(_, counts)| counts[at] != 0);
        let empty = (0..length).take_while(|&at| !hits(at)).count();
        let cut = empty.min(length.saturating_sub(LEAST_MONTHS));
        self.buckets.first += cut as i32;
        for (_, counts) in &mut self.counts {
            counts.drain(..cut);
        }
    }

    /// When the oldest bucket begins, in the API's format.
    pub(crate) fn from(&self) -> String {
        let begin = self.buckets.step.begin(self.buckets.first);
        match self.buckets.step {
            Step::Minute | Step::Hour => begin.to_string(),
            Step::Day | Step::Month => begin.day().to_string(),
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
        Chart { event: self.event, step: self.buckets.step, first: self.buckets.first, series, width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fit_into_a_chart() {
        let now = Now { unix_ms: 1_795_176_030_000 };
        for known in Window::EVERY {
            assert_eq!(window(Some(known.word())), Ok(known));
            assert!(known.buckets(now).count() <= tallymark_badge::chart::MOST_BUCKETS);
        }
        assert_eq!(window(None), Ok(Window::Days30));
        assert!(window(Some("31d")).is_err());
    }
}
