//! Rankings as they are made in the background, beside a store that keeps counting.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tallymark_core::{
    Batch, Correction, CountCell, Difference, Entry, Event, Minute, Name, Now, Period, When,
};
use tallymark_rankings::Rankings;
use tallymark_store::{Claim, Retention, Shelf, Store, StoreUrl, Written};
use tallymark_testbed::wait_until;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a ranking may take: it rests 50 times as long as it works, and a loaded machine works slowly.
const RANKED: Duration = Duration::from_secs(300);

fn now() -> Now {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Now { unix_ms: since.as_millis() as i64 }
}

async fn count(store: &dyn Store, claim: &Claim, seq: u64, entries: &[(&str, &str, u64)]) {
    count_at(store, claim, seq, now(), entries).await;
}

async fn count_at(store: &dyn Store, claim: &Claim, seq: u64, now: Now, entries: &[(&str, &str, u64)]) {
    let minute = When::Minute(Minute((now.unix_ms / 60_000) as i32));
    let entry = |&(event, name, count): &(&str, &str, u64)| Entry {
        event: Event::new(event.as_bytes()).unwrap(),
        name: Name::new(name).unwrap(),
        when: minute,
        count,
    };
    let mut entries: Vec<Entry> = entries.iter().map(entry).collect();
    entries.sort();
    store.apply(claim, &[Batch::of(claim.instance, seq, entries)]).await.unwrap();
}

/// What is ranked, as text.
fn shown(rankings: &Rankings, event: Event, period: Period) -> String {
    let Some(ranking) = rankings.top(event, period) else { return "?".to_owned() };
    ranking.entries.iter().map(|(name, count)| format!("{name} {count}, ")).collect()
}

/// Runs as in a daemon, which is told of what is counted beside it.
fn run(rankings: &Arc<Rankings>, store: &Arc<dyn Store>, stop: &CancellationToken) -> JoinHandle<()> {
    const NOTHING: Shelf = Shelf { name: "nothing", most: 1 };
    let (rankings, store, stop) = (rankings.clone(), store.clone(), stop.clone());
    tokio::spawn(async move {
        let written = Written::default();
        let looks = async { stop.run_until_cancelled(written.look_for_others(&*store, NOTHING)).await };
        tokio::join!(rankings.run(written.clone(), stop.clone()), looks);
    })
}

