//! Random histories of hits, corrections, undoing, lost replies and callers that went away, on both stores, against a
//! plain model.

use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tallymark_core::{
    BASE, Corrected, CorrectionAction, CorrectionRecord, CorrectionRequest, Corrections, CountCell, Day,
    Entry, Event, Hour, Minute, Name, NotCorrected, Once, Step, When, batches,
};
use tallymark_ingest::{Corrector, Errand, OldBadgeNumber, source::now};
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_testbed::{Fault, FaultProxy, Redis, temp_dir};
use uuid::Uuid;

const NAMES: [&str; 5] = ["a", "b", "c/d", "e", "f"];

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn name(&mut self) -> Name {
        Name::new(NAMES[self.below(5) as usize]).unwrap()
    }

    fn event(&mut self) -> Event {
        if self.below(4) == 0 { Event::VISIT } else { Event::HIT }
    }
}

/// By how much a correction has changed totals.
type Changed = BTreeMap<(Event, Name), i64>;

/// How much of the hits of names came from old badges.
type Bases = BTreeMap<Name, i64>;

/// Totals of the names that are there, how much of them came from old badges, and what each correction has changed.
#[derive(Default)]
struct Model {
    totals: BTreeMap<(Event, Name), i64>,
    bases: Bases,
    corrections: Vec<(Uuid, Changed, Bases)>,
}

impl Model {
    fn total(&self, event: Event, name: &Name) -> i64 {
        self.totals.get(&(event, name.clone())).copied().unwrap_or(0)
    }

    fn has(&self, event: Event, name: &Name) -> bool {
        self.totals.contains_key(&(event, name.clone()))
    }

    /// What the request means, by its definition; `None` where it is refused.
    fn correct(&mut self, request: &CorrectionRequest) -> Option<BTreeMap<(Event, Name), Option<i64>>> {
        use CorrectionAction::{Add, Delete, Merge, Rename, Reset, Set};
        let name = &request.name;
        let mut after = BTreeMap::new();
        match &request.action {
            Set(count) => _ = after.insert((Event::HIT, name.clone()), Some(*count)),
            Add(count) => {
                let sum = self.total(Event::HIT, name) + count;
                if sum < 0 {
                    return None;
                }
                after.insert((Event::HIT, name.clone()), Some(sum));
            }
            Reset(_) if !self.has(Event::HIT, name) => return None,
            Reset(_) => _ = after.insert((Event::HIT, name.clone()), Some(0)),
            Delete | Rename(_) | Merge(_) => {
                let events = [Event::HIT, Event::VISIT].into_iter().filter(|&event| self.has(event, name));
                let events: Vec<Event> = events.collect();
                for &event in &events {
                    after.insert((event, name.clone()), None);
                    if let Rename(to) | Merge(to) = &request.action {
                        if to == name || (matches!(request.action, Rename(_)) && self.has(event, to)) {
                            return None;
                        }
                        let sum = self.total(event, to) + self.total(event, name);
                        after.insert((event, to.clone()), Some(sum));
                    }
                }
                if events.is_empty() {
                    return None;
                }
            }
        }
        Some(after)
    }

    /// What came from old badges goes with the hits.
    fn bases_after(&mut self, request: &CorrectionRequest) -> Bases {
        use CorrectionAction::{Delete, Merge, Rename, Reset};
        let mut changed = Bases::new();
        let known = self.bases.get(&request.name).copied().unwrap_or(0);
        if self.has(Event::HIT, &request.name) {
            if let Rename(to) | Merge(to) = &request.action {
                changed.insert(to.clone(), known);
            }
            if matches!(request.action, Rename(_) | Merge(_) | Delete | Reset(_)) {
                changed.insert(request.name.clone(), -known);
            }
        }
        self.change_bases(&changed, 1);
        changed
    }

    fn change_bases(&mut self, by: &Bases, sign: i64) {
        for (name, by) in by {
            let known = self.bases.entry(name.clone()).or_default();
            *known = (*known + sign * by).max(0);
        }
    }

