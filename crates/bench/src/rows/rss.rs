//! Memory, with every name in use.

use crate::{
    Bench,
    finding::Finding,
    load::{self, Load, Spread},
    median::median,
    ours::Ours,
    usage,
};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

/// Every name twice, so fast that a tick has very many of them.
const RATE: u64 = 100_000;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (names, most) in [(100_000, 48.0), (1_000_000, 256.0)] {
        for redis in [false, true] {
            let peaks = (0..bench.rounds).map(|_| peak(bench, names, redis));
            let peaks = peaks.collect::<anyhow::Result<Vec<f64>>>()?;
            let highest = peaks.iter().copied().fold(0.0, f64::max);
            findings.push(Finding {
                work: format!(
                    "peak RSS of `ingest` into {}, {names} names each hit twice at {RATE}/s",
                    if redis { "Redis" } else { "SQLite" }
                ),
                peer: "-".to_owned(),
                ours: format!("{:.0} MiB, highest {highest:.0}", median(&peaks)),
                ratio: "-".to_owned(),
                target: format!("at most {most} MiB"),
                met: Some(highest <= most),
            });
        }
    }
    Ok(findings)
}

fn peak(bench: &Bench, names: u32, into_redis: bool) -> anyhow::Result<f64> {
    let redis = into_redis.then(Redis::start);
    let store = redis.as_ref().map(|redis| StoreUrl::Redis(redis.url()));
    let mut ours = Ours::start(bench, &["ingest"], store.as_ref())?;
    let count = 2 * u64::from(names);
    let load = Load { names, spread: Spread::Sweep, count, rate: Some(RATE), seed: 1 };
    load::send(&load, &ours.target()?)?;
    let counted = ours.wait_counted(count)?;
    let (now, highest) = usage::memory(ours.pid())?;
    println!(
        "  {names} names, redis {into_redis}: {counted} counted, {now:.0} MiB now, {highest:.0} at the highest"
    );
    Ok(highest)
}
