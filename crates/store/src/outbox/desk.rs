//! The work of the outbox's thread on its file.

use super::{
    Durability, Fill, Keep, Origin, OutboxState, Pushed, QueuedBatch, RolledBack, Unpushed,
    age::Ages,
    anchor::Anchor,
    codec, file, merge,
    minutes::{self, Owed},
};
use crate::{
    Class, Result, StoreError,
    deadline::Deadline,
    sqlite::{explain, is_lost},
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tallymark_core::{Batch, Counts, Levels, MAX_BATCH_NAMES, MAX_BATCH_POSITIONS, Position, batches};
use uuid::Uuid;

/// The most entries of a batch that is cut from a block.
const BATCH_ENTRIES: usize = 4 * MAX_BATCH_NAMES;
/// How many batches are in memory as well as in the file.
const FRESH: usize = 32;

/// The file, and the block that is being cut.
pub(super) struct Desk {
    path: PathBuf,
    pub(super) keep: Keep,
    /// How long batches are known to be applied.
    pub(super) ages: Ages,
    deadline: Deadline,
    /// `None` after a failed read or write of the disk, until it is opened again.
    connection: Option<Connection>,
    /// Where it was opened.
    anchor: Anchor,
    instance: Uuid,
    pub(super) last: u64,
    /// Blocks of counts in the pool.
    pool: u64,
    /// And blocks of hours and minutes alone, which nothing waits for.
    pub(super) minute_blocks: u64,
    pub(super) owed: Owed,
    /// Until when hours and minutes are not held back.
    pub(super) whole: Option<Instant>,
    /// Positions wait for a batch.
    unsent: bool,
    /// The pool's blocks up to this id were there when the file was opened.
    pub(super) inherited: i64,
    pub(super) cutting: Option<Cutting>,
    /// The newest batches of the file as they were written, one after the other without a gap: a sender that keeps up
    /// with them does not have to read them again.
    fresh: VecDeque<QueuedBatch>,
}

/// What the column `live` of the pool says: whose hits a block has. Blocks of different sorts are not merged.
pub(super) const LINES: i64 = 0;
pub(super) const LIVE: i64 = 1;
/// Hours and minutes alone, of whomever.
pub(super) const MINUTES: i64 = 2;

/// A block of the pool, in memory while it is cut into batches.
pub(super) struct Cutting {
    pub(super) id: i64,
    sort: i64,
    block: Vec<u8>,
    at: usize,
}

impl Desk {
    pub(super) fn open(path: &Path, instance: Uuid, keep: Keep, deadline: Deadline) -> Result<Desk> {
        let connection = Some(file::open(path, instance, &deadline)?);
        let mut desk = Desk {
            path: path.to_owned(),
            keep,
            ages: Ages::default(),
            deadline,
            connection,
            anchor: Anchor::new(path),
            instance,
            last: 0,
            pool: 0,
            minute_blocks: 0,
            owed: Owed::default(),
            whole: None,
            unsent: false,
            inherited: 0,
            cutting: None,
            fresh: VecDeque::new(),
        };
        desk.with("opening", |desk, db| {
            // The HTTP counter that these came from is gone with its process.
            db.execute_batch(
                "UPDATE pool SET live = 0 WHERE live = 1; UPDATE batch SET live = 0 WHERE live;",
            )?;
            desk.load(db)
        })?;
        // The minute may be over by now, and nothing shows the counts that are held back.
        desk.settle()?;
        desk.with("opening", |desk, db| {
            desk.inherited = db.query_row("SELECT coalesce(max(id), 0) FROM pool", [], |row| row.get(0))?;
            Ok(())
        })?;
        // Those of an earlier process are kept for as long once more: only its clock says since when.
        let applied = desk.identity()?.applied;
        desk.ages.applied(applied, Instant::now());
        Ok(desk)
    }

    /// Reads what is kept in memory.
    fn load(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.cutting = None;
        self.fresh.clear();
        let blocks = "SELECT count(*) FILTER (WHERE live <> ?1), count(*) FILTER (WHERE live = ?1) FROM pool";
        let blocks =
            db.query_row(blocks, [MINUTES], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        (self.pool, self.minute_blocks) = (blocks.0.unsigned_abs(), blocks.1.unsigned_abs());
        self.owed = Owed::load(db)?;
        self.unsent = has_unsent(db)?;
        self.last = file::parsed(db, "last")?;
        self.instance = file::parsed(db, "instance")?;
        Ok(())
    }

    /// Runs work on the file. A connection that is [lost](is_lost) is thrown away.
    pub(super) fn with<T>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&mut Desk, &mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.connect()?;
        let gone = || StoreError::new(Class::Unavailable, "writing the outbox", "it is not open");
        let mut connection = self.connection.take().ok_or_else(gone)?;
        let answer = connection
            .busy_timeout(self.deadline.bound(file::BUSY_TIMEOUT))
            .and_then(|()| work(self, &mut connection));
        let answer = answer.map_err(|err| {
            (is_lost(&err), explain(err, format!("{doing} the outbox {}", self.path.display())))
        });
        match answer {
            Ok(answer) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Err((lost, err)) => {
                // What is remembered may be ahead of what was rolled back.
                let reloaded = !lost && self.load(&connection).is_ok();
                self.connection = reloaded.then_some(connection);
                Err(err)
            }
        }
    }

    /// Opens the file again after a failure. A write that failed may be in the file all the same, so memory follows the
    /// file. And it may be there only until the next power cut, with everything that is written after it, so it is
    /// written once more. Code that reads that memory before the file calls this first.
    fn connect(&mut self) -> Result<()> {
        if self.anchor.is_lost() {
            self.put_back()?;
        }
        if self.connection.is_none() {
            let connection = file::open(&self.path, self.instance, &self.deadline)?;
            connection
                .busy_timeout(self.deadline.bound(file::BUSY_TIMEOUT))
                .and_then(|()| crate::sqlite::write_again(&connection))
                .and_then(|()| self.load(&connection))
                .map_err(|err| explain(err, format!("opening the outbox {} again", self.path.display())))?;
            self.anchor = Anchor::new(&self.path);
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// Puts what is open into the place from which it was removed, and lets go of it.
    fn put_back(&mut self) -> Result<()> {
        let attempt =
            || format!("writing the outbox {} again, which was removed or replaced", self.path.display());
        if let Some(open) = &self.connection {
            self.anchor.copy(open).map_err(|err| explain(err, attempt()))?;
            self.connection = None;
        }
        self.anchor.put().map_err(|err| StoreError::new(Class::Refused, attempt(), err))?;
        if self.anchor.has_its_file() {
            return Ok(());
        }
        // Opening would begin with an empty one, and give numbers again that the store has seen.
        Err(StoreError::new(Class::Refused, attempt(), "it was closed then, after a failure of the disk")
            .advise("Move the right file back, or restart Tallymark"))
    }

    pub(super) fn identity(&mut self) -> Result<OutboxState> {
        self.with("reading", |desk, db| {
            // Another connection may have written `adopt`; what we remember is ours alone.
            let uuid = |key| file::get(db, key)?.map(|_| file::parsed(db, key)).transpose();
            let applied = "SELECT max(seq) FROM batch WHERE applied_at IS NOT NULL";
            let applied: Option<i64> = db.prepare_cached(applied)?.query_row([], |row| row.get(0))?;
            Ok(OutboxState {
                instance: desk.instance,
                store: uuid("store")?,
                adopt: uuid("adopt")?,
                last: desk.last,
                applied: applied.unwrap_or(0).unsigned_abs(),
                fenced: file::get(db, "fenced")?.is_some(),
            })
        })
    }

    /// An error comes with the counts.
    pub(super) fn push(&mut self, tick: Uuid, counts: Counts, origin: Origin, direct: bool) -> Pushed {
        if let Err(error) = self.connect().and_then(|()| self.settle_if_due()) {
            return Err(Unpushed { counts: Box::new(counts), error: error.into() });
        }
        if direct && self.pool == 0 && !self.unsent {
            return self.push_batches(tick, counts, origin);
        }
        if let Err(error) = self.push_block(tick, &counts, origin) {
            return Err(Unpushed { counts: Box::new(counts), error: error.into() });
        }
        let blocks = (self.pool + self.minute_blocks) as usize;
        let merged = if blocks > merge::FAN_IN { self.merge() } else { Ok(()) };
        merged.map_err(|error| Unpushed { counts: Box::new(counts), error: error.into() })
    }

    /// Numbers the counts and commits them.
    fn push_batches(&mut self, tick: Uuid, counts: Counts, origin: Origin) -> Pushed {
        let levels = self.levels();
        let mut left = counts.hits();
        let cut = batches(self.instance, self.last + 1, counts);
        let cut: Vec<Batch> = cut.into_iter().map(|batch| batch.on(levels)).collect();
        let written = self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !begin(&transaction, tick)? {
                return Ok(false);
            }
            let mut bytes = 0;
            for batch in &cut {
                write_positions(&transaction, &batch.positions)?;
                bytes += write_batch(&transaction, batch, batch.hits_of(&mut left), origin)?;
            }
            let last = desk.last + cut.len() as u64;
            write_last(&transaction, last)?;
            transaction.commit()?;
            desk.last = last;
            if levels == Levels::Days {
                desk.owed.add(bytes);
            }
            Ok(true)
        });
        match written {
            Ok(true) => self.remember(cut, origin),
            Ok(false) => {}
            Err(error) => return Err(Unpushed { counts: Box::new(cut.into()), error: error.into() }),
        }
        Ok(())
    }

    fn remember(&mut self, cut: Vec<Batch>, origin: Origin) {
        let Some(first) = cut.first() else { return };
        let follows = |last: &QueuedBatch| first.seq == last.batch.seq + 1;
        if self.fresh.len() + cut.len() > FRESH || !self.fresh.back().is_none_or(follows) {
            self.fresh.clear();
        }
        if cut.len() <= FRESH {
            self.fresh.extend(cut.into_iter().map(|batch| QueuedBatch { batch, origin }));
        }
    }

    /// Puts the counts into the pool.
    fn push_block(&mut self, tick: Uuid, counts: &Counts, origin: Origin) -> Result<()> {
        let sort = if origin == Origin::Live { LIVE } else { LINES };
        let block = codec::encode(&counts.entries, &counts.statuses, &counts.visits, &counts.visitors);
        self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !begin(&transaction, tick)? {
                return Ok(());
            }
            if !block.is_empty() {
                // Behind what was inherited, also when that is sent and gone.
                transaction
                    .prepare_cached(
                        "INSERT INTO pool (id, level, live, hits, block)
                         VALUES ((SELECT max(coalesce(max(id), 0), ?4) + 1 FROM pool), 0, ?1, ?2, ?3)",
                    )?
                    .execute(params![sort, clamped(counts.hits()), block, desk.inherited])?;
            }
            write_positions(&transaction, &counts.positions)?;
            // Behind what was inherited, also without a block: these came since the start.
            for Position { source, state } in &counts.positions {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO unsent (source, state, block)
                         VALUES (?1, ?2, (SELECT max(coalesce(max(id), 0), ?3 + 1) FROM pool))",
                    )?
                    .execute(params![source, state, desk.inherited])?;
            }
            transaction.commit()?;
            desk.pool += u64::from(!block.is_empty());
            desk.unsent |= !counts.positions.is_empty();
            Ok(())
        })
    }

    pub(super) fn damaged(&self, damaged: impl std::fmt::Display) -> StoreError {
        StoreError::new(Class::Data, format!("reading the outbox {}", self.path.display()), damaged)
            .advise("Some of its contents cannot be read. Move the file away to continue without it")
    }

    pub(super) fn take(&mut self, after: u64, most: usize) -> Result<Vec<QueuedBatch>> {
        self.connect()?;
        self.settle_if_due()?;
        while self.fresh.front().is_some_and(|first| first.batch.seq <= after) {
            self.fresh.pop_front();
        }
        if self.fresh.front().is_some_and(|first| first.batch.seq == after + 1) {
            return Ok(self.fresh.iter().take(most).cloned().collect());
        }
        let waiting = self.numbered(after, most)?;
        let more = self.pool > 0 || self.minute_blocks > 0 || self.unsent;
        if !waiting.is_empty() || !more {
            return Ok(waiting);
        }
        self.number(most)
    }

    /// Batches that have a number already.
    fn numbered(&mut self, after: u64, most: usize) -> Result<Vec<QueuedBatch>> {
        if after >= self.last {
            return Ok(Vec::new());
        }
        let rows = self.with("reading", |_, db| {
            let mut statement = db.prepare_cached(
                "SELECT seq, live, block, positions, levels FROM batch WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            let rows = statement.query_map(params![after as i64, most as i64], row)?;
            rows.collect::<rusqlite::Result<Vec<(i64, bool, Vec<u8>, Option<String>, i64)>>>()
        })?;
        let mut waiting = Vec::with_capacity(rows.len());
        for (seq, live, block, positions, levels) in rows {
            let (mut counts, _) =
                codec::decode(&block, 0, usize::MAX, usize::MAX).map_err(|damaged| self.damaged(damaged))?;
            if let Some(positions) = positions {
                counts.positions = serde_json::from_str(&positions).map_err(|cause| self.damaged(cause))?;
            }
            let batch = Batch::of(self.instance, seq as u64, counts).on(minutes::levels(levels));
            waiting.push(QueuedBatch { batch, origin: if live { Origin::Live } else { Origin::Lines } });
        }
        Ok(waiting)
    }

    /// Cuts batches from the oldest block of the pool, and numbers them. Positions go with the last batch of the last block
    /// that was there when they came.
    fn number(&mut self, most: usize) -> Result<Vec<QueuedBatch>> {
        let cutting = match self.cutting.take() {
            Some(cutting) => cutting,
            None => match self.oldest()? {
                Some(cutting) => cutting,
                None => return self.number_positions(),
            },
        };
        let origin = if cutting.sort == LIVE { Origin::Live } else { Origin::Lines };
        let levels = if cutting.sort == MINUTES { Levels::Minutes } else { Levels::All };
        let (mut at, mut waiting) = (cutting.at, Vec::new());
        while at < cutting.block.len() && waiting.len() < most {
            let (counts, next) = codec::decode(&cutting.block, at, MAX_BATCH_NAMES, BATCH_ENTRIES)
                .map_err(|damaged| self.damaged(damaged))?;
            let seq = self.last + 1 + waiting.len() as u64;
            waiting.push(QueuedBatch { batch: Batch::of(self.instance, seq, counts).on(levels), origin });
            at = next;
        }
        let done = at >= cutting.block.len();
        self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let pooled: i64 = transaction
                .prepare_cached("SELECT hits FROM pool WHERE id = ?1")?
                .query_row([cutting.id], |row| row.get(0))?;
            let mut left = pooled.unsigned_abs();
            if done {
                transaction.prepare_cached("DELETE FROM pool WHERE id = ?1")?.execute([cutting.id])?;
                if let Some(last) = waiting.last_mut().filter(|_| levels.has_days()) {
                    last.batch.positions = take_unsent(&transaction)?;
                }
            }
            for QueuedBatch { batch, .. } in &waiting {
                write_batch(&transaction, batch, batch.hits_of(&mut left), origin)?;
            }
            if !done {
                transaction
                    .prepare_cached("UPDATE pool SET at = ?2, hits = ?3 WHERE id = ?1")?
                    .execute(params![cutting.id, at as i64, clamped(left)])?;
            }
            let last = desk.last + waiting.len() as u64;
            write_last(&transaction, last)?;
            let unsent = has_unsent(&transaction)?;
            transaction.commit()?;
            (desk.last, desk.unsent) = (last, unsent);
            // A second process, if the lock was removed, adds blocks that are not counted here.
            let blocks = desk.blocks(cutting.sort);
            *blocks = blocks.saturating_sub(u64::from(done));
            Ok(())
        })?;
        self.cutting = (!done).then_some(Cutting { at, ..cutting });
        Ok(waiting)
    }

    /// A batch of positions alone, behind all counts.
    fn number_positions(&mut self) -> Result<Vec<QueuedBatch>> {
        self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let counts = Counts { positions: take_unsent(&transaction)?, ..Counts::default() };
            if counts.is_empty() {
                return Ok(Vec::new());
            }
            let batch = Batch::of(desk.instance, desk.last + 1, counts);
            write_batch(&transaction, &batch, 0, Origin::Lines)?;
            write_last(&transaction, batch.seq)?;
            let unsent = has_unsent(&transaction)?;
            transaction.commit()?;
            (desk.last, desk.unsent) = (batch.seq, unsent);
            Ok(vec![QueuedBatch { batch, origin: Origin::Lines }])
        })
    }

    fn oldest(&mut self) -> Result<Option<Cutting>> {
        self.with("reading", |_, db| {
            let row = |row: &rusqlite::Row<'_>| {
                Ok(Cutting {
                    id: row.get(0)?,
                    sort: row.get(1)?,
                    at: row.get::<_, i64>(2)? as usize,
                    block: row.get(3)?,
                })
            };
            db.prepare_cached("SELECT id, live, at, block FROM pool ORDER BY id LIMIT 1")?
                .query_row([], row)
                .optional()
        })
    }

    /// How many blocks of a sort there are.
    pub(super) fn blocks(&mut self, sort: i64) -> &mut u64 {
        if sort == MINUTES { &mut self.minute_blocks } else { &mut self.pool }
    }

    pub(super) fn applied(&mut self, up_to: u64) -> Result<()> {
        self.with("writing", |_, db| {
            db.prepare_cached("UPDATE batch SET applied_at = ?2 WHERE seq <= ?1 AND applied_at IS NULL")?
                .execute(params![up_to as i64, seconds(SystemTime::now())])
                .map(|_| ())
        })?;
        self.ages.applied(up_to, Instant::now());
        Ok(())
    }

    pub(super) fn roll_back(&mut self, marker: u64) -> Result<RolledBack> {
        // It changes whose hits they are.
        self.fresh.clear();
        self.ages.roll_back(marker);
        self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let marker = marker as i64;
            // The HTTP counter has heard of these once; it must not hear of them again.
            let undone = transaction
                .prepare_cached(
                    "UPDATE batch SET applied_at = NULL, live = 0 WHERE seq > ?1 AND applied_at IS NOT NULL",
                )?
                .execute([marker])?;
            let first: Option<i64> = transaction
                .prepare_cached("SELECT min(seq) FROM batch WHERE seq > ?1")?
                .query_row([marker], |row| row.get(0))?;
            transaction.commit()?;
            Ok(RolledBack { first: first.map_or(desk.last + 1, |first| first as u64), undone: undone as u64 })
        })
    }

    pub(super) fn tidy(&mut self, durability: Durability) -> Result<Fill> {
        self.connect()?;
        // Also what is in a snapshot is kept for a while: a replica that takes over may be older than it.
        let old = self.ages.older_than(self.keep.applied, Instant::now());
        let up_to = match durability {
            Durability::Committed => self.last,
            Durability::Saved(up_to) => old.min(up_to),
            _ => old,
        };
        let (cap, free) = (self.keep.bytes, i64::try_from(self.owed.free()).unwrap_or(i64::MAX));
        self.with("tidying", |_, db| {
            db.prepare_cached("DELETE FROM batch WHERE applied_at IS NOT NULL AND seq <= ?1")?
                .execute([free.min(up_to as i64)])?;
            // Over the cap, the oldest applied go first, a slice at a time.
            while bytes_used(db)? > cap {
                let slice = "DELETE FROM batch WHERE seq IN
                             (SELECT seq FROM batch WHERE applied_at IS NOT NULL AND seq <= ?1 ORDER BY seq LIMIT 256)";
                if db.prepare_cached(slice)?.execute([free])? == 0 {
                    break;
                }
            }
            // Each step gives back one page.
            let mut vacuum = db.prepare_cached("PRAGMA incremental_vacuum(2000)")?;
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            fill(db, cap, SystemTime::now())
        })
    }

    pub(super) fn fill(&mut self) -> Result<Fill> {
        let cap = self.keep.bytes;
        self.with("reading", |_, db| fill(db, cap, SystemTime::now()))
    }

    pub(super) fn positions(&mut self) -> Result<Vec<Position>> {
        self.with("reading", |_, db| {
            let mut statement = db.prepare_cached("SELECT source, state FROM position ORDER BY source")?;
            statement.query_map([], position)?.collect()
        })
    }

    pub(super) fn send_positions(&mut self) -> Result<()> {
        self.with("writing", |desk, db| {
            desk.unsent |= db.execute(file::SEND_POSITIONS, [])? > 0;
            Ok(())
        })
    }

    pub(super) fn belong_to(&mut self, store: Uuid) -> Result<()> {
        self.with("writing", |_, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            file::put(&transaction, "store", &store.to_string())?;
            transaction.execute("DELETE FROM meta WHERE key = 'adopt'", [])?;
            transaction.commit()
        })
    }

    pub(super) fn start_over(&mut self, marker: u64) -> Result<OutboxState> {
        self.ages.roll_back(0);
        // What goes is owed for, and the others get new numbers.
        self.settle()?;
        let instance = Uuid::new_v4();
        self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM batch WHERE seq <= ?1", [marker as i64])?;
            let first: Option<i64> =
                transaction.query_row("SELECT min(seq) FROM batch", [], |row| row.get(0))?;
            // Downwards and in order, so that no number is ever taken twice.
            if let Some(shift) = first.map(|first| first - 1).filter(|&shift| shift > 0) {
                transaction.execute("UPDATE batch SET seq = -seq", [])?;
                transaction.execute("UPDATE batch SET seq = -seq - ?1", [shift])?;
            }
            transaction
                .execute("UPDATE batch SET live = 0, applied_at = NULL WHERE applied_at IS NOT NULL", [])?;
            let last: i64 =
                transaction.query_row("SELECT coalesce(max(seq), 0) FROM batch", [], |row| row.get(0))?;
            file::put(&transaction, "instance", &instance.to_string())?;
            // No other process can have claimed the new one.
            transaction.execute("DELETE FROM meta WHERE key = 'fenced'", [])?;
            transaction.execute(file::SEND_POSITIONS, [])?;
            write_last(&transaction, last as u64)?;
            file::put(&transaction, "owed", &last.to_string())?;
            transaction.commit()?;
            desk.load(db)
        })?;
        self.identity()
    }

    /// Answers how many hits went, too.
    pub(super) fn forget(&mut self, positions: &[Position]) -> Result<(OutboxState, u64)> {
        self.ages.roll_back(0);
        let instance = Uuid::new_v4();
        let hits = self.with("writing", |desk, db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // What came in since the start is in no store: files are not read before it was claimed.
            let pooled: i64 = transaction.query_row(
                "SELECT coalesce(sum(hits), 0) FROM pool WHERE id <= ?1",
                [desk.inherited],
                |row| row.get(0),
            )?;
            transaction.execute("DELETE FROM pool WHERE id <= ?1", [desk.inherited])?;
            let numbered: i64 = transaction.query_row(
                "SELECT coalesce(sum(hits), 0) FROM batch WHERE applied_at IS NULL",
                [],
                |row| row.get(0),
            )?;
            transaction.execute_batch("DELETE FROM batch")?;
            file::put(&transaction, "instance", &instance.to_string())?;
            file::put(&transaction, "last", "0")?;
            file::put(&transaction, "owed", "0")?;
            transaction.execute("DELETE FROM unsent WHERE block <= ?1", [desk.inherited])?;
            transaction
                .execute("DELETE FROM position WHERE source NOT IN (SELECT source FROM unsent)", [])?;
            write_positions(&transaction, positions)?;
            transaction.execute(file::SEND_POSITIONS, [])?;
            transaction.commit()?;
            desk.load(db)?;
            Ok(pooled.saturating_add(numbered).unsigned_abs())
        })?;
        Ok((self.identity()?, hits))
    }

    pub(super) fn fence(&mut self) -> Result<()> {
        self.with("writing", |_, db| file::put(db, "fenced", "1"))
    }
}

