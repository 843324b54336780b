//! Directories that may not be written and logs that may not be read: as an ordinary user, and on a disk that is
//! mounted read-only where the test may mount one. What cannot work at all is refused by name; the rest continues, and
//! recovers.

use crate::common::{PATIENCE, Place, line, program, stop};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};
use tallymark_testbed::{Daemon, DaemonBuilder, http, is_root, wait_until};

/// A user that may write only where permitted.
const NOBODY: u32 = 65534;

/// The group that reads the logs of a Debian.
const ADM: u32 = 4;

/// A place that an ordinary user may use, and the binary where he may run it.
fn place(config: &str) -> Place {
    let place = if config.is_empty() { Place::new() } else { Place::with_config(config) };
    if is_root() {
        mode(place.dir(), 0o777);
        let copy = place.dir().join("tallymark");
        if fs::hard_link(program(), &copy).is_err() {
            // By another process: see users.rs.
            assert!(std::process::Command::new("cp").arg(program()).arg(&copy).status().unwrap().success());
        }
    }
    place
}

/// The daemon as an ordinary user: as nobody, if we are root.
fn ordinary(place: &Place, more: &[&str]) -> DaemonBuilder {
    let builder = if is_root() {
        let id = NOBODY.to_string();
        let user = ["--reuid", &id, "--regid", &id, "--clear-groups", "--"];
        Daemon::builder("setpriv").args(user).arg(place.dir().join("tallymark"))
    } else {
        Daemon::builder(program())
    };
    let badges = place.badges_dir().display().to_string();
    let builder = builder.arg("serve").args(place.flags()).args(place.listen_flags());
    builder.args(["--badges-dir", &badges]).args(more).cwd("/")
}

