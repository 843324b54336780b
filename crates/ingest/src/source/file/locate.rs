//! Where to go on: which file each mark of a position stands in now, and which files nobody has read yet.
//!
//! While nobody looked, a file may have been renamed, copied and truncated, gzipped or removed. A mark is found again by
//! its inode and, because inodes are used again, by what was read; else by what was read alone, in a rotated file.
//! Fingerprints alone are no identity: lines with nothing but a date begin alike every day. So a file that was last
//! written before the mark was made is no candidate, and a file at the log's own path is none either.

use super::{
    input::{Input, same_ends},
    mark::{Identity, Mark},
    siblings::{Sibling, Siblings, as_exact_as},
};
use std::{
    collections::VecDeque,
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long after its last write a copy may still wait for the truncation of the log.
const COPYING: Duration = Duration::from_secs(60);
/// How long a copy may have nothing yet. The copy of an empty log stays empty.
const BEGINNING: Duration = Duration::from_secs(2);

/// What is to be read.
#[derive(Default)]
pub(super) struct Plan {
    /// The files of the marks that were found, from where they stand.
    pub(super) resumed: Vec<Input>,
    /// Those after them, in order.
    pub(super) unread: VecDeque<Input>,
    /// The log was truncated meanwhile.
    pub(super) truncated: bool,
    /// The last file of the position is not to be found: what it had after the mark is lost.
    pub(super) lost: bool,
    /// Files that could not be opened.
    troubles: Vec<String>,
    /// Files that were passed over, and why.
    pub(super) notes: Vec<String>,
    /// Gzips that are damaged before the mark: each may be the mark's file, and then most of it is counted.
    damaged: Vec<Identity>,
}

impl Plan {
    /// Finds where a position stands now.
    pub(super) fn resume(log: &Path, marks: &[Mark]) -> io::Result<Plan> {
        let plan = Plan::of(Siblings::find(log)?, marks)?;
        // A log that was truncated between the list and the look has a copy that is not in the list.
        if plan.truncated && plan.lost { Plan::of(Siblings::find(log)?, marks) } else { Ok(plan) }
    }

    /// The same with what was found beside the log a moment ago.
    pub(super) fn of(mut siblings: Siblings, marks: &[Mark]) -> io::Result<Plan> {
        let mut plan = Plan { troubles: std::mem::take(&mut siblings.troubles), ..Plan::default() };
        for (at, mark) in marks.iter().enumerate() {
            if mark.is_absent() {
                continue;
            }
            let found = match plan.by_inode(&siblings, mark)? {
                Some(input) => Some(input),
                None => plan.by_content(&siblings, mark, &taken(&plan.resumed, marks))?,
            };
            plan.lost |= found.is_none() && at + 1 == marks.len();
            plan.resumed.extend(found);
        }
        if plan.lost
            && let Some(trouble) = plan.troubles.first()
        {
            // It may be the very file that cannot be opened. Better late than twice.
            return Err(io::Error::other(trouble.clone()));
        }
        let mut known: Vec<Identity> = plan.resumed.iter().map(Input::identity).collect();
        known.extend(&plan.damaged);
        let missed = missed(&mut siblings, &plan.resumed, marks.last());
        settled(&missed, siblings.live.as_ref())?;
        // Nothing was read of it, and it is among them.
        plan.lost &= missed.is_empty() || marks.last().is_some_and(|mark| mark.offset > 0);
        for sibling in missed {
            if !known.iter().any(|known| known.is(&sibling.identity)) {
                plan.unread.push_back(Input::new(&sibling.path, sibling.file)?);
            }
        }
        let Some(live) = siblings.live else { return Ok(plan) };
        match plan.resumed.iter().position(|input| input.identity().is(&live.identity)) {
            None if plan.damaged.iter().any(|known| known.is(&live.identity)) => {}
            None => plan.unread.push_back(Input::new(&live.path, live.file)?),
            // What is written to now is the last, also if the others before it are found only now.
            Some(_) if plan.unread.is_empty() => {}
            Some(at) => plan.unread.push_back(plan.resumed.remove(at)),
        }
        Ok(plan)
    }

    /// The file with the mark's inode, if it still has what was read of it.
    fn by_inode(&mut self, siblings: &Siblings, mark: &Mark) -> io::Result<Option<Input>> {
        let Some(sibling) = siblings.all().find(|sibling| sibling.identity.is(&mark.identity)) else {
            return Ok(None);
        };
        let found = sibling.resume(mark)?;
        self.truncated |= found.is_none();
        Ok(found)
    }

    /// A file that has what was read of the mark's: its copy, or itself gzipped. The oldest that was written since
    /// then; if there is none, for example because the times were not kept, the only one that fits.
    fn by_content(
        &mut self,
        siblings: &Siblings,
        mark: &Mark,
        taken: &[Identity],
    ) -> io::Result<Option<Input>> {
        if mark.offset == 0 {
            return Ok(None);
        }
        let moved = siblings.live.iter().filter(|live| live.identity.dev != mark.identity.dev);
        let mut earlier = Vec::new();
        for sibling in siblings.rotated.iter().chain(&siblings.others).chain(moved) {
            if taken.iter().any(|known| known.is(&sibling.identity)) {
                continue;
            }
            let later = sibling.mtime >= as_exact_as(sibling.mtime, mark.mtime);
            match sibling.resume(mark) {
                Ok(Some(input)) if later => return Ok(Some(input)),
                Ok(Some(input)) => earlier.push(input),
                Ok(None) => {}
                Err(error) if is_damage(&error) => {
                    self.damaged.push(sibling.identity);
                    self.notes.push(format!("reading {}: {error}", sibling.path.display()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if earlier.len() == 1 { earlier.pop() } else { None })
    }

    /// The log has been rotated: what comes after its files that are open. `None` while there is no new one.
    /// Where no file is open there was none at `absent`.
    pub(super) fn after_rotation(
        log: &Path,
        open: &[&Input],
        absent: Option<&Mark>,
    ) -> io::Result<Option<VecDeque<Input>>> {
        let mut siblings = Siblings::find(log)?;
        let Some(live) = siblings.live.take() else {
            return match siblings.troubles.into_iter().next() {
                Some(trouble) => Err(io::Error::other(trouble)),
                None => Ok(None),
            };
        };
        let newer = if let Some(last) = open.last() {
            let newer = siblings.newer_than(&last.identity());
            match newer {
                Some(newer) => newer,
                // It is removed, or gzipped already: then its gzip looks like a file that came later.
                None => siblings.made_after(last.mtime()).into_iter().filter(|s| !s.holds(last)).collect(),
            }
        } else {
            absent.map(|absent| siblings.made_after(absent.mtime)).unwrap_or_default()
        };
        settled(&newer, Some(&live))?;
        let mut unread = VecDeque::new();
        for sibling in newer.into_iter().chain([live]) {
            if !open.iter().any(|input| input.identity().is(&sibling.identity)) {
                unread.push_back(Input::new(&sibling.path, sibling.file)?);
            }
        }
        Ok(Some(unread))
    }

    /// The log was truncated while it was read. If that was a copytruncate, its copy has what was not read yet, and
    /// perhaps more copies came after it. `None` if there is no copy.
    pub(super) fn after_truncation(
        log: &Path,
        mark: &Mark,
        open: &[Identity],
    ) -> io::Result<Option<(Input, VecDeque<Input>)>> {
        let mut siblings = Siblings::find(log)?;
        siblings.live = None;
        let Some(copy) = Plan::default().by_content(&siblings, mark, open)? else { return Ok(None) };
        let newer = siblings.newer_than(&copy.identity()).unwrap_or_default();
        let newer = newer.into_iter().filter(|sibling| !open.iter().any(|known| known.is(&sibling.identity)));
        let newer = newer.map(|sibling| Input::new(&sibling.path, sibling.file));
        Ok(Some((copy, newer.collect::<io::Result<_>>()?)))
    }
}

impl Sibling {
    /// Whether it has what was read of an open file.
    fn holds(&self, input: &Input) -> bool {
        let mark = input.mark();
        mark.offset > 0 && self.resume(&mark).is_ok_and(|found| found.is_some())
    }

    /// Whether it was made just now of what the log still has, or is just being made and has nothing yet.
    fn is_fresh_copy_of(&self, live: &Sibling) -> io::Result<bool> {
        let (length, of_log) = (self.file.metadata()?.len(), live.file.metadata()?.len());
        let later = self.identity.born > live.identity.born;
        let patience = if length == 0 { BEGINNING } else { COPYING };
        if of_log == 0 || !later || self.age() > patience || length > of_log {
            return Ok(false);
        }
        same_ends(&self.file, &live.file, length)
    }

    fn age(&self) -> Duration {
        let written = UNIX_EPOCH + Duration::from_nanos(self.mtime);
        SystemTime::now().duration_since(written).unwrap_or_default()
    }

    fn resume(&self, mark: &Mark) -> io::Result<Option<Input>> {
        Input::resume(&self.path, self.file.try_clone()?, mark)
    }
}

/// What a gzip that is cut short or garbled gives.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

/// The inodes that are some mark's own.
fn taken(resumed: &[Input], marks: &[Mark]) -> Vec<Identity> {
    resumed.iter().map(Input::identity).chain(marks.iter().map(|mark| mark.identity)).collect()
}

/// Between its copy and its truncation by a copytruncate, a log is there twice, and must not be counted twice.
fn settled(newer: &[Sibling], live: Option<&Sibling>) -> io::Result<()> {
    let (Some(copy), Some(live)) = (newer.last(), live) else { return Ok(()) };
    if copy.is_fresh_copy_of(live)? {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is being copied, to be truncated"));
    }
    Ok(())
}

/// The rotated files that came after those that were found.
fn missed(siblings: &mut Siblings, resumed: &[Input], last: Option<&Mark>) -> Vec<Sibling> {
    let rank =
        |input: &Input| siblings.rotated.iter().position(|sibling| sibling.identity.is(&input.identity()));
    let aside =
        |input: &&Input| siblings.live.as_ref().is_none_or(|live| !live.identity.is(&input.identity()));
    let newest = resumed.iter().filter(aside).max_by_key(|input| rank(input)).map(Input::identity);
    if let Some(newest) = newest {
        return siblings.newer_than(&newest).unwrap_or_default();
    }
    match last {
        // Nothing of it is found, or the log is where it was but nothing of it was read yet, so that it may have been
        // copied and truncated since.
        Some(last) if resumed.iter().all(|input| input.mark().offset == 0) => siblings.made_after(last.mtime),
        _ => Vec::new(),
    }
}
