//! The embedded store: one SQLite file, which other processes may read and write at the same time.
//!
//! Writes go through one thread with one connection, and are durable when they return (WAL, `synchronous=FULL`); reads
//! run on tokio's blocking threads with connections of their own. Nothing here retries: errors go to the caller.
//! [`crate::open`] creates the store.
//!
//! The tables are ordered so that current writes are together at the end of a B-tree, expiry deletes a range, and the
//! ranking of a day scans one. Names have numbers, which are never reused.

mod age;
mod apply;
mod aside;
mod copy;
mod correct;
mod day_keys;
mod expiry;
mod file;
mod lists;
mod moves;
mod place;
mod reached;
mod read;
mod shelf;
mod slice;
mod totals;
mod writer;

use crate::{
    Changes, Claim, Class, Cursor, Filter, InstanceMark, KnownCorrection, Level, MarkPage, NamePage, Outcome,
    Result, Retention, Shelf, Shelved, Slice, Span, Standing, Step, StoreAge, StoreCorrections, StoreError,
    StoreLog, StoreMoves, StoreRead, StoreShelf, StoreSight, StoreWrite, TooOld, claim, deadline::Deadline,
    outbox::Durability, shelf::ShelfPlace,
};
use async_trait::async_trait;
use moves::MoveWrite;
use read::Readers;
use shelf::ShelfWrite;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tallymark_core::{
    Batch, CorrectionRecord, Day, DayKeys, Difference, Event, Latest, Month, Name, Position, Visit,
    VisitorHash,
};
use uuid::Uuid;
use writer::WriteThread;

pub use copy::{StoreFacts, copy, examine};
pub(crate) use file::{explain, is_lost, keep_plans, write_again};
pub(crate) use place::Inodes;

/// The embedded store.
#[derive(Debug)]
pub struct Sqlite {
    identity: Uuid,
    writer: WriteThread,
    readers: Readers,
    deadline: Deadline,
}

impl Sqlite {
    /// Opens the file; creates it and its parent directories if needed. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The file cannot be created or opened, is not ours, or was written by a newer version.
    pub fn open(path: &Path, retention: Retention) -> Result<Sqlite> {
        let deadline = Deadline::default();
        let (connection, identity) = file::open(path, &deadline)?;
        let readers = Readers::new(path, deadline.clone());
        let writer =
            WriteThread::start(path, identity, retention, connection, readers.place(), deadline.clone())?;
        Ok(Sqlite { identity, writer, readers, deadline })
    }
}

#[async_trait]
impl StoreWrite for Sqlite {
    async fn identity(&self) -> Result<Uuid> {
        Ok(self.identity)
    }

    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim> {
        self.writer.claim(instance, least).await
    }

    fn warnings(&self) -> Vec<String> {
        self.readers.place().look().err().iter().map(ToString::to_string).collect()
    }

    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>> {
        claim::check(claim, batches)?;
        if claim.store != self.identity {
            return Ok(batches.first().map(|_| Outcome::Foreign).into_iter().collect());
        }
        self.writer.apply(*claim, batches.to_vec()).await
    }

    fn finish_by(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    async fn applied(&self, instance: Uuid) -> Result<u64> {
        Ok(self.writer.marker(instance).await?.map_or(0, |marker| marker.seq))
    }

    async fn body_of(&self, instance: Uuid) -> Result<Option<Uuid>> {
        Ok(self.writer.marker(instance).await?.and_then(|marker| marker.body))
    }

    async fn forget_passing(&self, now: u64, age: u64, start: Option<&str>) -> Result<Option<String>> {
        let start = start.map_or(Ok(Uuid::nil()), str::parse);
        let start = start.map_err(|_| {
            StoreError::new(Class::Request, "forgetting old keys in the store", "no such slice")
        })?;
        Ok(self.writer.forget_passing(now, age, start).await?.map(|last| last.to_string()))
    }

    async fn day_keys(&self, today: Day) -> Result<DayKeys> {
        let find = move |db: &rusqlite::Connection| day_keys::find(db, today);
        if let Some(keys) = self.readers.run("reading the keys of days", find).await? {
            return Ok(keys);
        }
        loop {
            let (keys, more) = self.writer.day_keys(today).await?;
            if !more {
                return Ok(keys);
            }
        }
    }

    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>> {
        self.readers.run("reading positions", move |db| read::positions(db, of)).await
    }

    async fn standing(&self, claim: &Claim) -> Result<Standing> {
        if claim.store != self.identity {
            return Ok(Standing::Foreign);
        }
        // Not by a reader, which could answer before a call that is under way.
        Ok(match self.writer.marker(claim.instance).await? {
            Some(marker) if marker.nonce > claim.nonce => Standing::Fenced,
            marker => {
                let marker = marker.map_or(0, |marker| marker.seq);
                Standing::Claimed { marker, durability: Durability::Committed }
            }
        })
    }
}

#[async_trait]
impl StoreRead for Sqlite {
    async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>> {
        let names = names.to_vec();
        self.readers.run("reading totals", move |db| read::totals(db, event, &names)).await
    }

