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
use tallymark_core::{Batch, Entry, Event, Minute, Name, Now, Period, When};
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

/// A period that has just begun has what was counted since, and nothing of what stopped before.
async fn names_that_stopped_leave(url: StoreUrl) {
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let rankings = Arc::new(Rankings::new(store.clone(), later, Default::default()));
    let stop = CancellationToken::new();
    let running = run(&rankings, &store, &stop);
    let until = |what: &'static str, expect: &'static str, period| {
        let rankings = rankings.clone();
        tokio::task::spawn_blocking(move || {
            wait_until(what, RANKED, || {
                let begun = rankings.top(Event::HIT, period).map(|ranking| ranking.from);
                let begins = Minute((later().unix_ms / 60_000) as i32);
                let of_now = period == Period::All || begun == Some(Some(begins));
                of_now && shown(&rankings, Event::HIT, period) == expect
            });
        })
    };
    let next = || CLOCK.fetch_add(60_000, Ordering::Relaxed);
    CLOCK.store(now().unix_ms, Ordering::Relaxed);
    count_at(&*store, &claim, 1, later(), &[("hit", "a", 5), ("hit", "b", 1)]).await;
    until("the first minute", "a 5, b 1, ", Period::Minute).await.unwrap();
    until("the beginning", "a 5, b 1, ", Period::All).await.unwrap();
    next();
    count_at(&*store, &claim, 2, later(), &[("hit", "b", 2), ("hit", "c", 1)]).await;
    until("the second minute", "b 2, c 1, ", Period::Minute).await.unwrap();
    until("all of it", "a 5, b 3, c 1, ", Period::All).await.unwrap();
    next();
    until("a minute without anything", "", Period::Minute).await.unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_stopped_leave_the_ranking_of_the_minute() {
    let dir = tempfile::tempdir().unwrap();
    names_that_stopped_leave(StoreUrl::Sqlite(dir.path().join("t.db"))).await;
    let redis = tallymark_testbed::Redis::start();
    names_that_stopped_leave(StoreUrl::Redis(redis.url())).await;
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
