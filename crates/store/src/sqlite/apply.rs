//! How the writing thread applies the batches of a tick: one transaction, all or nothing.
//!
//! Totals are updated first (`totals`), because their new values are the answer. Buckets are collected over all batches.
//! Both are written in the order of their B-tree: that alone gives a factor of 1.5. Sums stop at the largest integer;
//! SQLite would continue with floating-point numbers.

use super::{
    correct,
    expiry::Expiry,
    lists,
    totals::{Known, Sum, Totals, clamped},
    writer::{read_marker, write_marker},
};
use crate::{Claim, Outcome, Retention, claim, deadline::Deadline, names};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{SystemTime, UNIX_EPOCH},
};
use tallymark_core::{
    Batch, Day, Entry, Event, Levels, MAX_STATUSES, Minute, Month, Name, OVERFLOW, Position, Status, Visit,
    VisitorHash, When, keep_last,
};
use uuid::Uuid;

/// How far the change log reaches back, in seconds.
const LOG_SECONDS: i64 = 3600;
/// A clock that is further ahead than this is wrong.
const CLOCK_SECONDS: i64 = 600;

/// The state of the writing thread.
pub(super) struct Applier {
    expiry: Expiry,
    /// How many visits of a name are kept.
    visits: usize,
    known: Known,
}

/// Counts on their way into one table of buckets: (bucket, id of the name, count).
pub(super) type Cells = Vec<(i32, i64, i64)>;

/// Everything that a call writes at its end.
#[derive(Default)]
struct Pending {
    days: Cells,
    hours: Cells,
    minutes: Cells,
    all: BTreeMap<(Event, When, Levels), i64>,
    /// By id of the name, month and status.
    statuses: BTreeMap<(i64, Month, Status), i64>,
    all_statuses: BTreeMap<(Event, Month, Status), i64>,
    /// By id of the name, the oldest first.
    visits: BTreeMap<i64, Vec<Visit>>,
    /// By day and id of the name.
    visitors: BTreeSet<(Day, i64, VisitorHash)>,
    log: Vec<(Event, String)>,
    newest: Option<Minute>,
}

impl Applier {
    pub(super) fn new(retention: Retention) -> Applier {
        Applier { expiry: Expiry::new(retention), visits: retention.visits, known: Known::default() }
    }

    /// Forgets what a transaction that was rolled back may have set: numbers of names, and how far expiry has come.
    pub(super) fn forget(&mut self) {
        self.known = Known::default();
        self.expiry.forget();
    }

    pub(super) fn apply(
        &mut self,
        db: &mut Connection,
        deadline: &Deadline,
        claim: &Claim,
        batches: &[Batch],
    ) -> rusqlite::Result<Vec<Outcome>> {
        if batches.iter().any(|batch| batch.correction.is_some()) {
            return self.apply_one_by_one(db, deadline, claim, batches);
        }
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = read_marker(&transaction, claim.instance)?;
        let (mut marker, mut pending) = (before, Pending::default());
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut new = Vec::with_capacity(batches.len());
        for batch in batches {
            match claim::refuse(marker, claim, batch.seq) {
                Some(Outcome::Duplicate) => outcomes.push(Outcome::Duplicate),
                Some(refusal) => {
                    outcomes.push(refusal);
                    break;
                }
                None => {
                    marker = Some(claim::Marker { nonce: claim.nonce, seq: batch.seq, body: claim.body });
                    outcomes.push(Outcome::Applied { totals: Vec::new(), quarantined: 0 });
                    new.push(batch);
                }
            }
        }
        let mut totals = Totals::new(&transaction)?;
        if let Some(marker) = marker.filter(|_| marker != before) {
            let mut answers = self.count(&mut totals, &new, &mut pending)?.into_iter();
            for outcome in &mut outcomes {
                if let Outcome::Applied { totals, .. } = outcome {
                    *totals = answers.next().unwrap_or_default();
                }
            }
            self.count_all(&mut totals, &mut pending)?;
            drop(totals);
            deadline.check()?;
            write_marker(&transaction, claim.instance, marker)?;
            write_positions(&transaction, claim.instance, new.iter().flat_map(|batch| &batch.positions))?;
            self.finish(&transaction, pending)?;
            // From here to the answer is one commit, for which the caller waits.
            deadline.check()?;
        } else {
            drop(totals);
        }
        transaction.commit()?;
        Ok(outcomes)
    }

