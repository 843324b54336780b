//! The archive for every Linux, and the checksums of everything.

use super::{Release, contents};
use crate::run;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs `tallymark-VERSION-MACHINE-linux.tar.gz`.
pub(super) fn pack(contents: &[contents::Item], out: &Path, release: &Release) -> anyhow::Result<PathBuf> {
    let name = format!("tallymark-{}-{}-linux", release.version, release.machine.name);
    let staging = out.join("unpacked/archive");
    for item in contents {
        contents::place(item, &staging.join(&name), &item.archive)?;
    }
    let file = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--format=gnu",
        "--mode=go=rX,u+rw",
    ]);
    // Without name and time in the head of the compressed file.
    tar.arg(format!("--mtime=@{}", release.epoch)).arg("--use-compress-program=gzip -n");
    run::check(tar.arg("-cf").arg(&file).arg("-C").arg(&staging).arg(&name))?;
    Ok(file)
}

/// Writes `SHA256SUMS`, as `sha256sum --check` reads it in that directory.
pub(super) fn checksums(out: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = run::output(Command::new("sha256sum").args(names).current_dir(out))?;
    fs::write(out.join("SHA256SUMS"), sums).context("cannot write SHA256SUMS")
}
