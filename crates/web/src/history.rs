//! The counts of names over a window of time, for charts and tables: at most a few hundred buckets.
//!
//! Hits that are not in the store yet are missing; they show a tick later.

use tallymark_badge::{
    chart::{AxisScale, Chart, Series},
    panel::Lang,
};
use tallymark_core::{Buckets, Day, Event, Month, Name, Now, Period, Step, Window};
use tallymark_store::{StoreError, StoreRead};

/// A name is young for this many days: [`Window::All`] then shows days, because two or three months are no picture.
const YOUNG: i32 = 92;
/// The least that it shows of a young name, in days.
const LEAST_DAYS: usize = 7;

/// Reads the word of a window; without one it is 30 days. The words of badges are known, but are not windows.
pub(crate) fn window(word: Option<&str>) -> Result<Window, String> {
    const OTHERS: [(&str, Window); 8] = [
        ("1d", Window::Hours24),
        ("day", Window::Hours24),
        ("today", Window::Hours24),
        ("week", Window::Days7),
        ("month", Window::Days30),
        ("1y", Window::Months12),
        ("year", Window::Months12),
        ("total", Window::All),
    ];
    let word = word.unwrap_or("30d");
    let meant = || OTHERS.iter().find(|(other, _)| other.eq_ignore_ascii_case(word));
    Window::read(word).ok_or_else(|| match meant() {
        Some((_, window)) => format!("period={word}: did you mean {}?", window.word()),
        None => "period is 24h, 7d, 30d, 90d, 12mo or all".to_owned(),
    })
}

/// What all names together are called.
pub(crate) fn all_names(lang: Lang) -> &'static str {
    if lang == Lang::Zh { "全部名称" } else { "All names" }
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
        if window == Window::All {
            return History::all(store, event, names, now).await;
        }
        History::within(store, event, names, window.buckets(now)).await
    }

    /// All names together.
    pub(crate) async fn of_all(
        store: &dyn StoreRead,
        event: Event,
        period: Period,
        now: Now,
    ) -> Result<History, StoreError> {
        let names = [Name::all()];
        match period.buckets(now) {
            Some(buckets) => History::within(store, event, &names, buckets).await,
            None => History::all(store, event, &names, now).await,
        }
    }

    /// From the first hit on.
    async fn all(
        store: &dyn StoreRead,
        event: Event,
        names: &[Name],
        now: Now,
    ) -> Result<History, StoreError> {
        let months = History::within(store, event, names, Window::All.buckets(now)).await?;
        let months = months.since_the_first_hit(1);
        let (Day(first), Day(today)) = (Month(months.buckets.first).first_day(), now.day());
        if today - first >= YOUNG {
            return Ok(months);
        }
        let days = Buckets { step: Step::Day, first: first.min(today - LEAST_DAYS as i32 + 1), last: today };
        Ok(History::within(store, event, names, days).await?.since_the_first_hit(LEAST_DAYS))
    }

    pub(crate) async fn within(
        store: &dyn StoreRead,
        event: Event,
        names: &[Name],
        buckets: Buckets,
    ) -> Result<History, StoreError> {
        let Buckets { step, first, last } = buckets;
        let mut counts = Vec::with_capacity(names.len());
        for name in names {
            counts
                .push((name.clone(), buckets.fill(store.series(event, name, step, first, last + 1).await?)));
        }
        Ok(History { event, buckets, counts })
    }

    /// Without the empty buckets before the first hit, but with at least this many.
    fn since_the_first_hit(mut self, least: usize) -> History {
        let length = self.length();
        let hits = |at: usize| self.counts.iter().any(|(_, counts)| counts[at] != 0);
        let empty = (0..length).take_while(|&at| !hits(at)).count();
        let cut = empty.min(length.saturating_sub(least));
        self.buckets.first += cut as i32;
        for (_, counts) in &mut self.counts {
            counts.drain(..cut);
        }
        self
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

    pub(crate) fn series(&self, lang: Lang) -> Vec<Series<'_>> {
        self.counts
            .iter()
            .map(|(name, counts)| {
                let name = if name.is_aggregate() { all_names(lang) } else { name.as_str() };
                Series { name, counts }
            })
            .collect()
    }

    /// The chart of [`History::series`], with a legend if there are several.
    pub(crate) fn chart<'a>(&self, series: &'a [Series<'a>], lang: Lang, width: u32) -> Chart<'a> {
        let Buckets { step, first, .. } = self.buckets;
        // Every window ends now.
        Chart {
            event: self.event,
            step,
            first,
            series,
            so_far: true,
            scale: AxisScale::Linear,
            legend: true,
            lang,
            width,
        }
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
        assert_eq!(window(Some("1d")), Err("period=1d: did you mean 24h?".to_owned()));
        assert_eq!(window(Some("Week")), Err("period=Week: did you mean 7d?".to_owned()));
    }
}
