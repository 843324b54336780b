//! One file that is read: its lines out of a bounded buffer, and how far it is.
//!
//! It may be plain, and then others write to it, truncate it or fill it anew while it is read; or gzipped, and then it
//! only ends. What has been read is checked against the file again before it counts, because a file that was truncated
//! and has grown past the offset looks, to a read, like one that has only grown.

use super::{
    cut::{self, Sink},
    mark::{Identity, Mark, PREFIX, Print, TAIL, mtime},
};
use flate2::bufread::MultiGzDecoder;
use std::{
    fs::{File, Metadata},
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};
use tallymark_core::{Cutter, Reject};

/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

enum Body {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    /// A damaged gzip.
    GivenUp,
}

/// What a look into the file found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Bytes. There may be more.
    Some,
    /// Nothing new: all of it is read.
    End,
    /// It is no longer the file whose beginning was read: truncated, and perhaps filled anew.
    Truncated,
}

/// A file that is read.
pub(super) struct Input {
    path: PathBuf,
    identity: Identity,
    body: Body,
    /// Everything before it has been handed out.
    offset: u64,
    /// What was read behind the offset.
    ahead: Vec<u8>,
    cutter: Cutter,
    /// The sink was full, and may not have had every line that is ahead.
    waiting: bool,
    /// The first and the last bytes before the offset.
    prefix: Vec<u8>,
    tail: Vec<u8>,
    mtime: u64,
    /// What its mark has for the time of the last write as long as nothing of it is read: a time before all of it. If it
    /// is packed meanwhile, that is what tells its gzip from those of earlier generations.
    before: u64,
    /// The end was seen with this time of the last write.
    ended: bool,
    /// What was in it when it was found. It may have to wait until it is read, and be truncated meanwhile.
    found_with: Option<Mark>,
}

