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
    let today = now.day().0;
    let hour = Buckets::until(now, Step::Minute, 60);
    let minutes = store.series(event, name, Step::Minute, hour.first, hour.last + 1).await?;
    let days = store.series(event, name, Step::Day, today - 29, today + 1).await?;
    let since = |first: i32| sum(days.iter().filter(|&&(day, _)| day >= first));
    let mut of_days = [since(today), since(today - 6), since(today - 29)];
    let mut from = [0; 3];
    for (at, length) in [1, 7, 30].into_iter().enumerate() {
        // The day of which only the later hours are in the window.
        let edge = Day(today - length);
        from[at] = Buckets::until(now, Step::Hour, 24 * length).first;
        let hours = store.series(event, name, Step::Hour, from[at], edge.hours().end).await?;
        of_days[at] = of_days[at].saturating_add(sum(&hours));
    }
    let hourly =
        |at: usize| Sliding { count: of_days[at], from: Step::Hour.label(from[at]), resolution: "hour" };
    Ok(Windows {
        today: since(today),
        last_60_minutes: Sliding {
            count: sum(&minutes),
            from: Step::Minute.label(hour.first),
            resolution: "minute",
        },
        last_24_hours: hourly(0),
        last_7_days: hourly(1),
        last_30_days: hourly(2),
    })
}

fn sum<'a>(counts: impl IntoIterator<Item = &'a (i32, i64)>) -> i64 {
    counts.into_iter().fold(0, |sum, &(_, count)| sum.saturating_add(count))
}
