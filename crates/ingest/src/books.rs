//! State that the writer's parts share: who is notified of applied batches, and what is in trouble.

use crate::{
    live::Live,
    meters::IngestMeters,
    outage::{Outage, Told},
    places::Places,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{Batch, Event, Position};
use tallymark_store::{Claim, Outcome, Store, StoreError, outbox::Origin};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};
use uuid::Uuid;

/// The state behind `/readyz`.
#[derive(Clone, Debug, Default)]
pub struct WriterState {
    troubles: Arc<Mutex<Troubles>>,
    /// For the writer.
    called: Arc<Notify>,
    /// The store works again.
    works: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Troubles {
    claimed: Option<Uuid>,
    store: Option<String>,
    outbox: Option<String>,
    /// Events of which new names have no room, why, and until when if that ends by itself.
    over: BTreeMap<Event, (String, Option<Instant>)>,
    /// What was said of that.
    over_told: BTreeSet<(Event, String)>,
    store_outage: Outage,
    outbox_outage: Outage,
}

impl WriterState {
    /// Why counts do not reach the store at the moment; empty if they do.
    pub fn troubles(&self) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        [troubles.store.clone(), troubles.outbox.clone()].into_iter().flatten().collect()
    }

    /// Which limits keep new names from being counted at the moment.
    pub fn limits(&self) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let over = troubles.over.values().filter(|(_, until)| until.is_none_or(|until| now < until));
        over.map(|(why, _)| why.clone()).collect()
    }

    /// Why the store accepts nothing, if so.
    pub(crate) fn store_trouble(&self) -> Option<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).store.clone()
    }

    /// Returns once the store accepts something.
    pub(crate) async fn works(&self) {
        loop {
            // Before the look, so that nothing is missed in between.
            let works = self.works.notified();
            if self.store_trouble().is_none() {
                return;
            }
            works.await;
        }
    }

    /// There is something to write that is not in the queue: hours and minutes that are held back.
    pub(crate) fn call(&self) {
        self.called.notify_one();
    }

    pub(crate) async fn called(&self) {
        self.called.notified().await;
    }

    /// The store that these counts belong to, once it has been reached.
    pub fn claimed(&self) -> Option<Uuid> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).claimed
    }

    fn change(&self, change: impl FnOnce(&mut Troubles)) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut troubles);
        if troubles.store.is_none() {
            self.works.notify_waiters();
        }
    }
}

/// Who is notified of applied batches.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) live: Arc<Live>,
    pub(crate) meters: IngestMeters,
}

impl Books {
    /// This batch is in the store now. Without an origin it was not written by the writer, and its totals may be older
    /// than those that the HTTP counter knows.
    pub(crate) fn settled(&self, batch: &Batch, outcome: &Outcome, origin: Option<Origin>) {
        self.meters.first_looks.committed(batch.positions.iter().map(|position| &*position.source));
        let mut known = None;
        match outcome {
            Outcome::Applied { totals, quarantined } => {
                self.meters.batches.inc();
                known = origin.map(|_| totals.as_slice());
                if *quarantined > 0 {
                    let hits = uncounted(batch, totals);
                    self.meters.quarantined.inc_by(*quarantined);
                    self.meters.hits_quarantined.inc_by(hits);
                    warn!(
                        keys = quarantined,
                        hits,
                        "some keys hold something other than a count; they were left unchanged, and their hits \
                         are not counted"
                    );
                }
            }
            _ => _ = self.meters.duplicates.inc(),
        }
        // Its totals were told with the batch that brought them.
        if batch.levels.has_days() {
            self.live.applied(batch, known, origin == Some(Origin::Live));
        }
    }

    /// A call of the store took this long.
    pub(crate) fn took(&self, took: Duration) {
        if let Some(seconds) = &self.meters.apply_seconds {
            seconds.observe(took.as_secs_f64());
        }
    }
}

/// The hits of names whose total was left alone: a store answers 0 for these.
fn uncounted(batch: &Batch, totals: &[i64]) -> u64 {
    let of_names = batch.entries.chunk_by(|a, b| a.event == b.event && a.name == b.name);
    let left_alone = of_names.zip(totals).filter(|(_, total)| **total == 0);
    left_alone.flat_map(|(entries, _)| entries).fold(0, |sum, entry| sum.saturating_add(entry.count))
}

/// The shared state of the writer's parts.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) books: Books,
    pub(crate) adopt: Arc<str>,
    pub(crate) expected: Option<Uuid>,
    pub(crate) state: WriterState,
    pub(crate) positions: Arc<watch::Sender<Places>>,
}

impl Common {
    pub(crate) fn new(store: Arc<dyn Store>, books: Books, adopt: &str, expected: Option<Uuid>) -> Common {
        let state = WriterState::default();
        state.change(|troubles| troubles.store = Some("the store has not been reached yet".to_owned()));
        let positions = Arc::new(watch::Sender::new(Places::Unknown));
        Common { store, books, adopt: adopt.into(), expected, state, positions }
    }