    /// A correction has a transaction of its own.
    fn apply_one_by_one(
        &mut self,
        db: &mut Connection,
        deadline: &Deadline,
        claim: &Claim,
        batches: &[Batch],
    ) -> rusqlite::Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            match &batch.correction {
                Some(correction) => {
                    let keep = self.visits;
                    outcomes.push(correct::apply(
                        db,
                        deadline,
                        (claim, batch),
                        correction,
                        &mut self.expiry,
                        keep,
                    )?);
                }
                None => outcomes.extend(self.apply(db, deadline, claim, std::slice::from_ref(batch))?),
            }
            if !matches!(outcomes.last(), Some(Outcome::Applied { .. } | Outcome::Duplicate)) {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Adds batches to the totals and collects their buckets. Returns the totals of the distinct names of each.
    fn count(
        &mut self,
        totals: &mut Totals<'_>,
        batches: &[&Batch],
        pending: &mut Pending,
    ) -> rusqlite::Result<Vec<Vec<i64>>> {
        let of_names =
            |batch: &&'_ Batch| batch.entries.chunk_by(|a, b| a.event == b.event && a.name == b.name).count();
        let names: Vec<usize> = batches.iter().map(of_names).collect();
        let mut sums = Vec::with_capacity(names.iter().sum());
        for batch in batches {
            let of_batch = batch.entries.chunk_by(|a, b| a.event == b.event && a.name == b.name).map(Sum::of);
            let nothing = |sum| Sum { count: 0, ..sum };
            match batch.levels.has_days() {
                true => sums.extend(of_batch),
                false => sums.extend(of_batch.map(nothing)),
            }
        }
        self.known.add_all(totals, &mut sums)?;
        let mut rest = &sums[..];
        let mut answers = Vec::with_capacity(batches.len());
        for (batch, names) in batches.iter().zip(names) {
            let (of_batch, others) = rest.split_at(names);
            pending.add_all(of_batch, batch.levels);
            let of_days = if batch.levels.has_days() { of_batch } else { &[] };
            answers.push(of_days.iter().map(|sum| sum.total).collect());
            self.count_statuses(totals, (batch, of_batch), pending)?;
            self.keep_visits(totals, (batch, of_batch), pending)?;
            self.note_visitors(totals, (batch, of_batch), pending)?;
            rest = others;
        }
        Ok(answers)
    }

    fn keep_visits(
        &mut self,
        totals: &mut Totals<'_>,
        (batch, sums): (&Batch, &[Sum<'_>]),
        pending: &mut Pending,
    ) -> rusqlite::Result<()> {
        for of_name in batch.visits.iter().filter(|_| self.visits > 0) {
            let id = self.known.number_of(totals, sums, of_name.event, &of_name.name)?;
            let visits = pending.visits.entry(id).or_default();
            visits.extend(of_name.last.iter().cloned());
            keep_last(visits, self.visits);
        }
        Ok(())
    }

    fn note_visitors(
        &mut self,
        totals: &mut Totals<'_>,
        (batch, sums): (&Batch, &[Sum<'_>]),
        pending: &mut Pending,
    ) -> rusqlite::Result<()> {
        for of_day in &batch.visitors {
            let id = self.known.number_of(totals, sums, of_day.event, &of_day.name)?;
            pending.visitors.extend(of_day.hashes.iter().map(|&hash| (of_day.day, id, hash)));
        }
        Ok(())
    }

    fn count_statuses(
        &mut self,
        totals: &mut Totals<'_>,
        (batch, sums): (&Batch, &[Sum<'_>]),
        pending: &mut Pending,
    ) -> rusqlite::Result<()> {
        for counted in &batch.statuses {
            let id = self.known.number_of(totals, sums, counted.event, &counted.name)?;
            let count = clamped(counted.count);
            let sum = pending.statuses.entry((id, counted.month, counted.status.clone())).or_default();
            *sum = sum.saturating_add(count);
            if counted.name.as_str() != tallymark_core::ALL {
                let all = (counted.event, counted.month, counted.status.clone());
                let sum = pending.all_statuses.entry(all).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        Ok(())
    }

    /// Counts everything once more under the aggregate of its event.
    fn count_all(&mut self, totals: &mut Totals<'_>, pending: &mut Pending) -> rusqlite::Result<()> {
        let all: Vec<((Event, When, Levels), i64)> = std::mem::take(&mut pending.all).into_iter().collect();
        for of_event in all.chunk_by(|((a, ..), _), ((b, ..), _)| a == b) {
            let Some(&((event, ..), _)) = of_event.first() else { continue };
            let counts = of_event.iter().filter(|((_, _, levels), _)| levels.has_days());
            let count = counts.fold(0i64, |sum, (_, count)| sum.saturating_add(*count));
            let id = self.known.add(totals, event, &Name::all(), count)?;
            for &((_, when, levels), count) in of_event {
                pending.add(id, when, count, levels);
            }
        }
        for ((event, month, status), count) in std::mem::take(&mut pending.all_statuses) {
            let id = self.known.add(totals, event, &Name::all(), 0)?;
            let sum = pending.statuses.entry((id, month, status)).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(())
    }

    fn finish(&mut self, db: &Transaction<'_>, pending: Pending) -> rusqlite::Result<()> {
        let written = pending.hours.len() + pending.minutes.len();
        write_cells(db, "day", summed(pending.days))?;
        self.expiry.write(db, summed(pending.hours), summed(pending.minutes))?;
        write_statuses(db, pending.statuses)?;
        write_visits(db, &pending.visits, self.visits)?;
        write_visitors(db, &pending.visitors)?;
        write_log(db, &pending.log)?;
        pending.newest.map_or(Ok(()), |newest| self.expiry.clear(db, newest, written))
    }
}

impl Pending {
    /// Collects the buckets of a batch, and its change log entry.
    fn add_all(&mut self, sums: &[Sum<'_>], levels: Levels) {
        for cells in [&mut self.days, &mut self.hours, &mut self.minutes] {
            cells.reserve(sums.len());
        }
        let mut log: Vec<(Event, String)> = Vec::new();
        for &Sum { entries, id, .. } in sums {
            let Some(Entry { event, name, .. }) = entries.first() else { continue };
            for entry in entries {
                self.add(id, entry.when, clamped(entry.count), levels);
                if name.as_str() != tallymark_core::ALL {
                    let all = self.all.entry((*event, entry.when, levels)).or_default();
                    *all = all.saturating_add(clamped(entry.count));
                }
            }
            // The log has it from when its totals changed.
            if !name.is_aggregate() && levels.has_days() {
                if log.last().is_none_or(|(last, _)| last != event) {
                    log.push((*event, String::new()));
                }
                if let Some((_, text)) = log.last_mut() {
                    names::push(text, name, false);
                }
            }
        }
        self.log.append(&mut log);
    }

    fn add(&mut self, id: i64, when: When, count: i64, levels: Levels) {
        if levels.has_days() {
            self.days.push((when.day().0, id, count));
        }
        if let When::Minute(minute) = when
            && levels.has_minutes()
        {
            self.hours.push((minute.hour().0, id, count));
            self.minutes.push((minute.0, id, count));
            self.newest = self.newest.max(Some(minute));
        }
    }
}

/// A position of an instance; empty if there is none.
pub(super) fn read_position(db: &Transaction<'_>, instance: Uuid, source: &str) -> rusqlite::Result<String> {
    let mut read = db.prepare_cached("SELECT state FROM position WHERE instance = ?1 AND source = ?2")?;
    let state = read.query_row((instance.as_bytes(), source), |row| row.get(0)).optional()?;
    Ok(state.unwrap_or_default())
}

pub(super) fn write_positions<'a>(
    db: &Transaction<'_>,
    instance: Uuid,
    positions: impl Iterator<Item = &'a Position>,
) -> rusqlite::Result<()> {
    let write = "INSERT OR REPLACE INTO position (instance, source, state) VALUES (?1, ?2, ?3)";
    let delete = "DELETE FROM position WHERE instance = ?1 AND source = ?2";
    let instance = instance.as_bytes();
    for Position { source, state } in positions {
        match state.as_str() {
            "" => db.prepare_cached(delete)?.execute((instance, source))?,
            state => db.prepare_cached(write)?.execute((instance, source, state))?,
        };
    }
    Ok(())
}

/// Cells in the order of their B-tree, each once.
fn summed(mut cells: Cells) -> Cells {
    cells.sort_unstable();
    cells.dedup_by(|next, kept| {
        let same = (next.0, next.1) == (kept.0, kept.1);
        if same {
            kept.2 = kept.2.saturating_add(next.2);
        }
        same
    });
    cells
}

/// Adds cells to the table of that name, whose bucket column has the same name.
pub(super) fn write_cells(db: &Transaction<'_>, table: &str, cells: Cells) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(&format!(
        "INSERT INTO {table} ({table}, id, n) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
         SET n = iif(n > 9223372036854775807 - excluded.n, 9223372036854775807, n + excluded.n)"
    ))?;
    for cell in cells {
        statement.execute(cell)?;
    }
    Ok(())
}

/// Adds statuses. A name and month has a limited number of them: further ones count as `~overflow`.
pub(super) fn write_statuses(
    db: &Transaction<'_>,
    statuses: BTreeMap<(i64, Month, Status), i64>,
) -> rusqlite::Result<()> {
    if statuses.is_empty() {
        return Ok(());
    }
    let mut known = db.prepare_cached(
        "UPDATE status SET n = iif(n > 9223372036854775807 - ?4, 9223372036854775807, n + ?4)
         WHERE id = ?1 AND month = ?2 AND status = ?3",
    )?;
    let mut insert = db.prepare_cached(
        "INSERT INTO status (id, month, status, n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE
         SET n = iif(n > 9223372036854775807 - excluded.n, 9223372036854775807, n + excluded.n)",
    )?;
    let mut number =
        db.prepare_cached("SELECT count(*) FROM status WHERE id = ?1 AND month = ?2 AND status <> ?3")?;
    for ((id, month, status), count) in statuses {
        if known.execute((id, month.0, status.as_str(), count))? > 0 {
            continue;
        }
        let there: i64 = number.query_row((id, month.0, OVERFLOW), |row| row.get(0))?;
        let full = there >= MAX_STATUSES as i64;
        insert.execute((id, month.0, if full { OVERFLOW } else { status.as_str() }, count))?;
    }
    Ok(())
}

/// Adds visits, and deletes the oldest ones. Nearly always they are later than those that are there.
fn write_visits(
    db: &Transaction<'_>,
    visits: &BTreeMap<i64, Vec<Visit>>,
    keep: usize,
) -> rusqlite::Result<()> {
    if visits.is_empty() {
        return Ok(());
    }
    let mut newest =
        db.prepare_cached("SELECT seq, visit FROM recent WHERE id = ?1 ORDER BY seq DESC LIMIT 1")?;
    let mut insert = db.prepare_cached("INSERT INTO recent (id, seq, visit) VALUES (?1, ?2, ?3)")?;
    let mut delete = db.prepare_cached("DELETE FROM recent WHERE id = ?1 AND seq <= ?2")?;
    for (&id, last) in visits {
        let there: Option<(i64, String)> =
            newest.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (mut seq, text) = there.unwrap_or_default();
        let newest = Visit::from_json(text.as_bytes()).map(|visit| visit.minute);
        if newest > last.first().map(|visit| visit.minute) {
            lists::put_in_order(db, id, last.clone(), keep)?;
            continue;
        }
        for visit in last {
            seq += 1;
            insert.execute((id, seq, visit.to_json()))?;
        }
        // They are numbered from 1.
        let gone = seq.saturating_sub_unsigned(keep as u64);
        if gone > 0 {
            delete.execute((id, gone))?;
        }
    }
    Ok(())
}

/// Adds visitors, and counts those that are new on their day.
fn write_visitors(
    db: &Transaction<'_>,
    visitors: &BTreeSet<(Day, i64, VisitorHash)>,
) -> rusqlite::Result<()> {
    if visitors.is_empty() {
        return Ok(());
    }
    let mut insert =
        db.prepare_cached("INSERT OR IGNORE INTO visitor (day, id, hash) VALUES (?1, ?2, ?3)")?;
    let mut new: BTreeMap<(i64, Day), i64> = BTreeMap::new();
    for &(day, id, hash) in visitors {
        // A number of 64 bits; SQLite's have a sign.
        if insert.execute((day.0, id, hash.0.cast_signed()))? > 0 {
            *new.entry((id, day)).or_default() += 1;
        }
    }
    let mut count = db.prepare_cached(
        "INSERT INTO visitors (id, day, n) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + excluded.n",
    )?;
    for ((id, day), n) in new {
        count.execute((id, day.0, n))?;
    }
    Ok(())
}

/// Adds entries to the change log, and deletes its old end.
pub(super) fn write_log(db: &Transaction<'_>, log: &[(Event, String)]) -> rusqlite::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut insert = db.prepare_cached("INSERT INTO change (at, event, names) VALUES (?1, ?2, ?3)")?;
    for (event, names) in log {
        insert.execute((now, event.as_str(), names))?;
    }
    // The log is ordered by time, so its old end is found without a scan.
    let slice = 100i64.saturating_add_unsigned(log.len() as u64);
    let mut oldest = db.prepare_cached("SELECT entry, at FROM change ORDER BY entry LIMIT ?1")?;
    let oldest = oldest.query_map([slice], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let mut last = None;
    for row in oldest {
        let (entry, at) = row?;
        // An entry from the future was written while the clock was wrong. It must not keep the log from being cut until
        // then.
        if (now - LOG_SECONDS..now + CLOCK_SECONDS).contains(&at) {
            break;
        }
        last = Some(entry);
    }
    if let Some(last) = last {
        db.prepare_cached("DELETE FROM change WHERE entry <= ?1")?.execute([last])?;
    }
    Ok(())
}
