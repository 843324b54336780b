//! A whole log file as numbered batches, always the same ones for the same content.
//!
//! The part that is counted already is left out (`counted`). The rest is cut into groups of batches, under an instance
//! that is a digest of the content, or that of the import that it continues. The first batch of a group has a position
//! that says what has begun, and the last one that says what is done. So an import that was killed continues exactly
//! where it was, also in a file that has grown since. Memory is bounded: the fold is sealed whenever it is full, at the
//! same line every time.

mod counted;
mod course;
mod glance;
pub mod goatcounter;
pub mod hits_sh;
pub mod snow_trace;

pub use counted::{BySource, Course, Evidence, Stretch, Undecided};
pub use course::ContentCourse;

use crate::{
    IngestMeters, Intake, LineFormat, Refusals,
    source::{Identity, ImportMark, Ladder, LastLines, PREFIX, Print, Runs, Sink, cut_lines},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::Metadata,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use tallymark_core::{Batch, Cutter, Dating, DenyRules, Line, Now, Reject, Routes, batches};
use uuid::{Builder, Uuid};

/// How many names and minutes are folded before they are sealed: 180 MB at the most, however large the file. Another
/// number cuts other batches, so that an import which was interrupted could not go on.
const CELLS: usize = 250_000;
/// The longest line.
const MAX_LINE: usize = 262_144;
/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

/// The identity of some content, and how much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The instance under which it is imported.
    pub instance: Uuid,
    /// Its length, unpacked.
    pub bytes: u64,
}

impl Content {
    /// Reads all of it, and finds out what of it is to be counted. `file` is the one it is in, and what is known of it.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub fn of(
        mut input: impl Read,
        file: Option<(&Path, &Metadata)>,
        evidence: &Evidence,
    ) -> io::Result<(Content, Result<Course, Undecided>)> {
        let (mut digest, mut bytes) = (domain("content"), 0);
        let mut seen = evidence.glance();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = read_some(&mut input, &mut chunk)?;
            if read == 0 {
                seen.finish();
                let content = Content { instance: instance(digest), bytes };
                let course = evidence.course(&seen, file, content.instance);
                return Ok((content, course));
            }
            digest.update(&chunk[..read]);
            seen.push(&chunk[..read]);
            bytes += read as u64;
        }
    }
}

impl Course {
    /// All of a content under an instance, whatever was counted.
    #[must_use]
    pub fn whole(instance: Uuid, to: u64) -> Course {
        let all = Stretch { to, is_counted: false, is_torn: false };
        Course {
            instance,
            next: 1,
            stretches: vec![all],
            by_source: BySource::Unread,
            earlier: None,
            earlier_hits: None,
            known: None,
        }
    }
}

/// The instance of an import that has a name in place of its content, because it can be read only once.
#[must_use]
pub fn named_instance(name: &str) -> Uuid {
    let mut digest = domain("name");
    digest.update(name);
    instance(digest)
}

fn domain(what: &str) -> Sha256 {
    let mut digest = Sha256::new();
    digest.update(format!("tallymark import log {what}\n"));
    digest
}

