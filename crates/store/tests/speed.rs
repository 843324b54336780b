//! How long a store takes per name. Run with `cargo test --release -p tallymark-store --test speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used)]

use std::time::Instant;
use tallymark_core::{Entry, Event, Minute, Name, When, batches};
use tallymark_store::{Retention, StoreUrl};
use tallymark_testbed::Redis;
use uuid::Uuid;

const NAMES: usize = 1000;
const TICKS: u64 = 200;

/// Applies ticks of a thousand names of a hundred thousand, each in a new second, and tells the time of a name.
async fn apply(url: StoreUrl, known: usize) -> f64 {
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let mut seq = 0;
    let mut spent = 0.0;
    for tick in 0..TICKS + 100 {
        let minute = When::Minute(Minute(29_800_000 + (tick / 60) as i32));
        let name = |n: usize| Name::new(&format!("some-owner{}/repository-{n}", n % 977)).unwrap();
        let entry = |n: usize| Entry {
            event: Event::HIT,
            name: name((tick as usize * 7919 + n * 101) % known),
            when: minute,
            count: 3,
        };
        let mut entries: Vec<Entry> = (0..NAMES).map(entry).collect();
        entries.sort();
        entries.dedup_by(|a, b| a.name == b.name);
        let batches = batches(claim.instance, seq + 1, entries);
        seq += batches.len() as u64;
        let before = Instant::now();
        store.apply(&claim, &batches, &[]).await.unwrap();
        // The first ticks bring the names.
        if tick >= 100 {
            spent += before.elapsed().as_secs_f64();
        }
    }
    spent * 1e6 / (TICKS as f64 * NAMES as f64)
}

#[tokio::test]
#[ignore = "measures"]
async fn redis() {
    let redis = Redis::start();
    let url: StoreUrl = redis.url().parse().unwrap();
    for known in [1009, 100_003] {
        redis.cli(&["FLUSHALL"]);
        redis.cli(&["CONFIG", "RESETSTAT"]);
        let cpu = || -> f64 {
            let info = redis.cli(&["INFO", "cpu"]);
            let field = |name: &str| {
                info.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().parse::<f64>().unwrap()
            };
            field("used_cpu_sys:") + field("used_cpu_user:")
        };
        let before = cpu();
        let wall = apply(url.clone(), known).await;
        let all = ((TICKS + 100) as f64) * NAMES as f64;
        println!(
            "redis, {known} names: {wall:.2} us a name on the wall, {:.2} us of Redis' CPU",
            (cpu() - before) * 1e6 / all
        );
    }
}

#[tokio::test]
#[ignore = "measures"]
async fn sqlite() {
    for known in [1009, 100_003] {
        let dir = tempfile::TempDir::new().unwrap();
        let wall = apply(StoreUrl::Sqlite(dir.path().join("t.db")), known).await;
        println!("sqlite, {known} names: {wall:.2} us a name on the wall");
    }
}
