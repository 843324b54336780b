//! When this process has to end.
//!
//! SQLite waits for other processes in a thread that nothing can interrupt, so its waits need a limit. Whoever writes
//! or reads the embedded store or the outbox, or opens one again, asks here before each wait.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// A deadline that may not be known yet. Once set, it does not change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline(Arc<OnceLock<Instant>>);

impl Deadline {
    pub(crate) fn set(&self, at: Instant) {
        // The first one stays.
        let _ = self.0.set(at);
    }

    /// How long to wait, `most` at the maximum.
    pub(crate) fn bound(&self, most: Duration) -> Duration {
        self.0.get().map_or(most, |at| most.min(at.saturating_duration_since(Instant::now())))
    }
}
