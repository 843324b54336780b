//! The way to a remote store, through the outbox.
//!
//! Two tasks share it. One takes sealed tallies and commits them, with the positions they came from; only then are they
//! consumed, and an outage of the store does not hold it up. The other sends batches in order, and believes the store's
//! marker alone: whatever was cut off, repeated, rolled back or failed over, the marker says what comes next.

use super::{Common, Ended, NameLimits, Places, Sealed, admission::Admission, backoff};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::Batch;
use tallymark_store::{
    Claim, Outcome, Standing, StoreError,
    outbox::{Durability, Fill, Origin, Outbox, Unpushed, Waiting},
};
use tokio::sync::{Notify, mpsc};
use tracing::{error, info};
use uuid::Uuid;

pub(super) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How many batches are read, and numbered, at a time.
const PORTION: usize = 8;
/// How often the store is looked at, applied batches are let go of, and the fill is measured.
const TIDY: Duration = Duration::from_secs(5);
/// Without an answer of the store nothing is known to be safe, so nothing goes but for the cap.
const NOTHING_KNOWN: Durability = Durability::Saved(0);

pub(super) struct Relay {
    common: Common,
    outbox: Arc<Outbox>,
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
    pub(super) fn new(common: Common, outbox: Outbox, limits: NameLimits) -> Relay {
        let shared = Arc::new(Shared { room: AtomicBool::new(true), ..Shared::default() });
        Relay { common, outbox: Arc::new(outbox), limits, shared }
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
            positions_told: false,
            claim: None,
            acked: None,
            noted: 0,
            tidied: None,
        };
        let hold = lost.clone();
        let all = async {
            keeper.say_where_sources_stood().await;
            tokio::join!(keeper.run(sealed, &hold), sender.run());
        };
        tokio::select! {
            () = all => {}
            () = &mut give_up => {}
        }
        let fill = self.outbox.fill().await.unwrap_or_default();
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
    async fn say_where_sources_stood(&self) {
        let mut failures = 0;
        loop {
            match self.outbox.positions().await {
                Ok(positions) => {
                    self.common.outbox_well();
                    self.common.positions.send_replace(Places::Kept(Arc::new(positions)));
                    return;
                }
                Err(error) => {
                    self.common.outbox_trouble(&error);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
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
                tick.counts = self.admission.admit(tick.counts, tick.live).await;
            }
            self.commit(tick).await;
            lost.store(0, Ordering::Relaxed);
            self.shared.work.notify_one();
        }
        self.shared.closed.store(true, Ordering::Release);
        self.shared.work.notify_one();
    }

    async fn commit(&self, tick: Sealed) {
        let mut counts = tick.counts;
        let origin = if tick.live { Origin::Live } else { Origin::Lines };
        let (id, mut failures) = (Uuid::new_v4(), 0);
        loop {
            let direct = self.shared.well.load(Ordering::Acquire);
            match self.outbox.push(id, counts, origin, direct).await {
                Ok(()) => break,
                Err(Unpushed { counts: again, error }) => {
                    counts = again;
                    self.common.outbox_trouble(&error);
                    tokio::time::sleep(backoff(failures)).await;
                    failures += 1;
                }
            }
        }
        self.common.outbox_well();
    }
}

/// Sends batches to the store.
pub(super) struct Sender {
    pub(super) common: Common,
    pub(super) outbox: Arc<Outbox>,
    shared: Arc<Shared>,
    /// Sources have heard whether they may go on.
    pub(super) positions_told: bool,
    pub(super) claim: Option<Claim>,
    /// The store has everything up to here; `None` until it was asked.
    pub(super) acked: Option<u64>,
    /// And the outbox knows of everything up to here.
    pub(super) noted: u64,
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
                    self.common.well();
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
                    self.common.trouble(&trouble);
                    // An operator who adopts the store goes by what the outbox knows of it.
                    let _ = self.note().await;
                    if closed {
                        break;
                    }
                    let _ = self.tidy(NOTHING_KNOWN).await;
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
        if !self.positions_told {
            self.tell_positions(claim.instance).await?;
        }
        if !self.look(&claim).await? {
            return Ok(1);
        }
        let waiting = self.outbox.take(self.acked.unwrap_or(0), PORTION).await?;
        if waiting.is_empty() {
            self.common.live.settle();
            return Ok(0);
        }
        let (batches, origins): (Vec<Batch>, Vec<Origin>) =
            waiting.into_iter().map(|Waiting { batch, origin }| (batch, origin)).unzip();
        self.common.live.applying();
        let started = Instant::now();
        let outcomes = self.common.store.apply(&claim, &batches).await?;
        if let Some(seconds) = &self.common.meters.apply_seconds {
            seconds.observe(started.elapsed().as_secs_f64());
        }
        for ((batch, origin), outcome) in batches.iter().zip(&origins).zip(&outcomes) {
            match outcome {
                Outcome::Applied { .. } | Outcome::Duplicate => {
                    self.acked = Some(batch.seq);
                    self.common.settled(batch, outcome, *origin == Origin::Live);
                }
                Outcome::Gap { .. } => {
                    // A replica that is behind says so too. Only a claim shows what a server says that can be written to.
                    self.claim = None;
                    return Ok(batches.len());
                }
                Outcome::Foreign => {
                    // Whether it may be gone on with is seen at the next claim.
                    self.claim = None;
                    return Err(self.common.foreign().into());
                }
                Outcome::Fenced => return self.halt().await,
            }
        }
        self.common.live.settle();
        Ok(batches.len())
    }

    /// Tells the outbox what the store has.
    pub(super) async fn note(&mut self) -> Result<(), StoreError> {
        if let Some(acked) = self.acked.filter(|&acked| self.noted < acked) {
            self.outbox.applied(acked).await?;
            self.noted = acked;
        }
        Ok(())
    }

    /// Looks now and then whether the store still has what it has answered, also while nothing is sent: nobody else would
    /// notice before the outbox has let go of it. So nothing is let go of but after such a look. False if the store has
    /// less; it is then to be claimed again.
    async fn look(&mut self, claim: &Claim) -> Result<bool, Trouble> {
        if self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return Ok(true);
        }
        match self.common.store.standing(claim).await? {
            Standing::Claimed { marker, .. } if Some(marker) < self.acked => {
                self.claim = None;
                Ok(false)
            }
            Standing::Claimed { durability, .. } => {
                self.tidy(durability).await?;
                Ok(true)
            }
            Standing::Foreign => {
                self.claim = None;
                Err(self.common.foreign().into())
            }
            Standing::Fenced => self.halt().await,
        }
    }

    async fn tidy(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return Ok(());
        }
        self.tidied = Some(Instant::now());
        self.note().await?;
        let fill = self.outbox.tidy(durability).await?;
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
