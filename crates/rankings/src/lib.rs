//! The busiest names: the top 1,000 of each event, for six periods (and two more for HitMe's lists), computed in the
//! background.
//!
//! Counting hits does no work for them, and nothing waits for them: [`Rankings::run`] reads the store slice by slice,
//! and rests after each for 50 times as long as it took, so it uses at most 2 % of the store's time. The first ranking
//! after a start takes a few seconds, with millions of names a few minutes. After that only names that change are read,
//! and the ranking is a few seconds old. Every answer includes its age. The binary runs it; pages and lists show the
//! results.

mod follow;
mod job;
mod rate;
mod round;
mod top;

pub use top::{MOST, Top};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use rate::Rate;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, atomic::AtomicU64},
};
use tallymark_core::{Event, Minute, Name, Now, Period};
use tallymark_store::{NetLikes, Result, Store, StoreRead};

/// How many events are ranked.
const MOST_EVENTS: usize = 8;
/// The maximum age of a ranking that takes no time.
const USUAL_AGE_MS: i64 = 60_000;

/// The busiest names of one event and period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// The time of the ranking, in milliseconds since 1970: nothing counted before is missing.
    pub as_of: i64,
    /// How long it took, in milliseconds.
    pub took: i64,
    /// Where the period begins; `None` for all time.
    pub from: Option<Minute>,
    /// At most 1,000 names with their counts, the largest first.
    pub entries: Vec<(Name, i64)>,
}

/// The current rankings.
pub struct Rankings {
    /// Its log of changes.
    store: Arc<dyn Store>,
    /// Its counts, as people see them.
    counts: NetLikes,
    now: fn() -> Now,
    meters: RankingMeters,
    known: RwLock<KnownRankings>,
}

#[derive(Default)]
struct KnownRankings {
    /// When the list of events was last read.
    looked: Option<i64>,
    /// Those events.
    events: Vec<Event>,
    tables: HashMap<(Event, Period), Arc<Ranking>>,
    rates: HashMap<Event, Rate>,
    /// How many names there are.
    names: HashMap<Event, u64>,
}

/// The busiest names of a period, at most 1,000, counted from all names at once: for a command with a user waiting.
///
/// # Errors
///
/// The store did not answer.
pub async fn busiest(
    store: &dyn StoreRead,
    event: Event,
    period: Period,
    now: Now,
) -> Result<Vec<(Name, i64)>> {
    let mut job = job::RankingJob::new(event, &[period], now);
    while !job.go_on(store).await? {}
    let top = job.top(event, period, period.span(now));
    Ok(top.map(Top::entries).unwrap_or_default())
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PeriodLabel {
    period: &'static str,
}

/// The metrics of rankings.
#[derive(Clone, Default)]
pub struct RankingMeters {
    timestamp: Family<PeriodLabel, Gauge<f64, AtomicU64>>,
    busy: Counter<f64, AtomicU64>,
}

impl RankingMeters {
    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry) -> RankingMeters {
        let meters = RankingMeters::default();
        let help = "When the oldest ranking of a period was true, in seconds since 1970";
        registry.register("ranking_timestamp_seconds", help, meters.timestamp.clone());
        registry.register("ranking_busy_seconds", "Time the store took to rank names", meters.busy.clone());
        meters
    }
}

impl KnownRankings {
    /// Whether the store was checked, and the event does not exist. (There may be more events than are ranked.)
    fn knows_nothing_of(&self, event: Event) -> bool {
        self.looked.is_some() && !self.events.contains(&event) && self.events.len() < MOST_EVENTS
    }
}

impl Ranking {
    /// How old it is, in seconds.
    #[must_use]
    pub fn age(&self, now: Now) -> u64 {
        u64::try_from(now.unix_ms.saturating_sub(self.as_of) / 1000).unwrap_or(0)
    }

    /// Whether it should have been refreshed by now.
    #[must_use]
    pub fn is_late(&self, now: Now) -> bool {
        let age = now.unix_ms.saturating_sub(self.as_of);
        age > self.took.saturating_mul(4).saturating_add(USUAL_AGE_MS)
    }

    /// Whether there may be more names than the ranking holds.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= top::MOST
    }
}

impl Rankings {
    /// Nothing is ranked yet. `events` are those that routes may count.
    pub fn new(store: Arc<dyn Store>, now: fn() -> Now, meters: RankingMeters) -> Rankings {
        Rankings { counts: NetLikes::over(store.clone()), store, now, meters, known: RwLock::default() }
    }

    /// The busiest names of an event, as last known. If a period has just begun, nothing is known about it yet: the
    /// result is for the previous one, and [`Ranking::from`] says so. An event that does not exist has an empty
    /// ranking. `None` shortly after the start, or if the store has not answered since then.
    pub fn top(&self, event: Event, period: Period) -> Option<Arc<Ranking>> {
        let known = self.read();
        if let Some(ranking) = known.tables.get(&(event, period)) {
            return Some(ranking.clone());
        }
        let as_of = known.looked.filter(|_| !known.events.contains(&event))?;
        let from = period.span((self.now)()).begin();
        Some(Arc::new(Ranking { as_of, took: 0, from, entries: Vec::new() }))
    }

    /// The events that are ranked.
    pub fn events(&self) -> Vec<Event> {
        self.read().events.clone()
    }

    /// Whether there is such an event, as far as was looked.
    pub fn has(&self, event: Event) -> bool {
        self.read().events.contains(&event)
    }

    /// How many hits there were in the last 60 seconds. `None` until it has been observed for that long.
    pub fn last_minute(&self, event: Event) -> Option<i64> {
        let known = self.read();
        match known.rates.get(&event) {
            Some(rate) => rate.last_minute((self.now)()),
            None => known.knows_nothing_of(event).then_some(0),
        }
    }

    /// How many names the event had a few seconds ago. `None` until they are counted.
    pub fn names(&self, event: Event) -> Option<u64> {
        let known = self.read();
        let none = || known.knows_nothing_of(event).then_some(0);
        known.names.get(&event).copied().or_else(none)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, KnownRankings> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, KnownRankings> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
