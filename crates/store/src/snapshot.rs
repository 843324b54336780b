//! Consistent copies of an SQLite database, made while other processes write to it.
//!
//! The store and the outbox are copied here, by the commands `backup` and `restore` and before an upgrade. A copy is
//! one complete file without a separate log.

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

/// How many pages are copied between two reports of progress.
const PAGES: i32 = 1024;
/// How long a call waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a database that exists, without changing it. (Even a reader of a write-ahead log takes part in its index.)
pub(crate) fn existing(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Copies everything into a new file, and returns it. `source` has a transaction open and has read something, so that
/// its whole content is of that moment; writers do not wait. `progress` gets the pages that are done, and all of them.
pub(crate) fn copy(
    source: &Connection,
    to: &Path,
    mut progress: impl FnMut(u64, u64),
) -> rusqlite::Result<Connection> {
    // It has what the store has, so only its owner may read it.
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(to);
    file.map_err(|err| cannot_create(&err))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags)?;
    let backup = Backup::new(source, &mut copy)?;
    loop {
        let step = backup.step(PAGES)?;
        let at = backup.progress();
        let [done, all] = [at.pagecount - at.remaining, at.pagecount].map(|n| u64::from(n.unsigned_abs()));
        progress(done, all);
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => return Err(failure(rusqlite::ffi::SQLITE_BUSY, "another process uses it".to_owned())),
        }
    }
    drop(backup);
    // A log next to the copy would be a part of it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    Ok(copy)
}

/// What is wrong with a database, if anything is.
pub(crate) fn damage(db: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

fn cannot_create(err: &io::Error) -> rusqlite::Error {
    let code = match err.kind() {
        io::ErrorKind::StorageFull => rusqlite::ffi::SQLITE_FULL,
        _ => rusqlite::ffi::SQLITE_CANTOPEN,
    };
    failure(code, format!("creating the copy: {err}"))
}

fn failure(code: i32, what: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(what))
}
