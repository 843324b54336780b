//! The durable queue before a remote store (the transactional outbox pattern): a SQLite file in the state directory.
//!
//! The counts of the sources, and the positions up to which they have read, are committed here in one transaction; only
//! then are they consumed. A restart continues from the positions here. The store gets them with the last batch of
//! their counts, in case this file is lost. Counts that have never been sent wait in a pool, unnumbered, and are merged
//! by name. To be sent, they are cut into batches, which get their numbers here, in a commit before the first send; a
//! numbered batch never changes. Hours and minutes can be separate batches, once a minute. Applied batches are kept for
//! a while, because a remote store may lose its tail and need them again.
//!
//! The writer in `tallymark-ingest` is its only caller. This module does not connect to the remote store itself.

mod age;
mod anchor;
mod codec;
mod copy;
mod desk;
mod file;
mod merge;
mod minutes;

use crate::{Class, Result, StoreError, deadline::Deadline};
use desk::Desk;
use std::{
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tallymark_core::{Batch, Counts, Position};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How long an applied batch is kept. Default 15 minutes.
    pub applied: Duration,
    /// How large the file may grow. Default 2 GiB.
    pub bytes: u64,
    /// How many visits of a name an outage may cost. Default 0.
    pub visits: usize,
    /// How many bytes of counts may wait for the end of a minute, when their hours and minutes are written. With 0, these
    /// are written together with totals and days. Default 8 MiB.
    pub held: u64,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { applied: Duration::from_secs(900), bytes: 2 << 30, visits: 0, held: 8 << 20 }
    }
}

/// Where counts came from. The HTTP counter is notified when its counts are applied, as long as the process that
/// counted them lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A source of lines, or an earlier process.
    Lines,
    /// The HTTP counter of this process.
    Live,
}

/// A numbered batch on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedBatch {
    /// What is to be applied.
    pub batch: Batch,
    /// Where it came from.
    pub origin: Origin,
}

/// What is known when the outbox is opened, or has changed identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxState {
    /// Whose numbers the batches have.
    pub instance: Uuid,
    /// The store they belong into; `None` until one was claimed.
    pub store: Option<Uuid>,
    /// The store that an operator has said to go on with, if it is not that one.
    pub adopt: Option<Uuid>,
    /// The number of the last batch.
    pub last: u64,
    /// The highest number that is known to be in the store, of the batches that are still held; 0 if there is none.
    pub applied: u64,
    /// Another copy of this state directory has claimed the identity, until an operator says how to go on.
    pub fenced: bool,
}

/// What became of counts that were pushed.
pub type Pushed = std::result::Result<(), Unpushed>;

/// Counts that could not be committed, to be pushed once more.
#[derive(Debug)]
pub struct Unpushed {
    /// What was pushed.
    pub counts: Box<Counts>,
    /// Why it may not be there.
    pub error: Box<StoreError>,
}

/// How full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Batches that are not known to be applied, and blocks that are not yet batches.
    pub waiting: u64,
    /// Occurrences in them.
    pub hits: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// How far back applied batches reach.
    pub reaches_back: Duration,
    /// There is room for more.
    pub room: bool,
}

/// What the outbox can give a store that has lost its tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The first number behind the marker that is still here: the marker's successor, unless batches are gone.
    pub first: u64,
    /// How many batches the store had applied, and has not any more.
    pub undone: u64,
}

/// When a remote store has what it applied on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As soon as it has answered.
    Committed,
    /// Shortly after; it keeps a log of what it applied.
    Logged,
    /// With the next snapshot. The last one holds every batch up to this number; 0 if nothing is known of one.
    Saved(u64),
}

/// The way to the outbox's thread.
pub struct Outbox {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    deadline: Deadline,
}

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// Its name in the state directory.
const FILE: &str = "outbox.db";
/// How many calls may wait for the thread.
const QUEUE: usize = 8;
/// How long the answer how full it is may take, which is asked for at the very end.
const PATIENCE: Duration = Duration::from_secs(2);

