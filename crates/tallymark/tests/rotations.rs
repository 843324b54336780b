//! Logs that real programs rotate: logrotate, svlogd, and an nginx that buffers what it writes.
//!
//! The daemon is killed and started again around each rotation, also while the live log is empty. The right value is
//! what was written.

use crate::common::{Kind, PATIENCE, Place, stop};
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use tallymark_testbed::{Daemon, Nginx, http, wait_until};

/// A place whose only source is a log.
fn place(kind: &Kind, log: &str) -> Place {
    let mut place = kind.place();
    place.configure(&format!("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"{log}\"\n"));
    place
}

/// Starts it, and waits until it has counted N lines.
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
                    let started = Instant::now();
                    wait_until("every line is counted", 2 * PATIENCE, || {
                        let total = place.total("~all");
                        let said =
                            || format!("{how:?}, {kind:?}, round {round}, {total}: {}", daemon.stderr());
                        assert!(total >= log.lines || started.elapsed() < PATIENCE, "{}", said());
                        total >= log.lines
                    });
                }
            }
            log.write(1);
            wait_until("the new log is read", PATIENCE, || place.total("~all") >= log.lines);
            settle(&place, daemon, log.lines);
        }
    }
}

/// A rotated file goes into another directory. While it is there it is read on; what is packed there before anybody has
/// seen it there cannot be found, and that is said.
#[test]
fn log_that_is_rotated_into_another_directory_is_counted_once_and_what_cannot_be_found_is_told() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/log/badge.log");
        let dir = place.dir().join("log");
        fs::create_dir_all(dir.join("old")).unwrap();
        for dir in [&dir, &dir.join("old")] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let config = place.dir().join("logrotate.conf");
        let mut log = Log { path: dir.join("badge.log"), lines: 0 };
        let text = format!("{} {{\n rotate 20\n create\n olddir old\n}}\n", log.path.display());
        fs::write(&config, text).unwrap();
        let rotate = || {
            let mut logrotate = Command::new("/usr/sbin/logrotate");
            let logrotate = logrotate.arg("-f").arg("-s").arg(place.dir().join("state")).arg(&config);
            assert!(logrotate.status().unwrap().success());
        };
        let old = |n: u32| dir.join(format!("old/badge.log.{n}"));
        log.write(10);
        let mut daemon = counts(&place, log.lines);
        for _ in 0..2 {
            log.write(3);
            rotate();
            log.write(3);
            log.write_to(&old(1), 2);
            wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
        }
        // While it is down, two of them, one of which it has never seen; late lines; and one that it knows is packed.
        daemon.kill9();
        log.write(4);
        rotate();
        log.write(4);
        log.write_to(&old(1), 2);
        rotate();
        log.write_to(&old(1), 2);
        assert!(Command::new("gzip").arg(old(3)).status().unwrap().success());
        daemon = counts(&place, log.lines);
        assert_eq!(place.metrics().get("tallymark_file_rests_lost_total"), 0);
        // It was never seen there.
        daemon.kill9();
        let before = log.lines;
        log.write(5);
        rotate();
        assert!(Command::new("gzip").arg(old(1)).status().unwrap().success());
        fs::rename(old(1).with_extension("1.gz"), dir.join("old/gone")).unwrap();
        log.write(1);
        log.lines = before + 1;
        daemon = counts(&place, log.lines);
        assert_eq!(place.metrics().get("tallymark_file_rests_lost_total"), 1);
        settle(&place, daemon, log.lines);
    }
}

/// A link leads to the log of today; it is switched while the daemon runs, and while it does not.
#[test]
fn log_behind_a_link_that_is_switched_is_counted_once() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/badge.log");
        let mut log = Log { path: place.dir().join("badge.log"), lines: 0 };
        let target = |day: u64| match day % 2 {
            0 => place.dir().join(format!("hits.2020-01-0{day}.txt")),
            _ => place.dir().join(format!("release-{day}/badge.log")),
        };
        let switch = |day: u64| {
            fs::create_dir_all(target(day).parent().unwrap()).unwrap();
            OpenOptions::new().create(true).append(true).open(target(day)).unwrap();
            std::os::unix::fs::symlink(target(day), place.dir().join("next")).unwrap();
            fs::rename(place.dir().join("next"), place.dir().join("badge.log")).unwrap();
        };
        switch(1);
        log.write(5);
        let mut daemon = counts(&place, log.lines);
        for day in 2..=8 {
            let is_down = day % 3 == 0;
            if is_down {
                daemon.kill9();
            }
            log.write(4);
            switch(day);
            log.write(3);
            log.write_to(&target(day - 1), 2);
            if day == 6 {
                assert!(Command::new("gzip").arg(target(day - 1)).status().unwrap().success());
            }
            if is_down {
                daemon = counts(&place, log.lines);
            } else {
                wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
            }
        }
        // Back to the one before.
        switch(7);
        log.write(3);
        wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
        assert_eq!(place.metrics().get("tallymark_file_rests_lost_total"), 0);
        settle(&place, daemon, log.lines);
    }
}

