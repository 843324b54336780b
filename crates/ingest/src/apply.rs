//! The one loop that applies batches until the store says yes.
//!
//! It claims, sends, reads each outcome, and tries again. What callers differ in is what waits, how long they are patient,
//! and what they make of an outcome other than yes: that is their [`Batches`]. The daemon's queues (`queue`) and whatever
//! waits for an answer (`errand`) go through here; nothing else applies a batch.

use std::time::{Duration, Instant};
use tallymark_core::Batch;
use tallymark_store::{
    Claim, Outcome, StoreError, StoreWrite,
    outbox::{Origin, Waiting},
};

/// Why the store did not take a batch, and will not take it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotApplied {
    /// It has applied only up to `marker`.
    Gap { marker: u64 },
    /// It is not the store that was claimed.
    Foreign,
    /// Another process has claimed the instance since.
    Fenced,
}

/// The batches of one instance, in order.
pub(crate) trait Batches {
    /// Why it does not go on.
    type Error: From<StoreError>;

    /// The right to apply them: as it was taken, or taken now.
    async fn claim(&mut self, store: &dyn StoreWrite) -> Result<Claim, Self::Error>;

    /// Those that come next. They stay here until they are settled.
    async fn next(&mut self) -> Result<Vec<Waiting>, Self::Error>;

    /// They are about to be sent.
    fn sending(&mut self) {}

    /// The answer came after so long.
    fn answered(&mut self, _took: Duration) {}

    /// The store has this one now.
    fn settled(&mut self, batch: &Batch, origin: Origin, outcome: &Outcome);

    /// The store has refused this one, which is the first that is not settled. To go on is to claim, or to ask
    /// [`Batches::next`], again.
    async fn refused(&mut self, batch: &Batch, refusal: NotApplied) -> Result<(), Self::Error>;

    /// A round went well. Nothing is on its way any more.
    fn well(&mut self) {}

    /// Nothing waits: waits for more. False at the end.
    async fn more(&mut self) -> bool;

    /// A round failed, after so many in a row: waits a while, or answers false to give up.
    async fn again(&mut self, error: &Self::Error, failures: u32) -> bool;
}

/// Applies until nothing more comes, or the caller's patience is over. Dropping this future is how a deadline ends it:
/// what is not settled is still in `batches`.
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

/// Sends what comes next. Answers whether there was anything.
async fn round<B: Batches>(store: &dyn StoreWrite, batches: &mut B) -> Result<bool, B::Error> {
    let claim = batches.claim(store).await?;
    let (list, origins): (Vec<Batch>, Vec<Origin>) =
        batches.next().await?.into_iter().map(|Waiting { batch, origin }| (batch, origin)).unzip();
    if list.is_empty() {
        return Ok(false);
    }
    batches.sending();
    let started = Instant::now();
    // An error says nothing about what was applied. The numbers make it safe to send the same again.
    let outcomes = store.apply(&claim, &list).await?;
    batches.answered(started.elapsed());
    for ((batch, origin), outcome) in list.iter().zip(origins).zip(&outcomes) {
        let refusal = match outcome {
            Outcome::Applied { .. } | Outcome::Duplicate => {
                batches.settled(batch, origin, outcome);
                continue;
            }
            Outcome::Gap { marker } => NotApplied::Gap { marker: *marker },
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
