//! The SQLite file: opening, creating and recognising it, and what SQLite's errors mean.
//!
//! A file that is damaged or belongs to another program is refused, never replaced: an empty store would look as if
//! every count were 0. The writer and the readers open the file here.

use super::aside;
use crate::{Class, Result, StoreError, deadline::Deadline, durable, owner};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig};
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// "tmrk" in `PRAGMA application_id`: by which `file` and other programs recognise our files.
const APPLICATION: i32 = 0x746d_726b;
/// The version of the schema below and of what was added to it, in `PRAGMA user_version`.
const SCHEMA_VERSION: i32 = 1 + ADDED.len() as i32;
/// How long a call waits for another process that is writing.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite does not wait while another process switches the file to WAL, so we do.
const OPEN_PAUSE: Duration = Duration::from_millis(20);

const SCHEMA: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE name (
        id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, name TEXT NOT NULL,
        total INTEGER NOT NULL DEFAULT 0, UNIQUE (event, name)) STRICT;
    CREATE TABLE day (day INTEGER, id INTEGER, n INTEGER NOT NULL, PRIMARY KEY (day, id)) STRICT, WITHOUT ROWID;
    -- until: when a bucket that was written late expires, in minutes since 1970.
    CREATE TABLE hour (hour INTEGER, id INTEGER, n INTEGER NOT NULL, until INTEGER, PRIMARY KEY (hour, id))
        STRICT, WITHOUT ROWID;
    CREATE TABLE minute (minute INTEGER, id INTEGER, n INTEGER NOT NULL, until INTEGER, PRIMARY KEY (minute, id))
        STRICT, WITHOUT ROWID;
    CREATE INDEX late_hour ON hour (until) WHERE until IS NOT NULL;
    CREATE INDEX late_minute ON minute (until) WHERE until IS NOT NULL;
    CREATE TABLE status (
        id INTEGER, month INTEGER, status TEXT, n INTEGER NOT NULL, PRIMARY KEY (id, month, status))
        STRICT, WITHOUT ROWID;
    CREATE TABLE recent (id INTEGER, seq INTEGER, visit TEXT NOT NULL, PRIMARY KEY (id, seq)) STRICT, WITHOUT ROWID;
    -- body: the digest of the request that an instance's batches are made of.
    CREATE TABLE applied (instance BLOB PRIMARY KEY, nonce BLOB NOT NULL, seq INTEGER NOT NULL, body BLOB)
        STRICT, WITHOUT ROWID;
    CREATE TABLE position (instance BLOB, source TEXT, state TEXT NOT NULL, PRIMARY KEY (instance, source))
        STRICT, WITHOUT ROWID;
    CREATE TABLE change (
        entry INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, names TEXT NOT NULL) STRICT;
";

/// What each version after the first added.
const ADDED: [&str; 3] = [
    // Visitors. A name is looked at alone, so its days lie together; those of all names expire by day.
    "-- Who has been counted on a day whose key is still there.
    CREATE TABLE visitor (day INTEGER, id INTEGER, hash INTEGER, PRIMARY KEY (day, id, hash)) STRICT, WITHOUT ROWID;
    CREATE TABLE visitors (id INTEGER, day INTEGER, n INTEGER NOT NULL, PRIMARY KEY (id, day)) STRICT, WITHOUT ROWID;
    CREATE INDEX visitors_by_day ON visitors (day);",
    // Data kept in addition to the counts; until: when it can be deleted.
    "CREATE TABLE shelf (
        shelf TEXT, key TEXT, at INTEGER NOT NULL, until INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (shelf, key)) STRICT, WITHOUT ROWID;
    CREATE INDEX shelf_until ON shelf (shelf, until);",
    // What was corrected; body: the differences, for undoing it.
    "CREATE TABLE correction (
        entry INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL, part INTEGER NOT NULL, record TEXT NOT NULL,
        body TEXT NOT NULL, UNIQUE (id, part)) STRICT;",
];

/// Opens the file for writing, and creates it if it does not exist. Also returns the identity of the store.
pub(super) fn open(path: &Path, deadline: &Deadline) -> Result<(Connection, Uuid)> {
    let attempt = || format!("opening the store {}", path.display());
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|err| {
            let whose = owner::hint(&err, parent);
            StoreError::new(
                Class::Refused,
                format!("creating the directory {}{whose}", parent.display()),
                err,
            )
        })?;
    }
    if path.is_dir() {
        let cause = "this is a directory, and the store is a file: add a name, like tallymark.db";
        return Err(StoreError::new(Class::Data, attempt(), cause));
    }
    let until = Instant::now() + deadline.bound(BUSY_TIMEOUT);
    loop {
        match try_open(path, until.saturating_duration_since(Instant::now())) {
            Ok(opened) => return Ok(opened),
            Err(Fault::Sqlite(err)) if is_busy(&err) && Instant::now() < until => thread::sleep(OPEN_PAUSE),
            Err(Fault::Sqlite(err)) => {
                let whose = if is_denied(&err) { owner::foreign(path) } else { String::new() };
                return Err(explain(err, attempt() + &whose));
            }
            Err(Fault::Refused(class, cause)) => return Err(StoreError::new(class, attempt(), cause)),
        }
    }
}