/// A directory on the way is a link, which is switched twice while the daemon is down. What nobody saw is told.
#[test]
fn log_below_a_link_that_is_switched_twice_is_counted_or_told() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/current/badge.log");
        let of = |release: u64| place.dir().join(format!("release-{release}/badge.log"));
        let switch = |release: u64| {
            fs::create_dir_all(of(release).parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(format!("release-{release}"), place.dir().join("next")).unwrap();
            fs::rename(place.dir().join("next"), place.dir().join("current")).unwrap();
        };
        let mut log = Log { path: place.dir().join("current/badge.log"), lines: 0 };
        switch(9);
        log.write(30);
        let mut daemon = counts(&place, log.lines);
        daemon.kill9();
        switch(10);
        log.write_to(&of(10), 5);
        switch(11);
        log.write(50);
        let daemon = counts(&place, 80);
        wait_until("it is told", PATIENCE, || place.metrics().get("tallymark_file_rests_lost_total") == 1);
        settle(&place, daemon, 80);
    }
}

/// As `cp -a` does it.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// A container without a volume, and a backup that is put back. In SQLite the counts go back with the positions; in
/// Redis neither does. The log is rotated and compressed in the meantime.
#[test]
fn log_beside_a_data_directory_that_is_lost_or_old_is_counted_once() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/badge.log");
        let mut log = Log { path: place.dir().join("badge.log"), lines: 0 };
        let old = |n: u32| place.dir().join(format!("badge.log.{n}"));
        log.write(20);
        let mut daemon = counts(&place, log.lines);
        stop(&mut daemon);
        copy(&place.data_dir(), &place.dir().join("backup"));
        daemon = counts(&place, log.lines);
        log.write(10);
        fs::rename(&log.path, old(1)).unwrap();
        log.write(5);
        wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
        stop(&mut daemon);
        log.write(5);
        fs::rename(old(1), old(2)).unwrap();
        assert!(Command::new("gzip").arg(old(2)).status().unwrap().success());
        fs::rename(&log.path, old(1)).unwrap();
        log.write(5);
        fs::remove_dir_all(place.data_dir()).unwrap();
        fs::rename(place.dir().join("backup"), place.data_dir()).unwrap();
        daemon = counts(&place, log.lines);
        log.write(3);
        wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
        assert_eq!(place.metrics().get("tallymark_file_rests_lost_total"), 0);
        daemon.kill9();
        if matches!(kind, Kind::Redis(_)) {
            // The positions are beside the counts.
            log.write(2);
            fs::rename(old(1), old(3)).unwrap();
            fs::rename(&log.path, old(1)).unwrap();
            log.write(2);
            fs::remove_dir_all(place.data_dir()).unwrap();
        }
        daemon = counts(&place, log.lines);
        settle(&place, daemon, log.lines);
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

/// Two logs of one daemon, and what may happen that makes one file the file of both. It is counted once, by the source that
/// had it, and the other says so.
#[test]
fn file_that_two_sources_come_upon_is_counted_once() {
    for what in ["switched", "linked", "swapped", "moved", "rotated", "from another directory"] {
        Kind::both().iter().for_each(|kind| two_sources(kind, what));
    }
}

