//! Batches for which a caller waits: those of an API request or an import.
//!
//! They have their own instance, and numbers that do not change: batches up to the store's marker are not sent. The
//! caller learns whether they are in the store, and if not, whether some of them might be.

use crate::{
    apply::{Batches, NotApplied, backoff, write},
    books::Books,
};
use std::{collections::VecDeque, sync::Arc};
use tallymark_core::Batch;
use tallymark_store::{
    Claim, Class, Outcome, StoreError, StoreWrite,
    outbox::{Origin, QueuedBatch},
};
use tracing::warn;
use uuid::Uuid;

/// Batches in one call.
const AT_ONCE: usize = 16;
/// How many failures in a row end an import: about a minute's worth.
const PATIENT: u32 = 13;
/// And a request, which has a deadline besides.
const QUICK: u32 = 3;

/// Why batches are not in the store, or may not be.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    /// The store does not answer, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has lost batches that it had applied.
    #[error("the store has lost batches of this instance (its last is {marker})")]
    Gap {
        /// The last batch that it has.
        marker: u64,
    },
    /// A correction takes away more than is there. Nothing of it is applied.
    #[error("the counts changed meanwhile: {what}")]
    Short {
        /// Which count it is.
        what: String,
    },
    /// It is not the store that was claimed.
    #[error("this is not the same store as a moment ago (it was emptied, or another server has its address)")]
    Foreign,
    /// Another process applies batches of the same instance.
    #[error("another process has claimed the same instance")]
    Fenced,
}

/// Writes the batches of one instance to a store.
pub struct Errand {
    store: Arc<dyn StoreWrite>,
    instance: Uuid,
    claim: Option<Claim>,
    waiting: VecDeque<Batch>,
    books: Option<Books>,
    /// How many failures in a row are too many.
    patience: u32,
    failed: bool,
    applied: u64,
    quarantined: u64,
}

impl Errand {
    /// For an import, which can wait.
    pub fn new(store: Arc<dyn StoreWrite>, instance: Uuid) -> Errand {
        Errand {
            store,
            instance,
            claim: None,
            waiting: VecDeque::new(),
            books: None,
            patience: PATIENT,
            failed: false,
            applied: 0,
            quarantined: 0,
        }
    }

    /// For a request to this daemon, which cannot wait.
    pub(crate) fn quick(store: Arc<dyn StoreWrite>, instance: Uuid, books: Books) -> Errand {
        Errand { books: Some(books), patience: QUICK, ..Errand::new(store, instance) }
    }

    /// Claims the instance, if it is not claimed yet. Its marker says how much of it was applied before.
    ///
    /// # Errors
    ///
    /// The store does not answer, or refuses.
    pub async fn claim(&mut self) -> Result<Claim, ErrandError> {
        Ok(match self.claim {
            Some(claim) => claim,
            None => *self.claim.insert(self.store.claim(self.instance).await?),
        })
    }

    /// Claims the instance, and raises its marker to `least` if it is lower.
    ///
    /// # Errors
    ///
    /// The store does not answer, or refuses.
    pub async fn claim_from(&mut self, least: u64) -> Result<Claim, ErrandError> {
        Ok(*self.claim.insert(self.store.claim_from(self.instance, least).await?))
    }

    /// The digest of the request that its batches are made of, for the store to keep. After [`Errand::claim`].
    pub(crate) fn is_made_of(&mut self, body: Uuid) {
        if let Some(claim) = &mut self.claim {
            claim.body = Some(body);
        }
    }

    /// Applies batches, except those that are already in the store. After an error, those that were applied stay
    /// applied, and nothing is queued here.
    ///
    /// # Errors
    ///
    /// Why the store refused the first of the remaining batches.
    pub async fn apply(&mut self, batches: &[Batch]) -> Result<(), ErrandError> {
        self.waiting = batches.iter().cloned().collect();
        self.failed = false;
        let store = self.store.clone();
        let answer = write(store.as_ref(), self).await;
        self.waiting.clear();
        answer
    }

    /// The instance of its batches.
    pub(crate) fn instance(&self) -> Uuid {
        self.instance
    }

    /// The claim, once there is one.
    #[must_use]
    pub fn claimed(&self) -> Option<Claim> {
        self.claim
    }

    /// How many batches it has written so far.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// How many keys of the store were skipped, because they are not counters.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.quarantined
    }

    /// Whether a call of the last [`Errand::apply`] had no answer, so that some of it may be applied.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }
}

impl Batches for Errand {
    type Error = ErrandError;

    async fn claim(&mut self, _store: &dyn StoreWrite) -> Result<Claim, ErrandError> {
        let claim = Errand::claim(self).await?;
        // Judged by the first batch that was there before: only we have applied what comes after the marker of our
        // claim.
        self.waiting.retain(|batch| batch.seq > claim.marker);
        Ok(claim)
    }

    async fn next(&mut self) -> Result<Vec<QueuedBatch>, ErrandError> {
        let waiting = |batch: &Batch| QueuedBatch { batch: batch.clone(), origin: Origin::Lines };
        Ok(self.waiting.iter().take(AT_ONCE).map(waiting).collect())
    }

    /// A duplicate is one of ours whose answer was lost.
    fn settled(&mut self, batch: &Batch, _origin: Origin, outcome: &Outcome) {
        self.waiting.pop_front();
        self.applied += 1;
        if let Outcome::Applied { quarantined, .. } = outcome {
            self.quarantined += quarantined;
        }
        if let Some(books) = &self.books {
            books.settled(batch, outcome, None);
        }
    }

    async fn refused(&mut self, _batch: &Batch, refusal: NotApplied) -> Result<(), ErrandError> {
        Err(match refusal {
            NotApplied::Gap { marker } => ErrandError::Gap { marker },
            NotApplied::Short { what } => ErrandError::Short { what },
            NotApplied::Foreign => {
                // Readers must not wait until the writer finds out too.
                self.store.set_ours(None);
                ErrandError::Foreign
            }
            NotApplied::Fenced => ErrandError::Fenced,
        })
    }

    async fn more(&mut self) -> bool {
        false
    }

    async fn again(&mut self, error: &ErrandError, failures: u32) -> bool {
        let ErrandError::Store(cause) = error else { return false };
        // A store that refuses has answered.
        self.failed |= self.claim.is_some() && cause.class() == Class::Unavailable;
        if !cause.is_transient() || failures + 1 >= self.patience {
            return false;
        }
        if failures == 0 && self.patience == PATIENT {
            warn!(error = %cause, "the store does not accept these counts; trying again");
        }
        tokio::time::sleep(backoff(failures)).await;
        true
    }
}
