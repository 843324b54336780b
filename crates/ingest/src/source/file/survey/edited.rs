//! Finds out whether a log was rewritten with fewer lines, as an editor does, so that nothing in it is counted twice.
//!
//! Such a file no longer contains what its record has read, so no other rule recognises it. If the last lines that were
//! read are still in it, and no two of them are equal, everything up to their end was counted. If only its beginning
//! matches, all of it is taken as counted, and the difference is reported.

use super::super::{
    input::{Input, beginning, plain_ends},
    ladder::LastLines,
    names::{Rank, open_regular},
    record::{Beginning, FileRecord, Mark, PREFIX, Print, TAIL, are_distinct, repeats_one_line},
};
use super::Survey;
use std::{fs::File, io, os::unix::fs::FileExt};

/// How much is looked through at a time.
const CHUNK: usize = 256 * 1024;
/// How many files that were named by hand a new log is held against.
const MOST_KEPT: usize = 8;
/// What is told of a log of which only the beginning is known.
const CHANGED: &str = "it begins like what was counted and was changed: what it has is taken as counted";

impl Survey<'_> {
    /// Lets a file go on as the record that was at its path, if it is an edited form of that one. Answers whether it is.
    pub(super) fn take_edited(&mut self, at: usize) -> io::Result<bool> {
        let path = self.file(at).path.clone();
        let was_here = |(id, record): (u64, &FileRecord)| {
            let plain = record.mark.offset > 0 && record.packed.is_none() && record.copy_of.is_none();
            (plain && record.path == path && !self.home.contains_key(&id)).then_some(id)
        };
        let Some(id) = self.book.iter().rev().find_map(was_here) else { return Ok(false) };
        let Some(read) = self.book.get(id).map(|record| record.mark.clone()) else { return Ok(false) };
        let file = open_regular(&path)?;
        if Input::new(file.try_clone()?)?.is_packed() {
            return Ok(false);
        }
        let mark = match behind_last_lines(&file, &read)? {
            Some(mark) => mark,
            None if begins_like(&path, &read)? => {
                let said = path.display().to_string();
                self.tell(&said, CHANGED);
                let mut input = Input::new(file)?;
                input.skip_to_end()?;
                input.mark()
            }
            None => return Ok(false),
        };
        self.truncated.remove(&id);
        self.replaced.remove(&at);
        self.take(at, id);
        let mark = Mark { runs: read.runs, ..mark };
        self.book.change(id, |record| (record.mark, record.done) = (mark, false));
        Ok(true)
    }
}

impl Survey<'_> {
    /// The mark in a new log behind what was counted of the previous one, which an editor moved away or copied, as a backup,
    /// before it wrote what it left of it. A log that was rotated begins without that.
    pub(super) fn behind_what_was_kept(&mut self, at: usize) -> io::Result<Option<Mark>> {
        let path = self.file(at).path.clone();
        let file = open_regular(&path)?;
        if Input::new(file.try_clone()?)?.is_packed() {
            return Ok(None);
        }
        let by_hand = |(id, record): &(u64, &FileRecord)| {
            let home = self.home.get(id).filter(|_| record.mark.offset > 0);
            home.is_some_and(|&home| self.file(home).rank == Rank::Other)
        };
        let was_here =
            self.book.iter().rev().find(|(_, record)| record.path == path && record.packed.is_none());
        let by_hand = self.book.iter().rev().filter(by_hand).take(MOST_KEPT);
        let by_hand: Vec<Mark> = by_hand.map(|(_, record)| record.mark.clone()).collect();
        let read = was_here.map(|(_, record)| &record.mark).into_iter().chain(&by_hand);
        for read in read.filter(|read| read.last.are_distinct()) {
            if let Some(mark) = behind_lines(&file, read)? {
                return Ok(Some(mark));
            }
        }
        for read in &by_hand {
            if begins_like(&path, read)? {
                self.tell(&path.display().to_string(), CHANGED);
                let mut input = Input::new(file)?;
                input.skip_to_end()?;
                return Ok(Some(input.mark()));
            }
        }
        Ok(None)
    }
}

/// Whether a file has the first bytes or lines of what was read, as no other would have by chance.
fn begins_like(path: &std::path::Path, read: &Mark) -> io::Result<bool> {
    let first = beginning(open_regular(path)?)?;
    if first.len() == PREFIX && read.begins_with(&Beginning::of(&first)) {
        return Ok(!repeats_one_line(&first));
    }
    Ok(are_distinct(read.lines.common(&first)))
}

/// The place behind the last lines that were read. It is no further on than they were.
fn behind_last_lines(file: &File, read: &Mark) -> io::Result<Option<Mark>> {
    // A position of an older version, or behind an import, knows only the last bytes.
    match read.last.are_distinct() && !read.skip {
        true => behind_lines(file, read),
        false => behind_last_bytes(file, read),
    }
}

fn behind_lines(file: &File, read: &Mark) -> io::Result<Option<Mark>> {
    let end = file.metadata()?.len().min(read.offset);
    let (mut last, mut line, mut at) = (LastLines::default(), Vec::new(), 0);
    let mut chunk = vec![0; CHUNK];
    while at < end {
        let length = (end - at).min(CHUNK as u64) as usize;
        file.read_exact_at(&mut chunk[..length], at)?;
        let mut done = at;
        for part in chunk[..length].split_inclusive(|&byte| matches!(byte, b'\n' | 0)) {
            done += part.len() as u64;
            line.extend_from_slice(part);
            if !part.ends_with(b"\n") && !part.ends_with(&[0]) {
                continue;
            }
            last.line(&line);
            line.clear();
            if last == read.last {
                let (prefix, tail) = plain_ends(file, done)?;
                return Ok(Some(Mark { last, ..Mark::of(done, false, &prefix, &tail) }));
            }
        }
        at += length as u64;
    }
    Ok(None)
}

fn behind_last_bytes(file: &File, read: &Mark) -> io::Result<Option<Mark>> {
    let tail = read.offset.min(TAIL as u64) as usize;
    let end = file.metadata()?.len().min(read.offset);
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < end && !read.skip {
        let kept = seen.len();
        let length = (end - at).min(CHUNK as u64) as usize;
        seen.resize(kept + length, 0);
        file.read_exact_at(&mut seen[kept..], at)?;
        at += length as u64;
        for line_end in memchr::memchr_iter(b'\n', &seen[kept..]).map(|newline| kept + newline + 1) {
            let Some(lines) = line_end.checked_sub(tail).map(|start| &seen[start..line_end]) else {
                continue;
            };
            // The first may be cut.
            let whole = memchr::memchr(b'\n', lines).map_or(&[][..], |newline| &lines[newline..]);
            if are_distinct(whole) && Print::of(lines) == read.tail {
                let offset = at - (seen.len() - line_end) as u64;
                let (prefix, tail) = plain_ends(file, offset)?;
                return Ok(Some(Mark::of(offset, false, &prefix, &tail)));
            }
        }
        seen.drain(..seen.len().saturating_sub(TAIL));
    }
    Ok(None)
}
