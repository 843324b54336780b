//! How much of a file was counted before: by an earlier import, or by a source that has read it, under this name or
//! another, compressed or not.
//!
//! The positions in the store say so. A file whose inode a source knows belongs to that source. Any other file is
//! recognised by the bytes before the position. What remains unclear is refused, because it might be counted twice.

use super::{
    MAX_LINE,
    glance::{Glance, LinePlace},
};
use crate::source::{
    Beginning, FileRecord, Identity, ImportMark, Print, Run, Runs, has_enough, imports, open_regular, records,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Metadata},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};
use tallymark_core::Position;
use uuid::Uuid;

/// How many runs that come again in one distance are no chance.
const REPEATED: usize = 4;

/// What positions say that was counted.
#[derive(Debug, Default)]
pub struct Evidence {
    imports: Vec<(Uuid, ImportMark)>,
    records: Vec<FileRecord>,
}

/// A stretch of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where it ends.
    pub to: u64,
    /// It is counted already.
    pub is_counted: bool,
    /// It ends within a line, whose rest belongs to it.
    pub is_torn: bool,
}

/// What is to be done with a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The instance under which it is counted.
    pub instance: Uuid,
    /// The number of the next batch.
    pub next: u64,
    /// From the beginning to the end.
    pub stretches: Vec<Stretch>,
    /// What a source has to do with it.
    pub by_source: BySource,
    /// What it was called when it was imported, if it was.
    pub earlier: Option<PathBuf>,
    /// How many hits it had then, if it was imported whole.
    pub earlier_hits: Option<u64>,
    /// How far it is known what it must be, and the print of that: it may be another text under the same name.
    pub(super) known: Option<(u64, Print)>,
}

/// What the sources have done with a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BySource {
    /// None has read it.
    #[default]
    Unread,
    /// One has counted some of it, or will.
    Counted,
    /// One has refused every line that it has read. It reads them again once its format is another one.
    Refused,
}

/// Why it cannot be told what of a content is counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The same lines prove nothing.
    #[error(
        "all its lines are identical, and a file with the same lines was counted before: it may be that file"
    )]
    Alike,
    /// Its rest may be counted twice.
    #[error(
        "it is a copy of a log that a source has read only in part, and may continue to read: let the daemon \
         read it first"
    )]
    ReadInPart,
    /// What is left of it may be counted by now.
    #[error(
        "a daemon has begun to follow it meanwhile, and counts what was not imported yet: import it again while the \
         daemon runs"
    )]
    FollowedMeanwhile,
    /// It may have been counted as a part of something longer.
    #[error("it begins like a file that was counted and is shorter: it may be an older copy of that file")]
    Shorter,
    /// Many files may begin so.
    #[error("it begins with the same few lines as a file that was counted: it may be that file, grown")]
    Few,
    /// A part of a file, files joined into one, or other line ends.
    #[error(
        "line {line} and others of it were counted as {}: it contains a part of that file, or the same lines in \
         another order or with other line ends", .of.display()
    )]
    Overlap {
        /// One of the lines, from 1.
        line: u64,
        /// The file that was counted.
        of: PathBuf,
    },
    /// A file that was appended to itself.
    #[error(
        "from line {line} on it repeats lines of its beginning that were counted: either they were written \
         twice, or the file was appended to itself"
    )]
    Repeats {
        /// One of the lines, from 1.
        line: u64,
    },
    /// A few lines of it were counted, and others not.
    #[error(
        "line {line} of it was counted as a line of {}: it may be that file, edited", .of.display()
    )]
    Edited {
        /// The line, from 1.
        line: u64,
        /// The file that was counted.
        of: PathBuf,
    },
    /// A name is given once.
    #[error(
        "another text was imported under this --id, or a longer one. Nothing was counted: give this one another --id"
    )]
    AnotherText,
}

/// A file of which each line is known.
struct FewLines<'a> {
    path: &'a Path,
    identity: &'a Identity,
    lines: &'a [u32],
    to: u64,
}

