//! What the store holds, read from outside of the daemon.

use std::sync::Arc;
use tallymark_core::{Event, Name};
use tallymark_store::{Retention, Step, Store, StoreUrl};
use tokio::runtime::Runtime;

/// A store, to be asked.
pub(crate) struct Counts {
    runtime: Runtime,
    store: Arc<dyn Store>,
}

impl Counts {
    /// Of the store with this address.
    pub(crate) fn of(url: &str) -> Counts {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let url: StoreUrl = url.parse().expect("a store address");
        let store = runtime.block_on(tallymark_store::open(&url, Retention::default()));
        Counts { runtime, store: store.expect("the store opens") }
    }

    /// The total of each name.
    #[track_caller]
    pub(crate) fn totals(&self, names: &[&str]) -> Vec<u64> {
        let names: Vec<Name> = names.iter().map(|name| named(name)).collect();
        let mut totals = Vec::with_capacity(names.len());
        for names in names.chunks(1000) {
            let some = self.runtime.block_on(self.store.totals(Event::HIT, names)).expect("totals");
            totals.extend(some.into_iter().map(i64::unsigned_abs));
        }
        totals
    }

    #[track_caller]
    pub(crate) fn total(&self, name: &str) -> u64 {
        self.try_total(name).expect("a total")
    }

    /// The total, if the store answers.
    pub(crate) fn try_total(&self, name: &str) -> Option<u64> {
        let totals = self.runtime.block_on(self.store.totals(Event::HIT, &[named(name)])).ok()?;
        totals.first().map(|total| total.unsigned_abs())
    }

    /// The sum over the last days of a name.
    #[track_caller]
    pub(crate) fn days(&self, name: &str) -> u64 {
        let today = crate::traffic::now().day().0;
        let name = named(name);
        let days = self.store.series(Event::HIT, &name, Step::Day, today - 40, today + 2);
        self.runtime.block_on(days).expect("a series").iter().map(|(_, count)| count.unsigned_abs()).sum()
    }

    /// How many names have hits.
    #[track_caller]
    pub(crate) fn names(&self) -> u64 {
        self.runtime.block_on(self.store.name_count(Event::HIT)).expect("a count")
    }
}

fn named(text: &str) -> Name {
    match text {
        "~all" => Name::all(),
        "~overflow" => Name::overflow(),
        _ => Name::new(text).expect("a name"),
    }
}
