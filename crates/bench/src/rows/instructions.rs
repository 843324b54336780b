//! Instructions per line of the hot path: a figure that other load on the machine does not affect.

use crate::{Bench, finding::Finding};
use anyhow::{Context, ensure};
use std::process::Command;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let few = bench.scaled(20_000);
    // What starting and ending cost falls out of the difference.
    let each = (counted(2 * few)? - counted(few)?) as f64 / few as f64;
    Ok(vec![Finding {
        work: "instructions per line, datagram to tally, known names".to_owned(),
        peer: "-".to_owned(),
        ours: format!("{each:.1}"),
        ratio: "-".to_owned(),
        target: "-".to_owned(),
        met: None,
    }])
}

/// Instructions of a whole run over N lines.
fn counted(lines: u64) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let output = valgrind.args(["hot-path", &lines.to_string()]).output();
    let output = output.context("apt-get install valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected :"));
    line.context("callgrind tells what it collected")?.1.trim().parse().context("a number")
}
