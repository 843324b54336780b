//! A ledger of what was sent, kept outside of the daemon.

use crate::counts::Counts;
use std::collections::BTreeMap;

/// Hits by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, u64>);

impl Ledger {
    pub(crate) fn add(&mut self, name: &str, count: u64) {
        match self.0.get_mut(name) {
            Some(sum) => *sum += count,
            None => drop(self.0.insert(name.to_owned(), count)),
        }
    }

    pub(crate) fn join(&mut self, other: &Ledger) {
        for (name, count) in &other.0 {
            self.add(name, *count);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Every name has exactly what was sent, in total and over its days; so has the aggregate.
    #[track_caller]
    pub(crate) fn settle(&self, counts: &Counts) {
        let names: Vec<&str> = self.names().collect();
        let mut wrong = Vec::new();
        for (name, counted) in names.iter().zip(counts.totals(&names)) {
            if counted != self.of(name) {
                wrong.push(format!("{name}: {counted} counted, {} sent", self.of(name)));
            }
        }
        let (shown, count) = (wrong.iter().take(5).cloned().collect::<Vec<_>>(), wrong.len());
        assert!(wrong.is_empty(), "{count} of {} names differ: {shown:#?}", names.len());
        assert_eq!(counts.total("~all"), self.total(), "~all is the sum");
        for name in names.iter().take(100) {
            assert_eq!(counts.days(name), self.of(name), "{name}: its days are its total");
        }
    }
}