    fn become_(&mut self, after: BTreeMap<(Event, Name), Option<i64>>) -> Changed {
        let mut changed = BTreeMap::new();
        for (of, total) in after {
            let by = total.unwrap_or(0) - self.totals.get(&of).copied().unwrap_or(0);
            match total {
                // Nothing is made by setting what is not there to 0, or by moving nothing.
                Some(0) if !self.totals.contains_key(&of) => {}
                Some(total) => _ = self.totals.insert(of.clone(), total),
                None => _ = self.totals.remove(&of),
            }
            changed.insert(of, by);
        }
        changed
    }
}

struct Bed {
    store: Arc<dyn Store>,
    proxy: Option<FaultProxy>,
    random: Random,
    keys: u64,
    model: Model,
}

impl Bed {
    async fn hit(&mut self) {
        let (event, name, count) = (self.random.event(), self.random.name(), 1 + self.random.below(9));
        let minute = Minute(
            now().minute().0 - self.random.below(4 * 1440) as i32 / (1 + self.random.below(50) as i32),
        );
        let when = if self.random.below(5) == 0 { When::Day(minute.day()) } else { When::Minute(minute) };
        let mut errand = Errand::new(self.store.clone(), Uuid::new_v4());
        let instance = errand.claim().await.unwrap().instance;
        let entry = Entry { event, name: name.clone(), when, count };
        errand.apply(&batches(instance, 1, vec![entry])).await.unwrap();
        *self.model.totals.entry((event, name)).or_default() += count as i64;
    }

    fn request(&mut self) -> CorrectionRequest {
        let name = self.random.name();
        let total = self.model.total(Event::HIT, &name) as u64;
        let action = match self.random.below(8) {
            0 | 1 => CorrectionAction::Set(self.random.below(total + 20) as i64),
            2 => CorrectionAction::Add(self.random.below(30) as i64),
            3 => CorrectionAction::Add(-(self.random.below(total + 2) as i64)),
            4 => CorrectionAction::Reset(None),
            5 => CorrectionAction::Delete,
            6 => CorrectionAction::Rename(self.random.name()),
            _ => CorrectionAction::Merge(self.random.name()),
        };
        let asked = name.as_str().to_owned();
        CorrectionRequest { action, name, asked, event: None, by: "alice".to_owned(), reason: None }
    }

    /// Asks until there is an answer: replies get lost, and callers give up and come again with the same key.
    async fn correct(&mut self, request: &CorrectionRequest) -> Result<Corrected, NotCorrected> {
        self.keys += 1;
        let key = format!("key {}", self.keys);
        let once = Once { key: &key, body: b"body" };
        loop {
            self.fault();
            let corrector = Corrector::new(self.store.clone());
            let patience = Duration::from_micros(self.random.below(3000));
            if self.random.below(3) == 0 {
                let _ = tokio::time::timeout(patience, corrector.correct(Some(once), request.clone())).await;
                continue;
            }
            match corrector.correct(Some(once), request.clone()).await {
                Err(NotCorrected::Unknown(_) | NotCorrected::Unavailable(_)) => {}
                answer => return answer,
            }
        }
    }

    fn fault(&mut self) {
        if let Some(proxy) = &self.proxy
            && self.random.below(3) == 0
        {
            proxy.set(Fault::CutAnswerTo("EVALSHA"));
        }
    }

    async fn step(&mut self) {
        match self.random.below(12) {
            0..4 => self.hit().await,
            4..8 => {
                let request = self.request();
                let expected = self.model.correct(&request);
                let answer = self.correct(&request).await;
                match (expected, answer) {
                    (Some(after), Ok(corrected)) => {
                        let id = corrected.records.first().map(|record| record.id);
                        let bases = self.model.bases_after(&request);
                        let changed = self.model.become_(after);
                        if let Some(id) = id {
                            self.model.corrections.push((id, changed, bases));
                        }
                    }
                    (None, Err(NotCorrected::Refused(_) | NotCorrected::Missing(_))) => {}
                    (expected, answer) => panic!("{request:?}: {answer:?}, and not {expected:?}"),
                }
            }
            8..10 => self.base().await,
            _ => self.undo().await,
        }
    }

