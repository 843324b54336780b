//! A real syslog-ng, for the chain nginx -> syslog-ng -> Tallymark.

use crate::process::{Process, program};
use crate::{Site, TempDir, free_udp_port, temp_dir};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A running syslog-ng. Killed when dropped.
#[derive(Debug)]
pub struct SyslogNg {
    process: Process,
    dir: TempDir,
    port: u16,
}

impl SyslogNg {
    /// Starts it with the configuration `conf` writes, without its `@version` line. The site's port is free for a
    /// source, TCP or UDP.
    #[track_caller]
    pub fn start(conf: impl FnOnce(&Site<'_>) -> String) -> SyslogNg {
        let (dir, port) = (temp_dir(), free_udp_port());
        let text = conf(&Site { dir: dir.path(), port });
        let file = |name: &str| dir.path().join(name);
        let text = format!("@version: current\n{text}\n");
        fs::write(file("syslog-ng.conf"), text).expect("the temporary directory is writable");
        let mut command = Command::new(program("syslog-ng", "syslog-ng-core"));
        command.args(["--foreground", "--stderr", "--no-caps"]);
        command.arg("--cfgfile").arg(file("syslog-ng.conf")).arg("--persist-file").arg(file("persist"));
        command.arg("--pidfile").arg(file("pid")).arg("--control").arg(file("ctl"));
        let mut process = Process::spawn("syslog-ng", command, dir.path());
        let log = file("syslog-ng.stderr");
        // Written once the sources are bound.
        process.ready("syslog-ng said `starting up`", || crate::process::read(&log).contains("starting up"));
        SyslogNg { process, dir, port }
    }

    /// The port reserved for its source.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends it politely; what it still held is sent first.
    #[track_caller]
    pub fn stop(&mut self) {
        let status = self.process.stop();
        assert!(status.success(), "syslog-ng ended with {status}\n{}", self.process.report());
    }

    /// What it says about itself.
    pub fn log(&self) -> String {
        self.process.stderr()
    }
}
