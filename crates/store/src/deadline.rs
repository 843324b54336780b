//! When this process has to end.
//!
//! SQLite waits for other processes in a thread that nothing can interrupt, so its waits need a limit. All code that
//! reads, writes or reopens the embedded store or the outbox checks the deadline before each wait. Writers also check
//! it before they commit: hits that were reported as lost must not be written afterwards.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A deadline that may not be known yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadline(Arc<Mutex<Option<Instant>>>);

impl Deadline {
    pub(crate) fn set(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has passed.
    pub(crate) fn is_over(&self) -> bool {
        self.get().is_some_and(|at| at <= Instant::now())
    }

    /// How long to wait, `most` at the maximum.
    pub(crate) fn bound(&self, most: Duration) -> Duration {
        self.get().map_or(most, |at| most.min(at.saturating_duration_since(Instant::now())))
    }

    /// Fails once it has passed.
    pub(crate) fn check(&self) -> rusqlite::Result<()> {
        if !self.is_over() {
            return Ok(());
        }
        let why = "this process is about to end".to_owned();
        Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT),
            Some(why),
        ))
    }
}
