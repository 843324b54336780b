//! The log of corrections in a store, and what corrections need from it. The parts themselves come as batches: see
//! [`crate::StoreWrite::apply`].

use crate::Result;
use async_trait::async_trait;
use tallymark_core::{CorrectionRecord, Difference, Event, Name};
use uuid::Uuid;

/// The interface of a store for corrections, and for those who follow them.
#[async_trait]
pub trait StoreCorrections: Send + Sync {
    /// The latest parts of corrections, the last one first. A store remembers
    /// [`MAX_CORRECTIONS`](tallymark_core::MAX_CORRECTIONS) of them.
    async fn corrections(&self, most: usize) -> Result<Vec<CorrectionRecord>>;

    /// What a part has changed; `None` if it is not remembered.
    async fn differences(&self, id: Uuid, part: u64) -> Result<Option<Vec<Difference>>>;

    /// By how much all corrections together have changed the total of an event over all names. Without it, that total
    /// never goes down.
    async fn corrected(&self, event: Event) -> Result<i64>;

    /// Asks all daemons that count into this store to write hours and minutes together with totals for the next minute,
    /// and to write the ones they hold back at once. Returns the daemons that have not done so yet. While there are
    /// any, no correction is applied, because their counts would be written after it. Writes, so the store is claimed
    /// first.
    async fn ask_for_whole(&self) -> Result<Vec<Uuid>> {
        Ok(Vec::new())
    }

    /// Waits for these no longer.
    async fn wait_no_more(&self, _instances: &[Uuid]) -> Result<()> {
        Ok(())
    }

    /// Which of these names the event has, even with a total of 0.
    async fn has(&self, event: Event, names: &[Name]) -> Result<Vec<bool>>;
}
