//! What a machine must have for the tests and measurements: real servers and tools, as Debian packages.
//!
//! Only what is missing is installed: on a machine that has everything, nothing is touched and no network is needed. If
//! something cannot be installed, that is an error with the command to type. No test is ever skipped for it.

use crate::{run, unpacked};
use anyhow::{Context, bail};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian package, the file or program that shows it is there, and what the tests do with it.
struct Package {
    name: &'static str,
    /// A program in PATH or an sbin directory; with a slash, a path, in which one `*` matches a directory.
    shown_by: &'static str,
    purpose: &'static str,
}

const fn package(name: &'static str, shown_by: &'static str, purpose: &'static str) -> Package {
    Package { name, shown_by, purpose }
}

const NEEDED: &[Package] = &[
    package("redis-server", "redis-server", "the shared store"),
    package("redis-tools", "redis-cli", "looks into the shared store from outside"),
    package("nginx", "nginx", "logs the hits and serves the badges"),
    package(
        "libnginx-mod-http-set-misc",
        "/usr/lib/nginx/modules/ngx_http_set_misc_module.so",
        "set_escape_uri, in the nginx configurations",
    ),
    package("syslog-ng-core", "syslog-ng", "stands between nginx and us in many installations"),
    package("apache2-bin", "apache2", "is in front of us where there is no nginx"),
    package("caddy", "caddy", "the same"),
    package("prometheus", "promtool", "checks the alert rules"),
    package("librsvg2-bin", "rsvg-convert", "draws the pictures: a second opinion on our SVG"),
    package("fonts-dejavu-core", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "the font it draws with"),
    package("systemd", "systemd-analyze", "verifies the units and rates their hardening"),
    package("strace", "strace", "kills or fails the daemon at a chosen system call"),
    package("util-linux", "setpriv", "runs the daemon without root's rights"),
    package("gzip", "gzip", "packs logs, as logrotate does"),
    package("logrotate", "logrotate", "rotates logs"),
    package("runit", "svlogd", "rotates logs in its own way"),
    package("xz-utils", "xz", "the same"),
    package("bzip2", "bzip2", "the same"),
    package("zstd", "zstd", "the same"),
    package("curl", "curl", "runs the examples of the README as they are written"),
    package("chromium", "chromium", "walks through the pages"),
    package("nodejs", "node", "runs what drives it"),
    package("npm", "npm", "fetches what drives it"),
    package("python3", "python3", "plays the clients of the systems we replace"),
    package("python3-yaml", "/usr/lib/python3/dist-packages/yaml", "reads the compose files"),
    package(
        "python3-zmq",
        "/usr/lib/python3/dist-packages/zmq",
        "publishes events as Bootic's collector does",
    ),
];

/// What `cargo xtask bench` starts beside ours, and measures with.
const FOR_BENCH: &[Package] = &[
    package("redis-server", "redis-server", "the shared store"),
    package("redis-tools", "redis-cli", "looks into the shared store from outside"),
    package("nginx", "nginx", "a static file and a log line for each request"),
    package("syslog-ng-core", "syslog-ng", "ghit.me's way from nginx to Redis"),
    package("syslog-ng-mod-redis", "/usr/lib/syslog-ng/*/libredis.so", "its four commands per hit"),
    package("python3-redis", "/usr/lib/python3/dist-packages/redis", "ghit.me's cron"),
    package("goaccess", "goaccess", "reads access logs"),
    package("gcc", "gcc", "compiles the bare loops"),
    package("npm", "npm", "brings badge-maker and what hitme-node is made of, which node runs"),
    package("wrk", "wrk", "asks over HTTP, with kept connections"),
    package("apache2-utils", "ab", "asks over HTTP, with a new connection each time"),
    package("util-linux", "taskset", "keeps a program on one core"),
    package("valgrind", "valgrind", "counts instructions"),
];

