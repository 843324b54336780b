//! Names that are not counted for a while: on a shelf of the store, so that every daemon that uses it knows them, also
//! after a restart.
//!
//! The command writes a pause and its entry in the log of corrections (`correct::pause`); a daemon reads the shelf when
//! the store was written ([`Refusals::keep_pauses`]). A pause ends by itself, by the clock of the daemon.

use crate::{
    clock::now,
    refusals::{PausedNames, Refusals},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tallymark_core::{Glob, Now};
use tallymark_store::{Result, Shelf, Shelved, StoreError, StoreShelf, Written};
use tracing::warn;

/// Where pauses are kept: the key is the name or pattern.
pub const PAUSES: Shelf = Shelf { name: "pauses", most: 1000 };
/// How often a daemon reads them at the most: each of its own batches is a write, too.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct KeptPause {
    /// As RFC 3339 writes it.
    until: String,
}

/// Keeps a pause in the place of an earlier one of the same names.
pub(crate) async fn begin(
    store: &(impl StoreShelf + ?Sized),
    pause: &PausedNames,
) -> std::result::Result<(), StoreError> {
    let seconds = |at: Now| u64::try_from(at.unix_ms / 1000).unwrap_or(0);
    let kept = KeptPause { until: pause.until.to_rfc3339() };
    let value = serde_json::to_vec(&kept).unwrap_or_default();
    let thing = Shelved { at: seconds(now()), value };
    store.keep(PAUSES, pause.names.as_str(), thing, Some(seconds(pause.until))).await
}

/// Ends a pause. Answers whether there was one.
pub(crate) async fn end(store: &(impl StoreShelf + ?Sized), names: &Glob) -> Result<bool> {
    let there = list(store).await?.iter().any(|pause| pause.names == *names);
    store.discard(PAUSES, names.as_str()).await?;
    Ok(there)
}

/// The pauses that have not ended.
async fn list(store: &(impl StoreShelf + ?Sized)) -> Result<Vec<PausedNames>> {
    let now = now();
    let mut pauses = Vec::new();
    for key in store.kept_keys(PAUSES).await? {
        let Some(Shelved { value, .. }) = store.kept(PAUSES, &key).await? else { continue };
        let until = serde_json::from_slice::<KeptPause>(&value).ok();
        let until = until.and_then(|kept| Now::parse_rfc3339(&kept.until));
        if let (Ok(names), Some(until)) = (Glob::new(&key), until)
            && until.unix_ms > now.unix_ms
        {
            pauses.push(PausedNames { names, until });
        }
    }
    pauses.sort_by(|a, b| a.names.as_str().cmp(b.names.as_str()));
    Ok(pauses)
}

impl Refusals {
    /// Reads the pauses of a store.
    ///
    /// # Errors
    ///
    /// The store did not answer. What is known stays.
    pub async fn fetch_pauses(&self, store: &dyn StoreShelf) -> Result<()> {
        self.pause(list(store).await?);
        Ok(())
    }

    /// Goes by the pauses of a store, until it is dropped. `written` tells when they may be others.
    pub async fn keep_pauses(&self, store: &dyn StoreShelf, mut written: Written) {
        let mut told = false;
        loop {
            written.hear().await;
            match self.fetch_pauses(store).await {
                Ok(()) => told = false,
                Err(error) if !told => {
                    told = true;
                    warn!(%error, "the list of paused names could not be read; the known ones stay paused");
                }
                Err(_) => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{Event, Hit, NameRef, Reject, When};
    use tallymark_store::{Retention, StoreUrl};

    #[tokio::test]
    async fn pause_is_known_to_whoever_opens_the_store_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let at = now();
        let later = |seconds: i64| Now { unix_ms: at.unix_ms + seconds * 1000 };
        let glob = |text| Glob::new(text).unwrap();
        let refusals = Refusals::default();
        let refusal = |name: &'static [u8], at: Now| {
            refusals.refusal(&Hit::one(Event::HIT, NameRef::new(name).unwrap(), When::Day(at.day())), at)
        };
        for (names, until) in [("octo/*", later(3600)), ("a", later(-1)), ("b", later(60))] {
            begin(&*store, &PausedNames { names: glob(names), until }).await.unwrap();
        }
        refusals.fetch_pauses(&*store).await.unwrap();
        assert_eq!(refusal(b"octo/hello", at), Some(Reject::Paused));
        assert_eq!(
            (refusal(b"a", at), refusal(b"b", at), refusal(b"b", later(61))),
            (None, Some(Reject::Paused), None)
        );
        assert!(
            end(&*store, &glob("octo/*")).await.unwrap() && !end(&*store, &glob("octo/*")).await.unwrap()
        );
        refusals.fetch_pauses(&*store).await.unwrap();
        assert_eq!(refusal(b"octo/hello", at), None);
    }
}
