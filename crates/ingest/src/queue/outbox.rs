//! The queue of a remote store: in the outbox, on disk.
//!
//! Sealed tallies are committed there with their positions. Only then are they consumed, and an outage of the store
//! does not delay that. Batches are sent in order, and only the store's marker is trusted: after an interruption, a
//! repeat, a rollback or a failover, the marker says which batch is next.

use super::{Handover, Queue, Trouble};
use crate::{
    apply::{Batches, NotApplied, backoff},
    books::Common,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::{Batch, Counts, Levels};
use tallymark_store::{
    Claim, Class, Outcome, Standing, StoreError, StoreWrite,
    outbox::{Durability, Fill, Origin, Outbox, QueuedBatch, Unpushed},
};
use tracing::{error, info};
use uuid::Uuid;

/// How many batches are read, and numbered, at a time.
const PORTION: usize = 8;
/// How often the store is checked, applied batches are deleted, and the size is measured.
const TIDY: Duration = Duration::from_secs(5);
/// Without an answer from the store nothing is known to be safe, so batches are deleted only at the size limit.
const NOTHING_KNOWN: Durability = Durability::Saved(0);

pub(crate) struct Durable {
    pub(super) signals: Handover,
    pub(super) file: Outbox,
    common: Common,
    /// There is room in the file.
    room: AtomicBool,
}

impl Durable {
    pub(super) fn has_room(&self) -> bool {
        self.room.load(Ordering::Acquire)
    }

    /// Commits counts with their positions.
    pub(super) async fn push(&self, mut counts: Counts, origin: Origin) {
        let sources: Vec<String> = counts.positions.iter().map(|position| position.source.clone()).collect();
        let (tick, mut failures) = (Uuid::new_v4(), 0);
        loop {
            // While the store takes batches, counts are numbered in the commit that stores them.
            let direct = self.signals.well.load(Ordering::Acquire);
            match self.file.push(tick, counts, origin, direct).await {
                Ok(()) => break,
                Err(Unpushed { counts: again, error }) => {
                    counts = *again;
                    self.common.outbox_trouble(&error);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
        self.common.books.meters.first_looks.committed(sources.iter().map(String::as_str));
        self.common.outbox_well();
        self.signals.work.notify_one();
    }

    /// Publishes the positions of the state directory, until the store is claimed.
    async fn say_what_is_kept(&self) {
        let mut failures = 0;
        loop {
            match self.file.positions().await {
                Ok(positions) => {
                    self.common.outbox_well();
                    return self.common.keep_positions(positions);
                }
                Err(error) => {
                    self.common.outbox_trouble(&error);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
    }

    fn report(&self, fill: &Fill) {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let meters = &self.common.books.meters;
        meters.outbox_batches.set(gauge(fill.waiting));
        meters.outbox_hits.set(gauge(fill.hits));
        meters.outbox_bytes.set(gauge(fill.bytes));
        meters.outbox_retention.set(gauge(fill.reaches_back.as_secs()));
        let had = self.room.swap(fill.room, Ordering::AcqRel);
        if had && !fill.room {
            error!(bytes = fill.bytes, "the outbox is full: files and streams wait until the store is back");
            self.common.outbox_full(true);
        } else if !had && fill.room {
            info!("the outbox has room again");
            self.signals.room.notify_one();
            self.common.outbox_full(false);
        }
    }
}

/// The sending side.
pub(crate) struct FromOutbox {
    pub(super) common: Common,
    pub(super) queue: Arc<Durable>,
    /// Sources have been told where to continue.
    pub(super) positions_told: bool,
    pub(super) claim: Option<Claim>,
    /// The store has everything up to here; `None` until it answers.
    pub(super) acked: Option<u64>,
    /// And the outbox has recorded everything up to here.
    pub(super) noted: u64,
    tidied: Option<Instant>,
    kept_told: bool,
    /// The queue was already closed when this round began.
    closed: bool,
    /// The store has batches whose hours and minutes come later, as far as it was told.
    owes: bool,
}

impl FromOutbox {
    pub(crate) fn new(common: Common, file: Outbox) -> (Queue, FromOutbox) {
        let (signals, room) = (Handover::default(), AtomicBool::new(true));
        let queue = Arc::new(Durable { signals, file, common: common.clone(), room });
        let from = FromOutbox {
            common,
            queue: queue.clone(),
            positions_told: false,
            claim: None,
            acked: None,
            noted: 0,
            tidied: None,
            kept_told: false,
            closed: false,
            owes: true,
        };
        (Queue::Outbox(queue), from)
    }

    pub(super) fn file(&self) -> &Outbox {
        &self.queue.file
    }

    /// Records in the outbox what the store has.
    pub(super) async fn note(&mut self) -> Result<(), StoreError> {
        if let Some(acked) = self.acked.filter(|&acked| self.noted < acked) {
            self.file().applied(acked).await?;
            self.noted = acked;
        }
        Ok(())
    }

    /// Checks now and then whether the store still has what it confirmed, even while nothing is sent: nothing else
    /// would notice before the outbox has deleted it. So the outbox deletes only after such a check. False if the store
    /// has less and must be claimed again.
    async fn look(&mut self, store: &dyn StoreWrite, claim: &Claim) -> Result<bool, Trouble> {
        if self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return Ok(true);
        }
        match store.standing(claim).await? {
            Standing::Claimed { marker, .. } if Some(marker) < self.acked => {
                self.claim = None;
                Ok(false)
            }
            Standing::Claimed { durability, .. } => {
                self.tidy(durability).await?;
                Ok(true)
            }
            Standing::Foreign => {
                self.claim = None;
                Err(self.common.refuse_foreign().into())
            }
            Standing::Fenced => self.halt().await,
        }
    }

    /// Tells the store when all hours and minutes are there: corrections wait for that.
    async fn settle_accounts(&mut self) {
        let (Some(claim), Some(acked), true) = (self.claim, self.acked, self.owes) else { return };
        if self.file().is_settled(acked).await.unwrap_or(false) {
            // Otherwise it is reported in the next round.
            self.owes = self.common.store.owes_nothing(claim.instance).await.is_err();
        }
    }

    async fn tidy(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return Ok(());
        }
        self.tidied = Some(Instant::now());
        self.note().await?;
        let fill = self.file().tidy(durability).await?;
        self.queue.report(&fill);
        Ok(())
    }
}

impl Batches for FromOutbox {
    type Error = Trouble;

    async fn claim(&mut self, store: &dyn StoreWrite) -> Result<Claim, Trouble> {
        if !self.kept_told {
            self.queue.say_what_is_kept().await;
            self.kept_told = true;
        }
        self.closed = self.queue.signals.is_closed();
        loop {
            let claim = match self.claim {
                Some(claim) => claim,
                None => self.take_claim(store).await?,
            };
            if !self.positions_told {
                self.tell_positions(claim.instance).await?;
            }
            if self.look(store, &claim).await? {
                return Ok(claim);
            }
        }
    }

    async fn next(&mut self) -> Result<Vec<QueuedBatch>, Trouble> {
        if self.closed {
            self.file().settle().await?;
        } else if let Some(until) = self.common.store.wants_whole() {
            self.file().settle_until(until).await?;
        }
        Ok(self.file().take(self.acked.unwrap_or(0), PORTION).await?)
    }

    fn sending(&mut self) {
        self.common.books.live.applying();
    }

    fn answered(&mut self, took: Duration) {
        self.common.books.took(took);
    }

    fn settled(&mut self, batch: &Batch, origin: Origin, outcome: &Outcome) {
        self.acked = Some(batch.seq);
        self.owes |= batch.levels == Levels::Days;
        self.common.books.settled(batch, outcome, Some(origin));
    }

    async fn refused(&mut self, _batch: &Batch, refusal: NotApplied) -> Result<(), Trouble> {
        match refusal {
            // A lagging replica answers the same. Only a claim shows what a writable server has.
            NotApplied::Gap { .. } => {
                self.claim = None;
                Ok(())
            }
            // Nothing here corrects.
            NotApplied::Short { what } => Err(what.into()),
            // The next claim decides whether it can continue.
            NotApplied::Foreign => {
                self.claim = None;
                Err(self.common.refuse_foreign().into())
            }
            NotApplied::Fenced => self.halt().await,
        }
    }

    fn well(&mut self) {
        self.queue.signals.well.store(true, Ordering::Release);
        self.common.well();
        self.common.books.live.store_works();
        // After a gap the claim is invalid, and what was sent may or may not be applied.
        if self.claim.is_some() {
            self.common.books.live.settle();
        }
    }

    async fn more(&mut self) -> bool {
        self.settle_accounts().await;
        if self.closed {
            let _ = self.note().await;
            return false;
        }
        let work = async {
            tokio::select! {
                () = self.queue.signals.work.notified() => {}
                () = self.common.state.called() => {}
            }
        };
        let _ = tokio::time::timeout(TIDY, work).await;
        true
    }

    /// Once the queue is closed, everything in it is safe, and there is no need to wait for a store that does not
    /// answer.
    async fn again(&mut self, error: &Trouble, failures: u32) -> bool {
        self.queue.signals.well.store(false, Ordering::Release);
        self.common.trouble(error);
        self.common.books.live.store_fails(failures);
        if error.downcast_ref().is_some_and(|error: &StoreError| error.class() == Class::Data) {
            // Repairing it also restores what a claim checks.
            self.claim = None;
        }
        // An operator who adopts the store relies on what the outbox knows about it.
        let _ = self.note().await;
        if self.closed {
            return false;
        }
        let _ = self.tidy(NOTHING_KNOWN).await;
        self.queue.signals.pause(failures).await;
        true
    }
}