    async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>> {
        let name = name.clone();
        self.readers.run("reading a series", move |db| read::series(db, event, &name, step, from..to)).await
    }

    async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>> {
        let name = name.clone();
        self.readers.run("reading statuses", move |db| read::statuses(db, event, &name, year, month)).await
    }

    async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>> {
        let name = name.clone();
        self.readers.run("looking for statuses", move |db| read::status_months(db, event, &name)).await
    }

    async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>> {
        Ok(self.latest(event, name, limit).await?.visits)
    }

    async fn latest(&self, event: Event, name: &Name, limit: usize) -> Result<Latest> {
        let name = name.clone();
        self.readers.run("reading visits", move |db| read::latest(db, event, &name, limit)).await
    }

    async fn visitors(&self, event: Event, name: &Name, from: Day, to: Day) -> Result<Vec<(Day, i64)>> {
        let name = name.clone();
        self.readers.run("reading visitors", move |db| read::visitors(db, event, &name, from, to)).await
    }

    async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage> {
        let start = start.unwrap_or_default().to_owned();
        self.readers.run("listing names", move |db| read::names(db, event, &start, limit)).await
    }

    async fn find(
        &self,
        event: Event,
        filter: &Filter,
        start: Option<&str>,
        limit: usize,
    ) -> Result<NamePage> {
        let (start, filter) = (start.unwrap_or_default().to_owned(), filter.clone());
        self.readers
            .run("searching names", move |db| read::find(db, event, &filter, &start, limit.clamp(1, 100_000)))
            .await
    }

    async fn name_count(&self, event: Event) -> Result<u64> {
        self.readers.run("counting names", move |db| read::name_count(db, event)).await
    }

    async fn events(&self) -> Result<Vec<Event>> {
        self.readers.run("listing events", slice::events).await
    }

    async fn slice(&self, event: Event, span: Span, floor: i64, start: Option<&str>) -> Result<Slice> {
        let start: u32 = start
            .map_or(Ok(0), str::parse)
            .map_err(|_| StoreError::new(Class::Request, "ranking names in the store", "no such slice"))?;
        self.readers.run("ranking names", move |db| slice::slice(db, event, span, floor, start.into())).await
    }

    fn in_one_slice(&self, _: &[Span]) -> usize {
        // The counts of each span are together in its index.
        1
    }

    async fn counts(&self, event: Event, names: &[Name], spans: &[(Span, i64)]) -> Result<Vec<Vec<i64>>> {
        let (names, spans) = (names.to_vec(), spans.to_vec());
        self.readers.run("reading counts", move |db| slice::counts(db, event, &names, &spans)).await
    }
}

#[async_trait]
impl StoreLog for Sqlite {
    async fn head(&self) -> Result<Cursor> {
        let store = self.identity;
        self.readers.run("reading the log of changes", move |db| read::head(db, store)).await
    }

    async fn sight(&self, shelf: Shelf) -> Result<StoreSight> {
        let store = self.identity;
        let look = move |db: &rusqlite::Connection| {
            Ok(StoreSight { head: read::head(db, store)?, kept: shelf::ends(db, shelf)? })
        };
        self.readers.run("reading the log of changes", look).await
    }

