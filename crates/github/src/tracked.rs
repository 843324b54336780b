//! The accounts whose statistics are refreshed automatically: those that have a created banner, and those that the
//! operator added. The list is in the store, so every process has the same one.

use crate::{AccountName, CardAddress};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};
use tallymark_store::{Shelf, Shelved, Store, StoreError};
use tokio::sync::{Mutex, MutexGuard};

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

/// The data about a tracked account, other than its statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedAccount {
    /// Its created banners: the type of each, and the name as it is in the banner's address.
    pub banners: BTreeMap<String, String>,
    /// The cards that were viewed, by the names of their files.
    #[serde(default)]
    pub cards: BTreeSet<String>,
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

/// The list.
pub struct TrackedAccounts {
    store: Arc<dyn Store>,
    /// Held while what is known of an account is read and changed.
    changing: Mutex<()>,
    /// Cards that were remembered lately, since when.
    seen: std::sync::Mutex<(Instant, HashSet<String>)>,
}

impl TrackedAccounts {
    /// The list in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> TrackedAccounts {
        TrackedAccounts {
            store,
            changing: Mutex::default(),
            seen: std::sync::Mutex::new((Instant::now(), HashSet::new())),
        }
    }

    /// One of them.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn find(&self, name: &AccountName) -> Result<Option<TrackedAccount>, StoreError> {
        let kept = self.store.kept(SHELF, name.as_str()).await?;
        // An entry that cannot be read has no banner, and is still tracked.
        Ok(kept.map(|kept| serde_json::from_slice(&kept.value).unwrap_or_default()))
    }

    /// While this lock is held, no other task of this process changes an account.
    pub async fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// From now on a card is a file, if the account is tracked and has not too many.
    ///
    /// # Errors
    ///
    /// [`NotTracked`]: the store did not take it.
    pub async fn show_card(&self, name: &AccountName, file: String) -> Result<(), NotTracked> {
        if self.has_seen(&file) {
            return Ok(());
        }
        // Most cards are of accounts that are not tracked, and they do not wait for each other.
        if self.find(name).await?.is_none() {
            return Ok(());
        }
        let _alone = self.alone().await;
        let Some(mut account) = self.find(name).await? else { return Ok(()) };
        // Those that an earlier build named are no addresses any more.
        account.cards.retain(|file| CardAddress::of_file(file).is_some());
        if account.cards.len() < MOST_CARDS && account.cards.insert(file.clone()) {
            self.put(name, &account).await?;
        }
        self.lock_seen().1.insert(file);
        Ok(())
    }

    fn has_seen(&self, file: &str) -> bool {
        let mut seen = self.lock_seen();
        if seen.1.len() >= SEEN || seen.0.elapsed() >= SEEN_FOR {
            *seen = (Instant::now(), HashSet::new());
        }
        seen.1.contains(file)
    }

    fn lock_seen(&self) -> std::sync::MutexGuard<'_, (Instant, HashSet<String>)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an account, or changes what is known of it.
    ///
    /// # Errors
    ///
    /// [`NotTracked`].
    pub async fn put(&self, name: &AccountName, account: &TrackedAccount) -> Result<(), NotTracked> {
        let is_new = self.store.kept(SHELF, name.as_str()).await?.is_none();
        if is_new && self.store.kept_count(SHELF).await? >= MOST_TRACKED as u64 {
            return Err(NotTracked::TooMany);
        }
        let value = serde_json::to_vec(account).unwrap_or_default();
        // Nothing here ages, so no time is needed.
        Ok(self.store.keep(SHELF, name.as_str(), Shelved { at: 0, value }, None).await?)
    }

    /// Takes one off the list; whether it was on it.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn remove(&self, name: &AccountName) -> Result<bool, StoreError> {
        self.store.discard(SHELF, name.as_str()).await
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