#[expect(
    clippy::missing_errors_doc,
    reason = "every call fails when the file cannot be read or written, and only then"
)]
impl Outbox {
    /// Opens the outbox of a state directory, and creates it if it is not there. `instance` is used for a new one.
    pub fn open(dir: &Path, instance: Uuid, keep: Keep) -> Result<(Outbox, OutboxState)> {
        let path = dir.join(FILE);
        let deadline = Deadline::default();
        let mut desk = Desk::open(&path, instance, keep, deadline.clone())?;
        let identity = desk.identity()?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut desk);
            }
        };
        let thread = thread::Builder::new().name("outbox".to_owned()).spawn(work);
        let thread = thread
            .map_err(|err| StoreError::new(Class::Refused, "starting the thread of the outbox", err))?;
        Ok((Outbox { jobs: Some(jobs), thread: Some(thread), path, deadline }, identity))
    }

    /// This process ends then: nothing waits longer than that for another process.
    pub fn finish_by(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    /// Whether a state directory has one.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// How many hits wait in the outbox of a state directory, if it has one. Another process may ask.
    pub fn waiting(dir: &Path) -> Result<u64> {
        if Outbox::exists(dir) { file::waiting(&dir.join(FILE)) } else { Ok(0) }
    }

    /// Its name in a state directory.
    pub const FILE: &str = FILE;

    /// Makes a consistent copy of the outbox of a state directory in a new file, while its daemon may be writing.
    /// Returns how many hits wait in the copy. Blocks on the disk.
    pub fn copy(dir: &Path, to: &Path) -> Result<u64> {
        copy::copy(&dir.join(FILE), to)
    }

    /// Checks a copy. Returns how many hits wait in it.
    pub fn examine(copy: &Path) -> Result<u64> {
        copy::examine(copy)
    }

    /// What another process may read: the instance, and the number of the last batch that its store is known to have
    /// applied.
    pub fn known(dir: &Path) -> Result<(Uuid, u64)> {
        file::known(&dir.join(FILE))
    }

    /// Says from another process that the store with this identity is to be gone on with.
    pub fn adopt(dir: &Path, store: Uuid) -> Result<()> {
        file::adopt(&dir.join(FILE), store)
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || {
            let attempt = format!("writing the outbox {}", self.path.display());
            StoreError::new(Class::Unavailable, attempt, "its thread has ended")
        };
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            // Work that was given up before it began is reported as not done, and is not done.
            if !reply.is_closed() {
                let _ = reply.send(work(desk));
            }
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Commits counts together with their positions. While nothing else waits and `direct` is wished, the counts are numbered
    /// in the same commit. An error comes with the counts; it does not say that they are not there, so one asks again
    /// with the same `tick`, which is committed once.
    pub async fn push(&self, tick: Uuid, counts: impl Into<Counts>, origin: Origin, direct: bool) -> Pushed {
        let counts = counts.into();
        match self.ask(move |desk| Ok(desk.push(tick, counts, origin, direct))).await {
            Ok(pushed) => pushed,
            // The thread is gone, and the process with it.
            Err(error) => Err(Unpushed { counts: Default::default(), error: error.into() }),
        }
    }

    /// The batches behind number `after`, at most about `most`; numbers more from the pool when there are none.
    pub async fn take(&self, after: u64, most: usize) -> Result<Vec<QueuedBatch>> {
        self.ask(move |desk| desk.take(after, most)).await
    }

    /// Nothing more comes: hours and minutes that are held back are not, from now on.
    pub async fn settle(&self) -> Result<()> {
        self.ask(Desk::settle).await
    }

    /// The same until then, because a correction waits for them.
    pub async fn settle_until(&self, until: Instant) -> Result<()> {
        self.ask(move |desk| desk.settle_until(until)).await
    }

    /// Whether a store that has the batches up to this one has their hours and minutes, too.
    pub async fn is_settled(&self, applied: u64) -> Result<bool> {
        self.ask(move |desk| Ok(desk.is_settled(applied))).await
    }

    /// The store has every batch up to this number.
    pub async fn applied(&self, up_to: u64) -> Result<()> {
        self.ask(move |desk| desk.applied(up_to)).await
    }

    /// The store has only what came up to `marker`: what follows is to be sent again.
    pub async fn roll_back(&self, marker: u64) -> Result<RolledBack> {
        self.ask(move |desk| desk.roll_back(marker)).await
    }

    /// Lets go of what is safe. Answers how full it is.
    pub async fn tidy(&self, durability: Durability) -> Result<Fill> {
        self.ask(move |desk| desk.tidy(durability)).await
    }

    /// How full it is.
    pub async fn fill(&self) -> Result<Fill> {
        tokio::time::timeout(PATIENCE, self.ask(Desk::fill)).await.unwrap_or_else(|_| {
            let attempt = format!("reading the outbox {}", self.path.display());
            Err(StoreError::new(Class::Unavailable, attempt, "another process holds its lock"))
        })
    }

    /// The positions that were committed last.
    pub async fn positions(&self) -> Result<Vec<Position>> {
        self.ask(Desk::positions).await
    }

    /// Sends the positions that were committed last once more, behind all that waits: a store has lost them alone.
    pub async fn send_positions(&self) -> Result<()> {
        self.ask(Desk::send_positions).await
    }

    /// The identity as it is in the file now.
    pub async fn identity(&self) -> Result<OutboxState> {
        self.ask(|desk| desk.identity()).await
    }

    /// From now on, batches belong into this store.
    pub async fn belong_to(&self, store: Uuid) -> Result<()> {
        self.ask(move |desk| desk.belong_to(store)).await
    }

    /// Gives everything behind `marker` that is still held new numbers, from 1, under a new instance: for a copy of a
    /// state directory that is to continue in parallel with the one that fenced it.
    pub async fn start_over(&self, marker: u64) -> Result<OutboxState> {
        self.ask(move |desk| desk.start_over(marker)).await
    }

    /// The state directory was restored from a backup: whatever waits in it has been applied since, and the positions
    /// of the instance that the store has are the right ones. Empties it, but for what has come since it was opened,
    /// and continues under a new instance, which writes its positions to the store at once. Also returns how many hits
    /// were dropped.
    pub async fn forget(&self, positions: Vec<Position>) -> Result<(OutboxState, u64)> {
        self.ask(move |desk| desk.forget(&positions)).await
    }

    /// Another copy of this state directory has claimed the identity. Remembered over restarts: who claimed it back
    /// would halt the other copy in turn, and could not tell which of the hits in here the other has sent.
    pub async fn fence(&self) -> Result<()> {
        self.ask(Desk::fence).await
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.jobs = None;
        // Past the deadline it commits nothing any more, and may wait for another process.
        if let Some(thread) = self.thread.take().filter(|_| !self.deadline.is_over()) {
            // Its panic has ended the process already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