    /// The number of an old badge: more than is known of the name, the same, or less.
    async fn base(&mut self) {
        let name = self.random.name();
        let known = self.model.bases.get(&name).copied().unwrap_or(0);
        let number = (known - 5).max(0) + self.random.below(20) as i64;
        let asked = OldBadgeNumber {
            name: name.clone(),
            event: Event::HIT,
            number: number as u64,
            day: now().day(),
            by: "carol".to_owned(),
            reason: None,
        };
        self.fault();
        let answer = loop {
            match Corrector::new(self.store.clone()).bring(&asked, false).await {
                Err(NotCorrected::Unknown(_) | NotCorrected::Unavailable(_)) => {}
                answer => break answer,
            }
        };
        match answer {
            Ok(_) => assert!(number >= known),
            Err(NotCorrected::Refused(why)) if why.contains("is less than") && number < known => return,
            other => panic!("{number} of {name}, where {known} are known: {other:?}"),
        }
        if number > known {
            let last = self.store.corrections(1).await.unwrap().remove(0);
            assert_eq!(last.action, BASE);
            let (by, key) = (number - known, (Event::HIT, name.clone()));
            let after = BTreeMap::from([(key, Some(self.model.total(Event::HIT, &name) + by))]);
            let changed = self.model.become_(after);
            let bases = Bases::from([(name, by)]);
            self.model.change_bases(&bases, 1);
            self.model.corrections.push((last.id, changed, bases));
        }
    }

    async fn undo(&mut self) {
        let count = self.model.corrections.len() as u64;
        if count == 0 {
            return;
        }
        let at = if self.random.below(2) == 0 { count - 1 } else { self.random.below(count) };
        let (id, changed, bases) = self.model.corrections[at as usize].clone();
        self.fault();
        let corrector = Corrector::new(self.store.clone());
        let patience = Duration::from_micros(self.random.below(3000));
        if self.random.below(3) == 0 {
            let _ = tokio::time::timeout(patience, corrector.undo(id, "bob".to_owned(), None)).await;
        }
        let mut answer = corrector.undo(id, "bob".to_owned(), None).await;
        while matches!(answer, Err(NotCorrected::Unknown(_) | NotCorrected::Unavailable(_))) {
            answer = corrector.undo(id, "bob".to_owned(), None).await;
        }
        let done = match &answer {
            Ok(_) => true,
            Err(NotCorrected::Refused(why)) if why.contains("undone already") => true,
            Err(NotCorrected::Refused(_)) => false,
            other => panic!("{other:?}"),
        };
        if !done {
            // Another correction has taken since what this one had added.
            assert!(changed.values().any(|by| *by > 0), "{answer:?} of {changed:?}");
            return;
        }
        self.model.corrections.remove(at as usize);
        self.model.change_bases(&bases, -1);
        let log: Vec<CorrectionRecord> = self.store.corrections(1000).await.unwrap();
        let undone = log.iter().find(|record| record.undoes == Some(id)).unwrap();
        for (of, by) in changed {
            let total = self.model.totals.get(&of).copied().unwrap_or(0) - by;
            assert!(total >= 0);
            let named = undone.changed.iter().find(|changed| changed.key().as_ref() == Some(&of));
            match named.map(|named| named.after) {
                Some(Some(_)) if by != 0 || self.model.totals.contains_key(&of) => {
                    _ = self.model.totals.insert(of, total)
                }
                Some(None) => _ = self.model.totals.remove(&of),
                _ => {}
            }
        }
        // It happens once.
        let again = Corrector::new(self.store.clone()).undo(id, "bob".to_owned(), None).await;
        assert!(
            matches!(&again, Err(NotCorrected::Refused(why)) if why.contains("undone already")),
            "{again:?}"
        );
    }