    /// The store is not the expected one: from here on readers get an error instead of its numbers, until it is claimed.
    /// Returns why nothing is written to it.
    pub(crate) fn refuse_foreign(&self) -> String {
        self.store.set_ours(None);
        self.books.live.forget_totals();
        format!(
            "the store is not the one these counts belong to: it was emptied (Redis restarted without its data?), or \
             another server now has its address. No counts are written to it. Put the right store back. To continue with \
             this one instead, {}",
            self.adopt
        )
    }

    /// The positions in the state directory, before the store is claimed.
    pub(crate) fn keep_positions(&self, positions: Vec<Position>) {
        self.positions.send_replace(Places::Kept(Arc::new(positions)));
    }

    /// Lets replayable sources continue: from `own`, or from the positions of this instance in the store. Returns only
    /// once the store has given the positions of all other instances.
    pub(crate) async fn tell_positions(
        &self,
        instance: Uuid,
        own: Option<Vec<Position>>,
    ) -> Result<(), StoreError> {
        let all = self.store.positions(None).await?;
        let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(of, _)| *of == instance);
        let own = own.unwrap_or_else(|| ours.into_iter().map(|(_, position)| position).collect());
        self.positions.send_replace(Places::Good { own: Arc::new(own), others: Arc::new(others) });
        Ok(())
    }

    /// The store is the right one, and may be written.
    pub(crate) fn claimed(&self, claim: &Claim) {
        self.store.set_ours(Some(claim.store));
        info!(store = %claim.store, instance = %claim.instance, marker = claim.marker, "claimed the store");
        self.state.change(|troubles| troubles.claimed = Some(claim.store));
    }

    /// New names of an event have no room, because of a limit; or they have room again. Each limit is logged once until
    /// there is room again.
    pub(crate) fn names_over(&self, event: Event, limit: Option<(String, Option<Instant>)>) {
        let (mut said, mut again) = (None, false);
        self.state.change(|troubles| match limit {
            Some((limit, until)) => {
                let why = format!(
                    "[limits] {limit}: further names of {event} count under ~overflow (tallymark show '~overflow'). Raise the \
                     limit, or delete names that are not wanted (tallymark delete)"
                );
                if troubles.over_told.insert((event, limit)) {
                    said = Some(why.clone());
                }
                troubles.over.insert(event, (why, until));
            }
            None => {
                // A budget has room again each minute.
                again = troubles.over.remove(&event).is_some_and(|(_, until)| until.is_none());
                if again {
                    troubles.over_told.retain(|(of, _)| *of != event);
                }
            }
        });
        if let Some(why) = said {
            warn!("{why}");
        } else if again {
            info!(%event, "there is room for new names again");
        }
    }

    pub(crate) fn trouble(&self, error: &dyn fmt::Display) {
        self.books.meters.store_up.set(0);
        let (error, mut told) = (error.to_string(), None);
        self.state.change(|troubles| {
            told = troubles.store_outage.failed(&error, Instant::now());
            troubles.store = Some(error.clone());
        });
        if let Some(Told { failures, lasting }) = told {
            error!(
                error,
                failures,
                lasting = lasting.map(debug),
                "hits cannot be written to the store; they are kept until it works again"
            );
        }
    }

    pub(crate) fn well(&self) {
        self.books.meters.store_up.set(1);
        let mut told = None;
        self.state.change(|troubles| {
            troubles.store = None;
            told = troubles.store_outage.over(Instant::now());
        });
        if let Some(Told { failures, lasting }) = told {
            info!(failures, lasting = lasting.map(debug), "hits can be written to the store again");
        }
    }

    pub(crate) fn outbox_trouble(&self, error: &StoreError) {
        let (error, mut told) = (error.to_string(), None);
        self.state.change(|troubles| {
            told = troubles.outbox_outage.failed(&error, Instant::now());
            troubles.outbox = Some(error.clone());
        });
        if let Some(Told { failures, lasting }) = told {
            error!(
                error,
                failures,
                lasting = lasting.map(debug),
                "the outbox cannot be written; hits are kept in memory until it works again"
            );
        }
    }

    pub(crate) fn outbox_well(&self) {
        let mut told = None;
        self.state.change(|troubles| {
            told = troubles.outbox_outage.over(Instant::now());
            if told.is_some() {
                troubles.outbox = None;
            }
        });
        if let Some(Told { failures, lasting }) = told {
            info!(failures, lasting = lasting.map(debug), "the outbox can be written again");
        }
    }

    pub(crate) fn outbox_full(&self, full: bool) {
        let why = full.then(|| "the outbox is full".to_owned());
        self.state.change(|troubles| troubles.outbox = why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_store_goes_on_when_it_works() {
        let state = WriterState::default();
        state.works().await;
        state.change(|troubles| troubles.store = Some("not reached".to_owned()));
        let moment = Duration::from_secs(2);
        assert!(tokio::time::timeout(moment, state.works()).await.is_err());
        let waiting = tokio::spawn({
            let state = state.clone();
            async move { state.works().await }
        });
        tokio::task::yield_now().await;
        state.change(|troubles| troubles.store = None);
        waiting.await.unwrap();
    }
}
