//! Random histories of a store that answers, refuses, loses replies and loses its tail, of restarts and of deadlines:
//! what was received is counted once, or reported as lost, and no position is ever ahead of its counts.
//!
//! The store here is a script, because a real one cannot be told to lose a reply at a certain call. The contract suite
//! of `tallymark-store` and the soaks check the same with real ones.
#![expect(clippy::unimplemented, reason = "the writer asks a store nothing of that")]

use super::*;
use crate::{Errand, ErrandError, Places};
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard},
    time::Duration,
};
use tallymark_core::{
    Batch, CorrectionRecord, Day, DayKeys, Difference, Entry, Event, Minute, Month, Name, Position, Visit,
    VisitorHash, When, batches,
};
use tallymark_store::{
    Changes, Claim, Cursor, InstanceMark, KnownCorrection, Level, MarkPage, NamePage, Outcome, Result, Shelf,
    Shelved, Slice, Span, Standing, Step, StoreAge, StoreCorrections, StoreLog, StoreMoves, StoreRead,
    StoreShelf, StoreSight, StoreWrite, TooOld, outbox::Durability,
};
use uuid::Uuid;

/// The file that is replayed; its lines count under this name.
const FILE: &str = "file";

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// The state of a store, which it can lose.
#[derive(Clone, Default)]
struct FakeStore {
    counts: BTreeMap<String, u64>,
    minutes: BTreeMap<String, u64>,
    markers: BTreeMap<Uuid, (u128, u64)>,
    positions: BTreeMap<(Uuid, String), String>,
}

struct Scripted {
    random: Random,
    /// One call in N fails; 0 for none.
    sick: u64,
    id: Uuid,
    /// Calls that another store answers.
    foreign: u64,
    /// It was told when the process ends.
    ends: bool,
    kept: FakeStore,
    /// What a rollback leads back to.
    saved: FakeStore,
}

struct Fake {
    script: Mutex<Scripted>,
    error: StoreError,
}

impl Fake {
    fn new(seed: u64, error: &StoreError) -> Arc<Fake> {
        let (random, kept) = (Random(seed), FakeStore::default());
        let script = Scripted {
            random,
            sick: 4,
            id: Uuid::from_u128(1),
            foreign: 0,
            ends: false,
            saved: kept.clone(),
            kept,
        };
        Arc::new(Fake { script: Mutex::new(script), error: error.clone() })
    }

    fn script(&self) -> MutexGuard<'_, Scripted> {
        self.script.lock().unwrap()
    }

    /// The total of a name; and its minutes, once nothing is held back, have the same.
    fn count(&self, name: &str) -> u64 {
        let kept = &self.script().kept;
        let of = |counts: &BTreeMap<String, u64>| counts.get(name).copied().unwrap_or(0);
        assert_eq!(of(&kept.minutes), of(&kept.counts), "{name}");
        of(&kept.counts)
    }

    /// An answer, or none.
    fn answer<T>(&self, answer: impl FnOnce(&mut Scripted) -> T) -> Result<T> {
        let script = &mut *self.script();
        if script.sick > 0 && script.random.one_in(script.sick) {
            return Err(self.error.clone());
        }
        Ok(answer(script))
    }
}

impl Scripted {
    fn is_foreign(&mut self) -> bool {
        self.foreign = self.foreign.saturating_sub(1);
        self.foreign > 0
    }

