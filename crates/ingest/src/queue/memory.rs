//! The queue of an embedded store: batches in memory. The store commits counts, positions and number in one
//! transaction, so nothing else is needed.

use super::{Handover, Queue, Trouble};
use crate::{
    apply::{Batches, NotApplied},
    books::Common,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};
use tallymark_core::{Batch, Counts, batches};
use tallymark_store::{
    Claim, Outcome, Standing, StoreWrite,
    outbox::{Origin, QueuedBatch},
};
use tracing::error;
use uuid::Uuid;

/// This many batches are enough for one transaction. A sender that invents names fills every tick, and batches in
/// flight take three times the memory of those in the channel.
const TOGETHER: usize = 20;

/// An embedded store has only a queue in memory, so the process that starts last continues exactly where the other one
/// was.
const FENCED: &str = "another tallymark has claimed this data directory's identity: two copies of one data directory write \
    to one database, and this one halts. Stop the other and start this one again, or delete `instance` from the data \
    directory of one of them";

pub(crate) struct Memory {
    pub(super) signals: Handover,
    instance: Uuid,
    held: Mutex<Held>,
}

struct Held {
    next: u64,
    batches: VecDeque<Numbered>,
}

struct Numbered {
    batch: Batch,
    /// How many hits it brings.
    hits: u64,
    origin: Origin,
    /// From a replayable source, with the position that waits with it.
    replayable: bool,
}

impl Memory {
    pub(crate) fn new(instance: Uuid) -> Memory {
        let held = Held { next: 1, batches: VecDeque::new() };
        Memory { signals: Handover::default(), instance, held: Mutex::new(held) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Not before the first claim: the names in the store decide which names are new.
    pub(super) fn has_room(&self) -> bool {
        self.signals.well.load(Ordering::Acquire) && self.held().batches.len() < TOGETHER
    }

    pub(super) fn push(&self, counts: Counts, origin: Origin) {
        let replayable = !counts.positions.is_empty();
        let mut held = self.held();
        let mut left = counts.hits();
        let cut = batches(self.instance, held.next, counts);
        held.next += cut.len() as u64;
        held.batches.extend(cut.into_iter().map(|batch| {
            let hits = batch.hits_of(&mut left);
            Numbered { batch, hits, origin, replayable }
        }));
        self.signals.work.notify_one();
    }

    /// Counts from replayable sources are not lost: their position was not committed either.
    pub(super) fn hits(&self) -> u64 {
        let held = self.held();
        let lost = held.batches.iter().filter(|numbered| !numbered.replayable);
        lost.fold(0, |sum, numbered| numbered.hits.saturating_add(sum))
    }

    /// Renumbers the batches here, from the number after `marker`. Only right if none of them has been applied, as
    /// after the first claim or a gap: then the marker is below all of them.
    fn renumber(&self, marker: u64) {
        let held = &mut *self.held();
        held.next = marker + 1;
        for numbered in &mut held.batches {
            numbered.batch.seq = held.next;
            held.next += 1;
        }
    }
}

/// The sending side.
pub(crate) struct FromMemory {
    common: Common,
    memory: Arc<Memory>,
    claim: Option<Claim>,
}

impl FromMemory {
    pub(crate) fn new(common: Common, memory: Arc<Memory>) -> (Queue, FromMemory) {
        (Queue::Memory(memory.clone()), FromMemory { common, memory, claim: None })
    }

    /// Drops the batches that the store has, even if it has not confirmed them. A marker says so only while the claim is
    /// ours: another process has batches of its own under the same numbers.
    pub(crate) async fn ask_what_is_applied(&self, store: &dyn StoreWrite) {
        let Some(claim) = self.claim.filter(|_| !self.is_empty()) else { return };
        if let Ok(Standing::Claimed { marker, .. }) = store.standing(&claim).await {
            self.memory.held().batches.retain(|numbered| numbered.batch.seq > marker);
        }
    }

    fn is_empty(&self) -> bool {
        self.memory.held().batches.is_empty()
    }

    /// The file was replaced by an older one while it was in use. What the old one had beyond the marker is gone; the
    /// batches here continue after the marker.
    fn gap(&self, first: u64, marker: u64) -> Result<(), Trouble> {
        if marker >= first {
            let why =
                format!("the store answered a gap at {marker} before batch {first}, which makes no sense");
            return Err(why.into());
        }
        let lost = first - 1 - marker;
        self.common.books.meters.rollbacks.inc();
        self.common.books.meters.lost_batches.inc_by(lost);
        error!(
            batches = lost,
            marker, "the store is an older copy of itself: batches that it had applied are lost"
        );
        self.memory.renumber(marker);
        Ok(())
    }
}

impl Batches for FromMemory {
    type Error = Trouble;

    /// Claims once. A second claim would fence the process that has fenced us, and could not tell which batches of an
    /// unanswered call were applied.
    async fn claim(&mut self, store: &dyn StoreWrite) -> Result<Claim, Trouble> {
        if let Some(claim) = self.claim {
            return Ok(claim);
        }
        let claim = store.claim(self.memory.instance).await?;
        self.common.tell_positions(claim.instance, None).await?;
        self.common.claimed(&claim);
        self.memory.renumber(claim.marker);
        self.claim = Some(claim);
        Ok(claim)
    }

    async fn next(&mut self) -> Result<Vec<QueuedBatch>, Trouble> {
        let held = self.memory.held();
        let waiting =
            |numbered: &Numbered| QueuedBatch { batch: numbered.batch.clone(), origin: numbered.origin };
        Ok(held.batches.iter().take(TOGETHER).map(waiting).collect())
    }

    fn sending(&mut self) {
        self.common.books.live.applying();
    }

    fn answered(&mut self, took: Duration) {
        self.common.books.took(took);
    }

    fn settled(&mut self, batch: &Batch, origin: Origin, outcome: &Outcome) {
        self.memory.held().batches.pop_front();
        self.common.books.settled(batch, outcome, Some(origin));
    }

    async fn refused(&mut self, batch: &Batch, refusal: NotApplied) -> Result<(), Trouble> {
        match refusal {
            NotApplied::Gap { marker } => self.gap(batch.seq, marker),
            // Nothing here corrects.
            NotApplied::Short { what } => Err(what.into()),
            NotApplied::Foreign => Err(self.common.refuse_foreign().into()),
            NotApplied::Fenced => Err(FENCED.into()),
        }
    }

    fn well(&mut self) {
        self.memory.signals.well.store(true, Ordering::Release);
        self.memory.signals.room.notify_one();
        self.common.well();
        self.common.books.live.store_works();
        if self.is_empty() {
            self.common.books.live.settle();
        }
    }

    async fn more(&mut self) -> bool {
        loop {
            let closed = self.memory.signals.is_closed();
            if !self.is_empty() {
                return true;
            }
            if closed {
                return false;
            }
            self.memory.signals.work.notified().await;
        }
    }

    async fn again(&mut self, error: &Trouble, failures: u32) -> bool {
        self.common.trouble(error);
        self.common.books.live.store_fails(failures);
        self.memory.signals.pause(failures).await;
        !(self.memory.signals.is_closed() && self.is_empty())
    }
}
