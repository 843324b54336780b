//! What a name of a batch costs in a store: ticks of a thousand names, as a daemon applies them.

use crate::{Bench, fill::Fill, finding::Finding, usage};
use std::time::Instant;
use tallymark_store::StoreUrl;
use tallymark_testbed::{Redis, temp_dir};

const NAMES: u32 = 1000;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for known in [1000, 100_000] {
        let redis = Redis::start();
        let before = usage::cpu(redis.pid())?;
        let wall = apply(bench, &StoreUrl::Redis(redis.url()), known)?;
        // The first pass over the names is not timed, but it is Redis' work too.
        let all = f64::from(known) + (bench.scaled(200) * u64::from(NAMES)) as f64;
        let cpu = (usage::cpu(redis.pid())? - before) * 1e6 / all;
        findings.push(told("Redis", known, format!("{wall:.2} us on the clock, {cpu:.2} us of Redis' CPU")));
        let dir = temp_dir();
        let wall = apply(bench, &StoreUrl::Sqlite(dir.path().join("t.db")), known)?;
        findings.push(told("SQLite", known, format!("{wall:.2} us on the clock")));
    }
    Ok(findings)
}

fn told(kind: &str, known: u32, ours: String) -> Finding {
    Finding {
        work: format!("a changed name in {kind}, a thousand a tick out of {known}"),
        peer: "-".to_owned(),
        ours,
        ratio: "-".to_owned(),
        target: "-".to_owned(),
        met: None,
    }
}

/// Microseconds a name.
fn apply(bench: &Bench, store: &StoreUrl, known: u32) -> anyhow::Result<f64> {
    let mut fill = Fill::open(store)?;
    fill.add(0..known, 1)?;
    let ticks = bench.scaled(200) as u32;
    let begin = Instant::now();
    for tick in 0..ticks {
        let first = tick * NAMES % known;
        fill.add(first..first + NAMES, 3)?;
    }
    Ok(begin.elapsed().as_secs_f64() * 1e6 / f64::from(ticks * NAMES))
}
