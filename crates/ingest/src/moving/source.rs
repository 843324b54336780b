//! The contents of a store, name by name and in order.
//!
//! Names are read one after another, so hits that arrive meanwhile may be in one name and not in another. Where that
//! matters, the daemon is stopped.

use super::NameRecord;
use crate::{clock::now, correct::NameLedger};
use std::{collections::VecDeque, sync::Arc, vec};
use tallymark_core::{Event, MAX_VISITS, Name};
use tallymark_store::{Result, Store};
use tokio::task::JoinHandle;

/// How many names are asked for at once.
const PAGE: usize = 10_000;
/// How many names are read at a time: each waits for round trips to Redis, and SQLite has several readers.
const AHEAD: usize = 32;

/// The events of a store, in order.
///
/// # Errors
///
/// The store does not answer.
pub async fn every_event(store: &dyn Store) -> Result<Vec<Event>> {
    let mut events = store.events().await?;
    // Another program may have counted hits, and nothing of ours.
    events.push(Event::HIT);
    events.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    events.dedup();
    Ok(events)
}

/// The records of an event's names and aggregates, in order, each once.
pub struct NameRecords {
    store: Arc<dyn Store>,
    event: Event,
    names: vec::IntoIter<Name>,
    /// Those that are being read, the next one first.
    ahead: VecDeque<(Name, JoinHandle<Result<Option<NameRecord>>>)>,
}

impl NameRecords {
    /// Asks for the names. Their records are read with [`NameRecords::next`].
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn of(store: Arc<dyn Store>, event: Event) -> Result<NameRecords> {
        let names = every_name(&*store, event).await?.into_iter();
        Ok(NameRecords { store, event, names, ahead: VecDeque::with_capacity(AHEAD) })
    }

    /// The next name and its record: `None` if there is nothing of it (any more), an error if the store does not answer,
    /// or a key of the name holds something else.
    ///
    /// # Panics
    ///
    /// If reading did.
    pub async fn next(&mut self) -> Option<(Name, Result<Option<NameRecord>>)> {
        while self.ahead.len() < AHEAD {
            let Some(name) = self.names.next() else { break };
            let (store, event, asked) = (self.store.clone(), self.event, name.clone());
            let reading = tokio::spawn(async move { read_name(&*store, event, &asked).await });
            self.ahead.push_back((name, reading));
        }
        let (name, reading) = self.ahead.pop_front()?;
        match reading.await {
            Ok(record) => Some((name, record)),
            // Only a panic ends it early.
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }
}

impl Drop for NameRecords {
    fn drop(&mut self) {
        self.ahead.iter().for_each(|(_, reading)| reading.abort());
    }
}

/// The names of an event and its aggregates, in order, each once.
pub(super) async fn every_name(store: &dyn Store, event: Event) -> Result<Vec<Name>> {
    let (mut names, mut start) = (vec![Name::all(), Name::overflow()], None);
    loop {
        let page = store.names(event, start.as_deref(), PAGE).await?;
        names.extend(page.names);
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    Ok(names)
}

/// Everything of a name; `None` if there is nothing (any more).
async fn read_name(store: &dyn Store, event: Event, name: &Name) -> Result<Option<NameRecord>> {
    let ledger = NameLedger::read(store, event, name, now().day()).await?;
    if ledger.total == 0 && ledger.cells().next().is_none() {
        let there =
            !name.is_aggregate() && store.has(event, std::slice::from_ref(name)).await?.contains(&true);
        if !there {
            return Ok(None);
        }
    }
    let visits = store.visits(event, name, MAX_VISITS).await?;
    Ok(Some(NameRecord::of(event, name, &ledger, &visits)))
}
