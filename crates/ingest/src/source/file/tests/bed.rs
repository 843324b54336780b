//! A log, a reader and a store, for the tests.

use super::super::{
    Start,
    book::Book,
    claims::Claims,
    cut::Sink,
    follow::{Following, LogFollower, Progress},
};
use crate::{meters::FileEvents, source::Stop};
use flate2::{Compression, write::GzEncoder};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};
use tallymark_core::{Position, Reject};

pub(super) fn numbered(from: u64, to: u64) -> String {
    (from..to).map(|n| format!("line {n}\n")).collect()
}

/// What a store would have: lines and the position they reach, committed together.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) lines: BTreeMap<String, u64>,
    pub(super) rejects: BTreeMap<Reject, u64>,
    /// How many lines until the tally is full; 0 is never.
    pub(super) room: usize,
    pub(super) taken: usize,
}

impl Sink for Ledger {
    fn line(&mut self, line: &[u8]) {
        *self.lines.entry(String::from_utf8_lossy(line).into_owned()).or_default() += 1;
        self.taken += 1;
    }

    fn reject(&mut self, reject: Reject) {
        *self.rejects.entry(reject).or_default() += 1;
    }

    fn counted(&self) -> u64 {
        self.taken as u64
    }

    fn is_full(&self) -> bool {
        self.room > 0 && self.taken >= self.room
    }
}

/// Waits now and then for at least one tick of the kernel. Otherwise most of what a test does would have the same time
/// stamp, unlike a real log. A seed decides where; without one it never waits.
#[derive(Default)]
pub(super) struct Pauses(Cell<Option<u64>>);

impl Pauses {
    const TICK: Duration = Duration::from_millis(5);

    pub(super) fn of(seed: Option<u64>) -> Pauses {
        Pauses(Cell::new(seed))
    }

    pub(super) fn maybe(&self) {
        let Some(state) = self.0.get() else { return };
        // SplitMix64: the same seed waits at the same places.
        let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(Some(state));
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        if (mixed >> 32).is_multiple_of(12) {
            thread::sleep(Pauses::TICK);
        }
    }
}

/// A directory with a log, somebody who reads it, and a store.
pub(super) struct Bed {
    pub(super) dir: tempfile::TempDir,
    pub(super) follower: Option<LogFollower>,
    pub(super) claims: Claims,
    pub(super) start: Start,
    pub(super) seen: Ledger,
    /// What a kill -9 leaves: the last that was committed.
    pub(super) committed: (BTreeMap<String, u64>, BTreeMap<String, String>),
    /// How often it was said that something may be missing.
    pub(super) told: u64,
    pub(super) stop: Stop,
    pub(super) pauses: Pauses,
    /// What was said of how far it is.
    pub(super) progress: Arc<Mutex<Vec<String>>>,
}

