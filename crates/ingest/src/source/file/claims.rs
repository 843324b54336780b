//! Which file is read by which source of this process, so that none is read by two.
//!
//! A link can be switched to the file of another log, two logs can swap their names, and a file can have several names.
//! The source that has a record of a file keeps it; the others leave it alone, and report it. If several paths lead to
//! one place, one source owns that place, and new files there belong to it. If a source loses a file, the next one
//! continues from where it was. Records of a source that is no longer configured go to the source that owns the place
//! now.

use super::{
    book::{Book, logs},
    names::{is_at, real_path},
    record::{FileRecord, Identity, Key, Mark},
};
use crate::source::Stop;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tallymark_core::Position;
use uuid::Uuid;

/// The files of every log that this process follows.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<ClaimedLogs>>);

#[derive(Debug, Default)]
struct ClaimedLogs {
    /// The logs that are followed, in the order of the configuration.
    followed: Vec<PathBuf>,
    /// Of these, and of those that are not followed any more.
    held: BTreeMap<PathBuf, Claimed>,
    /// Which of several logs has the place to which they lead.
    owners: BTreeMap<PathBuf, PathBuf>,
}

/// Another source that reads what is at the path of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OtherReader {
    /// Its log.
    pub(super) log: PathBuf,
    /// It leads there, too, and has the place. If not, it has that one file, for as long as it finds it.
    pub(super) has_place: bool,
}

/// What one log has.
#[derive(Debug, Default)]
struct Claimed {
    there: BTreeSet<Key>,
    /// What it knew when it last looked, or what its positions say.
    book: Book,
    /// Files for which others ask: it may know what is in them.
    asked: BTreeSet<PathBuf>,
    /// Its source says itself what it has.
    is_told: bool,
}

impl Claimed {
    /// What a book says, if these of its records are open.
    fn of(book: Book, is_open: impl Fn(u64) -> bool) -> Claimed {
        // A file without a name that is open is read on.
        let there = book.iter().filter(|&(id, record)| !record.gone || is_open(id));
        let there = there.map(|(_, record)| record.identity.key()).collect();
        Claimed { there, book, ..Claimed::default() }
    }

    fn is_known(&self) -> bool {
        self.book != Book::default()
    }

    /// How much it knows of a place.
    fn knows(&self, place: &Path) -> Knowledge {
        let records = self.book.iter().map(|(_, record)| record).filter(|record| is_at(place, &record.path));
        let of = |record: &FileRecord| match record.path == place && !record.gone {
            true => Knowledge::Its,
            false => Knowledge::Was,
        };
        let least = if self.is_known() { Knowledge::Followed } else { Knowledge::None };
        records.map(of).max().unwrap_or(least)
    }
}

/// What a log knows of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Knowledge {
    None,
    /// Nothing, but it has been followed before.
    Followed,
    /// It had the file there, or has a rotated one.
    Was,
    /// It has the file there.
    Its,
}

impl Claims {
    fn logs(&self) -> MutexGuard<'_, ClaimedLogs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A log that will be followed.
    pub(super) fn register(&self, log: &Path) {
        let mut logs = self.logs();
        logs.followed.push(log.to_owned());
        logs.held.entry(log.to_owned()).or_default();
    }

    /// Learns from positions what was read before this process, of logs whose source has not looked yet, and of those
    /// that are not followed any more.
    pub(super) fn learn(&self, own: &[Position]) {
        let mut all = self.logs();
        for log in logs(own) {
            // What is not understood is refused by the source itself.
            if !all.is_told(log)
                && let Ok(Some(book)) = Book::read(log, own)
            {
                all.learn(log, book);
            }
        }
    }

