//! A log, somebody who reads it, and a store: what the tests play with.

use super::super::{
    cut::Sink,
    tailer::{Following, Start, Step, Tailer},
};
use flate2::{Compression, write::GzEncoder};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};
use tallymark_core::Reject;

pub(super) const GRACE: Duration = Duration::from_secs(30);

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

    fn is_full(&self) -> bool {
        self.room > 0 && self.taken >= self.room
    }
}

/// A directory with a log, somebody who reads it, and a store.
pub(super) struct Bed {
    pub(super) dir: tempfile::TempDir,
    pub(super) tailer: Option<Tailer>,
    pub(super) start: Start,
    pub(super) now: Instant,
    pub(super) seen: Ledger,
    /// What a kill -9 leaves: the last that was committed.
    pub(super) committed: (BTreeMap<String, u64>, Option<String>),
}

impl Bed {
    pub(super) fn new() -> Bed {
        let dir = tempfile::tempdir().unwrap();
        let committed = (BTreeMap::new(), None);
        let (start, now) = (Start::Beginning, Instant::now());
        Bed { dir, tailer: None, start, now, seen: Ledger::default(), committed }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path("access.log")
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(super) fn copytruncate(&self, copy: &str) {
        fs::copy(self.log(), self.path(copy)).unwrap();
        File::options().write(true).open(self.log()).unwrap().set_len(0).unwrap();
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

    pub(super) fn tailer(&mut self) -> &mut Tailer {
        let following = Following { path: self.log(), start: self.start, max_line: 1000, grace: GRACE };
        let position = self.committed.1.as_ref().map(|text| text.parse().unwrap());
        self.tailer.get_or_insert_with(|| Tailer::new(following, position))
    }

    /// Reads all there is.
    pub(super) fn read(&mut self) {
        let now = self.now;
        let mut seen = std::mem::take(&mut self.seen);
        for _ in 0..10_000 {
            seen.taken = 0;
            let step = self.tailer().step(&mut seen, now);
            if step == Step::Idle {
                self.seen = seen;
                return;
            }
        }
        panic!("it reads without end");
    }

    /// The first look: it reads nothing.
    pub(super) fn begin(&mut self) {
        let mut nothing = Ledger::default();
        let now = self.now;
        self.tailer().step(&mut nothing, now);
        assert!(self.tailer().is_started() && nothing.lines.is_empty());
    }

    pub(super) fn commit(&mut self) {
        if self.tailer().is_started() {
            let position = self.tailer().position().to_string();
            self.committed = (self.seen.lines.clone(), Some(position));
        }
    }

    /// kill -9, and a new start from what was committed.
    pub(super) fn kill(&mut self) {
        self.tailer = None;
        self.seen.lines = self.committed.0.clone();
    }

    /// Commits, stops and starts again.
    pub(super) fn restart(&mut self) {
        self.commit();
        self.kill();
    }

    /// Lets the grace of files that were rotated away pass.
    pub(super) fn wait(&mut self) {
        self.now += GRACE;
        self.read();
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
