//! From sealed tallies to the store: numbered batches, applied in order, each until the store says yes.
//!
//! There is one flusher, one channel into it, and one batch sequence. A batch keeps its number and its contents until
//! the store has answered, so a lost reply cannot count twice. An embedded store is written directly (`direct`); before a
//! remote one stands the outbox (`relay`). Closing the channel is how the flusher is told to end.

mod admission;
mod claims;
mod direct;
mod instance;
mod relay;

pub use admission::NameLimits;
pub use instance::{Instance, InstanceError};

use crate::{
    live::Live,
    meters::IngestMeters,
    outage::{Outage, Told},
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{Counts, Position};
use tallymark_store::{
    Claim, Outcome, Store, StoreError,
    outbox::{Keep, Outbox},
};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};
use uuid::Uuid;

/// A tally taken out of its source.
#[derive(Debug)]
pub struct Sealed {
    counts: Counts,
    live: bool,
}

impl Sealed {
    /// From a source of lines.
    pub fn of_lines(counts: Counts) -> Sealed {
        Sealed { counts, live: false }
    }

    /// From a source that can be read again: its counts, and how far they bring it. The two are committed together.
    pub fn of_replayable(counts: Counts, positions: Vec<Position>) -> Sealed {
        Sealed { counts: Counts { positions, ..counts }, live: false }
    }

    /// From the HTTP counter, whose pending hits are part of what it shows.
    pub(crate) fn of_live(counts: Counts) -> Sealed {
        Sealed { counts, live: true }
    }

    /// For tests of sources, which have no flusher.
    #[cfg(test)]
    pub(crate) fn into_entries(self) -> Vec<tallymark_core::Entry> {
        self.counts.entries
    }

    /// See [`Sealed::into_entries`].
    #[cfg(test)]
    pub(crate) fn positions(&self) -> &[Position] {
        &self.counts.positions
    }

    pub(crate) fn hits(&self) -> u64 {
        self.counts.hits()
    }
}

/// What `/readyz` asks.
#[derive(Clone, Debug, Default)]
pub struct FlusherState(Arc<Mutex<Troubles>>);

#[derive(Debug, Default)]
struct Troubles {
    claimed: Option<Uuid>,
    store: Option<String>,
    outbox: Option<String>,
    store_outage: Outage,
    outbox_outage: Outage,
}

impl FlusherState {
    /// Why counts do not get where they should at the moment; empty when they do.
    pub fn troubles(&self) -> Vec<String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        [troubles.store.clone(), troubles.outbox.clone()].into_iter().flatten().collect()
    }

    /// Why the store takes nothing, if it does not.
    pub(crate) fn store_trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).store.clone()
    }

    /// The store that these counts belong to, once it has been reached.
    pub(crate) fn claimed(&self) -> Option<Uuid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).claimed
    }

    fn change(&self, change: impl FnOnce(&mut Troubles)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What is known of where replayable sources go on.
#[derive(Clone, Debug, Default)]
pub enum Places {
    /// Nothing yet.
    #[default]
    Unknown,
    /// What the state directory says. It may be a backup that was put back, so no source goes on from there before the
    /// store was claimed; but a source that is not in here is new, and may say where it begins.
    Kept(Arc<Vec<Position>>),
    /// Sources go on from here.
    Good {
        /// The positions of this instance. They may hold a source that was new in [`Places::Kept`]: what stands here is
        /// right.
        own: Arc<Vec<Position>>,
        /// Those of every other instance in the store, as far as their counts there. A source that has none of its own
        /// may have been read by one whose state directory is lost.
        others: Arc<Vec<(Uuid, Position)>>,
    },
}

/// Hears where replayable sources go on.
pub type StartPositions = watch::Receiver<Places>;

/// What is left when the flusher ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Occurrences that nothing holds any more.
    pub lost: u64,
    /// Occurrences that wait in the outbox for the store to come back.
    pub waiting: u64,
}

/// How a flusher is set up.
#[derive(Clone, Debug, Default)]
pub struct FlusherOptions {
    /// What the outbox before a remote store keeps; `None` for an embedded one, which needs no outbox.
    pub outbox: Option<Keep>,
    /// How many names may be counted.
    pub limits: NameLimits,
    /// What an operator does to accept a store that is not the expected one: `run ...`.
    pub adopt: String,
}

/// Applies sealed tallies to the store.
pub struct Flusher {
    way: Way,
    common: Common,
}

enum Way {
    Direct(Box<direct::Direct>),
    Relay(Box<relay::Relay>),
}

/// What both ways need.
#[derive(Clone)]
struct Common {
    store: Arc<dyn Store>,
    live: Arc<Live>,
    meters: IngestMeters,
    state: FlusherState,
    positions: Arc<watch::Sender<Places>>,
    adopt: Arc<str>,
    // The state directory stays locked for as long as anything of this runs.
    _instance: Arc<Instance>,
}

