//! Hours and minutes that are written once a minute.
//!
//! With [`Keep::held`], a batch that is numbered on arrival writes only totals and days. Its hours and minutes stay
//! owed. When the minute is over, everything owed is merged by name into a block of the pool, which is cut into batches
//! like any other. So nothing is stored twice except at that moment, and a batch is kept until its hours and minutes
//! are in a block. [`Desk::push`](super::desk::Desk::push) and [`Desk::take`](super::desk::Desk::take) call it, which
//! is every few seconds at least.

use super::{
    codec,
    desk::{Desk, MINUTES},
    file,
};
use crate::Result;
use rusqlite::{Connection, TransactionBehavior, params};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tallymark_core::Levels;

/// What is owed.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Nothing of the batches up to this number.
    after: u64,
    /// The size of the others.
    bytes: u64,
    /// Since which minute of the clock, which need not be right.
    minute: u64,
}

impl Owed {
    /// Reads what is owed.
    pub(super) fn load(db: &Connection) -> rusqlite::Result<Owed> {
        let after = file::get(db, "owed")?.map_or(Ok(0), |_| file::parsed(db, "owed"))?;
        let bytes = "SELECT coalesce(sum(length(block)), 0) FROM batch WHERE seq > ?1 AND levels = ?2";
        let days = number(Levels::Days);
        let bytes: i64 = db.query_row(bytes, params![after as i64, days], |row| row.get(0))?;
        Ok(Owed { after, bytes: bytes.unsigned_abs(), minute: this_minute() })
    }

    /// A batch that writes totals and days alone is there now.
    pub(super) fn add(&mut self, bytes: usize) {
        if self.bytes == 0 {
            self.minute = this_minute();
        }
        self.bytes += bytes as u64;
    }

    /// The batches up to this number may be let go of.
    pub(super) fn free(&self) -> u64 {
        if self.bytes == 0 { u64::MAX } else { self.after }
    }
}

impl Desk {
    /// Which counts a batch writes that is numbered as it comes.
    pub(super) fn levels(&self) -> Levels {
        let whole = self.keep.held == 0 || self.whole.is_some_and(|until| Instant::now() < until);
        if whole { Levels::All } else { Levels::Days }
    }

    /// Holds nothing back until then, and puts what is owed into the pool.
    pub(super) fn settle_until(&mut self, until: Instant) -> Result<()> {
        self.settle()?;
        self.whole = Some(until);
        Ok(())
    }

    /// Whether a store that has the batches up to this one has their hours and minutes.
    pub(super) fn is_settled(&self, applied: u64) -> bool {
        self.owed.bytes == 0 && self.minute_blocks == 0 && self.last <= applied
    }

    /// Puts what is owed into the pool when it is time.
    pub(super) fn settle_if_due(&mut self) -> Result<()> {
        let due = self.owed.minute != this_minute() || self.owed.bytes >= self.keep.held;
        if due { self.settle() } else { Ok(()) }
    }

    /// Puts what is owed into the pool now.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.owed.bytes == 0 {
            return Ok(());
        }
        let (after, up_to) = (self.owed.after, self.last);
        let blocks = self.with("reading", |_, db| {
            let mut statement =
                db.prepare_cached("SELECT block FROM batch WHERE seq > ?1 AND levels = ?2 ORDER BY seq")?;
            let rows = statement.query_map(params![after as i64, number(Levels::Days)], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<Vec<u8>>>>()
        })?;
        let merged = codec::merge_minutes(&blocks).map_err(|damaged| self.damaged(damaged))?;
        drop(blocks);
        self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !merged.is_empty() {
                // Its hits have been counted.
                transaction
                    .prepare_cached(
                        "INSERT INTO pool (id, level, live, hits, block)
                         VALUES ((SELECT max(coalesce(max(id), 0), ?3) + 1 FROM pool), 0, ?1, 0, ?2)",
                    )?
                    .execute(params![MINUTES, merged, desk.inherited])?;
            }
            file::put(&transaction, "owed", &up_to.to_string())?;
            transaction.commit()?;
            desk.owed = Owed { after: up_to, bytes: 0, minute: this_minute() };
            desk.minute_blocks += u64::from(!merged.is_empty());
            Ok(())
        })
    }
}

/// As stored in the file; never change these numbers.
pub(super) fn number(levels: Levels) -> i64 {
    match levels {
        Levels::All => 0,
        Levels::Days => 1,
        Levels::Minutes => 2,
    }
}

pub(super) fn levels(number: i64) -> Levels {
    match number {
        1 => Levels::Days,
        2 => Levels::Minutes,
        _ => Levels::All,
    }
}

fn this_minute() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() / 60)
}
