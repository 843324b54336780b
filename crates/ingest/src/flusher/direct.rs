//! The way into an embedded store: counts, positions and the batch number are one transaction of its own, so nothing
//! stands between.

use super::{Common, Ended, NameLimits, Sealed, admission::Admission, backoff};
use std::time::Instant;
use tallymark_core::{Batch, batches};
use tallymark_store::{Claim, Outcome};
use tokio::sync::mpsc;
use tracing::error;
use uuid::Uuid;

type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// So many batches are enough for one transaction. Somebody who makes up names fills ticks to the brim, and what is in
/// flight takes three times the memory of what waits in the channel.
const TOGETHER: usize = 20;

/// Nothing but memory waits before an embedded store, so whoever starts last goes on exactly where the other stood.
const FENCED: &str = "another tallymark has claimed this data directory's identity: two copies of one data directory write \
    to one database, and this one halts. Stop the other and start this one again, or delete `instance` from the data \
    directory of one of them";

pub(super) struct Direct {
    common: Common,
    admission: Admission,
    instance: Uuid,
    claim: Option<Claim>,
    next_seq: u64,
    /// Numbered, and not yet known to be in the store.
    in_flight: Vec<Batch>,
    /// Where each of them came from.
    from: Vec<From>,
}

#[derive(Clone, Copy)]
struct From {
    /// The HTTP counter's.
    live: bool,
    /// Its source can be read again, up to a position that waits with it.
    replayable: bool,
}

impl Direct {
    pub(super) fn new(common: Common, instance: Uuid, limits: NameLimits) -> Direct {
        let admission = Admission::new(common.clone(), limits);
        let (in_flight, from) = (Vec::new(), Vec::new());
        Direct { common, admission, instance, claim: None, next_seq: 1, in_flight, from }
    }

    pub(super) async fn run(
        mut self,
        mut sealed: mpsc::Receiver<Sealed>,
        give_up: impl Future<Output = ()>,
    ) -> Ended {
        tokio::pin!(give_up);
        let all = async {
            self.apply_until_done(&sealed).await;
            while let Some(tick) = sealed.recv().await {
                self.number(tick).await;
                // Whatever else has arrived goes along: one transaction for all of it, if it is not too much at once.
                while self.in_flight.len() < TOGETHER
                    && let Ok(tick) = sealed.try_recv()
                {
                    self.number(tick).await;
                }
                self.apply_until_done(&sealed).await;
            }
        };
        tokio::select! {
            () = all => {}
            () = &mut give_up => {}
        }
        // What can be read again is not lost: its position was not committed either.
        let held = self.in_flight.iter().zip(&self.from).filter(|(_, from)| !from.replayable);
        let mut lost = held.fold(0u64, |sum, (batch, _)| batch.hits().saturating_add(sum));
        while let Ok(tick) = sealed.try_recv() {
            if tick.counts.positions.is_empty() {
                lost = lost.saturating_add(tick.hits());
            }
        }
        Ended { lost, waiting: 0 }
    }

    async fn number(&mut self, tick: Sealed) {
        let replayable = !tick.counts.positions.is_empty();
        let counts = self.admission.admit(tick.counts, tick.live).await;
        let cut = batches(self.instance, self.next_seq, counts);
        self.next_seq += cut.len() as u64;
        self.from.resize(self.from.len() + cut.len(), From { live: tick.live, replayable });
        self.in_flight.extend(cut);
    }

    /// Returns when nothing is in flight and the store is claimed; or nothing is in flight and no more comes.
    async fn apply_until_done(&mut self, sealed: &mpsc::Receiver<Sealed>) {
        let mut failures = 0;
        loop {
            match self.apply_once().await {
                Ok(()) if self.in_flight.is_empty() => break,
                Ok(()) => {}
                Err(trouble) => {
                    self.common.trouble(&trouble);
                    let again = Instant::now() + backoff(failures);
                    failures += 1;
                    while Instant::now() < again {
                        if self.in_flight.is_empty() && sealed.is_closed() && sealed.is_empty() {
                            return;
                        }
                        tokio::time::sleep(backoff(0)).await;
                    }
                }
            }
        }
        self.common.well();
        self.common.live.settle();
    }

    async fn apply_once(&mut self) -> Result<(), Trouble> {
        let Some(claim) = self.claim else { return self.take_claim().await };
        if self.in_flight.is_empty() {
            return Ok(());
        }
        self.common.live.applying();
        let started = Instant::now();
        let outcomes = self.common.store.apply(&claim, &self.in_flight).await?;
        if let Some(seconds) = &self.common.meters.apply_seconds {
            seconds.observe(started.elapsed().as_secs_f64());
        }
        let good = |outcome: &Outcome| matches!(outcome, Outcome::Applied { .. } | Outcome::Duplicate);
        let settled = outcomes.iter().take_while(|outcome| good(outcome)).count();
        let (batches, from) = (self.in_flight.drain(..settled), self.from.drain(..settled));
        for ((batch, from), outcome) in batches.zip(from).zip(&outcomes) {
            self.common.settled(&batch, outcome, from.live);
        }
        match outcomes.get(settled) {
            Some(Outcome::Gap { marker }) => self.gap(*marker),
            Some(Outcome::Foreign) => Err(self.common.foreign().into()),
            Some(Outcome::Fenced) => Err(FENCED.into()),
            Some(Outcome::Applied { .. } | Outcome::Duplicate) | None => Ok(()),
        }
    }

    /// The sequence goes on where the store's marker stands, and the sources where their positions do.
    async fn take_claim(&mut self) -> Result<(), Trouble> {
        let claim = self.common.store.claim(self.instance).await?;
        self.common.tell_positions(self.instance, None).await?;
        self.common.claimed(&claim);
        self.claim = Some(claim);
        self.renumber(claim.marker);
        Ok(())
    }

    /// Gives what is in hand the numbers behind `marker`. Only right when none of it has been applied, as after a
    /// claim or a gap: the marker is then below all of them.
    fn renumber(&mut self, marker: u64) {
        self.next_seq = marker + 1;
        for batch in &mut self.in_flight {
            batch.seq = self.next_seq;
            self.next_seq += 1;
        }
    }

    /// The file was exchanged for an older one under our feet. What it had beyond the marker is gone with it; what is in
    /// hand goes on behind the marker.
    fn gap(&mut self, marker: u64) -> Result<(), Trouble> {
        let first = self.in_flight.first().map_or(self.next_seq, |batch| batch.seq);
        if marker >= first {
            return Err(format!(
                "the store answered a gap at {marker} before batch {first}, which makes no sense"
            )
            .into());
        }
        let lost = first - 1 - marker;
        self.common.meters.rollbacks.inc();
        self.common.meters.lost_batches.inc_by(lost);
        error!(
            batches = lost,
            marker, "the store is an older copy of itself: batches that it had applied are gone"
        );
        self.renumber(marker);
        Ok(())
    }
}
