//! Running programs, and the two things every command asks: where is the workspace, which cargo.

use anyhow::{Context, bail};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command line was wrong; the process ends with 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// For commands that take no arguments.
pub(crate) fn no_arguments(args: &[String]) -> anyhow::Result<()> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Usage(format!("unexpected argument {arg:?}")).into()),
    }
}

/// The top of the workspace, wherever cargo was called.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    // Asked at run time, so that no path of the building machine is in the program.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = PathBuf::from(here).join("../..");
    root.canonicalize().with_context(|| format!("no workspace at {}", root.display()))
}

/// `cargo ARGS` in the top directory, with the very cargo that runs us.
pub(crate) fn cargo(args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(args).current_dir(root()?);
    Ok(command)
}

/// Builds a program of the workspace and ours as it is installed, and hands back the program. In one call: two would
/// have other features of what both use, and build all of it twice.
pub(crate) fn released(program: &str) -> anyhow::Result<Command> {
    check(&mut cargo(&["build", "--profile", "dist", "--package", "tallymark", "--package", program])?)?;
    let root = root()?;
    let mut command = Command::new(target_dir(&root).join("dist").join(program));
    command.env("CARGO_MANIFEST_DIR", root.join("crates").join(program.trim_start_matches("tallymark-")));
    command.current_dir(root);
    Ok(command)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// A program in the top directory: rustup and git look around them.
pub(crate) fn in_root(program: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(root()?);
    Ok(command)
}

/// What a command prints. A failure is an error with what it said.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{shown}: not text"))
}

/// Shows a command, runs it, and makes a failure an error.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// A command as one would type it: changed variables, the program's name, the arguments.
fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    let program = PathBuf::from(command.get_program());
    words.push(program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|arg| quoted(&arg.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}
