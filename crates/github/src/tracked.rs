//! The accounts whose statistics are refreshed automatically: those that have a created banner, and those that the
//! operator added. The list is in the store, so every process has the same one.

use crate::{AccountName, CardAddress, recent::RecentAccounts};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tallymark_store::{Shelf, Shelved, Store, StoreError};

/// Nothing on it expires.
pub(crate) const SHELF: Shelf = Shelf { name: "github-tracked", most: 20_000 };

/// How many accounts may be tracked.
pub const MOST_TRACKED: usize = 10_000;

/// How many cards of an account are files. Anybody can make up addresses.
const MOST_CARDS: usize = 20;
/// Of how many cards is remembered that they need not be looked for in the store.
const SEEN: usize = 10_000;
/// For how long: another process may take an account off the list, and add it again.
const SEEN_FOR: Duration = Duration::from_secs(600);
/// How many accounts are remembered.
const REMEMBERED: usize = 1000;
/// How long the store is waited for, if there is another answer.
const LOOK: Duration = Duration::from_millis(250);
/// The same if nothing is remembered: then there is no other answer. GitHub's image proxy waits for four seconds.
const LOOK_FOR_NEW: Duration = Duration::from_secs(2);

/// The data about a tracked account, other than its statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedAccount {
    /// Its created banners: the type of each, and the name as it is in the banner's address.
    pub banners: BTreeMap<String, String>,
    /// The cards that were viewed, by the names of their files; the one that was viewed last is the last.
    #[serde(default)]
    pub cards: Vec<String>,
}

/// Why an account is not tracked.
#[derive(Debug, thiserror::Error)]
pub enum NotTracked {
    /// There are too many.
    #[error("{MOST_TRACKED} accounts are tracked already")]
    TooMany,
    /// The store did not take it.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
}

/// Nothing is known of an account: the store does not answer, and this process has not seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store does not answer, and this process does not know the account")]
pub struct UnknownAccount;

/// The list.
pub struct TrackedAccounts {
    store: Arc<dyn Store>,
    /// Those that were seen lately, for when the store does not answer.
    known: Mutex<RecentAccounts<TrackedAccount>>,
    /// Cards that were remembered lately, since when.
    seen: Mutex<(Instant, HashSet<String>)>,
}

