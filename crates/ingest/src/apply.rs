//! The one loop that applies batches until the store confirms them.
//!
//! It claims, sends, reads each outcome, and retries. Callers differ in what waits, how long they retry, and how they
//! handle a refusal: that is their [`Batches`]. The daemon's queues (`queue`) and calls that wait for an answer
//! (`errand`) use it; nothing else applies a batch.

use std::time::{Duration, Instant};
use tallymark_core::Batch;
use tallymark_store::{
    Claim, Outcome, StoreError, StoreWrite,
    outbox::{Origin, QueuedBatch},
};

/// Why the store refused a batch, and would refuse it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotApplied {
    /// It has applied only up to `marker`.
    Gap { marker: u64 },
    /// It takes away more than is there. Only a correction can.
    Short { what: String },
    /// It is not the store that was claimed.
    Foreign,
    /// Another process has claimed the instance since.
    Fenced,
}

/// The batches of one instance, in order.
pub(crate) trait Batches {
    /// Why it does not continue.
    type Error: From<StoreError>;

    /// The right to apply them: an earlier claim, or a new one.
    async fn claim(&mut self, store: &dyn StoreWrite) -> Result<Claim, Self::Error>;

    /// The next batches. They stay here until they are settled.
    async fn next(&mut self) -> Result<Vec<QueuedBatch>, Self::Error>;

    /// They are about to be sent.
    fn sending(&mut self) {}

    /// The answer took this long.
    fn answered(&mut self, _took: Duration) {}

    /// The store has this one now.
    fn settled(&mut self, batch: &Batch, origin: Origin, outcome: &Outcome);

    /// The store has refused this one, the first that is not settled. If this returns without an error, the loop
    /// claims, or calls [`Batches::next`], again.
    async fn refused(&mut self, batch: &Batch, refusal: NotApplied) -> Result<(), Self::Error>;

    /// A round succeeded. No batch is in flight any more.
    fn well(&mut self) {}

    /// Nothing is queued: waits for more. False at the end.
    async fn more(&mut self) -> bool;

    /// A round failed, the n-th in a row: waits a while, or returns false to give up.
    async fn again(&mut self, error: &Self::Error, failures: u32) -> bool;
}

/// Applies batches until there are no more, or the caller gives up. A deadline ends it by dropping this future: what is
/// not settled is still in `batches`.
pub(crate) async fn write<B: Batches>(store: &dyn StoreWrite, batches: &mut B) -> Result<(), B::Error> {
    let mut failures = 0;
    loop {
        match round(store, batches).await {
            Ok(some) => {
                failures = 0;
                batches.well();
                if !some && !batches.more().await {
                    return Ok(());
                }
            }
            Err(error) => {
                if !batches.again(&error, failures).await {
                    return Err(error);
                }
                failures += 1;
            }
        }
    }
}

/// Sends the next batches. Returns whether there were any.
async fn round<B: Batches>(store: &dyn StoreWrite, batches: &mut B) -> Result<bool, B::Error> {
    let claim = batches.claim(store).await?;
    let (list, origins): (Vec<Batch>, Vec<Origin>) =
        batches.next().await?.into_iter().map(|QueuedBatch { batch, origin }| (batch, origin)).unzip();
    if list.is_empty() {
        return Ok(false);
    }
    batches.sending();
    let started = Instant::now();
    // After an error it is unknown what was applied. The numbers make it safe to send the same batches again.
    let outcomes = store.apply(&claim, &list).await?;
    batches.answered(started.elapsed());
    for ((batch, origin), outcome) in list.iter().zip(origins).zip(&outcomes) {
        let refusal = match outcome {
            Outcome::Applied { .. } | Outcome::Duplicate => {
                batches.settled(batch, origin, outcome);
                continue;
            }
            Outcome::Gap { marker } => NotApplied::Gap { marker: *marker },
            Outcome::Short { what } => NotApplied::Short { what: what.clone() },
            Outcome::Foreign => NotApplied::Foreign,
            Outcome::Fenced => NotApplied::Fenced,
        };
        batches.refused(batch, refusal).await?;
        break;
    }
    Ok(true)
}

/// How long to wait after the n-th failure in a row.
pub(crate) fn backoff(failures: u32) -> Duration {
    Duration::from_millis(50u64.saturating_mul(1 << failures.min(7))).min(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_seconds() {
        assert_eq!(backoff(0), Duration::from_millis(50));
        assert_eq!(backoff(1), Duration::from_millis(100));
        assert_eq!(backoff(100), Duration::from_secs(5));
    }
}
