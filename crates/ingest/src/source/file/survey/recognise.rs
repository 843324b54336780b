//! Finds the file of each record: by its inode, by an open file, by its content, and by a copy of it.

use super::super::{
    input::{Input, Likeness, beginning, compare, packed_print},
    names::{Rank, SeenFile, as_exact_as, open_regular, unpacked},
    record::{FileRecord, mtime, repeats_one_line},
};
use super::Survey;
use std::{cmp::Ordering, io};

impl Survey<'_> {
    pub(super) fn by_inode(&mut self) -> io::Result<()> {
        let inodes = self.book.by_inode();
        for at in 0..self.question.files.len() {
            self.question.stop.check()?;
            let file = self.file(at).clone();
            for &id in inodes.get(&file.identity.inode()).into_iter().flatten() {
                let Some(record) = self.book.get(id) else { continue };
                if !record.identity.is(&file.identity) || self.owner[at].is_some() {
                    continue;
                }
                if self.still_has(id, record, &file)? {
                    self.take(at, id);
                } else {
                    self.truncated.insert(id);
                    self.replaced.insert(at);
                }
            }
        }
        Ok(())
    }

    fn still_has(&self, id: u64, record: &FileRecord, file: &SeenFile) -> io::Result<bool> {
        let suspect = self.question.suspects.contains(&id);
        if file.is_unchanged(record) && !suspect {
            return Ok(true);
        }
        if let Some(print) = record.packed {
            return Ok(packed_print(&open_regular(&file.path)?)? == print);
        }
        if file.length < record.mark.offset {
            return Ok(false);
        }
        Ok(Input::resume(open_regular(&file.path)?, &record.mark, self.question.stop)?.is_some())
    }

    /// Files that have the content of a record whose own file is gone or was truncated. First those that were last written
    /// when that one was; then the others, if the content is evidence. Where all lines are alike it is none.
    pub(super) fn by_content(&mut self, exact: bool) {
        for at in self.strangers.keys().copied().collect::<Vec<_>>() {
            let stranger = &self.strangers[&at];
            if self.owner[at].is_some() || stranger.alike && !exact {
                continue;
            }
            let read = |id: &u64| self.book.get(*id).map_or(0, |record| record.mark.offset);
            let most = stranger.ids.iter().map(read).max().unwrap_or(0);
            let fits = |id: &u64| {
                // A copy, which had less, would have it read again from there.
                let is_copy = self.book.get(*id).is_some_and(|record| record.copy_of.is_some());
                let less = is_copy && !stranger.alike && read(id) < most;
                let free = !self.home.contains_key(id) && !self.has_live(at, *id) && !less;
                free && (!exact || self.is_by_time(at, *id))
            };
            let fitting = stranger.ids.iter().copied().filter(fits);
            // What was read most of must not be read again.
            if let Some(id) =
                fitting.max_by_key(|id| (read(id), self.has_same_bytes(at, *id), u64::MAX - *id))
            {
                self.take(at, id);
            }
        }
    }

    /// Whether the log itself has a record's content. Then any other file that has it is a copy.
    fn has_live(&self, at: usize, id: u64) -> bool {
        let live = self.live.filter(|&live| live != at && self.owner[live].is_none());
        let stranger = live.and_then(|live| self.strangers.get(&live));
        stranger.is_some_and(|stranger| !stranger.alike && stranger.has(id))
    }

    /// Whether time, length or name say that a file with a record's content is the file of that record.
    fn is_by_time(&self, at: usize, id: u64) -> bool {
        let (file, stranger) = (self.file(at), &self.strangers[&at]);
        let Some(record) = self.book.get(id) else { return false };
        let at_its_time = file.mtime == as_exact_as(file.mtime, record.mtime);
        // Rotated names go from one generation to the next, others do not.
        let by_name = file.rank == Rank::Other && unpacked(&file.path).as_ref() == Some(&record.path);
        let same_bytes = self.has_same_bytes(at, id);
        let whole = match stranger.packed {
            Some(_) => stranger.whole.binary_search(&id).is_ok(),
            None => file.length == record.length,
        };
        let settled = !stranger.alike || record.done && whole || same_bytes;
        by_name || at_its_time && settled || same_bytes && !stranger.alike
    }

    /// Whether a packed file has the very bytes of a record's.
    fn has_same_bytes(&self, at: usize, id: u64) -> bool {
        let packed = self.book.get(id).and_then(|record| record.packed);
        packed.is_some() && packed == self.strangers[&at].packed
    }

    /// Whether a packed file is that of a record which was packed already, so that no open file was packed into it. Where
    /// all lines are alike, many files have the content of an open one.
    fn is_known_packed(&self, at: usize) -> bool {
        let stranger = &self.strangers[&at];
        stranger.alike
            && stranger.ids.iter().any(|&id| !self.home.contains_key(&id) && self.has_same_bytes(at, id))
    }

    /// A copy becomes the file of a record whose own was truncated or removed.
    pub(super) fn by_copies(&mut self) -> io::Result<()> {
        let copies: Vec<(u64, u64, usize)> = self
            .book
            .iter()
            .filter_map(|(id, record)| Some((record.copy_of?, id, *self.home.get(&id)?)))
            .collect();
        for (id, copy, at) in copies {
            let Some(record) = self.book.get(id) else { continue };
            let gone = record.gone && !self.truncated.contains(&id);
            if self.home.contains_key(&id) || gone || record.mark.offset == 0 {
                continue;
            }
            if Input::resume(open_regular(&self.file(at).path)?, &record.mark, self.question.stop)?.is_none()
            {
                continue;
            }
            self.book.remove(copy);
            self.take(at, id);
        }
        Ok(())
    }

    /// A file that was empty and now has the content of a missing one is that file, written again in this place.
    pub(super) fn written_anew(&mut self) -> io::Result<()> {
        let blank = |(&id, &at): (&u64, &usize)| {
            let record = self.book.get(id).filter(|record| record.copy_of.is_none())?;
            (record.is_blank() && self.file(at).length > 0).then_some((id, at))
        };
        let blank: Vec<(u64, usize)> = self.home.iter().filter_map(blank).collect();
        for &(id, at) in &blank {
            let length = self.file(at).length;
            self.book.change(id, |record| record.length = length);
        }
        // It may have what a file had that is gone, or was named by hand.
        let is_by_hand = |&at: &usize| self.file(at).rank == Rank::Other;
        let known = self.book.iter().any(|(_, record)| record.gone) || self.home.values().any(is_by_hand);
        if blank.is_empty() || !known {
            return Ok(());
        }
        let contents = self.contents();
        for (id, at) in blank {
            let stranger = self.look_into(at, &contents)?;
            let missing = stranger.ids.iter().rfind(|id| !self.home.contains_key(id));
            if let Some(&known) = missing
                && !stranger.alike
            {
                self.take(at, known);
                self.book.remove(id);
            } else if self.take_edited(at, true)? {
                self.book.remove(id);
            } else if self.live == Some(at) && !stranger.alike {
                if self.take_from_backup(at, &stranger.ids)? {
                    self.book.remove(id);
                } else if let Some(mark) = self.behind_what_was_kept(at)? {
                    self.book.change(id, |record| record.mark = mark);
                }
            }
        }
        Ok(())
    }

    /// Records of open files that are where they were no more. As long as a file is open it can be compared, also one of which
    /// nothing is read yet.
    fn nameless(&self, unread: bool) -> Vec<u64> {
        let nameless = |(id, record): (u64, &FileRecord)| {
            let wanted = record.mark.offset == 0 || !unread;
            let missing = wanted && !record.gone && !self.home.contains_key(&id);
            let open = self.question.open.get(&id).and_then(Input::plain);
            let filled = open.and_then(|file| file.metadata().ok()).is_some_and(|file| file.len() > 0);
            (missing && filled && !self.truncated.contains(&id)).then_some(id)
        };
        self.book.iter().filter_map(nameless).collect()
    }

    /// Files that have what an open file has. `exact` are those that were last written when that
    /// one was. One that has just as much goes before one that has more by now.
    pub(super) fn by_open_file(&mut self, exact: bool) -> io::Result<()> {
        let wanted: &[Ordering] = if exact { &[Ordering::Equal] } else { &[Ordering::Equal, Ordering::Less] };
        let ids = self.nameless(!exact);
        for (&wanted, &id) in wanted.iter().flat_map(|wanted| ids.iter().map(move |id| (wanted, id))) {
            let Some(open) = self.question.open.get(&id).and_then(Input::plain) else { continue };
            let written = mtime(&open.metadata()?);
            let Some(record) = self.book.get(id) else { continue };
            if Input::resume(open.try_clone()?, &record.mark, self.question.stop)?.is_none() {
                // It was truncated; what was read of it is elsewhere.
                continue;
            }
            for at in self.strangers.keys().copied().collect::<Vec<_>>() {
                let file = self.file(at);
                let other = self.owner[at].is_some() || self.home.contains_key(&id);
                let undecided = self.new.get(&at).is_none_or(|new| !new.done) && !self.waiting.contains(&at);
                if other || !undecided || exact && file.mtime != as_exact_as(file.mtime, written) {
                    continue;
                }
                if self.is_known_packed(at) {
                    continue;
                }
                let found = compare(open.try_clone()?, open_regular(&file.path)?, self.question.stop);
                if matches!(found, Ok(Likeness::Alike(order)) if order == wanted) {
                    self.new.remove(&at);
                    self.take(at, id);
                }
            }
        }
        Ok(())
    }

    /// All lines are alike, and an open file without a name may be one that was found. It is not read, because it must not be
    /// counted twice.
    pub(super) fn give_up_nameless(&mut self) -> io::Result<()> {
        if !self.strangers.values().any(|stranger| stranger.alike && !stranger.empty) {
            return Ok(());
        }
        let mut given_up = Vec::new();
        for id in self.nameless(false) {
            let Some(open) = self.question.open.get(&id).and_then(Input::plain) else { continue };
            let read = self.book.get(id).map_or(0, |record| record.mark.offset);
            if open.metadata()?.len() > read && repeats_one_line(&beginning(open.try_clone()?)?) {
                given_up.push(id);
            }
        }
        let packed = self.question.open.iter().filter(|(_, input)| input.is_packed() && input.is_alike());
        given_up.extend(packed.map(|(&id, _)| id).filter(|id| !self.home.contains_key(id)));
        for id in given_up {
            let Some(record) = self.book.get(id) else { continue };
            let path = record.path.display().to_string();
            self.given_up.insert(id);
            self.tell(&path, "it is gone or has another name: all lines are identical");
        }
        Ok(())
    }
}
