//! The keys of days: see [`StoreWrite::day_key`](crate::StoreWrite::day_key). Two are kept, the last that were made, in
//! one row: a clock that was wrong for a while costs the key of another day and not that of this one.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tallymark_core::Day;
use uuid::Uuid;

/// The row of `meta`: `DAY=KEY DAY=KEY`, the newer first.
const ROW: &str = "day-keys";

/// The key of a day, if there is one.
pub(super) fn find(db: &Connection, day: Day) -> rusqlite::Result<Option<Uuid>> {
    Ok(kept(&read(db)?).find(|(of, _)| *of == day.to_string()).and_then(|(_, key)| key.parse().ok()))
}

/// The same, and makes one if there is none.
pub(super) fn make(db: &mut Connection, day: Day) -> rusqlite::Result<Uuid> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(key) = find(&transaction, day)? {
        return Ok(key);
    }
    let key = Uuid::new_v4();
    let before = kept(&read(&transaction)?).next().map(|(day, key)| format!(" {day}={key}"));
    let row = format!("{day}={key}{}", before.unwrap_or_default());
    transaction.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", (ROW, row))?;
    transaction.commit()?;
    Ok(key)
}

fn read(db: &Connection) -> rusqlite::Result<String> {
    let row = db.query_row("SELECT value FROM meta WHERE key = ?1", [ROW], |row| row.get(0)).optional()?;
    Ok(row.unwrap_or_default())
}

fn kept(row: &str) -> impl Iterator<Item = (&str, &str)> {
    row.split(' ').filter_map(|of_day| of_day.split_once('='))
}
