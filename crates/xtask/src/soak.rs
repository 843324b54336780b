//! `cargo xtask soak NAME...` and `cargo xtask fuzz [TARGET...]`: what takes too long for every test run.
//!
//! Both are separate programs; this builds them with the right settings and passes on the arguments.

use crate::{packages, run};

/// Runs scenarios against the binary as it is released.
pub(crate) fn soak(args: &[String]) -> anyhow::Result<()> {
    packages::ensure()?;
    run::check(run::released("tallymark-soak")?.args(args))
}

/// Runs fuzz targets, optimised: a second is then worth many.
pub(crate) fn fuzz(args: &[String]) -> anyhow::Result<()> {
    pass_on(&["run", "--quiet", "--release", "--package", "tallymark-fuzz", "--"], args)
}

fn pass_on(command: &[&str], args: &[String]) -> anyhow::Result<()> {
    run::check(run::cargo(command)?.args(args))
}
