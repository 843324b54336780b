//! The in-memory fold of hits: (event, name, when) -> count.
//!
//! One tally belongs to one source task, so it has no lock. A name that has been counted keeps its slot across seals,
//! so counting it again allocates nothing: the table is probed with the borrowed name, or the slot is already known
//! ([`crate::Recall`]). The number of cells is bounded; what does not fit is counted under `~overflow` of its event and
//! time, so totals stay exact whatever names arrive. Statuses, which few hits have, are folded separately, and so are
//! the last visits of each name, if they are kept, and the visitors of each day.

mod statuses;
mod visitors;
mod visits;

use crate::{
    ALL, Asker, Counts, Day, Entry, Event, Hit, KeptVisits, MAX_NAME, Minute, Month, Name, OVERFLOW,
    ShortHash, Visit, VisitorHash, When,
};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use statuses::Statuses;
use std::hash::BuildHasher;
use visitors::NotedVisitors;
use visits::Recent;

/// The maximum number of different events in one tally.
const MAX_EVENTS: usize = 256;
/// After this many hits in a row at another time than the hot one, their time becomes the hot one.
const STRAYS: u32 = 64;

/// What [`Tally::add`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// Counted. The slot stays valid until [`Tally::epoch`] changes.
    In(Slot),
    /// The tally is full, so the hit went to `~overflow`.
    Overflow,
}

/// Where a tally keeps one (event, name).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// A bounded fold of hits.
///
/// At any moment nearly all hits belong to one minute, the hot one: their counts are stored together, one for each
/// slot. Counts for other times are in a separate table.
#[derive(Debug)]
pub struct Tally {
    slots: Vec<CountedName>,
    index: HashTable<u32>,
    /// The count of each slot in the hot time: all that a hit on a known slot touches.
    counts: Vec<u64>,
    /// The slots whose hot count is not 0.
    dirty: Vec<u32>,
    hot: When,
    strays: u32,
    cold: HashTable<Cold>,
    statuses: Statuses,
    visits: Recent,
    visitors: NotedVisitors,
    kept: KeptVisits,
    events: Vec<Event>,
    hasher: DefaultHashBuilder,
    limit: usize,
    /// How many slots there are, each long name counted as several.
    places: usize,
    /// The extra room taken by the long names that were counted since the last seal.
    long_in_use: usize,
    epoch: u64,
}

#[derive(Debug)]
struct CountedName {
    hash: ShortHash,
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
    #[must_use]
    pub fn new(limit: usize) -> Tally {
        Tally {
            slots: Vec::new(),
            counts: Vec::new(),
            index: HashTable::new(),
            dirty: Vec::new(),
            hot: When::Day(crate::Day(i32::MIN)),
            strays: 0,
            cold: HashTable::new(),
            statuses: Statuses::new(limit),
            visits: Recent::default(),
            visitors: NotedVisitors::default(),
            kept: KeptVisits::default(),
            events: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            // A slot has a number of 32 bits.
            limit: limit.min(u32::MAX as usize / 2),
            places: 0,
            long_in_use: 0,
            epoch: 0,
        }
    }

    /// Keeps the last visits of each name, as far as they are to be kept.
    #[must_use]
    pub fn keeping_visits(self, kept: KeptVisits) -> Tally {
        Tally { visits: Recent::keeping(kept.last), kept, ..self }
    }

    /// Counts a hit.
    pub fn add(&mut self, hit: &Hit<'_>) -> Added {
        self.add_from(hit, &Asker::default())
    }

    /// The same where more is known of who asked.
    pub fn add_from(&mut self, hit: &Hit<'_>, asker: &Asker) -> Added {
        self.add_with(hit, || hit.visit(asker))
    }

    /// The same of a line that is read now. A clock that is ahead makes no visit that is still to come.
    pub fn add_read(&mut self, hit: &Hit<'_>, asker: &Asker, now: Minute) -> Added {
        self.add_with(hit, || hit.visit(asker).map(|visit| Visit { minute: visit.minute.min(now), ..visit }))
    }

    fn add_with(&mut self, hit: &Hit<'_>, visit: impl FnOnce() -> Option<Visit>) -> Added {
        let added = self.add_named(hit.event, hit.name.as_str(), hit.when, u64::from(hit.weight));
        if let Some(status) = hit.status {
            self.add_status(hit.event, added, hit.when.day().month(), status.as_str(), u64::from(hit.weight));
        }
        if hit.client.is_some() && self.kept.of(hit.event) > 0 {
            self.add_visit(added, visit());
        }
        added
    }

