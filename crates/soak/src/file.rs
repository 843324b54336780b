//! A log file is read while it grows and is rotated, the daemon is killed at any instant, and so is the store: every
//! line is counted once.

use crate::{Bed, Ledger, PATIENCE, Plan, Random, bed, group, say, traffic};
use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    thread,
    time::Duration,
};
use tallymark_testbed::{Redis, wait_until};

/// See the module.
pub fn run(plan: &Plan) {
    once(plan, Bed::embedded(plan), None);
    let redis = Redis::builder().appendonly().start();
    let bed = Bed::remote(plan, redis.url());
    once(plan, bed, Some(redis));
}

/// A configuration with the file alone.
pub(crate) fn configure(bed: &Bed) {
    bed.configure_whole("[store]\ntick = \"50ms\"\n[[source]]\nkind = \"file\"\npath = \"DIR/badge.log\"\n");
}

fn once(plan: &Plan, bed: Bed, mut redis: Option<Redis>) {
    let kills = plan.rounds(8, 300);
    let (lines, rotation) = (plan.size(40_000, 2_000_000), plan.size(5000, 50_000));
    let restarts = plan.size(2, 20);
    configure(&bed);
    let mut log = Log::new(&bed, rotation);
    let mut random = plan.random();
    // What is rotated away before the daemon has looked for the first time is not the file that the configuration
    // names.
    let mut daemon = bed.start("ingest");
    log.write(10, &mut random);
    log.end();
    let counts = bed.counts();
    wait_until("the file is known", PATIENCE, || counts.try_total("~all") == Some(10));
    daemon.kill9();
    for kill in 0..kills {
        let mut daemon = bed.launch("ingest", &[]);
        // Some of it before, some while it starts, some while it runs.
        for _ in 0..4 {
            log.write(lines / kills / 4, &mut random);
            thread::sleep(Duration::from_millis(random.within(0, 60))); // as nginx writes
        }
        if let Some(redis) = redis.as_mut().filter(|_| kill % (kills / restarts).max(1) == 0) {
            redis.kill9();
            redis.restart();
        }
        thread::sleep(Duration::from_millis(random.within(0, 150))); // the instant of the kill
        if daemon.is_running() {
            daemon.kill9();
        } else {
            panic!("it ended by itself:\n{}", daemon.stderr());
        }
    }
    let mut daemon = bed.start("ingest");
    log.end();
    let sent = log.ledger.total();
    wait_until("every line is counted", PATIENCE * 3, || counts.try_total("~all") >= Some(sent));
    let metrics = bed.metrics();
    metrics.lines("file").check();
    assert_eq!(metrics.get("file_rests_lost_total"), 0);
    bed::stop(&mut daemon);
    log.ledger.settle(&counts);
    let store = if redis.is_some() { "Redis" } else { "SQLite" };
    let [sent, rotations] = [sent, log.rotations].map(group);
    say("file", &format!("{store}: {sent} lines, {rotations} rotations, {kills} kills, difference 0"));
}

/// A log that is written and rotated.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    names: Vec<String>,
    rotation: u64,
    in_file: u64,
    rotations: u64,
    pub(crate) ledger: Ledger,
    /// The beginning of a line whose end has not been written yet.
    rest: String,
}

impl Log {
    pub(crate) fn new(bed: &Bed, rotation: u64) -> Log {
        let path = bed.dir().join("badge.log");
        let file = File::create(&path).expect("the temporary directory is writable");
        let (names, ledger) = (traffic::names(60), Ledger::default());
        Log { path, file, names, rotation, in_file: 0, rotations: 0, ledger, rest: String::new() }
    }

    /// Appends lines, in pieces that end anywhere.
    pub(crate) fn write(&mut self, lines: u64, random: &mut Random) {
        let day = traffic::now().day();
        for _ in 0..lines {
            let name = &self.names[random.within(0, self.names.len() as u64) as usize];
            self.rest += &format!("\"{day}\",\"{}\"\n", name.replace('/', "%2F"));
            self.ledger.add(name, 1);
            self.in_file += 1;
            if self.in_file == self.rotation {
                self.end();
                self.rotate();
            } else if self.rest.len() > 4096 {
                let at = random.within(1, self.rest.len() as u64) as usize;
                let rest = self.rest.split_off(at);
                self.end();
                self.rest = rest;
            }
        }
    }

    /// Writes what has not been written yet.
    pub(crate) fn end(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        self.file.write_all(rest.as_bytes()).expect("the temporary directory is writable");
    }

    /// As logrotate does it: badge.log.1 is the youngest.
    fn rotate(&mut self) {
        self.rotations += 1;
        self.in_file = 0;
        let numbered = |number: u64| self.path.with_extension(format!("log.{number}"));
        for number in (1..self.rotations).rev() {
            fs::rename(numbered(number), numbered(number + 1)).expect("the file is ours");
        }
        fs::rename(&self.path, numbered(1)).expect("the file is ours");
        self.file = File::create(&self.path).expect("the temporary directory is writable");
    }
}
