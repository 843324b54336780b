//! `/api/v1/summary`: the totals of one event over all names.

use super::{Answer, Api, event, json};
use crate::{query::Query, windows};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{Event, Name, Step};
use tallymark_store::Store;

/// How long a number of names is good for: with a million of them, SQLite counts for some time.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// How many events have theirs remembered.
const EVENTS: usize = 100;

/// How many names there were when they were last counted.
#[derive(Default)]
pub(super) struct Counted(Mutex<HashMap<Event, (Instant, u64)>>);

#[derive(Serialize)]
struct Summary<'a> {
    event: &'a str,
    total: i64,
    /// Null while nobody knows.
    names: Option<u64>,
    today: i64,
    last_minute: LastMinute,
    windows: windows::Windows,
}

#[derive(Serialize)]
struct LastMinute {
    from: String,
    count: i64,
}

/// `GET /api/v1/summary`.
pub(super) async fn show(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap) -> Answer {
    api.may_read(&sent)?;
    let event = event(Query::of(&uri))?;
    let (store, now, all) = (&*api.app.store, (api.app.now)(), Name::all());
    let names = match api.app.rankings.names(event) {
        Some(names) => names,
        None => api.counted.names(store, event).await?,
    };
    let windows = windows::read(store, event, &all, now).await?;
    let total = store.totals(event, std::slice::from_ref(&all)).await?.first().copied().unwrap_or(0);
    // They were counted before there was anything: what has come since has names, too.
    let names = Some(names).filter(|&names| names > 0 || total == 0);
    // The last whole minute: the running one would begin at nothing again and again.
    let last = now.minute().0 - 1;
    let count = store.series(event, &all, Step::Minute, last, last + 1).await?;
    let count = count.first().map_or(0, |&(_, count)| count);
    let from = Step::Minute.label(last);
    let last_minute = LastMinute { from, count };
    let event = event.as_str();
    Ok(json(StatusCode::OK, &Summary { event, total, names, today: windows.today, last_minute, windows }))
}

impl Counted {
    async fn names(&self, store: &dyn Store, event: Event) -> tallymark_store::Result<u64> {
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
