//! The counts that a process has added to totals and days, but not yet to hours and minutes.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Range,
};
use tallymark_core::{Batch, Entry, Event, Levels, Minute, Name, Span, Step, When};
use uuid::Uuid;

/// What names are owed, by minute.
type MinuteCells = BTreeMap<(Name, Minute), i64>;

/// By event, and in the order of names, so that they can be gone through in pieces.
#[derive(Debug, Default)]
pub(super) struct OwedMinutes {
    cells: BTreeMap<Event, MinuteCells>,
    /// Whose batches, and up to which number each kind of them was heard of: a store that has lost its tail gets them
    /// again.
    of: Uuid,
    days: u64,
    minutes: u64,
    /// Sent without an answer: the store may have these or not.
    unsure: Vec<Batch>,
}

impl OwedMinutes {
    /// The store has this one.
    pub(super) fn applied(&mut self, batch: &Batch) {
        // Whatever waits for an answer has an instance of its own, and comes whole.
        if batch.levels == Levels::All {
            return;
        }
        if batch.instance != self.of {
            (self.of, self.days, self.minutes) = (batch.instance, 0, 0);
            self.unsure.clear();
        }
        self.unsure.retain(|unsure| unsure.seq != batch.seq);
        match batch.levels {
            Levels::Days if batch.seq > self.days => {
                self.days = batch.seq;
                self.change(&batch.entries, add);
            }
            Levels::Minutes if batch.seq > self.minutes => {
                self.minutes = batch.seq;
                self.change(&batch.entries, take);
            }
            _ => {}
        }
    }

    /// No answer came.
    pub(super) fn sent(&mut self, batches: &[Batch]) {
        self.unsure = batches.iter().filter(|batch| batch.levels == Levels::Minutes).cloned().collect();
    }

    /// Whose marker says what became of batches without an answer, if there are any.
    pub(super) fn asks_for(&self) -> Option<Uuid> {
        self.unsure.first().map(|batch| batch.instance)
    }

    /// What the marker says.
    pub(super) fn hear(&mut self, instance: Uuid, marker: u64) {
        let there = |batch: &Batch| batch.instance == instance && batch.seq <= marker;
        for batch in self.unsure.clone().into_iter().filter(there) {
            self.applied(&batch);
        }
    }

    fn change(&mut self, entries: &[Entry], change: fn(&mut MinuteCells, Name, Minute, i64)) {
        for of_event in entries.chunk_by(|a, b| a.event == b.event) {
            let Some(Entry { event, .. }) = of_event.first() else { continue };
            let cells = self.cells.entry(*event).or_default();
            let mut all: BTreeMap<Minute, i64> = BTreeMap::new();
            for entry in of_event {
                let When::Minute(minute) = entry.when else { continue };
                let count = i64::try_from(entry.count).unwrap_or(i64::MAX);
                if entry.name.as_str() != tallymark_core::ALL {
                    let sum = all.entry(minute).or_default();
                    *sum = sum.saturating_add(count);
                }
                change(cells, entry.name.clone(), minute, count);
            }
            for (minute, count) in all {
                change(cells, Name::all(), minute, count);
            }
        }
    }

    /// The buckets of a series that something is owed to, ascending.
    pub(super) fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        range: &Range<i32>,
    ) -> Vec<(i32, i64)> {
        let bucket = |minute: Minute| if step == Step::Hour { minute.hour().0 } else { minute.0 };
        let mut found: Vec<(i32, i64)> = Vec::new();
        for (minute, count) in
            self.of_name(event, name).filter(|&(minute, _)| range.contains(&bucket(minute)))
        {
            match found.last_mut() {
                Some((at, sum)) if *at == bucket(minute) => *sum = sum.saturating_add(count),
                _ => found.push((bucket(minute), count)),
            }
        }
        found
    }

    /// What is owed to a name in a span. Days are owed nothing.
    pub(super) fn count(&self, event: Event, name: &Name, span: Span) -> i64 {
        let in_span = self.of_name(event, name).filter(|&(minute, _)| lies_in(minute, span));
        in_span.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Some names behind another that something is owed to in a span, in their order; never an aggregate.
    pub(super) fn names(&self, event: Event, span: Span, behind: Option<&Name>, most: usize) -> Vec<Name> {
        let Some(cells) = self.cells.get(&event) else { return Vec::new() };
        let behind = behind.map(|name| (name.clone(), Minute(i32::MAX)));
        let from = behind.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let cells = cells.range((from, std::ops::Bound::Unbounded));
        let in_span = cells.filter(|((name, minute), _)| lies_in(*minute, span) && !name.is_aggregate());
        let mut names: Vec<Name> = Vec::new();
        for ((name, _), _) in in_span {
            if names.last() != Some(name) {
                if names.len() == most {
                    break;
                }
                names.push(name.clone());
            }
        }
        names
    }

    fn of_name(&self, event: Event, name: &Name) -> impl Iterator<Item = (Minute, i64)> {
        let range = (name.clone(), Minute(i32::MIN))..=(name.clone(), Minute(i32::MAX));
        let cells = self.cells.get(&event).map(|cells| cells.range(range));
        cells.into_iter().flatten().map(|((_, minute), &count)| (*minute, count))
    }
}

