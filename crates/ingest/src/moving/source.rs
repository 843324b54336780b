//! What a store has, name by name and in order.
//!
//! Every name is read at a moment of its own, so hits that come meanwhile may be in one name and not in another. Where
//! that matters, nothing counts meanwhile.

use super::NameRecord;
use crate::{clock::now, correct::NameLedger};
use tallymark_core::{Event, MAX_VISITS, Name};
use tallymark_store::{Result, Store};

/// How many names are asked for at once.
const PAGE: usize = 10_000;

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

/// The names of an event and its aggregates, in order, each once.
///
/// # Errors
///
/// The store does not answer.
pub async fn every_name(store: &dyn Store, event: Event) -> Result<Vec<Name>> {
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
///
/// # Errors
///
/// The store does not answer, or a key of the name holds something else.
pub async fn read_name(store: &dyn Store, event: Event, name: &Name) -> Result<Option<NameRecord>> {
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