/// Whether what follows in a file is a part of a line.
fn has_no_end(path: &Path, offset: u64) -> bool {
    let rest = || {
        let mut file = open_regular(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut rest = Vec::new();
        file.take(MAX_LINE as u64).read_to_end(&mut rest)?;
        Ok::<_, io::Error>(rest)
    };
    rest().is_ok_and(|rest| rest.len() < MAX_LINE && !rest.contains(&b'\n'))
}

impl Course {
    /// Whether a line is about to be counted.
    fn is_fresh(&self, place: LinePlace) -> bool {
        let stretch = self.stretches.iter().find(|stretch| place.at < stretch.to);
        stretch.is_some_and(|stretch| !stretch.is_counted)
    }

    /// Whether everything up to a place is counted already.
    fn is_counted(&self, to: u64) -> bool {
        let fresh = self.stretches.iter().position(|stretch| !stretch.is_counted);
        let from = fresh.map(|fresh| fresh.checked_sub(1).map_or(0, |before| self.stretches[before].to));
        from.is_none_or(|from| from >= to)
    }
}

impl Evidence {
    /// What positions of all instances say.
    #[must_use]
    pub fn of(positions: &[(Uuid, Position)]) -> Evidence {
        Evidence::with_left(positions, |_, _| false)
    }

    /// The same for logs that no source follows any more: `is_left` gets the instance and path under which they were
    /// followed. Nothing else will count the rest of their files.
    #[must_use]
    pub fn with_left(positions: &[(Uuid, Position)], is_left: impl Fn(Uuid, &Path) -> bool) -> Evidence {
        // A copy was not read, and a packed file that was there before its log was followed neither.
        let was_read = |record: &FileRecord| record.copy_of.is_none() && !record.is_passed_over();
        let known = |(instance, log, record): (Uuid, PathBuf, FileRecord)| {
            let gone = record.gone || is_left(instance, &log);
            was_read(&record).then_some(FileRecord { gone, ..record })
        };
        let records = records(positions).into_iter().filter_map(known).collect();
        Evidence { imports: imports(positions), records }
    }

    /// Whether a source reads this very file.
    #[must_use]
    pub fn is_followed(&self, file: &Metadata) -> bool {
        let identity = Identity::of(file);
        self.records.iter().any(|record| !record.gone && record.identity.is(&identity))
    }

    /// The files that are there where sources have read logs, as they are now.
    #[must_use]
    pub fn logs(&self) -> Vec<(PathBuf, Metadata)> {
        let read = self.records.iter().filter(|record| !record.gone && record.packed.is_none());
        let there = |path: PathBuf| Some((path.clone(), fs::metadata(path).ok().filter(Metadata::is_file)?));
        read.map(|record| record.path.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(there)
            .collect()
    }

    /// Whether a source has read a file as far as it went then; a line without an end is not read yet.
    #[must_use]
    pub fn has_read(&self, path: &Path, then: &Metadata) -> bool {
        let identity = Identity::of(then);
        self.records.iter().filter(|record| record.identity.is(&identity)).any(|record| {
            record.done || record.mark.offset >= then.len() || has_no_end(path, record.mark.offset)
        })
    }

    /// For a content that is about to be read.
    pub(super) fn glance(&self) -> Glance {
        let imports = self.imports.iter().map(|(_, import)| import.to);
        let points = imports.chain(self.records.iter().map(|record| record.mark.offset));
        let few = self.few_lines().flat_map(|few| few.lines.iter().copied());
        Glance::new(points, self.counted_runs().flat_map(|(_, _, runs)| runs.single()), few)
    }

    /// Files with few lines, and how much of them was counted.
    fn few_lines(&self) -> impl Iterator<Item = FewLines<'_>> {
        let imports = self.imports.iter().map(|(_, import)| import).filter(|import| import.done);
        let imports = imports.map(|ImportMark { path, identity, few, to, .. }| FewLines {
            path,
            identity,
            lines: few.all(),
            to: *to,
        });
        let is_few = |record: &&FileRecord| {
            record.refused_by.is_none() && record.from == 0 && record.mark.knows_all_lines()
        };
        let counted = self.records.iter().filter(is_few);
        imports.chain(counted.map(|FileRecord { path, identity, mark, .. }| FewLines {
            path,
            identity,
            lines: mark.last.all(),
            to: mark.offset,
        }))
    }

    /// The runs of lines that were counted: under which instance, if by an import, and of which file.
    fn counted_runs(&self) -> impl Iterator<Item = (Option<Uuid>, &Path, &Runs)> {
        let imports =
            self.imports.iter().map(|(instance, import)| (Some(*instance), &*import.path, &import.runs));
        let counted = self.records.iter().filter(|record| record.refused_by.is_none());
        imports.chain(counted.map(|record| (None, &*record.path, &record.mark.runs)))
    }

    /// What is to be done with a text that can be read only once, and is known by its instance.
    #[must_use]
    pub fn course_of_named(&self, instance: Uuid) -> Course {
        let of_it = || self.imports.iter().filter(|(of, _)| *of == instance).map(|(_, import)| import);
        let done = of_it().filter(|import| import.done).max_by_key(|import| import.to);
        let to = done.map_or(0, |done| done.to);
        let begun = of_it().find(|import| !import.done && import.from >= to);
        let counted = done.map(|done| (0, Stretch { to, is_counted: true, is_torn: done.torn }));
        Course {
            next: begun.map(|begun| begun.first).or(done.map(|done| done.next)).unwrap_or(1),
            stretches: stretches(counted.into_iter().collect(), begun, u64::MAX),
            known: done.map(|done| (done.to, done.content)),
            ..Course::whole(instance, 0)
        }
    }

    /// What is to be done with a content that was seen whole. Without evidence it is counted as `instance`.
    pub(super) fn course(
        &self,
        seen: &Glance,
        file: Option<(&Path, &Metadata)>,
        instance: Uuid,
    ) -> Result<Course, Undecided> {
        let identity = file.map(|(_, file)| Identity::of(file));
        let mut course = Course { stretches: Vec::new(), ..Course::whole(instance, 0) };
        let is_same = |other: &Identity| identity.is_some_and(|identity| identity.is(other));
        let mut counted = Vec::new();
        let last = self.imports_of(seen, is_same, &mut counted)?;
        if let Some((instance, last)) = &last {
            course.earlier = Some(last.path.clone()).filter(|path| !path.as_os_str().is_empty());
            course.earlier_hits = last.hits.filter(|_| last.done && last.to == seen.at);
            let later = |(of, import): &(Uuid, ImportMark)| of == instance && import.first > last.first;
            // Otherwise it is an older copy, whose rest is another one's.
            if !self.imports.iter().any(later) {
                course.instance = *instance;
                course.next = if last.done { last.next } else { last.first };
            }
        }
        // The same content is the same import, whatever else it may be.
        if last.as_ref().is_none_or(|(_, last)| last.to != seen.at) {
            course.by_source = self.sources_of(seen, is_same, &mut counted)?;
        }
        let begun = last.map(|(_, last)| last).filter(|last| !last.done);
        course.stretches = stretches(counted, begun.as_ref(), seen.at);
        let edited = || self.edited(seen, &course, file.map(|(path, _)| path), is_same);
        self.overlap(seen, &course).or_else(edited).map_or(Ok(course), Err)
    }

    /// A line of a file that had few, in what is about to be counted of the same file. There may be no run of four lines that
    /// an editor has left.
    fn edited(
        &self,
        seen: &Glance,
        course: &Course,
        path: Option<&Path>,
        is_same: impl Fn(&Identity) -> bool,
    ) -> Option<Undecided> {
        let was_it = |few: &FewLines<'_>| {
            (path == Some(few.path) || is_same(few.identity)) && !course.is_counted(few.to)
        };
        let first = |few: FewLines<'_>| {
            let lines = few.lines.iter().filter_map(|line| seen.line(*line));
            let fresh = lines.filter(|place| course.is_fresh(*place)).map(|place| place.line);
            fresh.min().map(|line| Undecided::Edited { line, of: few.path.to_owned() })
        };
        self.few_lines().filter(was_it).find_map(first)
    }

    /// Lines that are about to be counted, and were counted elsewhere. One run may be there by chance, unless one is all
    /// there can be.
    fn overlap(&self, seen: &Glance, course: &Course) -> Option<Undecided> {
        let is_fresh = |place: LinePlace| course.is_fresh(place);
        if let Some(line) = self.counted_runs().filter_map(|(.., runs)| repeated(seen, runs, is_fresh)).min()
        {
            return Some(Undecided::Repeats { line });
        }
        let line = |run: Run| seen.place(run).filter(|place| is_fresh(*place)).map(|place| place.line);
        let others = self.counted_runs().filter(|(of, ..)| *of != Some(course.instance));
        let shared = others.filter_map(|(_, path, runs)| {
            let lines: Vec<u64> = runs.single().filter_map(line).collect();
            let is_all = lines.len() == runs.single().count() || lines.len() as u64 == seen.runs();
            let first = lines.iter().copied().min().filter(|_| lines.len() > 1 || is_all)?;
            Some((first, path))
        });
        let (line, path) = shared.min()?;
        let of = if path.as_os_str().is_empty() { Path::new("another file") } else { path };
        Some(Undecided::Overlap { line, of: of.to_owned() })
    }

    /// The counts of imports. Returns the one that continues.
    fn imports_of(
        &self,
        seen: &Glance,
        is_same: impl Fn(&Identity) -> bool,
        counted: &mut Vec<(u64, Stretch)>,
    ) -> Result<Option<(Uuid, ImportMark)>, Undecided> {
        let mut last: Option<(Uuid, ImportMark)> = None;
        let mut doubt = None;
        let begins = Beginning::of(&seen.prefix);
        for (instance, import) in self.imports.iter().filter(|(_, import)| import.to > 0) {
            let known = is_same(&import.identity);
            if seen.points.get(&import.to).is_none_or(|(_, content)| *content != import.content) {
                if seen.at < import.to && import.begins_with(&begins) {
                    doubt = Some(Undecided::Shorter);
                }
                continue;
            }
            if !known && import.to != seen.at {
                doubt = weak(seen, import.prefix_len()).or(doubt);
                if weak(seen, import.prefix_len()).is_some() {
                    continue;
                }
            }
            let to = if import.done { import.to } else { import.from };
            counted.push((0, Stretch { to, is_counted: true, is_torn: import.done && import.torn }));
            let rank = |import: &ImportMark| (import.to, import.done);
            if last.as_ref().is_none_or(|(_, last)| rank(import) > rank(last)) {
                last = Some((*instance, import.clone()));
            }
        }
        match (&last, doubt) {
            (None, Some(doubt)) => Err(doubt),
            // What it has behind that one, the longer one may have too.
            (Some((_, known)), Some(Undecided::Shorter)) if known.to < seen.at => Err(Undecided::Shorter),
            _ => Ok(last),
        }
    }

    /// What sources have counted, or will.
    fn sources_of(
        &self,
        seen: &Glance,
        is_same: impl Fn(&Identity) -> bool,
        counted: &mut Vec<(u64, Stretch)>,
    ) -> Result<BySource, Undecided> {
        let mut some = BySource::Unread;
        let begins = Beginning::of(&seen.prefix);
        // What was refused and is gone will not be read again.
        for record in self.records.iter().filter(|record| !record.gone || record.refused_by.is_none()) {
            let done = if record.refused_by.is_some() { BySource::Refused } else { BySource::Counted };
            let (mark, from) = (&record.mark, record.from);
            let has =
                mark.offset == 0 || seen.points.get(&mark.offset).is_some_and(|(point, _)| point.is(mark));
            if is_same(&record.identity) && !record.gone {
                // What it has not read yet it will read. If the file was written anew, all of it.
                let rest = Stretch { to: u64::MAX, is_counted: true, is_torn: false };
                counted.push((if has { from } else { 0 }, rest));
                some = done;
            } else if !has {
                // What lies before `from` a source has not counted.
                if (from..mark.offset).contains(&seen.at) && mark.begins_with(&begins) {
                    return Err(Undecided::Shorter);
                }
            } else if mark.offset > from {
                let doubt = weak(seen, mark.prefix_len()).filter(|_| !is_same(&record.identity));
                if let Some(why) = doubt {
                    // The same lines and no others are the same file, unless they are all alike.
                    if why != Undecided::Few || mark.offset != seen.at {
                        return Err(why);
                    }
                }
                if mark.offset < seen.at && !record.gone && record.packed.is_none() {
                    return Err(Undecided::ReadInPart);
                }
                counted.push((from, Stretch { to: mark.offset, is_counted: true, is_torn: mark.skip }));
                some = done;
            }
        }
        Ok(some)
    }
}

