//! The keys of days: see [`StoreWrite::day_keys`](crate::StoreWrite::day_keys). They are in one row of `meta`.
//!
//! When a key is deleted, so are the hashes that were made with it: without the key they are useless, and their number
//! stays in `visitors`. Both are overwritten in the file, not only marked as free.

use super::file;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::time::Duration;
use tallymark_core::{Day, DayKeys};
use uuid::Uuid;

/// The row of `meta`: `DAY=KEY DAY=KEY...`.
pub(super) const ROW: &str = "day-keys";
/// How many hashes are deleted in one transaction, so that a tick need not wait for all of them.
const SLICE: usize = 20_000;

/// The keys, if nothing is to be written: none is missing, and nothing of another day is left.
pub(super) fn find(db: &Connection, today: Day) -> rusqlite::Result<Option<DayKeys>> {
    let (keys, kept) = (read(db)?, wanted(today));
    let settled = keys.iter().map(|(day, _)| day).eq(DayKeys::days(today)) && !has_others(db, &kept)?;
    Ok(settled.then_some(keys))
}

/// Makes the keys that are missing, and deletes those of other days and a slice of the hashes that were made with them.
/// Answers whether there are more of these.
pub(super) fn settle(db: &mut Connection, today: Day) -> rusqlite::Result<(DayKeys, bool)> {
    db.pragma_update(None, "secure_delete", true)?;
    let settled = write(db, today);
    db.pragma_update(None, "secure_delete", false)?;
    let (keys, more) = settled?;
    if !more {
        // The deleted data is still in the log. Readers at this moment keep it there until the log is reused.
        db.busy_timeout(Duration::ZERO)?;
        let _ = file::write_again(db);
    }
    Ok((keys, more))
}

fn write(db: &mut Connection, today: Day) -> rusqlite::Result<(DayKeys, bool)> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = read(&transaction)?;
    let of_day = |day| (day, known.of(day).unwrap_or_else(Uuid::new_v4));
    let keys = DayKeys::new(DayKeys::days(today).map(of_day));
    put(&transaction, &keys)?;
    let kept = wanted(today);
    let deleted = transaction
        .prepare_cached(
            "DELETE FROM visitor WHERE (day, id, hash) IN
             (SELECT day, id, hash FROM visitor WHERE day < ?1 OR day > ?2 LIMIT ?3)",
        )?
        .execute((kept.0, kept.1, SLICE as i64))?;
    transaction.commit()?;
    Ok((keys, deleted == SLICE))
}

/// In the place of those that are there.
pub(super) fn put(db: &Connection, keys: &DayKeys) -> rusqlite::Result<()> {
    let row: Vec<String> = keys.iter().map(|(day, key)| format!("{day}={key}")).collect();
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", (ROW, row.join(" ")))?;
    Ok(())
}

fn has_others(db: &Connection, (first, last): &(i32, i32)) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM visitor WHERE day < ?1) OR EXISTS (SELECT 1 FROM visitor WHERE day > ?2)",
    )?
    .query_row((first, last), |row| row.get(0))
}

/// The first and the last day that has a key.
fn wanted(today: Day) -> (i32, i32) {
    let mut days = DayKeys::days(today);
    let first = days.next().unwrap_or(today);
    (first.0, days.last().unwrap_or(today).0)
}

fn read(db: &Connection) -> rusqlite::Result<DayKeys> {
    let row: Option<String> =
        db.query_row("SELECT value FROM meta WHERE key = ?1", [ROW], |row| row.get(0)).optional()?;
    let row = row.unwrap_or_default();
    let of_day = |of_day: &str| {
        let (day, key) = of_day.split_once('=')?;
        Some((Day::parse(day.as_bytes())?, key.parse().ok()?))
    };
    Ok(DayKeys::new(row.split(' ').filter_map(of_day)))
}
