//! `cargo xtask dist`: what users install. A static program, an archive, a Debian package and their checksums.
//!
//! What is in them is one table (`contents`). The same program gives the same files to the byte: times are those of the
//! last commit, and owners and order are fixed.

mod archive;
mod contents;
mod deb;
mod manual;
mod program;

use crate::packages;
use crate::run::{self, Usage};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// A machine that we build for.
struct Machine {
    target: &'static str,
    /// As in `uname -m`.
    name: &'static str,
    debian: &'static str,
}

/// The first is the default.
const MACHINES: &[Machine] =
    &[Machine { target: "x86_64-unknown-linux-musl", name: "x86_64", debian: "amd64" }];
/// Wanted, so that a download takes no time and an image is no larger than those of others.
const MOST_BYTES: u64 = 15_000_000;
const USAGE: &str = "usage: cargo xtask dist [--target TRIPLE] [--out DIR] [--profile NAME | --program FILE]\n\n\
    --profile builds with another profile of Cargo.toml, --program packs a program that is there";

/// The arguments.
struct Wanted {
    machine: &'static Machine,
    out: PathBuf,
    profile: String,
    program: Option<PathBuf>,
}

/// What is the same for everything that is packed.
struct Release {
    version: &'static str,
    machine: &'static Machine,
    /// Seconds since 1970: the time of every file.
    epoch: String,
}

/// Builds, packs, and says what has been made.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let root = run::root()?;
    let Wanted { machine, out, profile, program } = wanted(args, &root)?;
    packages::ensure_for_packing()?;
    let release = Release { version: env!("CARGO_PKG_VERSION"), machine, epoch: epoch()? };
    let built = match &program {
        Some(program) => program.clone(),
        None => program::build(machine.target, &profile)?,
    };

    // Made anew, so that nothing of an earlier run is packed.
    let made = out.join("unpacked");
    let _ = fs::remove_dir_all(&made);
    fs::create_dir_all(&made).with_context(|| format!("cannot make {}", made.display()))?;
    let ours = made.join("tallymark");
    program::strip(&built, &ours)?;
    program::is_of_version(&ours, release.version)?;
    program::completions(&ours, &made)?;
    manual::pages(&root, &ours, &made)?;
    let contents = contents::all(&root, &made)?;
    let files = [archive::pack(&contents, &out, &release)?, deb::pack(&root, &contents, &out, &release)?];
    archive::checksums(&out, &files)?;

    let bytes = fs::metadata(&ours)?.len();
    fs::remove_dir_all(&made)?;
    println!("\nthe program: {}", megabytes(bytes));
    for file in &files {
        println!("{}: {}", file.display(), megabytes(fs::metadata(file)?.len()));
    }
    if bytes > MOST_BYTES && program.is_none() && profile == "dist" {
        bail!("the program has {}; at most {} are wanted", megabytes(bytes), megabytes(MOST_BYTES));
    }
    Ok(())
}

fn wanted(args: &[String], root: &Path) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted {
        machine: &MACHINES[0],
        out: run::target_dir(root).join("packages"),
        profile: "dist".to_owned(),
        program: None,
    };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        if flag == "--help" || flag == "-h" {
            return Err(Usage(USAGE.to_owned()).into());
        }
        let mut value = || args.next().ok_or_else(|| Usage(format!("{flag} needs a value\n\n{USAGE}")));
        match flag.as_str() {
            "--target" => wanted.machine = machine(value()?)?,
            "--out" => wanted.out = std::path::absolute(value()?)?,
            "--profile" => wanted.profile.clone_from(value()?),
            "--program" => wanted.program = Some(std::path::absolute(value()?)?),
            _ => return Err(Usage(format!("unexpected argument {flag:?}\n\n{USAGE}")).into()),
        }
    }
    Ok(wanted)
}

fn machine(target: &str) -> anyhow::Result<&'static Machine> {
    let known = MACHINES.iter().find(|machine| machine.target == target);
    let names = || MACHINES.iter().map(|machine| machine.target).collect::<Vec<_>>().join(", ");
    Ok(known.ok_or_else(|| Usage(format!("--target {target}: there are packages for {}", names())))?)
}

/// `SOURCE_DATE_EPOCH`, or else the time of the last commit.
fn epoch() -> anyhow::Result<String> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let epoch = match std::env::var(NAME) {
        Ok(set) => set,
        Err(_) => run::output(run::in_root("git")?.args(["log", "-1", "--format=%ct"]))
            .with_context(|| format!("the files get the time of the last commit. Without git, set {NAME}"))?,
    };
    let epoch = epoch.trim();
    epoch
        .parse::<u32>()
        .with_context(|| format!("{NAME}: {epoch:?} is not a number of seconds since 1970"))?;
    Ok(epoch.to_owned())
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood_or_refused_with_the_usage() {
        let ask = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            wanted(&words, Path::new("/checkout"))
        };
        let plain = ask(&[]).unwrap();
        assert_eq!((plain.machine.debian, plain.profile.as_str()), ("amd64", "dist"));
        let chosen = ask(&["--out", "/o", "--program", "/p", "--target", MACHINES[0].target]).unwrap();
        assert_eq!((chosen.out, chosen.program), (PathBuf::from("/o"), Some(PathBuf::from("/p"))));
        for wrong in [&["--out"][..], &["--targets"], &["--target", "sparc-unknown-none"], &["x"]] {
            assert!(ask(wrong).err().is_some_and(|err| err.is::<Usage>()), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_are_rounded_down_to_a_tenth() {
        assert_eq!([megabytes(14_999_999), megabytes(50_000)], ["14.9 MB", "0.0 MB"]);
    }
}
