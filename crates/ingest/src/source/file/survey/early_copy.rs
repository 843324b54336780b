//! A copy that was made a moment before its log was truncated.
//!
//! Lines that were written in between are in the log and not in the copy. If they were read, the record has read more than
//! the copy has, so no other rule recognises it.

use super::super::{
    input::{Input, beginning, portion},
    names::open_regular,
    record::{PREFIX, Print, repeats_one_line},
};
use super::Survey;
use std::io;

impl Survey<'_> {
    /// Lets the record of a truncated log go on in a copy that has less than was read. Answers whether it does.
    ///
    /// A beginning of less than 1 KiB is no evidence here, because the record only knows the print of a longer one.
    pub(super) fn take_early_copy(&mut self, at: usize) -> io::Result<bool> {
        let path = self.file(at).path.clone();
        let first = beginning(open_regular(&path)?)?;
        if first.len() < PREFIX || repeats_one_line(&first) {
            return Ok(false);
        }
        let print = Print::of(&first);
        let found = self.book.iter().rev().find(|&(id, record)| {
            let missing = self.truncated.contains(&id) && !self.home.contains_key(&id);
            missing && record.mark.offset >= PREFIX as u64 && record.mark.prefix == print
        });
        let Some((id, record)) = found else { return Ok(false) };
        if portion(open_regular(&path)?, record.mark.offset)?.is_some() {
            return Ok(false);
        }
        let mut input = Input::new(open_regular(&path)?)?;
        input.skip_to_end()?;
        self.take(at, id);
        let (packed, file) = (self.strangers[&at].packed, self.file(at).clone());
        self.book.change(id, |record| {
            (record.length, record.mtime, record.packed) = (file.length, file.mtime, packed);
            // A packed file gets no more lines, and is known by its bytes.
            record.done = packed.is_some();
            if packed.is_none() {
                record.mark = input.mark();
            }
        });
        Ok(true)
    }
}
