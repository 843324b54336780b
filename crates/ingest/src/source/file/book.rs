//! All remembered files of a log, and which of these records are not committed yet.
//!
//! The book is made of all positions of a log: a header `file:<path>`, and one `file:<path>#<number>` for each record.
//! Numbers follow the order of generations.

use super::{
    input::{Input, beginning},
    names::{KnownFiles, SeenFile, list, open_regular},
    record::{FileRecord, Header, Identity, repeats_one_line},
};
use crate::source::Stop;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};
use tallymark_core::Position;
use tracing::warn;
use uuid::Uuid;

/// What the positions of logs begin with.
const FILE: &str = "file:";
/// How many records are kept. Those of files that are gone make room first, the oldest before the others.
const MOST: usize = 10_000;

/// How many records of another instance's a file is held against.
const NEWEST: usize = 16;

/// All records of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    key: String,
    header: Header,
    records: BTreeMap<u64, FileRecord>,
    /// What is to be committed: numbers of records, and `None` for the header.
    changed: BTreeSet<Option<u64>>,
    /// Positions of another log that are of this one now.
    taken: Vec<String>,
}

/// A text that is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood(pub(super) String);

impl Book {
    /// What positions say of a log. `None` if they say nothing.
    pub(super) fn read(log: &Path, positions: &[Position]) -> Result<Option<Book>, NotUnderstood> {
        let mut book = Book { key: key(log), ..Book::default() };
        let mut known = false;
        for Position { source, state } in positions {
            let bad = || NotUnderstood(state.clone());
            match source.strip_prefix(&book.key) {
                // An empty one is deleted.
                Some(_) if state.is_empty() => {}
                Some("") => {
                    book.header = state.parse().map_err(|()| bad())?;
                    known = true;
                }
                Some(id) => {
                    let Some(id) = id.strip_prefix('#').and_then(|id| id.parse().ok()) else { continue };
                    book.records.insert(id, state.parse().map_err(|()| bad())?);
                }
                None => {}
            }
        }
        for mut record in std::mem::take(&mut book.header.older) {
            record.path = log.to_owned();
            book.add(record);
            book.changed.insert(None);
        }
        Ok(known.then_some(book))
    }

    /// What another instance knew of this very log, if it is there: two machines may have a log at the same path, so one of
    /// its files must still be what it was. `instead_of` is what is known, and is given up.
    pub(super) fn adopted(
        log: &Path,
        others: &[(Uuid, Position)],
        instead_of: Option<&Book>,
        stop: &Stop,
    ) -> Option<Book> {
        let mut of_instance: BTreeMap<Uuid, Vec<Position>> = BTreeMap::new();
        let key = key(log);
        for (instance, position) in others.iter().filter(|(_, position)| position.source.starts_with(&key)) {
            of_instance.entry(*instance).or_default().push(position.clone());
        }
        let books = of_instance.into_values().filter_map(|positions| Book::read(log, &positions).ok()?);
        let books = books.filter(|book| book.is_of(log, stop));
        let read = |book: &Book| book.records.values().map(|record| record.mark.offset).sum::<u64>();
        let mut book = books.max_by_key(read)?;
        let known = instead_of.into_iter().flat_map(|book| book.records.keys());
        book.changed = book.records.keys().chain(known).copied().map(Some).chain([None]).collect();
        Some(book)
    }

    /// What this instance has counted of the files of a log that it knows under another path: a backup was restored where the
    /// log is elsewhere, or the log was moved. Of these files alone: the others may be followed where they are.
    pub(super) fn moved(
        log: &Path,
        own: &[Position],
        instead_of: Option<&Book>,
        stop: &Stop,
    ) -> Option<(Book, PathBuf)> {
        let files = list(log, &KnownFiles::default()).ok()?;
        // A log that was first looked at a moment ago has a position already, and was not moved.
        let found = logs(own).filter(|path| *path != log).filter_map(|path| {
            let there = Book::read(path, own).ok()??;
            let here = there.found_in(log, &files, stop);
            (!here.records.is_empty()).then(|| (here, path.to_owned()))
        });
        let read = |book: &Book| book.records.values().map(|record| record.mark.offset).sum::<u64>();
        let (mut book, path) = found.max_by_key(|(book, _)| read(book))?;
        book.changed.extend(instead_of.into_iter().flat_map(|book| book.records.keys()).copied().map(Some));
        Some((book, path))
    }

