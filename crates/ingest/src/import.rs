//! A whole log file as numbered batches, always the same ones for the same content.
//!
//! The instance of an import is a digest of what is in the file, and its batches are numbered from 1. So the store's
//! marker tells whether this content is imported already, or how far, under whatever name the file comes and whether it
//! is gzipped or not. Memory is bounded: the fold is sealed whenever it is full, at the same line every time.

use crate::{IngestMeters, Intake, LineFormat};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};
use tallymark_core::{Batch, Dating, Line, Lines, Now, Routes, batches};
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
    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub fn of(mut input: impl Read) -> io::Result<Content> {
        let (mut digest, mut bytes) = (domain("content"), 0);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = read_some(&mut input, &mut chunk)?;
            if read == 0 {
                return Ok(Content { instance: instance(digest), bytes });
            }
            digest.update(&chunk[..read]);
            bytes += read as u64;
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
    /// Batches up to now.
    pub batches: u64,
}

/// A fold of one content into batches.
pub struct Import {
    instance: Uuid,
    cells: usize,
    lines: Lines,
    fold: Fold,
}

struct Fold {
    intake: Intake,
    imported: Imported,
}

impl Import {
    /// An empty fold.
    #[must_use]
    pub fn new(instance: Uuid, routes: Arc<Routes>, format: LineFormat) -> Import {
        Import::with_cells(CELLS, instance, routes, format)
    }

    fn with_cells(cells: usize, instance: Uuid, routes: Arc<Routes>, format: LineFormat) -> Import {
        let meters = IngestMeters::quiet().source("import");
        // A tally of twice the size is never full, so nothing is counted as ~overflow.
        let intake = Intake::new(routes, format, Dating::Own, cells.saturating_mul(2), MAX_LINE, meters);
        let fold = Fold { intake, imported: Imported::default() };
        Import { instance, cells, lines: Lines::new(MAX_LINE), fold }
    }

    /// Reads some of the content. Answers how much that was, and the batches that are complete; 0 bytes are the end.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub fn read(
        &mut self,
        input: &mut impl Read,
        chunk: &mut Vec<u8>,
        now: Now,
    ) -> io::Result<(usize, Vec<Batch>)> {
        chunk.resize(CHUNK, 0);
        let read = read_some(input, chunk)?;
        let (instance, cells, fold) = (self.instance, self.cells, &mut self.fold);
        let mut complete = Vec::new();
        self.lines.push(&chunk[..read], |line| {
            fold.take(line, now);
            // At the same line every time, wherever the chunks end.
            if fold.intake.len() >= cells {
                complete.extend(fold.seal(instance));
            }
        });
        if read == 0 {
            self.lines.finish(|line| fold.take(line, now));
            complete.extend(fold.seal(instance));
        }
        Ok((read, complete))
    }

    /// What became of the lines up to now.
    #[must_use]
    pub fn imported(&self) -> &Imported {
        &self.fold.imported
    }
}

impl Fold {
    fn take(&mut self, line: Line<'_>, now: Now) {
        self.imported.received += 1;
        let taken = match line {
            Line::Whole(line) => self.intake.take(line, now),
            Line::Bad(reject) => Err(reject),
        };
        match taken {
            Ok(()) => self.imported.accepted += 1,
            Err(reject) => *self.imported.rejected.entry(reject.label()).or_default() += 1,
        }
    }

    fn seal(&mut self, instance: Uuid) -> Vec<Batch> {
        let counts = self.intake.seal();
        self.imported.hits = self.imported.hits.saturating_add(counts.hits());
        let complete = batches(instance, self.imported.batches + 1, counts);
        self.imported.batches += complete.len() as u64;
        complete
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
        let mut import = Import::with_cells(cells, Uuid::nil(), Arc::default(), LineFormat::Auto);
        let (mut input, mut chunk, mut all) = (Slow(text, at_a_time), Vec::new(), Vec::new());
        loop {
            let (read, batches) = import.read(&mut input, &mut chunk, NOW).unwrap();
            all.extend(batches);
            if read == 0 {
                return (all, import.imported().clone());
            }
        }
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
        let plain = Content::of(unpacked(&text[..]).unwrap()).unwrap();
        let packed = gzipped(&text);
        assert_eq!(Content::of(unpacked(Slow(&packed, 1)).unwrap()).unwrap(), plain);
        assert_eq!(plain.bytes, text.len() as u64);
        // Two members in one file, as `cat a.gz b.gz` makes them.
        let (a, b) = text.split_at(1000);
        let members = [gzipped(a), gzipped(b)].concat();
        assert_eq!(Content::of(unpacked(&members[..]).unwrap()).unwrap(), plain);
        assert_ne!(Content::of(&text[1..]).unwrap().instance, plain.instance);
        assert_ne!(named_instance("x"), named_instance("y"));
        for short in [&b""[..], b"a", b"\x1f"] {
            assert_eq!(Content::of(unpacked(short).unwrap()).unwrap().bytes, short.len() as u64);
        }
        assert!(Content::of(unpacked(&packed[..packed.len() / 2]).unwrap()).is_err());
    }
}
