//! The totals of names, and their numbers in the other tables.
//!
//! All totals of a call are updated together, in the order of their rows: those of a hundred thousand names are on a
//! thousand pages, and in the order of names each page would be fetched again and again. The applier calls this.

use hashbrown::{DefaultHashBuilder, HashTable};
use rusqlite::{CachedStatement, OptionalExtension, Transaction};
use std::cmp::Ordering;
use tallymark_core::{Entry, Event, Name, ShortHash};

/// How many numbers of names are cached, at about 10 bytes each.
const KNOWN: usize = 400_000;

/// What is added to the total of one name.
pub(super) struct Sum<'a> {
    /// Everything that is counted for it; never empty.
    pub(super) entries: &'a [Entry],
    pub(super) count: i64,
    /// The number of the name, and the new total: the answers.
    pub(super) id: i64,
    pub(super) total: i64,
}

impl<'a> Sum<'a> {
    pub(super) fn of(entries: &'a [Entry]) -> Sum<'a> {
        let count = entries.iter().fold(0i64, |sum, entry| sum.saturating_add(clamped(entry.count)));
        Sum { entries, count, id: 0, total: 0 }
    }
}

/// The numbers of names, found by their hash alone. Two names may share a hash, and another process may delete or
/// rename a name. So each result is a guess, which every use verifies.
#[derive(Default)]
pub(super) struct Known {
    numbers: HashTable<NameNumber>,
    hasher: DefaultHashBuilder,
}

#[derive(Clone, Copy)]
struct NameNumber {
    hash: ShortHash,
    id: u32,
}

impl Known {
    fn hash(&self, event: Event, name: &Name) -> ShortHash {
        ShortHash::of(&self.hasher, (event, name.as_str()))
    }

    /// A guess; 0 is none.
    fn number(&self, hash: ShortHash) -> i64 {
        self.numbers.find(hash.wide(), |known| known.hash == hash).map_or(0, |known| known.id.into())
    }

    fn learn(&mut self, hash: ShortHash, id: i64) {
        // Numbers are assigned in sequence. Those that do not fit, after four billion names, are read from the table.
        let Ok(id) = u32::try_from(id) else { return };
        if self.numbers.len() >= KNOWN {
            self.numbers.clear();
        }
        let number = NameNumber { hash, id };
        match self.numbers.find_mut(hash.wide(), |known| known.hash == hash) {
            Some(known) => *known = number,
            None => {
                self.numbers.insert_unique(hash.wide(), number, |known| known.hash.wide());
            }
        }
    }

    /// Adds to totals.
    pub(super) fn add_all(&mut self, totals: &mut Totals<'_>, sums: &mut [Sum<'_>]) -> rusqlite::Result<()> {
        let mut known: Vec<(u32, u32)> = Vec::with_capacity(sums.len());
        for (at, sum) in sums.iter_mut().enumerate() {
            let Some(Entry { event, name, .. }) = sum.entries.first() else { continue };
            sum.id = self.number(self.hash(*event, name));
            // Both fit: numbers that do not are not cached, and the entries of a call are in memory.
            if let (1.., Ok(id), Ok(at)) = (sum.id, u32::try_from(sum.id), u32::try_from(at)) {
                known.push((id, at));
            }
        }
        // One name may occur more than once, if there are several ticks; these stay in order.
        known.sort_unstable();
        for (_, at) in known {
            let Sum { entries, count, id, total } = &mut sums[at as usize];
            let Some(Entry { event, name, .. }) = entries.first() else { continue };
            match totals.add_known(*id, *event, name, *count)? {
                Some(new) => *total = new,
                None => *id = 0,
            }
        }
        for sum in sums.iter_mut().filter(|sum| sum.id == 0) {
            let Some(Entry { event, name, .. }) = sum.entries.first() else { continue };
            (sum.id, sum.total) = totals.add(*event, name, sum.count)?;
            self.learn(self.hash(*event, name), sum.id);
        }
        Ok(())
    }

