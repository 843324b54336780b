//! The in-memory fold of hits: (event, name, when) -> count.
//!
//! One tally belongs to one source task, so it has no lock. Adding to a name that is already in it allocates nothing:
//! the table is probed with the borrowed name. The number of cells is bounded; what does not fit is counted under
//! `~overflow` of its event and day, so totals stay exact whatever names arrive.

use crate::{Entry, Event, Hit, Name, OVERFLOW, When};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use std::hash::BuildHasher;

/// How many different events one tally holds.
const MAX_EVENTS: usize = 256;

/// What [`Tally::add`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The cell was there.
    Known,
    /// A new cell.
    New,
    /// The tally is full, so the hit went to `~overflow`.
    Overflow,
}

/// A bounded fold of hits.
#[derive(Debug)]
pub struct Tally {
    cells: HashTable<Cell>,
    events: Vec<Event>,
    hasher: DefaultHashBuilder,
    limit: usize,
}

#[derive(Debug)]
struct Cell {
    hash: u64,
    event: u16,
    when: When,
    name: Name,
    count: u64,
}

impl Tally {
    /// An empty tally of at most `limit` cells, besides those of `~overflow`.
    pub fn new(limit: usize) -> Tally {
        Tally { cells: HashTable::new(), events: Vec::new(), hasher: DefaultHashBuilder::default(), limit }
    }

    /// Counts a hit.
    pub fn add(&mut self, hit: &Hit<'_>) -> Added {
        let event = self.event(hit.event);
        self.add_cell(event, hit.name.as_str(), hit.when, u64::from(hit.weight))
    }

