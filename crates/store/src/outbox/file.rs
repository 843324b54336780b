//! The file of the outbox: opening, creating, recognising.

use crate::{Class, Result, StoreError, deadline::Deadline, durable, sqlite::explain};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, types::Type};
use std::{error::Error, path::Path, str::FromStr, time::Duration};
use uuid::Uuid;

/// "tmob" in `PRAGMA application_id`.
pub(super) const APPLICATION: i32 = 0x746d_6f62;
/// 2: records may have statuses. 3: and visits. 4: batches may have positions. 5: and write only some counts.
/// 6: records may have visitors. 7: and visits may say more of the client.
pub(super) const SCHEMA_VERSION: i32 = 7;
/// Only `store adopt` writes besides the daemon, and only for a moment.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE position (source TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE pool (
        id INTEGER PRIMARY KEY, level INTEGER NOT NULL, live INTEGER NOT NULL, hits INTEGER NOT NULL,
        at INTEGER NOT NULL DEFAULT 0, block BLOB NOT NULL) STRICT;
    CREATE TABLE batch (
        seq INTEGER PRIMARY KEY, live INTEGER NOT NULL, hits INTEGER NOT NULL, applied_at INTEGER,
        block BLOB NOT NULL) STRICT;
    CREATE INDEX batch_by_applied_at ON batch (applied_at);
";
/// What a file of a version before 4 lacks. A store hears of all of its positions, because it has none of them yet.
const ADDED_IN_4: &str = "
    ALTER TABLE batch ADD COLUMN positions TEXT;
    CREATE TABLE unsent (source TEXT PRIMARY KEY, state TEXT NOT NULL, block INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";
/// What one of a version before 5 lacks.
const ADDED_IN_5: &str = "ALTER TABLE batch ADD COLUMN levels INTEGER NOT NULL DEFAULT 0;";
/// Sends every position, behind all that waits.
pub(super) const SEND_POSITIONS: &str = "
    INSERT OR REPLACE INTO unsent (source, state, block)
    SELECT source, state, (SELECT coalesce(max(id), 0) FROM pool) FROM position";

/// Opens the file, and creates it if it is not there.
pub(super) fn open(path: &Path, instance: Uuid, deadline: &Deadline) -> Result<Connection> {
    let failed = |err: rusqlite::Error| explain(err, format!("opening the outbox {}", path.display()));
    // Hashes of visitors wait in it. If it cannot be made, SQLite says why.
    let _ = durable::make_private(path);
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed)?;
    connection.busy_timeout(deadline.bound(BUSY_TIMEOUT)).map_err(failed)?;
    set_up(&mut connection, instance).map_err(failed)?;
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(failed)?;
    let version = number("user_version").map_err(failed)?;
    let refuse = |class, cause: String| {
        Err(StoreError::new(class, format!("opening the outbox {}", path.display()), cause))
    };
    if application != APPLICATION {
        return refuse(Class::Data, "this SQLite database is not an outbox of Tallymark's".to_owned());
    }
    if version > SCHEMA_VERSION {
        let cause = format!(
            "it was written by a newer Tallymark (schema {version}; this one knows {SCHEMA_VERSION})"
        );
        return refuse(Class::Schema, cause);
    }
    Ok(connection)
}

fn set_up(connection: &mut Connection, instance: Uuid) -> rusqlite::Result<()> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        // Only possible before the first table: room that a long outage took is given back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    crate::sqlite::keep_plans(connection)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(32);
    if tables == 0 {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute_batch(ADDED_IN_4)?;
        transaction.execute_batch(ADDED_IN_5)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        put(&transaction, "instance", &instance.to_string())?;
        put(&transaction, "last", "0")?;
        return transaction.commit();
    }
    // Counts that were written before are read as they are; an older program, which could not read what is written now,
    // refuses.
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let version = number("user_version")?;
    if number("application_id")? == APPLICATION && version < SCHEMA_VERSION {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version < 4 {
            transaction.execute_batch(ADDED_IN_4)?;
            transaction.execute(SEND_POSITIONS, [])?;
        }
        if version < 5 {
            transaction.execute_batch(ADDED_IN_5)?;
        }
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Reads a value of the table `meta`.
pub(super) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// Reads a value that every outbox has. One that is not readable is damage: 0 in its place would give numbers again.
pub(super) fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<T> {
    let text = get(connection, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let damaged = |err| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(err));
    text.parse().map_err(damaged)
}

/// Writes a value of the table `meta`.
pub(super) fn put(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
    statement.execute([key, value]).map(|_| ())
}

/// See [`super::Outbox::known`].
pub(super) fn known(path: &Path) -> Result<(Uuid, u64)> {
    let connection = open_existing(path)?;
    let read = || {
        let first = "SELECT min(seq) FROM batch WHERE applied_at IS NULL";
        let first: Option<i64> = connection.query_row(first, [], |row| row.get(0))?;
        let last = parsed(&connection, "last")?;
        Ok((parsed(&connection, "instance")?, first.map_or(last, |first| first.unsigned_abs() - 1)))
    };
    read().map_err(|err| explain(err, format!("reading the outbox {}", path.display())))
}

/// See [`super::Outbox::waiting`].
pub(super) fn waiting(path: &Path) -> Result<u64> {
    let attempt = || format!("reading the outbox {}", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        hits(&connection)
    };
    read().map_err(|err| explain(err, attempt()))
}

/// How many hits wait: in batches that are not known to be applied, and in blocks that are not yet batches.
pub(super) fn hits(db: &Connection) -> rusqlite::Result<u64> {
    let sum = "SELECT (SELECT coalesce(sum(hits), 0) FROM batch WHERE applied_at IS NULL)
                    + (SELECT coalesce(sum(hits), 0) FROM pool)";
    Ok(db.query_row(sum, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// See [`super::Outbox::adopt`].
pub(super) fn adopt(path: &Path, store: Uuid) -> Result<()> {
    let connection = open_existing(path)?;
    let attempt = || format!("writing the outbox {}", path.display());
    put(&connection, "adopt", &store.to_string()).map_err(|err| explain(err, attempt()))
}

fn open_existing(path: &Path) -> Result<Connection> {
    let attempt = || format!("opening the outbox {}", path.display());
    if !path.exists() {
        let cause = "there is none; has a daemon with a remote store run with this --data-dir?";
        return Err(StoreError::new(Class::Request, attempt(), cause));
    }
    open(path, Uuid::nil(), &Deadline::default())
}
