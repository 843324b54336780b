//! Files that were joined by hand: the content of one that is gone follows in another, and is counted already.
//!
//! Its prints find it, at the point up to which the other file was read. A file that is open is left alone: it is read
//! as it grows, before the file that was appended to it is removed.

use super::super::{
    input::{Input, plain_ends},
    names::open_regular,
    record::{Mark, PREFIX, Print, TAIL, has_enough},
};
use super::Survey;
use std::{fs::File, io, os::unix::fs::FileExt};

impl Survey<'_> {
    /// Lets records go on behind what was joined to their files.
    pub(super) fn skip_joined(&mut self) -> io::Result<()> {
        let is_missing = |id: &u64| !self.home.contains_key(id) && !self.question.open.contains_key(id);
        let missing: Vec<Mark> = self
            .book
            .iter()
            .filter(|(id, record)| is_missing(id) && record.mark.offset > 0 && record.copy_of.is_none())
            .map(|(_, record)| record.mark.clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let grown = |(&id, &at): (&u64, &usize)| {
            let record =
                self.book.get(id).filter(|record| record.packed.is_none() && record.copy_of.is_none());
            let has_more = record.is_some_and(|record| self.file(at).length > record.mark.offset);
            (has_more && !self.question.open.contains_key(&id)).then_some((id, at))
        };
        for (id, at) in self.home.iter().filter_map(grown).collect::<Vec<_>>() {
            self.question.stop.check()?;
            let file = open_regular(&self.file(at).path)?;
            if Input::new(file.try_clone()?)?.is_packed() {
                continue;
            }
            let Some(mark) = self.book.get(id).map(|record| record.mark.clone()) else { continue };
            let mut offset = mark.offset;
            while let Some(joined) = missing.iter().find(|joined| follows(&file, offset, joined)) {
                offset += joined.offset;
            }
            if offset > mark.offset {
                let (prefix, tail) = plain_ends(&file, offset)?;
                let mark = Mark { runs: mark.runs, ..Mark::of(offset, false, &prefix, &tail) };
                self.book.change(id, |record| (record.mark, record.done) = (mark, false));
            }
        }
        Ok(())
    }
}

/// Whether a file has at an offset what was read of another.
fn follows(file: &File, offset: u64, joined: &Mark) -> bool {
    let read = |at: u64, most: usize| {
        let mut bytes = vec![0; joined.offset.min(most as u64) as usize];
        file.read_exact_at(&mut bytes, at).ok().map(|()| bytes)
    };
    let is_prefix = |bytes: Vec<u8>| has_enough(&bytes) && Print::of(&bytes) == joined.prefix;
    let end = offset + joined.offset;
    let tail = joined.offset.min(TAIL as u64);
    read(offset, PREFIX).is_some_and(is_prefix)
        && read(end - tail, TAIL).is_some_and(|bytes| Print::of(&bytes) == joined.tail)
}
