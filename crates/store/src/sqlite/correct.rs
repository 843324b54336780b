//! Corrections in the embedded store: one part is one transaction.
//!
//! Every count is checked before anything is written, so a part that subtracts too much changes nothing.

use super::{
    apply::{read_position, write_cells, write_log, write_positions, write_statuses},
    expiry::Expiry,
    lists,
    writer::{read_marker, write_marker},
};
use crate::{Claim, KnownCorrection, Outcome, claim, deadline::Deadline, names};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
use tallymark_core::{
    Batch, Correction, CorrectionRecord, CountCell, Difference, Event, MAX_CORRECTIONS, Name, Position,
    PositionChange, Status,
};
use uuid::Uuid;

/// In `meta`: the sum of what corrections have changed of an event, behind this.
const CORRECTED: &str = "corrected:";

/// Applies one part. `keep` is how many visits of a name stay.
pub(super) fn apply(
    db: &mut Connection,
    deadline: &Deadline,
    (claim, batch): (&Claim, &Batch),
    correction: &Correction,
    expiry: &mut Expiry,
    keep: usize,
) -> rusqlite::Result<Outcome> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = read_marker(&transaction, claim.instance)?;
    if let Some(refusal) = claim::refuse(before, claim, batch.seq) {
        return Ok(refusal);
    }
    let mut numbers = Numbers { db: &transaction, known: BTreeMap::new() };
    for difference in &correction.differences {
        if let Some(what) = shortage(&mut numbers, difference)? {
            return Ok(Outcome::Short { what });
        }
    }
    for change in &correction.positions {
        if read_position(&transaction, change.instance, &change.source)? != change.from {
            return Ok(Outcome::Short { what: change.lack() });
        }
    }
    write(&mut numbers, &correction.differences, expiry)?;
    for list in &correction.lists {
        let Some(from) = numbers.of(list.event, &list.from)? else { continue };
        match &list.to {
            None => lists::delete(&transaction, from, &list.days)?,
            Some(to) => {
                let to = numbers.made(list.event, to)?;
                lists::merge(&transaction, (from, to), &list.days, keep)?;
            }
        }
    }
    for (event, name) in &correction.gone {
        forget(&mut numbers, *event, name)?;
    }
    write_positions(&transaction, claim.instance, batch.positions.iter())?;
    for PositionChange { instance, source, to, .. } in &correction.positions {
        let position = Position { source: source.clone(), state: to.clone() };
        write_positions(&transaction, *instance, [position].iter())?;
    }
    write_log(&transaction, &log(correction))?;
    if let Some(record) = &correction.record {
        remember(&transaction, correction, record)?;
    }
    let marker = claim::Marker { nonce: claim.nonce, seq: batch.seq, body: claim.body };
    write_marker(&transaction, claim.instance, marker)?;
    deadline.check()?;
    transaction.commit()?;
    Ok(Outcome::Applied { totals: Vec::new(), quarantined: 0 })
}

/// The numbers of names.
struct Numbers<'a> {
    db: &'a Transaction<'a>,
    known: BTreeMap<(Event, Name), Option<i64>>,
}

impl Numbers<'_> {
    fn of(&mut self, event: Event, name: &Name) -> rusqlite::Result<Option<i64>> {
        if let Some(known) = self.known.get(&(event, name.clone())) {
            return Ok(*known);
        }
        let mut find = self.db.prepare_cached("SELECT id FROM name WHERE event = ?1 AND name = ?2")?;
        let found = find.query_row((event.as_str(), name.as_str()), |row| row.get(0)).optional()?;
        self.known.insert((event, name.clone()), found);
        Ok(found)
    }

    fn made(&mut self, event: Event, name: &Name) -> rusqlite::Result<i64> {
        if let Some(found) = self.of(event, name)? {
            return Ok(found);
        }
        let mut make =
            self.db.prepare_cached("INSERT INTO name (event, name) VALUES (?1, ?2) RETURNING id")?;
        let made = make.query_row((event.as_str(), name.as_str()), |row| row.get(0))?;
        self.known.insert((event, name.clone()), Some(made));
        Ok(made)
    }
}

