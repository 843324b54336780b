//! Which file is read by which source of this process, so that none is read by two.
//!
//! A link may be switched to the file of another log, two logs may change their names, and a file may have several. Who has
//! a record of a file keeps it; the others leave it alone, and say so. A file that its source has lost is read on from
//! where that source was.

use super::{
    book::{Book, logs},
    record::{Identity, Key, Mark},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tallymark_core::Position;

/// The files of every log that this process follows.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<BTreeMap<PathBuf, Claimed>>>);

/// What one log has.
#[derive(Debug, Default)]
struct Claimed {
    there: BTreeSet<Key>,
    /// Files that it does not find any more, and how far they were read.
    left: Vec<(Identity, Mark)>,
    /// Its source says itself what it has, or never will.
    is_told: bool,
}

impl Claimed {
    /// What a book says, if these of its records are open.
    fn of(book: &Book, is_open: impl Fn(u64) -> bool) -> Claimed {
        let mut held = Claimed::default();
        for (id, record) in book.iter() {
            // A file without a name that is open is read on.
            if !record.gone || is_open(id) {
                held.there.insert(record.identity.key());
            } else if record.mark.offset > 0 {
                held.left.push((record.identity, record.mark.clone()));
            }
        }
        held
    }

    /// The same of a log that nobody follows any more.
    fn left_behind(book: &Book) -> Claimed {
        let read = book.iter().filter(|(_, record)| record.mark.offset > 0);
        let left = read.map(|(_, record)| (record.identity, record.mark.clone())).collect();
        Claimed { left, is_told: true, ..Claimed::default() }
    }
}

impl Claims {
    fn logs(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Claimed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A log that will be followed.
    pub(super) fn register(&self, log: &Path) {
        self.logs().entry(log.to_owned()).or_default();
    }

    /// Learns from positions what was read before this process, of logs whose source has not looked yet, and of those
    /// that are not followed any more.
    pub(super) fn learn(&self, own: &[Position]) {
        let mut held = self.logs();
        for log in logs(own) {
            let is_followed = held.contains_key(log);
            if held.get(log).is_some_and(|held| held.is_told) {
                continue;
            }
            // What is not understood is refused by the source itself.
            let Ok(Some(book)) = Book::read(log, own) else { continue };
            let mut now =
                if is_followed { Claimed::of(&book, |_| false) } else { Claimed::left_behind(&book) };
            // Two may have read one file before there were claims.
            let is_taken =
                |file: &Key| held.iter().any(|(other, held)| other != log && held.there.contains(file));
            now.there.retain(|file| !is_taken(file));
            held.insert(log.to_owned(), now);
        }
    }

    /// The files of all other logs.
    pub(super) fn of_others(&self, log: &Path) -> BTreeSet<Key> {
        let held = self.logs();
        held.iter().filter(|(other, _)| *other != log).flat_map(|(_, held)| &held.there).copied().collect()
    }

    /// The log to which a file belongs, if it is another.
    pub(super) fn owner(&self, log: &Path, file: &Identity) -> Option<PathBuf> {
        let held = self.logs();
        let owner = held.iter().find(|(other, held)| *other != log && held.there.contains(&file.key()));
        owner.map(|(other, _)| other.clone())
    }

    /// Claims files for a log, all of them or none. Answers whether they are its own.
    pub(super) fn claim(&self, log: &Path, files: &BTreeSet<Key>) -> bool {
        let mut held = self.logs();
        let is_free = held.iter().all(|(other, held)| other == log || held.there.is_disjoint(files));
        if is_free {
            held.entry(log.to_owned()).or_default().there.extend(files);
        }
        is_free
    }

    /// What a log has after a look, and nothing else.
    pub(super) fn settle(&self, log: &Path, book: &Book, is_open: impl Fn(u64) -> bool) {
        self.logs().insert(log.to_owned(), Claimed { is_told: true, ..Claimed::of(book, is_open) });
    }

    /// How far other logs have read a file that they do not find any more, the furthest first.
    pub(super) fn left_by_others(&self, log: &Path, file: &Identity) -> Vec<Mark> {
        let held = self.logs();
        let left = held.iter().filter(|(other, _)| *other != log).flat_map(|(_, held)| &held.left);
        let mut marks: Vec<Mark> =
            left.filter(|(left, _)| left.is(file)).map(|(_, mark)| mark.clone()).collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.offset));
        marks
    }
}