    /// The records whose content one of these files has.
    fn found_in(&self, log: &Path, files: &[SeenFile], stop: &Stop) -> Book {
        let mut book = Book::new(log, self.header.began);
        for file in files {
            let is_read = |record: &&FileRecord| {
                record.mark.offset > 0
                    && matches!(
                        open_regular(&file.path).and_then(|open| Input::resume(open, &record.mark, stop)),
                        Ok(Some(_))
                    )
            };
            let record = self.records.values().filter(is_read).max_by_key(|record| record.mark.offset);
            let Some(record) = record else { continue };
            if !record.identity.is(&file.identity) && is_alike(&file.path) {
                warn!(
                    path = %file.path.display(),
                    before = %record.path.display(),
                    bytes = record.mark.offset,
                    "these lines may have been counted under the other path, and are counted again: they are \
                     all identical, so this cannot be decided. If they were, restore the backup again with the \
                     log at its old path"
                );
                continue;
            }
            book.add(FileRecord {
                path: file.path.clone(),
                identity: file.identity,
                done: false,
                gone: false,
                copy_of: None,
                ..record.clone()
            });
        }
        book
    }

    /// Whether one of its files is still there, wherever it was rotated to, with what was read of it.
    fn is_of(&self, log: &Path, stop: &Stop) -> bool {
        let Ok(files) = list(log, &self.known()) else { return false };
        let has_read = |file: &SeenFile, record: &FileRecord| {
            let same = record.identity.is(&file.identity);
            let resumed = || Input::resume(open_regular(&file.path)?, &record.mark, stop);
            // Another log may well have the same lines if all are alike.
            (same || !is_alike(&file.path)) && matches!(resumed(), Ok(Some(_)))
        };
        let read = || self.records.values().rev().filter(|record| record.mark.offset > 0);
        let by_inode = |file: &SeenFile| read().find(|record| record.identity.is(&file.identity));
        files.iter().any(|file| by_inode(file).is_some_and(|record| has_read(file, record)))
            || files.iter().rev().any(|file| read().take(NEWEST).any(|record| has_read(file, record)))
    }

    /// A log that is followed from now on.
    pub(super) fn new(log: &Path, began: u64) -> Book {
        let header = Header { began, older: Vec::new() };
        Book { key: key(log), header, changed: BTreeSet::from([None]), ..Book::default() }
    }

    /// Takes over records from the book of a log that no source follows any more, and everything in it if none is left.
    /// Both books change with one commit, so that a source that follows that log again does not continue from its old
    /// state.
    pub(super) fn take_over(&mut self, other: &mut Book, is_taken: impl Fn(&FileRecord) -> bool) {
        let taken = |(&id, record): (&u64, &FileRecord)| is_taken(record).then_some(id);
        let taken: Vec<u64> = other.records.iter().filter_map(taken).collect();
        let (mut ids, mut moved) = (BTreeMap::new(), BTreeSet::new());
        for id in taken {
            let Some(record) = other.records.remove(&id) else { continue };
            self.taken.push(format!("{}#{id}", other.key));
            let is_it = |known: &FileRecord| {
                known.identity.is(&record.identity) && known.identity != Identity::default()
            };
            let known = self.iter().find(|(_, known)| is_it(known)).map(|(id, _)| id);
            let here = match known {
                // Both have read it, one after the other.
                Some(known) => {
                    if self.get(known).is_some_and(|known| known.mark.offset < record.mark.offset) {
                        self.change(known, |known| *known = record);
                        moved.insert(known);
                    }
                    known
                }
                None => {
                    let here = self.add(record);
                    moved.insert(here);
                    here
                }
            };
            ids.insert(id, here);
        }
        for here in moved {
            // Where the original is not known, it is a copy of any.
            self.change(here, |record| {
                record.copy_of = record.copy_of.map(|of| ids.get(&of).copied().unwrap_or(here))
            });
        }
        if other.records.is_empty() {
            self.header.began = self.header.began.min(other.header.began);
            self.changed.insert(None);
            self.taken.push(std::mem::take(&mut other.key));
            *other = Book::default();
        }
    }