/// Where a content has for the second time what was counted of its beginning. Single runs come back by chance where lines
/// have no time of day, but not many of them in one distance.
fn repeated(seen: &Glance, runs: &Runs, is_fresh: impl Fn(LinePlace) -> bool) -> Option<u64> {
    let mut by_distance: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut counted = 0;
    for run in runs.single() {
        counted += 1;
        if let Some([first, second]) = seen.both_places(run)
            && !is_fresh(first)
            && is_fresh(second)
        {
            by_distance.entry(second.at - first.at).or_default().push(second.line);
        }
    }
    let lines = by_distance.into_values().max_by_key(Vec::len)?;
    (lines.len() >= REPEATED.min(counted)).then(|| lines.into_iter().min())?
}

/// Why it is no evidence that a content has so many of the first bytes of another.
fn weak(seen: &Glance, prefix: usize) -> Option<Undecided> {
    let few = || !has_enough(seen.prefix.get(..prefix).unwrap_or_default());
    if seen.is_alike() {
        return Some(Undecided::Alike);
    }
    few().then_some(Undecided::Few)
}

/// A content of so many bytes in stretches. What an import has `begun` is counted as it was cut then.
fn stretches(counted: Vec<(u64, Stretch)>, begun: Option<&ImportMark>, bytes: u64) -> Vec<Stretch> {
    let mut known: Vec<(u64, Stretch)> = Vec::new();
    for (from, part) in counted {
        match begun {
            Some(begun) if from < begun.to && part.to > begun.from => {
                known.push((from, Stretch { to: begun.from, is_torn: false, ..part }));
                known.push((begun.to, part));
            }
            _ => known.push((from, part)),
        }
    }
    known.extend(
        begun.map(|begun| (begun.from, Stretch { to: begun.to, is_counted: false, is_torn: begun.torn })),
    );
    known.sort_by_key(|&(from, part)| (from, part.to));
    let mut all: Vec<Stretch> = Vec::new();
    let mut at = 0;
    for (from, part) in known.into_iter().filter(|&(from, part)| from < part.to) {
        if from > at && at < bytes {
            at = from.min(bytes);
            all.push(Stretch { to: at, is_counted: false, is_torn: false });
        }
        if part.to.min(bytes) > at {
            at = part.to.min(bytes);
            all.push(Stretch { to: at, ..part });
        }
    }
    if at < bytes {
        all.push(Stretch { to: bytes, is_counted: false, is_torn: false });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_the_content_and_keep_what_was_begun() {
        let counted = |from, to| (from, Stretch { to, is_counted: true, is_torn: false });
        let ends = |counted: &[(u64, Stretch)], begun: Option<ImportMark>| -> Vec<(u64, bool)> {
            stretches(counted.to_vec(), begun.as_ref(), 100).iter().map(|it| (it.to, it.is_counted)).collect()
        };
        assert_eq!(ends(&[], None), [(100, false)]);
        assert_eq!(ends(&[counted(0, 60)], None), [(60, true), (100, false)]);
        assert_eq!(
            ends(&[counted(40, u64::MAX), counted(0, 10)], None),
            [(10, true), (40, false), (100, true)]
        );
        let begun = Some(ImportMark { from: 20, to: 50, ..ImportMark::default() });
        assert_eq!(ends(&[counted(0, 20)], begun.clone()), [(20, true), (50, false), (100, false)]);
        assert_eq!(
            ends(&[counted(0, 20), counted(0, u64::MAX)], begun),
            [(20, true), (50, false), (100, true)]
        );
    }
}