#[track_caller]
fn start(place: &Place, more: &[&str]) -> Daemon {
    let mut daemon = ordinary(place, more).start();
    wait_until("it is ready", PATIENCE, || {
        assert!(daemon.is_running(), "it ended:\n{}", daemon.stderr());
        http::try_request("GET", place.addr(), "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
    });
    daemon
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A directory with this mode that is not the ordinary user's, if we can make one that is not.
fn dir(path: &Path, bits: u32) {
    fs::create_dir_all(path).unwrap();
    mode(path, bits);
}

/// A mounted file system, until dropped.
struct Mount(PathBuf);

impl Mount {
    /// `None` without the right to.
    fn read_only(path: &Path) -> Option<Mount> {
        fs::create_dir_all(path).unwrap();
        let options = ["-t", "tmpfs", "-o", "ro,mode=0777", "tallymark-test"];
        let mounted = is_root()
            && Command::new("mount").args(options).arg(path).output().is_ok_and(|it| it.status.success());
        mounted.then(|| Mount(path.to_owned()))
    }

    fn make_writable(&self) {
        let status = Command::new("mount").args(["-o", "remount,rw"]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that still has a file open keeps it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[track_caller]
fn refused(place: &Place, more: &[&str], parts: &[&str]) {
    let mut daemon = ordinary(place, more).start();
    let status = daemon.wait(PATIENCE);
    let said = daemon.stderr();
    assert_eq!(status.code(), Some(1), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
}

#[test]
fn state_or_database_that_cannot_be_written_is_refused_with_its_name_and_the_reason() {
    let place = place("");
    let elsewhere = place.dir().join("elsewhere");
    let database = format!("sqlite:{}", elsewhere.join("counts.db").display());
    // What a start finds that may not make it.
    dir(&place.data_dir(), 0o555);
    refused(&place, &[], &[&place.data_dir().display().to_string(), "Permission denied"]);
    mode(&place.data_dir(), 0o777);
    dir(&elsewhere, 0o555);
    refused(&place, &["--store", &database], &["counts.db", "unable to open"]);
    mode(&elsewhere, 0o777);
    // And one that finds what was made before.
    let mut daemon = start(&place, &["--store", &database]);
    place.hit("o/r");
    stop(&mut daemon);
    // It is there, so it is the right one, and hits wait until it can be written.
    let file = elsewhere.join("counts.db");
    mode(&file, 0o444);
    if is_root() {
        chown(&file, Some(0), Some(0)).unwrap();
    }
    let mut daemon = ordinary(&place, &["--store", &database]).start();
    wait_until("the reason is told", PATIENCE, || {
        let ready = http::try_request("GET", place.addr(), "/readyz", &[], b"");
        ready.is_ok_and(|ready| ready.status == 503 && ready.text().contains("readonly database"))
    });
    place.syslog().send(line("o%2Fr").as_bytes());
    wait_until("it heals", PATIENCE, || {
        // With what SQLite has put beside it, and may put there anew with the rights of the file.
        for file in fs::read_dir(&elsewhere).unwrap() {
            let _ = fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o666));
        }
        http::get(place.addr(), "/readyz").status == 200
    });
    stop(&mut daemon);
    let shown = place.run(&["show", "o/r", "--json", "--store", &database]).json();
    assert_eq!(shown["total"], 2);
    for kept in ["data", "elsewhere"] {
        let fresh = self::place("");
        let path = if kept == "data" { fresh.data_dir() } else { fresh.dir().join(kept) };
        let Some(_mount) = Mount::read_only(&path) else { return };
        let database = format!("sqlite:{}", fresh.dir().join("elsewhere/counts.db").display());
        let reason = if kept == "data" { "Read-only file system" } else { "counts.db" };
        refused(&fresh, &["--store", &database], &[&path.display().to_string(), reason]);
    }
}

#[test]
fn badges_that_cannot_be_written_cost_no_hit_and_come_when_they_can() {
    // No user may write there, and none can.
    for disk in [false, true] {
        let place = place("");
        dir(&place.data_dir(), 0o777);
        let mount = if disk { Mount::read_only(&place.badges_dir()) } else { None };
        match &mount {
            None if disk => return,
            None => dir(&place.badges_dir(), 0o555),
            Some(_) => {}
        }
        let mut daemon = start(&place, &[]);
        place.hit("o/r");
        daemon.wait_for_line(|line| line.contains("badges are not published"), PATIENCE);
        place.syslog().send(line("o%2Fr").as_bytes());
        wait_until("counting goes on", PATIENCE, || {
            place.metrics().get("tallymark_lines_accepted_total{source=\"syslog-udp\"}") == 1
        });
        assert_eq!(http::get(place.addr(), "/readyz").status, 200, "hits reach the store");
        match &mount {
            Some(mount) => mount.make_writable(),
            None => mode(&place.badges_dir(), 0o777),
        }
        wait_until("the badge is published", PATIENCE, || place.published("o/r") == Some(2));
        stop(&mut daemon);
        assert_eq!(place.total("o/r"), 2);
    }
}

#[test]
fn log_that_cannot_be_read_is_waited_for_and_readyz_says_why() {
    let place = place("[[source]]\nkind = \"file\"\npath = \"DIR/log/badge.log\"\n");
    let log = place.dir().join("log/badge.log");
    dir(log.parent().unwrap(), 0o755);
    fs::write(&log, "\"2020-01-01\",\"o%2Fr\"\n").unwrap();
    mode(&log, 0o000);
    let mut daemon = start(&place, &[]);
    let troubles = || place.metrics().get("tallymark_files_in_trouble");
    let ready = || http::get(place.addr(), "/readyz");
    wait_until("the trouble is seen", PATIENCE, || ready().text().contains("Permission denied"));
    assert_eq!(troubles(), 1);
    let ready = ready();
    assert_eq!(ready.status, 200, "hits from elsewhere are counted: {}", ready.text());
    for part in ["\"degraded\"", "badge.log"] {
        assert!(ready.text().contains(part), "{part} is missing in {}", ready.text());
    }
    if is_root() {
        // As Debian's logrotate makes it. The way in is its group, else an entry for the user.
        assert!(ready.text().contains("setfacl -R -m u:nobody:rX"), "{}", ready.text());
        chown(&log, None, Some(ADM)).unwrap();
        mode(&log, 0o640);
        wait_until("the message names the group", PATIENCE, || {
            let ready = http::get(place.addr(), "/readyz");
            ["usermod -aG adm nobody", "SupplementaryGroups=adm"]
                .iter()
                .all(|part| ready.text().contains(part))
        });
    }
    mode(&log, 0o644);
    wait_until("it is read", PATIENCE, || {
        place.metrics().get("tallymark_lines_accepted_total{source=\"file\"}") == 1
    });
    assert_eq!(troubles(), 0);
    assert!(http::get(place.addr(), "/readyz").text().contains("\"ready\""));
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 1);
}
