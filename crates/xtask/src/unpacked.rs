//! rsyslog beside the system: Debian lets only one system logger be installed, and the tests use two.
//!
//! Its packages are downloaded and unpacked into the user's cache; nothing of the system is touched, no package is
//! installed and no service started. The testbed finds it there.

use crate::run;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rsyslogd needs and no other package of the tests brings.
const PACKAGES: [&str; 3] = ["rsyslog", "libestr0", "libfastjson4"];
const PROGRAM: &str = "usr/sbin/rsyslogd";

/// The same place as `tallymark_testbed::rsyslog_cache`.
fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    cache.unwrap_or_else(home).join("tallymark-tests/rsyslog")
}

/// Unpacks it, unless it is there or `installed`.
pub(crate) fn ensure(installed: bool) -> anyhow::Result<()> {
    let cache = cache();
    if installed || cache.join(PROGRAM).is_file() {
        return Ok(());
    }
    println!("missing: rsyslog (brings lines over TCP, as in examples/rsyslog.conf)");
    // Made aside and renamed, so that an interrupted run leaves nothing half.
    let aside = cache.with_extension(format!("new-{}", std::process::id()));
    let made = unpack(&aside).and_then(|()| {
        let _ = fs::remove_dir_all(&cache);
        fs::rename(&aside, &cache).with_context(|| format!("cannot rename it to {}", cache.display()))
    });
    let _ = fs::remove_dir_all(&aside);
    made.with_context(|| {
        format!(
            "rsyslog is not in {}. By hand: apt-get download {}, and `dpkg -x` each into it",
            cache.display(),
            PACKAGES.join(" ")
        )
    })
}

fn unpack(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    if run::check(&mut download(dir)).is_err() {
        // On a new machine the lists are empty, and only root may fetch them.
        run::check(Command::new("apt-get").arg("update"))?;
        run::check(&mut download(dir))?;
    }
    for entry in fs::read_dir(dir)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            run::check(Command::new("dpkg").arg("-x").arg(&file).arg(dir))?;
            fs::remove_file(&file)?;
        }
    }
    if !dir.join(PROGRAM).is_file() {
        bail!("the packages have no {PROGRAM}");
    }
    Ok(())
}

/// Into `dir`, where apt's own user may not be able to write: as root it then downloads without that user.
fn download(dir: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("download").args(PACKAGES).current_dir(dir);
    command
}

#[cfg(test)]
mod tests {
    #[test]
    fn testbed_looks_where_it_is_unpacked() {
        assert_eq!(super::cache(), tallymark_testbed::rsyslog_cache());
    }
}
