//! Expiry of hours and minutes: they are kept for their retention after the last write. Visitors of a day have a
//! retention of their own.
//!
//! A bucket that is written on time expires by its own time, at no extra cost. One that is written late (by a file, an
//! import or a client that sends a time) has its expiry time in `until`. The old end of a table is cleared in slices,
//! skipping late buckets that are still kept. The applier calls this with what a call has counted.
//!
//! Deletion cannot be undone, so a clock that is wrong for a moment must not decide what is old: see [`Reached`].

use super::{
    apply::{Cells, write_cells},
    reached::Reached,
};
use crate::{
    Retention,
    retention::{self, GRACE},
};
use rusqlite::{OptionalExtension, Transaction};
use std::time::Duration;
use tallymark_core::Minute;

/// The minimum number of buckets examined by each call; a call that writes more examines more.
const SLICE: i64 = 1000;

/// The state of the two tables.
pub(super) struct Expiry {
    /// Read from the file on first use.
    reached: Option<Reached>,
    hours: Kept,
    minutes: Kept,
    /// How long visitors are kept, in minutes.
    visitors: i64,
}

/// The state of one table. Its bucket column has the same name.
struct Kept {
    table: &'static str,
    /// The length of a bucket in minutes.
    width: i64,
    /// How long it is kept, in minutes.
    keep: i64,
    /// Before this (bucket, id), only late buckets are left. Found again in slices after a start.
    cleared: (i32, i64),
}

impl Expiry {
    pub(super) fn new(retention: Retention) -> Expiry {
        let kept = |table, width, keep: Duration| {
            let keep = i64::try_from(keep.as_secs() / 60).unwrap_or(i64::MAX);
            Kept { table, width, keep, cleared: (i32::MIN, 0) }
        };
        Expiry {
            reached: None,
            hours: kept("hour", 60, retention.hour),
            minutes: kept("minute", 1, retention.minute),
            visitors: kept("visitors", 1440, retention.visitors).keep,
        }
    }

    /// Forgets what a transaction that was rolled back may have set.
    pub(super) fn forget(&mut self) {
        self.reached = None;
        self.hours.cleared = (i32::MIN, 0);
        self.minutes.cleared = (i32::MIN, 0);
    }

    /// Adds counts, which must be in the order of their B-tree.
    pub(super) fn write(
        &mut self,
        db: &Transaction<'_>,
        hours: Cells,
        minutes: Cells,
    ) -> rusqlite::Result<()> {
        if self.reached.is_none() {
            // This comes before new ones are added.
            self.reached = Reached::read(db)?;
        }
        let now = retention::now();
        self.hours.write(db, hours, now)?;
        self.minutes.write(db, minutes, now)
    }

    /// Deletes what has expired, by the time that the counts have `reached`. `newest` is the newest one at hand.
    pub(super) fn clear(
        &mut self,
        db: &Transaction<'_>,
        newest: Minute,
        written: usize,
    ) -> rusqlite::Result<()> {
        let slice = SLICE.saturating_add_unsigned(written as u64);
        let before = self.reached;
        let reached = before.map_or(Reached::first(newest), |before| before.on(newest));
        if before != Some(reached) {
            reached.write(db)?;
            self.reached = Some(reached);
        }
        let now = i64::from(newest.min(reached.minute()).0);
        for kept in [&mut self.hours, &mut self.minutes] {
            kept.clear(db, now, slice)?;
            kept.clear_late(db, now, slice)?;
        }
        let first = now.saturating_sub(self.visitors).div_euclid(1440);
        db.prepare_cached(
            "DELETE FROM visitors WHERE (id, day) IN (SELECT id, day FROM visitors WHERE day < ?1 LIMIT ?2)",
        )?
        .execute((first, slice))?;
        Ok(())
    }
}

impl Kept {
    fn write(&self, db: &Transaction<'_>, mut cells: Cells, now: Minute) -> rusqlite::Result<()> {
        let present = i64::from(retention::present(now).0).div_euclid(self.width);
        let late = cells.partition_point(|cell| i64::from(cell.0) < present || cell.0 <= self.cleared.0);
        if late > 0 {
            let table = self.table;
            let mut statement = db.prepare_cached(&format!(
                "INSERT INTO {table} ({table}, id, n, until) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE
                 SET n = iif(n > 9223372036854775807 - excluded.n, 9223372036854775807, n + excluded.n),
                     until = excluded.until"
            ))?;
            let until = i64::from(now.0).saturating_add(self.keep);
            for (bucket, id, n) in cells.drain(..late) {
                statement.execute((bucket, id, n, until))?;
            }
        }
        write_cells(db, self.table, cells)
    }

    /// Scans the next rows at the old end, and deletes those that are not late. At most `slice`, so that a tick is not
    /// delayed; the next call continues.
    fn clear(&mut self, db: &Transaction<'_>, newest: i64, slice: i64) -> rusqlite::Result<()> {
        let first = newest.saturating_sub(self.keep).saturating_sub(i64::from(GRACE)).div_euclid(self.width);
        let (table, (bucket, id)) = (self.table, self.cleared);
        let mut last = db.prepare_cached(&format!(
            "SELECT {table}, id FROM
             (SELECT {table}, id FROM {table} WHERE ({table}, id) > (?1, ?2) AND {table} < ?3 ORDER BY {table}, id LIMIT ?4)
             ORDER BY {table} DESC, id DESC LIMIT 1"
        ))?;
        let last = last.query_row((bucket, id, first, slice), |row| Ok((row.get(0)?, row.get(1)?)));
        let Some(last): Option<(i32, i64)> = last.optional()? else { return Ok(()) };
        let mut delete = db.prepare_cached(&format!(
            "DELETE FROM {table} WHERE ({table}, id) > (?1, ?2) AND ({table}, id) <= (?3, ?4) AND until IS NULL"
        ))?;
        delete.execute((bucket, id, last.0, last.1))?;
        self.cleared = last;
        Ok(())
    }

    /// Deletes late buckets that have expired.
    fn clear_late(&self, db: &Transaction<'_>, newest: i64, slice: i64) -> rusqlite::Result<()> {
        let table = self.table;
        let mut delete = db.prepare_cached(&format!(
            "DELETE FROM {table} WHERE ({table}, id) IN
             (SELECT {table}, id FROM {table} WHERE until < ?1 ORDER BY until LIMIT ?2)"
        ))?;
        delete.execute((newest, slice))?;
        Ok(())
    }
}
