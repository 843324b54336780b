//! Finds out whether a log was rewritten with fewer lines, as an editor does, so that nothing in it is counted twice.
//!
//! Such a file no longer contains what its record has read, so no other rule recognises it. If the last lines that were
//! read are still in it, and no two of them are equal, everything up to their end was counted. Lines that recur, as
//! those without a time of day do, prove that only if more of them match. If the last lines are gone, [`super::kept`]
//! looks for lines before them. If only its beginning matches, all of it is treated as counted, and the difference is
//! reported. A few lines, or lines that recur, are no proof: they are treated as counted too, and reported, but as new
//! ones if the log was seen empty, or not at all, in between.

use super::super::{
    input::{Input, beginning, content, is_damage},
    ladder::LastLines,
    names::{Rank, is_at, open_regular},
    record::{Beginning, ENOUGH, FileRecord, Mark, PREFIX, Print, TAIL, are_distinct, repeats_one_line},
};
use super::{
    Survey,
    kept::{self, CHUNK, each_line, mark_at, read_full},
    stranger::Stranger,
};
use crate::source::Stop;
use std::{
    io::{self, Read},
    path::Path,
};

/// In how many places the last lines are looked at.
const MOST_ENDS: usize = 100;
/// How many files that were named by hand a new log is held against.
const MOST_KEPT: usize = 8;
/// The report about a log of which only the beginning is known.
const CHANGED: &str = "it begins like the counted file, but was changed: its lines are treated as counted";
/// The report about a log whose last lines have changed.
const SHORTENED: &str = "its last lines were removed or changed, and others follow: these are counted, including any that were counted before and only changed";
/// The report about a log that may be a new one.
const FEW: &str = "it has some of the few lines that were counted, so it is treated as the same log with other lines changed or removed. It may be a new log, with lines that are the same";
/// The report about a log that was empty, or not there, and may be the same one.
const REFILLED: &str = "it was empty or gone, and has lines that were counted before: they are counted as new ones. They count twice if it was only rewritten";

/// What to do with a file that may have been read, or may be a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It is treated as read.
    PassOver,
    /// It is treated as new.
    Count,
    /// Other rules decide.
    Leave,
}

/// How certain it is that a file is what was read, changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Resemblance {
    No,
    /// Another file may have the same lines.
    Weak,
    Good,
}

