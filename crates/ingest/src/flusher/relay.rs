//! The way to a remote store, through the outbox.
//!
//! Two tasks share it. One takes sealed tallies and commits them, with the positions they came from; only then are they
//! consumed, and an outage of the store does not hold it up. The other sends batches in order, and believes the store's
//! marker alone: whatever was cut off, repeated, rolled back or failed over, the marker says what comes next.

use super::{
    Common, Ended, FENCED, FOREIGN, FlusherOptions, NameLimits, Sealed, admission::Admission, backoff,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::Batch;
use tallymark_store::{
    Claim, Outcome, StoreError,
    outbox::{Fill, Origin, Outbox, Waiting},
};
use tokio::sync::{Notify, mpsc};
use tracing::{error, info, warn};

type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How many batches are read, and numbered, at a time.
const PORTION: usize = 8;
/// How often applied batches are let go of, and the fill is measured.
const TIDY: Duration = Duration::from_secs(5);
pub(super) struct Relay {
    common: Common,
    outbox: Arc<Outbox>,
    accept_positions: bool,
    limits: NameLimits,
    shared: Arc<Shared>,
}

/// What the two tasks tell each other.
#[derive(Default)]
struct Shared {
    /// The store takes batches: counts may be numbered in the commit that stores them.
    well: AtomicBool,
    /// There is room in the outbox.
    room: AtomicBool,
    /// No more sealed tallies come.
    closed: AtomicBool,
    work: Notify,
}

impl Relay {
    pub(super) fn new(common: Common, outbox: Outbox, options: FlusherOptions) -> Relay {
        let FlusherOptions { accept_positions, limits, .. } = options;
        let shared = Arc::new(Shared { room: AtomicBool::new(true), ..Shared::default() });
        Relay { common, outbox: Arc::new(outbox), accept_positions, limits, shared }
    }

    pub(super) async fn run(
        self,
        sealed: mpsc::Receiver<Sealed>,
        give_up: impl Future<Output = ()>,
    ) -> Ended {
        tokio::pin!(give_up);
        let lost = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut keeper = Keeper {
            admission: Admission::new(self.common.clone(), self.limits),
            common: self.common.clone(),
            outbox: self.outbox.clone(),
            shared: self.shared.clone(),
        };
        let mut sender = Sender {
            common: self.common,
            outbox: self.outbox.clone(),
            shared: self.shared,
            claim: None,
            acked: 0,
            noted: 0,
            tidied: None,
        };
        let accept = self.accept_positions;
        let hold = lost.clone();
        let all = async {
            keeper.hand_out_positions(accept).await;
            tokio::join!(keeper.run(sealed, &hold), sender.run());
        };
        tokio::select! {
            () = all => {}
            () = &mut give_up => {}
        }
        let fill = self.outbox.tidy(tallymark_store::outbox::Durability::Logged).await.unwrap_or_default();
        Ended { lost: lost.load(Ordering::Relaxed), waiting: fill.hits }
    }
}

/// Commits sealed tallies to the outbox.
struct Keeper {
    admission: Admission,
    common: Common,
    outbox: Arc<Outbox>,
    shared: Arc<Shared>,
}

impl Keeper {
    /// Positions are local, so files are read while the store is away.
    async fn hand_out_positions(&self, accept: bool) {
        let mut failures = 0;
        loop {
            match self.positions(accept).await {
                Ok(()) => return,
                Err(error) => {
                    self.outbox_trouble(&error, failures);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
    }

    async fn positions(&self, accept: bool) -> Result<(), StoreError> {
        if accept {
            self.outbox.accept_positions().await?;
        }
        if self.outbox.identity().await?.positions_held {
            self.common.hold_positions();
        } else {
            let positions = self.outbox.positions().await?;
            self.common.positions.send_replace(Some(Arc::new(positions)));
        }
        Ok(())
    }

    async fn run(&mut self, mut sealed: mpsc::Receiver<Sealed>, lost: &std::sync::atomic::AtomicU64) {
        loop {
            // While there is no room nothing is taken: files and streams wait, datagrams fold on in memory.
            while !self.shared.room.load(Ordering::Acquire) && !sealed.is_closed() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let Some(mut tick) = sealed.recv().await else { break };
            // Lost only if this task is given up on while it is in hand.
            lost.store(tick.hits(), Ordering::Relaxed);
            // A store that is known to be away is not asked: that would only wait.
            if self.shared.well.load(Ordering::Acquire) {
                tick.entries = self.admission.admit(tick.entries, tick.live).await;
            }
            self.commit(tick).await;
            lost.store(0, Ordering::Relaxed);
            self.shared.work.notify_one();
        }
        self.shared.closed.store(true, Ordering::Release);
        self.shared.work.notify_one();
    }

    async fn commit(&self, tick: Sealed) {
        let origin = if tick.live { Origin::Live } else { Origin::Lines };
        let mut failures = 0;
        loop {
            let direct = self.shared.well.load(Ordering::Acquire);
            match self.outbox.push(tick.entries.clone(), origin, tick.positions.clone(), direct).await {
                Ok(()) => break,
                Err(error) => {
                    self.outbox_trouble(&error, failures);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
        if failures > 0 {
            info!(failures, "the outbox can be written again");
            self.common.state.change(|troubles| troubles.outbox = None);
        }
    }

    fn outbox_trouble(&self, error: &StoreError, failures: u32) {
        self.common.state.change(|troubles| troubles.outbox = Some(error.to_string()));
        if failures == 0 || failures.is_power_of_two() {
            error!(%error, failures, "hits wait in memory: the outbox cannot be written");
        }
    }
}

/// Sends batches to the store.
struct Sender {
    common: Common,
    outbox: Arc<Outbox>,
    shared: Arc<Shared>,
    claim: Option<Claim>,
    /// The store has everything up to here.
    acked: u64,
    /// And the outbox knows of everything up to here.
    noted: u64,
    tidied: Option<Instant>,
}

impl Sender {
    /// Sends until the keeper has closed and everything is in the store; or, once it has closed, until the store does
    /// not answer: what waits is safe.
    async fn run(&mut self) {
        let mut failures = 0;
        loop {
            let closed = self.shared.closed.load(Ordering::Acquire);
            match self.step().await {
                Ok(sent) => {
                    self.shared.well.store(true, Ordering::Release);
                    self.common.well(failures);
                    failures = 0;
                    if sent == 0 && closed {
                        break;
                    }
                    if sent == 0 {
                        let _ = tokio::time::timeout(TIDY, self.shared.work.notified()).await;
                    }
                }
                Err(trouble) => {
                    self.shared.well.store(false, Ordering::Release);
                    self.common.trouble(&trouble, failures);
                    if closed {
                        break;
                    }
                    let _ = self.tidy().await;
                    let pause = tokio::time::sleep(backoff(failures));
                    failures += 1;
                    pause.await;
                }
            }
        }
        let _ = self.note().await;
    }

    /// Sends one portion. Answers how many batches it had.
    async fn step(&mut self) -> Result<usize, Trouble> {
        let claim = match self.claim {
            Some(claim) => claim,
            None => self.take_claim().await?,
        };
        self.tidy().await?;
        let waiting = self.outbox.take(self.acked, PORTION).await?;
        if waiting.is_empty() {
            self.common.live.settle();
            return Ok(0);
        }
        let batches: Vec<Batch> = waiting.iter().map(|waiting| waiting.batch.clone()).collect();
        self.common.live.applying();
        let started = Instant::now();
        let outcomes = self.common.store.apply(&claim, &batches, &[]).await?;
        if let Some(seconds) = &self.common.meters.apply_seconds {
            seconds.observe(started.elapsed().as_secs_f64());
        }
        for (Waiting { batch, origin }, outcome) in waiting.iter().zip(&outcomes) {
            match outcome {
                Outcome::Applied { .. } | Outcome::Duplicate => {
                    self.acked = batch.seq;
                    self.common.settled(batch, outcome, *origin == Origin::Live);
                }
                Outcome::Gap { marker } => {
                    self.roll_back(*marker).await?;
                    return Ok(waiting.len());
                }
                Outcome::Foreign => {
                    // Whether it may be gone on with is seen at the next claim.
                    self.claim = None;
                    return Err(FOREIGN.into());
                }
                Outcome::Fenced => return Err(FENCED.into()),
            }
        }
        self.common.live.settle();
        Ok(waiting.len())
    }

    async fn take_claim(&mut self) -> Result<Claim, Trouble> {
        let mut identity = self.outbox.identity().await?;
        let mut claim = self.common.store.claim(identity.instance).await?;
        match identity.store {
            None => self.outbox.belong_to(claim.store).await?,
            Some(store) if store == claim.store => {}
            Some(_) if identity.adopt == Some(claim.store) => {
                // No store has any of this under the new instance, so everything that is still held is sent.
                identity = self.outbox.start_over(0).await?;
                self.outbox.belong_to(claim.store).await?;
                claim = self.common.store.claim(identity.instance).await?;
                warn!(store = %claim.store, batches = identity.last, "adopted this store; sending what the outbox holds");
            }
            Some(_) => return Err(FOREIGN.into()),
        }
        if claim.marker > identity.last {
            let hits;
            (identity, hits) = self.outbox.forget().await?;
            warn!(
                hits,
                "the data directory is older than the store: what waited in it is taken as counted since, and let go of"
            );
            self.common.hold_positions();
            claim = self.common.store.claim(identity.instance).await?;
        }
        info!(store = %claim.store, instance = %claim.instance, marker = claim.marker, "claimed the store");
        self.claim = Some(claim);
        self.acked = claim.marker;
        self.noted = 0;
        if claim.marker < identity.last {
            self.roll_back(claim.marker).await?;
        }
        self.note().await?;
        // Rolling back may have led to a new claim.
        self.claim.ok_or_else(|| "the claim was lost again".into())
    }

    /// The store has only what came up to `marker`. What the outbox holds is sent again; what it holds no longer is
    /// reported as a number, and the rest goes on under a new instance.
    async fn roll_back(&mut self, marker: u64) -> Result<(), Trouble> {
        // What the store has answered must be known as applied, or nobody would see that it is taken back, and the
        // HTTP counter would hear of it twice.
        self.note().await?;
        let rolled = self.outbox.roll_back(marker).await?;
        self.acked = marker;
        self.noted = self.noted.min(marker);
        let lost = rolled.first.saturating_sub(marker + 1);
        if rolled.undone > 0 || lost > 0 {
            self.common.meters.rollbacks.inc();
            warn!(
                batches = rolled.undone,
                marker, "the store has lost batches that it had applied; sending them again"
            );
        }
        if lost > 0 {
            self.common.meters.lost_batches.inc_by(lost);
            error!(
                batches = lost,
                marker, "the store has lost batches that the outbox holds no longer: their hits are gone"
            );
            let identity = self.outbox.start_over(marker).await?;
            let claim = self.common.store.claim(identity.instance).await?;
            self.claim = Some(claim);
            (self.acked, self.noted) = (claim.marker, claim.marker);
        }
        Ok(())
    }

    /// Tells the outbox what the store has.
    async fn note(&mut self) -> Result<(), StoreError> {
        if self.noted < self.acked {
            self.outbox.applied(self.acked).await?;
            self.noted = self.acked;
        }
        Ok(())
    }

    async fn tidy(&mut self) -> Result<(), StoreError> {
        if self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return Ok(());
        }
        self.tidied = Some(Instant::now());
        self.note().await?;
        // Without an answer nothing is known to be safe, so nothing goes but for the cap.
        let durability = if self.claim.is_some() { self.common.store.durability().await.ok() } else { None };
        let unknown = tallymark_store::outbox::Durability::Snapshots(std::time::UNIX_EPOCH);
        let fill = self.outbox.tidy(durability.unwrap_or(unknown)).await?;
        self.report(&fill);
        Ok(())
    }

    fn report(&self, fill: &Fill) {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let meters = &self.common.meters;
        meters.outbox_batches.set(gauge(fill.waiting));
        meters.outbox_hits.set(gauge(fill.hits));
        meters.outbox_bytes.set(gauge(fill.bytes));
        meters.outbox_retention.set(gauge(fill.reaches_back.as_secs()));
        let had = self.shared.room.swap(fill.room, Ordering::AcqRel);
        if had && !fill.room {
            error!(bytes = fill.bytes, "the outbox is full: files and streams wait until the store is back");
            self.common.state.change(|troubles| troubles.outbox = Some("the outbox is full".to_owned()));
        } else if !had && fill.room {
            info!("the outbox has room again");
            self.common.state.change(|troubles| troubles.outbox = None);
        }
    }
}
