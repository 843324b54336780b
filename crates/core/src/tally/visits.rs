//! The visits of a tally: a bounded list of (slot, visit) in order of arrival.
//!
//! A hit without a client never gets here, so if no visits are kept this is an empty vector and costs nothing. The row
//! has a fixed capacity, which is reused after every seal. When it is full, only the last few visits of each name stay;
//! if that frees too little, the older half is dropped. Counts do not depend on it.

use super::CountedName;
use crate::{Event, Visit, Visits};
use std::collections::HashMap;

/// The maximum number of visits that wait for a seal.
const MOST: usize = 100_000;

/// The last visits of each slot.
#[derive(Debug, Default)]
pub(super) struct Recent {
    keep: usize,
    row: Vec<(u32, Visit)>,
}

impl Recent {
    pub(super) fn keeping(keep: usize) -> Recent {
        Recent { keep, row: Vec::new() }
    }

    pub(super) fn add(&mut self, slot: u32, visit: Visit) {
        if self.keep == 0 {
            return;
        }
        if self.row.len() >= MOST {
            self.thin_out();
            if self.row.len() > MOST / 4 * 3 {
                self.row.drain(..MOST / 2);
            }
        }
        self.row.push((slot, visit));
    }

    /// Only the last few of each slot stay, in their order.
    fn thin_out(&mut self) {
        let mut seen: HashMap<u32, usize> = HashMap::new();
        let mut stays: Vec<bool> = self
            .row
            .iter()
            .rev()
            .map(|(slot, _)| {
                let seen = seen.entry(*slot).or_default();
                *seen += 1;
                *seen <= self.keep
            })
            .collect();
        self.row.retain(|_| stays.pop().unwrap_or(false));
    }

    /// Takes everything out, by event and name.
    pub(super) fn take(&mut self, slots: &[CountedName], events: &[Event]) -> Vec<Visits> {
        if self.row.is_empty() {
            return Vec::new();
        }
        self.thin_out();
        // Stable, so that visits of a name stay in their order.
        self.row.sort_by_key(|(slot, _)| *slot);
        let of_slots = self.row.chunk_by(|(a, _), (b, _)| a == b);
        let of_slot = |of_slot: &[(u32, Visit)]| {
            let counted = &slots[of_slot.first()?.0 as usize];
            let last = of_slot.iter().map(|(_, visit)| visit.clone()).collect();
            Some(Visits { event: events[usize::from(counted.event)], name: counted.name.clone(), last })
        };
        let mut visits: Vec<Visits> = of_slots.filter_map(of_slot).collect();
        self.row.clear();
        visits.sort_unstable_by(|a, b| (a.event, &a.name).cmp(&(b.event, &b.name)));
        visits
    }
}
