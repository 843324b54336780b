//! `cargo xtask ci`: everything that must pass before a merge, the same locally and on the CI machine.

use crate::{edges, run, test};
use anyhow::bail;
use std::time::{Duration, Instant};

/// A step, and why it is there.
struct Step {
    name: &'static str,
    why: &'static str,
    run: fn() -> anyhow::Result<()>,
}

/// The cheap ones first; the tests last, so that their closing lines are the last thing in the log before ours.
const STEPS: &[Step] = &[
    Step { name: "fmt", why: "a diff shows what changed, and nothing else", run: fmt },
    Step {
        name: "edges",
        why: "a room that depends on the wrong room, or a library without a reason, is seen before it spreads",
        run: || edges::run(&[]),
    },
    Step { name: "clippy", why: "it denies unwrap, todo and unsafe where they may not be", run: clippy },
    Step { name: "doc", why: "links between documents break silently", run: doc },
    Step {
        name: "test",
        why: "everything else, with real Redis, nginx, syslog-ng, rsyslog and Chromium",
        run: || test::run(&["--no-fail-fast".to_owned()]),
    },
];

/// Runs every step, also after a failure: one run shows all that is wrong.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    run::no_arguments(args)?;
    let mut failed = Vec::new();
    let mut times = Vec::new();
    for Step { name, why, run } in STEPS {
        println!("\n=== {name}: {why}");
        let begin = Instant::now();
        let outcome = run();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        if let Err(err) = outcome {
            println!("{err:#}");
            failed.push(*name);
        }
        println!("=== {name}: {verdict}, {}", seconds(begin.elapsed()));
        times.push(format!("    {name:<8}{:>8}  {verdict}", seconds(begin.elapsed())));
    }
    println!("\n{}", times.join("\n"));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn fmt() -> anyhow::Result<()> {
    run::check(&mut run::cargo(&["fmt", "--all", "--check"])?)
}

fn clippy() -> anyhow::Result<()> {
    run::check(&mut run::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?)
}

fn doc() -> anyhow::Result<()> {
    let mut doc = run::cargo(&["doc", "--workspace", "--no-deps"])?;
    run::check(doc.env("RUSTDOCFLAGS", "-D warnings"))
}
