//! What one store transaction carries: up to 1,000 names of a sealed tally, with a number.
//!
//! A batch is frozen when it is made. Its number is `(instance, seq)`, and a store applies each number once.

use crate::{Event, Name, When};
use uuid::Uuid;

/// How many distinct names one batch carries at the most. One Lua call blocks Redis for as long as its names take
/// (about 4 us a name), so this bounds the pause that other clients of that Redis see.
pub const MAX_BATCH_NAMES: usize = 1000;

/// One cell of a tally: so many occurrences of an event on a name at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// What it happened to.
    pub name: Name,
    /// When.
    pub when: When,
    /// How often. Never 0.
    pub count: u64,
}

/// The unit that a store applies exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Who made it: one daemon's state directory.
    pub instance: Uuid,
    /// Its number: 1, 2, 3, ... per instance, without a gap.
    pub seq: u64,
    /// Sorted by event, name and time; no two alike.
    pub entries: Vec<Entry>,
}

/// Cuts the sorted entries of a sealed tally into batches of at most [`MAX_BATCH_NAMES`] names, numbered from
/// `first_seq`. The entries of one name are never split, unless they alone outnumber a batch.
pub fn batches(instance: Uuid, first_seq: u64, entries: Vec<Entry>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::with_capacity(entries.len() / MAX_BATCH_NAMES + 1);
    let mut names = 0;
    for entry in entries {
        let same_name = batches
            .last()
            .and_then(|batch| batch.entries.last())
            .is_some_and(|last| last.event == entry.event && last.name == entry.name);
        let open = batches.last().is_some_and(|batch| batch.entries.len() < 4 * MAX_BATCH_NAMES);
        if !same_name {
            names += 1;
        }
        if batches.is_empty() || !open || (!same_name && names > MAX_BATCH_NAMES) {
            names = 1;
            batches.push(Batch { instance, seq: first_seq + batches.len() as u64, entries: Vec::new() });
        }
        if let Some(batch) = batches.last_mut() {
            batch.entries.push(entry);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Day, Minute};

    fn entry(name: &str, minute: i32) -> Entry {
        let when = When::Minute(Minute(minute));
        Entry { event: Event::HIT, name: Name::new(name).unwrap(), when, count: 1 }
    }

    #[test]
    fn no_entries_are_no_batch() {
        assert!(batches(Uuid::nil(), 1, Vec::new()).is_empty());
    }

    #[test]
    fn batches_keep_every_entry_in_order_and_number_without_gap() {
        let entries: Vec<Entry> =
            (0..2500).flat_map(|n| [entry(&format!("n{n:05}"), 1), entry(&format!("n{n:05}"), 2)]).collect();
        let cut = batches(Uuid::nil(), 7, entries.clone());
        assert_eq!(cut.iter().map(|b| b.seq).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(cut.iter().map(|b| b.entries.len()).collect::<Vec<_>>(), [2000, 2000, 1000]);
        assert_eq!(cut.into_iter().flat_map(|b| b.entries).collect::<Vec<_>>(), entries);
    }

    #[test]
    fn one_name_with_very_many_days_is_cut_too() {
        let entries: Vec<Entry> =
            (0..9000).map(|day| Entry { when: When::Day(Day(day)), ..entry("a", 0) }).collect();
        let cut = batches(Uuid::nil(), 1, entries.clone());
        assert_eq!(cut.iter().map(|b| b.entries.len()).collect::<Vec<_>>(), [4000, 4000, 1000]);
        assert_eq!(cut.into_iter().flat_map(|b| b.entries).collect::<Vec<_>>(), entries);
    }
}
