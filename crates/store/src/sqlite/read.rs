//! Reading the SQLite file: a few separate connections, on tokio's blocking threads.
//!
//! Every call is one short read transaction, because the write-ahead log cannot be truncated during one.

use super::{file, place::Place};
use crate::{
    Changes, Class, Cursor, Filter, NamePage, Result, Step, StoreError, deadline::Deadline,
    filter::MOST_LOOKED_AT, names as entry,
};
use rusqlite::{Connection, OptionalExtension};
use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tallymark_core::{Day, Event, Latest, Month, Name, Position, Visit, calendar};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How many reads run at the same time.
const READERS: usize = 4;

/// The connections that read.
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Idle>,
    place: Arc<Place>,
    permits: Arc<Semaphore>,
    deadline: Deadline,
}

/// Idle connections, and how often all connections were dropped.
#[derive(Default)]
pub(super) struct Idle(Mutex<(u64, Vec<Connection>)>);

impl Idle {
    fn take(&self) -> (u64, Option<Connection>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (idle.0, idle.1.pop())
    }

    fn give_back(&self, since: u64, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.0 == since {
            idle.1.push(connection);
        }
    }

    /// Drops all of them; those in use are dropped when they come back. The connections of a process share what SQLite
    /// knows about the file, so one that found it unwritable would keep it unwritable for a new one as well.
    pub(super) fn forget(&self) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.0 += 1;
        idle.1.clear();
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Idle")
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Readers {
    pub(super) fn new(path: &Path, deadline: Deadline) -> Readers {
        let idle = Arc::<Idle>::default();
        let place = Arc::new(Place::new(path, idle.clone(), deadline.clone()));
        Readers { path: path.to_owned(), idle, place, permits: Arc::new(Semaphore::new(READERS)), deadline }
    }

    /// The file that they read.
    pub(super) fn place(&self) -> Arc<Place> {
        self.place.clone()
    }

    /// Runs `work` as one read transaction, away from tokio's workers.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let failed = |path: &Path| format!("{doing} in the store {}", path.display());
        let ended = |err: &dyn fmt::Display| StoreError::new(Class::Unavailable, failed(&self.path), err);
        let permit = self.permits.clone().acquire_owned().await.map_err(|err| ended(&err))?;
        let (path, idle, place) = (self.path.clone(), self.idle.clone(), self.place.clone());
        let deadline = self.deadline.clone();
        let read = move || {
            let _permit = permit;
            if let Err(moved) = place.look() {
                return Ok(Err(moved));
            }
            let (since, reused) = idle.take();
            let connection = match reused {
                Some(connection) => connection,
                None => file::open_reader(&path, &deadline)?,
            };
            // The end of the process does not wait for a read.
            connection.busy_timeout(deadline.bound(file::BUSY_TIMEOUT))?;
            // Prepared once, and not for each read. After an error the connection is closed, and the transaction with it.
            connection.prepare_cached("BEGIN")?.execute([])?;
            let answer = work(&connection)?;
            connection.prepare_cached("COMMIT")?.execute([])?;
            // Only a connection without errors is reused.
            idle.give_back(since, connection);
            Ok(Ok(answer))
        };
        let answer = tokio::task::spawn_blocking(read).await.map_err(|err| ended(&err))?;
        answer.map_err(|err| file::explain(err, failed(&self.path)))?
    }
}

pub(super) fn totals(db: &Connection, event: Event, names: &[Name]) -> rusqlite::Result<Vec<i64>> {
    let mut statement = db.prepare_cached("SELECT total FROM name WHERE event = ?1 AND name = ?2")?;
    let mut total = |name: &Name| -> rusqlite::Result<i64> {
        let row = statement.query_row((event.as_str(), name.as_str()), |row| row.get(0)).optional()?;
        Ok(row.unwrap_or(0))
    };
    names.iter().map(&mut total).collect()
}

