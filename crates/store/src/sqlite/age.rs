//! What is past its retention: see [`StoreAge`](crate::StoreAge).

use super::{file, reached::Reached};
use crate::{Level, TooOld, retention};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::time::Duration;
use tallymark_core::{Day, Minute};

/// How many rows, or lists of visits, are examined in one transaction, so that a tick need not wait for all of them.
const SLICE: i64 = 10_000;
/// Whether a visit is older than ?1. It begins with `{"time":"` and its time.
const IS_OLD: &str = "visit LIKE '{\"time\":\"%' AND substr(visit, 10, 20) < ?1";

/// The tables of a level, each with the minutes of its bucket; the first is the level itself.
fn tables(level: Level) -> &'static [(&'static str, &'static str, i32)] {
    const MINUTE: (&str, &str, i32) = ("minute", "minute", 1);
    const HOUR: (&str, &str, i32) = ("hour", "hour", 60);
    const VISITORS: (&str, &str, i32) = ("visitors", "day", 1440);
    match level {
        Level::Minutes => &[MINUTE],
        Level::Hours => &[HOUR],
        Level::Days => &[("day", "day", 1440), HOUR, MINUTE, VISITORS],
        Level::Visitors => &[VISITORS],
        Level::Visits => &[],
    }
}

/// Visits and visitors go by the clock alone, because they must go even if nothing is counted any more.
fn first_kept(db: &Connection, level: Level, keep: Duration) -> rusqlite::Result<Minute> {
    let clock = retention::now();
    let now = match level {
        Level::Visitors | Level::Visits => clock,
        _ => Reached::read(db)?.map_or(clock, |reached| clock.min(reached.minute())),
    };
    Ok(level.first_kept(keep, now))
}

pub(super) fn aged(db: &Connection, level: Level, keep: Duration) -> rusqlite::Result<TooOld> {
    let first = first_kept(db, level, keep)?;
    let mut aged = TooOld::default();
    if level == Level::Visits {
        let count = format!("SELECT count(*), min(substr(visit, 10, 10)) FROM recent WHERE {IS_OLD}");
        let (entries, oldest): (i64, Option<String>) =
            db.query_row(&count, [first.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(oldest) = oldest.and_then(|oldest| Day::parse(oldest.as_bytes())) {
            aged.add(entries.unsigned_abs(), oldest);
        }
    } else if let Some((table, column, width)) = tables(level).first() {
        let count = format!(
            "SELECT count(*), min({column}) FROM {table} WHERE {column} < ?1
             AND id NOT IN (SELECT id FROM name WHERE name GLOB '~*')"
        );
        let (entries, oldest): (i64, Option<i32>) =
            db.query_row(&count, [first.0 / width], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(oldest) = oldest {
            aged.add(entries.unsigned_abs(), Minute(oldest.saturating_mul(*width)).day());
        }
    }
    Ok(aged)
}

/// Deletes a slice. Answers where the next one begins, if there may be more.
pub(super) fn clear(
    db: &mut Connection,
    level: Level,
    keep: Duration,
    start: i64,
) -> rusqlite::Result<Option<i64>> {
    if level != Level::Visits {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let more = clear_counts(&transaction, level, keep)?;
        transaction.commit()?;
        return Ok(more.then_some(0));
    }
    // What was kept of a client is overwritten, as the hashes of visitors are.
    db.pragma_update(None, "secure_delete", true)?;
    let cleared = clear_visits(db, keep, start);
    db.pragma_update(None, "secure_delete", false)?;
    let (next, is_changed) = cleared?;
    if next.is_none() && is_changed {
        db.busy_timeout(Duration::ZERO)?;
        let _ = file::write_again(db);
    }
    Ok(next)
}

fn clear_counts(db: &Transaction<'_>, level: Level, keep: Duration) -> rusqlite::Result<bool> {
    let first = first_kept(db, level, keep)?;
    let mut more = false;
    for (table, column, width) in tables(level) {
        let mut delete = db.prepare_cached(&format!(
            "DELETE FROM {table} WHERE ({column}, id) IN
             (SELECT {column}, id FROM {table} WHERE {column} < ?1 LIMIT ?2)"
        ))?;
        more |= delete.execute((i64::from(first.0 / width), SLICE))? as i64 == SLICE;
    }
    Ok(more)
}

/// The oldest visit of a list comes first, so most lists cost one look.
fn clear_visits(db: &mut Connection, keep: Duration, start: i64) -> rusqlite::Result<(Option<i64>, bool)> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let first = first_kept(&transaction, Level::Visits, keep)?.to_string();
    let (mut at, mut is_changed, mut more) = (start, false, false);
    {
        let mut next =
            transaction.prepare_cached("SELECT id FROM recent WHERE id > ?1 ORDER BY id LIMIT 1")?;
        let mut delete = transaction.prepare_cached(&format!(
            "DELETE FROM recent WHERE id = ?2 AND seq <=
             (SELECT max(seq) FROM recent WHERE id = ?2 AND {IS_OLD}) AND
             (SELECT substr(visit, 10, 20) < ?1 FROM recent WHERE id = ?2 ORDER BY seq LIMIT 1)"
        ))?;
        for looked_at in 1..=SLICE {
            let Some(id) = next.query_row([at], |row| row.get(0)).optional()? else { break };
            is_changed |= delete.execute((&first, id))? > 0;
            (at, more) = (id, looked_at == SLICE);
        }
    }
    transaction.commit()?;
    Ok((more.then_some(at), is_changed))
}
