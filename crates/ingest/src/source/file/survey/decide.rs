//! Classifies a file that belongs to no record: a generation to be read, one that was read before, or a copy.

use super::super::{
    Start,
    input::{Input, Likeness, Portion, compare, is_damage, length, packed_print, portion},
    names::{Rank, SeenFile, as_exact_as, open_regular, unpacked},
    record::{FileRecord, Mark},
};
use super::{Survey, stranger::Stranger};
use std::{cmp::Ordering, io};
use tracing::{info, warn};

impl Survey<'_> {
    /// The first look: only the log itself is to be read.
    pub(super) fn begin(&mut self, start: Start) -> io::Result<()> {
        for at in 0..self.question.files.len() {
            self.question.stop.check()?;
            let file = self.file(at).clone();
            match file.rank {
                Rank::Other => {}
                Rank::Live if start == Start::Beginning => drop(self.new.insert(at, unread(&file))),
                Rank::Live => drop(self.new.insert(at, read_before(&file)?)),
                _ => match read_before(&file) {
                    Ok(record) => drop(self.new.insert(at, record)),
                    // It was written before this moment, which decides as well.
                    Err(error) => info!(file = %file.path.display(), %error, "not looked into"),
                },
            }
        }
        Ok(())
    }

    /// What the remaining strangers are. The log comes first, because others may be copies of it.
    pub(super) fn decide(&mut self) -> io::Result<()> {
        let live = self.live;
        let rest: Vec<usize> = self.strangers.keys().copied().filter(|&at| Some(at) != live).collect();
        let all = rest.len();
        for (done, at) in live.into_iter().chain(rest).enumerate() {
            self.question.stop.check()?;
            self.question.tell("comparing", done, all);
            if !self.strangers.contains_key(&at) || self.owner[at].is_some() || self.new.contains_key(&at) {
                continue;
            }
            if Some(at) == live {
                self.decide_live(at)?;
            } else {
                self.decide_rotated(at, live)?;
            }
        }
        Ok(())
    }

    fn decide_live(&mut self, at: usize) -> io::Result<()> {
        let stranger = &self.strangers[&at];
        let ids = if stranger.alike { Vec::new() } else { stranger.ids.clone() };
        if self.take_from_backup(at, &ids)? {
            return Ok(());
        }
        if !self.take_edited(at, false)? {
            let mut record = unread(self.file(at));
            if let Some(mark) = self.behind_what_was_kept(at)? {
                record.mark = mark;
            }
            self.new.insert(at, record);
        }
        Ok(())
    }

    /// Lets the log continue as the record of a file that was named by hand and has the same content: the log was
    /// rewritten, or restored from its copy. Returns whether there is one.
    pub(super) fn take_from_backup(&mut self, at: usize, ids: &[u64]) -> io::Result<bool> {
        for &id in ids {
            let Some(&backup) = self.home.get(&id) else { continue };
            let by_hand = self.file(backup).rank == Rank::Other;
            if by_hand && matches!(self.compare(at, backup)?, Likeness::Alike(_)) {
                self.take(at, id);
                self.strangers.insert(backup, Stranger { ids: vec![id], ..Stranger::default() });
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The log is read, also if it is what was a copy of it. All that the copy had is counted.
    pub(super) fn read_what_was_a_copy(&mut self) -> io::Result<()> {
        let Some((at, id)) = self.live.and_then(|live| Some((live, self.owner[live]?))) else {
            return Ok(());
        };
        let Some(record) = self.book.get(id).filter(|record| record.copy_of.is_some()) else { return Ok(()) };
        let mut mark = record.mark.clone();
        // More was copied into it later.
        if record.packed.is_none()
            && record.length > mark.offset
            && let Some(Portion { prefix, tail, .. }) =
                portion(open_regular(&self.file(at).path)?, record.length, self.question.stop)?
        {
            let is_torn = tail.last().is_some_and(|&byte| byte != b'\n');
            mark = Mark { runs: mark.runs, ..Mark::of(record.length, is_torn, &prefix, &tail) };
        }
        self.book.change(id, |record| {
            (record.mark, record.copy_of) = (mark, None);
            record.done = record.packed.is_some();
        });
        Ok(())
    }

    fn decide_rotated(&mut self, at: usize, live: Option<usize>) -> io::Result<()> {
        let stranger = &self.strangers[&at];
        let file = self.file(at).clone();
        if stranger.damaged {
            // It may be a file of which most is counted.
            if self.question.takes_new {
                let why = stranger.unread.as_deref().unwrap_or("it is damaged");
                warn!(file = %file.path.display(), "skipped: {why}");
            }
            self.new.insert(at, FileRecord { done: true, packed: stranger.packed, ..unread(&file) });
            return Ok(());
        }
        if stranger.empty {
            match stranger.packed {
                Some(_) => drop(self.new.insert(at, FileRecord { done: true, ..read_before(&file)? })),
                None if file.rank == Rank::Former => drop(self.new.insert(at, unread(&file))),
                None => self.found.pending.push(file),
            }
            return Ok(());
        }
        let (alike, packed) = (stranger.alike, stranger.packed);
        let ids = if alike { Vec::new() } else { stranger.ids.clone() };
        let mut originals: Vec<usize> = ids.iter().filter_map(|id| self.home.get(id).copied()).collect();
        originals.extend(live.filter(|live| !alike && !originals.contains(live)));
        for original in originals {
            match self.is_copy(at, original)? {
                Some(true) => return self.is_the_rest(at, original),
                Some(false) if self.is_counted(at, original)? => return self.copied(at, original),
                Some(false) => return self.wait_for(at, original),
                None => {}
            }
        }
        if !alike && self.take_early_copy(at)? {
            return Ok(());
        }
        if self.take_edited(at, false)? {
            return Ok(());
        }
        if !alike
            && (self.may_be_rotated(at) || self.was_here(&file.path))
            && let Some(mark) = self.behind_what_was_kept(at)?
        {
            self.new.insert(at, FileRecord { mark, packed, ..unread(&file) });
            return Ok(());
        }
        match file.rank {
            Rank::Other => {
                if let Some(id) = self.unread_before(&file) {
                    self.take(at, id);
                }
            }
            _ if file.mtime < as_exact_as(file.mtime, self.book.began()) => {
                let record = read_before(&file)?;
                self.new.insert(at, record);
            }
            _ => drop(self.new.insert(at, FileRecord { packed, ..unread(&file) })),
        }
        Ok(())
    }

    /// The record of the file that was packed here, if nothing was read of it. Only where no generation begins.
    pub(super) fn unread_before(&self, file: &SeenFile) -> Option<u64> {
        let plain = unpacked(&file.path).filter(|_| file.rank == Rank::Other)?;
        let was_it = |(id, record): (u64, &FileRecord)| {
            let unread = record.mark.offset == 0 && record.packed.is_none() && record.copy_of.is_none();
            let missing = !record.gone && !self.home.contains_key(&id);
            (unread && missing && record.path == plain).then_some(id)
        };
        self.book.iter().find_map(was_it)
    }

    /// Compares two files. Most pairs begin differently, and then nothing has to be read again.
    pub(super) fn compare(&mut self, one: usize, other: usize) -> io::Result<Likeness> {
        let begins = [self.first(one)?.to_vec(), self.first(other)?.to_vec()];
        let both = begins[0].len().min(begins[1].len());
        if begins[0][..both] != begins[1][..both] {
            return Ok(Likeness::Differ);
        }
        let (one, other) = (open_regular(&self.file(one).path)?, open_regular(&self.file(other).path)?);
        let compared = compare(one, other, self.question.stop);
        match compared {
            Err(error) if is_damage(&error) => Ok(Likeness::Differ),
            compared => compared,
        }
    }

    /// Whether a file is a copy of another. `Some(true)` if that one was truncated since, so that the copy has what it had.
    fn is_copy(&mut self, at: usize, original: usize) -> io::Result<Option<bool>> {
        let is_live = self.file(original).is_live();
        let has_read = self.owner[original].is_some_and(|id| {
            self.strangers[&at].has(id) && self.book.get(id).is_some_and(|r| r.mark.offset > 0)
        });
        Ok(match self.compare(at, original)? {
            Likeness::Differ if is_live && has_read => Some(true),
            Likeness::Differ => None,
            Likeness::Alike(Ordering::Greater) if is_live => has_read.then_some(true),
            Likeness::Alike(_) => Some(false),
        })
    }

    /// Whether all that a copy has was read of its original. What that has now may be something else.
    fn is_counted(&self, at: usize, original: usize) -> io::Result<bool> {
        let Some(record) = self.owner[original].and_then(|id| self.book.get(id)) else { return Ok(false) };
        let open = || open_regular(&self.file(at).path);
        Ok(match length(open()?, self.question.stop)?.cmp(&record.mark.offset) {
            Ordering::Less => self.strangers[&at].may_begin(record),
            Ordering::Equal => Input::resume(open()?, &record.mark, self.question.stop)?.is_some(),
            // Somebody has written into the copy.
            Ordering::Greater => record.done && !self.file(original).is_live(),
        })
    }

    /// A copy is all that is left of its original once that is truncated. So nothing is decided before that was read.
    fn wait_for(&mut self, at: usize, original: usize) -> io::Result<()> {
        self.waiting.insert(at);
        self.found.pending.push(self.file(at).clone());
        // It may have been truncated and filled again, and look as it did.
        if let Some(id) = self.owner[original]
            && let Some(record) = self.book.get(id).filter(|record| record.packed.is_none())
            && Input::resume(open_regular(&self.file(original).path)?, &record.mark, self.question.stop)?
                .is_none()
        {
            self.found.suspects.insert(id);
        }
        Ok(())
    }

    /// Nothing of it is to be read, because it is a copy, or may be one.
    pub(super) fn copied(&mut self, at: usize, original: usize) -> io::Result<()> {
        let record = read_before(self.file(at))?;
        self.copies.push((at, original));
        self.new.insert(at, record);
        Ok(())
    }

    /// The log was truncated: its record continues in the copy, and the log starts again.
    fn is_the_rest(&mut self, at: usize, original: usize) -> io::Result<()> {
        let Some(id) = self.owner[original] else { return Ok(()) };
        self.take(at, id);
        self.truncated.insert(id);
        self.replaced.insert(original);
        let record = unread(self.file(original));
        self.new.insert(original, record);
        Ok(())
    }
}

/// A record of a file that is to be read from its beginning.
fn unread(file: &SeenFile) -> FileRecord {
    let (path, identity) = (file.path.clone(), file.identity);
    let mark = Mark::of(0, false, b"", b"");
    FileRecord { path, identity, length: file.length, mtime: file.mtime, mark, ..FileRecord::default() }
}

/// A record of a file that is not to be read: what it has was counted, or is not to be.
fn read_before(file: &SeenFile) -> io::Result<FileRecord> {
    let opened = open_regular(&file.path)?;
    let packed = packed_print(&opened)?;
    let mut input = Input::new(opened)?;
    input.skip_to_end()?;
    let packed = input.is_packed().then_some(packed);
    let mark = input.mark();
    Ok(FileRecord { from: mark.offset, mark, packed, done: true, ..unread(file) })
}
