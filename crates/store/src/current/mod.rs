//! A store as the counting process sees it: with the hours and minutes that are still to be written.
//!
//! Every batch of that process goes through here. So this module knows which counts are in the totals but not in the
//! minutes yet ([`Levels::Days`]), and adds them whenever hours and minutes are read. A batch that writes them removes
//! them here. Reads wait while such a batch is being applied, so no count is shown twice or left out. If there are
//! readers, the binary wraps a store whose writer [holds minutes back](crate::outbox::Keep::held) in this one. Other
//! processes see a minute when it is written.

mod owed;

use crate::{
    Changes, Claim, Cursor, Filter, InstanceMark, KnownCorrection, Level, MarkPage, NamePage, Outcome,
    Result, Shelf, Shelved, Slice, Span, Standing, Step, Store, StoreAge, StoreCorrections, StoreLog,
    StoreMoves, StoreRead, StoreShelf, StoreSight, StoreWrite, TooOld,
};
use async_trait::async_trait;
use owed::OwedMinutes;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{
    Batch, CorrectionRecord, Day, DayKeys, Difference, Event, Latest, Levels, Month, Name, Position, Visit,
    VisitorHash,
};
use tokio::sync::{RwLock, RwLockReadGuard};
use uuid::Uuid;

/// How many names a slice has that something is owed to.
const NAMES: usize = 500;
/// In the start of a slice: those names, behind this one.
const OWED: &str = "owed ";
/// And behind them, what is in the store.
const STORED: &str = "stored";

/// A store, and what is owed to its hours and minutes.
pub struct Current {
    store: Arc<dyn Store>,
    owed: Mutex<OwedMinutes>,
    /// Hours and minutes are read, or written.
    moving: RwLock<()>,
}

impl Current {
    /// Nothing is owed by a process that has just started: its outbox sends what it has held back before.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Current {
        Current { store, owed: Mutex::default(), moving: RwLock::default() }
    }

    fn owed(&self) -> MutexGuard<'_, OwedMinutes> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is owed stays as it is until the guard is dropped, but for what is counted.
    async fn hold(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let guard = self.moving.read().await;
        let unsure = self.owed().asks_for();
        if let Some(instance) = unsure {
            let marker = self.store.applied(instance).await;
            marker.map(|marker| self.owed().hear(instance, marker))?;
        }
        Ok(guard)
    }

    /// The counts of names in spans, where each floor is of what is in the store and what is owed together.
    async fn counts_held(
        &self,
        event: Event,
        names: &[Name],
        spans: &[(Span, i64)],
    ) -> Result<Vec<Vec<i64>>> {
        let mut owed: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for (column, &(span, _)) in spans.iter().enumerate() {
            if matches!(span, Span::Hour(_) | Span::Minutes(..)) {
                let held = self.owed();
                owed.insert(column, names.iter().map(|name| held.count(event, name, span)).collect());
            }
        }
        let most = |column| owed.get(&column).and_then(|owed| owed.iter().max()).copied().unwrap_or(0);
        let floor =
            |(column, &(span, floor)): (usize, &(Span, i64))| (span, floor.saturating_sub(most(column)));
        let lower: Vec<(Span, i64)> = spans.iter().enumerate().map(floor).collect();
        let mut rows = self.store.counts(event, names, &lower).await?;
        for (column, owed) in owed {
            for (count, owed) in rows.iter_mut().filter_map(|row| row.get_mut(column)).zip(owed) {
                *count = count.saturating_add(owed);
            }
        }
        Ok(rows)
    }
}

/// The two parts of what is sliced.
impl Current {
    async fn owed_slice(&self, event: Event, span: Span, floor: i64, behind: Option<Name>) -> Result<Slice> {
        let names = self.owed().names(event, span, behind.as_ref(), NAMES);
        let next = match names.last().filter(|_| names.len() == NAMES) {
            Some(last) => format!("{OWED}{}", last.escaped()),
            None => STORED.to_owned(),
        };
        let rows = self.counts_held(event, &names, &[(span, floor)]).await?;
        let counts = names.into_iter().zip(rows.iter().map(|row| row.first().copied().unwrap_or(0)));
        Ok(Slice { counts: counts.filter(|&(_, count)| count > floor).collect(), next: Some(next) })
    }