fn two_sources(kind: &Kind, what: &str) {
    let mut place = kind.place();
    let source = |path: &str| format!("[[source]]\nkind = \"file\"\npath = \"DIR/{path}\"\n");
    let sources = source("red/one.log") + &source("blue/two.log");
    place.configure(&format!("[store]\ntick = \"20ms\"\n{sources}"));
    let [red, blue] = ["red", "blue"].map(|name| place.dir().join(name));
    for dir in [&red, &blue] {
        fs::create_dir(dir).unwrap();
    }
    let (one, two) = (red.join("one.log"), blue.join("two.log"));
    let mut log = Log { path: two.clone(), lines: 0 };
    log.write(10);
    log.write_to(&red.join("real.log"), 10);
    std::os::unix::fs::symlink(red.join("real.log"), &one).unwrap();
    let mut daemon = counts(&place, log.lines);
    match what {
        "switched" => {
            std::os::unix::fs::symlink(&two, red.join("next")).unwrap();
            fs::rename(red.join("next"), &one).unwrap();
        }
        "linked" => {
            fs::hard_link(&two, red.join("next")).unwrap();
            fs::rename(red.join("next"), &one).unwrap();
        }
        "swapped" => {
            fs::rename(red.join("real.log"), red.join("next")).unwrap();
            fs::rename(&two, red.join("real.log")).unwrap();
            fs::rename(red.join("next"), &two).unwrap();
        }
        "moved" => fs::rename(red.join("real.log"), &two).unwrap(),
        "rotated" => {
            fs::rename(&two, blue.join("two.log.1")).unwrap();
            log.write(3);
            wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
            fs::rename(blue.join("two.log.1"), red.join("real.log.1")).unwrap();
            log.write_to(&red.join("real.log.1"), 3);
        }
        _ => {
            fs::rename(&two, blue.join("two.log.1")).unwrap();
            fs::rename(blue.join("two.log.1"), red.join("next")).unwrap();
            fs::rename(red.join("next"), red.join("real.log")).unwrap();
        }
    }
    for _ in 0..3 {
        log.write(5);
        log.write_to(&one, 5);
        // As long as both have one file, no command accepts these sources.
        wait_until("every line is counted", PATIENCE, || place.metrics().lines("file")[1] >= log.lines);
    }
    let ready = || http::get(place.addr(), "/readyz").text().to_owned();
    if ["switched", "linked"].contains(&what) {
        wait_until("it is said", PATIENCE, || ready().contains("another [[source]] reads"));
    } else {
        // Also at the next start.
        daemon.kill9();
        daemon = counts(&place, log.lines);
    }
    // A file of its own again.
    let _ = fs::remove_file(&one);
    log.write_to(&one, 5);
    log.write(5);
    wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
    if what != "rotated" {
        wait_until("all is well", PATIENCE, || !ready().contains("another [[source]]"));
    }
    let said = || format!("{what}, {kind:?}: {}", daemon.stderr());
    assert_eq!(place.total("~all"), log.lines, "{}", said());
    // One was overwritten, and may have had more.
    let lost = u64::from(what == "from another directory");
    assert_eq!(place.metrics().get("tallymark_file_rests_lost_total"), lost, "{}", said());
    settle(&place, daemon, log.lines);
}

/// One by its path and one by a link, in either order. The log is rotated or edited while the daemon is down; then one of the
/// sources is removed, and the other goes on.
#[test]
fn log_of_two_sources_that_is_rotated_while_the_daemon_is_down_is_counted_once() {
    const ROTATIONS: [&str; 4] = [
        "mv one.log one.log.1; : > one.log",
        "cp one.log one.log.1; : > one.log",
        "cp -a one.log one.log.bak; sed -i 1,3d one.log",
        "mv one.log one.log.1; gzip one.log.1",
    ];
    let room = "for n in 8 7 6 5 4 3 2 1; do for end in '' .gz; do \
                [ ! -e one.log.$n$end ] || mv one.log.$n$end one.log.$((n + 1))$end; done; done";
    let other_ways = ["link.log", "current/one.log", "deep/../one.log"];
    for (at, (rotation, kind)) in
        ROTATIONS.iter().flat_map(|what| Kind::both().map(|kind| (what, kind))).enumerate()
    {
        let mut place = kind.place();
        fs::create_dir_all(place.dir().join("logs/sub")).unwrap();
        for (to, link) in [("logs/one.log", "link.log"), ("logs", "current"), ("logs/sub", "deep")] {
            std::os::unix::fs::symlink(to, place.dir().join(link)).unwrap();
        }
        let mut both = ["logs/one.log", other_ways[at % 3]];
        if at % 4 > 1 {
            both.reverse();
        }
        let configure = |place: &mut Place, logs: &[&str]| {
            let source = |log: &&str| format!("[[source]]\nkind = \"file\"\npath = \"DIR/{log}\"\n");
            let sources: String = logs.iter().map(source).collect();
            place.configure(&format!("[store]\ntick = \"20ms\"\n{sources}"));
        };
        let rotate = |place: &Place| {
            let script = format!("{room}; {rotation}");
            let run = Command::new("sh").args(["-c", &script]).current_dir(place.dir().join("logs")).status();
            assert!(run.unwrap().success(), "{rotation}");
        };
        let mut log = Log { path: place.dir().join("logs/one.log"), lines: 0 };
        log.write(20);
        configure(&mut place, &both[..1]);
        let mut daemon = counts(&place, 20);
        for sources in [&both[..], &both, &both[1..], &both, &both[..1]] {
            daemon.kill9();
            rotate(&place);
            log.write(10);
            configure(&mut place, sources);
            daemon = counts(&place, log.lines);
            log.write(10);
            wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
            assert_eq!(
                place.total("~all"),
                log.lines,
                "{rotation} {sources:?} {kind:?}: {}",
                daemon.stderr()
            );
        }
        settle(&place, daemon, log.lines);
    }
}

