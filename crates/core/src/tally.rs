//! The in-memory fold of hits: (event, name, when) -> count.
//!
//! One tally belongs to one source task, so it has no lock. A name that has been counted keeps a slot over the seals, so
//! counting it again allocates nothing: the table is probed with the borrowed name, or the slot is known already
//! ([`crate::Recall`]). The number of cells is bounded; what does not fit is counted under `~overflow` of its event and
//! time, so totals stay exact whatever names arrive.

use crate::{ALL, Entry, Event, Hit, MAX_NAME, Name, OVERFLOW, When};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use std::hash::BuildHasher;

/// How many different events one tally holds.
const MAX_EVENTS: usize = 256;
/// After so many hits in a row that were of another time than the hot one, their time is the hot one.
const STRAYS: u32 = 64;

/// What [`Tally::add`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// Counted. The slot stays good until [`Tally::epoch`] changes.
    In(Slot),
    /// The tally is full, so the hit went to `~overflow`.
    Overflow,
}

/// Where a tally keeps one (event, name).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// A bounded fold of hits.
///
/// Nearly all hits of a moment are of one minute, the hot one: their count stands in the slot itself. Whatever is of
/// another time is in a table beside it.
#[derive(Debug)]
pub struct Tally {
    slots: Vec<Counted>,
    index: HashTable<u32>,
    /// The slots whose hot count is not 0.
    dirty: Vec<u32>,
    hot: When,
    strays: u32,
    cold: HashTable<Cold>,
    events: Vec<Event>,
    hasher: DefaultHashBuilder,
    limit: usize,
    /// How many slots there are, each long name counted as several.
    places: usize,
    /// What the long names counted since the last seal take beside their cells.
    long_in_use: usize,
    epoch: u64,
}

#[derive(Debug)]
struct Counted {
    hash: u64,
    hot: u64,
    name: Name,
    event: u16,
}

#[derive(Debug)]
struct Cold {
    hash: u64,
    slot: u32,
    when: When,
    count: u64,
}

impl Tally {
    /// An empty tally of at most `limit` cells, besides those of `~overflow`. Long names take the room of several.
    pub fn new(limit: usize) -> Tally {
        Tally {
            slots: Vec::new(),
            index: HashTable::new(),
            dirty: Vec::new(),
            hot: When::Day(crate::Day(i32::MIN)),
            strays: 0,
            cold: HashTable::new(),
            events: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            // A slot has a number of 32 bits.
            limit: limit.min(u32::MAX as usize / 2),
            places: 0,
            long_in_use: 0,
            epoch: 0,
        }
    }

    /// Counts a hit.
    pub fn add(&mut self, hit: &Hit<'_>) -> Added {
        self.add_named(hit.event, hit.name.as_str(), hit.when, u64::from(hit.weight))
    }

    /// Counts a hit on a slot that [`Tally::add`] has answered in this epoch.
    pub fn add_at(&mut self, slot: Slot, when: When, weight: u32) -> Added {
        self.count(slot.0, when, u64::from(weight))
    }