    /// Since when the log is followed: what was last written before that is not its business.
    pub(super) fn began(&self) -> u64 {
        self.header.began
    }

    pub(super) fn add(&mut self, record: FileRecord) -> u64 {
        let id = self.records.last_key_value().map_or(0, |(id, _)| id + 1);
        self.records.insert(id, record);
        self.changed.insert(Some(id));
        id
    }

    pub(super) fn get(&self, id: u64) -> Option<&FileRecord> {
        self.records.get(&id)
    }

    /// Whether no file is known.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &FileRecord)> {
        self.records.iter().map(|(&id, record)| (id, record))
    }

    /// Those from a number on.
    pub(super) fn iter_from(&self, id: u64) -> impl Iterator<Item = (u64, &FileRecord)> {
        self.records.range(id..).map(|(&id, record)| (id, record))
    }

    /// Changes a record, and remembers that it has to be committed if that made a difference.
    pub(super) fn change(&mut self, id: u64, change: impl FnOnce(&mut FileRecord)) {
        let Some(record) = self.records.get_mut(&id) else { return };
        let before = record.clone();
        change(record);
        if *record != before {
            self.changed.insert(Some(id));
        }
    }

    /// Records by what tells them apart surely.
    pub(super) fn by_inode(&self) -> HashMap<(u64, u64), Vec<u64>> {
        let mut found: HashMap<_, Vec<u64>> = HashMap::new();
        for (id, record) in self.iter().filter(|(_, record)| record.identity != Identity::default()) {
            found.entry(record.identity.inode()).or_default().push(id);
        }
        found
    }

    /// The directories in which its files were.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let there = self.records.values().filter(|record| !record.gone);
        there.filter_map(|record| record.path.parent().map(Path::to_owned)).collect()
    }

    /// The files that were there.
    pub(super) fn known(&self) -> KnownFiles {
        let there = || self.records.values().filter(|record| !record.gone);
        let paths = there().map(|record| record.path.clone()).collect();
        let copies = there().filter(|record| record.copy_of.is_some());
        let copies = copies.map(|record| record.identity.inode()).collect();
        let inodes = there().map(|record| record.identity.inode()).collect();
        KnownFiles { paths, inodes, copies, ..KnownFiles::default() }
    }

    /// Forgets records over the bound, and answers how many.
    pub(super) fn trim(&mut self) -> u64 {
        let over = self.records.len().saturating_sub(MOST);
        let gone = self.iter().filter(|(_, record)| record.gone).map(|(id, _)| id).take(over);
        let gone: Vec<u64> = gone.collect();
        for id in &gone {
            self.remove(*id);
        }
        gone.len() as u64
    }

    pub(super) fn remove(&mut self, id: u64) {
        if self.records.remove(&id).is_some() {
            self.changed.insert(Some(id));
        }
    }

    pub(super) fn is_committed(&self) -> bool {
        self.changed.is_empty() && self.taken.is_empty()
    }

    /// What has changed since this was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<Position> {
        let position = |id: Option<u64>| match id {
            None => Position { source: self.key.clone(), state: self.header.to_string() },
            Some(id) => Position {
                source: format!("{}#{id}", self.key),
                state: self.records.get(&id).map(FileRecord::to_string).unwrap_or_default(),
            },
        };
        let gone = |source: String| Position { source, state: String::new() };
        let taken = std::mem::take(&mut self.taken).into_iter().map(gone);
        taken.chain(std::mem::take(&mut self.changed).into_iter().map(position)).collect()
    }
}

/// The logs that positions are of.
pub(super) fn logs(positions: &[Position]) -> impl Iterator<Item = &Path> {
    let is_header = |position: &&Position| position.state.parse::<Header>().is_ok();
    positions
        .iter()
        .filter(is_header)
        .filter_map(|position| position.source.strip_prefix(FILE).map(Path::new))
}

fn key(log: &Path) -> String {
    format!("{FILE}{}", log.display())
}

fn is_alike(path: &Path) -> bool {
    open_regular(path).and_then(beginning).is_ok_and(|first| repeats_one_line(&first))
}
