//! The rows of the table, one file for each kind of work, and the run over all of them.

mod cards;
mod connections;
mod dashboard;
mod draw;
mod growth;
mod http_badge;
mod http_hit;
mod instructions;
mod lag;
mod publish;
mod replay;
mod rotated;
mod rss;
mod start;
mod store;
mod udp_flood;
mod udp_floor;
mod udp_redis;
mod visits;

use crate::{Bench, finding, finding::Finding, machine};
use anyhow::Context;
use std::{fs, process::Command};

/// A row: its command, what it measures, and the measurement.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Bench) -> anyhow::Result<Vec<Finding>>,
}

const fn row(
    name: &'static str,
    about: &'static str,
    run: fn(&Bench) -> anyhow::Result<Vec<Finding>>,
) -> Row {
    Row { name, about, run }
}

pub(crate) const ROWS: &[Row] = &[
    row("udp-redis", "CPU per counted hit, UDP into Redis, beside syslog-ng", udp_redis::run),
    row("udp-flood", "share of a flood that is counted, beside syslog-ng", udp_flood::run),
    row("udp-floor", "CPU per datagram flat out, beside a loop that throws them away", udp_floor::run),
    row("replay", "log lines a second on one core, beside goaccess", replay::run),
    row("publish", "100,000 changed badges, beside a bare loop and ghit.me's cron", publish::all_changed),
    row("publish-incremental", "few changed badges of a million, beside a bare loop", publish::few_changed),
    row("draw", "badges drawn a second, beside badge-maker", draw::run),
    row(
        "http-badge",
        "counted badges a second over HTTP, beside nginx with a file and a log",
        http_badge::run,
    ),
    row("http-hit", "POST /hit, beside hitme-node and beside nginx with a file and a log", http_hit::run),
    row("visits", "counted views of panels, beside snow-trace and beside plain badges", visits::run),
    row("cards", "cards of GitHub accounts, beside nginx with a plain file", cards::run),
    row("connections", "10,000 keep-alive clients at once", connections::run),
    row("lag", "from the wire to the file on disk", lag::run),
    row("rss", "memory with 100,000 and with 1,000,000 active names", rss::run),
    row("growth", "CPU per hit with 1,000,000 names against 10,000", growth::run),
    row("rotated", "a restart beside 1,000 rotated files of a log", rotated::run),
    row("start", "ready with 1,000,000 names in the store", start::run),
    row("dashboard", "every page over a million names, and what reading costs the hits", dashboard::run),
    row("store", "what a name of a batch costs in a store", store::run),
    row("instructions", "instructions per line of the hot path, by callgrind", instructions::run),
];

/// Every row in a process of its own; writes `RESULTS.md`.
pub(crate) fn all(bench: &Bench) -> anyhow::Result<()> {
    let dir = tallymark_testbed::temp_dir();
    let (mut tables, mut failed) = (String::new(), Vec::new());
    for row in ROWS {
        let out = dir.path().join(row.name);
        let mut child = Command::new(std::env::current_exe()?);
        child.args([row.name, "--rounds", &bench.rounds.to_string(), "--out"]).arg(&out);
        if bench.quick {
            child.arg("--quick");
        }
        println!();
        tables += &format!("\n## {}\n\n{}.\n\n", row.name, row.about);
        if child.status()?.success() {
            let findings: Vec<Finding> = serde_json::from_slice(&fs::read(&out)?)?;
            tables += &finding::markdown(&findings);
        } else {
            tables += "Not measured: the row failed.\n";
            failed.push(row.name);
        }
    }
    if !bench.quick {
        let path = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask bench`")?;
        fs::write(std::path::Path::new(&path).join("RESULTS.md"), head(bench) + &tables)?;
    }
    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn head(bench: &Bench) -> String {
    format!(
        "# Measured\n\nWritten by `cargo xtask bench all`; every row is also a command, `cargo xtask bench NAME`. Medians \
         of {} rounds, ours and\nthe peer by turns; ratios are medians of the rounds' ratios. Times belong to the \
         machine, ratios are what is promised.\n\n* date: {}\n* commit: {}\n* machine: {}\n",
        bench.rounds,
        machine::today(),
        machine::commit(),
        machine::line()
    )
}
