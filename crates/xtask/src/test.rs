//! `cargo xtask test [ARGS]`: every test of the workspace, with the real servers.

use crate::{browser, packages, run};
use std::{env, num::NonZero, thread};

/// How many tests of a program run at once; `cargo test` reads it too.
const THREADS: &str = "RUST_TEST_THREADS";

/// Checks the machine, builds the programs that tests start, and runs `cargo test`.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    packages::ensure()?;
    browser::ensure()?;
    // Tests of one crate may start the program of another, which `cargo test` alone does not build. Without the tests, the
    // libraries would have other features, and be built twice.
    run::check(&mut run::cargo(&["build", "--workspace", "--bins", "--tests"])?)?;
    let mut test = run::cargo(&["test"])?;
    if !args.iter().any(|arg| selects_packages(arg)) {
        test.arg("--workspace");
    }
    // A golden file that is missing or differs is a failure, never rewritten on the way.
    test.args(args).env("INSTA_UPDATE", "no");
    // The tests of the binary wait for servers more than they compute. Twice as many at a time as there are processors.
    if env::var_os(THREADS).is_none() {
        let processors = thread::available_parallelism().map_or(2, NonZero::get);
        test.env(THREADS, (2 * processors).to_string());
    }
    run::check(&mut test)
}

/// `--workspace` would override a choice of packages without a word.
fn selects_packages(arg: &str) -> bool {
    arg == "-p" || arg == "--package" || arg.starts_with("--package=") || arg == "--workspace"
}
