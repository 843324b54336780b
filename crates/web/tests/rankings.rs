//! Rankings as they are made in the background, beside a store that goes on counting.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use std::{sync::Arc, time::Duration};
use tallymark_core::{Batch, Entry, Event, Minute, Name, Now, When};
use tallymark_store::{Claim, Retention, Store, StoreUrl};
use tallymark_testbed::wait_until;
use tallymark_web::{RankPeriod, Rankings};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn now() -> Now {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Now { unix_ms: since.as_millis() as i64 }
}

async fn count(store: &dyn Store, claim: &Claim, seq: u64, entries: &[(&str, &str, u64)]) {
    let minute = When::Minute(Minute((now().unix_ms / 60_000) as i32));
    let entry = |&(event, name, count): &(&str, &str, u64)| Entry {
        event: Event::new(event.as_bytes()).unwrap(),
        name: Name::new(name).unwrap(),
        when: minute,
        count,
    };
    let mut entries: Vec<Entry> = entries.iter().map(entry).collect();
    entries.sort();
    store
        .apply(
            claim,
            &[Batch { instance: claim.instance, seq, entries: entries.into(), statuses: Vec::new() }],
            &[],
        )
        .await
        .unwrap();
}

/// What is ranked, as text.
fn shown(rankings: &Rankings, event: Event, period: RankPeriod) -> String {
    let Some(ranking) = rankings.top(event, period) else { return "?".to_owned() };
    ranking.entries.iter().map(|(name, count)| format!("{name} {count}, ")).collect()
}

async fn rankings_follow(url: StoreUrl) {
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    count(&*store, &claim, 1, &[("hit", "a", 2), ("hit", "b", 1)]).await;
    let rankings = Arc::new(Rankings::new(store.clone(), now, [], Default::default()));
    assert_eq!(shown(&rankings, Event::HIT, RankPeriod::All), "?");
    let stop = CancellationToken::new();
    let running = tokio::spawn(rankings.clone().run(stop.clone()));
    let until = |what: &'static str, expect: &'static str, event: Event, period| {
        let rankings = rankings.clone();
        tokio::task::spawn_blocking(move || {
            wait_until(what, Duration::from_secs(60), || shown(&rankings, event, period) == expect);
        })
    };
    until("the first ranking", "a 2, b 1, ", Event::HIT, RankPeriod::All).await.unwrap();
    until("that of the day", "a 2, b 1, ", Event::HIT, RankPeriod::Day).await.unwrap();
    // What is counted while they run comes in, also of an event that nobody knew of.
    count(&*store, &claim, 2, &[("hit", "b", 5), ("hit", "c", 2), ("odd", "x", 1)]).await;
    until("the second ranking", "b 6, a 2, c 2, ", Event::HIT, RankPeriod::All).await.unwrap();
    until("the month", "b 6, a 2, c 2, ", Event::HIT, RankPeriod::Month).await.unwrap();
    until("the new event", "x 1, ", Event::new(b"odd").unwrap(), RankPeriod::Week).await.unwrap();
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
