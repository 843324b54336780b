//! The accounts whose statistics are refreshed by themselves: those that have a created banner, and those that the
//! operator added. The list is in the store, so every process has the same one.

use crate::AccountName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallymark_store::{Shelf, Shelved, Store, StoreError};

/// Nothing on it expires.
const SHELF: Shelf = Shelf { name: "github-tracked", most: 20_000 };

/// How many accounts may be tracked.
pub const MOST_TRACKED: usize = 10_000;

/// What is known of a tracked account beside its statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedAccount {
    /// Its created banners: the type of each, and the name as it is in the banner's address.
    pub banners: BTreeMap<String, String>,
    /// GitHub has no such account any more. It is not asked for until somebody adds it again.
    pub gone: bool,
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
}

impl TrackedAccounts {
    /// The list in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> TrackedAccounts {
        TrackedAccounts { store }
    }

    /// One of them.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn find(&self, name: &AccountName) -> Result<Option<TrackedAccount>, StoreError> {
        let kept = self.store.kept(SHELF, name.as_str()).await?;
        // What cannot be read has no banner, and is tracked all the same.
        Ok(kept.map(|kept| serde_json::from_slice(&kept.value).unwrap_or_default()))
    }

    /// Adds an account, or changes what is known of it.
    ///
    /// # Errors
    ///
    /// [`NotTracked`].
    pub async fn put(&self, name: &AccountName, account: &TrackedAccount) -> Result<(), NotTracked> {
        let is_new = self.store.kept(SHELF, name.as_str()).await?.is_none();
        if is_new && self.store.kept_keys(SHELF).await?.len() >= MOST_TRACKED {
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
