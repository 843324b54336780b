//! Counts that clients send over HTTP (`POST /api/v1/hits`): written to the store at once, and answered when they are
//! stored.
//!
//! The daemon's writer gives no answers, so each request is an [`Errand`]. An idempotency key has its own instance,
//! derived from the key alone. Its batches are numbered from 1, so the store itself knows which of them it has, even
//! after a restart. Requests without a key share an instance that lasts as long as this process and an unbroken series
//! of answers.

use crate::{
    admission::NameLimits,
    books::{Books, WriterState},
    clock::now,
    errand::{Errand, ErrandError},
    live::Live,
    meters::{Delta, IngestMeters, SourceMeters},
};
use sha2::{Digest, Sha256};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tallymark_core::{
    Asked, Commit, Committed, Counts, Day, Entry, Event, Ledger, Name, NotCommitted, Once, Reject, batches,
};
use tallymark_store::{Claim, Store, StoreError, passing_instance};
use uuid::Uuid;

/// How long a request waits for the store.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for a store that does not work at the moment.
const A_MOMENT: Duration = Duration::from_secs(2);
/// How often the same batches are tried if another request has the same key, or the store has lost its tail.
const ATTEMPTS: u32 = 3;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// How many keys can be written at the same time: more than a store can take.
const TURNS: usize = 64;
/// How long a store remembers a key at least, in seconds: 30 days.
const REMEMBERED: u64 = 30 * 86_400;
/// After this many requests with a key, a slice of the old keys is checked: ten times as many keys as have arrived.
const FORGET_EVERY: u64 = 100;

/// Writes the counts of requests.
pub struct HandedIn {
    store: Arc<dyn Store>,
    state: WriterState,
    books: Books,
    items: SourceMeters,
    limits: NameLimits,
    own: tokio::sync::Mutex<Option<Own>>,
    /// Requests with one key take turns. A key has the turn of its hash, so some keys share one.
    turns: [tokio::sync::Mutex<()>; TURNS],
    keyed: AtomicU64,
    /// Where the next slice of old keys begins.
    forgetting: Arc<tokio::sync::Mutex<Option<String>>>,
}

/// The instance of requests without a key, and the number of its next batch.
struct Own {
    errand: Errand,
    next: u64,
}

impl HandedIn {
    /// Writes to `store` while the daemon's writer does.
    pub fn new(
        store: Arc<dyn Store>,
        live: Arc<Live>,
        state: WriterState,
        meters: IngestMeters,
        limits: NameLimits,
    ) -> HandedIn {
        let (own, keyed, forgetting) = Default::default();
        let turns = std::array::from_fn(|_| tokio::sync::Mutex::default());
        let items = meters.source("api");
        HandedIn { store, state, books: Books { live, meters }, items, limits, own, turns, keyed, forgetting }
    }

