//! A consistent copy of the outbox, for a backup. The daemon can be writing to it meanwhile.

use super::file::{APPLICATION, SCHEMA_VERSION, hits};
use crate::{Class, Result, StoreError, snapshot, sqlite::explain};
use rusqlite::Connection;
use std::path::Path;

/// See [`super::Outbox::copy`].
pub(super) fn copy(path: &Path, to: &Path) -> Result<u64> {
    let attempt = || format!("copying the outbox {}", path.display());
    let copied = || {
        let source = snapshot::existing(path)?;
        let moment = source.unchecked_transaction()?;
        let waiting = hits(&moment)?;
        snapshot::copy(&moment, to, |_, _| {})?;
        Ok(waiting)
    };
    let waiting = copied().map_err(|err| explain(err, attempt()))?;
    match examine(to)? {
        copied if copied == waiting => Ok(waiting),
        copied => {
            let cause = format!("{copied} hits wait in the copy, and not {waiting}");
            Err(StoreError::new(Class::Data, attempt(), cause))
        }
    }
}

/// See [`super::Outbox::examine`].
pub(super) fn examine(path: &Path) -> Result<u64> {
    let attempt = || format!("checking the outbox {}", path.display());
    let explained = |err| explain(err, attempt());
    let db = snapshot::existing(path).map_err(explained)?;
    if let Some((class, cause)) = wrong(&db).map_err(explained)? {
        return Err(StoreError::new(class, attempt(), cause));
    }
    hits(&db).map_err(explained)
}

/// Why it cannot be used, if it cannot.
fn wrong(db: &Connection) -> rusqlite::Result<Option<(Class, String)>> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    if let Some(damage) = snapshot::damage(db)? {
        return Ok(Some((Class::Data, format!("it is damaged: {damage}"))));
    }
    if number("application_id")? != APPLICATION {
        return Ok(Some((Class::Data, "this SQLite database is not an outbox of Tallymark's".to_owned())));
    }
    let version = number("user_version")?;
    Ok((version > SCHEMA_VERSION).then(|| {
        let cause = format!(
            "it was written by a newer Tallymark (schema {version}; this one knows {SCHEMA_VERSION})"
        );
        (Class::Schema, cause)
    }))
}