fn lies_in(minute: Minute, span: Span) -> bool {
    match span {
        Span::All | Span::Days(..) => false,
        Span::Hour(hour) => minute.hour() == hour,
        Span::Minutes(from, to) => (from..=to).contains(&minute),
    }
}

fn add(cells: &mut MinuteCells, name: Name, minute: Minute, count: i64) {
    let sum = cells.entry((name, minute)).or_default();
    *sum = sum.saturating_add(count);
}

/// An earlier process may have held it back.
fn take(cells: &mut MinuteCells, name: Name, minute: Minute, count: i64) {
    let btree_map::Entry::Occupied(mut cell) = cells.entry((name, minute)) else { return };
    match cell.get().saturating_sub(count) {
        ..=0 => _ = cell.remove(),
        left => _ = cell.insert(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(seq: u64, levels: Levels, minute: i32, count: u64) -> Batch {
        let (event, name, when) = (Event::HIT, Name::new("a").unwrap(), When::Minute(Minute(minute)));
        Batch::of(Uuid::from_u128(1), seq, vec![Entry { event, name, when, count }]).on(levels)
    }

    fn minutes(owed: &OwedMinutes, name: &Name) -> Vec<(i32, i64)> {
        owed.series(Event::HIT, name, Step::Minute, &(0..1000))
    }

    #[test]
    fn what_is_written_is_owed_no_more_however_often_it_is_told() {
        let mut owed = OwedMinutes::default();
        let name = Name::new("a").unwrap();
        let days =
            [batch(1, Levels::Days, 59, 2), batch(2, Levels::Days, 60, 3), batch(3, Levels::Days, 59, 1)];
        // The store has lost its tail once, and what an errand writes is whole.
        for batch in days.iter().chain(&days[1..]).chain([&batch(9, Levels::All, 59, 50)]) {
            owed.applied(batch);
        }
        for name in [&name, &Name::all()] {
            assert_eq!(minutes(&owed, name), [(59, 3), (60, 3)]);
            assert_eq!(owed.series(Event::HIT, name, Step::Hour, &(0..2)), [(0, 3), (1, 3)]);
        }
        assert_eq!(
            owed.names(Event::HIT, Span::last_minutes(Minute(60), 1), None, 5),
            std::slice::from_ref(&name)
        );
        assert_eq!(owed.names(Event::HIT, Span::last_minutes(Minute(60), 1), Some(&name), 5), []);
        for _ in 0..2 {
            owed.applied(&batch(4, Levels::Minutes, 59, 3));
        }
        assert_eq!(minutes(&owed, &name), [(60, 3)]);
        // An earlier process held these back.
        owed.applied(&batch(5, Levels::Minutes, 61, 7));
        assert_eq!(minutes(&owed, &name), [(60, 3)]);
    }

    #[test]
    fn the_marker_says_what_became_of_a_batch_without_an_answer() {
        let mut owed = OwedMinutes::default();
        let name = Name::new("a").unwrap();
        owed.applied(&batch(1, Levels::Days, 1, 5));
        let sent = [batch(2, Levels::Minutes, 1, 2), batch(3, Levels::Minutes, 1, 3)];
        owed.sent(&sent);
        assert_eq!(owed.asks_for(), Some(Uuid::from_u128(1)));
        owed.hear(Uuid::from_u128(1), 1);
        assert_eq!(minutes(&owed, &name), [(1, 5)]);
        owed.hear(Uuid::from_u128(1), 2);
        assert_eq!(minutes(&owed, &name), [(1, 3)]);
        owed.sent(&sent);
        owed.applied(&sent[0]);
        owed.applied(&sent[1]);
        assert_eq!((minutes(&owed, &name), owed.asks_for()), (vec![], None));
    }
}
