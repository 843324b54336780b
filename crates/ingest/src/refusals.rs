//! Which hits the operator does not want to count: those of the deny list, and those of names that are paused.
//!
//! Every way in asks here before it counts, and before it tells visits from hits. Both lists are replaced while
//! everything runs: one when the configuration is read again, the other by what the store says (`pauses`).

use arc_swap::ArcSwap;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tallymark_core::{DenyRules, Glob, Hit, Now, Reject};

/// Names that are not counted for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedNames {
    /// Which.
    pub names: Glob,
    /// Until when, in milliseconds since 1970.
    pub until: Now,
}

/// What is refused at the moment; nothing, by default.
#[derive(Debug, Default)]
pub struct Refusals {
    rules: ArcSwap<DenyRules>,
    pauses: ArcSwap<Vec<PausedNames>>,
    changes: AtomicU64,
}

impl Refusals {
    /// With a deny list.
    #[must_use]
    pub fn new(rules: DenyRules) -> Refusals {
        Refusals { rules: ArcSwap::from_pointee(rules), ..Refusals::default() }
    }

    /// Goes by another deny list from now on.
    pub fn deny(&self, rules: DenyRules) {
        self.rules.store(Arc::new(rules));
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Goes by other pauses from now on.
    pub fn pause(&self, pauses: Vec<PausedNames>) {
        if **self.pauses.load() == pauses {
            return;
        }
        self.pauses.store(Arc::new(pauses));
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Changes whenever a hit may be refused that was not refused before.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Why a hit does not count now, if it does not.
    pub(crate) fn refusal(&self, hit: &Hit<'_>, now: Now) -> Option<Reject> {
        if let Some(refusal) = self.rules.load().refusal(hit) {
            return Some(refusal);
        }
        let pauses = self.pauses.load();
        let paused =
            |pause: &PausedNames| pause.until.unix_ms > now.unix_ms && pause.names.matches(hit.name.as_str());
        pauses.iter().any(paused).then_some(Reject::Paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::{Day, Event, NameRef, When};

    #[test]
    fn pause_ends_by_itself() {
        let refusals = Refusals::default();
        let hit = Hit::one(Event::HIT, NameRef::new(b"octo/hello").unwrap(), When::Day(Day(1)));
        let at = |unix_ms| Now { unix_ms };
        assert_eq!(refusals.refusal(&hit, at(0)), None);
        let pauses = vec![PausedNames { names: Glob::new("octo/*").unwrap(), until: at(1000) }];
        refusals.pause(pauses.clone());
        refusals.pause(pauses);
        assert_eq!(refusals.changes(), 1);
        assert_eq!(refusals.refusal(&hit, at(999)), Some(Reject::Paused));
        assert_eq!(refusals.refusal(&hit, at(1000)), None);
        refusals.deny(DenyRules::new(vec![Glob::new("octo/hello").unwrap()], Vec::new(), Vec::new()));
        assert_eq!(refusals.refusal(&hit, at(0)), Some(Reject::DeniedName));
        assert_eq!(refusals.changes(), 2);
    }
}
