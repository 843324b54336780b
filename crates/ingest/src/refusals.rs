//! Which hits the operator does not want to count: those of the deny list, and those of names that are paused.
//!
//! Every source checks this before it counts, and before it tells visits from hits. Both lists can be replaced at run
//! time: the deny list when the configuration is read again, the pauses when they change in the store (`pauses`).

use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tallymark_core::{DenyRules, Glob, Hit, Now, Reject};

/// How many names are remembered with what was refused of them. The one that came first goes first.
const REMEMBERED: usize = 1000;

/// Names that are not counted for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedNames {
    /// Which.
    pub names: Glob,
    /// Until when, in milliseconds since 1970.
    pub until: Now,
}

/// How often hits of a name were refused for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedHits {
    /// How many lines or requests.
    pub count: u64,
    /// When the first was refused.
    pub first: Now,
    /// And the last.
    pub last: Now,
}

/// What was refused of the last names.
#[derive(Debug, Default)]
struct RefusedNames {
    of: HashMap<String, BTreeMap<Reject, RefusedHits>>,
    order: VecDeque<String>,
}

impl RefusedNames {
    fn note(&mut self, name: &str, reason: Reject, now: Now) {
        if !self.of.contains_key(name) {
            if self.order.len() >= REMEMBERED
                && let Some(first) = self.order.pop_front()
            {
                self.of.remove(&first);
            }
            self.order.push_back(name.to_owned());
        }
        let of_name = self.of.entry(name.to_owned()).or_default();
        let known = of_name.entry(reason).or_insert(RefusedHits { count: 0, first: now, last: now });
        known.count += 1;
        known.last = now;
    }
}

/// What is refused at the moment; nothing, by default.
#[derive(Debug, Default)]
pub struct Refusals {
    rules: ArcSwap<DenyRules>,
    pauses: ArcSwap<Vec<PausedNames>>,
    changes: AtomicU64,
    refused: Mutex<RefusedNames>,
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

    /// Why a hit does not count now, if it does not. It is remembered.
    pub(crate) fn refusal(&self, hit: &Hit<'_>, now: Now) -> Option<Reject> {
        let name = hit.name.as_str();
        let denied = self.rules.load().refusal(hit);
        let refusal = denied.or_else(|| self.pause_of(name, now).map(|_| Reject::Paused))?;
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).note(name, refusal, now);
        Some(refusal)
    }

    /// The pause of a name that ends last, if it is paused.
    #[must_use]
    pub fn pause_of(&self, name: &str, now: Now) -> Option<PausedNames> {
        let pauses = self.pauses.load();
        let paused =
            pauses.iter().filter(|pause| pause.until.unix_ms > now.unix_ms && pause.names.matches(name));
        paused.max_by_key(|pause| pause.until.unix_ms).cloned()
    }

    /// What was refused of a name, by reason; nothing of a name that is not among the last.
    #[must_use]
    pub fn refused(&self, name: &str) -> BTreeMap<Reject, RefusedHits> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.of.get(name).cloned().unwrap_or_default()
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
    #[test]
    fn what_was_refused_is_remembered_of_the_last_names() {
        let refusals =
            Refusals::new(DenyRules::new(vec![Glob::new("spam/*").unwrap()], Vec::new(), Vec::new()));
        let refuse = |name: &str, unix_ms| {
            let name = NameRef::new(name.as_bytes()).unwrap();
            refusals.refusal(&Hit::one(Event::HIT, name, When::Day(Day(1))), Now { unix_ms })
        };
        assert_eq!(
            (refuse("spam/a", 1), refuse("good", 2), refuse("spam/a", 3)),
            (Some(Reject::DeniedName), None, Some(Reject::DeniedName))
        );
        let hits = RefusedHits { count: 2, first: Now { unix_ms: 1 }, last: Now { unix_ms: 3 } };
        assert_eq!(refusals.refused("spam/a"), BTreeMap::from([(Reject::DeniedName, hits)]));
        assert!(refusals.refused("good").is_empty());
        for n in 0..REMEMBERED {
            refuse(&format!("spam/{n}"), 4);
        }
        assert!(refusals.refused("spam/a").is_empty() && !refusals.refused("spam/0").is_empty());
        assert_eq!(refusals.refused.lock().unwrap().of.len(), REMEMBERED);
    }
}
