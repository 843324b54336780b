//! What the store remembers of a name besides its counts, so that nothing is brought twice: how far its counter at
//! hits.sh was counted, and its traffic on GitHub. Numbers of old badges are added up, and are in [`brought`](super::brought).
//!
//! Each is a position of an instance of its own. A correction changes it in the transaction of the counts, and only if it is
//! still as it was read; the log of corrections has the change, for an undo. The imports and the archive write them.

use super::unread;
use crate::import::{hits_sh, named_instance};
use tallymark_core::{Event, Name, NotCorrected, PositionChange};
use tallymark_store::Store;
use uuid::Uuid;

/// The positions of an archive of traffic: how far views, with their visitors, and clones were counted.
pub const TRAFFIC_SOURCES: [&str; 2] = ["traffic:views", "traffic:clones"];

/// Whose positions these are. GitHub knows one repository in any case, and counts must not come twice.
#[must_use]
pub fn traffic_instance(name: &Name) -> Uuid {
    named_instance(&format!("traffic:{}", name.as_str().to_lowercase()))
}

/// One memory of a name.
struct MemoryPlace {
    instance: Uuid,
    source: String,
    /// A name that gave its counts away keeps it: the daemon would bring the same days again by itself.
    stays: bool,
}

impl MemoryPlace {
    /// All that there may be. Views and their visitors come together, so the traffic's follow a name only as a whole.
    fn of(event: Event, name: &Name, is_whole: bool) -> Vec<MemoryPlace> {
        let source = hits_sh::source(event, name);
        let mut places = vec![MemoryPlace { instance: named_instance(&source), source, stays: false }];
        let [views, clones] = TRAFFIC_SOURCES;
        let source = match event.as_str() {
            // Visitors come with the views.
            "gh-views" => Some(views),
            "gh-clones" => Some(clones),
            _ => None,
        };
        let of_traffic = |source: &str| MemoryPlace {
            instance: traffic_instance(name),
            source: source.to_owned(),
            stays: true,
        };
        places.extend(source.filter(|_| is_whole).map(of_traffic));
        places
    }

    async fn state(&self, store: &dyn Store) -> Result<String, NotCorrected> {
        state(store, self.instance, &self.source).await
    }

    fn change(self, from: String, to: String) -> Option<PositionChange> {
        let MemoryPlace { instance, source, .. } = self;
        (from != to).then_some(PositionChange { instance, source, from, to })
    }
}

/// What a position says; nothing if there is none.
pub(super) async fn state(store: &dyn Store, instance: Uuid, source: &str) -> Result<String, NotCorrected> {
    let positions = store.positions(Some(instance)).await.map_err(unread)?;
    let found = positions.into_iter().find(|(_, position)| position.source == source);
    Ok(found.map_or_else(String::new, |(_, position)| position.state))
}

/// How it changes with counts that go to another name, or are gone, of every event or of one alone.
pub(super) async fn following(
    store: &dyn Store,
    event: Event,
    (name, is_whole): (&Name, bool),
    to: Option<&Name>,
) -> Result<Vec<PositionChange>, NotCorrected> {
    let mut changes = Vec::new();
    let mut others = to.map(|to| MemoryPlace::of(event, to, is_whole)).unwrap_or_default().into_iter();
    for place in MemoryPlace::of(event, name, is_whole) {
        let (known, other) = (place.state(store).await?, others.next());
        if known.is_empty() {
            continue;
        }
        if let Some(other) = other {
            let there = other.state(store).await?;
            // Of two counters, it is not known which one a later answer is of.
            let becomes = match (there.is_empty(), place.stays) {
                (true, _) => known.clone(),
                (false, true) => there.clone(),
                (false, false) => hits_sh::MERGED.to_owned(),
            };
            changes.extend(other.change(there, becomes));
        }
        if to.is_none() || !place.stays {
            changes.extend(place.change(known, String::new()));
        }
    }
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
