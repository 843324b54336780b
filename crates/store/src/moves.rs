//! What a store has beside its counts, for taking all of it to another store. `store copy` calls this, and nothing else.

use crate::Result;
use async_trait::async_trait;
use tallymark_core::{CorrectionRecord, Day, DayKeys, Difference, Event, Name, VisitorHash};
use uuid::Uuid;

/// What a store knows of an instance: of a daemon, of an import, or of an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceMark {
    /// Which one.
    pub instance: Uuid,
    /// Of its last claim: see [`Claim::nonce`](crate::Claim::nonce).
    pub nonce: Uuid,
    /// The number of the last batch that was applied.
    pub seq: u64,
    /// See [`Claim::body`](crate::Claim::body).
    pub body: Option<Uuid>,
}

/// Some of the instances of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkPage {
    /// In no order. Redis may return one twice.
    pub marks: Vec<InstanceMark>,
    /// Where the next page starts, in the store's own form; `None` after the last.
    pub next: Option<String>,
}

/// One part of the log of corrections, with what it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCorrection {
    /// The entry.
    pub record: CorrectionRecord,
    /// For undoing it.
    pub differences: Vec<Difference>,
}

/// The interface of a store for being moved to another one. What is put here comes from a store that nobody writes to any
/// more, into one that nobody else uses yet.
#[async_trait]
pub trait StoreMoves: Send + Sync {
    /// A page of the instances, from `start` (a [`MarkPage::next`]) or from the beginning.
    async fn marks(&self, start: Option<&str>) -> Result<MarkPage>;

    /// Takes over what another store knows of instances, unless as much is known of one here.
    async fn put_marks(&self, marks: Vec<InstanceMark>) -> Result<()>;

    /// Puts this log of corrections in the place of what is there, the latest part first, and the sums of
    /// [`corrected`](crate::StoreCorrections::corrected).
    async fn put_corrections(&self, log: Vec<KnownCorrection>, corrected: Vec<(Event, i64)>) -> Result<()>;

    /// Puts these keys of days in the place of those that are there.
    async fn put_day_keys(&self, keys: DayKeys) -> Result<()>;

    /// Who visited on a day that has a key, as far as the store has hashes: a Redis has sketches, which cannot be read.
    async fn visitor_hashes(&self, event: Event, name: &Name, day: Day) -> Result<Vec<VisitorHash>>;
}
