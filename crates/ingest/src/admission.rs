//! Which names are new, and whether there is room for them.
//!
//! An invented name costs keys, rows and a file forever, so the number of names is capped, and new ones can have a
//! budget per minute. Hits over the limit are counted under `~overflow`, so totals stay exact. The store decides
//! whether a name is new (one look-up for names not seen before), so known names stay known after a restart. While the
//! store does not answer, names are admitted: the limits of the tally and of the outbox still hold.
//!
//! The writer sends every sealed tally through here before it is numbered.

use crate::books::Common;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
    time::{Duration, Instant},
};
use tallymark_core::{Counts, Entry, Event, Name, OVERFLOW, When};

/// How many names are remembered as known, at 8 bytes each. Others are looked up again.
const REMEMBERED: usize = 2_000_000;
/// How many names are looked up in one call.
const LOOK_UP: usize = 1000;
/// How often the names in the store are recounted: another process may add or delete some.
const RECOUNT: Duration = Duration::from_secs(600);

const MINUTE: Duration = Duration::from_secs(60);

/// How many names may be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameLimits {
    /// Names per event. Default 1,000,000.
    pub names: u64,
    /// New names per minute, over all events; `None` for no such limit.
    pub new_per_minute: Option<u64>,
}

impl Default for NameLimits {
    fn default() -> NameLimits {
        NameLimits { names: 1_000_000, new_per_minute: None }
    }
}

pub(crate) struct Admission {
    common: Common,
    limits: NameLimits,
    /// Hashes of names that are in the store. If two names share a hash, one is admitted without a look-up.
    known: HashTable<u64>,
    hasher: DefaultHashBuilder,
    counted: HashMap<Event, (u64, Instant)>,
    /// The rest of the budget, and its time.
    budget: (u64, Instant),
}

impl Admission {
    pub(crate) fn new(common: Common, limits: NameLimits) -> Admission {
        let budget = (limits.new_per_minute.unwrap_or(0), Instant::now());
        let (known, hasher) = (HashTable::new(), DefaultHashBuilder::default());
        Admission { common, limits, known, hasher, counted: HashMap::new(), budget }
    }

    /// Moves counts for which there is no room to `~overflow`. The counts are sorted, and stay so.
    pub(crate) async fn admit(&mut self, counts: Counts, live: bool) -> Counts {
        let unknown = self.unknown(&counts.entries);
        if unknown.is_empty() {
            return counts;
        }
        let mut refused: BTreeMap<Event, Vec<Name>> = BTreeMap::new();
        for (event, names) in unknown {
            for names in names.chunks(LOOK_UP) {
                // One call without an answer is enough: the others would wait as long.
                let Some(over) = self.judge(event, names).await else { return counts };
                if !over.is_empty() {
                    refused.entry(event).or_default().extend(over);
                }
            }
        }
        if refused.is_empty() { counts } else { self.put_aside(counts, &refused, live) }
    }

    /// The names that have not been seen before, by event, in order.
    fn unknown(&mut self, entries: &[Entry]) -> BTreeMap<Event, Vec<Name>> {
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        let mut unknown: BTreeMap<Event, Vec<Name>> = BTreeMap::new();
        for of_name in entries.chunk_by(|a, b| a.event == b.event && a.name == b.name) {
            let Some(Entry { event, name, .. }) = of_name.first() else { continue };
            let hash = self.hasher.hash_one((event, name.as_str()));
            if !name.is_aggregate() && self.known.find(hash, |&known| known == hash).is_none() {
                unknown.entry(*event).or_default().push(name.clone());
            }
        }
        unknown
    }

    fn remember(&mut self, event: Event, name: &Name) {
        let hash = self.hasher.hash_one((event, name.as_str()));
        self.known.insert_unique(hash, hash, |&hash| hash);
    }

