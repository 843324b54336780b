//! Changes to the last visits of a name other than adding, and what a correction does with them and with its visitors.

use rusqlite::Transaction;
use tallymark_core::{Day, MAX_VISITS, Visit, keep_last};

/// They go.
pub(super) fn delete(db: &Transaction<'_>, id: i64, days: &[Day]) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM recent WHERE id = ?1")?.execute([id])?;
    db.prepare_cached("DELETE FROM visitors WHERE id = ?1")?.execute([id])?;
    for day in days {
        db.prepare_cached("DELETE FROM visitor WHERE day = ?1 AND id = ?2")?.execute((day.0, id))?;
    }
    Ok(())
}

/// They are added to those of another name, of whose visits `keep` stay.
pub(super) fn merge(
    db: &Transaction<'_>,
    (from, to): (i64, i64),
    days: &[Day],
    keep: usize,
) -> rusqlite::Result<()> {
    merge_visits(db, from, to, keep)?;
    for day in days {
        merge_visitors(db, from, to, *day)?;
    }
    delete(db, from, days)
}

fn merge_visits(db: &Transaction<'_>, from: i64, to: i64, keep: usize) -> rusqlite::Result<()> {
    let moved = visits(db, from)?;
    // A process that keeps none, like a command without the configuration, throws none away.
    if moved.is_empty() {
        Ok(())
    } else {
        put_in_order(db, to, moved, if keep > 0 { keep } else { MAX_VISITS })
    }
}

/// Adds visits to a list that may have later ones, of which `keep` stay.
pub(super) fn put_in_order(
    db: &Transaction<'_>,
    id: i64,
    more: Vec<Visit>,
    keep: usize,
) -> rusqlite::Result<()> {
    let (mut all, mut last) = (visits(db, id)?, 0i64);
    all.extend(more);
    // Those of a minute stay in their order.
    keep_last(&mut all, keep);
    db.prepare_cached("DELETE FROM recent WHERE id = ?1")?.execute([id])?;
    let mut insert = db.prepare_cached("INSERT INTO recent (id, seq, visit) VALUES (?1, ?2, ?3)")?;
    for visit in all {
        last += 1;
        insert.execute((id, last, visit.to_json()))?;
    }
    Ok(())
}

fn visits(db: &Transaction<'_>, id: i64) -> rusqlite::Result<Vec<Visit>> {
    let mut read = db.prepare_cached("SELECT visit FROM recent WHERE id = ?1 ORDER BY seq")?;
    let texts = read.query_map([id], |row| row.get::<_, String>(0))?;
    let visits = texts.map(|text| Ok(Visit::from_json(text?.as_bytes())));
    Ok(visits.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Who visited both counts once, as long as it is known who that was.
fn merge_visitors(db: &Transaction<'_>, from: i64, to: i64, day: Day) -> rusqlite::Result<()> {
    let number = |id: i64| -> rusqlite::Result<i64> {
        db.prepare_cached("SELECT coalesce(max(n), 0) FROM visitors WHERE id = ?1 AND day = ?2")?
            .query_row((id, day.0), |row| row.get(0))
    };
    let known: i64 = db
        .prepare_cached("SELECT count(*) FROM visitor WHERE day = ?1 AND id = ?2")?
        .query_row((day.0, from), |row| row.get(0))?;
    let new = db
        .prepare_cached(
            "INSERT OR IGNORE INTO visitor (day, id, hash) SELECT day, ?3, hash FROM visitor WHERE day = ?1 AND id = ?2",
        )?
        .execute((day.0, from, to))?;
    let unknown = number(from)?.saturating_sub(known).max(0);
    let sum = number(to)?.saturating_add(unknown).saturating_add_unsigned(new as u64);
    if sum > 0 {
        db.prepare_cached("INSERT OR REPLACE INTO visitors (id, day, n) VALUES (?1, ?2, ?3)")?
            .execute((to, day.0, sum))?;
    }
    Ok(())
}