    async fn changes(&self, after: &Cursor, limit: usize) -> Result<Changes> {
        let (store, after) = (self.identity, after.clone());
        self.readers
            .run("reading the log of changes", move |db| read::changes(db, store, &after, limit))
            .await
    }
}

#[async_trait]
impl StoreShelf for Sqlite {
    async fn keep(&self, shelf: Shelf, key: &str, thing: Shelved, until: Option<u64>) -> Result<()> {
        let key = key.to_owned();
        let place = ShelfPlace::Any;
        self.writer.shelve(ShelfWrite::Put { shelf, key, place, thing, until }).await.map(|_| ())
    }

    async fn exchange(
        &self,
        shelf: Shelf,
        key: &str,
        before: Option<&Shelved>,
        thing: Shelved,
        until: Option<u64>,
    ) -> Result<bool> {
        let (key, place) = (key.to_owned(), ShelfPlace::of(before));
        self.writer.shelve(ShelfWrite::Put { shelf, key, place, thing, until }).await
    }

    async fn kept(&self, shelf: Shelf, key: &str) -> Result<Option<Shelved>> {
        let key = key.to_owned();
        self.readers.run("reading what was fetched", move |db| shelf::kept(db, shelf, &key)).await
    }

    async fn kept_keys(&self, shelf: Shelf) -> Result<Vec<String>> {
        self.readers.run("listing what is kept", move |db| shelf::keys(db, shelf)).await
    }

    async fn kept_count(&self, shelf: Shelf) -> Result<u64> {
        self.readers.run("counting what is kept", move |db| shelf::count(db, shelf)).await
    }

    async fn discard(&self, shelf: Shelf, key: &str) -> Result<bool> {
        self.writer.shelve(ShelfWrite::Discard { shelf, key: key.to_owned() }).await
    }
}

#[async_trait]
impl StoreCorrections for Sqlite {
    async fn corrections(&self, most: usize) -> Result<Vec<CorrectionRecord>> {
        self.readers.run("reading the log of corrections", move |db| correct::records(db, most)).await
    }

    async fn differences(&self, id: Uuid, part: u64) -> Result<Option<Vec<Difference>>> {
        self.readers.run("reading a correction", move |db| correct::differences(db, id, part)).await
    }

    async fn corrected(&self, event: Event) -> Result<i64> {
        self.readers.run("reading what was corrected", move |db| correct::corrected(db, event)).await
    }

    async fn has(&self, event: Event, names: &[Name]) -> Result<Vec<bool>> {
        let names = names.to_vec();
        self.readers.run("looking for names", move |db| correct::has(db, event, &names)).await
    }
}

#[async_trait]
impl StoreAge for Sqlite {
    async fn aged(&self, level: Level, keep: Duration) -> Result<TooOld> {
        self.readers.run("looking for what is old", move |db| age::aged(db, level, keep)).await
    }

    async fn clear_aged(&self, level: Level, keep: Duration) -> Result<()> {
        let mut start = Some(0);
        while let Some(from) = start {
            start = self.writer.clear_aged(level, keep, from).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl StoreMoves for Sqlite {
    async fn marks(&self, start: Option<&str>) -> Result<MarkPage> {
        let start = start.map_or(Ok(Uuid::nil()), str::parse);
        let start = start
            .map_err(|_| StoreError::new(Class::Request, "listing instances of the store", "no such page"))?;
        self.readers.run("listing instances", move |db| moves::marks(db, start)).await
    }

    async fn put_marks(&self, marks: Vec<InstanceMark>) -> Result<()> {
        self.writer.take_over(MoveWrite::Marks(marks)).await
    }

    async fn put_corrections(&self, log: Vec<KnownCorrection>, corrected: Vec<(Event, i64)>) -> Result<()> {
        self.writer.take_over(MoveWrite::Corrections(log, corrected)).await
    }

    async fn put_day_keys(&self, keys: DayKeys) -> Result<()> {
        self.writer.take_over(MoveWrite::DayKeys(keys)).await
    }

    async fn visitor_hashes(&self, event: Event, name: &Name, day: Day) -> Result<Vec<VisitorHash>> {
        let name = name.clone();
        self.readers.run("reading visitors", move |db| moves::visitor_hashes(db, event, &name, day)).await
    }
}