    /// Changes whenever slots answered before are good no more.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Counts what an earlier tally had sealed, for example because the flusher did not take it yet.
    pub fn merge(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.add_named(entry.event, entry.name.as_str(), entry.when, entry.count);
        }
    }

    fn add_named(&mut self, event: Event, name: &str, when: When, count: u64) -> Added {
        let number = self.event(event);
        let hash = self.hasher.hash_one((number, name));
        if let Some(slot) = self.find(hash, number, name) {
            return self.count(slot, when, count);
        }
        let aggregate = name == OVERFLOW || name == ALL;
        if !aggregate && !self.make_room() {
            return self.overflow(number, when, count);
        }
        // Making room may have given events other numbers.
        let number = self.event(event);
        let name = match name {
            ALL => Name::all(),
            OVERFLOW => Name::overflow(),
            // Only checked names come in, so it is one; but not of the event `overflow`, if it is a long one.
            name => match Name::of(self.events[usize::from(number)], name) {
                Ok(name) => name,
                Err(_) => return self.overflow(number, when, count),
            },
        };
        let slot = self.insert(number, name);
        self.count(slot, when, count)
    }

    fn overflow(&mut self, event: u16, when: When, count: u64) -> Added {
        let hash = self.hasher.hash_one((event, OVERFLOW));
        let slot = self.find(hash, event, OVERFLOW).unwrap_or_else(|| self.insert(event, Name::overflow()));
        self.count(slot, when, count);
        Added::Overflow
    }

    fn find(&self, hash: u64, event: u16, name: &str) -> Option<u32> {
        let same = |&slot: &u32| {
            let counted = &self.slots[slot as usize];
            counted.hash == hash && counted.event == event && counted.name.as_str() == name
        };
        self.index.find(hash, same).copied()
    }

    fn insert(&mut self, event: u16, name: Name) -> u32 {
        let hash = self.hasher.hash_one((event, name.as_str()));
        self.places += 1 + beside(&name);
        let slot = self.slots.len() as u32;
        self.slots.push(Counted { hash, hot: 0, name, event });
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |&slot| slots[slot as usize].hash);
        slot
    }

    /// Whether there is room for one more name. Names that were not counted since the last seal make room when there is
    /// none; not for every name, but when that gives back a good part.
    fn make_room(&mut self) -> bool {
        if self.places < self.limit {
            return true;
        }
        if self.len() + self.long_in_use + self.limit / 4 >= self.limit {
            return false;
        }
        let entries = self.take();
        self.clear();
        self.merge(entries);
        true
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.places = 0;
        self.index.clear();
        self.events.clear();
        self.epoch += 1;
    }

    fn count(&mut self, slot: u32, when: When, count: u64) -> Added {
        if when != self.hot {
            return self.count_stray(slot, when, count);
        }
        self.strays = 0;
        let counted = &mut self.slots[slot as usize];
        if counted.hot == 0 {
            self.dirty.push(slot);
            self.long_in_use += beside(&counted.name);
        }
        counted.hot = counted.hot.saturating_add(count);
        Added::In(Slot(slot))
    }

    #[cold]
    fn count_stray(&mut self, slot: u32, when: When, count: u64) -> Added {
        self.strays += 1;
        if self.strays > STRAYS {
            self.strays = 0;
            self.turn_to(when);
            return self.count(slot, when, count);
        }
        // Times are made up as easily as names.
        let new = self.find_cold(slot, when).is_none();
        if new && self.len() >= self.limit && self.slots[slot as usize].name.as_str() != OVERFLOW {
            return self.overflow(self.slots[slot as usize].event, when, count);
        }
        self.add_cold(slot, when, count);
        Added::In(Slot(slot))
    }

    /// Makes another time the hot one.
    fn turn_to(&mut self, when: When) {
        let before = self.hot;
        for slot in std::mem::take(&mut self.dirty) {
            let count = std::mem::take(&mut self.slots[slot as usize].hot);
            self.add_cold(slot, before, count);
        }
        self.hot = when;
    }

    fn find_cold(&self, slot: u32, when: When) -> Option<&Cold> {
        let hash = self.hasher.hash_one((slot, when));
        self.cold.find(hash, |cold| cold.slot == slot && cold.when == when)
    }

    fn add_cold(&mut self, slot: u32, when: When, count: u64) {
        let hash = self.hasher.hash_one((slot, when));
        match self.cold.entry(hash, |cold| cold.slot == slot && cold.when == when, |cold| cold.hash) {
            hash_table::Entry::Occupied(mut cold) => {
                let cold = cold.get_mut();
                cold.count = cold.count.saturating_add(count);
            }
            hash_table::Entry::Vacant(place) => {
                self.long_in_use += beside(&self.slots[slot as usize].name);
                place.insert(Cold { hash, slot, when, count });
            }
        }
    }

    /// What has been counted on a name since the last seal, in no order. It looks at every cell of another time than the
    /// hot one, so it is for those who ask, not for those who count.
    pub fn cells_of(&self, event: Event, name: &str) -> Vec<(When, u64)> {
        let number = self.events.iter().position(|&known| known == event).map(|at| at as u16);
        let slot = number.and_then(|number| self.find(self.hasher.hash_one((number, name)), number, name));
        let Some(slot) = slot else { return Vec::new() };
        let cold = self.cold.iter().filter(|cold| cold.slot == slot).map(|cold| (cold.when, cold.count));
        let hot = (self.hot, self.slots[slot as usize].hot);
        cold.chain([hot]).filter(|&(_, count)| count > 0).collect()
    }

    /// How many cells wait to be sealed.
    pub fn len(&self) -> usize {
        self.dirty.len() + self.cold.len()
    }

    /// Whether nothing has been counted since the last seal.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes everything out, sorted by event, name and time. Names keep their slots.
    pub fn seal(&mut self) -> Vec<Entry> {
        let entries = self.take();
        // Made-up events must not keep real ones out for ever.
        if self.events.len() >= MAX_EVENTS {
            self.clear();
        }
        entries
    }

    fn take(&mut self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.len());
        self.long_in_use = 0;
        let entry = |counted: &Counted, events: &[Event], when, count| Entry {
            event: events[usize::from(counted.event)],
            name: counted.name.clone(),
            when,
            count,
        };
        for slot in self.dirty.drain(..) {
            let counted = &mut self.slots[slot as usize];
            let count = std::mem::take(&mut counted.hot);
            entries.push(entry(counted, &self.events, self.hot, count));
        }
        for cold in self.cold.drain() {
            let counted = &self.slots[cold.slot as usize];
            // What became hot again stands in both; the two are one cell.
            entries.push(entry(counted, &self.events, cold.when, cold.count));
        }
        entries.sort_unstable();
        entries.dedup_by(|next, kept| {
            let same = (next.event, next.when) == (kept.event, kept.when) && next.name == kept.name;
            if same {
                kept.count = kept.count.saturating_add(next.count);
            }
            same
        });
        entries
    }

    /// The number that stands for an event in the slots. The event column of a log is the sender's, so the number of
    /// events is bounded like that of names: past the limit, hits count under the event `overflow`.
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

