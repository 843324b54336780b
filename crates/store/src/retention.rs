//! How long hours and minutes are kept, and which of them are written late. Each store deletes in its own way.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tallymark_core::Minute;

/// How many minutes old a hit may be and still count as current: lines wait in relays and for the tick.
pub(crate) const GRACE: i32 = 10;

/// How long hours and minutes are kept after their last write, and how many visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Counts per minute. Default 26 hours.
    pub minute: Duration,
    /// Counts per hour. Default 90 days.
    pub hour: Duration,
    /// The number of visits kept for each name. Default 0: none.
    pub visits: usize,
}

impl Default for Retention {
    fn default() -> Retention {
        let (minute, hour) = (Duration::from_secs(26 * 3600), Duration::from_secs(90 * 86_400));
        Retention { minute, hour, visits: 0 }
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