/// Which count has less than is to be taken away, or would become too large.
fn shortage(numbers: &mut Numbers<'_>, difference: &Difference) -> rusqlite::Result<Option<String>> {
    let there = match numbers.of(difference.event, &difference.name)? {
        Some(id) => count(numbers.db, id, &difference.cell)?,
        None => 0,
    };
    let fits = there.checked_add(difference.by).is_some_and(|sum| sum >= 0);
    Ok((!fits).then(|| difference.lack(there)))
}

fn count(db: &Transaction<'_>, id: i64, cell: &CountCell) -> rusqlite::Result<i64> {
    let found: Option<i64> = match cell {
        CountCell::Total => {
            db.prepare_cached("SELECT total FROM name WHERE id = ?1")?.query_row([id], |row| row.get(0))
        }
        CountCell::Status(month, status) => db
            .prepare_cached("SELECT n FROM status WHERE id = ?1 AND month = ?2 AND status = ?3")?
            .query_row((id, month.0, status), |row| row.get(0)),
        CountCell::Day(day) => bucket(db, "day", day.0, id),
        CountCell::Hour(hour) => bucket(db, "hour", hour.0, id),
        CountCell::Minute(minute) => bucket(db, "minute", minute.0, id),
    }
    .optional()?;
    Ok(found.unwrap_or(0))
}

fn bucket(db: &Transaction<'_>, table: &str, bucket: i32, id: i64) -> rusqlite::Result<i64> {
    db.prepare_cached(&format!("SELECT n FROM {table} WHERE {table} = ?1 AND id = ?2"))?
        .query_row((bucket, id), |row| row.get(0))
}

/// Nothing falls short: writes every difference. A bucket that has nothing left goes.
fn write(numbers: &mut Numbers<'_>, differences: &[Difference], expiry: &mut Expiry) -> rusqlite::Result<()> {
    let db = numbers.db;
    let (mut days, mut hours, mut minutes) = (Vec::new(), Vec::new(), Vec::new());
    let mut statuses = BTreeMap::new();
    for Difference { event, name, cell, by } in differences {
        let id = numbers.made(*event, name)?;
        match cell {
            CountCell::Total => {
                let mut add = db.prepare_cached("UPDATE name SET total = total + ?2 WHERE id = ?1")?;
                add.execute((id, by))?;
            }
            CountCell::Day(day) if *by > 0 => days.push((day.0, id, *by)),
            CountCell::Hour(hour) if *by > 0 => hours.push((hour.0, id, *by)),
            CountCell::Minute(minute) if *by > 0 => minutes.push((minute.0, id, *by)),
            CountCell::Day(day) => take(db, "day", day.0, id, *by)?,
            CountCell::Hour(hour) => take(db, "hour", hour.0, id, *by)?,
            CountCell::Minute(minute) => take(db, "minute", minute.0, id, *by)?,
            CountCell::Status(month, status) if *by > 0 => {
                // Those that are no status were counted as over the limit.
                let status = Status::new(status).unwrap_or_else(|_| Status::overflow());
                *statuses.entry((id, *month, status)).or_default() += *by;
            }
            CountCell::Status(month, status) => {
                db.prepare_cached(
                    "UPDATE status SET n = n + ?4 WHERE id = ?1 AND month = ?2 AND status = ?3",
                )?
                .execute((id, month.0, status, by))?;
                db.prepare_cached(
                    "DELETE FROM status WHERE id = ?1 AND month = ?2 AND status = ?3 AND n = 0",
                )?
                .execute((id, month.0, status))?;
            }
        }
    }
    for cells in [&mut days, &mut hours, &mut minutes] {
        cells.sort_unstable();
    }
    write_cells(db, "day", days)?;
    expiry.write(db, hours, minutes)?;
    write_statuses(db, statuses)
}

fn take(db: &Transaction<'_>, table: &str, bucket: i32, id: i64, by: i64) -> rusqlite::Result<()> {
    db.prepare_cached(&format!("UPDATE {table} SET n = n + ?3 WHERE {table} = ?1 AND id = ?2"))?
        .execute((bucket, id, by))?;
    db.prepare_cached(&format!("DELETE FROM {table} WHERE {table} = ?1 AND id = ?2 AND n = 0"))?
        .execute((bucket, id))?;
    Ok(())
}