/// Opens the file only for reading. It exists, because [`open`] has run.
pub(super) fn open_reader(path: &Path, deadline: &Deadline) -> rusqlite::Result<Connection> {
    // Read-write nevertheless: a reader of a WAL database takes part in its shared memory.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(deadline.bound(BUSY_TIMEOUT))?;
    connection.pragma_update(None, "query_only", true)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Prepared statements stay as they are. Without this, SQLite prepares a statement with `LIMIT ?` again whenever
/// another number is bound, because its plan might depend on it: a twentieth of the CPU of a panel.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Refused(Class, String),
}

impl From<rusqlite::Error> for Fault {
    fn from(err: rusqlite::Error) -> Fault {
        Fault::Sqlite(err)
    }
}

fn try_open(path: &Path, wait: Duration) -> std::result::Result<(Connection, Uuid), Fault> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // It has the key of the day and hashes of visitors. If it cannot be made, SQLite says why.
    let _ = durable::make_private(path);
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    // This comes before any write: another program's file keeps its journal mode.
    let version = recognise(&*connection.transaction()?)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let cause = format!(
            "SQLite cannot use a write-ahead log here (it says {mode}); is it a network file system?"
        );
        return Err(Fault::Refused(Class::Refused, cause));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Everything is written in the order of its B-tree, so no page is needed twice; other reads are served by the
    // kernel's cache.
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(32);

    if (1..SCHEMA_VERSION).contains(&version) {
        aside::put(&connection, path, version, SCHEMA_VERSION);
    }
    if version < SCHEMA_VERSION {
        create_or_extend(&mut connection)?;
    }
    let uuid: String =
        connection.query_row("SELECT value FROM meta WHERE key = 'uuid'", [], |row| row.get(0))?;
    let uuid = uuid
        .parse()
        .map_err(|_| Fault::Refused(Class::Data, format!("its identity, {uuid:?}, is not a UUID")))?;
    Ok((connection, uuid))
}

/// Creates a store in an empty file, and adds to an older one what it lacks, unless another process has just done so.
/// (Opening an existing store of this version writes nothing, so it waits for no writer.)
fn create_or_extend(connection: &mut Connection) -> std::result::Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut version = recognise(&transaction)?;
    if version == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        let uuid = Uuid::new_v4().to_string();
        transaction.execute("INSERT INTO meta (key, value) VALUES ('uuid', ?1)", [uuid])?;
        version = 1;
    }
    for added in ADDED.iter().skip(usize::try_from(version - 1).unwrap_or(0)) {
        transaction.execute_batch(added)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

/// The version of the schema of one of our files; 0 for an empty file.
pub(super) fn recognise(connection: &Connection) -> std::result::Result<i32, Fault> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION {
        let cause = "this SQLite database is not Tallymark's. Name another file, or move this one away";
        return Err(Fault::Refused(Class::Data, cause.to_owned()));
    }
    if version > SCHEMA_VERSION {
        let cause = format!(
            "it was written by a newer Tallymark (schema {version}; this one knows {SCHEMA_VERSION}). Install \
             that version again, or restore the copy from before the upgrade (FILE.schema-{SCHEMA_VERSION}) or \
             a backup"
        );
        return Err(Fault::Refused(Class::Schema, cause));
    }
    Ok(version)
}

/// Whether a connection is unusable after this error. After a disk error, the kernel may have dropped pages that SQLite
/// believes written. A file that could only be opened for reading stays read-only for this connection, whatever happens
/// to the file.
pub(crate) fn is_lost(err: &rusqlite::Error) -> bool {
    matches!(
        err.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// Moves everything from the write-ahead log into the file.
pub(crate) fn write_again(connection: &Connection) -> rusqlite::Result<()> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    match busy {
        0 => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("another process is reading it".to_owned()),
        )),
    }
}

/// Converts SQLite's error to ours.
pub(crate) fn explain(err: rusqlite::Error, attempt: String) -> StoreError {
    let (class, advice) = match err.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Class::Unavailable, "Another process has been writing to this file for 5 seconds")
        }
        Some(ErrorCode::DiskFull) => (
            Class::Refused,
            "The disk is full: free some space (`df -h DIR` shows it); nothing was partly written",
        ),
        _ if is_denied(&err) => {
            (Class::Refused, "The user of this process must be able to write the file and its directory")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            Class::Data,
            "The file is damaged, or is not an SQLite database. It was left as it is: \
             restore a backup, or save what can be read with `sqlite3 FILE .recover`",
        ),
        Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
            (Class::Data, "")
        }
        Some(_) => (Class::Unavailable, ""),
        // Not an error of SQLite: a row whose values have the wrong type.
        None => (Class::Data, ""),
    };
    StoreError::new(class, attempt, &err).advise(advice).because_of(err)
}

fn is_denied(err: &rusqlite::Error) -> bool {
    let denied = [ErrorCode::ReadOnly, ErrorCode::PermissionDenied, ErrorCode::CannotOpen];
    err.sqlite_error_code().is_some_and(|code| denied.contains(&code))
}

fn is_busy(err: &rusqlite::Error) -> bool {
    matches!(err.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