    async fn stored_slice(&self, event: Event, span: Span, floor: i64, start: &str) -> Result<Slice> {
        let start = match start.strip_prefix(STORED) {
            Some("") => None,
            Some(start) => Some(start.trim_start()),
            None => Some(start),
        };
        let mut slice = self.store.slice(event, span, floor, start).await?;
        let owed = self.owed();
        for (name, count) in &mut slice.counts {
            *count = count.saturating_add(owed.count(event, name, span));
        }
        slice.next = slice.next.map(|next| format!("{STORED} {next}"));
        Ok(slice)
    }
}

#[async_trait]
impl StoreRead for Current {
    async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>> {
        if !matches!(step, Step::Hour | Step::Minute) {
            return self.store.series(event, name, step, from, to).await;
        }
        let _held = self.hold().await?;
        let stored = self.store.series(event, name, step, from, to).await?;
        let owed = self.owed().series(event, name, step, &(from..to));
        if owed.is_empty() {
            return Ok(stored);
        }
        let mut sums: BTreeMap<i32, i64> = stored.into_iter().collect();
        for (at, count) in owed {
            let sum = sums.entry(at).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(sums.into_iter().collect())
    }

    /// First the names that something is owed to, with all that they have, and then those in the store.
    async fn slice(&self, event: Event, span: Span, floor: i64, start: Option<&str>) -> Result<Slice> {
        if !matches!(span, Span::Hour(_) | Span::Minutes(..)) {
            return self.store.slice(event, span, floor, start).await;
        }
        let _held = self.hold().await?;
        match start.map(|start| start.strip_prefix(OWED).ok_or(start)) {
            None => self.owed_slice(event, span, floor, None).await,
            Some(Ok(behind)) => {
                self.owed_slice(event, span, floor, Name::from_escaped_of(event, behind)).await
            }
            Some(Err(start)) => self.stored_slice(event, span, floor, start).await,
        }
    }

    async fn counts(&self, event: Event, names: &[Name], spans: &[(Span, i64)]) -> Result<Vec<Vec<i64>>> {
        let _held = self.hold().await?;
        self.counts_held(event, names, spans).await
    }

    fn in_one_slice(&self, spans: &[Span]) -> usize {
        self.store.in_one_slice(spans)
    }

    async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>> {
        self.store.totals(event, names).await
    }

    async fn total(&self, event: Event, name: &Name) -> Result<i64> {
        self.store.total(event, name).await
    }

    async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>> {
        self.store.statuses(event, name, year, month).await
    }

    async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>> {
        self.store.status_months(event, name).await
    }

    async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>> {
        self.store.visits(event, name, limit).await
    }

    async fn latest(&self, event: Event, name: &Name, limit: usize) -> Result<Latest> {
        self.store.latest(event, name, limit).await
    }

    async fn visitors(&self, event: Event, name: &Name, from: Day, to: Day) -> Result<Vec<(Day, i64)>> {
        self.store.visitors(event, name, from, to).await
    }

    async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage> {
        self.store.names(event, start, limit).await
    }

    async fn find(
        &self,
        event: Event,
        filter: &Filter,
        start: Option<&str>,
        limit: usize,
    ) -> Result<NamePage> {
        self.store.find(event, filter, start, limit).await
    }

    async fn name_count(&self, event: Event) -> Result<u64> {
        self.store.name_count(event).await
    }

    async fn events(&self) -> Result<Vec<Event>> {
        self.store.events().await
    }
}

#[async_trait]
impl StoreWrite for Current {
    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>> {
        let moves = batches.iter().any(|batch| batch.levels == Levels::Minutes);
        let _alone = if moves { Some(self.moving.write().await) } else { None };
        if moves {
            // Until there is an answer, even if no caller waits for it any more.
            self.owed().sent(batches);
        }
        let outcomes = self.store.apply(claim, batches).await?;
        let mut owed = self.owed();
        for (batch, outcome) in batches.iter().zip(&outcomes) {
            if matches!(outcome, Outcome::Applied { .. } | Outcome::Duplicate) {
                owed.applied(batch);
            }
        }
        Ok(outcomes)
    }

    async fn identity(&self) -> Result<Uuid> {
        self.store.identity().await
    }

    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim> {
        self.store.claim_from(instance, least).await
    }

    async fn adopt(&self, applied: Option<(Uuid, u64)>) -> Result<Uuid> {
        self.store.adopt(applied).await
    }

    fn set_ours(&self, store: Option<Uuid>) {
        self.store.set_ours(store);
    }

    fn warnings(&self) -> Vec<String> {
        self.store.warnings()
    }

