//! From sealed tallies to the store: numbered batches, applied in order, each until the store confirms it.
//!
//! There is one writer in a daemon, one channel into it, and one batch sequence. A batch keeps its number and its
//! contents until the store has answered, so a lost reply cannot count twice. One task moves sealed tallies from the
//! channel into the [`Queue`], another takes batches out of it and applies them (`apply`). Closing the channel ends the
//! writer. A deadline limits how long that takes, and what is lost by it is reported as one number, wherever it was.

use crate::{
    admission::{Admission, NameLimits},
    apply::write,
    books::{Books, Common, WriterState},
    instance::Instance,
    live::Live,
    meters::IngestMeters,
    places::StartPositions,
    queue::{FromMemory, FromOutbox, Memory, Queue},
    sealed::Sealed,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_store::{
    Store, StoreError,
    outbox::{Keep, Origin, Outbox},
};
use tokio::sync::{mpsc, watch};
use tracing::error;
use uuid::Uuid;

/// How long a call that was begun before the deadline may take to answer after it, so that what it writes is not
/// reported as lost.
const GRACE: Duration = Duration::from_millis(500);
/// How long the end of such a call is waited for at the most.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// By how much the deadline moves as long as the store takes batches, how often that is decided, and the most of it. A
/// service manager waits twice as long as the first deadline.
const MORE: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(500);
/// A store that has answered within this time takes batches.
const LATELY: Duration = Duration::from_secs(2);

/// What is left when the writer ends.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Occurrences that were received, and are neither in the store nor in the outbox.
    pub lost: u64,
    /// Occurrences that wait in the outbox for the store to come back; or why that is not known.
    pub waiting: Result<u64, StoreError>,
}

/// How a writer is set up.
#[derive(Clone, Debug, Default)]
pub struct WriterOptions {
    /// What the outbox before a remote store keeps; `None` for an embedded one, which needs no outbox.
    pub outbox: Option<Keep>,
    /// How many names may be counted.
    pub limits: NameLimits,
    /// The store that this data directory has counted into, if it has.
    pub expected: Option<Uuid>,
    /// The command with which an operator accepts a store that is not the expected one: `run ...`.
    pub adopt: String,
}

/// Applies sealed tallies to the store.
pub struct Writer {
    common: Common,
    queue: Queue,
    from: From,
    limits: NameLimits,
    // The state directory stays locked while any part of this runs.
    _instance: Instance,
}

enum From {
    Memory(Box<FromMemory>),
    Outbox(Box<FromOutbox>),
}

impl Writer {
    /// Opens the outbox, if the store needs one. Does not contact the store yet.
    ///
    /// # Errors
    ///
    /// The outbox cannot be opened.
    pub fn open(
        instance: Instance,
        store: Arc<dyn Store>,
        live: Arc<Live>,
        meters: IngestMeters,
        options: WriterOptions,
    ) -> Result<Writer, StoreError> {
        let common = Common::new(store, Books { live, meters }, &options.adopt, options.expected);
        let (queue, from) = match options.outbox {
            None => {
                let (queue, from) = FromMemory::new(common.clone(), Arc::new(Memory::new(instance.id)));
                (queue, From::Memory(Box::new(from)))
            }
            Some(keep) => {
                let (outbox, _) = Outbox::open(&instance.dir, instance.id, keep)?;
                let (queue, from) = FromOutbox::new(common.clone(), outbox);
                (queue, From::Outbox(Box::new(from)))
            }
        };
        Ok(Writer { common, queue, from, limits: options.limits, _instance: instance })
    }

    /// For `/readyz`.
    #[must_use]
    pub fn state(&self) -> WriterState {
        self.common.state.clone()
    }

    /// For sources that can be read again.
    #[must_use]
    pub fn start_positions(&self) -> StartPositions {
        self.common.positions.subscribe()
    }

    /// Applies what comes out of the channel until it is closed and everything is in the store; or until it is safe in
    /// the outbox and the store does not answer; or until the deadline, once there is one. Returns when the channel is
    /// closed: what arrives after the deadline is lost, and reported. A second deadline ends it at once: its caller
    /// cannot wait.
    pub async fn run(
        mut self,
        mut sealed: mpsc::Receiver<Sealed>,
        mut deadline: watch::Receiver<Option<Instant>>,
    ) -> Ended {
        let in_hand = AtomicU64::new(0);
        let admission = Admission::new(self.common.clone(), self.limits);
        let (store, live, queue) = (self.common.store.clone(), self.common.books.live.clone(), &self.queue);
        let writing = async {
            match &mut self.from {
                From::Memory(from) => _ = write(store.as_ref(), from.as_mut()).await,
                From::Outbox(from) => _ = write(store.as_ref(), from.as_mut()).await,
            }
        };
        let over = async {
            // Without a sender there is no deadline.
            let Ok(at) = deadline.wait_for(Option::is_some).await.map(|at| *at) else {
                return std::future::pending().await;
            };
            let mut at = at.unwrap_or_else(Instant::now);
            let most = at + MORE;
            loop {
                store.finish_by(at);
                queue.finish_by(at);
                // Before it, because what is not committed by then is not committed any more.
                if is_cut_short(at - STEP / 2, &mut deadline).await {
                    break;
                }
                // A store that accepts the waiting batches gets the time for it, so that nothing is lost needlessly.
                if at >= most || !live.has_worked_within(LATELY) {
                    if !is_cut_short(at + GRACE, &mut deadline).await {
                        return;
                    }
                    break;
                }
                at += STEP;
            }
            let now = Instant::now();
            store.finish_by(now);
            queue.finish_by(now);
        };
        tokio::select! {
            _ = async { tokio::join!(take_in(queue, admission, &mut sealed, &in_hand), writing) } => {}
            () = over => {}
        }
        if let From::Memory(from) = &mut self.from {
            // An unanswered call may have been applied. The marker tells.
            let _ = tokio::time::timeout(LAST_ANSWER, from.ask_what_is_applied(store.as_ref())).await;
        }
        let mut lost = in_hand.into_inner().saturating_add(self.queue.in_memory());
        while let Some(tick) = sealed.recv().await {
            lost = lost.saturating_add(tick.at_stake());
        }
        if lost > 0 {
            error!(hits = lost, "stopped with hits that could not be written in time: they are lost");
        }
        Ended { lost, waiting: self.queue.on_disk().await }
    }
}

/// Waits until then, or until another deadline is given. Whether one was.
async fn is_cut_short(at: Instant, deadline: &mut watch::Receiver<Option<Instant>>) -> bool {
    tokio::select! {
        () = tokio::time::sleep_until(at.into()) => false,
        Ok(()) = deadline.changed() => true,
    }
}

/// Puts what comes out of the channel into the queue.
async fn take_in(
    queue: &Queue,
    mut admission: Admission,
    sealed: &mut mpsc::Receiver<Sealed>,
    in_hand: &AtomicU64,
) {
    loop {
        while !queue.has_room() && !sealed.is_closed() {
            queue.wait_for_room().await;
        }
        let Some(tick) = sealed.recv().await else { break };
        // Lost only if this is cancelled before it is in the queue.
        in_hand.store(tick.at_stake(), Ordering::Relaxed);
        let Sealed { mut counts, origin } = tick;
        if queue.may_ask() {
            counts = admission.admit(counts, origin == Origin::Live).await;
        }
        queue.push(counts, origin).await;
        in_hand.store(0, Ordering::Relaxed);
    }
    queue.close();
}

#[cfg(test)]
mod model;
