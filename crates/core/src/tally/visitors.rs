//! The visitors of a tally: a bounded set of (slot, day, hash).
//!
//! Only a visit whose visitor is known gets here, so without such visits this is an empty set and costs nothing.

use super::CountedName;
use crate::{Day, DayVisitors, Event, VisitorHash, batch::MAX_BATCH_VISITORS};
use hashbrown::HashSet;

/// The maximum number of visitors that wait for a seal: about 12 MB.
const MOST: usize = 500_000;

/// The visitors of each slot and day.
#[derive(Debug, Default)]
pub(super) struct NotedVisitors(HashSet<(u32, Day, VisitorHash)>);

impl NotedVisitors {
    /// Whether there was room for it.
    pub(super) fn add(&mut self, slot: u32, day: Day, hash: VisitorHash) -> bool {
        let one = (slot, day, hash);
        if self.0.len() >= MOST {
            return self.0.contains(&one);
        }
        self.0.insert(one);
        true
    }

    /// Takes everything out, by event, name and day.
    pub(super) fn take(&mut self, slots: &[CountedName], events: &[Event]) -> Vec<DayVisitors> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut row: Vec<_> = self.0.drain().collect();
        row.sort_unstable();
        let mut visitors = Vec::new();
        for of_day in row.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            for part in of_day.chunks(MAX_BATCH_VISITORS) {
                let Some(&(slot, day, _)) = part.first() else { continue };
                let counted = &slots[slot as usize];
                let (event, name) = (events[usize::from(counted.event)], counted.name.clone());
                let hashes = part.iter().map(|&(.., hash)| hash).collect();
                visitors.push(DayVisitors { event, name, day, hashes });
            }
        }
        visitors.sort_unstable();
        visitors
    }
}