/// What `cargo xtask dist` packs with; a test does, too.
const FOR_PACKING: &[Package] = &[
    package("binutils", "strip", "removes what only a debugger reads"),
    package("lowdown", "lowdown", "turns the manual into man pages"),
    package("dpkg", "dpkg-deb", "packs for Debian"),
    package("gzip", "gzip", "packs the archive and the man pages"),
];

/// What it builds with.
const FOR_STATIC: &[Package] = &[
    package("gcc", "gcc", "compiles SQLite and ring"),
    package("musl-tools", "musl-gcc", "the same, for a program that needs no library"),
];

/// Installs what the tests need and is missing, or says how to.
pub(crate) fn ensure() -> anyhow::Result<()> {
    installed(NEEDED)?;
    installed(FOR_PACKING)?;
    unpacked::ensure(present("rsyslogd"))
}

/// The same for measurements.
pub(crate) fn ensure_for_bench() -> anyhow::Result<()> {
    installed(FOR_BENCH)
}

/// The same for a package of a program that is there.
pub(crate) fn ensure_for_packing() -> anyhow::Result<()> {
    installed(FOR_PACKING)
}

/// The same for a static program.
pub(crate) fn ensure_for_static() -> anyhow::Result<()> {
    installed(FOR_STATIC)
}

fn installed(needed: &'static [Package]) -> anyhow::Result<()> {
    let missing = missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        println!("missing: {} ({})", package.name, package.purpose);
    }
    let line = format!("apt-get update && apt-get install -y --no-install-recommends {}", names(&missing));
    if !is_root() {
        bail!("this needs more programs than this machine has. As root:\n{line}");
    }
    install(&missing).with_context(|| format!("not installed. By hand: {line}"))?;
    let still = self::missing(needed);
    if !still.is_empty() {
        bail!("installed, but what shows it is still not there: {}", names(&still));
    }
    Ok(())
}

fn missing(needed: &'static [Package]) -> Vec<&'static Package> {
    needed.iter().filter(|package| !present(package.shown_by)).collect()
}

fn names(packages: &[&Package]) -> String {
    packages.iter().map(|package| package.name).collect::<Vec<_>>().join(" ")
}

fn present(shown_by: &str) -> bool {
    // One directory of a path may have a version for its name.
    if let Some((dir, rest)) = shown_by.split_once("/*/") {
        let Ok(versions) = fs::read_dir(dir) else { return false };
        return versions.flatten().any(|version| version.path().join(rest).exists());
    }
    if shown_by.contains('/') {
        return Path::new(shown_by).exists();
    }
    // nginx and syslog-ng live in sbin, which is not in the PATH of ordinary users; the tests find them there.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    std::env::split_paths(&path).any(|dir| dir.join(shown_by).is_file())
}

fn install(packages: &[&Package]) -> anyhow::Result<()> {
    let _quiet = NoServices::begin()?;
    run::check(apt_get().arg("update"))?;
    run::check(
        apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages.iter().map(|it| it.name)),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(std::process::Stdio::null());
    command
}

/// While it lives, packages do not start their services: a test machine needs the programs, and nginx on port 80
/// could even make the installation fail. This is Debian's own switch for that.
struct NoServices(Option<PathBuf>);

impl NoServices {
    fn begin() -> anyhow::Result<NoServices> {
        let path = PathBuf::from("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(NoServices(None)); // the machine has a policy already
        }
        // 101 is "no". Should we be killed before it is removed, it says yes again by itself.
        let us = std::process::id();
        let script = format!("#!/bin/sh\n# Made by cargo xtask test.\n[ ! -d /proc/{us} ] || exit 101\n");
        fs::write(&path, script).context("cannot write policy-rc.d")?;
        let made = NoServices(Some(path.clone()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(made)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

fn is_root() -> bool {
    // /proc/self belongs to the effective user; std has no geteuid.
    fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_or_sbin_and_a_file_by_its_path() {
        assert!(present("sh") && present("/bin/sh") && present("nginx"));
        assert!(!present("no-such-program") && !present("/no/such/file"));
        assert!(present("/usr/*/env") && !present("/usr/*/no-such-file"));
    }
}
