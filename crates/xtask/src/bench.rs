//! `cargo xtask bench NAME|all`: Tallymark compared with what people would use instead, as it is installed.
//!
//! The measurements are in `crates/bench`; this builds them and what they need.

use crate::{packages, run};

/// Builds the binary and the bench, and hands the arguments on.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    packages::ensure_for_bench()?;
    run::check(run::released("tallymark-bench")?.args(args))
}
