//! Writing: who may apply batches, and what became of them. The one loop that applies batches, in `tallymark-ingest`, calls
//! this, and no reader does.

use crate::{Result, outbox};
use async_trait::async_trait;
use std::time::Instant;
use tallymark_core::{Batch, Day, Position};
use uuid::Uuid;

/// The right to apply batches of one instance, taken at start. A later claim of the same instance fences this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose batches.
    pub instance: Uuid,
    /// Written beside the marker, so that two copies of one state directory cannot both hold the claim: a number above
    /// that of the claim before, and random bytes.
    pub nonce: Uuid,
    /// The store that was claimed.
    pub store: Uuid,
    /// The number of the last batch of this instance that the store has applied; 0 if none.
    pub marker: u64,
    /// A digest of the request that the batches of this instance are made of, where there is one. The store keeps what it
    /// says when the first of them is applied, in the same transaction; a claim answers what is kept.
    pub body: Option<Uuid>,
}

/// What became of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the store now.
    Applied {
        /// The new total of each distinct (event, name) of the batch, in the batch's order; 0 for one whose key was left
        /// alone. None of a batch that changes no totals.
        totals: Vec<i64>,
        /// How many keys were left alone because they hold something that is no counter.
        quarantined: u64,
    },
    /// It was in the store already; nothing was counted.
    Duplicate,
    /// The store has applied only up to `marker`: what follows must be sent again.
    Gap {
        /// The number of the last applied batch.
        marker: u64,
    },
    /// This is not the store that was claimed: another server, or an emptied one.
    Foreign,
    /// Another process has claimed the same instance since.
    Fenced,
}

/// What a store says between two batches of an instance that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Claimed {
        /// The number of the last batch that the store has applied. It is lower than what was answered if the store has
        /// lost its tail, or if this server is one that is behind.
        marker: u64,
        /// What of it is on disk there.
        durability: outbox::Durability,
    },
    /// This is not the store that was claimed: another server, or an emptied one.
    Foreign,
    /// Another process has claimed the same instance since.
    Fenced,
}

/// A store as its writer sees it.
#[async_trait]
pub trait StoreWrite: Send + Sync {
    /// The identity of the store, made when it was first used.
    async fn identity(&self) -> Result<Uuid>;

    /// Takes the right to apply batches of `instance`. Writes, so it also shows that this server can be written to.
    async fn claim(&self, instance: Uuid) -> Result<Claim> {
        self.claim_from(instance, 0).await
    }

    /// The same, and raises the marker to `least` if it is lower: the batches up to there are gone, so the one behind them
    /// comes next. The others keep their numbers, by which a store that has them knows them.
    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim>;

    /// Goes on with this store: gives it back its identity, and an instance its marker, where somebody deleted them, and
    /// takes the positions that are left. `applied` are the instance and the last batch that it is known to have applied.
    /// Answers the identity.
    async fn adopt(&self, _applied: Option<(Uuid, u64)>) -> Result<Uuid> {
        self.identity().await
    }

    /// What the store itself does that loses counts, in words for the operator, as it was at the last claim or
    /// [standing](StoreWrite::standing).
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Applies batches in order, each all-or-nothing and exactly once. Stops behind the first whose outcome is
    /// neither `Applied` nor `Duplicate`; so there are as many outcomes as batches, or fewer with such a one at the
    /// end. Every entry counts once more under [`Name::all`](tallymark_core::Name::all) of its event. An error says nothing about what was
    /// applied: ask again with the same batches. The positions of a batch are committed with its counts. Of these, only the
    /// [levels](Batch::levels) of the batch are written; the log of changes has what changes totals.
    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>>;

    /// This process ends then: no write waits longer than that for another process, if it cannot be given up from outside.
    fn finish_by(&self, _deadline: Instant) {}

    /// How many batches of an instance have been applied. Claims nothing.
    async fn applied(&self, instance: Uuid) -> Result<u64>;

    /// Forgets [passing instances](crate::passing_instance) that were last claimed before `now`, in seconds since 1970, by
    /// more than `age` seconds: a slice of all that there are, from `start` (what the call before answered) or from the
    /// beginning. `None` at the end. Where the store's own time is earlier than `now`, that is what counts.
    async fn forget_passing(&self, now: u64, age: u64, start: Option<&str>) -> Result<Option<String>>;

    /// The key of a day, for keyed hashes that tell visitors apart on that day and are of no use afterwards. Whoever asks
    /// first makes it, and everybody else gets the same one. Of the days before only the last key is kept, and that for
    /// no longer than another day.
    async fn day_key(&self, day: Day) -> Result<Uuid>;

    /// The positions that an instance has committed here, or every instance, in no order. They are as far as the counts
    /// in this store, whatever a state directory says.
    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>>;

    /// What has become of a claim, and of what was applied under it. Only reads; a server that is behind and cannot be
    /// written to answers too.
    async fn standing(&self, claim: &Claim) -> Result<Standing>;
}