/// How many places a name takes beside the one of its slot: a long one holds the memory of so many others.
fn beside(name: &Name) -> usize {
    name.as_str().len() / (MAX_NAME + 1)
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

    fn sealed(tally: &mut Tally) -> Vec<(String, When, u64)> {
        tally.seal().into_iter().map(|e| (e.name.to_string(), e.when, e.count)).collect()
    }

    #[test]
    fn seal_empties_and_sorts() {
        let mut tally = Tally::new(10);
        let minute = When::Minute(Minute(5));
        for (name, when, weight) in
            [("b", minute, 1), ("a", minute, 2), ("b", minute, 3), ("b", When::Day(Day(0)), 1)]
        {
            assert!(matches!(tally.add(&hit(name, when, weight)), Added::In(_)));
        }
        let expect = [("a".into(), minute, 2), ("b".into(), minute, 4), ("b".into(), When::Day(Day(0)), 1)];
        let mut cells = tally.cells_of(Event::HIT, "b");
        cells.sort_unstable();
        assert_eq!(cells, [(minute, 4), (When::Day(Day(0)), 1)]);
        assert!(tally.cells_of(Event::HIT, "c").is_empty() && tally.cells_of(Event::URL, "b").is_empty());
        assert_eq!(sealed(&mut tally), expect);
        assert!(tally.is_empty() && tally.seal().is_empty() && tally.cells_of(Event::HIT, "b").is_empty());
    }

    #[test]
    fn slots_stay_good_over_seals_and_minutes() {
        let mut tally = Tally::new(10);
        let Added::In(slot) = tally.add(&hit("a", When::Minute(Minute(1)), 1)) else {
            panic!("there is room")
        };
        tally.seal();
        for minute in 1..=200 {
            tally.add_at(slot, When::Minute(Minute(minute / 100)), 2);
        }
        let expect = [0, 1, 2].map(|minute| ("a".to_owned(), When::Minute(Minute(minute))));
        let sealed = sealed(&mut tally);
        assert_eq!(sealed.iter().map(|(name, when, _)| (name.clone(), *when)).collect::<Vec<_>>(), expect);
        assert_eq!(sealed.iter().map(|(_, _, count)| *count).collect::<Vec<_>>(), [198, 200, 2]);
        assert_eq!(tally.epoch(), 0);
    }

    #[test]
    fn full_tally_counts_new_names_under_overflow_and_known_ones_exactly() {
        let mut tally = Tally::new(2);
        let when = When::Day(Day(1));
        for name in ["a", "b", "c", "d", "a", "c"] {
            tally.add(&hit(name, when, 1));
        }
        let expect = [("a".into(), when, 2), ("b".into(), when, 1), ("~overflow".into(), when, 3)];
        assert_eq!(sealed(&mut tally), expect);
    }

    #[test]
    fn names_of_earlier_ticks_make_room_for_new_ones() {
        let mut tally = Tally::new(8);
        let when = When::Day(Day(1));
        for n in 0..100 {
            let name = format!("n{n}");
            assert!(matches!(tally.add(&hit(&name, when, 1)), Added::In(_)), "{name}");
            if n % 4 == 3 {
                assert_eq!(tally.seal().len(), 4);
            }
        }
        assert!(tally.epoch() > 0, "slots were given to others");
    }

    #[test]
    fn long_names_take_the_room_of_several() {
        let mut tally = Tally::new(100);
        let count = |tally: &mut Tally, n: u32, event| {
            let name = format!("{n:02048}");
            let name = NameRef::of(Event::URL, name.as_bytes()).unwrap();
            tally.add(&Hit::one(event, name, When::Day(Day(1))))
        };
        for round in 0..3 {
            let counted = (0..50).map(|n| count(&mut tally, 50 * round + n, Event::URL));
            let fit = counted.filter(|added| matches!(added, Added::In(_))).count();
            assert!((5..=10).contains(&fit), "{fit}");
            let sealed = tally.seal();
            assert_eq!(sealed.iter().map(|e| e.count).sum::<u64>(), 50);
            assert_eq!(sealed.len(), fit + 1);
        }
        // An event that is none of its own any more has no long names.
        assert_eq!(count(&mut tally, 1, Event::OVERFLOW), Added::Overflow);
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
        /// Any order of adds, seals and merges is the same as a plain map. Where names or times do not fit, the counts
        /// of each event and time are the same all the same.
        #[test]
        fn fold_equals_a_plain_map(
            hits in prop::collection::vec((0u8..3, 0u8..30, 0i32..3, 1u32..5, 0u8..20), 0..400), limit in 4usize..300,
        ) {
            let mut tally = Tally::new(limit);
            let (mut plain, mut sum) = (Sums::new(), Sums::new());
            for (event, name, when, weight, what) in hits {
                let event = Event::new(&[b'a' + event]).unwrap();
                let name = format!("n{name}");
                let when = if when == 0 { When::Day(Day(0)) } else { When::Minute(Minute(when)) };
                tally.add(&Hit { event, ..hit(&name, when, weight) });
                *plain.entry((event, name, when)).or_default() += u64::from(weight);
                match what {
                    0 => {
                        let sealed = tally.seal();
                        tally.merge(sealed);
                    }
                    1 => add(&mut sum, tally.seal()),
                    _ => {}
                }
            }
            add(&mut sum, tally.seal());
            prop_assert_eq!(by_time(&sum), by_time(&plain));
            // 3 events, 30 names, 3 times: here everything fits.
            if limit >= 270 {
                prop_assert_eq!(sum, plain);
            }
        }
    }

    type Sums = BTreeMap<(Event, String, When), u64>;

    fn add(sums: &mut Sums, entries: Vec<Entry>) {
        for entry in entries {
            *sums.entry((entry.event, entry.name.to_string(), entry.when)).or_default() += entry.count;
        }
    }

    fn by_time(sums: &Sums) -> BTreeMap<(Event, When), u64> {
        let mut by_time = BTreeMap::new();
        for ((event, _, when), count) in sums {
            *by_time.entry((*event, *when)).or_default() += count;
        }
        by_time
    }
}
