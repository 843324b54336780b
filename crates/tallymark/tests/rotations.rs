//! Logs that real programs rotate: logrotate, svlogd, and an nginx that buffers what it writes.
//!
//! The daemon is killed and started again around each rotation, also while the live log is empty. The right value is what was
//! written.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod common;

use common::{Kind, PATIENCE, Place, stop};
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tallymark_testbed::{Daemon, Nginx, http, wait_until};

/// A place whose only source is a log.
fn place(kind: &Kind, log: &str) -> Place {
    let mut place = kind.place();
    place.configure(&format!("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"{log}\"\n"));
    place
}

/// Starts it, and waits until it has counted so many.
fn counts(place: &Place, lines: u64) -> Daemon {
    let daemon = place.start("ingest", &[]);
    wait_until("every line is counted", PATIENCE, || place.total("~all") >= lines);
    daemon
}

/// Restarts and kills it: nothing may be counted once more.
fn settle(place: &Place, mut daemon: Daemon, lines: u64) {
    for _ in 0..2 {
        daemon.kill9();
        daemon = counts(place, lines);
    }
    stop(&mut daemon);
    assert_eq!(place.total("~all"), lines, "{}", daemon.stderr());
}

/// Writes lines that are all different.
struct Log {
    path: PathBuf,
    lines: u64,
}

