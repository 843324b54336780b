//! Makes a store have what another one has, while that one still counts.
//!
//! Nothing is remembered of what was copied: a name is read in both stores, and the difference is applied to the new one.
//! So it does not matter where a copy was interrupted, nor how often a name is copied. The change log of the old store tells
//! which names have changed since they were copied. Names that change all the time, and the sums over all names, are
//! copied at the end, when nothing counts any more. Hours and minutes may come to a Redis a minute later than totals, and the
//! log does not tell when; so a changed name is copied once more when they must have come.

use super::{every_event, source::every_name};
use crate::{
    clock::now,
    correct::{NameLedger, values},
    errand::{Errand, ErrandError},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::{
    Batch, Correction, CountCell, Counts, Day, DayKeys, DayVisitors, Difference, Event, ListMove,
    MAX_CORRECTED_NAMES, MAX_DIFFERENCES, MAX_VISITS, Name, Position, Visit, VisitorHash, Visits, batches,
};
use tallymark_store::{Changes, Class, Cursor, Retention, Store, StoreError};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// How many names are read at a time: each waits for round trips to Redis, and SQLite has several readers.
const AHEAD: usize = 32;
/// How many changes are read at a time.
const CHANGES: usize = 10_000;
/// When the hours and minutes of a changed name must be there: a daemon holds them back for a minute.
const LATER: Duration = Duration::from_secs(150);
/// How many visitors of a day go together.
const HASHES: usize = 5000;
/// How often the end looks again whether something still counts. What is not at rest then, the check of the sums tells.
const ROUNDS: u32 = 50;
/// How long reading is repeated while a store does not answer: about as long as a batch is.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause in between.
const AGAIN: Duration = Duration::from_millis(500);
/// Of so many names with later hours, further ones make the end copy every name.
const MOST_LATER: usize = 500_000;

/// An event and a name.
type SyncedName = (Event, Name);
/// A name that is being read in both stores; `None` if it is not at rest.
type Comparing = JoinHandle<Result<Option<NameMove>, StoreError>>;

/// A copy on its way.
pub struct StoreSync {
    pair: Arc<StorePair>,
    /// The new store had nothing when the copy began, and no name was copied twice yet.
    fresh: bool,
    /// The old store may get hours and minutes after totals.
    holds_back: bool,
    retention: Retention,
    errand: Errand,
    instance: Uuid,
    /// The number of the next batch.
    next: u64,
    /// Where the change log of the old store is read on.
    cursor: Cursor,
    /// Names that were not at rest when they were read.
    restless: BTreeSet<SyncedName>,
    /// Names whose hours and minutes may come later, and from when on they are there.
    later: VecDeque<(Instant, SyncedName)>,
    /// Some of these are not remembered.
    later_lost: bool,
    /// How many names were compared.
    copied: u64,
}

/// The two stores.
struct StorePair {
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
    keys: DayKeys,
    /// From when on visitors are kept.
    since: Day,
    today: Day,
    /// It was told that one does not answer.
    is_told: AtomicBool,
}

/// What makes a name the same in both stores.
struct NameMove {
    key: SyncedName,
    differences: Vec<Difference>,
    list: Option<ListMove>,
    gone: bool,
    visits: Vec<Visit>,
    visitors: Vec<DayVisitors>,
}

impl NameMove {
    fn is_nothing(&self) -> bool {
        self.differences.is_empty()
            && self.list.is_none()
            && !self.gone
            && self.visits.is_empty()
            && self.visitors.is_empty()
    }
}

/// Why a name is not copied.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A store does not answer, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The new store does not take a batch.
    #[error(transparent)]
    Errand(#[from] ErrandError),
}

impl StoreSync {
    /// Says in a position of the new store what is begun, under an instance that no other copy has. `retention` is that of
    /// the stores; it says how old visitors are at the most. `holds_back` says whether the old store may get hours and minutes
    /// after totals.
    ///
    /// # Errors
    ///
    /// A store does not answer, or refuses.
    pub async fn begin(
        (from, to): (Arc<dyn Store>, Arc<dyn Store>),
        instance: Uuid,
        begun: Position,
        retention: Retention,
        holds_back: bool,
    ) -> Result<StoreSync, SyncError> {
        let mut errand = Errand::new(to.clone(), instance);
        let next = errand.claim().await?.marker + 1;
        let mut is_empty = true;
        for event in every_event(&*to).await? {
            is_empty &= to.name_count(event).await? == 0;
        }
        let pair = StorePair::of_today(from, to, retention).await?;
        let cursor = pair.patiently(|| pair.from.head()).await?;
        let (restless, later) = Default::default();
        let mut sync = StoreSync {
            pair: Arc::new(pair),
            fresh: is_empty,
            holds_back,
            retention,
            errand,
            instance,
            next,
            cursor,
            restless,
            later,
            later_lost: false,
            copied: 0,
        };
        sync.put_position(begun).await?;
        Ok(sync)
    }

    /// How many names were copied, some of them more than once.
    #[must_use]
    pub fn copied(&self) -> u64 {
        self.copied
    }

    /// Copies every name. `copied` is called for each of them.
    ///
    /// # Errors
    ///
    /// A store does not answer, or refuses.
    pub async fn everything(&mut self, copied: &(dyn Fn() + Sync)) -> Result<(), SyncError> {
        // What changes from here on is told by the log.
        let pair = self.pair.clone();
        self.cursor = pair.patiently(|| pair.from.head()).await?;
        self.later_lost = false;
        let mut events: BTreeSet<Event> =
            pair.patiently(|| every_event(&*pair.from)).await?.into_iter().collect();
        events.extend(pair.patiently(|| every_event(&*pair.to)).await?);
        for event in events {
            let mut names = pair.patiently(|| every_name(&*pair.from, event)).await?;
            if !self.fresh {
                // Those that were deleted since.
                names.extend(pair.patiently(|| every_name(&*pair.to, event)).await?);
                names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
                names.dedup();
            }
            self.copy(names.into_iter().map(|name| (event, name)), copied).await?;
        }
        self.fresh = false;
        Ok(())
    }

    /// Copies what has changed since, and answers how many names that were.
    ///
    /// # Errors
    ///
    /// A store does not answer, or refuses.
    pub async fn follow(&mut self) -> Result<usize, SyncError> {
        self.turn_day().await?;
        let mut changed = std::mem::take(&mut self.restless);
        changed.extend(self.read_changes().await?);
        while let Some((due, _)) = self.later.front()
            && *due <= Instant::now()
        {
            changed.extend(self.later.pop_front().map(|(_, key)| key));
        }
        let count = changed.len();
        self.copy(changed.into_iter(), &|| ()).await?;
        Ok(count)
    }

    /// Nothing counts in the old store any more: copies whatever is left of the names.
    ///
    /// # Errors
    ///
    /// A store does not answer, or refuses.
    pub async fn finish(&mut self) -> Result<(), SyncError> {
        self.turn_day().await?;
        if self.later_lost {
            self.everything(&|| ()).await?;
        }
        for _ in 0..ROUNDS {
            let mut left = std::mem::take(&mut self.restless);
            left.extend(self.read_changes().await?);
            left.extend(std::mem::take(&mut self.later).into_iter().map(|(_, key)| key));
            if left.is_empty() {
                break;
            }
            self.copy(left.into_iter(), &|| ()).await?;
            // Those that were changed are copied; nothing comes later any more.
            self.later.clear();
        }
        let mut sums = Vec::new();
        for event in every_event(&*self.pair.from).await? {
            sums.extend([Name::all(), Name::overflow()].map(|name| (event, name)));
        }
        self.copy(sums.into_iter(), &|| ()).await
    }

    /// After midnight, another day has a key.
    async fn turn_day(&mut self) -> Result<(), SyncError> {
        if now().day() != self.pair.today {
            let StorePair { from, to, .. } = &*self.pair;
            self.pair = Arc::new(StorePair::of_today(from.clone(), to.clone(), self.retention).await?);
        }
        Ok(())
    }

    /// The names that have changed; after a gap in the log, all of them are copied at once.
    async fn read_changes(&mut self) -> Result<BTreeSet<SyncedName>, SyncError> {
        let mut changed = BTreeSet::new();
        loop {
            let (pair, cursor) = (self.pair.clone(), self.cursor.clone());
            match pair.patiently(|| pair.from.changes(&cursor, CHANGES)).await? {
                Changes::Since { names, cursor, more } => {
                    changed.extend(names.into_iter().map(|change| (change.event, change.name)));
                    self.cursor = cursor;
                    if !more {
                        break;
                    }
                }
                Changes::Lost => self.everything(&|| ()).await?,
            }
        }
        let due = Instant::now() + LATER;
        if !self.holds_back {
            return Ok(changed);
        }
        if self.later.len() + changed.len() > MOST_LATER {
            (self.later_lost, self.later) = (true, VecDeque::new());
        } else {
            self.later.extend(changed.iter().cloned().map(|key| (due, key)));
        }
        Ok(changed)
    }

    async fn copy(
        &mut self,
        mut keys: impl Iterator<Item = SyncedName>,
        copied: &(dyn Fn() + Sync),
    ) -> Result<(), SyncError> {
        let mut ahead: VecDeque<(SyncedName, Comparing)> = VecDeque::new();
        let mut gathered: Vec<NameMove> = Vec::new();
        let mut size = 0;
        loop {
            while ahead.len() < AHEAD
                && let Some(key) = keys.next()
            {
                let (pair, asked, fresh) = (self.pair.clone(), key.clone(), self.fresh);
                ahead.push_back((
                    key,
                    tokio::spawn(async move { pair.patiently(|| pair.compare(asked.clone(), fresh)).await }),
                ));
            }
            let Some((key, reading)) = ahead.pop_front() else { break };
            let moved = match reading.await {
                Ok(moved) => moved,
                // Only a panic ends it early.
                Err(ended) => std::panic::resume_unwind(ended.into_panic()),
            };
            copied();
            self.copied += 1;
            match moved? {
                None => _ = self.restless.insert(key),
                Some(moved) if moved.is_nothing() => {}
                Some(moved) => {
                    size += moved.differences.len();
                    gathered.push(moved);
                }
            }
            if gathered.len() >= MAX_CORRECTED_NAMES || size >= MAX_DIFFERENCES {
                self.apply(std::mem::take(&mut gathered)).await?;
                size = 0;
            }
        }
        self.apply(gathered).await
    }

    async fn apply(&mut self, moves: Vec<NameMove>) -> Result<(), SyncError> {
        if moves.is_empty() {
            return Ok(());
        }
        let (mut differences, mut lists, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        let mut counts = Counts::default();
        for moved in moves {
            let (event, name) = moved.key;
            differences.extend(moved.differences);
            lists.extend(moved.list);
            if moved.gone {
                gone.push((event, name.clone()));
            }
            if !moved.visits.is_empty() {
                counts.visits.push(Visits { event, name, last: moved.visits });
            }
            counts.visitors.extend(moved.visitors);
        }
        counts.visits.sort();
        counts.visitors.sort_unstable();
        let correction = Correction { lists, gone, ..Correction::arriving(differences) };
        let mut all = vec![Batch::correcting(self.instance, self.next, correction)];
        // A list that is put in the place of another is deleted before.
        all.extend(batches(self.instance, self.next + 1, counts));
        self.next += all.len() as u64;
        Ok(self.errand.apply(&all).await?)
    }

    /// Commits a position under the instance of the copy.
    ///
    /// # Errors
    ///
    /// The new store does not answer, or refuses.
    pub async fn put_position(&mut self, position: Position) -> Result<(), SyncError> {
        let counts = Counts { positions: vec![position], ..Counts::default() };
        let batch = Batch::of(self.instance, self.next, counts);
        self.next += 1;
        Ok(self.errand.apply(&[batch]).await?)
    }
}

impl StorePair {
    async fn of_today(
        from: Arc<dyn Store>,
        to: Arc<dyn Store>,
        retention: Retention,
    ) -> Result<StorePair, StoreError> {
        let today = now().day();
        let days = i32::try_from(retention.visitors.as_secs() / 86_400).unwrap_or(i32::MAX);
        let since = Day(today.0.saturating_sub(days).saturating_sub(1));
        let keys = from.day_keys(today).await?;
        Ok(StorePair { from, to, keys, since, today, is_told: AtomicBool::new(false) })
    }

    /// Reads again while a store does not answer, and says so once: a Redis that is restarted must not end a copy of an hour.
    async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        mut read: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match read().await {
                Err(error) if error.class() == Class::Unavailable && Instant::now() < until => {
                    if !self.is_told.swap(true, Ordering::Relaxed) {
                        warn!(%error, "a store does not answer: the copy goes on when it does, and ends after a minute");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
                Ok(answer) => {
                    if self.is_told.swap(false, Ordering::Relaxed) {
                        info!("the store answers again: the copy goes on");
                    }
                    return Ok(answer);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What a name lacks in the new store. `None` if it is not at rest.
    async fn compare(&self, (event, name): SyncedName, fresh: bool) -> Result<Option<NameMove>, StoreError> {
        let Some(wanted) = NameLedger::at_one_moment(&*self.from, event, &name, self.today).await? else {
            return Ok(None);
        };
        let is_counter = !name.is_aggregate();
        let one = std::slice::from_ref(&name);
        let exists = wanted.total != 0 || !is_counter || self.from.has(event, one).await?.contains(&true);
        let (mut has, mut is_there) = (BTreeMap::new(), false);
        let days: Vec<Day> = wanted.days.keys().copied().filter(|day| *day >= self.since).collect();
        let wanted: BTreeMap<CountCell, i64> = wanted.cells().collect();
        if !fresh {
            has.extend(NameLedger::read(&*self.to, event, &name, self.today).await?.cells());
            // What was copied of a name that was not at rest may be less in all than on its days.
            has.extend(values(&*self.to, event, &name, wanted.keys()).await?);
            is_there = is_counter && self.to.has(event, one).await?.contains(&true);
        }
        let cells: BTreeSet<&CountCell> = wanted.keys().chain(has.keys()).collect();
        let value = |of: &BTreeMap<CountCell, i64>, cell: &CountCell| of.get(cell).copied().unwrap_or(0);
        let difference = |cell: &CountCell| {
            let by = value(&wanted, cell).saturating_sub(value(&has, cell));
            Difference { event, name: name.clone(), cell: cell.clone(), by }
        };
        let mut differences: Vec<Difference> =
            cells.into_iter().map(difference).filter(|difference| difference.by != 0).collect();
        let total = CountCell::Total;
        if is_counter && exists && !is_there && !differences.iter().any(|difference| difference.cell == total)
        {
            // It makes the name.
            differences.push(Difference { event, name: name.clone(), cell: total, by: 0 });
        }
        let gone = is_counter && !exists && is_there;
        let (list, visits) = self.compare_visits(event, &name, fresh).await?;
        let visitors = self.compare_visitors(event, &name, &days, fresh).await?;
        let list = match gone {
            true => {
                let days = (self.since.0..=self.today.0 + 1).map(Day).collect();
                Some(ListMove { event, from: name.clone(), to: None, days })
            }
            false => list,
        };
        Ok(Some(NameMove { key: (event, name), differences, list, gone, visits, visitors }))
    }

    /// The visits that are missing, the oldest first, and whether all that are there go before.
    async fn compare_visits(
        &self,
        event: Event,
        name: &Name,
        fresh: bool,
    ) -> Result<(Option<ListMove>, Vec<Visit>), StoreError> {
        let wanted = self.from.visits(event, name, MAX_VISITS).await?;
        let has = if fresh { Vec::new() } else { self.to.visits(event, name, MAX_VISITS).await? };
        if wanted == has {
            return Ok((None, Vec::new()));
        }
        // The latest are first, and the oldest go as new ones come.
        let new = (0..=wanted.len()).find(|&new| {
            let old = &wanted[new..];
            has.starts_with(old) && (old.len() == has.len() || (new > 0 && has.len() == wanted.len()))
        });
        let (list, new) = match new {
            Some(new) => (None, new),
            None => {
                let days = Vec::new();
                (Some(ListMove { event, from: name.clone(), to: None, days }), wanted.len())
            }
        };
        Ok((list, wanted.into_iter().take(new).rev().collect()))
    }

    /// The visitors that are missing. Those of a day without a key are a number: so many hashes as no visitor has make it.
    async fn compare_visitors(
        &self,
        event: Event,
        name: &Name,
        days: &[Day],
        fresh: bool,
    ) -> Result<Vec<DayVisitors>, StoreError> {
        let mut missing = Vec::new();
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(missing) };
        let end = Day(last.0 + 1);
        let wanted = self.from.visitors(event, name, *first, end).await?;
        if wanted.is_empty() {
            return Ok(missing);
        }
        let has: BTreeMap<Day, i64> = match fresh {
            true => BTreeMap::new(),
            false => self.to.visitors(event, name, *first, end).await?.into_iter().collect(),
        };
        for (day, number) in wanted {
            let there = has.get(&day).copied().unwrap_or(0);
            let mut hashes = match self.keys.of(day) {
                Some(_) => self.from.visitor_hashes(event, name, day).await?,
                None => Vec::new(),
            };
            let known = i64::try_from(hashes.len()).unwrap_or(i64::MAX);
            let made_up = if known > 0 { 0..number.saturating_sub(known) } else { there.min(number)..number };
            hashes.extend(made_up.map(|n| no_visitor(event, name, day, n)));
            hashes.sort_unstable();
            hashes.dedup();
            for hashes in hashes.chunks(HASHES) {
                missing.push(DayVisitors { event, name: name.clone(), day, hashes: hashes.to_vec() });
            }
        }
        Ok(missing)
    }
}

/// A hash that stands for one of the visitors of a day whose hashes are gone. It is the same whenever it is asked for, so it
/// counts once.
fn no_visitor(event: Event, name: &Name, day: Day, n: i64) -> VisitorHash {
    VisitorHash(xxh3_64(format!("{event} {name} {day} {n}").as_bytes()))
}