/// A name that has nothing left leaves the list of names.
fn forget(numbers: &mut Numbers<'_>, event: Event, name: &Name) -> rusqlite::Result<()> {
    let Some(id) = numbers.of(event, name)? else { return Ok(()) };
    let delete = "DELETE FROM name WHERE id = ?1 AND total = 0";
    if numbers.db.prepare_cached(delete)?.execute([id])? > 0 {
        numbers.db.prepare_cached("DELETE FROM status WHERE id = ?1")?.execute([id])?;
        numbers.known.insert((event, name.clone()), None);
    }
    Ok(())
}

/// The entries of the change log.
fn log(correction: &Correction) -> Vec<(Event, String)> {
    let mut log: BTreeMap<Event, String> = BTreeMap::new();
    for (event, name) in correction.changed() {
        names::push(log.entry(event).or_default(), name, correction.is_remembered());
    }
    log.into_iter().collect()
}

fn remember(
    db: &Transaction<'_>,
    correction: &Correction,
    record: &CorrectionRecord,
) -> rusqlite::Result<()> {
    let entry = insert_part(db, record, &correction.body())?;
    let oldest = entry.saturating_sub_unsigned(MAX_CORRECTIONS as u64);
    db.prepare_cached("DELETE FROM correction WHERE entry <= ?1")?.execute([oldest])?;
    for (event, by) in correction.of_all() {
        put_corrected(db, event, corrected(db, event)?.saturating_add(by))?;
    }
    Ok(())
}

fn put_corrected(db: &Connection, event: Event, sum: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute((format!("{CORRECTED}{event}"), sum.to_string()))?;
    Ok(())
}

/// Puts another log in the place of this one, the latest part first.
pub(super) fn replace(
    db: &Transaction<'_>,
    log: &[KnownCorrection],
    corrected: &[(Event, i64)],
) -> rusqlite::Result<()> {
    db.execute("DELETE FROM correction", [])?;
    for KnownCorrection { record, differences } in log.iter().rev() {
        let body = Correction::arriving(differences.clone()).body();
        insert_part(db, record, &body)?;
    }
    corrected.iter().try_for_each(|(event, by)| put_corrected(db, *event, *by))
}

/// Adds an entry to the log, and answers its number.
fn insert_part(db: &Connection, record: &CorrectionRecord, body: &str) -> rusqlite::Result<i64> {
    let text =
        serde_json::to_string(record).map_err(|err| rusqlite::Error::ToSqlConversionFailure(err.into()))?;
    let mut insert = db.prepare_cached(
        "INSERT INTO correction (id, part, record, body) VALUES (?1, ?2, ?3, ?4) RETURNING entry",
    )?;
    insert.query_row((record.id.as_bytes(), record.part as i64, text, body), |row| row.get(0))
}

pub(super) fn corrected(db: &Connection, event: Event) -> rusqlite::Result<i64> {
    let mut read = db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let sum: Option<String> = read.query_row([format!("{CORRECTED}{event}")], |row| row.get(0)).optional()?;
    Ok(sum.and_then(|sum| sum.parse().ok()).unwrap_or(0))
}

pub(super) fn records(db: &Connection, most: usize) -> rusqlite::Result<Vec<CorrectionRecord>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut read = db.prepare_cached("SELECT record FROM correction ORDER BY entry DESC LIMIT ?1")?;
    let records = read.query_map([most], |row| {
        let text: String = row.get(0)?;
        serde_json::from_str(&text).map_err(|err| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, err.into())
        })
    })?;
    records.collect()
}

pub(super) fn differences(db: &Connection, id: Uuid, part: u64) -> rusqlite::Result<Option<Vec<Difference>>> {
    let mut read = db.prepare_cached("SELECT body FROM correction WHERE id = ?1 AND part = ?2")?;
    let body: Option<String> = read.query_row((id.as_bytes(), part as i64), |row| row.get(0)).optional()?;
    Ok(body.and_then(|body| Correction::read_body(&body)))
}

pub(super) fn has(db: &Connection, event: Event, names: &[Name]) -> rusqlite::Result<Vec<bool>> {
    let mut find = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM name WHERE event = ?1 AND name = ?2)")?;
    names.iter().map(|name| find.query_row((event.as_str(), name.as_str()), |row| row.get(0))).collect()
}