    /// The same of logs that only another instance knows, because the data directory is lost.
    pub(super) fn learn_from_others(&self, others: &[(Uuid, Position)], stop: &Stop) {
        let all = self.logs();
        let is_unknown =
            |log: &&PathBuf| all.held.get(*log).is_none_or(|held| !held.is_told && !held.is_known());
        let unknown: Vec<PathBuf> = all.followed.iter().filter(is_unknown).cloned().collect();
        drop(all);
        for log in unknown {
            let adopted = Book::adopted(&log, others, None, stop);
            let mut all = self.logs();
            if let Some(book) = adopted.filter(|_| !all.is_told(&log)) {
                all.learn(&log, book);
            }
        }
    }

    /// Whether there is only one log.
    pub(super) fn is_alone(&self) -> bool {
        self.logs().followed.len() < 2
    }

    /// The files of all other logs.
    pub(super) fn of_others(&self, log: &Path) -> BTreeSet<Key> {
        let all = self.logs();
        all.others(log).flat_map(|(_, held)| &held.there).copied().collect()
    }

    /// The log to which a file belongs, if it is another.
    pub(super) fn owner(&self, log: &Path, file: &Identity) -> Option<PathBuf> {
        let all = self.logs();
        let owner = all.others(log).find(|(_, held)| held.there.contains(&file.key()));
        owner.map(|(other, _)| other.clone())
    }

    /// The log that has the place to which this one leads, if it is another. It has the place for as long as it leads there.
    pub(super) fn owner_of_place(&self, log: &Path, place: &Path) -> Option<PathBuf> {
        let all = self.logs();
        let (followed, known) = (all.followed.clone(), all.owners.get(place).cloned());
        drop(all);
        // Where links lead is looked up without the lock.
        let leads_here = |other: &PathBuf| other == log || real_path(other) == place;
        let owner = match known.filter(leads_here) {
            Some(owner) => owner,
            None => {
                let here: Vec<&PathBuf> = followed.iter().filter(|other| leads_here(other)).collect();
                let mut all = self.logs();
                let knows = |other: &&&PathBuf| {
                    all.held.get(**other).map_or(Knowledge::None, |held| held.knows(place))
                };
                // The first of those that know most.
                let owner =
                    here.iter().rev().max_by_key(knows).map_or(log, |owner| owner.as_path()).to_owned();
                all.owners.insert(place.to_owned(), owner.clone());
                owner
            }
        };
        (owner != log).then_some(owner)
    }

    /// Whether other sources lead to the place of a log, or led there before this process.
    pub(super) fn is_shared(&self, log: &Path) -> bool {
        let place = real_path(log);
        let all = self.logs();
        let others: Vec<PathBuf> = all.others(log).map(|(other, _)| other.clone()).collect();
        let was_there = all.others(log).any(|(_, held)| held.knows(&place) >= Knowledge::Was);
        drop(all);
        was_there || others.iter().any(|other| real_path(other) == place)
    }

    /// Lets a log go on with what is known of its place from logs that no source follows any more. Answers their paths.
    pub(super) fn hand_over(&self, log: &Path, place: &Path, book: &mut Option<Book>) -> Vec<PathBuf> {
        let all = self.logs();
        let is_left = |(other, held): &(&PathBuf, &Claimed)| !all.followed.contains(other) && held.is_known();
        let left: Vec<PathBuf> = all.others(log).filter(is_left).map(|(other, _)| other.clone()).collect();
        drop(all);
        let mut handed = Vec::new();
        for other in left {
            // Its link may lead elsewhere now, or not exist any more.
            let is_all = real_path(&other) == place;
            let mut all = self.logs();
            let Some(held) = all.held.get_mut(&other) else { continue };
            if is_all || held.knows(place) >= Knowledge::Was {
                let book = book.get_or_insert_with(|| Book::new(log, held.book.began()));
                book.take_over(&mut held.book, |record| is_all || is_at(place, &record.path));
                held.is_told = true;
                handed.push(other);
            }
        }
        handed
    }

