//! What the store remembers of a name besides its counts, so that nothing is brought twice: how far its counter at
//! hits.sh was counted. Numbers of old badges are added up, and are in [`brought`](super::brought). The traffic of a
//! repository is none of it: that belongs to GitHub's number of the repository, whatever its name is.
//!
//! It is a position of an instance of its own. A correction changes it in the transaction of the counts, and only if it is
//! still as it was read; the log of corrections has the change, for an undo. The import writes it.

use super::unread;
use crate::import::{hits_sh, named_instance};
use tallymark_core::{Event, Name, NotCorrected, PositionChange};
use tallymark_store::Store;
use uuid::Uuid;

/// What a position says; nothing if there is none.
pub(super) async fn state(store: &dyn Store, instance: Uuid, source: &str) -> Result<String, NotCorrected> {
    let positions = store.positions(Some(instance)).await.map_err(unread)?;
    let found = positions.into_iter().find(|(_, position)| position.source == source);
    Ok(found.map_or_else(String::new, |(_, position)| position.state))
}

/// How it changes with counts that go to another name, or are gone.
pub(super) async fn following(
    store: &dyn Store,
    event: Event,
    name: &Name,
    to: Option<&Name>,
) -> Result<Vec<PositionChange>, NotCorrected> {
    let place = |name: &Name| {
        let source = hits_sh::source(event, name);
        (named_instance(&source), source)
    };
    let (instance, source) = place(name);
    let from = state(store, instance, &source).await?;
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let mut changes = Vec::new();
    if let Some((instance, source)) = to.map(place) {
        let there = state(store, instance, &source).await?;
        // Of two counters, it is not known which one a later answer is of.
        let becomes = if there.is_empty() { from.clone() } else { hits_sh::MERGED.to_owned() };
        if there != becomes {
            changes.push(PositionChange { instance, source, from: there, to: becomes });
        }
    }
    changes.push(PositionChange { instance, source, from, to: String::new() });
    Ok(changes)
}

/// What an undo changes: a memory that is still as the correction left it becomes what it was before.
pub(super) async fn back(
    store: &dyn Store,
    changes: &[PositionChange],
) -> Result<Vec<PositionChange>, NotCorrected> {
    let mut undone = Vec::new();
    for PositionChange { instance, source, from, to } in changes {
        if state(store, *instance, source).await? == *to {
            let (from, to) = (to.clone(), from.clone());
            undone.push(PositionChange { instance: *instance, source: source.clone(), from, to });
        }
    }
    Ok(undone)
}
