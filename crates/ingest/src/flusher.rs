//! From sealed tallies to the store: numbered batches, applied in order, each until the store says yes.
//!
//! There is one flusher, one channel into it, and one batch sequence. A batch keeps its number and its contents until
//! the store has answered, so a lost reply cannot count twice. While the store is down the channel fills, and the
//! sources go on folding in their tallies. Closing the channel is how the flusher is told to end.

use crate::{live::Live, meters::IngestMeters};
use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{Batch, Entry, batches};
use tallymark_store::{Claim, Outcome, Position, Store, StoreError};
use tokio::sync::{Notify, mpsc};
use tracing::{error, info, warn};
use uuid::Uuid;

/// A tally taken out of its source.
#[derive(Debug)]
pub struct Sealed {
    entries: Vec<Entry>,
    live: bool,
    positions: Vec<Position>,
}

impl Sealed {
    /// From a source of lines.
    pub fn of_lines(entries: Vec<Entry>) -> Sealed {
        Sealed { entries, live: false, positions: Vec::new() }
    }

    /// From a source that can be read again: its entries, and how far they bring it. The two are committed together.
    pub fn of_replayable(entries: Vec<Entry>, positions: Vec<Position>) -> Sealed {
        Sealed { entries, live: false, positions }
    }

    /// From the HTTP counter, whose pending hits are part of what it shows.
    pub(crate) fn of_live(entries: Vec<Entry>) -> Sealed {
        Sealed { entries, live: true, positions: Vec::new() }
    }
}

/// What `/readyz` asks.
#[derive(Clone, Debug, Default)]
pub struct FlusherState(Arc<Mutex<Option<String>>>);

