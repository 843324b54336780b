//! How long each level is kept, and which hours and minutes are written late. Each store deletes in its own way.

use crate::Level;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tallymark_core::Minute;

/// How many minutes old a hit may be and still count as current: lines wait in relays and for the tick.
pub(crate) const GRACE: i32 = 10;

/// How long each level is kept, and how many visits. Totals are kept forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Counts per minute, after their last write. Default 26 hours.
    pub minute: Duration,
    /// Counts per hour, after their last write. Default 90 days.
    pub hour: Duration,
    /// The numbers of visitors of each day, after the last of them came. Default 90 days.
    pub visitors: Duration,
    /// Counts per day. Default `None`: forever.
    pub day: Option<Duration>,
    /// The last visits of a name. Default `None`: until there are too many of them.
    pub visit: Option<Duration>,
    /// The number of visits kept for each name. Default 0: none.
    pub visits: usize,
}

impl Default for Retention {
    fn default() -> Retention {
        let (minute, hour) = (Duration::from_secs(26 * 3600), Duration::from_secs(90 * 86_400));
        Retention { minute, hour, visitors: hour, day: None, visit: None, visits: 0 }
    }
}

impl Retention {
    /// How long a level is kept; `None` is forever.
    #[must_use]
    pub fn of(&self, level: Level) -> Option<Duration> {
        match level {
            Level::Minutes => Some(self.minute),
            Level::Hours => Some(self.hour),
            Level::Days => self.day,
            Level::Visitors => Some(self.visitors),
            Level::Visits => self.visit,
        }
    }

    /// What does not expire by itself, and how long it is kept.
    pub fn bounded(&self) -> impl Iterator<Item = (Level, Duration)> {
        [Level::Days, Level::Visits].into_iter().filter_map(|level| Some((level, self.of(level)?)))
    }
}

/// The clock.
pub(crate) fn now() -> Minute {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() / 60);
    Minute(i32::try_from(now).unwrap_or(i32::MAX))
}

/// The first minute that is not late at `now`.
pub(crate) fn present(now: Minute) -> Minute {
    Minute(now.0.saturating_sub(GRACE))
}
