//! The latest news, for feeds.

use crate::{NEWS, NewsItem, NewsRule};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};
use tallymark_store::{Result, Store};
use tokio::sync::Mutex;
use uuid::Uuid;

/// Reads what was found. News never change, so each is read once.
pub struct RecentNews {
    store: Arc<dyn Store>,
    rules: Arc<[NewsRule]>,
    /// By key; `None` for what another version wrote.
    known: Mutex<HashMap<String, Option<NewsItem>>>,
}

impl RecentNews {
    /// The news of a store, and what is looked for.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, rules: Arc<[NewsRule]>) -> RecentNews {
        RecentNews { store, rules, known: Mutex::default() }
    }

    /// Whether news of a name are looked for at all.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.covers(name))
    }

    /// The identity of the store, of which the ids of feeds are made.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn store_id(&self) -> Result<Uuid> {
        self.store.identity().await
    }

    /// The latest news that `wanted` picks, the newest first.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn list(&self, most: usize, wanted: impl Fn(&NewsItem) -> bool) -> Result<Vec<NewsItem>> {
        let keys: HashSet<String> = self.store.kept_keys(NEWS).await?.into_iter().collect();
        let mut known = self.known.lock().await;
        known.retain(|key, _| keys.contains(key));
        for key in keys {
            if let Entry::Vacant(place) = known.entry(key) {
                let kept = self.store.kept(NEWS, place.key()).await?;
                place.insert(kept.and_then(|kept| NewsItem::from_bytes(&kept.value)));
            }
        }
        let mut news: Vec<NewsItem> = known.values().flatten().filter(|item| wanted(item)).cloned().collect();
        news.sort_by_key(|item| Reverse((item.at, item.id)));
        news.truncate(most);
        Ok(news)
    }
}
