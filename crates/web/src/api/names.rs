//! How many names an event has, cached for a while: counting a million of them takes SQLite some time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::Event;
use tallymark_store::StoreRead;

/// How long a number of names is cached: with a million names, SQLite needs some time to count.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// For how many events the number is cached.
const EVENTS: usize = 100;

/// How many names there were when they were last counted.
#[derive(Default)]
pub(super) struct NameCountCache(Mutex<HashMap<Event, (Instant, u64)>>);

impl NameCountCache {
    pub(super) async fn names(&self, store: &dyn StoreRead, event: Event) -> tallymark_store::Result<u64> {
        if let Some((at, names)) = self.lock().get(&event)
            && at.elapsed() < GOOD_FOR
        {
            return Ok(*names);
        }
        let (at, names) = (Instant::now(), store.name_count(event).await?);
        let mut counted = self.lock();
        if counted.len() >= EVENTS {
            counted.clear();
        }
        counted.insert(event, (at, names));
        Ok(names)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Event, (Instant, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
