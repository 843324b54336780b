//! Every page and list with a million names in the store, while hits come in; and what they and the rankings cost those
//! hits.

mod asked;
mod beside;

use crate::{
    Bench,
    fill::Fill,
    finding::Finding,
    load,
    median::{median, percentile},
    ours::Ours,
};
use anyhow::bail;
use asked::{PERIODS, Times};
use beside::{Beside, RATE};
use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};
use tallymark_core::{Day, Minute, When};
use tallymark_store::StoreUrl;
use tallymark_testbed::{Redis, http::Client, temp_dir};

/// How long the first ranking may take before the row gives up.
const PATIENCE: Duration = Duration::from_secs(1800);

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let names = bench.scaled(1_000_000) as u32;
    let (dir, redis) = (temp_dir(), Redis::start());
    let mut findings = Vec::new();
    let stores = [
        ("SQLite", StoreUrl::Sqlite(dir.path().join("tallymark.db")), None),
        ("Redis", StoreUrl::Redis(redis.url()), Some(redis.pid())),
    ];
    for (kind, store, server) in stores {
        let begun = Instant::now();
        fill(&store, names)?;
        println!("  {kind}: {names} names after {:.0} s", begun.elapsed().as_secs_f64());
        findings.extend(measure(bench, kind, &store, server, names)?);
    }
    Ok(findings)
}

/// A month that some names have a past in, an hour whose every minute has names, and the present minute with all.
fn fill(store: &StoreUrl, names: u32) -> anyhow::Result<()> {
    let mut fill = Fill::open(store)?;
    let now = tallymark_ingest::source::now();
    for back in (1..30).rev() {
        let noon = Minute(Day(now.day().0 - back).first_minute().0 + 720);
        fill.add_at(0..names / 50, 2, When::Minute(noon))?;
    }
    for back in (1..60).rev() {
        fill.add_at(0..names / 200, 2, When::Minute(Minute(now.minute().0 - back)))?;
    }
    fill.add(0..names, 1)?;
    // Some have more than others.
    for some in [names / 2, names / 20, names / 200] {
        fill.add(0..some, 3)?;
    }
    Ok(())
}

fn measure(
    bench: &Bench,
    kind: &str,
    store: &StoreUrl,
    server: Option<u32>,
    names: u32,
) -> anyhow::Result<Vec<Finding>> {
    let dir = temp_dir();
    let config = |visibility: &str| -> anyhow::Result<PathBuf> {
        let path = dir.path().join(format!("{visibility}.toml"));
        fs::write(&path, format!("[http]\nvisibility = \"{visibility}\"\n"))?;
        Ok(path)
    };
    let (off, public) = (config("off")?, config("public")?);
    let alone = Beside { bench, store, server, names, config: &off };
    let (without, _) = alone.serve()?.hits(|_, _| Ok(()))?;
    let mut served = Beside { config: &public, ..alone }.serve()?;
    let first = wait_ranked(&served.ours)?;
    println!("  {kind}: first ranked after {first:?}");
    let (with, _) = served.hits(|_, _| Ok(()))?;
    let mut times = Times::default();
    let (read, busy) = served.hits(|ours, going| asked::ask(ours, names, going, &mut times))?;
    times.print(kind);
    println!("  {kind}: alone {without}\n  {kind}: beside rankings {with}\n  {kind}: beside both {read}");
    let row = |work: String, peer: String, ours: String, ratio: f64, target: &str, met| Finding {
        work,
        peer,
        ours,
        ratio: if ratio > 0.0 { format!("{ratio:.2} times") } else { "-".to_owned() },
        target: target.to_owned(),
        met,
    };
    let (all, worst, path) = times.summary();
    let ages = PERIODS.map(|period| format!("{period} {:.0}", median(times.ages(period))));
    let oldest = PERIODS.map(|period| percentile(times.ages(period), 1.0)).into_iter().fold(0.0, f64::max);
    Ok(vec![
        row(
            format!("{} pages and answers over {names} names in {kind}, beside {RATE} hits/s", times.paths()),
            "-".to_owned(),
            format!(
                "p50 {:.1} ms, p99 {:.1} ms; p99 of the slowest ({path}) {worst:.1} ms",
                percentile(&all, 0.5),
                percentile(&all, 0.99)
            ),
            0.0,
            "p99 of each at most 100 ms",
            Some(worst <= 100.0),
        ),
        row(
            format!("seconds until {names} names in {kind} are ranked for the first time"),
            "-".to_owned(),
            first.iter().map(|(period, took)| format!("{period} {took:.0}")).collect::<Vec<_>>().join(", "),
            0.0,
            "-",
            None,
        ),
        row(
            format!("age of the rankings of {names} names in {kind}, beside {RATE} hits/s, in seconds"),
            "-".to_owned(),
            format!("median {}; oldest {oldest:.0}", ages.join(", ")),
            0.0,
            "-",
            None,
        ),
        row(
            format!("share of the time of {kind} that ranking {names} names takes, under load"),
            "-".to_owned(),
            format!("{:.2} %", busy * 100.0),
            0.0,
            "at most 2 %",
            Some(busy <= 0.02),
        ),
        row(
            format!("CPU of daemon and store per hit while {names} names in {kind} are ranked"),
            format!("without rankings: {:.2} us", without.cpu),
            format!("{:.2} us", with.cpu),
            with.cpu / without.cpu,
            "-",
            None,
        ),
        row(
            format!(
                "hits on their way into {kind}, {RATE}/s, while one reader asks for pages without a pause"
            ),
            format!("without readers or rankings: {without}"),
            format!("{read}"),
            read.lag_p99 / without.lag_p99,
            "none lost; p99 of the lag at most 1.25 times",
            Some(read.lag_p99 <= 1.25 * without.lag_p99),
        ),
    ])
}

/// Until names are ranked over every period; the first time takes as long as it takes. What was never ranked says so.
fn wait_ranked(ours: &Ours) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let (begun, mut first) = (Instant::now(), Vec::new());
    while first.len() < PERIODS.len() {
        for period in PERIODS {
            let path = format!("/api/v1/counters?sort=count&limit=1&period={period}");
            let answer = Client::connect(ours.http).get(&path);
            let known = first.iter().any(|&(known, _)| known == period);
            match answer.status {
                // Every name was hit today, and of an hour or a minute that has just begun there may be nothing yet.
                200 if !known
                    && (answer.text().contains(&load::name(0)) || ["hour", "minute"].contains(&period)) =>
                {
                    first.push((period, begun.elapsed().as_secs_f64()));
                }
                200 | 503 => {}
                status => bail!("{path}: {status}"),
            }
        }
        if begun.elapsed() > PATIENCE {
            bail!("not ranked in half an hour; only {first:?}");
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(first)
}