    /// Admits the names that are in the store, and those for which there is room. Returns the rest, in order; `None` if
    /// the store does not answer: then no name is known to be new, and none is remembered.
    async fn judge(&mut self, event: Event, names: &[Name]) -> Option<Vec<Name>> {
        let totals = self.common.store.totals(event, names).await.ok()?;
        let mut count = self.count(event).await;
        let before = count;
        let mut over = Vec::new();
        for (name, total) in names.iter().zip(totals) {
            if total == 0 {
                if count >= self.limits.names || !self.spend() {
                    over.push(name.clone());
                    continue;
                }
                count += 1;
            }
            self.remember(event, name);
        }
        if let Some((counted, _)) = self.counted.get_mut(&event) {
            *counted = count;
        }
        self.tell(event, count, !over.is_empty());
        if event == Event::HIT {
            // Added, because other calls add theirs.
            self.common.books.meters.names.inc_by(i64::try_from(count - before).unwrap_or(0));
        }
        Some(over)
    }

    /// Tells who shows numbers, and the operator, whether there is room for new names.
    fn tell(&self, event: Event, count: u64, has_refused: bool) {
        let full = count >= self.limits.names;
        if full && !has_refused {
            return;
        }
        let until = match full {
            true => Instant::now() + RECOUNT,
            false => self.budget.1 + MINUTE,
        };
        self.common.books.live.crowded(event, has_refused.then_some(until));
        let limit = match (has_refused, full, self.limits.new_per_minute) {
            (false, ..) => None,
            (_, false, Some(budget)) => {
                Some((format!("new-names-per-minute = {budget} is used up"), Some(until)))
            }
            _ => Some((format!("names = {} is reached", self.limits.names), None)),
        };
        self.common.names_over(event, limit);
    }

    async fn count(&mut self, event: Event) -> u64 {
        if let Some(&(count, at)) = self.counted.get(&event)
            && at.elapsed() < RECOUNT
        {
            return count;
        }
        let before = self.counted.get(&event).map_or(0, |&(count, _)| count);
        let count = self.common.store.name_count(event).await.unwrap_or(before);
        if event == Event::HIT {
            self.common.books.meters.names.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.counted.insert(event, (count, Instant::now()));
        count
    }

    /// Takes one new name from the budget, if any is left.
    fn spend(&mut self) -> bool {
        let Some(per_minute) = self.limits.new_per_minute else { return true };
        let (left, since) = &mut self.budget;
        if since.elapsed() >= MINUTE {
            (*left, *since) = (per_minute, Instant::now());
        }
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }

    fn put_aside(&self, counts: Counts, refused: &BTreeMap<Event, Vec<Name>>, live: bool) -> Counts {
        let over = |event: Event, name: &Name| {
            refused.get(&event).is_some_and(|names| names.binary_search(name).is_ok())
        };
        let mut overflow: BTreeMap<(Event, When), u64> = BTreeMap::new();
        let mut kept = Vec::with_capacity(counts.entries.len());
        for entry in counts.entries {
            let over = over(entry.event, &entry.name);
            if !over && entry.name.as_str() != OVERFLOW {
                kept.push(entry);
                continue;
            }
            if over {
                self.common.books.meters.overflowed.inc_by(entry.count);
                if live {
                    self.common.books.live.refused(&entry);
                }
            }
            let sum = overflow.entry((entry.event, entry.when)).or_default();
            *sum = sum.saturating_add(entry.count);
        }
        let aside = |((event, when), count)| Entry { event, name: Name::overflow(), when, count };
        kept.extend(overflow.into_iter().map(aside));
        // A status goes where its hit goes.
        let mut statuses = counts.statuses;
        for status in &mut statuses {
            if over(status.event, &status.name) {
                status.name = Name::overflow();
            }
        }
        let mut visits = counts.visits;
        visits.retain(|of_name| !over(of_name.event, &of_name.name));
        let mut visitors = counts.visitors;
        visitors.retain(|of_day| !over(of_day.event, &of_day.name));
        Counts { visits, visitors, positions: counts.positions, ..Counts::folded(kept, statuses) }
    }
}
