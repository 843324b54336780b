//! A copy of an older store, saved before it is upgraded to the current schema, so that the previous version can be
//! installed again.
//!
//! The upgrade itself is one transaction: it happens or it does not. So if a copy cannot be made, for example because
//! the disk is full, this is logged and the upgrade continues: a daemon that does not start counts nothing.

use crate::{durable, snapshot};
use rusqlite::Connection;
use std::{ffi::OsString, fs, io, path::Path};
use tracing::{info, warn};

/// Copies the database at `path` to `PATH.schema-OLD`.
pub(super) fn put(connection: &Connection, path: &Path, old: i32, new: i32) {
    let mut name = OsString::from(path);
    name.push(format!(".schema-{old}"));
    let aside = Path::new(&name);
    let mut unfinished = name.clone();
    // Two processes may open the store at the same time.
    unfinished.push(format!(".{}.new", std::process::id()));
    let unfinished = Path::new(&unfinished);
    info!(store = %path.display(), schema = old, "the store is of an older version: it is copied before it is upgraded");
    let copied = copy(connection, unfinished, old).and_then(|complete| match complete {
        true => durable::rename(unfinished, aside).map_err(|err| err.to_string()),
        // Another process has just upgraded it, and has made the copy.
        false => Ok(()),
    });
    let _ = fs::remove_file(unfinished);
    match copied {
        Ok(()) => info!(
            copy = %aside.display(),
            "the store is upgraded from schema {old} to {new}. Delete the copy once you no longer need it"
        ),
        Err(why) => warn!(
            copy = %aside.display(),
            "the store is upgraded from schema {old} to {new} without a copy, which could not be made: {why}"
        ),
    }
}

/// Whether the copy is of the old schema.
fn copy(connection: &Connection, to: &Path, old: i32) -> Result<bool, String> {
    let left_over = fs::remove_file(to);
    if let Err(err) = left_over
        && err.kind() != io::ErrorKind::NotFound
    {
        return Err(err.to_string());
    }
    let copied = || {
        let moment = connection.unchecked_transaction()?;
        let version: i32 = moment.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != old {
            return Ok(false);
        }
        snapshot::copy(&moment, to, |_, _| {}).map(|_| true)
    };
    copied().map_err(|err: rusqlite::Error| err.to_string())
}