    /// Makes the store forget keys that are older than promised, a slice at a time. So it has those of about the last
    /// thirty days, however many arrive.
    fn forget_old_keys(&self) {
        if !self.keyed.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            return;
        }
        let (store, forgetting) = (self.store.clone(), self.forgetting.clone());
        tokio::spawn(async move {
            let Ok(mut start) = forgetting.try_lock() else { return };
            let now = u64::try_from(now().unix_ms / 1000).unwrap_or(0);
            match store.forget_passing(now, REMEMBERED, start.as_deref()).await {
                Ok(next) => *start = next,
                Err(error) => tracing::debug!(%error, "old keys stay for now"),
            }
        });
    }

    async fn write(&self, once: Option<Once<'_>>, counts: Counts) -> Result<Committed, NotCommitted> {
        if counts.is_empty() {
            return Ok(Committed::Now);
        }
        // The writer knows whether this is the right store, and checks all the time. It needs a moment for that at the start,
        // and a store may be restarted.
        let _ = tokio::time::timeout(A_MOMENT, self.state.works()).await;
        if let Some(trouble) = self.state.store_trouble() {
            return Err(NotCommitted::Unavailable(trouble));
        }
        let writing = async {
            match once {
                Some(once) => {
                    self.forget_old_keys();
                    self.write_once(once, &counts).await
                }
                None => self.write_own(&counts).await,
            }
        };
        let late = |_| Err(NotCommitted::Unknown(format!("no answer within {PATIENCE:?}")));
        let answer = tokio::time::timeout(PATIENCE, writing).await.unwrap_or_else(late);
        if answer == Ok(Committed::Now) {
            self.books.meters.hits(&counts.entries);
        }
        answer
    }

    async fn write_once(&self, once: Once<'_>, counts: &Counts) -> Result<Committed, NotCommitted> {
        let (instance, body) = (instance_of(once.key), digest_of(once.body));
        let batches = batches(instance, 1, counts.clone());
        let _turn = self.turns[usize::from(instance.as_bytes()[0]) % TURNS].lock().await;
        for _ in 0..ATTEMPTS {
            let (mut errand, claim) = self.errand(instance).await?;
            // A key of an earlier version has no digest.
            if claim.marker > 0 && claim.body.is_some_and(|before| before != body) {
                return Err(NotCommitted::OtherBody);
            }
            errand.is_made_of(body);
            if claim.marker >= batches.len() as u64 {
                return Ok(Committed::Before);
            }
            let names = if claim.marker == 0 { self.check_room(&counts.entries).await? } else { None };
            match errand.apply(&batches).await {
                Ok(()) => {
                    self.tell_names(names);
                    return Ok(Committed::Now);
                }
                // Another request has the same key, or the store has lost its tail: the marker tells.
                Err(ErrandError::Gap { .. } | ErrandError::Fenced) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(not_committed(&errand, 0, &error)),
            }
        }
        Err(NotCommitted::Unknown("other requests with the same key come all the time".to_owned()))
    }

    async fn write_own(&self, counts: &Counts) -> Result<Committed, NotCommitted> {
        let names = self.check_room(&counts.entries).await?;
        let mut own = self.own.lock().await;
        for _ in 0..ATTEMPTS {
            // Taken out: if anything fails from here on, the next request begins with a new instance.
            let Own { mut errand, next } = match own.take() {
                Some(own) => own,
                None => Own { errand: self.errand(Uuid::new_v4()).await?.0, next: 1 },
            };
            let before = errand.applied();
            let batches = batches(errand.instance(), next, counts.clone());
            match errand.apply(&batches).await {
                Ok(()) => {
                    *own = Some(Own { errand, next: next + batches.len() as u64 });
                    self.tell_names(names);
                    return Ok(Committed::Now);
                }
                Err(ErrandError::Gap { .. } | ErrandError::Fenced) if errand.applied() == before => {}
                Err(error) => return Err(not_committed(&errand, before, &error)),
            }
        }
        Err(NotCommitted::Unavailable("the store has lost what it had applied".to_owned()))
    }

    /// Creates an errand and claims its instance. If this fails, nothing has been sent. A Redis that was emptied, or a
    /// different Redis at the same address, answers a claim like the right one. The writer may not have noticed yet, so
    /// the identities are compared here.
    async fn errand(&self, instance: Uuid) -> Result<(Errand, Claim), NotCommitted> {
        let mut errand = Errand::quick(self.store.clone(), instance, self.books.clone());
        let unavailable = |why: &dyn std::fmt::Display| NotCommitted::Unavailable(why.to_string());
        let claim = errand.claim().await.map_err(|error| unavailable(&error))?;
        match self.state.claimed() {
            Some(_) => self.check_store(claim.store).map(|()| (errand, claim)),
            None => Err(unavailable(&"the store has not been reached yet")),
        }
    }

    /// Whether this is the store that the writer has claimed, if it has.
    fn check_store(&self, store: Uuid) -> Result<(), NotCommitted> {
        match self.state.claimed() {
            Some(claimed) if claimed != store => {
                Err(NotCommitted::Unavailable(ErrandError::Foreign.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is room for the names that are new. Either all names are admitted or none: what a client sends is
    /// not counted under another name. Returns how many names there will be with a hit, if some of them are new.
    async fn check_room(&self, entries: &[Entry]) -> Result<Option<u64>, NotCommitted> {
        let mut with_a_hit = None;
        let unavailable = |error: StoreError| NotCommitted::Unavailable(error.to_string());
        for of_event in entries.chunk_by(|a, b| a.event == b.event) {
            let Some(&Entry { event, .. }) = of_event.first() else { continue };
            let mut names: Vec<Name> = of_event.iter().map(|entry| entry.name.clone()).collect();
            names.dedup();
            let totals = self.store.totals(event, &names).await.map_err(unavailable)?;
            let new = totals.iter().filter(|&&total| total == 0).count() as u64;
            if new > 0 {
                let count = self.store.name_count(event).await.map_err(unavailable)?;
                if count.saturating_add(new) > self.limits.names {
                    return Err(NotCommitted::NoRoom);
                }
                if event == Event::HIT {
                    with_a_hit = Some(count.saturating_add(new));
                }
            }
        }
        Ok(with_a_hit)
    }

    /// Waits for an answer of the store as long as a request does.
    fn ask<'a, T: Send + 'a>(
        &'a self,
        answer: impl Future<Output = Result<T, StoreError>> + Send + 'a,
    ) -> Asked<'a, T> {
        Box::pin(async {
            match tokio::time::timeout(PATIENCE, answer).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(NotCommitted::Unavailable(error.to_string())),
                Err(_) => Err(NotCommitted::Unavailable(format!("no answer within {PATIENCE:?}"))),
            }
        })
    }

    fn tell_names(&self, names: Option<u64>) {
        if let Some(names) = names {
            self.books.meters.names.set(i64::try_from(names).unwrap_or(i64::MAX));
        }
    }
}

/// The answer to a request whose errand had applied this many batches before.
fn not_committed(errand: &Errand, before: u64, error: &ErrandError) -> NotCommitted {
    // This is the first answer to the first batch, so no batch was sent to another store either.
    if matches!(error, ErrandError::Foreign) && errand.applied() == before && !errand.has_failed() {
        return NotCommitted::Unavailable(error.to_string());
    }
    NotCommitted::Unknown(error.to_string())
}

impl Ledger for HandedIn {
    fn commit<'a>(&'a self, once: Option<Once<'a>>, counts: Counts) -> Commit<'a> {
        Box::pin(self.write(once, counts))
    }

    fn is_committed<'a>(&'a self, key: &'a str) -> Asked<'a, bool> {
        Box::pin(async move {
            let store = &self.store;
            if self.ask(async { Ok(store.applied(instance_of(key)).await? > 0) }).await? {
                return Ok(true);
            }
            // An emptied store knows no key, and the writer may not have noticed yet.
            let here = self.ask(store.identity()).await?;
            self.check_store(here).map(|()| false)
        })
    }

    fn body_of<'a>(&'a self, key: &'a str, bodies: &'a [Vec<u8>]) -> Asked<'a, Option<usize>> {
        self.ask(async {
            let known = self.store.body_of(instance_of(key)).await?;
            Ok(bodies.iter().position(|body| known == Some(digest_of(body))))
        })
    }

    fn day_key(&self, day: Day) -> Asked<'_, Uuid> {
        Box::pin(async move {
            let keys = self.ask(self.store.day_keys(day)).await?;
            keys.of(day).ok_or_else(|| NotCommitted::Unavailable("it has no key for this day".to_owned()))
        })
    }

    fn tell(&self, items: &[Result<(), Reject>]) {
        let mut delta = Delta { received: items.len() as u64, ..Delta::default() };
        for item in items {
            match item {
                Ok(()) => delta.accepted += 1,
                Err(reject) => delta.reject(*reject),
            }
        }
        self.items.add(&mut delta);
    }
}

/// The instance of a key: not the random one of a process, nor that of an import, which is remembered forever.
fn instance_of(key: &str) -> Uuid {
    passing_instance(
        digest(Sha256::new().chain_update("tallymark idempotency key\0").chain_update(key)).into_bytes(),
    )
}

fn digest_of(body: &[u8]) -> Uuid {
    digest(Sha256::new().chain_update(body))
}

/// Half of a hash, which is enough to tell bodies and keys apart.
fn digest(hash: Sha256) -> Uuid {
    let hash: [u8; 32] = hash.finalize().into();
    hash.first_chunk().copied().map_or(Uuid::nil(), Uuid::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_instance() {
        assert_eq!(instance_of("a"), instance_of("a"));
        assert_ne!(instance_of("a"), instance_of("b"));
        assert_eq!(instance_of("a").get_version_num(), 5);
    }
}