impl Survey<'_> {
    /// Lets a file go on as the record that was there, or that was the log where it was rotated since, if it is an edited
    /// form of that one. Answers whether it is. `was_empty` says that it had nothing before.
    pub(super) fn take_edited(&mut self, at: usize, was_empty: bool) -> io::Result<bool> {
        let (path, identity) = (self.file(at).path.clone(), self.file(at).identity);
        let is_rotated = self.may_be_rotated(at);
        let is_it = |record: &FileRecord| record.path == path || record.identity.is(&identity);
        let was_here = |(id, record): (u64, &FileRecord)| {
            let plain = record.mark.offset > 0 && record.packed.is_none() && record.copy_of.is_none();
            let was_here = is_it(record) || is_rotated && is_at(&record.path, &path);
            (plain && was_here && !self.home.contains_key(&id)).then_some(id)
        };
        let Some(id) = self.book.iter().rev().find_map(was_here) else { return Ok(false) };
        let Some(record) = self.book.get(id) else { return Ok(false) };
        // Where it is not certain that it was there, the first lines are no evidence.
        let (read, is_it) = (record.mark.clone(), is_it(record));
        let was_gone = record.gone && !self.truncated.contains(&id);
        let mut mark = behind_last_lines(&path, &read, self.question.stop)?;
        if mark.is_none() {
            let doubt = match is_it {
                // The copy may be all that is left of it, and where all lines are identical, only the sum matters.
                true if self.has_copy(at, id) || self.is_alike(at, &read) => Doubt::Leave,
                true if was_empty || was_gone => Doubt::Count,
                true => Doubt::PassOver,
                false => Doubt::Leave,
            };
            mark = self.behind_kept_lines(&path, &read, Some(id).filter(|_| is_it), doubt)?;
            if mark.is_none() && is_it {
                mark = self.behind_all_of_changed(&path, &read, doubt)?;
            }
        }
        let Some(mark) = mark else { return Ok(false) };
        self.truncated.remove(&id);
        self.replaced.remove(&at);
        self.take(at, id);
        let mark = Mark { runs: read.runs, ..mark };
        self.book.change(id, |record| (record.mark, record.done) = (mark, false));
        Ok(true)
    }

    /// Whether another file has, or may have, what was read of a record before it was truncated.
    fn has_copy(&self, at: usize, id: u64) -> bool {
        let Some(record) = self.book.get(id) else { return false };
        let may_be = |(&other, stranger): (&usize, &Stranger)| {
            other != at && self.owner[other].is_none() && stranger.may_begin(record)
        };
        let is_copy = |(_, copy): (u64, &FileRecord)| copy.copy_of == Some(id) && !copy.gone;
        self.strangers.iter().any(may_be) || self.book.iter().any(is_copy)
    }

    /// Whether all lines of a file are identical, and those that were read were, too.
    pub(super) fn is_alike(&self, at: usize, read: &Mark) -> bool {
        let is_one = read.last.all().windows(2).all(|lines| lines[0] == lines[1]);
        is_one && self.strangers.get(&at).is_some_and(|stranger| stranger.alike)
    }

    /// Whether a file is a generation of this log, or of another that asks for it.
    pub(super) fn may_be_rotated(&self, at: usize) -> bool {
        let file = self.file(at);
        file.is_generation() || self.question.asked.contains(&file.path) && !self.was_here(&file.path)
    }

    /// Whether a file that was read was at this path.
    pub(super) fn was_here(&self, path: &Path) -> bool {
        self.book.iter().any(|(_, record)| record.path == path && record.copy_of.is_none())
    }

    /// The mark in a new log behind what was counted of the previous one, which an editor moved away or copied, as a backup,
    /// before it wrote what it left of it. A log that was rotated begins without that; if it was rotated after that, only the
    /// last lines that were counted are evidence.
    pub(super) fn behind_what_was_kept(&mut self, at: usize) -> io::Result<Option<Mark>> {
        let (path, is_rotated) = (self.file(at).path.clone(), self.may_be_rotated(at));
        let by_hand = |(id, record): &(u64, &FileRecord)| {
            let home = self.home.get(id).filter(|_| record.mark.offset > 0);
            home.is_some_and(|&home| self.file(home).rank == Rank::Other)
        };
        let was_here = |(_, record): &(u64, &FileRecord)| record.path == path && record.packed.is_none();
        let was_here = self.book.iter().rev().find(was_here).filter(|_| !is_rotated);
        let mark = |(id, record): (u64, &FileRecord)| (id, record.mark.clone());
        let by_hand: Vec<_> = self.book.iter().rev().filter(by_hand).take(MOST_KEPT).map(mark).collect();
        let kept: Vec<_> = was_here.map(mark).into_iter().chain(by_hand.iter().cloned()).collect();
        for (id, read) in kept.iter().filter(|(_, read)| read.last.are_distinct()) {
            if let Some(mark) = behind_last_lines(&path, read, self.question.stop)? {
                self.leave_rest_to(*id, &path, mark.offset)?;
                return Ok(Some(mark));
            }
        }
        for (_, read) in by_hand.iter().filter(|_| !is_rotated) {
            let mark = self.behind_kept_lines(&path, read, None, Doubt::PassOver)?;
            let changed = || self.behind_all_of_changed(&path, read, Doubt::PassOver);
            let mark = mark.map_or_else(changed, |mark| Ok(Some(mark)))?;
            if mark.is_some() {
                return Ok(mark);
            }
        }
        Ok(None)
    }

    /// The mark after the last of those lines that are still there. The lines after them are read, and this is
    /// reported, because they may be counted lines that were changed. If the file of a record was replaced and is still
    /// open, all its lines are known.
    fn behind_kept_lines(
        &mut self,
        path: &Path,
        read: &Mark,
        id: Option<u64>,
        doubt: Doubt,
    ) -> io::Result<Option<Mark>> {
        if read.skip || Input::new(open_regular(path)?)?.is_packed() {
            return Ok(None);
        }
        let replaced = id.and_then(|id| self.question.open.get(&id)).and_then(Input::plain);
        let found = kept::behind_kept_lines(path, read, replaced, self.question.stop)?;
        let Some(found) = found else { return Ok(None) };
        if !found.is_certain {
            return Ok(self.weigh(path, FEW, doubt).then_some(found.mark));
        }
        if found.is_doubtful {
            self.tell(&path.display().to_string(), SHORTENED);
        }
        Ok(Some(found.mark))
    }

    /// The end of a plain file that begins like the one that was read. Its lines are treated as counted, and this is
    /// reported.
    fn behind_all_of_changed(&mut self, path: &Path, read: &Mark, doubt: Doubt) -> io::Result<Option<Mark>> {
        let mut input = Input::new(open_regular(path)?)?;
        let evidence = if input.is_packed() { Resemblance::No } else { begins_like(path, read)? };
        match evidence {
            Resemblance::No => return Ok(None),
            Resemblance::Weak if !self.weigh(path, CHANGED, doubt) => return Ok(None),
            Resemblance::Weak => {}
            Resemblance::Good => self.tell(&path.display().to_string(), CHANGED),
        }
        input.skip_to_end()?;
        Ok(Some(input.mark()))
    }

    /// Whether to take a file for what was read on weak evidence. Either is reported, once.
    fn weigh(&mut self, path: &Path, why: &'static str, doubt: Doubt) -> bool {
        let path = path.display().to_string();
        match doubt {
            Doubt::PassOver => self.tell(&path, why),
            Doubt::Count if self.untold.iter().all(|(told, _)| *told != path) => self.tell(&path, REFILLED),
            Doubt::Count | Doubt::Leave => {}
        }
        doubt == Doubt::PassOver
    }

    /// What the file of a record had got since it was read is in the edited log too, and is read there. What only that file
    /// has is read in it.
    fn leave_rest_to(&mut self, id: u64, edited: &Path, offset: u64) -> io::Result<()> {
        let Some(&home) = self.home.get(&id) else { return Ok(()) };
        let Some(read) = self.book.get(id).map(|record| record.mark.clone()) else { return Ok(()) };
        let (kept, stop) = (self.file(home).path.clone(), self.question.stop);
        let common = match common_lines((&kept, read.offset), (edited, offset), stop) {
            Err(error) if is_damage(&error) => 0,
            common => common?,
        };
        let mark = if common > 0 { mark_at(&kept, read.offset + common, stop)? } else { None };
        if let Some(mark) = mark {
            let mark = Mark { runs: read.runs, ..mark };
            self.book.change(id, |record| (record.mark, record.done) = (mark, false));
        }
        Ok(())
    }
}

