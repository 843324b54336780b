//! A consistent copy of the store, for a backup: the counts, the positions that match them, and everything else except
//! the keys of days.
//!
//! With the key of a day, addresses could be guessed, so a running daemon deletes it after two days. A copy that is
//! kept for a month must not keep it. So keys are removed, with the hashes that were made with them; the numbers of
//! visitors stay.

use super::{
    day_keys,
    file::{Fault, explain, recognise},
};
use crate::{Class, Result, StoreError, snapshot};
use rusqlite::Connection;
use std::path::Path;
use tallymark_core::ALL;
use uuid::Uuid;

/// Facts about a store. Two copies from the same moment have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// Its identity.
    pub identity: Uuid,
    /// The version of its schema.
    pub schema: i32,
    /// The sum over all events.
    pub total: u64,
    /// How many names it has, in all events, without aggregates.
    pub names: u64,
}

/// Copies a store into a new file while other processes may be writing, and checks the copy. The store is left as it is,
/// also if its schema is an older one. `progress` gets the pages that are done, and all of them. Blocks on the disk.
///
/// # Errors
///
/// The store cannot be read or is damaged, or the copy cannot be written.
pub fn copy(path: &Path, to: &Path, progress: impl FnMut(u64, u64)) -> Result<StoreFacts> {
    let attempt = || format!("copying the store {}", path.display());
    let copied = || -> std::result::Result<_, Fault> {
        let source = snapshot::existing(path)?;
        let moment = source.unchecked_transaction()?;
        let facts = facts(&moment)?;
        let copy = snapshot::copy(&moment, to, progress)?;
        forget_keys(&copy, facts.schema)?;
        Ok((facts, checked(&copy)?))
    };
    let (facts, copied) = copied().map_err(|fault| told(fault, attempt()))?;
    if facts != copied {
        let cause = format!("the copy has a total of {}, and not {}", copied.total, facts.total);
        return Err(StoreError::new(Class::Data, attempt(), cause));
    }
    Ok(facts)
}

/// Checks a copy that is not in use.
///
/// # Errors
///
/// It cannot be read, is damaged, is not ours, or was written by a newer version.
pub fn examine(path: &Path) -> Result<StoreFacts> {
    let look = || checked(&snapshot::existing(path)?);
    look().map_err(|fault| told(fault, format!("checking the store {}", path.display())))
}

fn told(fault: Fault, attempt: String) -> StoreError {
    match fault {
        Fault::Sqlite(err) => explain(err, attempt),
        Fault::Refused(class, cause) => StoreError::new(class, attempt, cause),
    }
}

fn checked(db: &Connection) -> std::result::Result<StoreFacts, Fault> {
    match snapshot::damage(db)? {
        None => facts(db),
        Some(damage) => Err(Fault::Refused(Class::Data, format!("it is damaged: {damage}"))),
    }
}

fn facts(db: &Connection) -> std::result::Result<StoreFacts, Fault> {
    let schema = recognise(db)?;
    if schema == 0 {
        return Err(Fault::Refused(Class::Data, "it is empty".to_owned()));
    }
    let uuid: String = db.query_row("SELECT value FROM meta WHERE key = 'uuid'", [], |row| row.get(0))?;
    let identity = uuid
        .parse()
        .map_err(|_| Fault::Refused(Class::Data, format!("its identity, {uuid:?}, is not a UUID")))?;
    let sum = |(total, names): (u64, u64), row: (String, i64)| match row.0.as_str() {
        ALL => (total.saturating_add(row.1.unsigned_abs()), names),
        name if name.starts_with('~') => (total, names),
        _ => (total, names + 1),
    };
    let mut statement = db.prepare("SELECT name, total FROM name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (total, names) = rows.into_iter().try_fold((0, 0), |sums, row| row.map(|row| sum(sums, row)))?;
    Ok(StoreFacts { identity, schema, total, names })
}

fn forget_keys(copy: &Connection, schema: i32) -> rusqlite::Result<()> {
    // A journal on the disk would have what is to go.
    copy.query_row("PRAGMA journal_mode = MEMORY", [], |_| Ok(()))?;
    copy.pragma_update(None, "secure_delete", true)?;
    copy.execute("DELETE FROM meta WHERE key = ?1", [day_keys::ROW])?;
    // The first schema has no visitors.
    if schema > 1 {
        copy.execute("DELETE FROM visitor", [])?;
    }
    Ok(())
}
