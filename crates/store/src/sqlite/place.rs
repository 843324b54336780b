//! Whether the file at the store's path is still the one that is open.
//!
//! A file that was removed, or replaced by another one, stays open and accepts writes that are lost. So before each
//! read and write, the path is compared with the file that was opened. While they differ, nothing is read or written.
//! The right file is one that contains at least as much as the open one: that file itself, or a copy of it.

use super::{
    file::{BUSY_TIMEOUT, open_reader, write_again},
    read::Idle,
};
use crate::{Class, Result, StoreError, deadline::Deadline};
use rusqlite::Connection;
use std::{
    ffi::OsString,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Device and inode.
type Inode = (u64, u64);

/// The path of a store, and what was found there when it was opened.
pub(super) struct Place {
    path: PathBuf,
    readers: Arc<Idle>,
    deadline: Deadline,
    opened: Mutex<Opened>,
}

/// The files of an open database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inodes {
    database: Option<Inode>,
    /// The write-ahead log and its index. SQLite keeps both while a connection is open.
    beside: [Option<Inode>; 2],
}

struct Opened {
    inodes: Inodes,
    /// Reads the opened file even if it was unlinked.
    probe: Option<Connection>,
    /// How often the file was replaced.
    times: u64,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Place {
    /// The file was just opened. `readers` are dropped when it changes.
    pub(super) fn new(path: &Path, readers: Arc<Idle>, deadline: Deadline) -> Place {
        let opened = Mutex::new(Opened::at(path, &deadline, 0));
        Place { path: path.to_owned(), readers, deadline, opened }
    }

    /// Checks that the file is in its place. Returns a different number when a new connection is needed.
    pub(super) fn look(&self) -> Result<u64> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let found = inode(&self.path);
        if opened.inodes.database_is_still_at(&self.path) {
            return Ok(opened.times);
        }
        if found.is_some() && opened.probe.as_ref().is_some_and(|probe| self.succeeds(probe)) {
            self.readers.forget();
            *opened = Opened::at(&self.path, &self.deadline, opened.times + 1);
            return Ok(opened.times);
        }
        let what = match found {
            None => "was removed",
            Some(_) => "was replaced by one that lacks counts",
        };
        let cause =
            format!("the file {what} while it was open: nothing is written, and hits are kept in memory");
        Err(StoreError::new(Class::Refused, format!("looking for the store {}", self.path.display()), cause)
            .advise("Move the right file back, and Tallymark continues by itself. To continue with another one, restart it"))
    }

    /// Whether the write-ahead log or its index was removed or replaced: other processes would not see what is written.
    pub(super) fn has_lost_its_log(&self) -> bool {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.inodes.have_lost_their_log(&self.path)
    }

    /// Releases the file, so that opening it creates a new log.
    pub(super) fn leave(&self) {
        self.readers.forget();
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).probe = None;
    }

    /// The file was opened again, with a new log.
    pub(super) fn arrive(&self) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened = Opened::at(&self.path, &self.deadline, opened.times);
    }

    /// Whether the file at the path contains at least as much as the one that was open.
    fn succeeds(&self, open: &Connection) -> bool {
        // The log may still be there. It belongs to the removed file, and would be replayed into the new one.
        let compare = || {
            open.busy_timeout(self.deadline.bound(BUSY_TIMEOUT))?;
            write_again(open)?;
            let (before, now) = (counted(open)?, counted(&open_reader(&self.path, &self.deadline)?)?);
            Ok::<_, rusqlite::Error>(now.0 == before.0 && now.1 >= before.1)
        };
        compare().unwrap_or(false)
    }
}

impl Opened {
    fn at(path: &Path, deadline: &Deadline, times: u64) -> Opened {
        let probe = open_reader(path, deadline).ok().filter(|probe| counted(probe).is_ok());
        Opened { inodes: Inodes::at(path), probe, times }
    }
}

impl Inodes {
    /// What is there now.
    pub(crate) fn at(path: &Path) -> Inodes {
        Inodes { database: inode(path), beside: beside(path) }
    }

    /// Whether the path leads to the database, and its log is next to it.
    pub(crate) fn are_still_at(&self, path: &Path) -> bool {
        self.database_is_still_at(path) && !self.have_lost_their_log(path)
    }

    pub(crate) fn database_is_still_at(&self, path: &Path) -> bool {
        self.database.is_some() && self.database == inode(path)
    }

    fn have_lost_their_log(&self, path: &Path) -> bool {
        let lost = |(before, now): (&Option<Inode>, Option<Inode>)| before.is_some() && *before != now;
        self.beside.iter().zip(beside(path)).any(lost)
    }
}

fn inode(path: &Path) -> Option<Inode> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn beside(path: &Path) -> [Option<Inode>; 2] {
    ["-wal", "-shm"].map(|end| {
        let mut name = OsString::from(path);
        name.push(end);
        inode(Path::new(&name))
    })
}

/// The identity of a store, and how many entries its change log has ever had.
fn counted(db: &Connection) -> rusqlite::Result<(String, i64)> {
    let identity = db.query_row("SELECT value FROM meta WHERE key = 'uuid'", [], |row| row.get(0))?;
    let entries = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change'";
    Ok((identity, db.query_row(entries, [], |row| row.get(0))?))
}
