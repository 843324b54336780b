//! `backup` while everything runs, and `restore`: what comes back is what was there at that moment, and log files are read
//! on from there.

use crate::common::{PATIENCE, Place, line, run, stop, today};
use serde_json::Value;
use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};
use tallymark_testbed::{Redis, wait_until};

const CONFIG: &str = "[store]\ntick = \"20ms\"\n[http]\ntokens = [\"t0ken-of-the-http-api\"]\n\
                      [[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\n\
                      [[source]]\nkind = \"file\"\npath = \"LOG\"\n";

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Appends lines of one name to a log.
fn log(path: &Path, name: &str, lines: usize) {
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    for _ in 0..lines {
        writeln!(file, "\"{}\",\"{name}\"", today()).unwrap();
    }
}

/// The digests of the parts, by name.
fn digests(report: &Value) -> Vec<(String, String)> {
    let of = |part: &Value, key: &str| part[key].as_str().unwrap().to_owned();
    report["parts"].as_array().unwrap().iter().map(|part| (of(part, "name"), of(part, "sha256"))).collect()
}

#[test]
fn what_is_restored_is_what_was_there_and_logs_are_read_on() {
    let dir = tallymark_testbed::temp_dir();
    let (log_file, file) = (dir.path().join("badge.log"), dir.path().join("backup.tar"));
    let config = CONFIG.replace("LOG", &text(&log_file));
    let place = Place::with_config(&config);
    let mut daemon = place.serve();
    let mut syslog = place.syslog();
    let mut more = |lines: usize| {
        for _ in 0..lines {
            syslog.send(line("o%2Fudp").as_bytes());
        }
        log(&log_file, "o%2Ffile", lines);
    };
    let counted = |place: &Place, total: u64| {
        wait_until("it is counted", PATIENCE, || place.total("~all") >= total);
        assert_eq!(place.total("~all"), total);
    };
    more(50);
    counted(&place, 100);
    let saved = place.run(&["backup", &text(&file), "--json"]).json();
    assert_eq!(saved["counts"]["total"], 100);
    more(30);
    counted(&place, 160);
    daemon.kill9();

    let packed = fs::read(&file).unwrap();
    assert!(!packed.windows(21).any(|bytes| bytes == b"t0ken-of-the-http-api"), "no secret is in it");
    assert!(packed.windows(10).any(|bytes| bytes == b"syslog-udp"), "the configuration is");

    let other = Place::with_config(&config);
    other.run(&["restore", &text(&file)]).good();
    assert_eq!(other.total("o/udp"), 50);
    let mut daemon = other.serve();
    wait_until("the log is read on", PATIENCE, || other.total("o/file") >= 80);
    other.run(&["restore", &text(&file)]).refused(1, &["in use by another tallymark", "stopped first"]);
    stop(&mut daemon);
    assert_eq!((other.total("o/udp"), other.total("o/file")), (50, 80));

    // Over a stopped set-up: what was there is kept, and what a killed run has left is tidied up.
    let database = other.data_dir().join("tallymark.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(other.data_dir().join(".restore-killed")).unwrap();
    fs::write(other.data_dir().join("tallymark.db.replaced-2026-01-01T00-00-00Z"), "").unwrap();
    let said = other.run(&["restore", &text(&file)]).good();
    assert!(said.contains("have kept:\n") && said.contains("tallymark.db.replaced-2026-01-01T00"), "{said}");
    assert_eq!(fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(other.total("~all"), 100);
    let kept = |start: &str| {
        fs::read_dir(other.data_dir()).unwrap().any(|file| {
            let name = file.unwrap().file_name().to_string_lossy().into_owned();
            name.starts_with(start)
        })
    };
    assert!(kept("tallymark.db.replaced-") && kept("store.json.replaced-") && kept("instance.replaced-"));
    assert!(!kept(".restore-"), "nothing unfinished is left");
}

/// Content says what was counted, not the path: on another machine, a log is often elsewhere.
#[test]
fn a_log_that_is_elsewhere_is_read_on() {
    let dir = tallymark_testbed::temp_dir();
    let (old, new, file) =
        (dir.path().join("old.log"), dir.path().join("new.log"), dir.path().join("backup.tar"));
    let write = |path: &Path, from: u32, lines: u32| {
        let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
        for n in from..from + lines {
            writeln!(file, "\"{}\",\"o%2F{n}\"", today()).unwrap();
        }
    };
    write(&old, 0, 40);
    let place = Place::with_config(&CONFIG.replace("LOG", &text(&old)));
    let mut daemon = place.serve();
    wait_until("it is counted", PATIENCE, || place.total("~all") == 40);
    place.run(&["backup", &text(&file)]).good();
    stop(&mut daemon);

    fs::copy(&old, &new).unwrap();
    write(&new, 40, 5);
    let other = Place::with_config(&CONFIG.replace("LOG", &text(&new)));
    other.run(&["restore", &text(&file)]).good();
    let mut daemon = other.serve();
    wait_until("the log is read on", PATIENCE, || other.total("~all") >= 45);
    write(&new, 45, 5);
    wait_until("the log is followed", PATIENCE, || other.total("~all") >= 50);
    stop(&mut daemon);
    assert!(daemon.stderr().contains("was counted under another path"), "{}", daemon.stderr());
    // From now on it is known here.
    let mut daemon = other.serve();
    write(&new, 50, 1);
    wait_until("the log is followed", PATIENCE, || other.total("~all") >= 51);
    stop(&mut daemon);
    assert_eq!((other.total("~all"), other.total("o/0"), other.total("o/44")), (51, 1, 1));
}

#[test]
fn idle_store_gives_equal_backups_and_old_ones_go() {
    let place = Place::new();
    let mut daemon = place.serve();
    place.hit("o/r");
    wait_until("it is counted", PATIENCE, || place.total("o/r") == 1);
    stop(&mut daemon);
    let dir = place.dir().join("backups");
    place.run(&["backup", "--keep", "2", &text(&dir)]).refused(2, &["--keep needs a directory", "mkdir"]);
    fs::create_dir(&dir).unwrap();
    for old in ["tallymark-2020-01-01T00-00-00Z.tar", "tallymark-2021-01-01T00-00-00Z.tar", "mine.tar"] {
        fs::write(dir.join(old), "").unwrap();
    }
    let first = place.run(&["backup", "--keep", "2", &text(&dir), "--json"]).json();
    assert_eq!(first["removed"].as_array().unwrap().len(), 1);
    let left = |name: &str| dir.join(name).exists();
    assert!(!left("tallymark-2020-01-01T00-00-00Z.tar") && left("tallymark-2021-01-01T00-00-00Z.tar"));
    assert!(left("mine.tar") && !left(".tallymark-backup"));

    // doctor looks where the timer puts them.
    let looked = || {
        let answer: Value =
            serde_json::from_str(&place.run(&["doctor", "--no-probe", "--json"]).stdout).unwrap();
        let checks = answer["checks"].as_array().unwrap();
        let found = checks.iter().find(|finding| finding["check"] == "backup").unwrap();
        (found["verdict"].clone(), found["text"].as_str().unwrap().to_owned())
    };
    assert_eq!(looked().0, "PASS", "{}", looked().1);
    fs::remove_file(first["file"].as_str().unwrap()).unwrap();
    assert_eq!(looked().0, "WARN");
    assert!(looked().1.ends_with("is of 2021-01-01T00:00:00Z"), "{}", looked().1);

    let file = place.dir().join("again.tar");
    let second = place.run(&["backup", &text(&file), "--json"]).json();
    assert_eq!(digests(&first), digests(&second));
    place.run(&["backup", &text(&file)]).refused(1, &["exists already", "--force"]);
    assert!(
        place
            .run(&["backup", &text(&file), "--force"])
            .good()
            .contains("It has a total of 2 over all events.")
    );
    place.run(&["backup", &text(&place.badges_dir())]).refused(1, &["served to the public"]);
}

#[test]
fn damaged_backup_is_refused_and_touches_nothing() {
    let place = Place::new();
    let mut daemon = place.serve();
    place.hit("o/r");
    wait_until("it is counted", PATIENCE, || place.total("o/r") == 1);
    stop(&mut daemon);
    let file = place.dir().join("backup.tar");
    place.run(&["backup", &text(&file)]).good();
    let good = fs::read(&file).unwrap();
    let middle = good.windows(15).position(|bytes| bytes == b"SQLite format 3").unwrap() + 5000;
    let mut flipped = good.clone();
    flipped[middle] ^= 1;
    let empty = Place::new();
    for (bytes, part) in [
        (&flipped[..], "tallymark.db has changed since it was saved"),
        (&good[..middle], "is damaged"),
        (b"garbage", "not a backup of Tallymark's"),
    ] {
        fs::write(&file, bytes).unwrap();
        empty.run(&["restore", &text(&file)]).refused(1, &[part]);
        assert!(!empty.data_dir().exists(), "nothing was touched");
    }
    run(&["restore", "/no/such/file.tar"]).refused(1, &["/no/such/file.tar"]);
}

#[test]
fn with_redis_the_outbox_is_saved_and_the_counts_are_not_pretended() {
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.start("ingest", &[]);
    let mut syslog = place.syslog();
    syslog.send(line("o%2Fr").as_bytes());
    wait_until("it is counted", PATIENCE, || redis.cli(&["GET", "repo:o%2Fr"]) == "1");
    redis.stop();
    for _ in 0..5 {
        syslog.send(line("o%2Fr").as_bytes());
    }
    wait_until("hits wait", PATIENCE, || place.metrics().get("tallymark_outbox_hits") == 5);
    let file = place.dir().join("backup.tar");
    let said = place.run(&["backup", &text(&file)]).good();
    assert!(said.contains("5 hits wait in its outbox") && said.contains("BGSAVE"), "{said}");
    daemon.kill9();
    Place::new().run(&["restore", &text(&file)]).refused(1, &["choose that Redis with --store"]);

    fs::remove_dir_all(place.data_dir()).unwrap();
    redis.restart();
    place.run(&["restore", &text(&file)]).good();
    let mut daemon = place.start("ingest", &[]);
    wait_until("what waited is counted", PATIENCE, || redis.cli(&["GET", "repo:o%2Fr"]) == "6");
    stop(&mut daemon);
}