    /// Asks the logs that have, or had, files at a place, and this one, whether files are theirs. They are known to those that have
    /// answered: who has such a file claims it. Answers one that has not answered yet for files of which it was asked.
    pub(super) fn ask<'a>(
        &self,
        (log, place): (&Path, &Path),
        and: Option<&Path>,
        new: impl Iterator<Item = &'a PathBuf>,
        all: &BTreeSet<PathBuf>,
    ) -> Option<PathBuf> {
        let new: Vec<&PathBuf> = new.collect();
        let mut all_logs = self.logs();
        let ClaimedLogs { followed, held, .. } = &mut *all_logs;
        let is_there = |(_, record): (u64, &FileRecord)| is_at(place, &record.path);
        let mut awaited = None;
        for (other, held) in held.iter_mut().filter(|(other, _)| *other != log && followed.contains(other)) {
            if and == Some(other.as_path()) || held.book.iter().any(is_there) {
                held.asked.extend(new.iter().map(|path| (*path).clone()));
            }
            if !held.asked.is_disjoint(all) {
                awaited = Some(other.clone());
            }
        }
        awaited
    }

    /// Whether others ask a log for files.
    pub(super) fn is_asked(&self, log: &Path) -> bool {
        self.logs().held.get(log).is_some_and(|held| !held.asked.is_empty())
    }

    /// For which files they ask.
    pub(super) fn asked_for(&self, log: &Path) -> BTreeSet<PathBuf> {
        self.logs().held.get(log).map(|held| held.asked.clone()).unwrap_or_default()
    }

    /// Claims files for a log, all of them or none. Answers whether they are its own.
    pub(super) fn claim(&self, log: &Path, files: &BTreeSet<Key>) -> bool {
        let mut all = self.logs();
        let is_free = all.others(log).all(|(_, held)| held.there.is_disjoint(files));
        if is_free {
            all.held.entry(log.to_owned()).or_default().there.extend(files);
        }
        is_free
    }

    /// What a log has after a look, and nothing else; and that it has looked at files for others.
    pub(super) fn settle(
        &self,
        log: &Path,
        book: &Book,
        is_open: impl Fn(u64) -> bool,
        waiting: impl Iterator<Item = Key>,
        answered: &BTreeSet<PathBuf>,
    ) {
        let mut all = self.logs();
        let mut held = Claimed { is_told: true, ..Claimed::of(book.clone(), is_open) };
        held.there.extend(waiting);
        if all.followed.len() < 2 {
            // No other source could ask.
            held.book = Book::default();
        }
        if let Some(before) = all.held.get(log) {
            held.asked = before.asked.difference(answered).cloned().collect();
        }
        all.held.insert(log.to_owned(), held);
    }

    /// How far other logs have read a file that they do not find any more, the furthest first.
    pub(super) fn left_by_others(&self, log: &Path, file: &Identity) -> Vec<Mark> {
        let all = self.logs();
        let left = |held: &Claimed| -> Vec<Mark> {
            let records = held.book.iter().map(|(_, record)| record);
            let read = records.filter(|record| record.identity.is(file) && record.mark.offset > 0);
            read.map(|record| record.mark.clone()).collect()
        };
        let others = all.others(log).filter(|(_, held)| !held.there.contains(&file.key()));
        let mut marks: Vec<Mark> = others.flat_map(|(_, held)| left(held)).collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.offset));
        marks
    }
}

impl ClaimedLogs {
    fn others<'a>(&'a self, log: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Claimed)> {
        self.held.iter().filter(move |(other, _)| *other != log)
    }

    fn is_told(&self, log: &Path) -> bool {
        self.held.get(log).is_some_and(|held| held.is_told)
    }

    fn learn(&mut self, log: &Path, book: Book) {
        let mut now = match self.followed.iter().any(|followed| followed == log) {
            true => Claimed::of(book, |_| false),
            false => Claimed { book, ..Claimed::default() },
        };
        // Two may have read one file before there were claims.
        now.there.retain(|file| !self.others(log).any(|(_, held)| held.there.contains(file)));
        self.held.insert(log.to_owned(), now);
    }
}
