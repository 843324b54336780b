//! The counts of a span of time in slices, for rankings: windows of consecutive names, by their numbers.
//!
//! In every table the rows of a bucket are in the order of names, so the same window of each bucket is one range, and
//! the sums over several buckets need memory only for the names of one window.

use crate::{Slice, Span, narrow::Narrow};
use rusqlite::{Connection, OptionalExtension};
use std::ops::RangeInclusive;
use tallymark_core::{Event, Name};

/// How many rows a slice may read: about 10 ms.
const ROWS: i64 = 20_000;
/// The minimum number of names that it examines.
const FEWEST: i64 = 500;
/// Finding the first row of a bucket costs about as much as reading this many rows. An estimate: it only decides how long
/// a slice takes.
const SEEK: i64 = 5;

/// The events of the names, each found with one index lookup.
pub(super) fn events(db: &Connection) -> rusqlite::Result<Vec<Event>> {
    let mut next = db.prepare_cached("SELECT min(event) FROM name WHERE event > ?1")?;
    let (mut found, mut last) = (Vec::new(), String::new());
    while let Some(event) = next.query_row([&last], |row| row.get::<_, Option<String>>(0))? {
        found.extend(Event::new(event.as_bytes()).ok());
        last = event;
    }
    Ok(found)
}

/// The names after number `start`.
pub(super) fn slice(
    db: &Connection,
    event: Event,
    span: Span,
    floor: i64,
    start: i64,
) -> rusqlite::Result<Slice> {
    let floor = floor.max(0);
    let last: Option<i64> = db.query_row("SELECT max(id) FROM name", [], |row| row.get(0))?;
    let (table, buckets) = buckets(span);
    let spanned = (i64::from(*buckets.end()) - i64::from(*buckets.start()) + 1).max(1);
    if start == 0
        && let Some(names) = few(db, event, ROWS / spanned)?
    {
        let counts = counts(db, event, &names, &[(span, floor)])?;
        let counts = counts.iter().filter_map(|row| row.first().copied());
        let counts = names.into_iter().zip(counts).filter(|&(_, count)| count > floor).collect();
        return Ok(Slice { counts, next: None });
    }
    let width = (ROWS / spanned).max(FEWEST);
    if span == Span::All {
        let end = start.saturating_add(width);
        let counts = totals(db, event, floor, start, end)?;
        return Ok(Slice { counts, next: last.filter(|&last| last > end).map(|_| end.to_string()) });
    }
    let (mut counts, mut end, mut spent) = (Vec::new(), start, 0);
    // Most names have no count in most minutes, and windows with few rows cost little.
    while spent < ROWS && (end == start || last.is_some_and(|last| last > end)) {
        let from = end;
        end = from.saturating_add(width);
        let (found, read) = sums(db, event, (table, buckets.clone()), floor, from, end)?;
        counts.extend(found);
        spent += read + spanned * SEEK;
    }
    Ok(Slice { counts, next: last.filter(|&last| last > end).map(|_| end.to_string()) })
}

/// The counts of some names; names that cannot be above their floor are not read.
pub(super) fn counts(
    db: &Connection,
    event: Event,
    names: &[Name],
    spans: &[(Span, i64)],
) -> rusqlite::Result<Vec<Vec<i64>>> {
    let mut name = db.prepare_cached("SELECT id, total FROM name WHERE event = ?1 AND name = ?2")?;
    let mut known = |name_of: &Name| -> rusqlite::Result<(i64, i64)> {
        let found = name.query_row((event.as_str(), name_of.as_str()), |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(found.optional()?.unwrap_or((0, 0)))
    };
    let known = names.iter().map(&mut known).collect::<rusqlite::Result<Vec<_>>>()?;
    let totals: Vec<i64> = known.iter().map(|&(_, total)| total).collect();
    let mut narrow = Narrow::new(&totals, spans.len());
    for (column, &(span, floor)) in spans.iter().enumerate() {
        let (table, buckets) = buckets(span);
        if span == Span::All {
            totals.iter().enumerate().for_each(|(at, &total)| narrow.read(at, column, span, total));
            continue;
        }
        let mut sums = BucketSums::over(db, table, buckets)?;
        let mut hours = match span {
            Span::Minutes(from, to) if floor > 0 && from < to => {
                Some(BucketSums::over(db, "hour", from.hour().0..=to.hour().0)?)
            }
            _ => None,
        };
        for at in narrow.above(span, floor) {
            // Two hours are read sooner than sixty minutes, and most names have too little in them.
            if let Some(hours) = &mut hours
                && hours.of(known[at].0)? <= floor
            {
                continue;
            }
            narrow.read(at, column, span, sums.of(known[at].0)?);
        }
    }
    Ok(narrow.into_rows())
}

/// The sum of some buckets of one name at a time.
struct BucketSums<'a> {
    statement: rusqlite::CachedStatement<'a>,
    buckets: RangeInclusive<i32>,
}

