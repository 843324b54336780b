//! What is past its retention, level by level: how much that is, and its deletion.
//!
//! Hours and minutes expire by themselves, from their last write on (see [`Retention`](crate::Retention)). This goes by their
//! own time, and at once. Days and last visits do not expire by themselves: the daemon calls this for those that are bounded,
//! and `store prune` for any. Totals are no level, so nothing here changes one.

use crate::Result;
use async_trait::async_trait;
use std::{fmt, time::Duration};
use tallymark_core::{Day, Minute};

/// What is kept for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Counts per minute. They go by the hour.
    Minutes,
    /// Counts per hour. They go by the day.
    Hours,
    /// Counts per day, and with a day its hours, minutes and visitors.
    Days,
    /// How many visitors a name had on a day.
    Visitors,
    /// The last visits of a name.
    Visits,
}

/// What is too old of a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TooOld {
    /// How many counts of a name, or visits. Those of aggregates go with them and are not included.
    pub entries: u64,
    /// The day of the oldest.
    pub oldest: Option<Day>,
}

impl Level {
    /// Every level.
    pub const EVERY: [Level; 5] = [Level::Minutes, Level::Hours, Level::Days, Level::Visitors, Level::Visits];

    /// The first minute that is kept.
    pub(crate) fn first_kept(self, keep: Duration, now: Minute) -> Minute {
        let keep = i32::try_from(keep.as_secs() / 60).unwrap_or(i32::MAX);
        let first = now.0.saturating_sub(keep).max(0);
        let width = match self {
            Level::Minutes => 60,
            Level::Hours | Level::Days | Level::Visitors => 1440,
            Level::Visits => 1,
        };
        Minute(first - first.rem_euclid(width))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Minutes => "minutes",
            Level::Hours => "hours",
            Level::Days => "days",
            Level::Visitors => "visitors",
            Level::Visits => "visits",
        })
    }
}

impl TooOld {
    pub(crate) fn add(&mut self, entries: u64, oldest: Day) {
        if entries > 0 {
            self.entries += entries;
            self.oldest = Some(self.oldest.map_or(oldest, |known| known.min(oldest)));
        }
    }
}

/// The interface of a store for what is old. The time is the store's as well as the caller's: counts are old if both say so.
#[async_trait]
pub trait StoreAge: Send + Sync {
    /// What is past its retention. Changes nothing.
    async fn aged(&self, level: Level, keep: Duration) -> Result<TooOld>;

    /// Deletes it, a little at a time. If that is interrupted, the rest is there the next time.
    async fn clear_aged(&self, level: Level, keep: Duration) -> Result<()>;
}
