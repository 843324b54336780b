//! Pages and lists with a million names in the store, while hits come in; and what ranking those names costs.

use crate::{
    Bench,
    fill::Fill,
    finding::Finding,
    load::{self, Load, Spread},
    median::percentile,
    ours::Ours,
    usage,
};
use anyhow::bail;
use std::{
    fs, thread,
    time::{Duration, Instant},
};
use tallymark_store::StoreUrl;
use tallymark_testbed::{Redis, http::Client, temp_dir};

const RATE: u64 = 5_000;
/// What is asked for, one after the other.
const PATHS: [&str; 9] = [
    "/",
    "/?period=day&sort=name",
    "/?search=repo-77",
    "/compare?name=owner0/repo-0&name=owner1/repo-1",
    "/repo/owner0/repo-0",
    "/api/v1/summary",
    "/api/v1/counters?sort=count&limit=1000",
    "/api/v1/counters?limit=1000",
    "/api/v1/counters/owner0/repo-0",
];

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let names = bench.scaled(1_000_000) as u32;
    let (dir, redis) = (temp_dir(), Redis::start());
    let mut findings = Vec::new();
    let stores = [
        ("SQLite", StoreUrl::Sqlite(dir.path().join("tallymark.db")), None),
        ("Redis", StoreUrl::Redis(redis.url()), Some(redis.pid())),
    ];
    for (kind, store, server) in stores {
        let mut fill = Fill::open(&store)?;
        fill.add(0..names, 1)?;
        // Some have more than others.
        for some in [names / 2, names / 20, names / 200] {
            fill.add(0..some, 3)?;
        }
        drop(fill);
        let (times, busy) = answers(bench, &store, names)?;
        findings.push(times.finding(kind, names));
        findings.push(Finding {
            work: format!("share of the time of {kind} that ranking {names} names takes, under load"),
            peer: "-".to_owned(),
            ours: format!("{:.2} %", busy * 100.0),
            ratio: "-".to_owned(),
            target: "at most 2 %".to_owned(),
            met: Some(busy <= 0.02),
        });
        let (without, with) = (cpu(bench, &store, server, "off")?, cpu(bench, &store, server, "public")?);
        println!("  {kind}: {without:.2} us a hit without rankings, {with:.2} us with");
        findings.push(Finding {
            work: format!(
                "CPU of daemon and store per hit at {RATE}/s while {names} names in {kind} are ranked"
            ),
            peer: format!("without rankings: {without:.2} us"),
            ours: format!("{with:.2} us"),
            ratio: format!("{:.2} times", with / without),
            target: "-".to_owned(),
            met: None,
        });
    }
    Ok(findings)
}

/// Milliseconds of every answer, path by path.
struct Times(Vec<(&'static str, Vec<f64>)>);

impl Times {
    fn finding(&self, kind: &str, names: u32) -> Finding {
        let p99 = |times: &[f64]| percentile(times, 0.99);
        let worst = self.0.iter().map(|(path, times)| (p99(times), *path)).max_by(|a, b| a.0.total_cmp(&b.0));
        let (worst, path) = worst.unwrap_or_default();
        let all: Vec<f64> = self.0.iter().flat_map(|(_, times)| times).copied().collect();
        for (path, times) in &self.0 {
            println!("  {kind} {path}: p50 {:.1} ms, p99 {:.1} ms", percentile(times, 0.5), p99(times));
        }
        Finding {
            work: format!("pages and lists over {names} names in {kind}, beside {RATE} hits/s"),
            peer: "-".to_owned(),
            ours: format!(
                "p50 {:.1} ms, p99 {:.1} ms; p99 of the slowest ({path}) {worst:.1} ms",
                percentile(&all, 0.5),
                p99(&all)
            ),
            ratio: "-".to_owned(),
            target: "p99 at most 100 ms".to_owned(),
            met: Some(worst <= 100.0),
        }
    }
}

/// How long answers take, and which share of the time the rankings.
fn answers(bench: &Bench, store: &StoreUrl, names: u32) -> anyhow::Result<(Times, f64)> {
    let mut ours = Ours::start(bench, &["serve", "--no-render"], Some(store))?;
    let before = ours.counted()?;
    wait_ranked(&ours)?;
    let seconds = if bench.quick { 5 } else { 30 };
    let load = Load { names, spread: Spread::LogUniform, count: RATE * seconds, rate: Some(RATE), seed: 1 };
    let (target, sent) = (ours.target()?, load.count);
    let (begun, busy) = (Instant::now(), ours.metric("tallymark_ranking_busy_seconds_total")?);
    let sender = thread::spawn(move || load::send(&load, &target).map(|_| ()));
    let mut times = PATHS.map(|path| (path, Vec::new())).to_vec();
    let mut client = Client::connect(ours.http);
    while !sender.is_finished() {
        for (path, times) in &mut times {
            let begun = Instant::now();
            let answer = client.get(path);
            anyhow::ensure!(answer.status == 200, "{path}: {}", answer.status);
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    let busy = (ours.metric("tallymark_ranking_busy_seconds_total")? - busy) / begun.elapsed().as_secs_f64();
    let counted = ours.wait_counted(before + sent)? - before;
    anyhow::ensure!(counted == sent, "{counted} of {sent} hits were counted");
    Ok((Times(times), busy))
}

/// Until names are ranked over all time and today; the first time takes as long as it takes.
fn wait_ranked(ours: &Ours) -> anyhow::Result<()> {
    let begun = Instant::now();
    for path in ["/?period=day", "/"] {
        while !Client::connect(ours.http).get(path).text().contains("tick-1") {
            if begun.elapsed() > Duration::from_secs(900) {
                bail!("{path} was not ranked in a quarter of an hour");
            }
            thread::sleep(Duration::from_millis(500));
        }
        println!("  {path} is ranked after {:.1} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Microseconds of CPU per hit, with rankings or without.
fn cpu(bench: &Bench, store: &StoreUrl, server: Option<u32>, visibility: &str) -> anyhow::Result<f64> {
    let dir = temp_dir();
    let config = dir.path().join("tallymark.toml");
    fs::write(&config, format!("[http]\nvisibility = \"{visibility}\"\n"))?;
    let flags = ["serve", "--no-render", "--config", &config.display().to_string()];
    let mut ours = Ours::start(bench, &flags, Some(store))?;
    let daemon = ours.pid();
    let used = || Ok::<_, anyhow::Error>(usage::cpu(daemon)? + server.map_or(Ok(0.0), usage::cpu)?);
    let load = Load {
        names: bench.scaled(1_000_000) as u32,
        spread: Spread::LogUniform,
        count: bench.scaled(RATE * 30),
        rate: Some(RATE),
        seed: 2,
    };
    let (there, before) = (ours.counted()?, used()?);
    load::send(&load, &ours.target()?)?;
    let counted = ours.wait_counted(there + load.count)? - there;
    Ok((used()? - before) * 1e6 / counted.max(1) as f64)
}
