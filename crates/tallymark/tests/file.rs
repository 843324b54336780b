//! A log file is counted exactly once: the real binary, killed at random instants while the log grows and is rotated.
//!
//! The ledger is the writer's own. The run is small by default; a soak makes it long with `SOAK_LINES`, `SOAK_ROTATE`,
//! `SOAK_KILLS`, `SOAK_STORE_RESTARTS` and `SOAK_SEED` in the environment.

use crate::common::{Kind, PATIENCE, Place, stop};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::Day;
use tallymark_testbed::{http, wait_until};

/// How long and how hard a run is.
#[derive(Clone, Copy, Debug)]
struct Plan {
    lines: u64,
    rotate_every: u64,
    kills: u64,
    /// Of a Redis; an embedded store is a file.
    store_restarts: u64,
    seed: u64,
}

impl Plan {
    fn from_env(usual: Plan) -> Plan {
        let number = |name: &str, usual: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
            Err(_) => usual,
        };
        Plan {
            lines: number("SOAK_LINES", usual.lines),
            rotate_every: number("SOAK_ROTATE", usual.rotate_every),
            kills: number("SOAK_KILLS", usual.kills),
            store_restarts: number("SOAK_STORE_RESTARTS", usual.store_restarts),
            seed: number("SOAK_SEED", usual.seed),
        }
    }
}

/// xorshift: the same seed is the same run, as far as time allows.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Hits by name and day.
type Ledger = BTreeMap<(String, String), u64>;

/// What a web server and logrotate do to a log.
struct Writer {
    log: PathBuf,
    file: File,
    dice: Dice,
    ledger: Ledger,
}

