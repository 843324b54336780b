//! The one thread that writes, and the channel to it.
//!
//! SQLite blocks, so it is kept off tokio's workers; one connection keeps its page cache and its statements warm. The
//! thread ends when the [`WriteThread`] is dropped, which waits for the current write, unless the process has to end.

use super::{
    age, apply::Applier, day_keys, file, moves::MoveWrite, place::Place, reached::Reached, shelf::ShelfWrite,
};
use crate::{Claim, Class, Level, Outcome, Result, Retention, StoreError, claim, deadline::Deadline};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tallymark_core::{Batch, Day, DayKeys};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How many calls may wait for the thread; further ones wait asynchronously.
const QUEUE: usize = 16;
/// How many instances are examined at once for removal.
const FORGET: usize = 1000;

/// The handle of the writing thread.
#[derive(Debug)]
pub(super) struct WriteThread {
    jobs: Option<mpsc::Sender<WriteJob>>,
    thread: Option<JoinHandle<()>>,
    deadline: Deadline,
}

#[derive(Debug)]
enum WriteJob {
    Claim(Uuid, u64, oneshot::Sender<Result<Claim>>),
    Marker(Uuid, oneshot::Sender<Result<Option<claim::Marker>>>),
    Apply(Claim, Vec<Batch>, oneshot::Sender<Result<Vec<Outcome>>>),
    Forget(u64, u64, Uuid, oneshot::Sender<Result<Option<Uuid>>>),
    DayKeys(Day, oneshot::Sender<Result<(DayKeys, bool)>>),
    Shelve(ShelfWrite, oneshot::Sender<Result<bool>>),
    TakeOver(MoveWrite, oneshot::Sender<Result<()>>),
    Clear(Level, Duration, i64, oneshot::Sender<Result<Option<i64>>>),
}

