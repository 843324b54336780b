//! What the tests of packages and containers share: our program, and other programs that must succeed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Our program, as `cargo xtask test` has built it.
pub(crate) fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("tallymark");
    assert!(program.exists(), "{} is missing: `cargo build --workspace --bins`", program.display());
    program
}

/// Runs a command, and hands back what it printed.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|err| panic!("{command:?}: {err}"));
    let text = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}
