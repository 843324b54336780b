//! Writes into the book what a survey found out.

use super::super::{names::Rank, record::Identity};
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
        self.settle_those_there();
        self.settle_those_gone();
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

    fn settle_those_gone(&mut self) {
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
            // Nothing was read of it, and it is among the new ones.
            let among_new =
                record.mark.offset == 0 && self.new.keys().any(|&at| self.file(at).rank != Rank::Live);
            let unread = !record.done || was_live;
            if record.copy_of.is_none() && unread && !open && !among_new && !given_up {
                self.found.events.lost += 1;
                warn!(
                    file = %record.path.display(), offset = record.mark.offset,
                    "the file is gone, removed or packed in an unknown way: lines that it got after the last count, if any, are lost"
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