impl WriteThread {
    pub(super) fn start(
        path: &Path,
        store: Uuid,
        retention: Retention,
        connection: Connection,
        place: Arc<Place>,
        deadline: Deadline,
    ) -> Result<WriteThread> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let desk = SqliteWriter {
            path: path.to_owned(),
            store,
            connection: Some(connection),
            place,
            opened: 0,
            deadline: deadline.clone(),
            applier: Applier::new(retention),
        };
        let thread =
            thread::Builder::new().name("sqlite".to_owned()).spawn(move || desk.run(queue)).map_err(
                |err| StoreError::new(Class::Refused, "starting the thread that writes the store", err),
            )?;
        Ok(WriteThread { jobs: Some(jobs), thread: Some(thread), deadline })
    }

    pub(super) async fn claim(&self, instance: Uuid, least: u64) -> Result<Claim> {
        self.ask(|reply| WriteJob::Claim(instance, least, reply)).await
    }

    pub(super) async fn apply(&self, claim: Claim, batches: Vec<Batch>) -> Result<Vec<Outcome>> {
        self.ask(|reply| WriteJob::Apply(claim, batches, reply)).await
    }

    /// Behind every call before it.
    pub(super) async fn marker(&self, instance: Uuid) -> Result<Option<claim::Marker>> {
        self.ask(|reply| WriteJob::Marker(instance, reply)).await
    }

    pub(super) async fn forget_passing(&self, now: u64, age: u64, start: Uuid) -> Result<Option<Uuid>> {
        self.ask(|reply| WriteJob::Forget(now, age, start, reply)).await
    }

    pub(super) async fn day_keys(&self, today: Day) -> Result<(DayKeys, bool)> {
        self.ask(|reply| WriteJob::DayKeys(today, reply)).await
    }

    pub(super) async fn shelve(&self, write: ShelfWrite) -> Result<bool> {
        self.ask(|reply| WriteJob::Shelve(write, reply)).await
    }

    pub(super) async fn take_over(&self, write: MoveWrite) -> Result<()> {
        self.ask(|reply| WriteJob::TakeOver(write, reply)).await
    }

    pub(super) async fn clear_aged(&self, level: Level, keep: Duration, start: i64) -> Result<Option<i64>> {
        self.ask(|reply| WriteJob::Clear(level, keep, start, reply)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> WriteJob) -> Result<T> {
        let gone = || StoreError::new(Class::Unavailable, "writing to the store", "its thread has ended");
        let (reply, answer) = oneshot::channel();
        self.jobs.as_ref().ok_or_else(gone)?.send(job(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for WriteThread {
    fn drop(&mut self) {
        self.jobs = None;
        // Past the deadline it commits nothing any more, and may wait for another process.
        if let Some(thread) = self.thread.take().filter(|_| !self.deadline.is_over()) {
            // Its panic has ended the process already.
            let _ = thread.join();
        }
    }
}

/// The state of the thread.
struct SqliteWriter {
    path: PathBuf,
    store: Uuid,
    /// `None` after a failed read or write of the disk, until it is opened again.
    connection: Option<Connection>,
    place: Arc<Place>,
    /// What `place` returned when the connection was opened.
    opened: u64,
    deadline: Deadline,
    applier: Applier,
}

impl SqliteWriter {
    fn run(mut self, mut queue: mpsc::Receiver<WriteJob>) {
        while let Some(job) = queue.blocking_recv() {
            match job {
                WriteJob::Claim(instance, least, reply) => {
                    answer(reply, || self.with("claiming", |desk, db| desk.claim(db, instance, least)))
                }
                WriteJob::Apply(claim, batches, reply) => answer(reply, || {
                    self.with("applying batches to", |desk, db| {
                        desk.applier.apply(db, &desk.deadline, &claim, &batches)
                    })
                }),
                WriteJob::Marker(instance, reply) => {
                    answer(reply, || self.with("reading the marker in", |_, db| read_marker(db, instance)))
                }
                WriteJob::Forget(now, age, start, reply) => {
                    answer(reply, || self.with("forgetting old keys in", |_, db| forget(db, now, age, start)))
                }
                WriteJob::DayKeys(today, reply) => answer(reply, || {
                    self.with("making the keys of days in", |_, db| day_keys::settle(db, today))
                }),
                WriteJob::Shelve(write, reply) => {
                    answer(reply, || self.with("keeping what was fetched in", |_, db| write.run(db)))
                }
                WriteJob::TakeOver(write, reply) => answer(reply, || {
                    self.with("taking over what another store knows into", |_, db| write.run(db))
                }),
                WriteJob::Clear(level, keep, start, reply) => answer(reply, || {
                    self.with("deleting what is old in", |_, db| age::clear(db, level, keep, start))
                }),
            }
        }
    }

    /// Runs one transaction. A connection that is [lost](file::is_lost) is dropped.
    fn with<T>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&mut SqliteWriter, &mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let found = self.place.look()?;
        if found != self.opened {
            (self.connection, self.opened) = (None, found);
            self.applier.forget();
        }
        if self.place.has_lost_its_log() {
            self.make_new_log(doing)?;
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen()?,
        };
        let answer = connection
            .busy_timeout(self.deadline.bound(file::BUSY_TIMEOUT))
            .and_then(|()| work(self, &mut connection));
        match answer {
            Ok(answer) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Err(err) => {
                if file::is_lost(&err) {
                    self.place.leave();
                } else {
                    self.connection = Some(connection);
                }
                self.applier.forget();
                Err(file::explain(err, format!("{doing} the store {}", self.path.display())))
            }
        }
    }

    /// Moves the contents of the unlinked log into the file while no other connection reads; then all connections are
    /// reopened.
    fn make_new_log(&mut self, doing: &str) -> Result<()> {
        if let Some(connection) = &self.connection {
            file::write_again(connection).map_err(|err| {
                file::explain(
                    err,
                    format!("{doing} the store {}, whose log was removed", self.path.display()),
                )
            })?;
        }
        self.place.leave();
        self.connection = None;
        self.connection = Some(self.reopen()?);
        self.applier.forget();
        tracing::warn!(store = %self.path.display(), "the store's -wal or -shm file was removed while it was \
                                                      open; no hit is lost, and new ones were made");
        Ok(())
    }

    fn reopen(&self) -> Result<Connection> {
        let (connection, store) = file::open(&self.path, &self.deadline)?;
        if store != self.store {
            let attempt = format!("opening the store {} again", self.path.display());
            return Err(
                StoreError::new(Class::Data, attempt, "it is another store now").advise("Restart Tallymark")
            );
        }
        self.place.arrive();
        Ok(connection)
    }

    fn claim(&mut self, db: &mut Connection, instance: Uuid, least: u64) -> rusqlite::Result<Claim> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let marker = read_marker(&transaction, instance)?;
        let nonce = claim::next_nonce(marker);
        let seq = marker.map_or(0, |marker| marker.seq).max(least);
        let body = marker.and_then(|marker| marker.body);
        write_marker(&transaction, instance, claim::Marker { nonce, seq, body })?;
        transaction.commit()?;
        Ok(Claim { instance, nonce, store: self.store, marker: seq, body })
    }
}

/// Runs a call if its caller still waits. A call that was cancelled before it began is not executed, and is reported as
/// not executed.
fn answer<T>(reply: oneshot::Sender<Result<T>>, work: impl FnOnce() -> Result<T>) {
    if !reply.is_closed() {
        let _ = reply.send(work());
    }
}

/// A slice of the instances after `start`. Returns the last of them, if there may be more.
fn forget(db: &mut Connection, now: u64, age: u64, start: Uuid) -> rusqlite::Result<Option<Uuid>> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before =
        Reached::read(&transaction)?.map_or(now, |reached| now.min(reached.seconds())).saturating_sub(age);
    let old: Vec<(Uuid, Uuid)> = transaction
        .prepare_cached("SELECT instance, nonce FROM applied WHERE instance > ?1 ORDER BY instance LIMIT ?2")?
        .query_map((start.as_bytes(), FORGET as i64), |row| {
            Ok((Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (instance, nonce) in &old {
        if claim::is_passing(*instance) && claim::claimed_at(*nonce) < before {
            let mut delete = transaction.prepare_cached("DELETE FROM applied WHERE instance = ?1")?;
            delete.execute([instance.as_bytes()])?;
        }
    }
    transaction.commit()?;
    Ok(old.last().filter(|_| old.len() == FORGET).map(|(instance, _)| *instance))
}

/// What the store knows about an instance.
pub(super) fn read_marker(db: &Connection, instance: Uuid) -> rusqlite::Result<Option<claim::Marker>> {
    let mut statement = db.prepare_cached("SELECT nonce, seq, body FROM applied WHERE instance = ?1")?;
    statement
        .query_row([instance.as_bytes()], |row| {
            let seq: i64 = row.get(1)?;
            let body: Option<[u8; 16]> = row.get(2)?;
            let (nonce, body) = (Uuid::from_bytes(row.get(0)?), body.map(Uuid::from_bytes));
            Ok(claim::Marker { nonce, seq: seq.unsigned_abs(), body })
        })
        .optional()
}

pub(super) fn write_marker(db: &Connection, instance: Uuid, marker: claim::Marker) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(
        "INSERT INTO applied (instance, nonce, seq, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET nonce = excluded.nonce, seq = excluded.seq, body = excluded.body",
    )?;
    // A number that counts up from 1 does not reach 2^63.
    let body = marker.body.map(Uuid::into_bytes);
    statement.execute((instance.as_bytes(), marker.nonce.as_bytes(), marker.seq as i64, body))?;
    Ok(())
}