/// `sed -i.bak`, and a log that is put back from its copy, beside a running daemon.
#[test]
fn log_with_a_copy_beside_it_is_counted_once_whatever_is_done_to_it() {
    for (what, lines, left) in [
        ("sed -i.bak '$d' b.log", 100, 100),
        ("sed -i.bak 98,100d b.log", 100, 100),
        ("cp b.log b.log.bak; sed -i '$d' b.log", 100, 100),
        ("cp -p b.log b.log.bak; echo '\"2020-01-01\",\"x\"' >> b.log; WAIT; cp b.log.bak b.log", 25, 26),
        (
            "cp -p b.log b.log.bak; echo '\"2020-01-01\",\"x\"' >> b.log; WAIT; cp -p b.log.bak n; mv n b.log",
            25,
            26,
        ),
    ] {
        for kind in Kind::both() {
            let place = place(&kind, "DIR/b.log");
            let mut log = Log { path: place.dir().join("b.log"), lines: 0 };
            log.write(lines);
            let daemon = counts(&place, lines);
            for (at, part) in what.split(" WAIT; ").enumerate() {
                let run = Command::new("sh").args(["-c", part]).current_dir(place.dir()).status();
                assert!(run.unwrap().success(), "{part}");
                let expect = if at == 0 && what.contains("WAIT") { left } else { lines };
                wait_until("every line is counted", PATIENCE, || place.total("~all") >= expect);
            }
            if what.contains("WAIT") {
                // The look that finds out which file is which comes with the next line, too.
                wait_until("it is read again", PATIENCE, || {
                    log.write(1);
                    place.total("~all") > left
                });
            }
            log.write(5);
            let all = left + log.lines - lines;
            wait_until("every line is counted", PATIENCE, || place.total("~all") >= all);
            settle(&place, daemon, all);
        }
    }
}

/// `sed -i` on a log, from its first lines on, while the daemon runs and while it does not.
#[test]
fn log_that_sed_edits_again_and_again_is_counted_once() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/log/badge.log");
        let dir = place.dir().join("log");
        fs::create_dir(&dir).unwrap();
        let mut log = Log { path: dir.join("badge.log"), lines: 0 };
        log.write(4);
        let mut daemon = counts(&place, log.lines);
        for (round, edit) in ["$d", "1s/r/x/", "2d", "$d"].into_iter().cycle().take(12).enumerate() {
            let is_down = round % 2 == 1;
            if is_down {
                daemon.kill9();
            }
            assert!(Command::new("sed").arg("-i").arg(edit).arg(&log.path).status().unwrap().success());
            log.write(round as u64 % 3);
            if is_down {
                daemon = counts(&place, log.lines);
            } else {
                wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
            }
        }
        log.write(3);
        wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
        settle(&place, daemon, log.lines);
    }
}

/// A web server has the log open that `sed -i` replaces, and writes on into the file that has no name any more.
#[test]
fn log_that_sed_edits_while_its_writer_has_it_open_is_counted_once() {
    for kind in Kind::both() {
        let place = place(&kind, "DIR/log/badge.log");
        fs::create_dir(place.dir().join("log")).unwrap();
        let mut log = Log { path: place.dir().join("log/badge.log"), lines: 0 };
        log.write(100);
        let daemon = counts(&place, log.lines);
        for _ in 0..3 {
            let open = fs::File::open(&log.path).unwrap();
            let former = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
            assert!(Command::new("sed").args(["-i", "$d"]).arg(&log.path).status().unwrap().success());
            for _ in 0..2 {
                log.write_to(&former, 3);
                wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
            }
            // It opens its log again.
            log.write(10);
            wait_until("every line is counted", PATIENCE, || place.total("~all") >= log.lines);
        }
        assert!(daemon.stderr().contains("nginx -s reopen"), "{}", daemon.stderr());
        settle(&place, daemon, log.lines);
    }
}
