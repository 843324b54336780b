//! The queue of the store: in memory for an embedded one, in the outbox for a remote one.
//!
//! The writer's two tasks share a queue. One puts sealed tallies in, the other takes numbered batches out. The kind of
//! queue only decides what a stop or a crash may lose.

mod claims;
mod memory;
mod outbox;

pub(crate) use memory::{FromMemory, Memory};
pub(crate) use outbox::{Durable, FromOutbox};

use crate::apply::backoff;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use tallymark_core::Counts;
use tallymark_store::{StoreError, outbox::Origin};
use tokio::sync::Notify;

/// How long a wait for room lasts before the next check.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// The receiving side of one of the two kinds.
pub(crate) enum Queue {
    Memory(std::sync::Arc<Memory>),
    Outbox(std::sync::Arc<Durable>),
}

impl Queue {
    /// Whether there is room for more. Without room nothing is accepted: files and streams wait, and datagrams are
    /// folded in the source.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Queue::Memory(memory) => memory.has_room(),
            Queue::Outbox(outbox) => outbox.has_room(),
        }
    }

    /// Waits until there may be room; not for long, because the channel may be closed in the meantime.
    pub(crate) async fn wait_for_room(&self) {
        let _ = tokio::time::timeout(LOOK, self.signals().room.notified()).await;
    }

    /// Whether to ask the store about new names. A store that is known to be down is not asked: the call would only
    /// wait.
    pub(crate) fn may_ask(&self) -> bool {
        match self {
            Queue::Memory(_) => true,
            Queue::Outbox(outbox) => outbox.signals.well.load(Ordering::Acquire),
        }
    }

    /// Adds counts. Returns when they are in the queue, however long that takes.
    pub(crate) async fn push(&self, counts: Counts, origin: Origin) {
        match self {
            Queue::Memory(memory) => memory.push(counts, origin),
            Queue::Outbox(outbox) => outbox.push(counts, origin).await,
        }
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        self.signals().closed.store(true, Ordering::Release);
        self.signals().work.notify_one();
    }

    /// Sets when the process ends; no call may take longer.
    pub(crate) fn finish_by(&self, deadline: Instant) {
        if let Queue::Outbox(outbox) = self {
            outbox.file.finish_by(deadline);
        }
    }

    /// Hits that exist only here: they are lost when this process ends.
    pub(crate) fn in_memory(&self) -> u64 {
        match self {
            Queue::Memory(memory) => memory.hits(),
            Queue::Outbox(_) => 0,
        }
    }

    /// Hits that wait here for the next start. An outbox that cannot be read is an error, not an empty one.
    pub(crate) async fn on_disk(&self) -> Result<u64, StoreError> {
        match self {
            Queue::Memory(_) => Ok(0),
            Queue::Outbox(outbox) => Ok(outbox.file.fill().await?.hits),
        }
    }

    fn signals(&self) -> &Handover {
        match self {
            Queue::Memory(memory) => &memory.signals,
            Queue::Outbox(outbox) => &outbox.signals,
        }
    }
}

/// The state that the two tasks share.
#[derive(Default)]
pub(crate) struct Handover {
    /// The store takes batches.
    well: AtomicBool,
    /// Nothing more is added.
    closed: AtomicBool,
    work: Notify,
    /// There is room again.
    room: Notify,
}

impl Handover {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits after a failure, but not to the end if the queue is closed in the meantime, because the process may be
    /// stopping.
    async fn pause(&self, failures: u32) {
        let until = tokio::time::Instant::now() + backoff(failures);
        let closed = self.is_closed();
        while tokio::time::Instant::now() < until && self.is_closed() == closed {
            tokio::time::sleep(backoff(0)).await;
        }
    }
}
