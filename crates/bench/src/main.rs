//! Measurements of Tallymark and the alternatives, in one run on one machine.
//!
//! `cargo xtask bench NAME` builds everything as it is installed and starts this program. Each row has a file in
//! `rows`; it starts its own servers, interleaves ours with the peer, and hands back medians. Under `all`, rows run as
//! separate processes, so that none is affected by the memory or the leftovers of another. Absolute times depend on the
//! machine; only ratios are promised.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod fill;
mod finding;
mod hot;
mod load;
mod machine;
mod median;
mod ours;
mod peers;
mod publishing;
mod rows;
mod usage;
mod wire;

use anyhow::{Context, bail};
use std::path::PathBuf;

/// The settings of every row.
pub(crate) struct Bench {
    /// The release binary.
    tallymark: PathBuf,
    /// How often ours and the peer are measured; medians are shown.
    rounds: usize,
    /// A tenth of the load: to see that a row works, not to read its numbers.
    quick: bool,
}

impl Bench {
    /// The number, or a tenth of it.
    pub(crate) fn scaled(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }
}

const USAGE: &str = "usage: cargo xtask bench NAME|all [--rounds N] [--quick]
       cargo xtask bench send udp:ADDR|unix:PATH COUNT NAMES log-uniform|uniform|sweep [PER-SECOND]";

fn main() -> anyhow::Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    // What the rows start of this very program.
    if let [what, lines] = &args[..]
        && what == "hot-path"
    {
        return hot::run(lines.parse().context("hot-path LINES")?);
    }
    if args.first().is_some_and(|what| what == "send") {
        return send(&args[1..]);
    }
    let quick = take_flag(&mut args, "--quick");
    let rounds = take_value(&mut args, "--rounds")?.map_or(Ok(3), |text| text.parse())?;
    let out = take_value(&mut args, "--out")?.map(PathBuf::from);
    let [name] = &args[..] else { bail!("{}", usage()) };
    wire::allow_many_descriptors()?;
    let bench = Bench { tallymark: tallymark()?, rounds: if quick { rounds.min(3) } else { rounds }, quick };
    if name == "all" {
        return rows::all(&bench);
    }
    let row = rows::ROWS.iter().find(|row| row.name == name).with_context(usage)?;
    println!("{}: {}\n{}", row.name, row.about, machine::line());
    let findings = (row.run)(&bench)?;
    finding::print(&findings);
    if let Some(out) = out {
        std::fs::write(&out, serde_json::to_vec(&findings)?)?;
    }
    Ok(())
}

/// The load generator alone, for a daemon that runs elsewhere.
fn send(args: &[String]) -> anyhow::Result<()> {
    let [to, count, names, spread, rate @ ..] = args else { bail!("{USAGE}") };
    let target = match to.split_once(':') {
        Some(("udp", address)) => load::Target::udp(address.parse()?)?,
        Some(("unix", path)) => load::Target::unix(path.as_ref())?,
        _ => bail!("{to:?} is neither udp:ADDR nor unix:PATH"),
    };
    let spread = match spread.as_str() {
        "log-uniform" => load::Spread::LogUniform,
        "uniform" => load::Spread::Uniform,
        "sweep" => load::Spread::Sweep,
        _ => bail!("{USAGE}"),
    };
    let rate = rate.first().map(|rate| rate.parse()).transpose()?;
    let load = load::Load { names: names.parse()?, spread, count: count.parse()?, rate, seed: 1 };
    let sent = load::send(&load, &target)?;
    println!(
        "{} datagrams in {:.2} s: {:.0}/s",
        sent.datagrams,
        sent.elapsed.as_secs_f64(),
        sent.per_second()
    );
    Ok(())
}

fn usage() -> String {
    let rows = rows::ROWS.iter().map(|row| format!("\n    {:<20}{}", row.name, row.about));
    format!("{USAGE}\n{}", rows.collect::<String>())
}

fn take_flag(args: &mut Vec<String>, flag: &str) -> bool {
    let before = args.len();
    args.retain(|arg| arg != flag);
    args.len() < before
}

fn take_value(args: &mut Vec<String>, flag: &str) -> anyhow::Result<Option<String>> {
    let Some(at) = args.iter().position(|arg| arg == flag) else { return Ok(None) };
    args.remove(at);
    if at == args.len() {
        bail!("{flag} needs a value\n{USAGE}");
    }
    Ok(Some(args.remove(at)))
}

/// The binary under test is beside this one.
fn tallymark() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("tallymark");
    if !path.is_file() {
        bail!("{} is not there: run this as `cargo xtask bench`", path.display());
    }
    Ok(path)
}