    fn apply(&mut self, claim: &Claim, batch: &Batch) -> Outcome {
        let (nonce, marker) = self.kept.markers.get(&claim.instance).copied().unwrap_or_default();
        match batch.seq {
            _ if nonce > claim.nonce.as_u128() => return Outcome::Fenced,
            seq if seq <= marker => return Outcome::Duplicate,
            seq if seq > marker + 1 => return Outcome::Gap { marker },
            seq => _ = self.kept.markers.insert(claim.instance, (claim.nonce.as_u128(), seq)),
        }
        for entry in batch.entries.iter() {
            let kept = &mut self.kept;
            let levels = [
                (batch.levels.has_days(), &mut kept.counts),
                (batch.levels.has_minutes(), &mut kept.minutes),
            ];
            for (_, counts) in levels.into_iter().filter(|(written, _)| *written) {
                *counts.entry(entry.name.to_string()).or_default() += entry.count;
            }
            let of = |counts: &BTreeMap<String, u64>| counts.get(entry.name.as_str()).copied().unwrap_or(0);
            assert!(of(&kept.minutes) <= of(&kept.counts), "a minute is ahead of its total");
        }
        for Position { source, state } in &batch.positions {
            assert!(state.parse::<u64>().unwrap() <= self.kept.counts[FILE], "a position is ahead");
            self.kept.positions.insert((claim.instance, source.clone()), state.clone());
        }
        let totals = if batch.levels.has_days() { batch.entries.len() } else { 0 };
        Outcome::Applied { totals: vec![1; totals], quarantined: 0 }
    }
}

#[async_trait]
impl StoreWrite for Fake {
    async fn identity(&self) -> Result<Uuid> {
        self.answer(|script| script.id)
    }

    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim> {
        self.answer(|script| {
            if script.is_foreign() {
                let store = Uuid::from_u128(2);
                return Claim { instance, nonce: Uuid::from_u128(1), store, marker: 0, body: None };
            }
            let (nonce, seq) = script.kept.markers.get(&instance).copied().unwrap_or_default();
            let (nonce, marker) = (nonce + 1, seq.max(least));
            script.kept.markers.insert(instance, (nonce, marker));
            Claim { instance, nonce: Uuid::from_u128(nonce), store: script.id, marker, body: None }
        })
    }

    async fn day_keys(&self, _: Day) -> Result<DayKeys> {
        unimplemented!()
    }

    /// May lose its reply after any of the batches.
    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>> {
        let script = &mut *self.script();
        if script.is_foreign() {
            return Ok(vec![Outcome::Foreign]);
        }
        let cut = (script.sick > 0 && script.random.one_in(script.sick))
            .then(|| script.random.below(batches.len() as u64 + 1));
        let mut outcomes = Vec::new();
        for (at, batch) in batches.iter().enumerate() {
            if cut == Some(at as u64) {
                break;
            }
            outcomes.push(script.apply(claim, batch));
            if !matches!(outcomes.last(), Some(Outcome::Applied { .. } | Outcome::Duplicate)) {
                return Ok(outcomes);
            }
        }
        if cut.is_some() { Err(self.error.clone()) } else { Ok(outcomes) }
    }

    fn finish_by(&self, _deadline: Instant) {
        self.script().ends = true;
    }

    async fn applied(&self, instance: Uuid) -> Result<u64> {
        Ok(self.script().kept.markers.get(&instance).map_or(0, |(_, marker)| *marker))
    }

    async fn body_of(&self, _: Uuid) -> Result<Option<Uuid>> {
        unimplemented!()
    }

    async fn forget_passing(&self, _: u64, _: u64, _: Option<&str>) -> Result<Option<String>> {
        unimplemented!()
    }

    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>> {
        self.answer(|script| {
            let all =
                script.kept.positions.iter().filter(|((instance, _), _)| of.is_none_or(|of| of == *instance));
            all.map(|((instance, source), state)| {
                (*instance, Position { source: source.clone(), state: state.clone() })
            })
            .collect()
        })
    }

    /// The last question of a life is answered.
    async fn standing(&self, claim: &Claim) -> Result<Standing> {
        let answer = |script: &mut Scripted| {
            let (nonce, marker) = script.kept.markers.get(&claim.instance).copied().unwrap_or_default();
            match () {
                () if script.is_foreign() => Standing::Foreign,
                () if nonce > claim.nonce.as_u128() => Standing::Fenced,
                () => Standing::Claimed { marker, durability: Durability::Logged },
            }
        };
        if self.script().ends { Ok(answer(&mut self.script())) } else { self.answer(answer) }
    }
}

#[async_trait]
impl StoreRead for Fake {
    async fn totals(&self, _: Event, names: &[Name]) -> Result<Vec<i64>> {
        self.answer(|_| vec![0; names.len()])
    }

