//! The live view: samples of what sources accept and reject, for current listeners.
//!
//! It costs a source next to nothing. Without listeners, a line costs one check of a flag. Otherwise, samples go into a
//! ring of fixed size, in which a slow listener is overtaken. It learns how much it missed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};
use tallymark_core::Reject;
use tokio::sync::broadcast::{self, error::RecvError};

/// Rejects that are logged in a second, over all sources.
const LOGGED: i64 = 10;
/// Samples that a listener may lag behind.
const RING: usize = 1024;

/// Where samples are collected. All clones are the same one.
#[derive(Clone, Debug)]
pub struct Tail(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    listeners: AtomicUsize,
    ring: broadcast::Sender<Arc<Sample>>,
    /// The second in which a reject was last logged, times [`LOGGED`], and how many were since.
    logged: AtomicI64,
    /// When the last line arrived, in milliseconds since 1970; 0 before the first.
    last_line: AtomicI64,
    /// Rejects are not logged at all.
    quiet: AtomicBool,
}

/// A sampled line, or how many were skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, in milliseconds since 1970.
    pub unix_ms: i64,
    /// The source.
    pub source: &'static str,
    /// The result.
    pub what: SampleKind,
}

/// The content of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// A hit.
    Accepted {
        /// Its event.
        event: String,
        /// Its name, cut to 256 bytes.
        name: String,
        /// Its client opts out, so no record of it is kept.
        opted_out: bool,
    },
    /// A reject.
    Rejected {
        /// Why.
        reason: Reject,
        /// The tag that was found, if no route has it; escaped.
        tag: Option<String>,
        /// What facility and severity it had and which the route wants, if that is why.
        priority: Option<String>,
        /// The line, escaped and cut to 256 bytes.
        line: String,
    },
    /// This many more than the source shows in a second.
    Skipped(u64),
}

/// What a listener receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A sample.
    Sample(Arc<Sample>),
    /// It was too slow, and missed this many.
    Missed(u64),
}

/// A listener, until dropped.
#[derive(Debug)]
pub struct Listener {
    tail: Tail,
    ring: broadcast::Receiver<Arc<Sample>>,
}

impl Default for Tail {
    fn default() -> Tail {
        let (ring, _) = broadcast::channel(RING);
        Tail(Arc::new(Hub {
            listeners: AtomicUsize::new(0),
            ring,
            logged: AtomicI64::new(i64::MIN),
            last_line: AtomicI64::new(0),
            quiet: AtomicBool::new(false),
        }))
    }
}

impl Tail {
    /// Listens from here on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        let ring = self.0.ring.subscribe();
        self.0.listeners.fetch_add(1, Ordering::Relaxed);
        Listener { tail: self.clone(), ring }
    }

    /// When the last line arrived, in milliseconds since 1970 and to the tick; `None` if none has arrived yet.
    #[must_use]
    pub fn last_line(&self) -> Option<i64> {
        Some(self.0.last_line.load(Ordering::Relaxed)).filter(|&ms| ms > 0)
    }

    /// Lines have arrived in the tick that ends.
    pub(crate) fn came(&self, unix_ms: i64) {
        self.0.last_line.store(unix_ms, Ordering::Relaxed);
    }

    /// Whether a sample is worth making.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.listeners.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn tell(&self, sample: Sample) {
        // The listener may have just left.
        let _ = self.0.ring.send(Arc::new(sample));
    }

    /// A live view that logs no rejects: for a command that reports them all at its end.
    pub(crate) fn quiet() -> Tail {
        let tail = Tail::default();
        tail.0.quiet.store(true, Ordering::Relaxed);
        tail
    }

    /// Whether a reject may be logged in this second.
    pub(crate) fn may_log(&self, second: i64) -> bool {
        let first = second.saturating_mul(LOGGED);
        let next = |logged: i64| match logged.checked_sub(first) {
            Some(since @ 0..LOGGED) => (since + 1 < LOGGED).then_some(logged + 1),
            _ => Some(first),
        };
        !self.0.quiet.load(Ordering::Relaxed)
            && self.0.logged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl Listener {
    /// The next item; `None` at the end.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.ring.recv().await {
            Ok(sample) => Some(Heard::Sample(sample)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tail.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}