/// How many bytes of whole lines two files have in common from these offsets on.
fn common_lines(one: (&Path, u64), other: (&Path, u64), stop: &Stop) -> io::Result<u64> {
    let (mut one, mut other) = (content(one.0, one.1, stop)?, content(other.0, other.1, stop)?);
    let (mut first, mut second) = (vec![0; CHUNK], vec![0; CHUNK]);
    let (mut done, mut lines) = (0, 0);
    loop {
        stop.check()?;
        let read = read_full(&mut one, &mut first)?;
        let other_read = read_full(&mut other, &mut second)?;
        let alike = first[..read].iter().zip(&second[..other_read]).take_while(|(a, b)| a == b).count();
        if let Some(end) = memchr::memrchr2(b'\n', 0, &first[..alike]) {
            lines = done + end as u64 + 1;
        }
        done += alike as u64;
        if alike < CHUNK {
            return Ok(lines);
        }
    }
}

/// Whether a file has the first bytes or lines of what was read, as no other would have by chance.
fn begins_like(path: &Path, read: &Mark) -> io::Result<Resemblance> {
    let first = beginning(open_regular(path)?)?;
    let common = match first.len() == PREFIX && read.begins_with(&Beginning::of(&first)) {
        true if !repeats_one_line(&first) => return Ok(Resemblance::Good),
        true => &first[..],
        false => read.lines.common(&first),
    };
    let lines = common.split(|byte| matches!(byte, b'\n' | 0)).filter(|line| !line.is_empty()).count();
    Ok(match lines >= ENOUGH {
        true if are_distinct(common) => Resemblance::Good,
        true => Resemblance::Weak,
        false => Resemblance::No,
    })
}

