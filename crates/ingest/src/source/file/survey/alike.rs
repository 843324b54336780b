//! Files whose lines are all identical, and which of their lines may be read.
//!
//! Their content does not identify them, so only the sum matters: the lines of all files, minus those that were
//! counted. The lines counted from a missing file are a debt. Whichever file pays it, the sum is the same. So the
//! largest debts are paid first, each by an unknown file that is long enough, and no line is counted twice, whatever
//! has happened. A file that may be a copy of an existing one is not read at all. The rest is new. If files were
//! removed meanwhile, or one is not a copy after all, lines are missed; so all lines in doubt are reported.

use super::super::{
    input::{Input, Likeness},
    names::{Rank, SeenFile, as_exact_as, unpacked},
    record::FileRecord,
};
use super::Survey;
use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeSet,
    io,
};

const MISSING_OR_NEW: &str =
    "all its lines are identical, and it may be a file that is missing, or a new one";

impl Survey<'_> {
    /// Decides on files whose lines are all alike, where neither inode nor time has. Those that it leaves are new.
    pub(super) fn weigh_alike(&mut self) -> io::Result<()> {
        let mut payers = Vec::new();
        for at in self.strangers.keys().copied().collect::<Vec<_>>() {
            self.question.stop.check()?;
            let stranger = &self.strangers[&at];
            if !stranger.alike || stranger.empty || stranger.damaged || self.owner[at].is_some() {
                continue;
            }
            if let Some(id) = self.unread_before(self.file(at)) {
                self.take(at, id);
            } else if let Some(original) = self.possible_original(at)? {
                if self.is_surely_counted(at, original) {
                    self.copied(at, original)?;
                } else {
                    if self.question.takes_new {
                        self.doubt(
                            at,
                            "all its lines are identical, and it is a copy of a file that is counted, or the \
                             original of one that was truncated",
                        );
                    }
                    // It pays no debt: what it has may be counted by a record that is gone.
                    self.copied(at, at)?;
                }
            } else {
                payers.push(at);
            }
        }
        self.pay_debts(payers)
    }

    pub(super) fn doubt(&mut self, at: usize, why: &'static str) {
        let path = self.file(at).path.display().to_string();
        self.tell(&path, why);
    }

    /// A file that is there, has all that this one has, and may have been copied into it.
    fn possible_original(&mut self, at: usize) -> io::Result<Option<usize>> {
        for original in (0..self.question.files.len()).rev() {
            if original != at
                && self.may_be_copied_from(at, original)
                && matches!(self.compare(at, original)?, Likeness::Alike(Ordering::Less | Ordering::Equal))
            {
                return Ok(Some(original));
            }
        }
        Ok(None)
    }

    /// Whether age and order allow that one file is a copy of another: it is made later, and gets an older name.
    fn may_be_copied_from(&self, at: usize, original: usize) -> bool {
        let (file, of) = (self.file(at), self.file(original));
        let born = of.identity.born;
        let made_before = file.identity.born < born || file.mtime < born;
        let older_name = self.is_linked() || !self.in_order || at < original;
        !file.is_live() && !made_before && (older_name || file.rank == Rank::Other)
    }

    /// Whether a copy can only be one of the log, which has had nothing new since all of it was read.
    fn is_surely_counted(&self, at: usize, original: usize) -> bool {
        let (file, of) = (self.file(at), self.file(original));
        let record = self.owner[original].and_then(|id| self.book.get(id));
        let is_read = record.is_some_and(|r| r.done && r.mark.offset > 0 && of.is_unchanged(r));
        let alone = !self.is_linked() && self.in_order;
        is_read && alone && of.is_live() && of.length <= file.length && file.identity.born > of.mtime
    }

    fn pay_debts(&mut self, mut payers: Vec<usize>) -> io::Result<()> {
        // A packed file of which nothing was read may still be open, and would be read twice.
        let is_due = |(id, record): &(u64, &FileRecord)| {
            !self.home.contains_key(id) && (record.mark.offset > 0 || record.packed.is_some())
        };
        let mut debts: Vec<(u64, u64)> =
            self.book.iter().filter(is_due).map(|(id, record)| (id, record.mark.offset)).collect();
        debts.sort_by_key(|&(id, read)| (Reverse(read), Reverse(id)));
        let mut paid = Vec::new();
        for (id, _) in debts {
            self.question.stop.check()?;
            let newest = self.newest_place(id);
            let is_older = |at: usize| newest.is_none_or(|newest| at < newest);
            let likely = |&at: &usize| {
                let file = self.file(at);
                let written =
                    self.book.get(id).is_some_and(|r| file.mtime >= as_exact_as(file.mtime, r.mtime));
                (file.is_live(), !written, !is_older(at), file.length)
            };
            let can_pay = payers.iter().copied().filter(|&at| self.can_pay(at, id));
            let Some(at) = can_pay.min_by_key(likely) else {
                if !self.pay_by_exchange(id, &mut payers, &mut paid) {
                    self.pay_in_part(id, &mut payers)?;
                }
                continue;
            };
            let is_live = self.strangers[&at].packed.is_none() && self.file(at).is_live();
            if is_live || !is_older(at) || self.is_another_at_its_path(at, id) {
                self.doubt(at, MISSING_OR_NEW);
            }
            payers.retain(|&payer| payer != at);
            paid.push((id, at));
            self.take(at, id);
        }
        Ok(())
    }

    /// Only a packed file can pay what was read from a packed one. If another debt has taken it, and another file is left
    /// that can pay that debt, they exchange. So the largest possible sum is paid.
    fn pay_by_exchange(&mut self, id: u64, payers: &mut Vec<usize>, paid: &mut Vec<(u64, usize)>) -> bool {
        // A plain debt finds what is left without an exchange: the larger ones before it needed longer files.
        if payers.is_empty() || self.book.get(id).is_none_or(|record| record.packed.is_none()) {
            return false;
        }
        let Some(moves) = self.exchange(id, payers, paid, &mut BTreeSet::new()) else { return false };
        for (id, at) in moves {
            if payers.contains(&at) {
                payers.retain(|&payer| payer != at);
                self.doubt(at, MISSING_OR_NEW);
            }
            paid.retain(|(other, _)| *other != id);
            paid.push((id, at));
            self.take(at, id);
        }
        true
    }

    /// Which debt is paid by which file, so that this one can be paid too: an augmenting path of a matching.
    fn exchange(
        &self,
        id: u64,
        payers: &[usize],
        paid: &[(u64, usize)],
        seen: &mut BTreeSet<usize>,
    ) -> Option<Vec<(u64, usize)>> {
        if let Some(&at) = payers.iter().find(|&&at| self.can_pay(at, id)) {
            return Some(vec![(id, at)]);
        }
        for &(other, at) in paid {
            if self.can_pay(at, id)
                && seen.insert(at)
                && let Some(mut moves) = self.exchange(other, payers, paid, seen)
            {
                moves.push((id, at));
                return Some(moves);
            }
        }
        None
    }

    /// No file is long enough, but one may be a copy that was made before the last lines were written; or the log, from which
    /// an editor has removed lines, if what was read is in no file that has a name.
    fn pay_in_part(&mut self, id: u64, payers: &mut Vec<usize>) -> io::Result<()> {
        let lost = |record: &&FileRecord| !record.gone || self.truncated.contains(&id);
        let Some(record) = self.book.get(id).filter(lost) else { return Ok(()) };
        let mut longest = None;
        let is_nowhere = self.question.open.get(&id).is_none_or(Input::is_nameless);
        let is_replaced = is_nowhere && !self.truncated.contains(&id);
        let is_edited = |at| self.file(at).is_live() && is_replaced && self.is_alike(at, &record.mark);
        let may_be = |at| self.file(at).is_generation() || is_edited(at);
        let likely = |&at: &usize| may_be(at) && self.strangers[&at].may_begin(record);
        for at in payers.iter().copied().filter(likely).collect::<Vec<_>>() {
            longest = longest.max(self.early_copy_of(at, id)?.map(|length| (length, at)));
        }
        if let Some((_, at)) = longest {
            self.doubt(
                at,
                "all its lines are identical, and it may be a copy of a file that is missing, or a new one",
            );
            payers.retain(|&payer| payer != at);
            self.goes_on_in(at, id)?;
        }
        Ok(())
    }

    /// Whether a file may be the one that a record looks for.
    fn can_pay(&self, at: usize, id: u64) -> bool {
        let (Some(record), stranger) = (self.book.get(id), &self.strangers[&at]) else { return false };
        // A packed file stays packed, and one that was gone before comes back as it was.
        let back = record.packed.is_some() && record.packed == stranger.packed;
        let possible = if record.gone { back } else { record.packed.is_none() || stranger.packed.is_some() };
        possible && stranger.has(id)
    }

    /// Whether another file is where a record's was, or was packed there: then its own may have been truncated. Rotated
    /// names go from one generation to the next, others do not.
    fn is_another_at_its_path(&self, at: usize, id: u64) -> bool {
        let Some(record) = self.book.get(id) else { return false };
        self.strangers.keys().filter(|&&other| other != at && self.owner[other].is_none()).any(|&other| {
            let SeenFile { path, rank, .. } = self.file(other);
            *rank == Rank::Other && (*path == record.path || unpacked(path).as_ref() == Some(&record.path))
        })
    }

    /// Generations keep their order: the file of a record is older than those of later records, so its place is before
    /// this one.
    fn newest_place(&self, id: u64) -> Option<usize> {
        // A copy, or a file of which nothing was read, may have been found late.
        let is_read = |id: &u64| {
            self.book.get(*id).is_some_and(|record| record.mark.offset > 0 && record.copy_of.is_none())
        };
        let later = self.home.range(id + 1..).filter(|(id, _)| is_read(id)).map(|(_, &home)| home);
        later.filter(|&home| self.file(home).rank != Rank::Other).min()
    }
}

/// Whether the names of rotated files say in which order they were made.
pub(super) fn are_in_order(files: &[SeenFile]) -> bool {
    let mut ranks = files.iter().map(|file| &file.rank);
    let dated = |rank: &Rank| matches!(rank, Rank::Date(_) | Rank::Live | Rank::Other);
    let numbered = |rank: &Rank| matches!(rank, Rank::Number(_) | Rank::Live | Rank::Other);
    ranks.clone().all(dated) || ranks.all(numbered)
}