fn instance(digest: Sha256) -> Uuid {
    let mut bytes = [0; 16];
    for (byte, of_digest) in bytes.iter_mut().zip(digest.finalize()) {
        *byte = of_digest;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

fn read_some(input: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// What became of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Lines that were read.
    pub received: u64,
    /// Lines that count.
    pub accepted: u64,
    /// Lines that do not, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Occurrences: a line may have a weight.
    pub hits: u64,
    /// Of them, those that were not counted in another way.
    pub fresh: u64,
    /// The number of the last batch.
    pub batches: u64,
}

/// A fold of one content into batches.
pub struct Import {
    instance: Uuid,
    identity: Identity,
    path: PathBuf,
    known: Option<(u64, Print)>,
    cutter: Cutter,
    /// Everything before it is in the fold, or was.
    offset: u64,
    /// What was read behind the offset.
    ahead: Vec<u8>,
    chunk: Vec<u8>,
    prefix: Vec<u8>,
    digest: Sha256,
    runs: Runs,
    last: LastLines,
    /// Where what is in the fold begins.
    from: u64,
    fold: Fold,
}

/// Batches that are complete.
#[derive(Debug, Default)]
pub struct Complete {
    /// In order.
    pub batches: Vec<Batch>,
    /// The stretch is at its end.
    pub is_end: bool,
}

struct Fold {
    intake: Intake,
    cells: usize,
    now: Now,
    imported: Imported,
}

impl Import {
    /// An empty fold. `file` is the one that the content is in, if it is not packed, and `path` what it is called.
    #[must_use]
    pub fn new(
        course: &Course,
        path: &Path,
        file: Option<&Metadata>,
        routes: Arc<Routes>,
        format: LineFormat,
    ) -> Import {
        let identity = file.map(Identity::of).unwrap_or_default();
        Import { path: path.to_owned(), identity, ..Import::with_cells(CELLS, course, routes, format) }
    }

    /// Leaves out what the operator does not want to count.
    #[must_use]
    pub fn leaving_out(self, rules: DenyRules) -> Import {
        let Fold { intake, cells, now, imported } = self.fold;
        let intake = intake.refusing(Arc::new(Refusals::new(rules)));
        Import { fold: Fold { intake, cells, now, imported }, ..self }
    }

    fn with_cells(cells: usize, course: &Course, routes: Arc<Routes>, format: LineFormat) -> Import {
        let meters = IngestMeters::quiet().source("import");
        // A tally of twice the size is never full, so nothing is counted as ~overflow.
        let intake = Intake::new(routes, format, Dating::Own, cells.saturating_mul(2), MAX_LINE, meters);
        let imported = Imported { batches: course.next - 1, ..Imported::default() };
        Import {
            instance: course.instance,
            identity: Identity::default(),
            path: PathBuf::new(),
            known: course.known,
            cutter: Cutter::default(),
            offset: 0,
            ahead: Vec::new(),
            chunk: vec![0; CHUNK],
            prefix: Vec::new(),
            digest: Sha256::new(),
            runs: Runs::default(),
            last: LastLines::default(),
            from: 0,
            fold: Fold { intake, cells, now: Now { unix_ms: 0 }, imported },
        }
    }

    /// Reads on in a stretch, until it ends or batches are complete. What is counted already is read for its numbers.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub fn read(&mut self, input: &mut impl Read, stretch: &Stretch, now: Now) -> io::Result<Complete> {
        self.fold.now = now;
        let mut is_all = false;
        loop {
            let taken =
                cut_lines(&mut self.cutter, &self.ahead, MAX_LINE, is_all, &mut self.runs, &mut self.fold);
            self.advance(taken);
            // At the same line every time, wherever the chunks end.
            if self.fold.is_full() {
                return Ok(Complete { batches: self.seal(stretch, false), is_end: false });
            }
            if is_all {
                let batches = self.finish(stretch);
                self.check_known(stretch)?;
                return Ok(Complete { batches, is_end: true });
            }
            let left = stretch.to.saturating_sub(self.offset + self.ahead.len() as u64);
            let room = left.min(CHUNK as u64) as usize;
            let read = read_some(input, &mut self.chunk[..room])?;
            self.ahead.extend_from_slice(&self.chunk[..read]);
            is_all = read == 0;
        }
    }

    /// A text that can be read only once must begin with what was imported of it before.
    fn check_known(&self, stretch: &Stretch) -> io::Result<()> {
        let Some((to, content)) = self.known.filter(|(to, _)| *to == stretch.to) else { return Ok(()) };
        if self.offset != to || Print::finished(self.digest.clone()) != content {
            return Err(io::Error::new(io::ErrorKind::InvalidData, Undecided::AnotherText));
        }
        Ok(())
    }

    /// What became of the lines up to now.
    #[must_use]
    pub fn imported(&self) -> &Imported {
        &self.fold.imported
    }

    /// How much was read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// The last line of a stretch may have no end. One that does not count is read again once it has its end.
    fn finish(&mut self, stretch: &Stretch) -> Vec<Batch> {
        let rest = self.ahead.len();
        let before = self.runs.clone();
        let counts = self.cutter.last(&self.ahead).is_some_and(|line| self.fold.take(line));
        self.runs.push(&self.ahead, counts);
        let batches = if counts {
            self.advance(rest);
            self.seal(stretch, true)
        } else {
            let with_rest = std::mem::replace(&mut self.runs, before);
            let batches = self.seal(stretch, self.cutter.is_within_long());
            self.runs = with_rest;
            self.advance(rest);
            batches
        };
        if stretch.is_torn {
            self.cutter = Cutter::resumed(&self.prefix, true);
        }
        self.from = self.offset;
        batches
    }

    fn advance(&mut self, taken: usize) {
        let room = (PREFIX - self.prefix.len()).min(taken);
        self.prefix.extend_from_slice(&self.ahead[..room]);
        self.digest.update(&self.ahead[..taken]);
        self.last.push(&self.ahead[..taken]);
        self.offset += taken as u64;
        self.ahead.drain(..taken);
    }

    fn seal(&mut self, stretch: &Stretch, torn: bool) -> Vec<Batch> {
        let imported = &mut self.fold.imported;
        let counts = self.fold.intake.seal();
        let from = std::mem::replace(&mut self.from, self.offset);
        imported.hits = imported.hits.saturating_add(counts.hits());
        if stretch.is_counted {
            return Vec::new();
        }
        imported.fresh = imported.fresh.saturating_add(counts.hits());
        let first = imported.batches + 1;
        let mut complete = batches(self.instance, first, counts);
        imported.batches += complete.len() as u64;
        let hits = Some(imported.hits);
        let mark = |done| {
            let (prefix, content) = (Print::of(&self.prefix), Print::finished(self.digest.clone()));
            let next = first + complete.len() as u64;
            let lines = Ladder::of(&self.prefix);
            let is_few = self.last.are_all(&lines, self.offset > PREFIX as u64);
            let mark = ImportMark {
                identity: self.identity,
                from,
                to: self.offset,
                first,
                next,
                done,
                torn,
                prefix,
                content,
                lines,
                few: if is_few { self.last.clone() } else { LastLines::default() },
                runs: self.runs.of_whole(),
                hits,
                path: self.path.clone(),
            };
            mark.position()
        };
        let (begun, done) = (mark(false), mark(true));
        if let [first, .., _] = &mut complete[..] {
            first.positions.push(begun);
        }
        if let Some(last) = complete.last_mut() {
            last.positions.push(done);
        }
        complete
    }
}

impl Fold {
    /// Answers whether the line counts.
    fn take(&mut self, line: Line<'_>) -> bool {
        self.imported.received += 1;
        let taken = match line {
            Line::Whole(line) => self.intake.take(line, self.now),
            Line::Bad(reject) => Err(reject),
        };
        match taken {
            Ok(()) => self.imported.accepted += 1,
            Err(reject) => *self.imported.rejected.entry(reject.label()).or_default() += 1,
        }
        taken.is_ok()
    }
}

impl Sink for Fold {
    fn line(&mut self, line: &[u8]) {
        self.take(Line::Whole(line));
    }

    fn reject(&mut self, reject: Reject) {
        self.take(Line::Bad(reject));
    }

    fn counted(&self) -> u64 {
        self.imported.accepted
    }

    fn is_full(&self) -> bool {
        self.intake.len() >= self.cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpacked;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

    fn text() -> Vec<u8> {
        let mut text = Vec::new();
        for n in 0..10_000u32 {
            let name = n.wrapping_mul(2_654_435_761) % 3_000;
            writeln!(text, "\"2026-11-{:02}\",\"o%2Fr{name}\"", 1 + n % 20).unwrap();
        }
        text.extend_from_slice(b"garbage\n\"2026-11-20\",\"the last has no line end\"");
        text
    }

    fn gzipped(text: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    }

    /// Reads at most so many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = into.len().min(self.1).min(self.0.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn import(text: &[u8], at_a_time: usize, cells: usize) -> (Vec<Batch>, Imported) {
        let course = Course::whole(Uuid::nil(), u64::MAX);
        let mut import = Import::with_cells(cells, &course, Arc::default(), LineFormat::Auto);
        let (mut input, mut all) = (Slow(text, at_a_time), Vec::new());
        loop {
            let complete = import.read(&mut input, &course.stretches[0], NOW).unwrap();
            all.extend(complete.batches);
            if complete.is_end {
                return (all, import.imported().clone());
            }
        }
    }

    fn content(input: impl Read) -> Content {
        Content::of(input, None, &Evidence::default()).unwrap().0
    }

    #[test]
    fn batches_do_not_depend_on_how_the_content_is_read() {
        let text = text();
        let (batches, imported) = import(&text, usize::MAX, 2_000);
        assert!(batches.len() > 3);
        assert!(batches.iter().enumerate().all(|(at, batch)| batch.seq == at as u64 + 1));
        assert_eq!((imported.received, imported.accepted, imported.hits), (10_002, 10_001, 10_001));
        assert_eq!(imported.rejected, BTreeMap::from([("columns", 1)]));
        for at_a_time in [1, 7, 4096] {
            assert_eq!(import(&text, at_a_time, 2_000).0, batches);
        }
        let counted: u64 =
            batches.iter().flat_map(|batch| batch.entries.iter()).map(|entry| entry.count).sum();
        assert_eq!(counted, 10_001);
        assert!(batches.iter().flat_map(|b| b.entries.iter()).all(|entry| !entry.name.is_aggregate()));
    }

    #[test]
    fn content_is_the_same_packed_and_unpacked() {
        let text = text();
        let plain = content(unpacked(&text[..]).unwrap());
        let packed = gzipped(&text);
        assert_eq!(content(unpacked(Slow(&packed, 1)).unwrap()), plain);
        assert_eq!(plain.bytes, text.len() as u64);
        // Two members in one file, as `cat a.gz b.gz` makes them.
        let (a, b) = text.split_at(1000);
        let members = [gzipped(a), gzipped(b)].concat();
        assert_eq!(content(unpacked(&members[..]).unwrap()), plain);
        assert_ne!(content(&text[1..]).instance, plain.instance);
        assert_ne!(named_instance("x"), named_instance("y"));
        for short in [&b""[..], b"a", b"\x1f"] {
            assert_eq!(content(unpacked(short).unwrap()).bytes, short.len() as u64);
        }
        let damaged = unpacked(&packed[..packed.len() / 2]).unwrap();
        assert!(Content::of(damaged, None, &Evidence::default()).is_err());
    }
}