impl Input {
    /// A file from its first byte.
    pub(super) fn new(path: &Path, mut file: File) -> io::Result<Input> {
        let metadata = file.metadata()?;
        let gzip = is_gzip(&file)?;
        // The place in the file is shared with whoever has looked into it before.
        file.seek(SeekFrom::Start(0))?;
        let found_with = if gzip { None } else { whole(&file, &metadata)? };
        let body = if gzip {
            Body::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, file))))
        } else {
            Body::Plain(file)
        };
        Ok(Input {
            path: path.to_owned(),
            identity: Identity::of(&metadata),
            body,
            offset: 0,
            ahead: Vec::new(),
            cutter: Cutter::default(),
            waiting: false,
            prefix: Vec::new(),
            tail: Vec::new(),
            mtime: mtime(&metadata),
            before: mtime(&metadata).saturating_sub(u64::from(metadata.len() > 0)),
            ended: false,
            found_with,
        })
    }

    /// The same file from where `mark` stands. `None` if what lies before it is not what the mark's file had there.
    pub(super) fn resume(path: &Path, file: File, mark: &Mark) -> io::Result<Option<Input>> {
        let mut input = Input::new(path, file)?;
        let known = match &mut input.body {
            Body::Plain(file) => match plain_ends(file, mark.offset) {
                Err(error) if is_short(&error) => None,
                known => Some(known?),
            },
            Body::Gzip(gzip) => gzip_ends(gzip, mark)?,
            Body::GivenUp => None,
        };
        let Some((prefix, tail)) = known else { return Ok(None) };
        if Print::of(&prefix) != mark.prefix || Print::of(&tail) != mark.tail {
            return Ok(None);
        }
        (input.prefix, input.tail) = (prefix, tail);
        if mark.offset > 0 {
            input.cutter = Cutter::resumed(&input.prefix, mark.skip);
        }
        (input.offset, input.found_with) = (mark.offset, None);
        input.before = mark.mtime;
        Ok(Some(input))
    }

    /// Goes behind the last line end that is in the file now: what lies before is not counted.
    pub(super) fn skip_to_end(&mut self) -> io::Result<()> {
        let Body::Plain(file) = &self.body else { return Ok(()) };
        let mut end = file.metadata()?.len();
        let mut chunk = vec![0; CHUNK];
        while end > 0 {
            let length = end.min(CHUNK as u64) as usize;
            let start = end - length as u64;
            file.read_exact_at(&mut chunk[..length], start)?;
            if let Some(at) = memchr::memrchr(b'\n', &chunk[..length]) {
                end = start + at as u64 + 1;
                break;
            }
            end = start;
        }
        (self.prefix, self.tail) = plain_ends(file, end)?;
        if end > 0 {
            self.cutter = Cutter::resumed(&self.prefix, false);
        }
        (self.offset, self.found_with) = (end, None);
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// The time of the last write that was seen, if anything was read.
    pub(super) fn mtime(&self) -> u64 {
        if self.offset == 0 { self.before } else { self.mtime }
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self.body, Body::Gzip(_) | Body::GivenUp)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            identity: self.identity,
            mtime: self.mtime(),
            offset: self.offset,
            skip: self.cutter.is_within_long(),
            prefix: Print::of(&self.prefix),
            tail: Print::of(&self.tail),
        }
    }

    /// What a copy of the file has, made before it was truncated: what was read of it, or if nothing was, what it was
    /// found with.
    pub(super) fn had(&self) -> Mark {
        match &self.found_with {
            Some(mark) => mark.clone(),
            None => self.mark(),
        }
    }

    /// Forgets what was read: the file has another content now.
    pub(super) fn restart(&mut self) {
        if let Body::Plain(file) = &self.body
            && let Ok(metadata) = file.metadata()
        {
            self.mtime = mtime(&metadata);
            // Its copy may be as old as the truncation, to the kernel's tick.
            self.before = self.mtime;
        }
        (self.offset, self.found_with) = (0, None);
        (self.cutter, self.waiting, self.ended) = (Cutter::default(), false, false);
        for bytes in [&mut self.ahead, &mut self.prefix, &mut self.tail] {
            bytes.clear();
        }
    }

    /// Takes what is new, at most a chunk of it, and hands out its lines.
    pub(super) fn read(&mut self, max_line: usize, sink: &mut impl Sink) -> io::Result<Found> {
        if self.has_line() {
            // The sink was full the last time.
            self.hand_out(max_line, false, sink);
            return Ok(Found::Some);
        }
        let found = match &self.body {
            Body::Plain(_) => self.read_plain()?,
            Body::Gzip(_) => self.read_gzip()?,
            Body::GivenUp => Found::End,
        };
        match found {
            Found::Some => self.hand_out(max_line, false, sink),
            // Its writer may end lines with NUL, and wait.
            Found::End if self.ahead.last() == Some(&0) => self.hand_out(max_line, true, sink),
            Found::End | Found::Truncated => {}
        }
        Ok(found)
    }

    /// Reads no more of it.
    pub(super) fn give_up(&mut self) {
        self.body = Body::GivenUp;
    }

    /// The file will not be written to any more: what is left of a line never gets its end.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) {
        if !self.ahead.is_empty() && !self.cutter.is_within_long() {
            sink.reject(Reject::Partial);
        }
        self.ahead.clear();
    }

    fn read_plain(&mut self) -> io::Result<Found> {
        let Body::Plain(file) = &self.body else { return Ok(Found::End) };
        // Before the read: what is written after it changes them once more.
        let metadata = file.metadata()?;
        let (length, written) = (metadata.len(), mtime(&metadata));
        let from = self.offset + self.ahead.len() as u64;
        if length == from && written == self.mtime && self.ended {
            return Ok(Found::End);
        }
        if length < from || self.found_with.as_ref().is_some_and(|mark| length < mark.offset) {
            return Ok(Found::Truncated);
        }
        let kept = self.ahead.len();
        self.ahead.resize(kept + CHUNK, 0);
        let read = retry(|| file.read_at(&mut self.ahead[kept..], from));
        self.ahead.truncate(kept + read.as_ref().map_or(0, |&read| read));
        let read = read?;
        if !self.is_unchanged(file, kept)? {
            return Ok(Found::Truncated);
        }
        self.found_with = None;
        self.mtime = written;
        self.ended = read == 0;
        Ok(if read == 0 { Found::End } else { Found::Some })
    }

    /// Whether the file still has what was read of it, `kept` bytes behind the offset included. A file that is too
    /// short now has not.
    fn is_unchanged(&self, file: &File, kept: usize) -> io::Result<bool> {
        if let Some(mark) = &self.found_with {
            return match plain_ends(file, mark.offset) {
                Ok((prefix, tail)) => Ok(Print::of(&prefix) == mark.prefix && Print::of(&tail) == mark.tail),
                Err(error) if is_short(&error) => Ok(false),
                Err(error) => Err(error),
            };
        }
        let mut seen = [0; PREFIX];
        let mut same = |known: &[u8], at: u64| match file.read_exact_at(&mut seen[..known.len()], at) {
            Ok(()) => Ok(seen[..known.len()] == *known),
            Err(error) if is_short(&error) => Ok(false),
            Err(error) => Err(error),
        };
        Ok(same(&self.prefix, 0)?
            && same(&self.tail, self.offset - self.tail.len() as u64)?
            && same(&self.ahead[..kept.min(TAIL)], self.offset)?)
    }

    fn read_gzip(&mut self) -> io::Result<Found> {
        let Body::Gzip(gzip) = &mut self.body else { return Ok(Found::End) };
        let kept = self.ahead.len();
        self.ahead.resize(kept + CHUNK, 0);
        let read = retry(|| gzip.read(&mut self.ahead[kept..]));
        self.ahead.truncate(kept + read.as_ref().map_or(0, |&read| read));
        let read = read?;
        self.ended = read == 0;
        Ok(if read == 0 { Found::End } else { Found::Some })
    }

    /// Whether a line waits that the sink did not take.
    pub(super) fn has_line(&self) -> bool {
        self.waiting
    }

    fn hand_out(&mut self, max_line: usize, is_all: bool, sink: &mut impl Sink) {
        let ahead = std::mem::take(&mut self.ahead);
        let taken = cut::lines(&mut self.cutter, &ahead, max_line, is_all, sink);
        self.waiting = sink.is_full() && taken < ahead.len();
        self.advance(&ahead[..taken]);
        self.ahead = ahead;
        self.ahead.drain(..taken);
    }

    fn advance(&mut self, taken: &[u8]) {
        self.offset += taken.len() as u64;
        let room = PREFIX - self.prefix.len();
        self.prefix.extend_from_slice(&taken[..room.min(taken.len())]);
        if taken.len() >= TAIL {
            self.tail.clear();
        } else {
            let over = (self.tail.len() + taken.len()).saturating_sub(TAIL);
            self.tail.drain(..over);
        }
        self.tail.extend_from_slice(&taken[taken.len().saturating_sub(TAIL)..]);
    }
}

