//! Names that an operator has corrected: what is on disk of them may go down, or go.
//!
//! The change log says so of recent ones. Whoever comes too late for it finds them in the log of corrections.

use std::collections::BTreeMap;
use tallymark_core::{CorrectionRecord, Event, MAX_CORRECTIONS, Name, Now};
use tallymark_store::{Result, Store};

/// When names of these events were corrected last, in seconds since 1970, as far as the store remembers.
pub(crate) async fn names(store: &dyn Store, events: &[Event]) -> Result<BTreeMap<Name, i64>> {
    let mut names = BTreeMap::new();
    for CorrectionRecord { at, changed, .. } in store.corrections(MAX_CORRECTIONS).await? {
        let at = Now::parse_rfc3339(&at).map_or(i64::MAX, |at| at.unix_ms / 1000);
        for (event, name) in changed.iter().filter_map(|changed| changed.key()) {
            if events.contains(&event) {
                let last = names.entry(name).or_insert(at);
                *last = at.max(*last);
            }
        }
    }
    Ok(names)
}

/// Whether a name without hits is no name any more.
pub(crate) async fn is_gone(store: &dyn Store, name: &Name) -> Result<bool> {
    let has = store.has(Event::HIT, std::slice::from_ref(name)).await?;
    Ok(has.first() == Some(&false))
}