    /// Counts what an earlier tally had sealed, for example because the flusher did not take it yet.
    pub fn merge(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let event = self.event(entry.event);
            self.add_cell(event, entry.name.as_str(), entry.when, entry.count);
        }
    }

    fn add_cell(&mut self, event: u16, name: &str, when: When, count: u64) -> Added {
        let hash = self.hasher.hash_one((event, when, name));
        let same = |cell: &Cell| {
            cell.hash == hash && cell.event == event && cell.when == when && cell.name.as_str() == name
        };
        let full = self.cells.len() >= self.limit;
        match self.cells.entry(hash, same, |cell| cell.hash) {
            hash_table::Entry::Occupied(mut cell) => {
                let cell = cell.get_mut();
                cell.count = cell.count.saturating_add(count);
                Added::Known
            }
            hash_table::Entry::Vacant(_) if full && name != OVERFLOW => {
                self.add_cell(event, OVERFLOW, when, count);
                Added::Overflow
            }
            hash_table::Entry::Vacant(place) => {
                let name = if name == OVERFLOW { Some(Name::overflow()) } else { Name::new(name).ok() };
                // Only checked names come in, so this is always Some.
                if let Some(name) = name {
                    place.insert(Cell { hash, event, when, name, count });
                }
                Added::New
            }
        }
    }

    /// How many cells it has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether nothing has been counted since the last seal.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Takes everything out, sorted by event, name and time, and leaves the tally empty with its memory kept.
    pub fn seal(&mut self) -> Vec<Entry> {
        let events = &self.events;
        let entry = |cell: Cell| Entry {
            event: events[usize::from(cell.event)],
            name: cell.name,
            when: cell.when,
            count: cell.count,
        };
        let mut entries: Vec<Entry> = self.cells.drain().map(entry).collect();
        entries.sort_unstable();
        self.events.clear();
        entries
    }

    /// The number that stands for an event in the cells. The event column of a log is the sender's, so the number
    /// of events is bounded like that of names: past the limit, hits count under the event `overflow`.
    fn event(&mut self, event: Event) -> u16 {
        if let Some(at) = self.events.iter().position(|&known| known == event) {
            return at as u16;
        }
        if self.events.len() >= MAX_EVENTS && event != Event::OVERFLOW {
            return self.event(Event::OVERFLOW);
        }
        self.events.push(event);
        (self.events.len() - 1) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Day, Minute, NameRef};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn hit(name: &str, when: When, weight: u32) -> Hit<'_> {
        Hit { weight, ..Hit::one(Event::HIT, NameRef::new(name.as_bytes()).unwrap(), when) }
    }

    #[test]
    fn seal_empties_and_sorts() {
        let mut tally = Tally::new(10);
        let minute = When::Minute(Minute(5));
        assert_eq!(tally.add(&hit("b", minute, 1)), Added::New);
        assert_eq!(tally.add(&hit("a", minute, 2)), Added::New);
        assert_eq!(tally.add(&hit("b", minute, 3)), Added::Known);
        assert_eq!(tally.add(&hit("b", When::Day(Day(0)), 1)), Added::New);
        let sealed: Vec<_> =
            tally.seal().into_iter().map(|e| (e.name.to_string(), e.when, e.count)).collect();
        assert_eq!(
            sealed,
            [("a".into(), minute, 2), ("b".into(), minute, 4), ("b".into(), When::Day(Day(0)), 1)]
        );
        assert!(tally.is_empty() && tally.seal().is_empty());
    }

    #[test]
    fn full_tally_counts_new_names_under_overflow_and_known_ones_exactly() {
        let mut tally = Tally::new(2);
        let when = When::Day(Day(1));
        for name in ["a", "b", "c", "d", "a", "c"] {
            tally.add(&hit(name, when, 1));
        }
        let sealed: Vec<_> = tally.seal().into_iter().map(|e| (e.name.to_string(), e.count)).collect();
        assert_eq!(sealed, [("a".into(), 2), ("b".into(), 1), ("~overflow".into(), 3)]);
    }

    #[test]
    fn made_up_events_are_bounded_and_still_counted() {
        let mut tally = Tally::new(10_000);
        for n in 0..1000 {
            let event = Event::new(format!("e{n}").as_bytes()).unwrap();
            tally.add(&Hit { event, ..hit("a", When::Day(Day(1)), 1) });
        }
        let sealed = tally.seal();
        assert_eq!(sealed.len(), MAX_EVENTS + 1);
        assert_eq!(sealed.iter().map(|e| e.count).sum::<u64>(), 1000);
        assert!(sealed.iter().any(|e| e.event == Event::OVERFLOW && e.count == 1000 - MAX_EVENTS as u64));
    }

    #[test]
    fn counts_saturate() {
        let mut tally = Tally::new(2);
        let entry = |count| Entry {
            event: Event::HIT,
            name: Name::new("a").unwrap(),
            when: When::Day(Day(1)),
            count,
        };
        tally.merge(vec![entry(u64::MAX - 1)]);
        tally.merge(vec![entry(5)]);
        assert_eq!(tally.seal()[0].count, u64::MAX);
    }

    proptest! {
        /// Any order of adds, seals and merges is the same as a plain map.
        #[test]
        fn fold_equals_a_plain_map(hits in prop::collection::vec((0u8..3, 0u8..6, 0i32..3, 1u32..5, any::<bool>()), 0..200)) {
            let mut tally = Tally::new(1000);
            let mut plain: BTreeMap<(Event, String, When), u64> = BTreeMap::new();
            for (event, name, when, weight, reseal) in hits {
                let event = Event::new(&[b'a' + event]).unwrap();
                let name = format!("n{name}");
                let when = if when == 0 { When::Day(Day(0)) } else { When::Minute(Minute(when)) };
                tally.add(&Hit { event, ..hit(&name, when, weight) });
                *plain.entry((event, name, when)).or_default() += u64::from(weight);
                if reseal {
                    let sealed = tally.seal();
                    tally.merge(sealed);
                }
            }
            let sealed: BTreeMap<_, _> =
                tally.seal().into_iter().map(|e| ((e.event, e.name.to_string(), e.when), e.count)).collect();
            prop_assert_eq!(sealed, plain);
        }
    }
}
