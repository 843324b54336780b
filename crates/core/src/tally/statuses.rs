//! The statuses of a tally: (slot, month, status) -> count.
//!
//! A hit without a status never gets here. Statuses are the sender's text, so the number of texts and of cells is
//! limited; those over the limit count as `~overflow` of their name and month.

use super::CountedName;
use crate::{Event, Month, Status, StatusCount, StatusRef};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use std::hash::BuildHasher;

/// The maximum number of different statuses in one tally.
const MAX_TEXTS: usize = 4096;
/// The maximum number of cells, besides those of `~overflow`.
const MAX_CELLS: usize = 65_536;
/// The number of `~overflow`.
const OVERFLOW: u16 = 0;

/// A bounded fold of statuses.
#[derive(Debug)]
pub(super) struct Statuses {
    /// A status keeps its number across seals, so that counting it again allocates nothing.
    texts: Vec<Status>,
    numbers: HashTable<u16>,
    cells: HashTable<StatusCell>,
    hasher: DefaultHashBuilder,
    limit: usize,
}

#[derive(Debug)]
struct StatusCell {
    hash: u64,
    slot: u32,
    month: Month,
    status: u16,
    count: u64,
}

impl Statuses {
    pub(super) fn new(limit: usize) -> Statuses {
        Statuses {
            texts: vec![Status::overflow()],
            numbers: HashTable::new(),
            cells: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            limit: limit.min(MAX_CELLS),
        }
    }

    pub(super) fn add(&mut self, slot: u32, month: Month, status: &str, count: u64) {
        let status = self.number(status);
        let full = self.cells.len() >= self.limit && self.find(slot, month, status).is_none();
        self.add_cell(slot, month, if full { OVERFLOW } else { status }, count);
    }

    fn number(&mut self, status: &str) -> u16 {
        let hash = self.hasher.hash_one(status);
        let texts = &self.texts;
        if let Some(&number) = self.numbers.find(hash, |&n| texts[usize::from(n)].as_str() == status) {
            return number;
        }
        // Only validated statuses get here, and the `~overflow` of an earlier seal, which is not one.
        let Ok(status) = StatusRef::new(status.as_bytes()) else { return OVERFLOW };
        if self.texts.len() >= MAX_TEXTS {
            return OVERFLOW;
        }
        let number = self.texts.len() as u16;
        self.texts.push(status.into());
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.numbers.insert_unique(hash, number, |&n| hasher.hash_one(texts[usize::from(n)].as_str()));
        number
    }

    fn find(&self, slot: u32, month: Month, status: u16) -> Option<&StatusCell> {
        let hash = self.hasher.hash_one((slot, month, status));
        self.cells.find(hash, |cell| (cell.slot, cell.month, cell.status) == (slot, month, status))
    }

    fn add_cell(&mut self, slot: u32, month: Month, status: u16, count: u64) {
        let hash = self.hasher.hash_one((slot, month, status));
        let same = |cell: &StatusCell| (cell.slot, cell.month, cell.status) == (slot, month, status);
        match self.cells.entry(hash, same, |cell| cell.hash) {
            hash_table::Entry::Occupied(mut cell) => {
                let cell = cell.get_mut();
                cell.count = cell.count.saturating_add(count);
            }
            hash_table::Entry::Vacant(place) => {
                place.insert(StatusCell { hash, slot, month, status, count });
            }
        }
    }

    /// Takes every cell out, in no order. Statuses keep their numbers, unless there are too many of them: invented ones
    /// must not keep out real ones forever.
    pub(super) fn take(&mut self, slots: &[CountedName], events: &[Event]) -> Vec<StatusCount> {
        let mut counts = Vec::with_capacity(self.cells.len());
        for cell in self.cells.drain() {
            let counted = &slots[cell.slot as usize];
            counts.push(StatusCount {
                event: events[usize::from(counted.event)],
                name: counted.name.clone(),
                month: cell.month,
                status: self.texts[usize::from(cell.status)].clone(),
                count: cell.count,
            });
        }
        if self.texts.len() >= MAX_TEXTS {
            self.texts.truncate(1);
            self.numbers.clear();
        }
        counts
    }
}