impl Bed {
    pub(super) fn new() -> Bed {
        let dir = tempfile::tempdir().unwrap();
        let (committed, stop) = (Default::default(), Stop::new().unwrap());
        Bed {
            dir,
            follower: None,
            claims: Claims::default(),
            start: Start::Beginning,
            seen: Ledger::default(),
            committed,
            told: 0,
            stop,
            pauses: Pauses::default(),
            progress: Arc::default(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path("access.log")
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        self.pauses.maybe();
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        self.pauses.maybe();
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(super) fn copytruncate(&self, copy: &str) {
        self.pauses.maybe();
        fs::copy(self.log(), self.path(copy)).unwrap();
        self.pauses.maybe();
        self.truncate();
    }

    pub(super) fn truncate(&self) {
        File::options().write(true).open(self.log()).unwrap().set_len(0).unwrap();
    }

    /// Gives a file another time of its last write.
    pub(super) fn written_at(&self, time: SystemTime, name: &str) {
        File::options().write(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
    }

    /// As gzip does it: the time of the last write is kept.
    pub(super) fn gzip(&self, name: &str) {
        let mtime = fs::metadata(self.path(name)).unwrap().modified().unwrap();
        let packed = self.path(&format!("{name}.gz"));
        let mut out = GzEncoder::new(File::create(packed).unwrap(), Compression::fast());
        out.write_all(&fs::read(self.path(name)).unwrap()).unwrap();
        out.finish().unwrap().set_modified(mtime).unwrap();
        fs::remove_file(self.path(name)).unwrap();
    }

    /// The lines of a file, packed or not.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let mut text = String::new();
        let mut file = File::open(self.path(name)).unwrap();
        match name.ends_with(".gz") {
            true => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
            false => file.read_to_string(&mut text).unwrap(),
        };
        text.lines().map(str::to_owned).collect()
    }

    /// The directory is copied with its times, and the copy put in its place.
    pub(super) fn copy_directory(&self) {
        let entries: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in entries.iter().filter(|path| path.is_file() && !path.is_symlink()) {
            let mtime = fs::metadata(path).unwrap().modified().unwrap();
            let copy = self.path("copy");
            self.pauses.maybe();
            fs::copy(path, &copy).unwrap();
            self.pauses.maybe();
            self.written_at(mtime, "copy");
            fs::rename(copy, path).unwrap();
        }
    }

    pub(super) fn follower(&mut self) -> &mut LogFollower {
        let (path, stop, said) = (self.log(), self.stop.clone(), self.progress.clone());
        let progress = Arc::new(move |text: &str| said.lock().unwrap().push(text.to_owned()));
        let following = Following {
            path,
            claims: self.claims.clone(),
            start: self.start,
            max_line: 1000,
            format: 0,
            stop,
            progress,
        };
        let position =
            |(source, state): (&String, &String)| Position { source: source.clone(), state: state.clone() };
        let positions: Vec<Position> = self.committed.1.iter().map(position).collect();
        self.follower.get_or_insert_with(|| {
            LogFollower::new(following, Book::read(&self.dir.path().join("access.log"), &positions).unwrap())
        })
    }

    /// One step with what room there is.
    pub(super) fn step(&mut self, room: usize) -> Progress {
        self.pauses.maybe();
        let mut seen = std::mem::take(&mut self.seen);
        (seen.room, seen.taken) = (room, 0);
        let step = self.follower().step(&mut seen);
        seen.room = 0;
        self.seen = seen;
        step
    }

    /// A step that has no room for any line.
    pub(super) fn step_without_room(&mut self) {
        let mut full = Ledger { room: 1, taken: 1, ..Ledger::default() };
        self.follower().step(&mut full);
    }

    /// Reads all there is.
    pub(super) fn read(&mut self) {
        for _ in 0..10_000 {
            if self.step(0) == Progress::Idle {
                return;
            }
        }
        panic!("it reads without end: {:#?}", self.follower().book());
    }

    /// The first look: it reads nothing.
    pub(super) fn begin(&mut self) {
        let mut nothing = Ledger { room: 1, taken: 1, ..Ledger::default() };
        self.follower().step(&mut nothing);
        assert!(self.follower().is_started() && nothing.lines.is_empty());
    }

    pub(super) fn commit(&mut self) {
        let Some(book) = self.follower().book() else { return };
        let changes = book.take_changes();
        for Position { source, state } in changes {
            if state.is_empty() {
                self.committed.1.remove(&source);
            } else {
                self.committed.1.insert(source, state);
            }
        }
        self.committed.0 = self.seen.lines.clone();
    }

    /// kill -9, and a new start from what was committed.
    pub(super) fn kill(&mut self) {
        self.told += self.events().lost;
        self.follower = None;
        self.seen.lines = self.committed.0.clone();
    }

    /// Commits, stops and starts again.
    pub(super) fn restart(&mut self) {
        self.commit();
        self.kill();
    }

    pub(super) fn events(&mut self) -> FileEvents {
        self.follower.as_ref().map(|follower| follower.events).unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn expect(&mut self, lines: &[(&str, u64)]) {
        self.read();
        let expect: BTreeMap<String, u64> = lines.iter().map(|&(line, n)| (line.to_owned(), n)).collect();
        assert_eq!(self.seen.lines, expect);
    }

    pub(super) fn rejects(&self, reject: Reject) -> u64 {
        self.seen.rejects.get(&reject).copied().unwrap_or(0)
    }
}