impl Writer {
    fn new(log: &Path, seed: u64) -> Writer {
        let (log, dice) = (log.to_owned(), Dice(seed));
        Writer { file: open(&log), log, dice, ledger: Ledger::new() }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.log.display()))
    }

    fn write(&mut self, lines: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut text = String::new();
        for _ in 0..lines {
            // Today, yesterday and the day before: each line keeps its own date.
            let at = now.as_millis() as u64 - self.dice.below(3) * 86_400_000 - self.dice.below(1000);
            let name = format!("owner/repo-{}", self.dice.below(23));
            let day = Day((at / 86_400_000) as i32).to_string();
            writeln!(text, "\"{}.{:03}\",\"{name}\"", at / 1000, at % 1000).unwrap();
            *self.ledger.entry((name, day)).or_default() += 1;
        }
        // A reader may see any part of it.
        let (head, tail) = text.split_at(self.dice.below(text.len() as u64 + 1) as usize);
        self.file.write_all(head.as_bytes()).unwrap();
        self.file.write_all(tail.as_bytes()).unwrap();
    }

    /// logrotate in one of its ways.
    fn rotate(&mut self) {
        for n in (1..400).rev() {
            for end in ["", ".gz"] {
                let from = self.path(&format!(".{n}{end}"));
                if from.exists() {
                    fs::rename(from, self.path(&format!(".{}{end}", n + 1))).unwrap();
                }
            }
        }
        match self.dice.below(4) {
            0 => {
                fs::copy(&self.log, self.path(".1")).unwrap();
                self.file.set_len(0).unwrap();
            }
            way => {
                fs::rename(&self.log, self.path(".1")).unwrap();
                let next = open(&self.log);
                if way > 1 {
                    // nginx has not been told yet.
                    self.write(20);
                }
                self.file = next;
            }
        }
        if self.dice.below(2) == 0 && self.path(".2").exists() {
            assert!(Command::new("gzip").arg(self.path(".2")).status().unwrap().success());
        }
    }

    fn total(&self) -> u64 {
        self.ledger.values().sum()
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// A place whose only source is a log file.
fn place(kind: &Kind) -> (Place, PathBuf) {
    let mut place = kind.place();
    let log = place.dir().join("badge.log");
    // Many ticks within each life, so that kills fall between what is read, sent, committed and applied.
    place.configure("[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\nroute = \"tallymark\"\n");
    (place, log)
}

fn all(place: &Place) -> u64 {
    place.total("~all")
}

/// What the store has, asked name by name.
fn counted(place: &Place, ledger: &Ledger) -> Ledger {
    let mut names: Vec<&String> = ledger.keys().map(|(name, _)| name).collect();
    names.dedup();
    let mut counted = Ledger::new();
    for name in names {
        let shown = place.run(&["show", name, "--json"]).json();
        for day in shown["days"].as_array().unwrap() {
            let date = day["date"].as_str().unwrap().to_owned();
            counted.insert((name.clone(), date), day["count"].as_u64().unwrap());
        }
    }
    counted
}

/// Writes, rotates and kills by the plan; in the end the store has what was written, to the unit.
fn survive(kind: Kind, plan: Plan) {
    let (place, log) = place(&kind);
    let mut writer = Writer::new(&log, plan.seed);
    let mut dice = Dice(plan.seed ^ 0x9e37_79b9_7f4a_7c15);
    writer.write(1);
    let mut daemon = place.start("ingest", &[]);
    // From here on every rotation is known to follow a position.
    wait_until("the first line is counted", PATIENCE, || all(&place) == 1);

    // The writer is never far ahead of the kills, so that each falls among lines that are just being read.
    let killed = Arc::new(AtomicU64::new(0));
    let writing = thread::spawn({
        let killed = killed.clone();
        move || {
            let mut next_rotation = plan.rotate_every;
            while writer.total() < plan.lines {
                let allowed = plan.lines * (killed.load(Ordering::Acquire) + 1) / (plan.kills + 1);
                if writer.total() < allowed {
                    let burst = 1 + writer.dice.below(100);
                    writer.write(burst);
                }
                if writer.total() >= next_rotation {
                    next_rotation += plan.rotate_every;
                    writer.rotate();
                }
                thread::sleep(Duration::from_millis(writer.dice.below(8)));
            }
            writer
        }
    });
    let mut kind = kind;
    for kill in 1..=plan.kills {
        thread::sleep(Duration::from_millis(dice.below(400)));
        daemon.kill9();
        // Sometimes it stays away for a while.
        thread::sleep(Duration::from_millis(dice.below(4) * 50));
        daemon = place.start("ingest", &[]);
        killed.store(kill, Ordering::Release);
        if let Kind::Redis(redis) = &mut kind
            && plan.store_restarts > 0
            && kill % (plan.kills / plan.store_restarts).max(1) == 0
        {
            redis.restart();
        }
    }
    let writer = writing.join().unwrap();

    let written = writer.total();
    wait_until("every line is counted", PATIENCE * 4, || all(&place) >= written);
    let [received, accepted, rejected, _] = place.metrics().lines("file");
    assert_eq!((received, rejected), (accepted, 0), "{}", daemon.stderr());
    stop(&mut daemon);
    assert_eq!(all(&place), written, "{plan:?}\n{}", daemon.stderr());
    assert_eq!(counted(&place, &writer.ledger), writer.ledger, "{plan:?}");
}

const USUAL: Plan =
    Plan { lines: 20_000, rotate_every: 2_000, kills: 15, store_restarts: 2, seed: 20_261_120 };

#[test]
fn killed_daemon_counts_every_line_once_in_sqlite() {
    survive(Kind::Sqlite, Plan::from_env(USUAL));
}

#[test]
fn killed_daemon_counts_every_line_once_in_redis() {
    let [_, redis] = Kind::both();
    survive(redis, Plan::from_env(USUAL));
}

/// Both are known to the operator by their counters.
/// It is ready once its store, or its outbox, knows which files were there; also of a log that it saw for the first time.
#[test]
fn log_that_is_rotated_right_after_the_first_start_is_counted() {
    for kind in Kind::both() {
        let mut before = 0;
        for round in 1..=10 {
            // As long a tick as most have: nothing else may commit in time.
            let mut place = kind.place();
            place.configure("[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\nroute = \"tallymark\"\n");
            let mut writer = Writer::new(&place.dir().join("badge.log"), round);
            writer.write(5);
            let mut daemon = place.start("ingest", &[]);
            let is_ready = || {
                http::try_request("GET", place.addr(), "/readyz", &[], &[])
                    .is_ok_and(|ready| ready.status == 200)
            };
            while !is_ready() {
                thread::sleep(Duration::from_millis(1));
            }
            daemon.kill9();
            fs::rename(&writer.log, writer.path(".1")).unwrap();
            writer.file = open(&writer.log);
            writer.write(3);
            daemon = place.start("ingest", &[]);
            wait_until("every line is counted", PATIENCE, || all(&place) == before + writer.total());
            stop(&mut daemon);
            assert_eq!(all(&place), before + writer.total(), "{}", daemon.stderr());
            if let Kind::Redis(_) = kind {
                before += writer.total();
            }
        }
    }
}

/// A link that leads to the file of another source is a trouble of that source, not a reason to count nothing: not while
/// the daemon runs, and not when it starts again.
#[test]
fn link_to_the_file_of_another_source_is_told_and_each_line_counts_once() {
    for kind in Kind::both() {
        let mut place = kind.place();
        let source =
            |log: &str| format!("[[source]]\nkind = \"file\"\npath = \"DIR/{log}\"\nroute = \"tallymark\"\n");
        place.configure(&format!("[store]\ntick = \"20ms\"\n{}{}", source("a.log"), source("b.log")));
        let (dir, link) = (place.dir().to_owned(), place.dir().join("b.log"));
        let mut lines = 0;
        let mut write = |log: &str, more: u64| {
            let mut writer = Writer::new(&dir.join(log), 1 + lines);
            writer.write(more);
            lines += more;
            lines
        };
        let switch = |to: &str| {
            std::os::unix::fs::symlink(place.dir().join(to), place.dir().join("next")).unwrap();
            fs::rename(place.dir().join("next"), &link).unwrap();
        };
        let ready = || http::get(place.addr(), "/readyz");
        let counts = |lines: u64| wait_until("every line is counted", PATIENCE, || all(&place) == lines);
        let is_told = || {
            wait_until("it is told", PATIENCE, || {
                let ready = ready();
                ready.status == 200 && ready.text().contains("another [[source]] reads")
            });
        };
        switch("b1.txt");
        write("a.log", 3);
        let mut daemon = place.start("ingest", &[]);
        counts(write("b1.txt", 2));
        switch("a.log");
        is_told();
        counts(write("a.log", 2));
        daemon.kill9();
        let checked = place.run(&["check-config"]).good();
        assert!(checked.contains("are one file at the moment"), "{checked}");
        let written = write("a.log", 2);
        daemon = place.start("ingest", &[]);
        counts(written);
        is_told();
        switch("b1.txt");
        counts(write("b1.txt", 2));
        wait_until("all is well", PATIENCE, || ready().text().contains("\"ready\""));
        stop(&mut daemon);
        assert_eq!(all(&place), written + 2);
    }
}

#[test]
fn rotations_and_truncations_are_counted_and_stop_is_prompt() {
    let (place, log) = place(&Kind::Sqlite);
    let mut writer = Writer::new(&log, 1);
    writer.write(5);
    let mut daemon = place.start("ingest", &[]);
    wait_until("lines are counted", PATIENCE, || all(&place) == 5);
    fs::rename(&log, writer.path(".1")).unwrap();
    writer.file = open(&log);
    writer.write(3);
    wait_until("the new file is read", PATIENCE, || all(&place) == 8);
    writer.file.set_len(0).unwrap();
    wait_until("the truncation is seen", PATIENCE, || {
        place.metrics().get("tallymark_file_truncations_total") == 1
    });
    writer.write(1);
    wait_until("it is read from its beginning", PATIENCE, || all(&place) == 9);
    assert_eq!(place.metrics().get("tallymark_file_rotations_total"), 1);
    assert_eq!(http::get(place.addr(), "/readyz").status, 200);
    stop(&mut daemon);
}

/// Access logs give names too, and their addresses are never shown.
#[test]
fn access_log_of_a_site_is_counted() {
    let mut place = Place::new();
    place.configure(
        "[[source]]\nkind = \"file\"\npath = \"DIR/access.log\"\nformat = \"combined\"\nstart = \"end\"\n",
    );
    let log = place.dir().join("access.log");
    let line = |request: &str| {
        format!("192.0.2.77 - - [20/Nov/2020:03:59:49 +0000] \"{request} HTTP/1.1\" 200 512 \"-\" \"curl\"\n")
    };
    let mut file = open(&log);
    file.write_all(line("GET /badge.svg?repo=before/start").as_bytes()).unwrap();
    let mut daemon = place.start("ingest", &[]);
    let badge = line("GET /badge.svg?repo=o%2Fr");
    wait_until("a line behind the end counts", PATIENCE, || {
        file.write_all(badge.as_bytes()).unwrap();
        place.total("o/r") > 0
    });
    file.write_all(line("GET /").as_bytes()).unwrap();
    file.write_all(line("POST /badge.svg?repo=o/r").as_bytes()).unwrap();
    let rejected = BTreeMap::from([("method".to_owned(), 1), ("not_a_badge".to_owned(), 1)]);
    wait_until("both are rejected", PATIENCE, || place.metrics().rejected("file") == rejected);
    stop(&mut daemon);
    assert_eq!(place.total("before/start"), 0);
    assert!(!daemon.stderr().contains("192.0.2.77"), "{}", daemon.stderr());
}

/// It was followed in the wrong format, rotated and packed meanwhile, and the format is mended.
#[test]
fn log_of_which_no_line_counted_is_read_again_in_another_format() {
    for kind in Kind::both() {
        let (mut place, _) = place(&kind);
        let configure = |place: &mut Place, format: &str| {
            place.configure(&format!(
                "[store]\ntick = \"20ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/access.log\"\n{format}"
            ));
        };
        configure(&mut place, "");
        let log = place.dir().join("access.log");
        let lines = |from: u32, to: u32| -> String {
            let line = |n| {
                format!(
                    "192.0.2.77 - - [20/Nov/2020:03:59:49 +0000] \"GET /badge.svg?repo=o/r{n} HTTP/1.1\" 200 5 \"-\" \"x\"\n"
                )
            };
            (from..to).map(line).collect()
        };
        let rejected =
            |n: u64| move |place: &Place| place.metrics().rejected("file").values().sum::<u64>() == n;
        fs::write(&log, lines(0, 20)).unwrap();
        let mut daemon = place.start("ingest", &[]);
        wait_until("all are rejected", PATIENCE, || rejected(20)(&place));
        let packed = place.dir().join("access.log.1");
        fs::rename(&log, &packed).unwrap();
        fs::write(&log, lines(20, 30)).unwrap();
        wait_until("all are rejected", PATIENCE, || rejected(30)(&place));
        stop(&mut daemon);
        let said = daemon.stderr();
        for part in ["access.log", "access log", "--format combined", "format = "] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("192.0.2.77"), "{said}");
        assert!(Command::new("gzip").arg(&packed).status().unwrap().success());
        // Not in the same format.
        let mut daemon = place.start("ingest", &[]);
        open(&log).write_all(lines(30, 31).as_bytes()).unwrap();
        wait_until("the new one is rejected", PATIENCE, || rejected(1)(&place));
        stop(&mut daemon);
        let import = ["import", "log", "--format", "combined", log.to_str().unwrap()];
        let said = place.run(&import).stdout;
        assert!(said.contains("rejected every line") && said.contains("restart the daemon"), "{said}");
        configure(&mut place, "format = \"combined\"\n");
        for total in [31, 32] {
            let mut daemon = place.start("ingest", &[]);
            wait_until("all are counted", PATIENCE, || all(&place) == total);
            open(&log).write_all(lines(100, 101).as_bytes()).unwrap();
            wait_until("the next is counted", PATIENCE, || all(&place) == total + 1);
            stop(&mut daemon);
        }
        assert_eq!((place.total("o/r0"), place.total("o/r20"), place.total("o/r100")), (1, 1, 2));
        // Lines in another format now are not read again: some have counted.
        configure(&mut place, "");
        let mut daemon = place.start("ingest", &[]);
        open(&log).write_all(b"\"2020-11-20\",\"o%2Frecord\"\n").unwrap();
        wait_until("a record is counted", PATIENCE, || all(&place) == 34);
        stop(&mut daemon);
    }
}

/// A flag is enough.
#[test]
fn file_flag_reads_a_log_of_syslog_lines() {
    let place = Place::new();
    let log = place.dir().join("messages");
    fs::write(&log, format!("{}\n", crate::common::line("o%2Fr"))).unwrap();
    let mut daemon = place.start("ingest", &["--file", log.to_str().unwrap()]);
    wait_until("it is counted", PATIENCE, || place.total("o/r") == 1);
    stop(&mut daemon);
}