/// The place behind the last lines that were read. It is no further on than they were.
fn behind_last_lines(path: &Path, read: &Mark, stop: &Stop) -> io::Result<Option<Mark>> {
    // A position of an older version, or behind an import, knows only the last bytes.
    let found = match read.last.are_distinct() && !read.skip {
        true => behind_lines(path, read, stop),
        false => behind_last_bytes(path, read, stop),
    };
    match found {
        Err(error) if is_damage(&error) => Ok(None),
        found => found,
    }
}

/// If one of the last lines comes again, as without a time of day it does, they may follow each other by chance. Then the
/// last bytes, which are more lines, have to be there, too.
fn behind_lines(path: &Path, read: &Mark, stop: &Stop) -> io::Result<Option<Mark>> {
    let LinesFound { ends, come_again } = find_lines(path, read, stop)?;
    for end in ends {
        if let Some(mark) = mark_at(path, end, stop)?
            && (!come_again || mark.tail == read.tail)
        {
            let is_packed = mark.last.is_empty();
            return Ok(Some(if is_packed { Mark { last: read.last.clone(), ..mark } } else { mark }));
        }
    }
    Ok(None)
}

/// Where the last lines that were read end in another file.
struct LinesFound {
    ends: Vec<u64>,
    /// One of them is there more than once.
    come_again: bool,
}

/// They are looked for as far as was read, and behind that only if they are not there: lines were inserted before them.
fn find_lines(path: &Path, read: &Mark, stop: &Stop) -> io::Result<LinesFound> {
    let (mut last, mut ends, mut seen) = (LastLines::default(), Vec::new(), 0);
    each_line(content(path, 0, stop)?, stop, |line, at| {
        if at > read.offset && !ends.is_empty() {
            return false;
        }
        seen += usize::from(read.last.end().contains(&LastLines::print(line)));
        last.line(line);
        if last.end() == read.last.end() && ends.len() < MOST_ENDS {
            ends.push(at);
        }
        true
    })?;
    Ok(LinesFound { ends, come_again: seen > ENOUGH })
}

fn behind_last_bytes(path: &Path, read: &Mark, stop: &Stop) -> io::Result<Option<Mark>> {
    let tail = read.offset.min(TAIL as u64) as usize;
    let mut content = content(path, 0, stop)?.take(read.offset);
    let (mut seen, mut at) = (Vec::new(), 0);
    if read.skip {
        return Ok(None);
    }
    loop {
        stop.check()?;
        let kept = seen.len();
        seen.resize(kept + CHUNK, 0);
        let length = read_full(&mut content, &mut seen[kept..])?;
        seen.truncate(kept + length);
        if length == 0 {
            return Ok(None);
        }
        at += length as u64;
        for line_end in memchr::memchr_iter(b'\n', &seen[kept..]).map(|newline| kept + newline + 1) {
            let Some(lines) = line_end.checked_sub(tail).map(|start| &seen[start..line_end]) else {
                continue;
            };
            // The first may be cut.
            let whole = memchr::memchr(b'\n', lines).map_or(&[][..], |newline| &lines[newline..]);
            if are_distinct(whole) && Print::of(lines) == read.tail {
                return mark_at(path, at - (seen.len() - line_end) as u64, stop);
            }
        }
        seen.drain(..seen.len().saturating_sub(TAIL));
    }
}
