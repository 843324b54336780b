//! The program itself: built for any Linux, stripped, and asked what only it knows.

use crate::{packages, run};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each shell's completions are, in the archive.
pub(super) const SHELLS: [(&str, &str); 3] =
    [("bash", "tallymark.bash"), ("zsh", "_tallymark"), ("fish", "tallymark.fish")];

/// Builds it, and hands back where it is.
pub(super) fn build(target: &str, profile: &str) -> anyhow::Result<PathBuf> {
    packages::ensure_for_static()?;
    let sysroot = run::output(run::in_root("rustc")?.args(["--print", "sysroot"]))?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(target).exists() {
        run::check(run::in_root("rustup")?.args(["target", "add", target])).with_context(|| {
            format!("the standard library for {target} is missing. By hand: rustup target add {target}")
        })?;
    }
    let root = run::root()?;
    let mut build = run::cargo(&[
        "build",
        "--locked",
        "--package",
        "tallymark",
        "--profile",
        profile,
        "--target",
        target,
    ])?;
    // Messages name files of the source. They should not say where this machine has them.
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("no CARGO_HOME and no home")?;
    let remap = [(&root, "/tallymark"), (&home, "/cargo")]
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    // Separated as cargo wants it, because a path may have spaces.
    build.env("CARGO_ENCODED_RUSTFLAGS", remap.join("\u{1f}"));
    // It would be stripped at once, and takes half of the memory of the link.
    build.env(format!("CARGO_PROFILE_{}_DEBUG", profile.to_uppercase().replace('-', "_")), "false");
    run::check(&mut build)?;
    // cargo's one exception: the directory of `dev` has the name that it had before profiles had names.
    let dir = if profile == "dev" { "debug" } else { profile };
    Ok(run::target_dir(&root).join(target).join(dir).join("tallymark"))
}

/// Copies it without what only a debugger reads.
pub(super) fn strip(program: &Path, to: &Path) -> anyhow::Result<()> {
    run::check(Command::new("strip").arg("-o").arg(to).arg(program))
}

/// A package whose number is not that of the program would be found out only by those who install it.
pub(super) fn is_of_version(program: &Path, version: &str) -> anyhow::Result<()> {
    let says = run::output(Command::new(program).arg("--version"))?;
    if says.split_whitespace().nth(1) != Some(version) {
        bail!("the program says {:?}, and this checkout is version {version}", says.trim());
    }
    Ok(())
}

/// Writes the completions of each shell.
pub(super) fn completions(program: &Path, made: &Path) -> anyhow::Result<()> {
    let dir = made.join("completions");
    fs::create_dir_all(&dir)?;
    for (shell, file) in SHELLS {
        fs::write(dir.join(file), run::output(Command::new(program).args(["completions", shell]))?)?;
    }
    Ok(())
}
