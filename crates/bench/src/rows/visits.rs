//! A counted view of a panel with 100,000 counters and 200,000 records: beside what snow-trace does at that size, and
//! beside a plain counted badge of the same daemon.

use crate::{
    Bench,
    fill::Fill,
    finding::Finding,
    median::{Pair, by_turns},
    ours::Ours,
    peers::{self, SnowTrace},
    usage,
};
use anyhow::Context;
use std::{fmt::Display, fs, path::Path, process::Command};
use tallymark_store::StoreUrl;
use tallymark_testbed::temp_dir;

/// What snow-trace itself does in a second at this size, with its HTTP server, on another machine. Its storage alone, which is what runs here, does two to three times as much.
const ORIGINAL: f64 = 11.6;

/// Each of them has this many records.
const RECORDS: u32 = 2;

/// Requests for names, log-uniform, each from an address of its own, so that every one of them counts.
struct Views<'a> {
    script: &'a Path,
    names: u32,
    seconds: u32,
}

/// What one round of them took.
struct Taken {
    /// Seconds a request, so that a ratio above 1 is ours being faster.
    wall: f64,
    /// Seconds of CPU a request.
    cpu: f64,
}

impl Views<'_> {
    fn of(&self, server: &dyn Display, pid: u32, prefix: &str, suffix: &str) -> anyhow::Result<Taken> {
        let before = usage::cpu(pid)?;
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c64", "--timeout", "60s", &format!("-d{}s", self.seconds), "-s"]).arg(self.script);
        wrk.args([&format!("http://{server}"), "--", &self.names.to_string(), prefix, suffix]);
        let text = peers::output(&mut wrk)?;
        anyhow::ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
        let summary = text.lines().find_map(|line| line.trim().split_once(" requests in "));
        let requests: f64 = summary.context("wrk tells how many requests")?.0.parse()?;
        let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        let rate: f64 = rate.context("wrk tells a rate")?.trim().parse()?;
        let cpu = (usage::cpu(pid)? - before) / requests;
        println!("  {prefix}...: {rate:.1}/s, {:.1} us of CPU", cpu * 1e6);
        Ok(Taken { wall: 1.0 / rate, cpu })
    }
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let names = bench.scaled(100_000) as u32;
    let dir = temp_dir();
    let script = dir.path().join("views.lua");
    fs::write(&script, peers::VIEWS)?;
    // Not beside the database: its directory is watched.
    let configs = temp_dir();
    let config = configs.path().join("tallymark.toml");
    fs::write(&config, "[http]\ntrusted-proxies = [\"127.0.0.1\"]\n[visits]\navatars = \"off\"\n")?;
    let store = StoreUrl::Sqlite(dir.path().join("tallymark.db"));
    let mut fill = Fill::open(&store)?;
    fill.add_visits(0..names, RECORDS as usize)?;
    drop(fill);
    let ours = Ours::start(bench, &["serve", "--config", &config.to_string_lossy()], Some(&store))?;
    let snow_trace = SnowTrace::start(names, names * RECORDS)?;
    let views = Views { script: &script, names, seconds: if bench.quick { 2 } else { 10 } };
    let panel = || views.of(&ours.http, ours.pid(), "/v1/visit/", "");
    let badge = || views.of(&ours.http, ours.pid(), "/badge/", ".svg");
    let rate = by_turns(
        bench.rounds,
        || Ok(views.of(&snow_trace.addr(), snow_trace.pid(), "/v1/visit/", "")?.wall),
        || Ok(panel()?.wall),
    )?;
    let cpu = by_turns(bench.rounds, || Ok(panel()?.cpu), || Ok(badge()?.cpu))?;
    Ok(vec![beside_snow_trace(names, &rate), beside_badges(&cpu)])
}

fn beside_snow_trace(names: u32, pair: &Pair) -> Finding {
    let ours = 1.0 / pair.ours;
    Finding {
        work: format!("counted view, {names} counters, {} records, wrk -t1 -c64", names * RECORDS),
        peer: format!(
            "snow-trace: {ORIGINAL}/s elsewhere; its storage alone, here: {:.1}/s",
            1.0 / pair.peer
        ),
        ours: format!("{ours:.0}/s"),
        ratio: format!("{:.0} times; its storage alone: {:.0} times", ours / ORIGINAL, pair.ratio),
        target: "at least 500 times the original".to_owned(),
        met: Some(ours >= 500.0 * ORIGINAL),
    }
}

fn beside_badges(pair: &Pair) -> Finding {
    Finding {
        work: "CPU per counted view of a panel, against a plain counted badge".to_owned(),
        peer: format!("badge: {:.1} us", pair.ours * 1e6),
        ours: format!("panel: {:.1} us", pair.peer * 1e6),
        ratio: format!("{:.2} times", pair.ratio),
        target: "at most 1.5 times".to_owned(),
        met: Some(pair.ratio <= 1.5),
    }
}
