//! Whether the outbox is still at the path where the next start looks for it.
//!
//! A file that was removed, or replaced by another one, stays open and accepts writes that no later start sees; so does
//! a log that was removed. Only the process that holds the state directory writes there, so the open file has
//! everything. The process puts a copy of it at the path, and continues with the copy. The desk calls this before each
//! use of the file.

use crate::{durable, sqlite::Inodes};
use rusqlite::Connection;
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};
use tracing::warn;

/// The path of the outbox, and what was found there when it was opened.
#[derive(Debug)]
pub(super) struct Anchor {
    path: PathBuf,
    opened: Inodes,
    /// All that is left, once what was open is closed.
    copy: Option<PathBuf>,
}

impl Anchor {
    /// The file was just opened, and read.
    pub(super) fn new(path: &Path) -> Anchor {
        Anchor { path: path.to_owned(), opened: Inodes::at(path), copy: None }
    }

    /// Whether what is open would not be found by the next start.
    pub(super) fn is_lost(&self) -> bool {
        !self.opened.are_still_at(&self.path)
    }

    /// Whether the file itself is still there. Without it, opening the path would begin with nothing.
    pub(super) fn has_its_file(&self) -> bool {
        self.opened.database_is_still_at(&self.path)
    }

    /// Writes the contents of the open file next to the path.
    pub(super) fn copy(&mut self, open: &Connection) -> rusqlite::Result<()> {
        let copy = self.beside(".new");
        // An earlier process may have left one.
        let _ = fs::remove_file(&copy);
        open.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
        self.copy = Some(copy);
        Ok(())
    }

    /// Puts the copy in the place. The connection it was made from must be closed: closing it removes the log by name.
    /// It may be called again after an error, and does nothing without a copy.
    pub(super) fn put(&mut self) -> io::Result<()> {
        let Some(copy) = &self.copy else { return Ok(()) };
        fs::File::open(copy)?.sync_all()?;
        if !self.has_its_file() && self.path.exists() {
            let aside = self.beside(".replaced");
            fs::rename(&self.path, &aside)?;
            warn!(aside = %aside.display(), "another file had replaced the outbox; it was moved aside");
        }
        for end in ["-wal", "-shm"] {
            // A log that is left would be read into the copy.
            match fs::remove_file(self.beside(end)) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
                _ => {}
            }
        }
        durable::rename(copy, &self.path)?;
        self.copy = None;
        // The caller opens it next.
        self.opened = Inodes::at(&self.path);
        warn!(outbox = %self.path.display(), "the outbox was removed or replaced while it was open; it was \
                                              written again");
        Ok(())
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(end);
        PathBuf::from(name)
    }
}