    /// Notes who a visit is of, where it was counted. A visitor counts once a day, however often it is noted.
    ///
    /// Answers whether there was room for it.
    pub fn note_visitor(&mut self, added: Added, day: Day, visitor: VisitorHash) -> bool {
        match added {
            Added::In(Slot(slot)) => self.visitors.add(slot, day, visitor),
            // What is counted under another name has no visitors.
            Added::Overflow => true,
        }
    }

    /// Counts a hit under `~overflow`, because there is no room for its name elsewhere.
    pub fn add_overflow(&mut self, hit: &Hit<'_>) -> Added {
        let number = self.event(hit.event);
        self.overflow(number, hit.when, u64::from(hit.weight))
    }

    /// Counts a hit on a slot that [`Tally::add`] returned in this epoch.
    pub fn add_at(&mut self, slot: Slot, when: When, weight: u32) -> Added {
        self.count(slot.0, when, u64::from(weight))
    }

    /// Changes whenever slots returned earlier become invalid.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Counts what an earlier tally has sealed, for example because the writer has not taken it yet.
    pub fn merge(&mut self, counts: Counts) {
        for entry in counts.entries {
            self.add_named(entry.event, entry.name.as_str(), entry.when, entry.count);
        }
        for status in counts.statuses {
            let event = self.event(status.event);
            let hash = ShortHash::of(&self.hasher, (event, status.name.as_str()));
            let slot = self.find(hash, event, status.name.as_str());
            let added = slot.map_or(Added::Overflow, |slot| Added::In(Slot(slot)));
            self.add_status(status.event, added, status.month, status.status.as_str(), status.count);
        }
        for of_name in counts.visits {
            let event = self.event(of_name.event);
            let hash = ShortHash::of(&self.hasher, (event, of_name.name.as_str()));
            if let Some(slot) = self.find(hash, event, of_name.name.as_str()) {
                of_name.last.into_iter().for_each(|visit| self.visits.add(slot, visit));
            }
        }
        for of_day in counts.visitors {
            let event = self.event(of_day.event);
            let hash = ShortHash::of(&self.hasher, (event, of_day.name.as_str()));
            if let Some(slot) = self.find(hash, event, of_day.name.as_str()) {
                of_day.hashes.into_iter().for_each(|hash| _ = self.visitors.add(slot, of_day.day, hash));
            }
        }
    }

    /// Counts the status of a hit where the hit itself was counted.
    #[cold]
    fn add_status(&mut self, event: Event, added: Added, month: Month, status: &str, count: u64) {
        let slot = match added {
            Added::In(Slot(slot)) => slot,
            Added::Overflow => {
                let event = self.event(event);
                self.overflow_slot(event)
            }
        };
        self.statuses.add(slot, month, status, count);
    }

    /// Remembers a visit of a name. A hit of which only the day is known is not a visit, nor is one of `~overflow`.
    #[cold]
    fn add_visit(&mut self, added: Added, visit: Option<Visit>) {
        if let (Added::In(Slot(slot)), Some(visit)) = (added, visit) {
            self.visits.add(slot, visit);
        }
    }

    fn add_named(&mut self, event: Event, name: &str, when: When, count: u64) -> Added {
        let number = self.event(event);
        let hash = ShortHash::of(&self.hasher, (number, name));
        if let Some(slot) = self.find(hash, number, name) {
            return self.count(slot, when, count);
        }
        let aggregate = name == OVERFLOW || name == ALL;
        if !aggregate && !self.make_room() {
            return self.overflow(number, when, count);
        }
        // Making room may have given events other numbers.
        let before = number;
        let number = self.event(event);
        let hash = if number == before { hash } else { ShortHash::of(&self.hasher, (number, name)) };
        let name = match name {
            ALL => Name::all(),
            OVERFLOW => Name::overflow(),
            // Only validated names get here, so it is one; but a long name is not valid for the event `overflow`.
            name => match Name::of(self.events[usize::from(number)], name) {
                Ok(name) => name,
                Err(_) => return self.overflow(number, when, count),
            },
        };
        let slot = self.insert(hash, number, name);
        self.count(slot, when, count)
    }

    fn overflow(&mut self, event: u16, when: When, count: u64) -> Added {
        let slot = self.overflow_slot(event);
        self.count(slot, when, count);
        Added::Overflow
    }