    /// The number of a name of which a batch has more than counts. Its total was just updated, so its sum has the number;
    /// sums are in the order of the batch.
    pub(super) fn number_of(
        &mut self,
        totals: &mut Totals<'_>,
        sums: &[Sum<'_>],
        event: Event,
        name: &Name,
    ) -> rusqlite::Result<i64> {
        let of =
            |sum: &Sum<'_>| sum.entries.first().map(|entry| (entry.event, &entry.name).cmp(&(event, name)));
        match sums.binary_search_by(|sum| of(sum).unwrap_or(Ordering::Less)) {
            Ok(at) => Ok(sums[at].id),
            // The counts are in another batch.
            Err(_) => self.add(totals, event, name, 0),
        }
    }

    /// Adds to one total. Returns the number of the name.
    pub(super) fn add(
        &mut self,
        totals: &mut Totals<'_>,
        event: Event,
        name: &Name,
        count: i64,
    ) -> rusqlite::Result<i64> {
        let hash = self.hash(event, name);
        let id = self.number(hash);
        if id > 0 && totals.add_known(id, event, name, count)?.is_some() {
            return Ok(id);
        }
        let (id, _) = totals.add(event, name, count)?;
        self.learn(hash, id);
        Ok(id)
    }
}

/// The statements that add to a total.
pub(super) struct Totals<'a> {
    known: CachedStatement<'a>,
    other: CachedStatement<'a>,
}

impl<'a> Totals<'a> {
    pub(super) fn new(db: &'a Transaction<'_>) -> rusqlite::Result<Totals<'a>> {
        let known =
            "UPDATE name SET total = iif(total > 9223372036854775807 - ?2, 9223372036854775807, total + ?2)
                     WHERE id = ?1 AND name = ?3 AND event = ?4 RETURNING total";
        let other = "INSERT INTO name (event, name, total) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
                     SET total = iif(total > 9223372036854775807 - ?3, 9223372036854775807, total + ?3)
                     RETURNING id, total";
        Ok(Totals { known: db.prepare_cached(known)?, other: db.prepare_cached(other)? })
    }

    /// Returns the new total, unless the name has another number.
    fn add_known(&mut self, id: i64, event: Event, name: &Name, count: i64) -> rusqlite::Result<Option<i64>> {
        self.known.query_row((id, count, name.as_str(), event.as_str()), |row| row.get(0)).optional()
    }

    /// Returns the number of the name and the new total.
    fn add(&mut self, event: Event, name: &Name, count: i64) -> rusqlite::Result<(i64, i64)> {
        self.other.query_row((event.as_str(), name.as_str(), count), |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// A count as SQLite can store it.
pub(super) fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use tallymark_core::{Day, When};

    fn entry(name: &str, count: u64) -> Entry {
        Entry { event: Event::HIT, name: Name::new(name).unwrap(), when: When::Day(Day(1)), count }
    }

    fn table() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE name (id INTEGER PRIMARY KEY, event TEXT, name TEXT, total INTEGER, UNIQUE (event, name))",
        )
        .unwrap();
        db
    }

    fn add(known: &mut Known, db: &mut Connection, entries: &[Entry]) -> Vec<(i64, i64)> {
        let transaction = db.transaction().unwrap();
        let mut sums: Vec<Sum<'_>> = entries.chunks(1).map(Sum::of).collect();
        known.add_all(&mut Totals::new(&transaction).unwrap(), &mut sums).unwrap();
        let answers = sums.iter().map(|sum| (sum.id, sum.total)).collect();
        transaction.commit().unwrap();
        answers
    }

    #[test]
    fn wrong_guess_counts_under_the_right_name() {
        let (mut known, mut db) = (Known::default(), table());
        assert_eq!(add(&mut known, &mut db, &[entry("b", 5), entry("a", 3)]), [(1, 5), (2, 3)]);
        // As if both had the same hash.
        let hash = known.hash(Event::HIT, &Name::new("a").unwrap());
        known.learn(hash, 1);
        assert_eq!(add(&mut known, &mut db, &[entry("a", 1), entry("b", 1)]), [(2, 4), (1, 6)]);
        assert_eq!(known.number(hash), 2);
    }

    #[test]
    fn name_of_several_ticks_has_its_totals_in_their_order() {
        let (mut known, mut db) = (Known::default(), table());
        let ticks = [entry("a", 1), entry("b", 10), entry("a", 2), entry("b", 20), entry("a", 4)];
        assert_eq!(add(&mut known, &mut db, &ticks), [(1, 1), (2, 10), (1, 3), (2, 30), (1, 7)]);
        assert_eq!(add(&mut known, &mut db, &ticks), [(1, 8), (2, 40), (1, 10), (2, 60), (1, 14)]);
    }
}
