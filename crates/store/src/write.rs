//! Writing: which process may apply batches, and the outcome. The one loop that applies batches, in `tallymark-ingest`,
//! calls this, and no reader does.

use crate::{Result, outbox};
use async_trait::async_trait;
use std::time::Instant;
use tallymark_core::{Batch, Day, DayKeys, Position};
use uuid::Uuid;

/// The right to apply batches of one instance, taken at start. A later claim of the same instance fences this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The instance whose batches it covers.
    pub instance: Uuid,
    /// Written with the marker, so that two copies of one state directory cannot both hold the claim: a number above
    /// that of the previous claim, and random bytes.
    pub nonce: Uuid,
    /// The store that was claimed.
    pub store: Uuid,
    /// The number of the last batch of this instance that the store has applied; 0 if none.
    pub marker: u64,
    /// A digest of the request from which the batches of this instance are made, if there is one. The store saves it in
    /// the same transaction as the first of them; a claim returns the saved digest.
    pub body: Option<Uuid>,
}

/// The outcome of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the store now.
    Applied {
        /// The new total of each distinct (event, name) of the batch, in the batch's order; 0 for one whose key was
        /// skipped. None of a batch that changes no totals.
        totals: Vec<i64>,
        /// How many keys were skipped because they are not counters.
        quarantined: u64,
    },
    /// It was already in the store; nothing was counted.
    Duplicate,
    /// The store has applied only up to `marker`: what follows must be sent again.
    Gap {
        /// The number of the last applied batch.
        marker: u64,
    },
    /// A correction takes away more than is there, or a count would become too large: nothing of it was applied.
    Short {
        /// Which count it is.
        what: String,
    },
    /// This is not the store that was claimed: another server, or an emptied one.
    Foreign,
    /// Another process has claimed the same instance since.
    Fenced,
}

/// The state of a claimed instance between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The claim is valid.
    Claimed {
        /// The number of the last batch that the store has applied. It is lower than before if the store has lost its
        /// tail, or if this server is a lagging replica.
        marker: u64,
        /// How much of it is on disk there.
        durability: outbox::Durability,
    },
    /// This is not the store that was claimed: another server, or an emptied one.
    Foreign,
    /// Another process has claimed the same instance since.
    Fenced,
}

/// The interface of a store for the writer.
#[async_trait]
pub trait StoreWrite: Send + Sync {
    /// The identity of the store, made when it was first used.
    async fn identity(&self) -> Result<Uuid>;

    /// Takes the right to apply batches of `instance`. Writes, so it also shows that this server can be written to.
    async fn claim(&self, instance: Uuid) -> Result<Claim> {
        self.claim_from(instance, 0).await
    }

    /// The same, and raises the marker to `least` if it is lower: the batches up to there are gone, so the one after
    /// them is next. The others keep their numbers, so that a store that has them recognises them.
    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim>;

    /// Adopts this store: restores its identity, and the marker of an instance, if they were deleted, and accepts the
    /// remaining positions. `applied` has the instance and the last batch that it is known to have applied. Returns the
    /// identity.
    async fn adopt(&self, _applied: Option<(Uuid, u64)>) -> Result<Uuid> {
        self.identity().await
    }

    /// Sets which store the counts belong to, as far as the claiming code knows. `None`: not the one at this address.
    /// Then readers get an error instead of the numbers of an emptied or different server.
    fn set_ours(&self, _store: Option<Uuid>) {}

    /// A setting of the store that loses counts, in words for the operator, as of the last claim or
    /// [standing](StoreWrite::standing).
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Applies batches in order, each all-or-nothing and exactly once. Stops after the first whose outcome is neither
    /// `Applied` nor `Duplicate`. So there are as many outcomes as batches, or fewer, ending with such an outcome.
    /// Every entry counts once more under [`Name::all`](tallymark_core::Name::all) of its event. After an error it is
    /// unknown what was applied: repeat the call with the same batches. The positions of a batch are committed with its
    /// counts. Of these, only the [levels](Batch::levels) of the batch are written; the change log has what changes
    /// totals. A batch with a [correction](Batch::correction) changes exactly the counts that it names, aggregates
    /// included, and has no totals.
    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>>;

    /// Sets when this process ends, or changes it: a call that cannot be cancelled from outside waits no longer than
    /// that for another process, and does not commit anything after that.
    fn finish_by(&self, _deadline: Instant) {}

    /// How many batches of an instance have been applied, including those of a call that was cancelled: its end is
    /// waited for. Claims nothing.
    async fn applied(&self, instance: Uuid) -> Result<u64>;

    /// The digest of the request that the batches of an instance are made of, once one of them was applied: see
    /// [`Claim::body`]. Claims nothing.
    async fn body_of(&self, instance: Uuid) -> Result<Option<Uuid>>;

    /// Forgets [passing instances](crate::passing_instance) that were last claimed before `now`, in seconds since 1970,
    /// by more than `age` seconds: works on a slice of all instances, from `start` (the result of the previous call) or
    /// from the beginning. `None` at the end. If the store's own time is earlier than `now`, it is used instead.
    async fn forget_passing(&self, now: u64, age: u64, start: Option<&str>) -> Result<Option<String>>;

    /// The keys of the [days](DayKeys::days) on which something may be counted while it is `today`, for keyed hashes
    /// that tell visitors apart on a day and are of no use afterwards. The first call makes a key, and all others get
    /// the same one. Those of other days are deleted: in SQLite by this call, with the hashes that were made with them;
    /// in Redis they expire. If the clock is wrong for a while, the keys of the true day may be deleted; then its
    /// visitors count once more.
    async fn day_keys(&self, today: Day) -> Result<DayKeys>;

    /// The positions that an instance has committed here, or every instance, in no order. They match the counts in this
    /// store, whatever a state directory says.
    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>>;

    /// Until when hours and minutes are to be written together with totals, as of the last [`StoreWrite::apply`] or
    /// [standing](StoreWrite::standing): [a correction waits for them](crate::StoreCorrections::ask_for_whole).
    fn wants_whole(&self) -> Option<Instant> {
        None
    }

    /// Says that every hour and minute of the batches of this instance is written, which came without them.
    async fn owes_nothing(&self, _instance: Uuid) -> Result<()> {
        Ok(())
    }

    /// The state of a claim, and of what was applied under it. Only reads; a lagging, read-only server answers too.
    async fn standing(&self, claim: &Claim) -> Result<Standing>;
}