impl Flusher {
    /// Opens the outbox, if the store needs one. Says nothing to the store yet.
    pub fn open(
        instance: Instance,
        store: Arc<dyn Store>,
        live: Arc<Live>,
        meters: IngestMeters,
        options: FlusherOptions,
    ) -> Result<Flusher, StoreError> {
        let state = FlusherState::default();
        state.change(|troubles| troubles.store = Some("the store has not been reached yet".to_owned()));
        let instance = Arc::new(instance);
        let common = Common {
            store: store.clone(),
            live,
            meters,
            state,
            positions: Arc::new(watch::Sender::new(Places::Unknown)),
            adopt: options.adopt.as_str().into(),
            _instance: instance.clone(),
        };
        let way = match options.outbox {
            None => Way::Direct(Box::new(direct::Direct::new(common.clone(), instance.id, options.limits))),
            Some(keep) => {
                let (outbox, _) = Outbox::open(&instance.dir, instance.id, keep)?;
                Way::Relay(Box::new(relay::Relay::new(common.clone(), outbox, options.limits)))
            }
        };
        Ok(Flusher { way, common })
    }

    /// For `/readyz`.
    pub fn state(&self) -> FlusherState {
        self.common.state.clone()
    }

    /// For sources that can be read again.
    pub fn start_positions(&self) -> StartPositions {
        self.common.positions.subscribe()
    }

    /// Applies what comes out of the channel until it is closed and everything is in the store; or until it is safe in
    /// the outbox and the store does not answer; or until `give_up`.
    pub async fn run(self, sealed: mpsc::Receiver<Sealed>, give_up: impl Future<Output = ()>) -> Ended {
        let ended = match self.way {
            Way::Direct(direct) => direct.run(sealed, give_up).await,
            Way::Relay(relay) => relay.run(sealed, give_up).await,
        };
        if ended.lost > 0 {
            error!(hits = ended.lost, "stopped with hits that could not be written in time: they are lost");
        }
        ended
    }
}

/// How long to wait after the n-th failure in a row.
fn backoff(failures: u32) -> Duration {
    Duration::from_millis(50u64.saturating_mul(1 << failures.min(7))).min(Duration::from_secs(5))
}

impl Common {
    /// Why nothing is written to a store that is another one.
    fn foreign(&self) -> String {
        format!(
            "this is not the store whose counts these are (it was emptied, or another server has its address): nothing \
             is written to it. Put the right store back; or, to go on with this one, {}",
            self.adopt
        )
    }

    /// Sources that can be read again go on: from `own`, or from the positions that this instance has in the store. Answers
    /// only once the store has said what all others have.
    async fn tell_positions(&self, instance: Uuid, own: Option<Vec<Position>>) -> Result<(), StoreError> {
        let all = self.store.positions(None).await?;
        let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(of, _)| *of == instance);
        let own = own.unwrap_or_else(|| ours.into_iter().map(|(_, position)| position).collect());
        self.positions.send_replace(Places::Good { own: Arc::new(own), others: Arc::new(others) });
        Ok(())
    }

    /// The store is the right one, and counts may go there.
    fn claimed(&self, claim: &Claim) {
        info!(store = %claim.store, instance = %claim.instance, marker = claim.marker, "claimed the store");
        self.state.change(|troubles| troubles.claimed = Some(claim.store));
    }

    fn trouble(&self, error: &dyn fmt::Display) {
        self.meters.store_up.set(0);
        let (error, mut told) = (error.to_string(), None);
        self.state.change(|troubles| {
            told = troubles.store_outage.failed(&error, Instant::now());
            troubles.store = Some(error.clone());
        });
        if let Some(Told { failures, lasting }) = told {
            error!(error, failures, ?lasting, "the store does not take batches; hits are kept");
        }
    }

    fn well(&self) {
        self.meters.store_up.set(1);
        let mut told = None;
        self.state.change(|troubles| {
            troubles.store = None;
            told = troubles.store_outage.over(Instant::now());
        });
        if let Some(Told { failures, lasting }) = told {
            info!(failures, ?lasting, "the store takes batches again");
        }
    }

    fn outbox_trouble(&self, error: &StoreError) {
        let (error, mut told) = (error.to_string(), None);
        self.state.change(|troubles| {
            told = troubles.outbox_outage.failed(&error, Instant::now());
            troubles.outbox = Some(error.clone());
        });
        if let Some(Told { failures, lasting }) = told {
            error!(error, failures, ?lasting, "hits wait in memory: the outbox cannot be written");
        }
    }

    fn outbox_well(&self) {
        let mut told = None;
        self.state.change(|troubles| {
            told = troubles.outbox_outage.over(Instant::now());
            if told.is_some() {
                troubles.outbox = None;
            }
        });
        if let Some(Told { failures, lasting }) = told {
            info!(failures, ?lasting, "the outbox can be written again");
        }
    }

    /// Counts what became of a batch that is in the store now; tells the HTTP counter.
    fn settled(&self, batch: &tallymark_core::Batch, outcome: &Outcome, live: bool) {
        match outcome {
            Outcome::Applied { totals, quarantined } => {
                self.meters.batches.inc();
                self.live.applied(batch, Some(totals), live);
                if *quarantined > 0 {
                    self.meters.quarantined.inc_by(*quarantined);
                    warn!(
                        keys = quarantined,
                        "keys that hold no counter were left alone, and their hits not counted"
                    );
                }
            }
            _ => {
                self.meters.duplicates.inc();
                self.live.applied(batch, None, live);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_seconds() {
        assert_eq!(backoff(0), Duration::from_millis(50));
        assert_eq!(backoff(1), Duration::from_millis(100));
        assert_eq!(backoff(100), Duration::from_secs(5));
    }
}