/// A mark at the end of a plain file.
fn whole(file: &File, metadata: &Metadata) -> io::Result<Option<Mark>> {
    let offset = metadata.len();
    let (prefix, tail) = match plain_ends(file, offset) {
        Ok(ends) if offset > 0 => ends,
        Err(error) if !is_short(&error) => return Err(error),
        // Nothing in it, or truncated this very moment.
        _ => return Ok(None),
    };
    Ok(Some(Mark {
        identity: Identity::of(metadata),
        mtime: mtime(metadata),
        offset,
        skip: false,
        prefix: Print::of(&prefix),
        tail: Print::of(&tail),
    }))
}

/// The first and the last bytes before `offset` of a plain file.
fn plain_ends(file: &File, offset: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut prefix = vec![0; offset.min(PREFIX as u64) as usize];
    file.read_exact_at(&mut prefix, 0)?;
    let mut tail = vec![0; offset.min(TAIL as u64) as usize];
    let start = offset - tail.len() as u64;
    file.read_exact_at(&mut tail, start)?;
    Ok((prefix, tail))
}

/// Whether two files have the same first and last bytes before `offset`.
pub(super) fn same_ends(one: &File, other: &File, offset: u64) -> io::Result<bool> {
    match (plain_ends(one, offset), plain_ends(other, offset)) {
        (Ok(one), Ok(other)) => Ok(one == other),
        (Err(error), _) | (_, Err(error)) if is_short(&error) => Ok(false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// The same of a gzipped one, which then stands at the mark; `None` if it is shorter. Another beginning is found out
/// before all the rest is inflated.
fn gzip_ends(gzip: &mut impl Read, mark: &Mark) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut prefix, mut tail) = (Vec::new(), Vec::new());
    let mut at = 0;
    let mut chunk = vec![0; CHUNK];
    while at < mark.offset {
        // The first reads make up the prefix.
        let end = if at < PREFIX as u64 { mark.offset.min(PREFIX as u64) } else { mark.offset };
        let length = (end - at).min(CHUNK as u64) as usize;
        let read = retry(|| gzip.read(&mut chunk[..length]))?;
        if read == 0 {
            return Ok(None);
        }
        at += read as u64;
        if at <= PREFIX as u64 {
            prefix.extend_from_slice(&chunk[..read]);
        }
        if at == mark.offset.min(PREFIX as u64) && Print::of(&prefix) != mark.prefix {
            return Ok(None);
        }
        tail.extend_from_slice(&chunk[..read]);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    Ok(Some((prefix, tail)))
}

fn is_short(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof)
}

fn is_gzip(file: &File) -> io::Result<bool> {
    let mut magic = [0; 2];
    let read = retry(|| file.read_at(&mut magic, 0))?;
    Ok(read == 2 && magic == [0x1f, 0x8b])
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