    /// Every count that a name can have by now.
    async fn cells(&self, event: Event, name: &Name) -> BTreeMap<CountCell, i64> {
        let today = now().day().0;
        let mut cells = BTreeMap::from([(CountCell::Total, self.store.total(event, name).await.unwrap())]);
        for (step, width) in [(Step::Day, 1), (Step::Hour, 24), (Step::Minute, 1440)] {
            let (from, to) = ((today - 5) * width, (today + 1) * width);
            for (at, count) in self.store.series(event, name, step, from, to).await.unwrap() {
                let cell = match step {
                    Step::Hour => CountCell::Hour(Hour(at)),
                    Step::Minute => CountCell::Minute(Minute(at)),
                    _ => CountCell::Day(Day(at)),
                };
                cells.insert(cell, count);
            }
        }
        cells
    }

    async fn check(&self) {
        let known = self.store.positions(None).await.unwrap().into_iter().map(|(_, position)| {
            let name = position.source.strip_prefix("badge:hit:").unwrap();
            (Name::new(name).unwrap(), position.state.parse().unwrap())
        });
        let mut bases = self.model.bases.clone();
        bases.retain(|_, known| *known > 0);
        assert_eq!(known.collect::<Bases>(), bases);
        for event in [Event::HIT, Event::VISIT] {
            let mut sums: BTreeMap<CountCell, i64> = BTreeMap::new();
            for name in NAMES.map(|name| Name::new(name).unwrap()) {
                let cells = self.cells(event, &name).await;
                assert_eq!(cells[&CountCell::Total], self.model.total(event, &name), "{event} of {name}");
                assert!(is_sound(&cells), "{event} of {name}: {cells:?}");
                for (cell, count) in cells {
                    *sums.entry(cell).or_default() += count;
                }
                let has = self.store.has(event, std::slice::from_ref(&name)).await.unwrap();
                assert_eq!(has, [self.model.has(event, &name)], "{event} of {name}");
            }
            assert_eq!(self.cells(event, &Name::all()).await, sums, "{event}");
            let listed = self.store.names(event, None, 1000).await.unwrap().names;
            let there = self.model.totals.keys().filter(|(of, _)| *of == event).count();
            assert_eq!(listed.len(), there, "{listed:?} and {:?}", self.model.totals);
        }
    }
}

/// The days are the total; hours have no more than their day, and minutes no more than their hour.
fn is_sound(cells: &BTreeMap<CountCell, i64>) -> bool {
    let mut sums: BTreeMap<CountCell, i64> = BTreeMap::new();
    for (cell, count) in cells {
        let wider = match cell {
            CountCell::Day(_) => CountCell::Total,
            CountCell::Hour(hour) => CountCell::Day(hour.day()),
            CountCell::Minute(minute) => CountCell::Hour(minute.hour()),
            CountCell::Total | CountCell::Status(..) => continue,
        };
        *sums.entry(wider).or_default() += count;
    }
    let days = sums.get(&CountCell::Total).copied().unwrap_or(0);
    days == cells[&CountCell::Total]
        && sums.iter().all(|(cell, sum)| *sum <= cells.get(cell).copied().unwrap_or(0))
}

async fn histories(store: Arc<dyn Store>, proxy: Option<FaultProxy>, seed: u64, steps: usize) {
    let mut bed = Bed { store, proxy, random: Random(seed), keys: 0, model: Model::default() };
    for step in 0..steps {
        bed.step().await;
        if step % 5 == 0 {
            bed.check().await;
        }
    }
    bed.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_history_on_sqlite_is_that_of_the_model() {
    for seed in 0..6 {
        let dir = temp_dir();
        let url = StoreUrl::Sqlite(dir.path().join("tallymark.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        histories(store, None, seed, 120).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_history_on_redis_with_lost_replies_is_that_of_the_model() {
    for seed in 0..6 {
        let redis = Redis::start();
        let proxy = FaultProxy::start(redis.addr());
        let url = StoreUrl::Redis(format!("redis://127.0.0.1:{}", proxy.port()));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        histories(store, Some(proxy), 100 + seed, 120).await;
    }
}