impl TrackedAccounts {
    /// The list in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> TrackedAccounts {
        TrackedAccounts {
            store,
            known: Mutex::new(RecentAccounts::new(REMEMBERED)),
            seen: Mutex::new((Instant::now(), HashSet::new())),
        }
    }

    /// One of them.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn find(&self, name: &AccountName) -> Result<Option<TrackedAccount>, StoreError> {
        let found = self.store.kept(SHELF, name.as_str()).await?.as_ref().map(read);
        match &found {
            Some(account) => self.lock_known().put(name.clone(), account.clone()),
            None => self.lock_known().remove(name),
        }
        Ok(found)
    }

    /// One of them, or what was known of it last, if the store does not answer soon.
    ///
    /// # Errors
    ///
    /// [`UnknownAccount`].
    pub async fn last_known(&self, name: &AccountName) -> Result<Option<TrackedAccount>, UnknownAccount> {
        let known = self.lock_known().find(name).cloned();
        let patience = if known.is_some() { LOOK } else { LOOK_FOR_NEW };
        match tokio::time::timeout(patience, self.find(name)).await {
            Ok(Ok(found)) => Ok(found),
            _ => known.map(Some).ok_or(UnknownAccount),
        }
    }

    /// From now on a card is a file, if the account is tracked. If it has too many, the one that was not viewed for longest
    /// makes room.
    ///
    /// # Errors
    ///
    /// [`NotTracked`]: the store did not take it.
    pub async fn show_card(&self, name: &AccountName, file: String) -> Result<(), NotTracked> {
        if self.has_seen(&file) {
            return Ok(());
        }
        // Most cards are of accounts that are not tracked, and none waits for a store that does not answer.
        match tokio::time::timeout(LOOK, self.find(name)).await {
            Ok(Ok(Some(_))) => {}
            Ok(Err(error)) => return Err(error.into()),
            _ => return Ok(()),
        }
        let mut gone = Vec::new();
        self.change(name, |account| {
            let mut account = account?;
            // Those that an earlier build named are no addresses any more.
            account.cards.retain(|card| *card != file && CardAddress::of_file(card).is_some());
            account.cards.push(file.clone());
            gone = account.cards.drain(..account.cards.len().saturating_sub(MOST_CARDS)).collect();
            Some(account)
        })
        .await?;
        let mut seen = self.lock_seen();
        // The next view of these makes them files again.
        seen.1.retain(|seen| !gone.contains(seen));
        seen.1.insert(file);
        Ok(())
    }

    fn has_seen(&self, file: &str) -> bool {
        let mut seen = self.lock_seen();
        if seen.1.len() >= SEEN || seen.0.elapsed() >= SEEN_FOR {
            *seen = (Instant::now(), HashSet::new());
        }
        seen.1.contains(file)
    }

    fn lock_seen(&self) -> MutexGuard<'_, (Instant, HashSet<String>)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_known(&self) -> MutexGuard<'_, RecentAccounts<TrackedAccount>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an account; one that is tracked stays as it is.
    ///
    /// # Errors
    ///
    /// [`NotTracked`].
    pub async fn add(&self, name: &AccountName) -> Result<(), NotTracked> {
        self.room_for(name).await?;
        self.change(name, |account| Some(account.unwrap_or_default())).await
    }

    /// Adds a banner, and the account if need be. Returns how its name is spelt: as it was when the banner was created.
    ///
    /// # Errors
    ///
    /// [`NotTracked`].
    pub async fn add_banner(
        &self,
        name: &AccountName,
        kind: &str,
        spelt: &str,
    ) -> Result<String, NotTracked> {
        self.room_for(name).await?;
        let mut kept = String::new();
        self.change(name, |account| {
            let mut account = account.unwrap_or_default();
            let entry = account.banners.entry(kind.to_owned()).or_insert_with(|| spelt.to_owned());
            kept.clone_from(entry);
            Some(account)
        })
        .await?;
        Ok(kept)
    }

    /// Whether the account is tracked, or may be.
    async fn room_for(&self, name: &AccountName) -> Result<(), NotTracked> {
        let is_new = self.find(name).await?.is_none();
        if is_new && self.store.kept_count(SHELF).await? >= MOST_TRACKED as u64 {
            return Err(NotTracked::TooMany);
        }
        Ok(())
    }

    /// Changes what is known of an account. Other processes may change it too, so `change` may be asked again.
    async fn change(
        &self,
        name: &AccountName,
        mut change: impl FnMut(Option<TrackedAccount>) -> Option<TrackedAccount> + Send,
    ) -> Result<(), NotTracked> {
        let mut changed = None;
        tallymark_store::change_kept(&*self.store, SHELF, name.as_str(), |kept| {
            changed = change(kept.map(read));
            let value = serde_json::to_vec(changed.as_ref()?).unwrap_or_default();
            // Nothing here ages, so no time is needed.
            Some((Shelved { at: 0, value }, None))
        })
        .await?;
        if let Some(account) = changed {
            self.lock_known().put(name.clone(), account);
        }
        Ok(())
    }

    /// Takes one off the list; whether it was on it.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn remove(&self, name: &AccountName) -> Result<bool, StoreError> {
        let was_there = self.store.discard(SHELF, name.as_str()).await?;
        self.lock_known().remove(name);
        Ok(was_there)
    }

    /// All of them, by name.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn list(&self) -> Result<Vec<AccountName>, StoreError> {
        let mut names: Vec<AccountName> =
            self.store.kept_keys(SHELF).await?.iter().filter_map(|key| AccountName::new(key).ok()).collect();
        names.sort();
        Ok(names)
    }
}

/// An entry that cannot be read has no banner, and is still tracked.
fn read(kept: &Shelved) -> TrackedAccount {
    serde_json::from_slice(&kept.value).unwrap_or_default()
}
