//! How soon a daemon is ready, with a million names in the store.

use crate::{Bench, fill::Fill, finding::Finding, median::median, ours::Ours};
use anyhow::bail;
use std::{
    thread,
    time::{Duration, Instant},
};
use tallymark_store::StoreUrl;
use tallymark_testbed::{Redis, temp_dir};

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let names = bench.scaled(1_000_000) as u32;
    let (dir, redis) = (temp_dir(), Redis::start());
    let stores = [
        ("SQLite", StoreUrl::Sqlite(dir.path().join("tallymark.db"))),
        ("Redis", StoreUrl::Redis(redis.url())),
    ];
    let mut findings = Vec::new();
    for (kind, store) in stores {
        Fill::open(&store)?.add(0..names, 1)?;
        let mut times = Vec::new();
        for _ in 0..bench.rounds.max(5) {
            times.push(ready_after(bench, &store)?);
        }
        println!("  {kind}: {times:.1?} ms");
        let time = median(&times);
        findings.push(Finding {
            work: format!("`ingest` from its start to /readyz with {names} names in {kind}"),
            peer: "-".to_owned(),
            ours: format!("{time:.0} ms"),
            ratio: "-".to_owned(),
            target: "at most 100 ms".to_owned(),
            met: Some(time <= 100.0),
        });
    }
    Ok(findings)
}

/// Milliseconds.
fn ready_after(bench: &Bench, store: &StoreUrl) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let ours = Ours::launch(bench, &["ingest"], Some(store))?;
    while !ours.is_ready() {
        if begin.elapsed() > Duration::from_secs(60) {
            bail!("not ready within a minute:\n{}", ours.daemon.stderr());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(begin.elapsed().as_secs_f64() * 1e3)
}