pub(super) fn series(
    db: &Connection,
    event: Event,
    name: &Name,
    step: Step,
    range: Range<i32>,
) -> rusqlite::Result<Vec<(i32, i64)>> {
    let table = match step {
        Step::Month => {
            let days = Month(range.start).first_day().0..Month(range.end).first_day().0;
            return series(db, event, name, Step::Day, days).map(calendar::by_month);
        }
        Step::Day => "day",
        Step::Hour => "hour",
        Step::Minute => "minute",
    };
    let id = "SELECT id FROM name WHERE event = ?1 AND name = ?2";
    let id: Option<i64> =
        db.prepare_cached(id)?.query_row((event.as_str(), name.as_str()), |row| row.get(0)).optional()?;
    let ends = format!("SELECT (SELECT min({table}) FROM {table}), (SELECT max({table}) FROM {table})");
    let ends: (Option<i32>, Option<i32>) =
        db.prepare_cached(&ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(id), (Some(first), Some(last))) = (id, ends) else { return Ok(Vec::new()) };
    // Every bucket holds very many names, so a lookup in each bucket beats a scan of the range.
    let mut statement =
        db.prepare_cached(&format!("SELECT n FROM {table} WHERE {table} = ?1 AND id = ?2"))?;
    let mut found = Vec::new();
    for bucket in range.start.max(first)..range.end.min(last.saturating_add(1)) {
        if let Some(n) = statement.query_row((bucket, id), |row| row.get(0)).optional()? {
            found.push((bucket, n));
        }
    }
    Ok(found)
}

/// A year is the sum of its months.
pub(super) fn statuses(
    db: &Connection,
    event: Event,
    name: &Name,
    year: i32,
    month: Option<u32>,
) -> rusqlite::Result<Vec<(String, i64)>> {
    let months = match month {
        Some(month) => Month::of(year, month).map(|month| (month, month)),
        None => Month::of(year, 1).zip(Month::of(year, 12)),
    };
    let Some((first, last)) = months else { return Ok(Vec::new()) };
    let mut statement = db.prepare_cached(
        "SELECT status, n FROM status WHERE id = (SELECT id FROM name WHERE event = ?1 AND name = ?2)
         AND month BETWEEN ?3 AND ?4 ORDER BY status",
    )?;
    let mut rows = statement.query((event.as_str(), name.as_str(), first.0, last.0))?;
    let mut found: Vec<(String, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (status, count): (String, i64) = (row.get(0)?, row.get(1)?);
        match found.last_mut() {
            Some((last, sum)) if *last == status => *sum = sum.saturating_add(count),
            _ => found.push((status, count)),
        }
    }
    Ok(found)
}

pub(super) fn status_months(db: &Connection, event: Event, name: &Name) -> rusqlite::Result<Vec<Month>> {
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT month FROM status WHERE id = (SELECT id FROM name WHERE event = ?1 AND name = ?2)
         ORDER BY month",
    )?;
    statement.query_map((event.as_str(), name.as_str()), |row| row.get(0).map(Month))?.collect()
}

/// Empty for a name that was never counted.
pub(super) fn latest(db: &Connection, event: Event, name: &Name, limit: usize) -> rusqlite::Result<Latest> {
    let mut statement = db.prepare_cached("SELECT id, total FROM name WHERE event = ?1 AND name = ?2")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let Some((id, total)) = statement.query_row((event.as_str(), name.as_str()), row).optional()? else {
        return Ok(Latest::default());
    };
    Ok(Latest { total, visits: visits(db, id, limit)? })
}

/// Rows written by another program are skipped if they are not visits.
fn visits(db: &Connection, id: i64, limit: usize) -> rusqlite::Result<Vec<Visit>> {
    let mut statement =
        db.prepare_cached("SELECT visit FROM recent WHERE id = ?1 ORDER BY seq DESC LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((id, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(Visit::from_json(row.get_ref(0)?.as_bytes()?));
    }
    Ok(found)
}

pub(super) fn visitors(
    db: &Connection,
    event: Event,
    name: &Name,
    from: Day,
    to: Day,
) -> rusqlite::Result<Vec<(Day, i64)>> {
    let mut statement = db.prepare_cached(
        "SELECT day, n FROM visitors
         WHERE id = (SELECT id FROM name WHERE event = ?1 AND name = ?2) AND day >= ?3 AND day < ?4 ORDER BY day",
    )?;
    let row = |row: &rusqlite::Row<'_>| Ok((Day(row.get(0)?), row.get(1)?));
    statement.query_map((event.as_str(), name.as_str(), from.0, to.0), row)?.collect()
}

/// Names in the order of their bytes; a page starts after the last name of the previous one.
pub(super) fn names(db: &Connection, event: Event, start: &str, limit: usize) -> rusqlite::Result<NamePage> {
    let limit = limit.clamp(1, 100_000);
    let mut statement = db.prepare_cached(
        "SELECT name FROM name WHERE event = ?1 AND name > ?2 AND name NOT GLOB '~*' ORDER BY name LIMIT ?3",
    )?;
    let rows = statement.query_map((event.as_str(), start, limit as i64), |row| row.get::<_, String>(0))?;
    let texts = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    let next = if texts.len() < limit { None } else { texts.last().cloned() };
    // Rows written by another program are skipped if they are not names.
    Ok(NamePage { names: texts.iter().filter_map(|text| Name::of(event, text).ok()).collect(), next })
}

