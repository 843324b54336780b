//! A copy that was made a moment before its log was truncated.
//!
//! Lines that were written in between are in the log and not in the copy. If they were read, the record has read more
//! than the copy has, so no other rule recognises it. The prints of its beginning do: the copy is the beginning of what
//! was read. A few lines, or lines that are all identical, may be the beginning of another file by chance. They are
//! treated as counted too, and this is reported.

use super::super::{
    input::{Input, length},
    names::open_regular,
    record::{Beginning, FileRecord, Mark, are_distinct},
};
use super::Survey;
use std::{cmp::Reverse, io};

impl Survey<'_> {
    /// Lets the record of a log go on in a copy that has less than was read. Answers whether it does.
    pub(super) fn take_early_copy(&mut self, at: usize) -> io::Result<bool> {
        let is_evidence = are_distinct(self.first(at)?);
        let begins = self.begins(at)?;
        let lost = |&(id, record): &(u64, &FileRecord)| {
            let missing = !self.home.contains_key(&id) && record.copy_of.is_none();
            // Many were gone before.
            let likely = !record.gone || is_evidence || self.truncated.contains(&id);
            missing && likely && record.mark.begins_with(&begins)
        };
        let rank = |(id, record): (u64, &FileRecord)| (record.gone, record.mark.offset, Reverse(id));
        let mut lost: Vec<_> = self.book.iter().filter(lost).map(rank).collect();
        lost.sort_unstable();
        for (_, _, Reverse(id)) in lost {
            if self.early_copy_of(at, id)?.is_some() {
                if !is_evidence {
                    self.doubt(
                        at,
                        "it may be a copy of a file that was counted, or a new file that begins with the same \
                         lines",
                    );
                }
                self.goes_on_in(at, id)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn begins(&mut self, at: usize) -> io::Result<Beginning> {
        match self.strangers.get(&at).and_then(|stranger| stranger.begins.clone()) {
            Some(begins) => Ok(begins),
            None => Ok(Beginning::of(self.first(at)?)),
        }
    }

    /// How much a file has, if that is the beginning of what was read of a record's file, but not all of it.
    pub(super) fn early_copy_of(&mut self, at: usize, id: u64) -> io::Result<Option<u64>> {
        let begins = self.begins(at)?;
        let Some(record) = self.book.get(id).filter(|record| record.mark.begins_with(&begins)) else {
            return Ok(None);
        };
        let length = length(open_regular(&self.file(at).path)?, self.question.stop)?;
        Ok((length < record.mark.offset).then_some(length))
    }

    /// Lets a record go on behind what the file has, all of which is counted.
    pub(super) fn goes_on_in(&mut self, at: usize, id: u64) -> io::Result<()> {
        let mut input = Input::new(open_regular(&self.file(at).path)?)?;
        input.skip_to_end()?;
        self.take(at, id);
        let (packed, file) = (self.strangers[&at].packed, self.file(at).clone());
        self.book.change(id, |record| {
            (record.length, record.mtime, record.packed) = (file.length, file.mtime, packed);
            // A packed file gets no more lines, and is known by its bytes.
            record.done = packed.is_some();
            if packed.is_none() {
                record.mark = Mark { runs: std::mem::take(&mut record.mark.runs), ..input.mark() };
            }
        });
        Ok(())
    }
}
