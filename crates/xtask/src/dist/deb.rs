//! The Debian package, made by dpkg-deb. What happens while it is installed and removed is in deploy/deb.

use super::{Release, contents};
use crate::run;
use anyhow::Context;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
const DOC: &str = "usr/share/doc/tallymark";

/// Packs `tallymark_VERSION_ARCHITECTURE.deb`.
pub(super) fn pack(
    root: &Path,
    contents: &[contents::Item],
    out: &Path,
    release: &Release,
) -> anyhow::Result<PathBuf> {
    let tree = out.join("unpacked/deb");
    for item in contents {
        if let Some(path) = &item.installed {
            contents::place(item, &tree, path)?;
        }
    }
    debian_only(root, &tree, release)?;
    control(root, &tree, release)?;
    run::output(Command::new("chmod").arg("-R").arg("go=rX,u+rw").arg(&tree))?;
    let file = out.join(format!("tallymark_{}_{}.deb", release.version, release.machine.debian));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "--build"]).arg(&tree).arg(&file);
    // With several threads the result would depend on their number.
    build.env("SOURCE_DATE_EPOCH", &release.epoch).env("DPKG_DEB_THREADS_MAX", "1");
    // Other distributions have other defaults, which older Debians cannot unpack.
    if std::env::var_os(COMPRESSOR).is_none() {
        build.env(COMPRESSOR, "xz");
    }
    run::check(&mut build)?;
    Ok(file)
}

/// dpkg-deb's own variable, which the tests set to save time.
const COMPRESSOR: &str = "DPKG_DEB_COMPRESSOR_TYPE";

/// What Debian wants of every package and others do not need.
fn debian_only(root: &Path, tree: &Path, release: &Release) -> anyhow::Result<()> {
    let date = run::output(Command::new("date").args(["-Ru", "-d"]).arg(format!("@{}", release.epoch)))?;
    let changelog = format!(
        "tallymark ({}) unstable; urgency=medium\n\n  * What is new is in CHANGELOG.md.gz.\n\n -- {MAINTAINER}  {date}",
        release.version
    );
    let changelog_file = tree.join(DOC).join("changelog");
    fs::write(&changelog_file, changelog)?;
    run::output(
        Command::new("gzip").arg("-9n").arg(changelog_file).arg(tree.join(DOC).join("CHANGELOG.md")),
    )?;
    fs::copy(root.join("deploy/deb/copyright"), tree.join(DOC).join("copyright"))?;
    let overrides = tree.join("usr/share/lintian/overrides");
    fs::create_dir_all(&overrides)?;
    fs::copy(root.join("deploy/deb/lintian-overrides"), overrides.join("tallymark"))?;
    Ok(())
}

const MAINTAINER: &str = "The Tallymark maintainers <maintainers@tallymark.invalid>";

/// The directory DEBIAN: who needs what, which file is the operator's, and the scripts.
fn control(root: &Path, tree: &Path, release: &Release) -> anyhow::Result<()> {
    let files = files(tree)?;
    let kilobytes = files
        .iter()
        .map(|file| Ok(fs::metadata(tree.join(file))?.len().div_ceil(1024)))
        .sum::<anyhow::Result<u64>>()?;
    let dir = tree.join("DEBIAN");
    fs::create_dir_all(&dir)?;
    let sums = run::output(Command::new("md5sum").args(&files).current_dir(tree))?;
    fs::write(dir.join("md5sums"), sums)?;
    let settings = files.iter().filter(|file| file.starts_with("etc/")).map(|file| format!("/{file}\n"));
    fs::write(dir.join("conffiles"), settings.collect::<String>())?;
    let Release { version, machine, .. } = release;
    let text = format!(
        "Package: tallymark\nVersion: {version}\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {kilobytes}\n\
         Depends: systemd | systemd-standalone-sysusers | systemd-sysusers, systemd | systemd-standalone-tmpfiles | systemd-tmpfiles\n\
         Suggests: nginx, redis-server\nSection: web\nPriority: optional\n\
         Description: self-hosted hit counter for READMEs and web pages\n {}\n",
        machine.debian,
        "Each time a badge is shown, its number goes up by one. The badges are static\n files that nginx serves from disk; \
         nginx logs each request, a daemon counts the\n log lines in SQLite or Redis, and a publisher rewrites the files that \
         changed.",
    );
    fs::write(dir.join("control"), text)?;
    for script in SCRIPTS {
        let to = dir.join(script);
        fs::copy(root.join("deploy/deb").join(script), &to)
            .with_context(|| format!("cannot copy {script}"))?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The paths of all files, sorted.
fn files(tree: &Path) -> anyhow::Result<Vec<String>> {
    let found =
        run::output(Command::new("find").args([".", "-type", "f", "-printf", "%P\n"]).current_dir(tree))?;
    let mut files: Vec<String> = found.lines().map(str::to_owned).collect();
    files.sort();
    Ok(files)
}