/// Names with a prefix are adjacent in the index, so only the search for contained text examines them one by one.
pub(super) fn find(
    db: &Connection,
    event: Event,
    filter: &Filter,
    start: &str,
    limit: usize,
) -> rusqlite::Result<NamePage> {
    // Only one bound: given two, SQLite uses the first for the index.
    let bound = if start < filter.prefix.as_str() { "name >= ?2" } else { "name > ?2" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT name FROM name WHERE event = ?1 AND {bound} AND name NOT GLOB '~*' ORDER BY name LIMIT ?3"
    ))?;
    let from = start.max(&filter.prefix);
    let mut rows = statement.query((event.as_str(), from, MOST_LOOKED_AT as i64))?;
    let (mut names, mut last, mut looked_at) = (Vec::new(), String::new(), 0);
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str()?;
        if !text.starts_with(&filter.prefix) {
            return Ok(NamePage { names, next: None });
        }
        if filter.matches(text) {
            names.extend(Name::of(event, text).ok());
        }
        looked_at += 1;
        last.clear();
        last.push_str(text);
        if names.len() >= limit {
            return Ok(NamePage { names, next: Some(last) });
        }
    }
    Ok(NamePage { names, next: (looked_at == MOST_LOOKED_AT).then_some(last) })
}

pub(super) fn name_count(db: &Connection, event: Event) -> rusqlite::Result<u64> {
    let mut statement =
        db.prepare_cached("SELECT count(*) FROM name WHERE event = ?1 AND name NOT GLOB '~*'")?;
    let count: i64 = statement.query_row([event.as_str()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(super) fn head(db: &Connection, store: Uuid) -> rusqlite::Result<Cursor> {
    Ok(Cursor { store, run: String::new(), entry: last_entry(db)?.to_string() })
}

pub(super) fn changes(
    db: &Connection,
    store: Uuid,
    after: &Cursor,
    limit: usize,
) -> rusqlite::Result<Changes> {
    let Some(from) = after.entry.parse::<i64>().ok().filter(|_| after.store == store && after.run.is_empty())
    else {
        return Ok(Changes::Lost);
    };
    let last = last_entry(db)?;
    let first: Option<i64> = db.query_row("SELECT min(entry) FROM change", [], |row| row.get(0))?;
    // Numbers have no gaps, so the log is complete if it begins no later than right after the cursor.
    if from < 0 || from > last || first.map_or(last, |first| first - 1) > from {
        return Ok(Changes::Lost);
    }
    let mut statement =
        db.prepare_cached("SELECT entry, event, names FROM change WHERE entry > ?1 ORDER BY entry")?;
    let mut rows = statement.query([from])?;
    let (mut found, mut at) = (Vec::new(), from);
    while let Some(row) = rows.next()? {
        if found.len() >= limit.max(1) {
            break;
        }
        at = row.get(0)?;
        if let Ok(event) = Event::new(row.get_ref(1)?.as_bytes()?) {
            found.extend(entry::parse(event, row.get_ref(2)?.as_str()?));
        }
    }
    let cursor = Cursor { store, run: String::new(), entry: at.to_string() };
    Ok(Changes::Since { names: found, cursor, more: at < last })
}

/// The number of the last entry ever written, even if it is gone.
fn last_entry(db: &Connection) -> rusqlite::Result<i64> {
    let mut statement = db.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'change'")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The positions that an instance has committed, or every instance.
pub(super) fn positions(db: &Connection, of: Option<Uuid>) -> rusqlite::Result<Vec<(Uuid, Position)>> {
    let mut statement =
        db.prepare_cached("SELECT instance, source, state FROM position WHERE instance BETWEEN ?1 AND ?2")?;
    let row = |row: &rusqlite::Row<'_>| {
        let position = Position { source: row.get(1)?, state: row.get(2)? };
        Ok((Uuid::from_bytes(row.get(0)?), position))
    };
    let (first, last) = of.map_or((Uuid::nil(), Uuid::max()), |instance| (instance, instance));
    statement.query_map([first.as_bytes(), last.as_bytes()], row)?.collect()
}