    fn finish_by(&self, deadline: Instant) {
        self.store.finish_by(deadline);
    }

    async fn applied(&self, instance: Uuid) -> Result<u64> {
        self.store.applied(instance).await
    }

    async fn body_of(&self, instance: Uuid) -> Result<Option<Uuid>> {
        self.store.body_of(instance).await
    }

    async fn forget_passing(&self, now: u64, age: u64, start: Option<&str>) -> Result<Option<String>> {
        self.store.forget_passing(now, age, start).await
    }

    async fn day_keys(&self, today: Day) -> Result<DayKeys> {
        self.store.day_keys(today).await
    }

    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>> {
        self.store.positions(of).await
    }

    fn wants_whole(&self) -> Option<Instant> {
        self.store.wants_whole()
    }

    async fn owes_nothing(&self, instance: Uuid) -> Result<()> {
        self.store.owes_nothing(instance).await
    }

    async fn standing(&self, claim: &Claim) -> Result<Standing> {
        self.store.standing(claim).await
    }
}

#[async_trait]
impl StoreLog for Current {
    async fn head(&self) -> Result<Cursor> {
        self.store.head().await
    }

    async fn sight(&self, shelf: Shelf) -> Result<StoreSight> {
        self.store.sight(shelf).await
    }

    async fn changes(&self, after: &Cursor, limit: usize) -> Result<Changes> {
        self.store.changes(after, limit).await
    }
}

#[async_trait]
impl StoreShelf for Current {
    async fn keep(&self, shelf: Shelf, key: &str, thing: Shelved, until: Option<u64>) -> Result<()> {
        self.store.keep(shelf, key, thing, until).await
    }

    async fn exchange(
        &self,
        shelf: Shelf,
        key: &str,
        before: Option<&Shelved>,
        thing: Shelved,
        until: Option<u64>,
    ) -> Result<bool> {
        self.store.exchange(shelf, key, before, thing, until).await
    }

    async fn kept(&self, shelf: Shelf, key: &str) -> Result<Option<Shelved>> {
        self.store.kept(shelf, key).await
    }

    async fn kept_keys(&self, shelf: Shelf) -> Result<Vec<String>> {
        self.store.kept_keys(shelf).await
    }

    async fn kept_count(&self, shelf: Shelf) -> Result<u64> {
        self.store.kept_count(shelf).await
    }

    async fn discard(&self, shelf: Shelf, key: &str) -> Result<bool> {
        self.store.discard(shelf, key).await
    }
}

#[async_trait]
impl StoreCorrections for Current {
    async fn corrections(&self, most: usize) -> Result<Vec<CorrectionRecord>> {
        self.store.corrections(most).await
    }

    async fn differences(&self, id: Uuid, part: u64) -> Result<Option<Vec<Difference>>> {
        self.store.differences(id, part).await
    }

    async fn corrected(&self, event: Event) -> Result<i64> {
        self.store.corrected(event).await
    }

    async fn ask_for_whole(&self) -> Result<Vec<Uuid>> {
        self.store.ask_for_whole().await
    }

    async fn wait_no_more(&self, instances: &[Uuid]) -> Result<()> {
        self.store.wait_no_more(instances).await
    }

    async fn has(&self, event: Event, names: &[Name]) -> Result<Vec<bool>> {
        self.store.has(event, names).await
    }
}

#[async_trait]
impl StoreAge for Current {
    async fn aged(&self, level: Level, keep: Duration) -> Result<TooOld> {
        self.store.aged(level, keep).await
    }

    async fn clear_aged(&self, level: Level, keep: Duration) -> Result<()> {
        self.store.clear_aged(level, keep).await
    }
}

#[async_trait]
impl StoreMoves for Current {
    async fn marks(&self, start: Option<&str>) -> Result<MarkPage> {
        self.store.marks(start).await
    }

    async fn put_marks(&self, marks: Vec<InstanceMark>) -> Result<()> {
        self.store.put_marks(marks).await
    }

    async fn put_corrections(&self, log: Vec<KnownCorrection>, corrected: Vec<(Event, i64)>) -> Result<()> {
        self.store.put_corrections(log, corrected).await
    }

    async fn put_day_keys(&self, keys: DayKeys) -> Result<()> {
        self.store.put_day_keys(keys).await
    }

    async fn visitor_hashes(&self, event: Event, name: &Name, day: Day) -> Result<Vec<VisitorHash>> {
        self.store.visitor_hashes(event, name, day).await
    }
}