impl BucketSums<'_> {
    fn over<'a>(
        db: &'a Connection,
        table: &str,
        buckets: RangeInclusive<i32>,
    ) -> rusqlite::Result<BucketSums<'a>> {
        // One statement for all of them: each is a look into the index, without a call of its own.
        let list = vec!["?"; buckets.clone().count()].join(", ");
        let query = format!("SELECT n FROM {table} WHERE id = ? AND {table} IN ({list})");
        Ok(BucketSums { statement: db.prepare_cached(&query)?, buckets })
    }

    fn of(&mut self, id: i64) -> rusqlite::Result<i64> {
        let values = std::iter::once(id).chain(self.buckets.clone().map(i64::from));
        let mut rows = self.statement.query(rusqlite::params_from_iter(values))?;
        let mut sum = 0i64;
        while let Some(row) = rows.next()? {
            sum = sum.saturating_add(row.get(0)?);
        }
        Ok(sum)
    }
}

/// Where the counts of a span are.
fn buckets(span: Span) -> (&'static str, RangeInclusive<i32>) {
    match span {
        Span::All => ("", 0..=0),
        Span::Days(from, to) => ("day", from.0..=to.0),
        Span::Hour(hour) => ("hour", hour.0..=hour.0),
        Span::Minutes(from, to) => ("minute", from.0..=to.0),
    }
}

/// The names of an event, if there are no more than `most`: an event with few names among very many others is not worth
/// a full scan.
fn few(db: &Connection, event: Event, most: i64) -> rusqlite::Result<Option<Vec<Name>>> {
    let count = "SELECT count(*) FROM (SELECT 1 FROM name WHERE event = ?1 LIMIT ?2 + 1)";
    let count: i64 = db.prepare_cached(count)?.query_row((event.as_str(), most), |row| row.get(0))?;
    if count > most {
        return Ok(None);
    }
    let mut statement = db.prepare_cached("SELECT name FROM name WHERE event = ?1")?;
    let mut rows = statement.query([event.as_str()])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        // Rows written by another program are skipped if they are not names, and so are aggregates.
        names.extend(Name::of(event, row.get_ref(0)?.as_str()?).ok());
    }
    Ok(Some(names))
}

fn totals(
    db: &Connection,
    event: Event,
    floor: i64,
    start: i64,
    end: i64,
) -> rusqlite::Result<Vec<(Name, i64)>> {
    // The plus keeps SQLite from using the index of events.
    let mut statement = db.prepare_cached(
        "SELECT name, total FROM name WHERE id > ?1 AND id <= ?2 AND total > ?3 AND +event = ?4",
    )?;
    let mut rows = statement.query((start, end, floor, event.as_str()))?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        // Rows written by another program are skipped if they are not names, and so are aggregates.
        if let Ok(name) = Name::of(event, row.get_ref(0)?.as_str()?) {
            counts.push((name, row.get(1)?));
        }
    }
    Ok(counts)
}

/// The sums above the floor, and how many rows were read for them.
fn sums(
    db: &Connection,
    event: Event,
    (table, buckets): (&str, RangeInclusive<i32>),
    floor: i64,
    start: i64,
    end: i64,
) -> rusqlite::Result<(Vec<(Name, i64)>, i64)> {
    let mut read = 0;
    let mut statement =
        db.prepare_cached(&format!("SELECT id, n FROM {table} WHERE {table} = ?1 AND id > ?2 AND id <= ?3"))?;
    let mut sums = vec![0i64; usize::try_from(end - start).unwrap_or(0)];
    for bucket in buckets {
        let mut rows = statement.query((bucket, start, end))?;
        while let Some(row) = rows.next()? {
            let at = usize::try_from(row.get::<_, i64>(0)? - start - 1).ok();
            if let Some(sum) = at.and_then(|at| sums.get_mut(at)) {
                *sum = sum.saturating_add(row.get(1)?);
            }
            read += 1;
        }
    }
    let mut name = db.prepare_cached("SELECT name FROM name WHERE id = ?1 AND event = ?2")?;
    let mut counts = Vec::new();
    for (id, sum) in (start + 1..).zip(sums).filter(|&(_, sum)| sum > floor) {
        let text: Option<String> = name.query_row((id, event.as_str()), |row| row.get(0)).optional()?;
        counts.extend(text.and_then(|text| Name::of(event, &text).ok()).map(|name| (name, sum)));
        // A name is found with a look into another index.
        read += 2;
    }
    Ok((counts, read))
}