    async fn series(&self, _: Event, _: &Name, _: Step, _: i32, _: i32) -> Result<Vec<(i32, i64)>> {
        unimplemented!()
    }

    async fn statuses(&self, _: Event, _: &Name, _: i32, _: Option<u32>) -> Result<Vec<(String, i64)>> {
        unimplemented!()
    }

    async fn status_months(&self, _: Event, _: &Name) -> Result<Vec<Month>> {
        unimplemented!()
    }

    async fn visits(&self, _: Event, _: &Name, _: usize) -> Result<Vec<Visit>> {
        unimplemented!()
    }

    async fn visitors(&self, _: Event, _: &Name, _: Day, _: Day) -> Result<Vec<(Day, i64)>> {
        unimplemented!()
    }

    async fn names(&self, _: Event, _: Option<&str>, _: usize) -> Result<NamePage> {
        unimplemented!()
    }

    async fn name_count(&self, _: Event) -> Result<u64> {
        self.answer(|_| 0)
    }

    async fn events(&self) -> Result<Vec<Event>> {
        unimplemented!()
    }

    async fn slice(&self, _: Event, _: Span, _: i64, _: Option<&str>) -> Result<Slice> {
        unimplemented!()
    }

    fn in_one_slice(&self, _: &[Span]) -> usize {
        unimplemented!()
    }

    async fn counts(&self, _: Event, _: &[Name], _: &[(Span, i64)]) -> Result<Vec<Vec<i64>>> {
        unimplemented!()
    }
}

#[async_trait]
impl StoreLog for Fake {
    async fn head(&self) -> Result<Cursor> {
        unimplemented!()
    }

    async fn sight(&self, _: Shelf) -> Result<StoreSight> {
        unimplemented!()
    }

    async fn changes(&self, _: &Cursor, _: usize) -> Result<Changes> {
        unimplemented!()
    }
}

#[async_trait]
impl StoreCorrections for Fake {
    async fn corrections(&self, _: usize) -> Result<Vec<CorrectionRecord>> {
        unimplemented!()
    }

    async fn differences(&self, _: Uuid, _: u64) -> Result<Option<Vec<Difference>>> {
        unimplemented!()
    }

    async fn corrected(&self, _: Event) -> Result<i64> {
        unimplemented!()
    }

    async fn has(&self, _: Event, _: &[Name]) -> Result<Vec<bool>> {
        unimplemented!()
    }
}

#[async_trait]
impl StoreAge for Fake {
    async fn aged(&self, _: Level, _: Duration) -> Result<TooOld> {
        unimplemented!()
    }

    async fn clear_aged(&self, _: Level, _: Duration) -> Result<()> {
        unimplemented!()
    }
}

#[async_trait]
impl StoreMoves for Fake {
    async fn marks(&self, _: Option<&str>) -> Result<MarkPage> {
        unimplemented!()
    }

    async fn put_marks(&self, _: Vec<InstanceMark>) -> Result<()> {
        unimplemented!()
    }

    async fn put_corrections(&self, _: Vec<KnownCorrection>, _: Vec<(Event, i64)>) -> Result<()> {
        unimplemented!()
    }

    async fn put_day_keys(&self, _: DayKeys) -> Result<()> {
        unimplemented!()
    }

    async fn visitor_hashes(&self, _: Event, _: &Name, _: Day) -> Result<Vec<VisitorHash>> {
        unimplemented!()
    }
}

#[async_trait]
impl StoreShelf for Fake {
    async fn keep(&self, _: Shelf, _: &str, _: Shelved, _: Option<u64>) -> Result<()> {
        unimplemented!()
    }

    async fn exchange(
        &self,
        _: Shelf,
        _: &str,
        _: Option<&Shelved>,
        _: Shelved,
        _: Option<u64>,
    ) -> Result<bool> {
        unimplemented!()
    }

    async fn kept(&self, _: Shelf, _: &str) -> Result<Option<Shelved>> {
        unimplemented!()
    }

