//! Log files: lines a second on one core.

use crate::{
    Bench,
    finding::Finding,
    load::{self, Load, Spread},
    machine,
    median::{by_turns, median},
    peers, usage,
};
use anyhow::ensure;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

/// goaccess reads some hundred thousand lines a second, so it gets fewer; ours reads the same file beside it.
const COMBINED: u64 = 1_000_000;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let dir = tallymark_testbed::temp_dir();
    let (badge, combined) = (dir.path().join("badge.log"), dir.path().join("access.log"));
    let lines = bench.scaled(10_000_000);
    write(&badge, lines, record)?;
    let rates = (0..bench.rounds).map(|_| Ok(lines as f64 / ours(bench, &badge, &[], lines)?));
    let rate = median(&rates.collect::<anyhow::Result<Vec<f64>>>()?);
    let lines = bench.scaled(COMBINED);
    write(&combined, lines, access)?;
    let pair = by_turns(
        bench.rounds,
        || goaccess(&combined, dir.path()),
        || ours(bench, &combined, &["--format", "combined"], lines),
    )?;
    Ok(vec![
        Finding {
            work: "lines a second of CPU, badge format, 10,000,000 lines, one core".to_owned(),
            peer: "-".to_owned(),
            ours: format!("{rate:.0}"),
            ratio: "-".to_owned(),
            target: "at least 5,000,000".to_owned(),
            met: Some(rate >= 5e6),
        },
        Finding {
            work: "lines a second of CPU, combined format, 1,000,000 lines, one core".to_owned(),
            peer: format!("goaccess: {:.0}", lines as f64 / pair.peer),
            ours: format!("{:.0}", lines as f64 / pair.ours),
            ratio: format!("{:.1} times", pair.ratio),
            target: "at least 20 times".to_owned(),
            met: Some(pair.ratio >= 20.0),
        },
    ])
}

fn write(path: &Path, count: u64, line: fn(u32, u64, &str) -> String) -> anyhow::Result<()> {
    let load = Load { names: 10_000, spread: Spread::LogUniform, count, rate: None, seed: 1 };
    let date = machine::today();
    let mut file = BufWriter::new(File::create(path)?);
    for (at, pick) in load::picks(&load).into_iter().enumerate() {
        writeln!(file, "{}", line(pick, at as u64, &date))?;
    }
    file.flush()?;
    Ok(())
}

fn record(pick: u32, _at: u64, date: &str) -> String {
    load::record(pick, date)
}

/// As nginx's `combined` has it, of some thousand visitors.
fn access(pick: u32, at: u64, date: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const AGENTS: [&str; 3] = [
        "github-camo (876de43e)",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ];
    let month = date[5..7].parse::<usize>().map_or("Jan", |month| MONTHS[month - 1]);
    let (second, visitor) = (at / 5000 % 60, at * 7919 % 5000);
    format!(
        "203.0.{}.{} - - [{}/{month}/{}:00:00:{second:02} +0000] \"GET /badge.svg?repo={} HTTP/1.1\" 200 1043 \"-\" \"{}\"",
        visitor / 250,
        visitor % 250,
        &date[8..],
        &date[..4],
        load::name(pick),
        AGENTS[(visitor % 3) as usize]
    )
}

/// Seconds of CPU.
fn ours(bench: &Bench, file: &Path, format: &[&str], lines: u64) -> anyhow::Result<f64> {
    let before = usage::children()?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(&bench.tallymark).args(["replay", "--json"]).args(format).arg(file);
    let counted: serde_json::Value = serde_json::from_str(&peers::output(&mut command)?)?;
    let seconds = usage::children()? - before;
    ensure!(counted["accepted"] == lines, "accepted {} of {lines} lines", counted["accepted"]);
    println!("  ours: {seconds:.2} s");
    Ok(seconds)
}

/// Seconds of CPU.
fn goaccess(file: &Path, dir: &Path) -> anyhow::Result<f64> {
    let before = usage::children()?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0", "goaccess"]).arg(file);
    command.args(["--log-format=COMBINED", "--no-progress", "--no-global-config", "-o"]);
    peers::output(command.arg(dir.join("goaccess.json")))?;
    let seconds = usage::children()? - before;
    println!("  goaccess: {seconds:.2} s");
    Ok(seconds)
}
