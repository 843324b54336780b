//! Writes the results of a survey into the book.

use super::super::{
    names::Rank,
    record::{FileRecord, Identity},
};
use super::Survey;
use std::collections::BTreeMap;
use tracing::warn;

impl Survey<'_> {
    pub(super) fn write_down(&mut self) {
        for (path, why) in std::mem::take(&mut self.untold) {
            self.found.events.lost += 1;
            warn!(file = path, "lines may be missing in the counts: {why}");
        }
        self.found.events.truncations += self.truncated.len() as u64;
        self.tell_of_replaced();
        // Then a plain file may be another's copy, whose inode says nothing.
        let copied = |at: &usize| self.strangers.get(at).is_some_and(|stranger| stranger.packed.is_none());
        let copied = self.home.values().any(copied);
        self.settle_those_there();
        self.settle_those_gone(copied);
        let mut ids = BTreeMap::new();
        for (at, record) in std::mem::take(&mut self.new) {
            if self.question.first.is_none() && !record.done && !self.replaced.contains(&at) {
                self.found.events.rotations += 1;
            }
            let id = self.book.add(record);
            ids.insert(at, id);
            if self.file(at).is_live() {
                self.found.live = Some(id);
            }
        }
        for (at, original) in std::mem::take(&mut self.copies) {
            if let Some(&copy) = ids.get(&at) {
                let of = self.owner[original].or_else(|| ids.get(&original).copied());
                self.book.change(copy, |record| record.copy_of = of);
            }
        }
        let dropped = self.book.trim();
        if dropped > 0 {
            warn!(dropped, "too many files to remember: those that have been gone longest are forgotten");
        }
    }

    fn settle_those_there(&mut self) {
        for (&id, &at) in &self.home {
            let file = &self.question.files[at];
            if file.is_live() {
                self.found.live = Some(id);
            }
            let packed = self.strangers.get(&at).and_then(|stranger| stranger.packed);
            let stranger = self.strangers.contains_key(&at);
            self.book.change(id, |record| {
                let same = record.packed.is_some() && (!stranger || record.packed == packed);
                record.done &= file.is_unchanged(record) || same;
                record.path.clone_from(&file.path);
                if !record.identity.is(&file.identity) {
                    // The other was written to at another time.
                    record.mtime = file.mtime;
                }
                record.identity = file.identity;
                record.gone = false;
                if stranger {
                    record.packed = packed;
                }
                record.done |= record.copy_of.is_some();
                if same || record.copy_of.is_some() {
                    (record.length, record.mtime) = (file.length, file.mtime);
                }
            });
        }
    }

    /// A log that has another content and is no shorter may be an edited form of what was counted. It cannot be known.
    fn tell_of_replaced(&mut self) {
        let log = self.live.filter(|live| self.new.contains_key(live)).map(|live| self.file(live));
        let is_replaced = |&(id, record): &(u64, &FileRecord)| {
            let in_place = || {
                let by_inode = |&&at: &&usize| record.identity.is(&self.file(at).identity);
                self.replaced.iter().find(by_inode).map(|&at| self.file(at))
            };
            let by_another =
                || log.filter(|log| log.path == record.path && self.question.open.contains_key(&id));
            let other = if self.truncated.contains(&id) { in_place() } else { by_another() };
            let is_longer = other.is_some_and(|other| other.length >= record.mark.offset);
            // Nothing was counted of an empty one. One that has an unread rest, or is not open, is reported as gone.
            record.is_read()
                && record.mark.offset > 0
                && !record.gone
                && record.packed.is_none()
                && !self.home.contains_key(&id)
                && is_longer
        };
        let mut told = 0;
        for (_, record) in self.book.iter().filter(is_replaced) {
            told += 1;
            warn!(
                file = %record.path.display(), offset = record.mark.offset,
                "the file has other content now, which is counted: lines that were counted before and only \
                 changed count twice"
            );
        }
        self.found.events.lost += told;
    }

    fn settle_those_gone(&mut self, copied: bool) {
        let gone: Vec<u64> = self
            .book
            .iter()
            .filter(|(id, record)| {
                !self.home.contains_key(id) && (!record.gone || self.truncated.contains(id))
            })
            .map(|(id, _)| id)
            .collect();
        // What was the log at the last look may have been written to since.
        let newest = self.book.iter().rev().find(|(_, record)| !record.gone && record.copy_of.is_none());
        let newest = newest.map(|(id, _)| id);
        for id in gone {
            let Some(record) = self.book.get(id) else { continue };
            let (truncated, given_up) = (self.truncated.contains(&id), self.given_up.contains(&id));
            let open = self.question.open.contains_key(&id) && !truncated && !given_up;
            let was_live = newest == Some(id) && !truncated;
            // Nothing was read of it, and it is among the new ones. A file that was only renamed has its inode.
            let may_be = |&at: &usize| {
                let packed = || self.strangers.get(&at).is_some_and(|stranger| stranger.packed.is_some());
                self.file(at).rank != Rank::Live && (copied || record.identity.born == 0 || packed())
            };
            let among_new = record.mark.offset == 0 && self.new.keys().any(may_be);
            // What was written in the last moment before a truncation is never known.
            let unread = if truncated { !record.is_read() } else { !record.done || was_live };
            let is_lost = record.copy_of.is_none() && unread && !open && !among_new && !given_up;
            self.found.events.lost += u64::from(is_lost);
            if is_lost && truncated {
                warn!(
                    file = %record.path.display(), offset = record.mark.offset,
                    "the file was truncated before it was read to its end: its lines after this byte are not \
                     counted"
                );
            } else if is_lost {
                warn!(
                    file = %record.path.display(), offset = record.mark.offset,
                    "the file is gone: removed, compressed in an unknown format, changed in every line, or \
                     moved to a place that is not searched, as logrotate's olddir may do. Its lines after this \
                     byte, if any, are not counted. If the file still exists, count them with: tallymark import \
                     log FILE. It leaves out what is counted"
                );
            }
            self.found.torn += u64::from(record.torn && !open);
            self.book.change(id, |record| {
                record.gone = true;
                record.torn &= open;
                // What is open of it is closed.
                if truncated || given_up {
                    record.identity = Identity::default();
                }
            });
        }
    }
}
