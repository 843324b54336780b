//! One file that is being read: its lines, from a bounded buffer, and the position.
//!
//! A plain file can be written, truncated or refilled while it is read; a compressed one does not change. The bytes
//! that were read are compared with the file again before they count, because a file that was truncated and has grown
//! past the offset looks, to a read, like one that has only grown.

use super::{
    cut::{self, Sink},
    ladder::{Ladder, LastLines},
    names::open_regular,
    record::{Identity, Mark, PREFIX, Print, TAIL, mtime, repeats_one_line},
    runs::Runs,
};
use crate::source::Stop;
use crate::unpack::{self, Failed, unpacked};
use sha2::{Digest, Sha256};
use std::{
    cmp::Ordering,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};
use tallymark_core::Cutter;

/// How much is read at a time. Tests cross the edges of chunks with small files.
const CHUNK: usize = if cfg!(test) { 4 * 1024 } else { 256 * 1024 };

enum Body {
    Plain(File),
    Packed(File, Box<dyn Read>),
}

/// What a look into the file found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Bytes. There may be more.
    Some,
    /// Nothing new: all of it is read.
    End,
    /// It is no longer the file whose beginning was read: truncated, and perhaps filled again.
    Truncated,
}

/// A file that is read.
pub(super) struct Input {
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
    /// Of the first bytes.
    lines: Ladder,
    last: LastLines,
    runs: Runs,
    /// Its length and the time of its last write before the last read.
    length: u64,
    mtime: u64,
    /// The end was seen with these.
    ended: bool,
}

impl Input {
    /// A file from its first byte.
    pub(super) fn new(mut file: File) -> io::Result<Input> {
        let identity = Identity::of(&file.metadata()?);
        let body = if is_packed(&file)? {
            // The offset in the file is shared with earlier readers of it.
            file.seek(SeekFrom::Start(0))?;
            let content = unpacked(file.try_clone()?);
            Body::Packed(file, content.unwrap_or_else(|error| Box::new(Failed(error))))
        } else {
            Body::Plain(file)
        };
        Ok(Input {
            identity,
            body,
            offset: 0,
            ahead: Vec::new(),
            cutter: Cutter::default(),
            waiting: false,
            prefix: Vec::new(),
            tail: Vec::new(),
            lines: Ladder::default(),
            last: LastLines::default(),
            runs: Runs::default(),
            length: 0,
            mtime: 0,
            ended: false,
        })
    }