/// Whether a tick is not there yet. It is from now on.
fn begin(transaction: &Transaction<'_>, tick: Uuid) -> rusqlite::Result<bool> {
    let tick = tick.to_string();
    if file::get(transaction, "tick")?.as_ref() == Some(&tick) {
        return Ok(false);
    }
    file::put(transaction, "tick", &tick)?;
    Ok(true)
}

/// Remembers positions for the next start.
fn write_positions(transaction: &Transaction<'_>, positions: &[Position]) -> rusqlite::Result<()> {
    for Position { source, state } in positions {
        if state.is_empty() {
            transaction.prepare_cached("DELETE FROM position WHERE source = ?1")?.execute([source])?;
        } else {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO position (source, state) VALUES (?1, ?2)")?
                .execute([source, state])?;
        }
    }
    Ok(())
}

fn has_unsent(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM unsent)")?.query_row([], |row| row.get(0))
}

/// Takes positions all of whose counts have left the pool, as many as a batch may have.
fn take_unsent(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<Position>> {
    let positions = transaction
        .prepare_cached(
            "SELECT source, state FROM unsent WHERE block < (SELECT coalesce(min(id), ?1) FROM pool) LIMIT ?2",
        )?
        .query_map((i64::MAX, MAX_BATCH_POSITIONS as i64), position)?
        .collect::<rusqlite::Result<Vec<Position>>>()?;
    for Position { source, .. } in &positions {
        transaction.prepare_cached("DELETE FROM unsent WHERE source = ?1")?.execute([source])?;
    }
    Ok(positions)
}

fn position(row: &rusqlite::Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position { source: row.get(0)?, state: row.get(1)? })
}