impl FlusherState {
    /// Why batches do not get through at the moment; `None` when they do.
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// The identity of a state directory: whose batch numbers these are.
#[derive(Debug)]
pub struct Instance {
    id: Uuid,
    // Held for as long as the process lives; the kernel lets go of it after a kill -9 too.
    _lock: fs::File,
}

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another daemon runs on it.
    #[error("{0} is in use by another tallymark; stop it, or give this one a --data-dir of its own")]
    InUse(PathBuf),
    /// The identity in it is not one.
    #[error(
        "{0} does not hold an instance id; restore it from a backup, or delete it to start as a new instance"
    )]
    Damaged(PathBuf),
    /// The file system said no.
    #[error("{attempt} {path}: {error}")]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl Instance {
    /// Opens the state directory, creating it and its identity if need be, and locks it.
    pub fn open(dir: &Path) -> Result<Instance, InstanceError> {
        let io = |attempt, path: &Path| {
            let path = path.to_owned();
            move |error| InstanceError::Io { attempt, path, error }
        };
        fs::create_dir_all(dir).map_err(io("creating the data directory", dir))?;
        let lock_path = dir.join("lock");
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io("opening the lock file", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(InstanceError::InUse(dir.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(io("locking", &lock_path)(error)),
        }
        let id_path = dir.join("instance");
        let id = match fs::read_to_string(&id_path) {
            Ok(text) => text.trim().parse().map_err(|_| InstanceError::Damaged(id_path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_id(&id_path).map_err(io("writing", &id_path))?
            }
            Err(error) => return Err(io("reading", &id_path)(error)),
        };
        Ok(Instance { id, _lock: lock })
    }
}

/// Written aside and renamed: half an id would be a damaged directory.
fn create_id(path: &Path) -> io::Result<Uuid> {
    let id = Uuid::new_v4();
    let aside = path.with_extension("new");
    let mut file = fs::File::create(&aside)?;
    io::Write::write_all(&mut file, format!("{id}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(id)
}

/// Applies sealed tallies to the store.
pub struct Flusher {
    instance: Instance,
    store: Arc<dyn Store>,
    live: Arc<Live>,
    meters: IngestMeters,
    state: FlusherState,
    changed: Arc<Notify>,
    claim: Option<Claim>,
    next_seq: u64,
    /// Numbered, and not yet known to be in the store. Whether each is the HTTP counter's stands beside it.
    in_flight: VecDeque<(Batch, bool)>,
}

/// How long to wait after the n-th failure in a row.
fn backoff(failures: u32) -> Duration {
    Duration::from_millis(50u64.saturating_mul(1 << failures.min(7))).min(Duration::from_secs(5))
}

impl Flusher {
    /// A flusher that has not said anything to the store yet. `changed` is told after every applied tick.
    pub fn new(
        instance: Instance,
        store: Arc<dyn Store>,
        live: Arc<Live>,
        meters: IngestMeters,
        changed: Arc<Notify>,
    ) -> Flusher {
        let state = FlusherState::default();
        state.set(Some("the store has not been reached yet".to_owned()));
        let in_flight = VecDeque::new();
        Flusher { instance, store, live, meters, state, changed, claim: None, next_seq: 1, in_flight }
    }

    /// For `/readyz`.
    pub fn state(&self) -> FlusherState {
        self.state.clone()
    }

    /// Applies what comes out of the channel until it is closed and everything is in the store, or until `give_up`
    /// is over with batches still in hand. Answers how many occurrences were not applied: 0, unless it gave up.
    pub async fn run(mut self, mut sealed: mpsc::Receiver<Sealed>, give_up: impl Future<Output = ()>) -> u64 {
        tokio::pin!(give_up);
        let all = async {
            self.try_claim_until_done().await;
            while let Some(tick) = sealed.recv().await {
                self.number(tick);
                // Whatever else has arrived goes along: one transaction for all of it.
                while let Ok(tick) = sealed.try_recv() {
                    self.number(tick);
                }
                self.apply_until_done().await;
            }
        };
        tokio::select! {
            () = all => {}
            () = &mut give_up => {}
        }
        let unapplied =
            |batch: &Batch| batch.entries.iter().map(|entry| entry.count).fold(0, u64::saturating_add);
        let mut left = self.in_flight.iter().map(|(batch, _)| unapplied(batch)).fold(0, u64::saturating_add);
        while let Ok(tick) = sealed.try_recv() {
            left = tick.entries.iter().map(|entry| entry.count).fold(left, u64::saturating_add);
        }
        if left > 0 {
            error!(hits = left, "stopped with hits that the store did not take in time: they are lost");
        }
        left
    }

    fn number(&mut self, tick: Sealed) {
        let cut = batches(self.instance.id, self.next_seq, tick.entries);
        self.next_seq += cut.len() as u64;
        self.in_flight.extend(cut.into_iter().map(|batch| (batch, tick.live)));
    }

    /// The sequence goes on where the store's marker stands.
    async fn try_claim_until_done(&mut self) {
        let mut failures = 0;
        while let Err(error) = self.claim().await {
            self.trouble(&error, failures);
            tokio::time::sleep(backoff(failures)).await;
            failures += 1;
        }
        self.well(failures);
    }

    async fn claim(&mut self) -> Result<(), StoreError> {
        let claim = self.store.claim(self.instance.id).await?;
        info!(store = %claim.store, instance = %claim.instance, marker = claim.marker, "claimed the store");
        self.claim = Some(claim);
        self.renumber(claim.marker);
        Ok(())
    }

    /// Gives what is in hand the numbers behind `marker`. Only right when none of it has been applied, as after a
    /// claim or a gap: the marker is then below all of them.
    fn renumber(&mut self, marker: u64) {
        self.next_seq = marker + 1;
        for (batch, _) in &mut self.in_flight {
            batch.seq = self.next_seq;
            self.next_seq += 1;
        }
    }

    async fn apply_until_done(&mut self) {
        let mut failures = 0;
        while !self.in_flight.is_empty() {
            match self.apply_once().await {
                Ok(()) => {
                    self.well(failures);
                    failures = 0;
                }
                Err(trouble) => {
                    self.trouble(&trouble, failures);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
        self.live.settle();
        self.changed.notify_waiters();
    }

    async fn apply_once(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(claim) = self.claim else { return self.claim().await.map_err(Into::into) };
        let batches: Vec<Batch> = self.in_flight.iter().map(|(batch, _)| batch.clone()).collect();
        self.live.applying();
        let started = Instant::now();
        let outcomes = self.store.apply(&claim, &batches).await?;
        if let Some(seconds) = &self.meters.apply_seconds {
            seconds.observe(started.elapsed().as_secs_f64());
        }
        for outcome in outcomes {
            match outcome {
                Outcome::Applied { totals, quarantined } => self.applied(&totals, quarantined),
                Outcome::Duplicate => self.duplicate(),
                Outcome::Gap { marker } => self.gap(marker)?,
                Outcome::Foreign => return Err("this is not the store whose counts these are (emptied, or another server \
                    on its address): nothing is written to it. Put the right store back, or restart to go on with this one"
                    .into()),
                Outcome::Fenced => return Err("another tallymark has claimed this state directory's identity: two copies \
                    of one data directory are running. Stop one, and delete `instance` from its data directory".into()),
            }
        }
        Ok(())
    }

    fn applied(&mut self, totals: &[i64], quarantined: u64) {
        self.meters.batches.inc();
        if quarantined > 0 {
            self.meters.quarantined.inc_by(quarantined);
            warn!(
                keys = quarantined,
                "keys that hold no counter were left alone; their names show what they last had"
            );
        }
        if let Some((batch, live)) = self.in_flight.pop_front() {
            self.live.applied(&batch, Some(totals), live);
        }
    }

    fn duplicate(&mut self) {
        self.meters.duplicates.inc();
        if let Some((batch, live)) = self.in_flight.pop_front() {
            self.live.applied(&batch, None, live);
        }
    }

    /// The store has lost its tail: batches that it had applied are gone from it. Without an outbox nothing holds
    /// them any more, so their number is reported, and what is in hand goes on behind the marker.
    fn gap(&mut self, marker: u64) -> Result<(), String> {
        let first = self.in_flight.front().map_or(self.next_seq, |(batch, _)| batch.seq);
        if marker >= first {
            return Err(format!(
                "the store answered a gap at {marker} before batch {first}, which makes no sense"
            ));
        }
        let lost = first - 1 - marker;
        self.meters.rollbacks.inc();
        self.meters.lost_batches.inc_by(lost);
        error!(batches = lost, marker, "the store has lost batches that it had applied");
        self.renumber(marker);
        Ok(())
    }

    fn trouble(&self, error: &dyn std::fmt::Display, failures: u32) {
        self.meters.store_up.set(0);
        self.state.set(Some(error.to_string()));
        // The first, then ever more rarely: an outage of a day is not a log of a day.
        if failures.is_power_of_two() || failures == 0 {
            error!(%error, failures, "the store does not take batches; hits wait in memory");
        }
    }

    fn well(&self, failures: u32) {
        self.meters.store_up.set(1);
        self.state.set(None);
        if failures > 0 {
            info!(failures, "the store takes batches again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_daemon_on_a_data_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = Instance::open(dir.path()).unwrap();
        assert!(matches!(Instance::open(dir.path()), Err(InstanceError::InUse(_))));
        let id = first.id;
        drop(first);
        assert_eq!(Instance::open(dir.path()).unwrap().id, id);
    }

    #[test]
    fn damaged_identity_is_an_error_and_not_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("instance"), "").unwrap();
        assert!(matches!(Instance::open(dir.path()), Err(InstanceError::Damaged(_))));
    }

    #[test]
    fn waits_grow_to_five_seconds() {
        assert_eq!(backoff(0), Duration::from_millis(50));
        assert_eq!(backoff(1), Duration::from_millis(100));
        assert_eq!(backoff(100), Duration::from_secs(5));
    }
}