    /// The same file from where `mark` is. `None` if what lies before it is not what was read.
    pub(super) fn resume(file: File, mark: &Mark, stop: &Stop) -> io::Result<Option<Input>> {
        let mut input = Input::new(file)?;
        let known = match &mut input.body {
            Body::Plain(file) => match plain_ends(file, mark.offset) {
                Err(error) if is_short(&error) => None,
                known => Some(known?),
            },
            Body::Packed(_, content) => packed_ends(content, mark, stop)?,
        };
        let Some((prefix, tail)) = known else { return Ok(None) };
        if !mark.is_behind(&prefix, &tail) {
            return Ok(None);
        }
        (input.lines, input.last) = (Ladder::of(&prefix), mark.last.clone());
        input.runs = mark.runs.behind(&tail);
        (input.prefix, input.tail) = (prefix, tail);
        if mark.offset > 0 {
            input.cutter = Cutter::resumed(&input.prefix, mark.skip);
        }
        input.offset = mark.offset;
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
        self.last = last_lines(file, end)?;
        self.lines = Ladder::of(&self.prefix);
        if end > 0 {
            self.cutter = Cutter::resumed(&self.prefix, false);
        }
        self.offset = end;
        Ok(())
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// The file, if it is a plain one.
    pub(super) fn plain(&self) -> Option<&File> {
        if let Body::Plain(file) = &self.body { Some(file) } else { None }
    }

    /// Forgets what was read of a plain file and not handed out, because the file may be another one now.
    pub(super) fn rewind(&mut self) {
        if self.plain().is_some() {
            self.ahead.clear();
            (self.waiting, self.ended) = (false, false);
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        !matches!(self.body, Body::Plain(_))
    }

    /// Whether what was read of its beginning repeats one line.
    pub(super) fn is_alike(&self) -> bool {
        let room = (PREFIX - self.prefix.len()).min(self.ahead.len());
        repeats_one_line(&[&self.prefix[..], &self.ahead[..room]].concat())
    }

    /// Whether the file ended within a line, the last time that its end was seen.
    pub(super) fn is_torn(&self) -> bool {
        !self.ahead.is_empty() && !self.cutter.is_within_long()
    }

    /// Its length and the time of its last write when its end was seen.
    pub(super) fn seen(&self) -> (u64, u64) {
        (self.length, self.mtime)
    }

    /// Whether it is open but has no name any more.
    pub(super) fn is_nameless(&self) -> bool {
        self.plain().and_then(|file| file.metadata().ok()).is_some_and(|file| file.nlink() == 0)
    }

    /// Whether its end was seen, and nothing was written since.
    pub(super) fn is_read(&self) -> bool {
        self.ended && !self.waiting && !self.has_more()
    }

    /// Whether it has been written to since its end was seen. It may have no name any more.
    pub(super) fn has_more(&self) -> bool {
        let Some(file) = self.plain() else { return false };
        file.metadata().is_ok_and(|file| (file.len(), mtime(&file)) != (self.length, self.mtime))
    }

    pub(super) fn mark(&self) -> Mark {
        let (prefix, tail) = (Print::of(&self.prefix), Print::of(&self.tail));
        let (lines, last, runs) = (self.lines.clone(), self.last.clone(), self.runs.clone());
        Mark { offset: self.offset, skip: self.cutter.is_within_long(), prefix, tail, lines, last, runs }
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
            Body::Packed(..) => self.read_packed()?,
        };
        match found {
            Found::Some => self.hand_out(max_line, false, sink),
            // Its writer may end lines with NUL, and wait.
            Found::End if self.ahead.last() == Some(&0) => self.hand_out(max_line, true, sink),
            Found::End | Found::Truncated => {}
        }
        Ok(found)
    }

    fn read_plain(&mut self) -> io::Result<Found> {
        let Body::Plain(file) = &self.body else { return Ok(Found::End) };
        // Before the read: what is written after it changes them once more.
        let metadata = file.metadata()?;
        let (length, written) = (metadata.len(), mtime(&metadata));
        let from = self.offset + self.ahead.len() as u64;
        if self.ended && (length, written) == (self.length, self.mtime) {
            return Ok(Found::End);
        }
        if length < from {
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
        (self.length, self.mtime) = (length, written);
        self.ended = read == 0;
        Ok(if read == 0 { Found::End } else { Found::Some })
    }

    /// Whether the file still has what was read of it, `kept` bytes behind the offset included. A file that is too
    /// short now has not.
    fn is_unchanged(&self, file: &File, kept: usize) -> io::Result<bool> {
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

    /// Whether nothing lies behind what was read.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        self.fill(self.offset, 1)?;
        Ok(self.ahead.is_empty())
    }

    /// Reads ahead if nothing is there, for a comparison.
    fn fill(&mut self, at: u64, most: usize) -> io::Result<()> {
        if self.ahead.is_empty() {
            self.ahead.resize(most, 0);
            let read = match &mut self.body {
                Body::Plain(file) => retry(|| file.read_at(&mut self.ahead, at)),
                Body::Packed(_, content) => retry(|| content.read(&mut self.ahead)),
            };
            self.ahead.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        Ok(())
    }

    fn read_packed(&mut self) -> io::Result<Found> {
        let Body::Packed(file, content) = &mut self.body else { return Ok(Found::End) };
        let kept = self.ahead.len();
        self.ahead.resize(kept + CHUNK, 0);
        // Before the read, which may fail: it is not tried again with the same file.
        let metadata = file.metadata()?;
        (self.length, self.mtime) = (metadata.len(), mtime(&metadata));
        let read = retry(|| content.read(&mut self.ahead[kept..]));
        self.ahead.truncate(kept + read.as_ref().map_or(0, |&read| read));
        let read = read?;
        Ok(if read == 0 { Found::End } else { Found::Some })
    }

    /// Whether a line waits that the sink did not take.
    pub(super) fn has_line(&self) -> bool {
        self.waiting
    }

    fn hand_out(&mut self, max_line: usize, is_all: bool, sink: &mut impl Sink) {
        let ahead = std::mem::take(&mut self.ahead);
        let taken = cut::lines(&mut self.cutter, &ahead, max_line, is_all, &mut self.runs, sink);
        self.waiting = sink.is_full() && taken < ahead.len();
        self.advance(&ahead[..taken]);
        self.ahead = ahead;
        self.ahead.drain(..taken);
    }

    fn advance(&mut self, taken: &[u8]) {
        self.offset += taken.len() as u64;
        self.last.push(taken);
        let room = PREFIX - self.prefix.len();
        if room > 0 && !taken.is_empty() {
            self.prefix.extend_from_slice(&taken[..room.min(taken.len())]);
            self.lines = Ladder::of(&self.prefix);
        }
        if taken.len() >= TAIL {
            self.tail.clear();
        } else {
            let over = (self.tail.len() + taken.len()).saturating_sub(TAIL);
            self.tail.drain(..over);
        }
        self.tail.extend_from_slice(&taken[taken.len().saturating_sub(TAIL)..]);
    }
}

/// The last lines before `end` of a plain file.
pub(super) fn last_lines(file: &File, end: u64) -> io::Result<LastLines> {
    let mut before = vec![0; end.min(CHUNK as u64) as usize];
    let start = end - before.len() as u64;
    file.read_exact_at(&mut before, start)?;
    // The first may be cut.
    let whole = if start == 0 { 0 } else { memchr::memchr(b'\n', &before).map_or(before.len(), |at| at + 1) };
    let mut last = LastLines::default();
    last.push(&before[whole..]);
    Ok(last)
}

/// The first and the last bytes before `offset` of a plain file.
pub(super) fn plain_ends(file: &File, offset: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut prefix = vec![0; offset.min(PREFIX as u64) as usize];
    file.read_exact_at(&mut prefix, 0)?;
    let mut tail = vec![0; offset.min(TAIL as u64) as usize];
    let start = offset - tail.len() as u64;
    file.read_exact_at(&mut tail, start)?;
    Ok((prefix, tail))
}

/// The same for a compressed file, which is then positioned at the mark; `None` if it is shorter. A different beginning
/// is noticed before the rest is unpacked.
fn packed_ends(content: &mut impl Read, mark: &Mark, stop: &Stop) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut prefix, mut tail) = (Vec::new(), Vec::new());
    let mut at = 0;
    let mut chunk = vec![0; CHUNK];
    while at < mark.offset {
        // The first reads make up the prefix.
        let end = if at < PREFIX as u64 { mark.offset.min(PREFIX as u64) } else { mark.offset };
        let length = (end - at).min(CHUNK as u64) as usize;
        stop.check()?;
        let read = retry(|| content.read(&mut chunk[..length]))?;
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

/// The first bytes of a file, unpacked. Damage behind the first of them is found later.
pub(super) fn beginning(file: File) -> io::Result<Vec<u8>> {
    let mut input = Input::new(file)?;
    let mut first = Vec::new();
    while first.len() < PREFIX {
        match input.fill(first.len() as u64, PREFIX) {
            Err(error) if first.is_empty() || !is_damage(&error) => return Err(error),
            _ if input.ahead.is_empty() => break,
            _ => first.append(&mut input.ahead),
        }
    }
    first.truncate(PREFIX);
    Ok(first)
}

/// The first bytes of a file, up to an offset, unpacked.
pub(super) struct Portion {
    /// Its first bytes.
    pub(super) prefix: Vec<u8>,
    /// Its last bytes.
    pub(super) tail: Vec<u8>,
    /// A print of all of it.
    pub(super) print: Print,
}

/// The first `offset` bytes of a file. `None` if it is shorter.
pub(super) fn portion(file: File, offset: u64, stop: &Stop) -> io::Result<Option<Portion>> {
    let mut input = Input::new(file)?;
    let mut digest = Sha256::new();
    while input.offset < offset {
        stop.check()?;
        input.fill(input.offset, CHUNK)?;
        if input.ahead.is_empty() {
            return Ok(None);
        }
        let mut ahead = std::mem::take(&mut input.ahead);
        ahead.truncate(usize::try_from(offset - input.offset).unwrap_or(usize::MAX));
        digest.update(&ahead);
        input.advance(&ahead);
    }
    Ok(Some(Portion { prefix: input.prefix, tail: input.tail, print: Print::finished(digest) }))
}

/// What a file has, unpacked, from a byte on.
pub(super) fn content(path: &Path, from: u64, stop: &Stop) -> io::Result<Box<dyn Read>> {
    let mut file = open_regular(path)?;
    if !is_packed(&file)? {
        file.seek(SeekFrom::Start(from))?;
        return Ok(Box::new(file));
    }
    let mut content = unpacked(file)?;
    let (mut at, mut chunk) = (0, vec![0; CHUNK]);
    while at < from {
        stop.check()?;
        let length = (from - at).min(CHUNK as u64) as usize;
        match retry(|| content.read(&mut chunk[..length]))? {
            0 => break,
            read => at += read as u64,
        }
    }
    Ok(content)
}

/// How many bytes of whole lines a file has, unpacked.
pub(super) fn length(file: File, stop: &Stop) -> io::Result<u64> {
    let mut input = Input::new(file)?;
    let Body::Packed(_, content) = &mut input.body else {
        input.skip_to_end()?;
        return Ok(input.offset);
    };
    let (mut at, mut length, mut chunk) = (0, 0, vec![0; CHUNK]);
    loop {
        stop.check()?;
        let read = retry(|| content.read(&mut chunk))?;
        if read == 0 {
            return Ok(length);
        }
        length = memchr::memrchr(b'\n', &chunk[..read]).map_or(length, |end| at + end as u64 + 1);
        at += read as u64;
    }
}

/// How the contents of two files compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Some byte differs.
    Differ,
    /// They have the same bytes as far as both go, and the first is so much longer or shorter.
    Alike(Ordering),
}

/// Compares two files, unpacked, from their beginnings.
pub(super) fn compare(one: File, other: File, stop: &Stop) -> io::Result<Likeness> {
    let (mut one, mut other) = (Input::new(one)?, Input::new(other)?);
    let mut at = 0;
    loop {
        stop.check()?;
        // Most differ at once.
        let most = if at == 0 { PREFIX } else { CHUNK };
        one.fill(at, most)?;
        other.fill(at, most)?;
        let both = one.ahead.len().min(other.ahead.len());
        if one.ahead[..both] != other.ahead[..both] {
            return Ok(Likeness::Differ);
        }
        if both == 0 {
            return Ok(Likeness::Alike(one.ahead.len().cmp(&other.ahead.len())));
        }
        one.ahead.drain(..both);
        other.ahead.drain(..both);
        at += both as u64;
    }
}

/// Of the packed bytes of a file: their number, beginning and end.
pub(super) fn packed_print(file: &File) -> io::Result<Print> {
    let length = file.metadata()?.len();
    let (mut all, tail) = plain_ends(file, length)?;
    all.extend(tail);
    all.extend(length.to_le_bytes());
    Ok(Print::of(&all))
}

/// What a packed file that is cut short or garbled gives, or one that is packed in a way that is not read.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Unsupported
            | io::ErrorKind::Other
    )
}

fn is_short(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof)
}

pub(super) fn is_packed(file: &File) -> io::Result<bool> {
    let mut start = [0; unpack::MARK];
    let read = retry(|| file.read_at(&mut start, 0))?;
    Ok(unpack::is_packed(&start[..read]))
}

/// Reads again where a signal has interrupted it.
pub(super) fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
