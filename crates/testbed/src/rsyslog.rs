//! A real rsyslog, for the chain nginx -> rsyslog -> Tallymark.
//!
//! Debian lets only one system logger be installed, and the tests use syslog-ng as well. So `cargo xtask test` unpacks
//! rsyslog's packages beside the system, and this finds them there; an installed rsyslog is taken first.

use crate::process::{Process, program_if_there};
use crate::{Site, TempDir, free_udp_port, temp_dir};
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running rsyslog. Killed when dropped.
#[derive(Debug)]
pub struct Rsyslog {
    process: Process,
    dir: TempDir,
    port: u16,
}

/// Where the packages are unpacked: a cache of the user's, which outlives `cargo clean`.
pub fn rsyslog_cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    cache.unwrap_or_else(home).join("tallymark-tests/rsyslog")
}

impl Rsyslog {
    /// Starts it with the configuration `conf` writes, which has to open the site's UDP port.
    #[track_caller]
    pub fn start(conf: impl FnOnce(&Site<'_>) -> String) -> Rsyslog {
        let (dir, port) = (temp_dir(), free_udp_port());
        let file = |name: &str| dir.path().join(name);
        let text = format!("global(workDirectory=\"{}\")\n", dir.path().display());
        let text = text + &conf(&Site { dir: dir.path(), port });
        fs::write(file("rsyslog.conf"), text).expect("the temporary directory is writable");
        let mut command = command();
        // -n: stays in the foreground. -C: leaves the working directory alone.
        command.args(["-n", "-C", "-f"]).arg(file("rsyslog.conf")).arg("-i").arg(file("pid"));
        command.current_dir(dir.path());
        let mut process = Process::spawn("rsyslog", command, dir.path());
        process.ready("it has opened its UDP port", || UdpSocket::bind(("127.0.0.1", port)).is_err());
        Rsyslog { process, dir, port }
    }

    /// The port reserved for its source.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends it politely; what it still held is sent first.
    #[track_caller]
    pub fn stop(&mut self) {
        let status = self.process.stop();
        assert!(status.success(), "rsyslog ended with {status}\n{}", self.process.report());
    }
}

/// The installed program, or the unpacked one with its own libraries and modules.
fn command() -> Command {
    if let Some(installed) = program_if_there("rsyslogd") {
        return Command::new(installed);
    }
    let cache = rsyslog_cache();
    let mut command = Command::new(cache.join("usr/sbin/rsyslogd"));
    let modules = modules(&cache).unwrap_or_else(|| {
        panic!("rsyslog is not in {}. `cargo xtask test` puts it there", cache.display());
    });
    if let Some(libraries) = modules.parent() {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command.arg("-M").arg(modules);
    command
}

/// `usr/lib/x86_64-linux-gnu/rsyslog`, whatever the machine is called.
fn modules(cache: &Path) -> Option<PathBuf> {
    let machines = fs::read_dir(cache.join("usr/lib")).ok()?;
    machines.flatten().map(|machine| machine.path().join("rsyslog")).find(|dir| dir.is_dir())
}
