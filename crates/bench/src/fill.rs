//! A store with names in it, and changes to them, without a daemon.

use crate::load;
use anyhow::Context;
use std::{ops::Range, sync::Arc};
use tallymark_core::{ClientClass, Counts, Entry, Event, Name, Visit, Visits, When, batches};
use tallymark_store::{Claim, Outcome, Retention, Store, StoreUrl};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// The runtime of a measurement: one thread, as a store is asked by one task.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")
}

/// Writes into a store as the writer does.
pub(crate) struct Fill {
    runtime: Runtime,
    store: Arc<dyn Store>,
    claim: Claim,
    seq: u64,
}

impl Fill {
    pub(crate) fn open(url: &StoreUrl) -> anyhow::Result<Fill> {
        let runtime = runtime()?;
        let store = runtime.block_on(tallymark_store::open(url, Retention::default()))?;
        let claim = runtime.block_on(store.claim(Uuid::new_v4()))?;
        Ok(Fill { runtime, store, claim, seq: 0 })
    }

    /// Counts `count` hits on each of these names, in the present minute.
    pub(crate) fn add(&mut self, names: Range<u32>, count: u64) -> anyhow::Result<()> {
        self.add_when(names, count, || When::Minute(tallymark_ingest::source::now().minute()))
    }

    /// The same at another time.
    pub(crate) fn add_at(&mut self, names: Range<u32>, count: u64, when: When) -> anyhow::Result<()> {
        self.add_when(names, count, || when)
    }

    fn add_when(&mut self, names: Range<u32>, count: u64, when: impl Fn() -> When) -> anyhow::Result<()> {
        // As a daemon has them on a tick; a million in one transaction is not a real load.
        for start in names.clone().step_by(10_000) {
            let when = when();
            let entry = |at| -> anyhow::Result<Entry> {
                Ok(Entry { event: Event::HIT, name: Name::new(&load::name(at))?, when, count })
            };
            let some = start..names.end.min(start + 10_000);
            let mut entries = some.map(entry).collect::<anyhow::Result<Vec<_>>>()?;
            entries.sort_unstable();
            self.apply(entries)?;
        }
        Ok(())
    }

    /// Counts `count` visits of each of these names, and keeps what is shown of them.
    pub(crate) fn add_visits(&mut self, names: Range<u32>, count: usize) -> anyhow::Result<()> {
        for start in names.clone().step_by(10_000) {
            let minute = tallymark_ingest::source::now().minute();
            let mut counts = Counts::default();
            for at in start..names.end.min(start + 10_000) {
                let (event, name) = (Event::VISIT, Name::new(&load::name(at))?);
                let last = vec![Visit::new(minute, ClientClass::Browser); count];
                counts.visits.push(Visits { event, name: name.clone(), last });
                counts.entries.push(Entry { event, name, when: When::Minute(minute), count: count as u64 });
            }
            counts.entries.sort_unstable();
            counts.visits.sort_unstable();
            self.apply(counts)?;
        }
        Ok(())
    }

    /// Applies sorted entries, and what came with them.
    pub(crate) fn apply(&mut self, counts: impl Into<Counts>) -> anyhow::Result<()> {
        let batches = batches(self.claim.instance, self.seq + 1, counts);
        self.seq += batches.len() as u64;
        let outcomes = self.runtime.block_on(self.store.apply(&self.claim, &batches))?;
        let applied = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied { .. }));
        anyhow::ensure!(
            applied && outcomes.len() == batches.len(),
            "the store refused a batch: {outcomes:?}"
        );
        Ok(())
    }
}