/// Answers how large its block is.
fn write_batch(
    transaction: &Transaction<'_>,
    batch: &Batch,
    hits: u64,
    origin: Origin,
) -> rusqlite::Result<usize> {
    let positions = match batch.positions.as_slice() {
        [] => None,
        positions => Some(
            serde_json::to_string(positions)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
        ),
    };
    let block = codec::encode(&batch.entries, &batch.statuses, &batch.visits, &batch.visitors);
    transaction
        .prepare_cached(
            "INSERT INTO batch (seq, live, hits, block, positions, levels) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            batch.seq as i64,
            origin == Origin::Live,
            clamped(hits),
            block,
            positions,
            minutes::number(batch.levels),
        ])?;
    Ok(block.len())
}

fn write_last(transaction: &Transaction<'_>, last: u64) -> rusqlite::Result<()> {
    file::put(transaction, "last", &last.to_string())
}

fn fill(db: &Connection, cap: u64, now: SystemTime) -> rusqlite::Result<Fill> {
    let (batches, batch_hits): (i64, i64) = db.query_row(
        "SELECT count(*), coalesce(sum(hits), 0) FROM batch WHERE applied_at IS NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let oldest: Option<i64> = db.query_row("SELECT min(applied_at) FROM batch", [], |row| row.get(0))?;
    let (blocks, block_hits): (i64, i64) =
        db.query_row("SELECT count(*), coalesce(sum(hits), 0) FROM pool", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let bytes = bytes_used(db)?;
    let age = oldest.map_or(0, |oldest| seconds(now) - oldest);
    Ok(Fill {
        waiting: (batches + blocks).unsigned_abs(),
        hits: batch_hits.unsigned_abs().saturating_add(block_hits.unsigned_abs()),
        bytes,
        reaches_back: Duration::from_secs(age.max(0).unsigned_abs()),
        room: bytes < cap,
    })
}

/// Bytes of the file that hold something.
fn bytes_used(db: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let used = number("page_count")? - number("freelist_count")?;
    Ok((used * number("page_size")?).unsigned_abs())
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
