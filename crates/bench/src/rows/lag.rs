//! From the hit on the wire to the number in the file.

use crate::{
    Bench,
    finding::Finding,
    load::{self, Load, Ready, Spread},
    median::percentile,
    ours::Ours,
    publishing::{FIRST_TOTAL, Published},
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::{Duration, Instant},
};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

const NAMES: u32 = 100_000;
const RATE: u64 = 10_000;
/// One hit in N is followed to its file.
const SAMPLED: u64 = 200;
/// How often the files of sampled hits are read; a lag is overstated by up to this much, never understated.
const LOOK: Duration = Duration::from_millis(5);

/// A hit that is being followed: the file must show at least this total.
struct Sample {
    name: u32,
    total: i64,
    sent: Instant,
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (kind, most) in [("SQLite", 1.0), ("Redis", 2.5)] {
        let redis = (kind == "Redis").then(Redis::start);
        let store = redis.as_ref().map(|redis| StoreUrl::Redis(redis.url()));
        let lags = measure(bench, store.as_ref())?;
        let (median, worst) = (percentile(&lags, 0.5), percentile(&lags, 0.99));
        findings.push(Finding {
            work: format!("`serve` on {kind}, 10,000 hits/s over 100,000 log-uniform names: wire to file"),
            peer: "cron: up to a minute".to_owned(),
            ours: format!("p50 {median:.2} s, p99 {worst:.2} s of {} hits", lags.len()),
            ratio: "-".to_owned(),
            target: format!("p99 at most {most} s"),
            met: Some(worst <= most),
        });
    }
    Ok(findings)
}

/// Seconds, of every sampled hit.
fn measure(bench: &Bench, store: Option<&StoreUrl>) -> anyhow::Result<Vec<f64>> {
    // As on any day but the first: every name has a badge.
    let published = Published::new(bench, NAMES, store.cloned())?;
    let badges = published.badges();
    let flags = ["serve", "--badges-dir", &badges.display().to_string()];
    let ours = Ours::start(bench, &flags, Some(published.store()))?;
    let seconds = if bench.quick { 3 } else { 20 };
    let load =
        Load { names: NAMES, spread: Spread::LogUniform, count: RATE * seconds, rate: Some(RATE), seed: 1 };
    let (samples, followed) = channel();
    let watcher = thread::spawn(move || follow(&badges, &followed));
    let mut totals: HashMap<u32, i64> = HashMap::new();
    let mut sent = 0;
    Ready::new(&load).send(&ours.target()?, |name| {
        let total = totals.entry(name).or_insert(FIRST_TOTAL);
        *total += 1;
        sent += 1;
        if sent % SAMPLED == 0 {
            // The watcher outlives the sender.
            let _ = samples.send(Sample { name, total: *total, sent: Instant::now() });
        }
    })?;
    drop(samples);
    let lags = watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))?;
    anyhow::ensure!(lags.len() as u64 == load.count / SAMPLED, "{} hits never came to a file", {
        load.count / SAMPLED - lags.len() as u64
    });
    Ok(lags)
}

/// Looks at the files of open samples again and again, until there are none and no more come.
fn follow(badges: &Path, samples: &Receiver<Sample>) -> Vec<f64> {
    let (mut open, mut lags): (Vec<Sample>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut last_came = Instant::now();
    loop {
        let more = loop {
            match samples.try_recv() {
                Ok(sample) => open.push(sample),
                Err(TryRecvError::Empty) => break true,
                Err(TryRecvError::Disconnected) => break false,
            }
        };
        open.retain(|sample| {
            let there = total_on_disk(&file(badges, sample.name)).is_some_and(|total| total >= sample.total);
            if there {
                lags.push(sample.sent.elapsed().as_secs_f64());
                last_came = Instant::now();
            }
            !there
        });
        let given_up = last_came.elapsed() > Duration::from_secs(30);
        if !more && (open.is_empty() || given_up) {
            return lags;
        }
        thread::sleep(LOOK);
    }
}

fn file(badges: &Path, name: u32) -> PathBuf {
    badges.join(load::name(name).replace('/', "%2F") + ".svg")
}

/// The count in the comment at the end of a badge.
fn total_on_disk(path: &Path) -> Option<i64> {
    let text = fs::read_to_string(path).ok()?;
    text.trim_end().strip_suffix(" -->")?.rsplit_once("total=")?.1.trim_end().parse().ok()
}