async fn rankings_follow(url: StoreUrl) {
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    count(&*store, &claim, 1, &[("hit", "a", 2), ("hit", "b", 1)]).await;
    let rankings = Arc::new(Rankings::new(store.clone(), now, Default::default()));
    assert_eq!(shown(&rankings, Event::HIT, Period::All), "?");
    let stop = CancellationToken::new();
    let running = run(&rankings, &store, &stop);
    let until = |what: &'static str, expect: &'static str, event: Event, period| {
        let rankings = rankings.clone();
        tokio::task::spawn_blocking(move || {
            wait_until(what, RANKED, || shown(&rankings, event, period) == expect);
        })
    };
    until("the first ranking", "a 2, b 1, ", Event::HIT, Period::All).await.unwrap();
    until("that of the day", "a 2, b 1, ", Event::HIT, Period::Day).await.unwrap();
    // What is counted while they run is included, even for a new event.
    count(&*store, &claim, 2, &[("hit", "b", 5), ("hit", "c", 2), ("odd", "x", 1)]).await;
    until("the second ranking", "b 6, a 2, c 2, ", Event::HIT, Period::All).await.unwrap();
    until("the month", "b 6, a 2, c 2, ", Event::HIT, Period::Month).await.unwrap();
    until("the new event", "x 1, ", Event::new(b"odd").unwrap(), Period::Week).await.unwrap();
    assert_eq!(rankings.events(), [Event::HIT, Event::new(b"odd").unwrap()]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rankings_follow_an_embedded_store() {
    let dir = tempfile::tempdir().unwrap();
    rankings_follow(StoreUrl::Sqlite(dir.path().join("t.db"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rankings_follow_a_redis() {
    let redis = tallymark_testbed::Redis::start();
    rankings_follow(StoreUrl::Redis(redis.url())).await;
}

/// A clock that only this test moves, so that a minute lasts as long as a slow machine needs.
static CLOCK: AtomicI64 = AtomicI64::new(0);

fn later() -> Now {
    Now { unix_ms: CLOCK.load(Ordering::Relaxed) }
}

/// Takes from a name what was counted in this minute.
async fn correct(store: &dyn Store, name: &str, by: i64) {
    let (minute, name) = (later().minute(), Name::new(name).unwrap());
    let cells = [
        CountCell::Total,
        CountCell::Day(minute.day()),
        CountCell::Hour(minute.hour()),
        CountCell::Minute(minute),
    ];
    let differences = cells.into_iter().flat_map(|cell| {
        [&name, &Name::all()].map(|name| Difference {
            event: Event::HIT,
            name: name.clone(),
            cell: cell.clone(),
            by,
        })
    });
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let batch = Batch::correcting(claim.instance, 1, Correction::arriving(differences.collect()));
    store.apply(&claim, &[batch]).await.unwrap();
}

/// A bed for the clock of this test.
struct Slide {
    store: Arc<dyn Store>,
    rankings: Arc<Rankings>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Slide {
    fn start(store: Arc<dyn Store>) -> Slide {
        let rankings = Arc::new(Rankings::new(store.clone(), later, Default::default()));
        let stop = CancellationToken::new();
        let running = run(&rankings, &store, &stop);
        Slide { store, rankings, stop, running }
    }

    /// Waits for a ranking whose window ends now. Meanwhile what is shown is never empty, unless it has to be.
    async fn until(&self, what: &'static str, period: Period, expect: &'static str) {
        let rankings = self.rankings.clone();
        let wait = move || {
            wait_until(what, RANKED, || {
                let from = rankings.top(Event::HIT, period).map(|ranking| ranking.from);
                let shown = shown(&rankings, Event::HIT, period);
                assert!(expect.is_empty() || !shown.is_empty(), "{what}: it was empty");
                from == Some(period.span(later()).begin()) && shown == expect
            });
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// The rankings of the last minutes follow the clock, a correction and a restart, and are never empty at a turn.
async fn the_last_minutes_slide(url: StoreUrl) {
    // 10:58, so that minutes and an hour turn.
    let hour = (now().unix_ms / 3_600_000 - 3) * 3_600_000;
    CLOCK.store(hour - 120_000, Ordering::Relaxed);
    let pass = |minutes: i64| CLOCK.fetch_add(minutes * 60_000, Ordering::Relaxed);
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    count_at(&*store, &claim, 1, later(), &[("hit", "a", 5), ("hit", "b", 1)]).await;
    let slide = Slide::start(store.clone());
    slide.until("the first minute", Period::Minute, "a 5, b 1, ").await;
    slide.until("the first hour", Period::Hour, "a 5, b 1, ").await;
    pass(1);
    slide.until("the turn of a minute", Period::Minute, "a 5, b 1, ").await;
    count_at(&*slide.store, &claim, 2, later(), &[("hit", "b", 2), ("hit", "c", 1)]).await;
    slide.until("both minutes", Period::Minute, "a 5, b 3, c 1, ").await;
    pass(1);
    // The clock says eleven.
    slide.until("the turn of an hour", Period::Hour, "a 5, b 3, c 1, ").await;
    slide.until("without the first minute", Period::Minute, "b 2, c 1, ").await;
    slide.stop().await;
    // What was ranked is found again, although time has passed.
    pass(56);
    let slide = Slide::start(store);
    slide.until("an hour after a restart", Period::Hour, "a 5, b 3, c 1, ").await;
    slide.until("minutes without anything", Period::Minute, "").await;
    pass(2);
    slide.until("without the first minutes", Period::Hour, "b 2, c 1, ").await;
    // A correction makes a name smaller: the daemon hears of it from the log, as of every change.
    count_at(&*slide.store, &claim, 3, later(), &[("hit", "d", 9)]).await;
    slide.until("one more", Period::Hour, "d 9, b 2, c 1, ").await;
    correct(&*slide.store, "d", -8).await;
    slide.until("the corrected one", Period::Hour, "b 2, c 1, d 1, ").await;
    pass(1);
    slide.until("an hour later", Period::Hour, "d 1, ").await;
    pass(60);
    slide.until("an hour without anything", Period::Hour, "").await;
    slide.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rankings_of_the_last_minutes_slide_and_are_never_empty_at_a_turn() {
    let dir = tempfile::tempdir().unwrap();
    the_last_minutes_slide(StoreUrl::Sqlite(dir.path().join("t.db"))).await;
    let redis = tallymark_testbed::Redis::start();
    the_last_minutes_slide(StoreUrl::Redis(redis.url())).await;
}

/// More names than are ranked, which overtake each other while they are ranked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followed_rankings_are_those_of_all_names() {
    let dir = tempfile::tempdir().unwrap();
    let url = StoreUrl::Sqlite(dir.path().join("t.db"));
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let rankings = Arc::new(Rankings::new(store.clone(), now, Default::default()));
    let stop = CancellationToken::new();
    let running = run(&rankings, &store, &stop);
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for seq in 1..=20u64 {
        let names: Vec<(String, u64)> = (0..1500u64)
            .filter(|n| (n * 7 + seq * 13) % 5 < 2)
            .map(|n| (format!("n{n:04}"), 1 + (n * 31 + seq * 17) % 97))
            .take(1000)
            .collect();
        for (name, count) in &names {
            *counts.entry(name.clone()).or_insert(0) += *count as i64;
        }
        let entries: Vec<_> = names.iter().map(|(name, count)| ("hit", name.as_str(), *count)).collect();
        count(&*store, &claim, seq, &entries).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut sorted: Vec<(String, i64)> = counts.into_iter().collect();
    assert!(sorted.len() > 1200, "{}", sorted.len());
    sorted.sort_by_key(|(name, count)| (-count, name.clone()));
    let expect: String = sorted.iter().take(1000).map(|(name, count)| format!("{name} {count}, ")).collect();
    for period in [Period::All, Period::Month] {
        let (rankings, expect) = (rankings.clone(), expect.clone());
        let wait = move || {
            wait_until("the thousand busiest", RANKED, || shown(&rankings, Event::HIT, period) == expect);
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }
    stop.cancel();
    running.await.unwrap();
}