impl Log {
    fn write_to(&mut self, path: &Path, lines: u64) {
        let mut text = String::new();
        for _ in 0..lines {
            self.lines += 1;
            writeln!(text, "\"2020-01-{:02}\",\"o%2Fr{}\"", 1 + self.lines % 28, self.lines).unwrap();
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn write(&mut self, lines: u64) {
        self.write_to(&self.path.clone(), lines);
    }

    /// How many files it has, and the newest of those that can be written to and are not the log itself.
    fn rotated(&self) -> (usize, Option<PathBuf>) {
        let files = fs::read_dir(self.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let rotated: Vec<PathBuf> = files.filter(|path| *path != self.path).collect();
        let plain = rotated.iter().filter(|path| path.extension().is_none_or(|end| end != "gz"));
        let newest = plain.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        (rotated.len(), newest.cloned())
    }
}

#[test]
fn logrotate_in_each_of_its_ways_is_counted_once() {
    const DATED: &str = "dateext\n dateformat -%Y%m%d-%s";
    for how in [
        "create".to_owned(),
        "copytruncate".to_owned(),
        "create\n compress".to_owned(),
        "copytruncate\n compress".to_owned(),
        "create\n compress\n delaycompress".to_owned(),
        format!("create\n {DATED}"),
        format!("copytruncate\n compress\n {DATED}"),
    ] {
        for kind in Kind::both() {
            let place = place(&kind, "DIR/log/badge.log");
            let dir = place.dir().join("log");
            fs::create_dir(&dir).unwrap();
            // logrotate takes nothing that others may write to.
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
            let config = place.dir().join("logrotate.conf");
            let mut log = Log { path: dir.join("badge.log"), lines: 0 };
            fs::write(&config, format!("{} {{\n rotate 20\n {how}\n}}\n", log.path.display())).unwrap();
            log.write(20);
            let mut daemon = counts(&place, log.lines);
            for round in 0..4 {
                let is_down = round % 2 == 1;
                if is_down {
                    daemon.kill9();
                }
                // copytruncate loses what is written between the copy and the truncation, so nothing is.
                log.write(5);
                let before = log.rotated().0;
                wait_until("logrotate has rotated", PATIENCE, || {
                    let mut logrotate = Command::new("/usr/sbin/logrotate");
                    logrotate.arg("-f").arg("-s").arg(place.dir().join("state")).arg(&config);
                    let said = logrotate.output().unwrap();
                    let error = String::from_utf8_lossy(&said.stderr);
                    // A second time within one second it would make a file of the same name.
                    assert!(said.status.success() || error.contains("already exists"), "{how}: {error}");
                    log.rotated().0 > before
                });
                if how.starts_with("create")
                    && let Some(newest) = log.rotated().1
                {
                    // A worker that has not been told yet.
                    log.write_to(&newest, 3);
                }
                if is_down {
                    daemon = counts(&place, log.lines);
                    // While the live log is empty.
                    daemon.kill9();
                    daemon = counts(&place, log.lines);
                } else {
                    wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
                }
            }
            log.write(1);
            wait_until("the new log is read", PATIENCE, || place.total("~all") >= log.lines);
            settle(&place, daemon, log.lines);
        }
    }
}

#[test]
fn files_of_svlogd_are_counted_once() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/log/current");
        let dir = place.dir().join("log");
        fs::create_dir(&dir).unwrap();
        // A small file each time, all of them kept, and packed.
        fs::write(dir.join("config"), "s2000\nn0\n!gzip\n").unwrap();
        let mut svlogd = Command::new("svlogd").arg(&dir).stdin(Stdio::piped()).spawn().unwrap();
        let mut into = svlogd.stdin.take().unwrap();
        wait_until("svlogd writes", PATIENCE, || dir.join("current").exists());
        let mut written = 0;
        let mut write = |lines: u64| {
            for _ in 0..lines {
                written += 1;
                writeln!(into, "\"2020-01-{:02}\",\"o%2Fr{written}\"", 1 + written % 28).unwrap();
            }
            written
        };
        let mut daemon = place.start("ingest", &[]);
        write(1);
        wait_until("the first line is counted", PATIENCE, || place.total("~all") == 1);
        for round in 0..8 {
            let lines = write(150);
            if round % 2 == 0 {
                daemon.kill9();
                write(150);
                daemon = place.start("ingest", &[]);
            } else {
                wait_until("every line is counted", PATIENCE, || place.total("~all") >= lines);
            }
        }
        drop(into);
        assert!(svlogd.wait().unwrap().success());
        let rotated = fs::read_dir(&dir).unwrap().count();
        assert!(rotated > 10, "{rotated} files");
        wait_until("every line is counted", PATIENCE, || place.total("~all") >= written);
        settle(&place, daemon, written);
    }
}

/// What it has in its buffer when it is told to open a new file goes into the old one, which has another name by then.
#[test]
fn nginx_that_buffers_is_counted_once() {
    let nginx = Nginx::start(|site| {
        format!(
            "log_format line '\"$msec\",\"$arg_name\"';\nserver {{ listen 127.0.0.1:{};\n\
             access_log {}/badge.log line buffer=64k flush=1s;\nlocation / {{ return 200; }} }}",
            site.port,
            site.dir.display()
        )
    });
    let log = nginx.dir().join("badge.log");
    let place = place(&Kind::Sqlite, log.to_str().unwrap());
    let mut asked = 0;
    let mut ask = |times: u64| {
        for _ in 0..times {
            asked += 1;
            assert_eq!(http::get(nginx.addr(), &format!("/?name=o/r{asked}")).status, 200);
        }
        asked
    };
    ask(1);
    let mut daemon = counts(&place, 1);
    let pid = fs::read_to_string(nginx.dir().join("nginx.pid")).unwrap();
    for day in 1..=4u64 {
        let before = if day == 1 { 0 } else { 1 + 40 * (day - 1) };
        let lines = ask(40);
        if day % 2 == 0 {
            daemon.kill9();
        }
        let old = nginx.dir().join(format!("badge.log-2020010{day}"));
        fs::rename(&log, &old).unwrap();
        assert!(Command::new("kill").args(["-USR1", pid.trim()]).status().unwrap().success());
        wait_until("nginx has written its buffer", PATIENCE, || {
            log.exists() && fs::read_to_string(&old).unwrap().lines().count() as u64 == lines - before
        });
        if day % 2 == 0 {
            assert!(Command::new("gzip").arg(&old).status().unwrap().success());
            daemon = counts(&place, lines);
        } else {
            wait_until("every line is counted", PATIENCE, || place.total("~all") >= lines);
        }
    }
    settle(&place, daemon, asked);
}
