//! When this process has to be done.
//!
//! SQLite waits for other processes in a thread that nothing can interrupt, so its waits have to know how long they may be.
//! The threads of the embedded store and of the outbox ask here before each.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// A moment that may not be known yet. Once it is, it stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline(Arc<OnceLock<Instant>>);

impl Deadline {
    pub(crate) fn set(&self, at: Instant) {
        // The first one stays.
        let _ = self.0.set(at);
    }

    /// How long a wait may be that may have `most`.
    pub(crate) fn bound(&self, most: Duration) -> Duration {
        self.0.get().map_or(most, |at| most.min(at.saturating_duration_since(Instant::now())))
    }
}