    fn overflow_slot(&mut self, event: u16) -> u32 {
        let hash = ShortHash::of(&self.hasher, (event, OVERFLOW));
        self.find(hash, event, OVERFLOW).unwrap_or_else(|| self.insert(hash, event, Name::overflow()))
    }

    fn find(&self, hash: ShortHash, event: u16, name: &str) -> Option<u32> {
        let same = |&slot: &u32| {
            let counted = &self.slots[slot as usize];
            counted.hash == hash && counted.event == event && counted.name.as_str() == name
        };
        self.index.find(hash.wide(), same).copied()
    }

    fn insert(&mut self, hash: ShortHash, event: u16, name: Name) -> u32 {
        self.places += 1 + beside(&name);
        let slot = self.slots.len() as u32;
        self.slots.push(CountedName { hash, name, event });
        self.counts.push(0);
        let slots = &self.slots;
        self.index.insert_unique(hash.wide(), slot, |&slot| slots[slot as usize].hash.wide());
        slot
    }

    /// Whether there is room for one more name. If there is none, names that were not counted since the last seal are
    /// dropped; not for every new name, but only if that frees a good part.
    fn make_room(&mut self) -> bool {
        if self.places < self.limit {
            return true;
        }
        if self.len() + self.long_in_use + self.limit / 4 >= self.limit {
            return false;
        }
        let counts = self.take();
        self.clear();
        self.merge(counts);
        true
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.counts.clear();
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
        let hot = &mut self.counts[slot as usize];
        if *hot == 0 {
            self.dirty.push(slot);
            self.long_in_use += beside(&self.slots[slot as usize].name);
        }
        *hot = hot.saturating_add(count);
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
        // Times can be invented as easily as names.
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
            let count = std::mem::take(&mut self.counts[slot as usize]);
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

    /// What has been counted for a name since the last seal, in no order. It scans every cell outside the hot time, so
    /// it is for readers, not for the counting path.
    #[must_use]
    pub fn cells_of(&self, event: Event, name: &str) -> Vec<(When, u64)> {
        let number = self.events.iter().position(|&known| known == event).map(|at| at as u16);
        let slot =
            number.and_then(|number| self.find(ShortHash::of(&self.hasher, (number, name)), number, name));
        let Some(slot) = slot else { return Vec::new() };
        let cold = self.cold.iter().filter(|cold| cold.slot == slot).map(|cold| (cold.when, cold.count));
        let hot = (self.hot, self.counts[slot as usize]);
        cold.chain([hot]).filter(|&(_, count)| count > 0).collect()
    }

    /// How many cells wait to be sealed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dirty.len() + self.cold.len()
    }

    /// Whether nothing has been counted since the last seal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes everything out, sorted by event, name and time. Names keep their slots.
    pub fn seal(&mut self) -> Counts {
        let counts = self.take();
        // Invented events must not keep out real ones forever.
        if self.events.len() >= MAX_EVENTS {
            self.clear();
        }
        counts
    }

    fn take(&mut self) -> Counts {
        let statuses = self.statuses.take(&self.slots, &self.events);
        let visits = self.visits.take(&self.slots, &self.events);
        let visitors = self.visitors.take(&self.slots, &self.events);
        let mut entries = Vec::with_capacity(self.len());
        self.long_in_use = 0;
        let entry = |counted: &CountedName, events: &[Event], when, count| Entry {
            event: events[usize::from(counted.event)],
            name: counted.name.clone(),
            when,
            count,
        };
        for slot in self.dirty.drain(..) {
            let counted = &self.slots[slot as usize];
            let count = std::mem::take(&mut self.counts[slot as usize]);
            entries.push(entry(counted, &self.events, self.hot, count));
        }
        for cold in self.cold.drain() {
            let counted = &self.slots[cold.slot as usize];
            // A time that became hot again is in both; the two are merged into one cell.
            entries.push(entry(counted, &self.events, cold.when, cold.count));
        }
        Counts { visits, visitors, ..Counts::folded(entries, statuses) }
    }

    /// The number of an event in the slots. The sender chooses the event column of a log, so the number of events is
    /// limited like that of names: past the limit, hits count under the event `overflow`.
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

/// How many extra places a name takes besides its slot: a long name uses the memory of several others.
fn beside(name: &Name) -> usize {
    name.as_str().len() / (MAX_NAME + 1)
}

#[cfg(test)]
mod tests;
