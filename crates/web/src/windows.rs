//! Counts of the last 60 minutes, 24 hours, 7 and 30 days.
//!
//! A window consists of whole buckets, the current one last, so it is at most one bucket shorter than its name. Windows
//! of days use whole days where possible, because a line with only a date has no hour.

use serde::Serialize;
use tallymark_core::{Buckets, Day, Event, Name, Now, Step};
use tallymark_store::{Result, StoreRead};

/// What was counted in a sliding window.
#[derive(Serialize)]
pub(crate) struct Sliding {
    pub(crate) count: i64,
    from: String,
    /// By how much the window may be shorter than its name.
    resolution: &'static str,
}

/// The sliding windows of one name.
#[derive(Serialize)]
pub(crate) struct Windows {
    #[serde(skip)]
    pub(crate) today: i64,
    pub(crate) last_60_minutes: Sliding,
    pub(crate) last_24_hours: Sliding,
    pub(crate) last_7_days: Sliding,
    pub(crate) last_30_days: Sliding,
}

impl Windows {
    /// Adds what was counted just now.
    pub(crate) fn add(&mut self, count: i64) {
        let Windows { today, last_60_minutes, last_24_hours, last_7_days, last_30_days } = self;
        let windows = [last_60_minutes, last_24_hours, last_7_days, last_30_days].map(|it| &mut it.count);
        for sum in windows.into_iter().chain([today]) {
            *sum = sum.saturating_add(count);
        }
    }
}

/// Reads the windows that end now.
pub(crate) async fn read(store: &dyn StoreRead, event: Event, name: &Name, now: Now) -> Result<Windows> {
    let hour = Buckets::until(now, Step::Minute, 60);
    let minutes = store.series(event, name, Step::Minute, hour.first, hour.last + 1).await?;
    let today = now.day().0;
    let days = store.series(event, name, Step::Day, today - 29, today + 1).await?;
    let counts = Days { store, event, name, now, days };
    Ok(Windows {
        today: counts.since(today),
        last_60_minutes: Sliding {
            count: sum(&minutes),
            from: Step::Minute.label(hour.first),
            resolution: "minute",
        },
        last_24_hours: counts.last(1).await?,
        last_7_days: counts.last(7).await?,
        last_30_days: counts.last(30).await?,
    })
}

/// The count of the last 1 to 30 days.
pub(crate) async fn last_days(
    store: &dyn StoreRead,
    event: Event,
    name: &Name,
    now: Now,
    length: i32,
) -> Result<i64> {
    let today = now.day().0;
    let days = store.series(event, name, Step::Day, today - length + 1, today + 1).await?;
    Ok(Days { store, event, name, now, days }.last(length).await?.count)
}

/// The counts of whole days.
struct Days<'a> {
    store: &'a dyn StoreRead,
    event: Event,
    name: &'a Name,
    now: Now,
    days: Vec<(i32, i64)>,
}

impl Days<'_> {
    fn since(&self, first: i32) -> i64 {
        sum(self.days.iter().filter(|&&(day, _)| day >= first))
    }

    /// The window of this many days: whole ones, and the later hours of the one before them.
    async fn last(&self, length: i32) -> Result<Sliding> {
        let today = self.now.day().0;
        let from = Buckets::until(self.now, Step::Hour, 24 * length).first;
        let end = Day(today - length).hours().end;
        let hours = self.store.series(self.event, self.name, Step::Hour, from, end).await?;
        let count = self.since(today - length + 1).saturating_add(sum(&hours));
        Ok(Sliding { count, from: Step::Hour.label(from), resolution: "hour" })
    }
}

/// The sum of a series.
pub(crate) fn sum<'a>(counts: impl IntoIterator<Item = &'a (i32, i64)>) -> i64 {
    counts.into_iter().fold(0, |sum, &(_, count)| sum.saturating_add(count))
}