    async fn kept_keys(&self, _: Shelf) -> Result<Vec<String>> {
        unimplemented!()
    }

    async fn kept_count(&self, _: Shelf) -> Result<u64> {
        unimplemented!()
    }

    async fn discard(&self, _: Shelf, _: &str) -> Result<bool> {
        unimplemented!()
    }
}

fn entry(name: &str, count: u64) -> Entry {
    let when = When::Minute(Minute(Day(20_000).first_minute().0));
    Entry { event: Event::HIT, name: Name::new(name).unwrap(), when, count }
}

/// An error that may go away.
async fn unavailable() -> StoreError {
    let url = "redis://127.0.0.1:1".parse().unwrap();
    tallymark_store::open(&url, Default::default()).await.unwrap().identity().await.unwrap_err()
}

/// How the life of a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// Everything gets its time.
    Well,
    /// A deadline, possibly while the store is failing.
    Late,
    Killed,
}

/// What was received in all lives, and what the daemon has reported.
#[derive(Debug, Default)]
struct Accounts {
    lines: u64,
    live: u64,
    lost: u64,
    /// How long the file is.
    file: u64,
    /// A kill has silently discarded what was in memory.
    killed: bool,
    /// A deadline may have found the outbox's thread at work.
    late: bool,
}

/// The instance of a life. A process that another test is just starting has a copy of the lock until it runs its
/// program.
async fn instance_in(dir: &Path) -> Instance {
    loop {
        match Instance::open(dir) {
            Err(crate::InstanceError::InUse(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            opened => return opened.unwrap(),
        }
    }
}

/// One life: lines, badges, and a file that is read on from its position.
async fn live(
    dir: &Path,
    fake: &Arc<Fake>,
    outbox: bool,
    end: End,
    random: &mut Random,
    ledger: &mut Accounts,
) {
    let store: Arc<dyn Store> = fake.clone();
    let meters = IngestMeters::register(&mut Registry::default());
    let live = Arc::new(Live::new(store.clone(), meters.source("http"), Duration::from_secs(1), 1000));
    // So little that minutes are written in the middle of a life too, or with the totals.
    let held = random.below(4) * 60;
    let keep = outbox.then(|| Keep { held, ..Keep::default() });
    let options = WriterOptions { outbox: keep, ..WriterOptions::default() };
    let writer = Writer::open(instance_in(dir).await, store, live, meters, options).unwrap();
    let mut places = writer.start_positions();
    let (sealed, ticks) = mpsc::channel(2);
    let (deadline, heard) = watch::channel(None);
    let running = tokio::spawn(writer.run(ticks, heard));
    let mut at = None;
    for _ in 0..random.below(12) + u64::from(end == End::Well) * 20 {
        let hits = random.below(5) + 1;
        let tick = match random.below(3) {
            0 => {
                ledger.lines += hits;
                Sealed::of_lines(vec![entry("lines", hits)].into())
            }
            1 => {
                ledger.live += hits;
                Sealed::of_live(vec![entry("live", hits)].into())
            }
            _ => {
                ledger.file += hits;
                if end == End::Well {
                    places.wait_for(|places| matches!(places, Places::Good { .. })).await.unwrap();
                }
                if let (None, Places::Good { own, .. }) = (at, &*places.borrow()) {
                    at = Some(own.first().map_or(0, |own| own.state.parse().unwrap()));
                }
                let Some(from) = at else { continue };
                at = Some(ledger.file);
                let state = ledger.file.to_string();
                let counts = if ledger.file == from { vec![] } else { vec![entry(FILE, ledger.file - from)] };
                Sealed::of_replayable(counts.into(), vec![Position { source: FILE.to_owned(), state }])
            }
        };
        sealed.send(tick).await.unwrap();
        if outbox && random.one_in(12) {
            let mut script = fake.script();
            script.kept = script.saved.clone();
        } else if outbox && random.one_in(12) && matches!(*places.borrow(), Places::Good { .. }) {
            // Not until the right one is known.
            fake.script().foreign = random.below(4);
        }
        if random.one_in(3) {
            tokio::time::sleep(Duration::from_millis(random.below(3000))).await;
        }
    }
    if end == End::Late {
        deadline.send_replace(Some(Instant::now()));
    }
    if end == End::Killed {
        running.abort();
        ledger.killed = true;
        let _ = running.await;
        return;
    }
    drop(sealed);
    let ended = running.await.unwrap();
    assert!(end == End::Late || ended.lost == 0, "{ended:?}");
    // Hits that were reported as lost must not be written afterwards.
    assert!(std::mem::take(&mut fake.script().ends) || ended.lost == 0, "{ended:?}");
    ledger.lost += ended.lost;
    ledger.late |= end == End::Late;
}

async fn history(seed: u64, error: &StoreError, outbox: bool) {
    let (mut random, mut ledger) = (Random(seed), Accounts::default());
    // The outbox syncs at every tick, which only takes time here.
    let memory = Some(Path::new("/dev/shm")).filter(|memory| memory.is_dir()).map(Path::to_owned);
    let dir = tempfile::tempdir_in(memory.unwrap_or_else(std::env::temp_dir)).unwrap();
    let fake = Fake::new(seed, error);
    for _ in 0..random.below(4) {
        let end = [End::Well, End::Late, End::Killed][random.below(3) as usize];
        live(dir.path(), &fake, outbox, end, &mut random, &mut ledger).await;
        fake.script().sick = [0, 2, 3, 5][random.below(4) as usize];
        let mut script = fake.script();
        script.saved = script.kept.clone();
    }
    {
        let mut script = fake.script();
        (script.sick, script.foreign) = (0, 0);
    }
    // Once more, so that the file is read to its end and the outbox is empty.
    let mut last = Random(7);
    live(dir.path(), &fake, outbox, End::Well, &mut last, &mut ledger).await;
    let counted = fake.count("lines") + fake.count("live");
    let received = ledger.lines + ledger.live;
    assert_eq!(fake.count(FILE), ledger.file, "seed {seed}, outbox {outbox}: {ledger:?}");
    if ledger.killed || (outbox && ledger.late) {
        assert!(counted <= received, "seed {seed}, outbox {outbox}: {counted} of {ledger:?}");
        assert!(ledger.killed || counted + ledger.lost >= received, "seed {seed}: {counted} of {ledger:?}");
    } else {
        assert_eq!(counted + ledger.lost, received, "seed {seed}, outbox {outbox}: {ledger:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_history_before_an_embedded_store_is_counted_once_or_told() {
    let error = unavailable().await;
    for seed in 0..400 {
        history(seed, &error, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_history_before_a_remote_store_is_counted_once_or_told() {
    let error = unavailable().await;
    for seed in 0..40 {
        history(seed, &error, true).await;
    }
}

/// However often it is called, and whatever the store loses in between.
#[tokio::test(start_paused = true)]
async fn an_errand_that_is_repeated_counts_once() {
    let error = unavailable().await;
    for seed in 0..200 {
        let (fake, instance) = (Fake::new(seed, &error), Uuid::from_u128(9));
        let list: Vec<Batch> =
            (0..40).flat_map(|n| batches(instance, n + 1, vec![entry("lines", n + 1)])).collect();
        let mut tries = 0;
        while let Err(error) = Errand::new(fake.clone(), instance).apply(&list).await {
            assert!(
                matches!(error, ErrandError::Store(_) | ErrandError::Gap { .. } | ErrandError::Foreign),
                "{error}"
            );
            tries += 1;
            assert!(tries < 1000, "seed {seed}");
        }
        assert_eq!(fake.count("lines"), (1..=40).sum::<u64>(), "seed {seed}");
        let mut again = Errand::new(fake.clone(), instance);
        fake.script().sick = 0;
        again.apply(&list).await.unwrap();
        assert_eq!(again.applied(), 0);
        fake.script().kept.markers.remove(&instance);
        assert!(matches!(
            again.apply(&batches(instance, 41, vec![entry("a", 1)])).await,
            Err(ErrandError::Gap { marker: 0 })
        ));
    }
}
