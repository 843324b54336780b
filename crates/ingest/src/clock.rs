//! The one place in ingest that reads the system clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tallymark_core::Now;

/// The current time.
#[must_use]
pub fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Now { unix_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
}
