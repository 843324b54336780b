//! Decides which hits are visits: hits of one visitor within a cooldown are one visit, and so are requests of GitHub's
//! image proxy that come within a moment.
//!
//! The cooldown holds per event, name and visitor, and does not slide: it runs from the hit that counted. Behind
//! GitHub's proxy the visitors cannot be told apart, so its requests have no cooldown; those for one name within
//! `collapse` count as one, because a page view fetches its pictures more than once. The table is bounded, and holds no
//! address, only hashes made with its own key, and times. `tallymark-ingest` has one table for all sources, and keeps
//! it in a file.

mod file;
mod times;

pub use file::BadCooldowns;

use crate::{CamoNetworks, Event, NameRef, Visitor, visitor};
use siphasher::sip::SipHasher24;
use std::{hash::Hasher, time::Duration};
use times::Times;

/// How many visitors, and how many of Camo's names, are remembered at the most: about 10 MB of each. So many new ones
/// within 30 seconds are 8,000 a second.
pub const MAX_COOLDOWNS: usize = 250_000;

/// What an operator may say of visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitRules {
    /// How long hits of one visitor are one visit.
    pub cooldown: Duration,
    /// How long requests of GitHub's image proxy for one name are one visit.
    pub collapse: Duration,
    /// Where that proxy asks from.
    pub camo: CamoNetworks,
}

impl Default for VisitRules {
    fn default() -> VisitRules {
        let (cooldown, collapse) = (Duration::from_secs(30), Duration::from_secs(1));
        VisitRules { cooldown, collapse, camo: CamoNetworks::default() }
    }
}

/// What a hit is for the visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visiting {
    /// A visit of a visitor.
    Counts,
    /// A visit from behind GitHub's image proxy, whose visitor cannot be told from others.
    Shown,
    /// Part of an earlier visit of the same visitor.
    Cooled,
    /// Part of the page view for which GitHub's image proxy has asked a moment ago.
    Collapsed,
}

/// Remembers who has visited what, for as long as that matters.
#[derive(Debug)]
pub struct Cooldowns {
    key: [u8; 16],
    rules: VisitRules,
    visitors: Times,
    collapsed: Times,
    /// Visitors that opt out. They are in no file.
    unwritten: Times,
}

impl Cooldowns {
    /// An empty table. The key is a secret of 16 random bytes: anyone who knows it can try addresses.
    #[must_use]
    pub fn new(key: [u8; 16], rules: VisitRules) -> Cooldowns {
        Cooldowns::holding(key, rules, MAX_COOLDOWNS)
    }

    fn holding(key: [u8; 16], rules: VisitRules, limit: usize) -> Cooldowns {
        let times = || Times::new(limit);
        Cooldowns { key, rules, visitors: times(), collapsed: times(), unwritten: times() }
    }

    /// Goes by other rules from now on. What is remembered stays.
    pub fn follow(&mut self, rules: VisitRules) {
        self.rules = rules;
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &VisitRules {
        &self.rules
    }

    /// Whether a hit of this visitor is a visit, at the visitor's own time. If so, the next ones of it are not, for a
    /// while. A visitor that opts out cools down like any other, but is only remembered in memory.
    ///
    /// A time before the remembered one comes from a clock that was set back, or from a line that was late. It cools at
    /// most once more, from the earlier time on, and if it is earlier by more than the cooldown, it counts.
    pub fn ask(&mut self, event: Event, name: NameRef<'_>, visitor: &Visitor, opts_out: bool) -> Visiting {
        let now = visitor.at().unix_ms;
        if self.rules.camo.has(visitor) {
            let counts = self.collapsed.ask(self.hash(event, name, None), now, self.rules.collapse);
            return if counts { Visiting::Shown } else { Visiting::Collapsed };
        }
        let hash = self.hash(event, name, Some(visitor));
        let visitors = if opts_out { &mut self.unwritten } else { &mut self.visitors };
        if visitors.ask(hash, now, self.rules.cooldown) { Visiting::Counts } else { Visiting::Cooled }
    }

    /// How many were forgotten before their time, because the table was full. Each may count once too often.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.visitors.forgotten() + self.collapsed.forgotten() + self.unwritten.forgotten()
    }

    fn hash(&self, event: Event, name: NameRef<'_>, visitor: Option<&Visitor>) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        match visitor {
            Some(visitor) => visitor.hash_with(&mut hasher, event, name),
            None => visitor::hash_visited(&mut hasher, event, name),
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
