//! How much of a name is known to have come from old badges.
//!
//! It is a position of an instance of its own, so a backup and a copied store have it. A correction changes it in the
//! transaction of the counts, and only if it is still as it was read.

use super::memory::state;
use crate::import::named_instance;
use std::collections::BTreeMap;
use tallymark_core::{BASE, CorrectionRecord, Event, Name, NotCorrected, PositionChange};
use tallymark_store::Store;

fn source(event: Event, name: &Name) -> String {
    format!("badge:{event}:{name}")
}

/// What the store knows of a name.
pub(super) async fn known(store: &dyn Store, event: Event, name: &Name) -> Result<u64, NotCorrected> {
    let source = source(event, name);
    let known = state(store, named_instance(&source), &source).await?;
    if known.is_empty() {
        return Ok(0);
    }
    let why = "the store has a position that is not a number";
    known.parse().map_err(|_| NotCorrected::Refused(why.to_owned()))
}

/// From one number to another, if they differ.
pub(super) fn change(event: Event, name: &Name, from: u64, to: u64) -> Option<PositionChange> {
    let source = source(event, name);
    let instance = named_instance(&source);
    let said = |known: u64| if known == 0 { String::new() } else { known.to_string() };
    (from != to).then(|| PositionChange { instance, source, from: said(from), to: said(to) })
}

/// By how much a part has changed what is known.
pub(super) fn changes(part: &CorrectionRecord) -> BTreeMap<(Event, Name), i64> {
    let mut changes = BTreeMap::new();
    for changed in &part.changed {
        let Some(key) = changed.key() else { continue };
        let by = match changed.base {
            // Earlier builds did not write it down.
            0 if part.action == BASE => {
                changed.after.unwrap_or(0).saturating_sub(changed.before.unwrap_or(0))
            }
            by => by,
        };
        let sum: &mut i64 = changes.entry(key).or_default();
        *sum = sum.saturating_add(by);
    }
    changes
}
