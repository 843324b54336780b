//! What a store has over all events, apart from what corrections have changed.

use crate::config::Config;
use std::collections::BTreeSet;
use tallymark_core::{Event, Name};
use tallymark_store::{Store, StoreError};
use uuid::Uuid;

/// How often totals are read until no correction came in between.
const READINGS: u32 = 10;

/// What a store has over all events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StoreTotal {
    /// Everything that was ever counted in it, whatever was corrected since.
    pub(super) ever: u64,
    /// By how much corrections have changed that.
    pub(super) corrected: i64,
}

impl StoreTotal {
    pub(super) fn now(self) -> u64 {
        self.ever.saturating_add_signed(self.corrected)
    }
}

/// What a store has at the moment.
pub(super) struct StoreState {
    pub(super) total: StoreTotal,
    /// The events that this is the sum of.
    pub(super) events: BTreeSet<String>,
    /// The latest correction.
    pub(super) last_correction: Option<Uuid>,
}

impl StoreState {
    /// Of the events that it has, that the configuration counts, and that it had before: one whose names were all deleted
    /// is not listed any more.
    pub(super) async fn of(
        store: &dyn Store,
        config: &Config,
        before: &BTreeSet<String>,
    ) -> Result<StoreState, StoreError> {
        let mut events: BTreeSet<String> = before.clone();
        events.extend(config.routes.as_slice().iter().map(|route| route.event.to_string()));
        events.extend(store.events().await?.iter().map(ToString::to_string));
        events.insert(Event::HIT.to_string());
        let mut total = StoreTotal::default();
        for event in events.iter().filter_map(|event| Event::new(event.as_bytes()).ok()) {
            let of_event = of_event(store, event).await?;
            total.ever = total.ever.saturating_add(of_event.ever);
            total.corrected = total.corrected.saturating_add(of_event.corrected);
        }
        let last_correction = store.corrections(1).await?.first().map(|record| record.id);
        Ok(StoreState { total, events, last_correction })
    }
}

async fn of_event(store: &dyn Store, event: Event) -> Result<StoreTotal, StoreError> {
    // What operators have taken away is not missing. A correction between the two readings would look like hits that
    // are, so they are read again; corrections are rare.
    let mut corrected = store.corrected(event).await?;
    let mut totals = store.totals(event, &[Name::all()]).await?;
    for _ in 0..READINGS {
        let again = store.corrected(event).await?;
        if again == corrected {
            break;
        }
        corrected = again;
        totals = store.totals(event, &[Name::all()]).await?;
    }
    let ever = totals.into_iter().map(|total| total.saturating_sub(corrected).unsigned_abs());
    Ok(StoreTotal { ever: ever.fold(0, u64::saturating_add), corrected })
}
