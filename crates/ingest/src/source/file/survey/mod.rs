//! Finds the file of each record, and classifies the files that no record knows.
//!
//! Between two looks, a file may have been renamed, copied, truncated, compressed, removed, put back or rewritten. A
//! record's file is found by its inode as long as it still has the content that was read; else by that content,
//! whatever the file is called and wherever it is. A file that has the content of another one that still exists is its
//! copy, and does not count, until it turns out that the other was truncated.
//!
//! Lines with only a date and one name are all identical, and then equal bytes prove nothing: see [`alike`].

mod alike;
mod decide;
mod early_copy;
mod edited;
mod few;
mod joined;
mod kept;
mod recognise;
mod settle;
mod stranger;
mod switched;

use super::{
    Start,
    book::Book,
    input::{Input, beginning, is_damage},
    names::{SeenFile, open_regular},
    record::{FileRecord, Key, mtime},
};
use crate::{meters::FileEvents, source::Stop};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};
use stranger::Stranger;

/// The number of files from which on the progress of a survey is reported.
const MANY: usize = 100;

/// What a survey is asked with.
pub(super) struct Question<'a> {
    /// The path that is followed.
    pub(super) log: &'a Path,
    pub(super) files: Vec<SeenFile>,
    /// Files that are open, by their records, so that nothing of them is lost with their names.
    pub(super) open: &'a BTreeMap<u64, Input>,
    /// Records whose file was found to have other bytes.
    pub(super) suspects: &'a BTreeSet<u64>,
    /// Where the log leads to if it is a link, which may have led to any of the files before.
    pub(super) target: Option<PathBuf>,
    /// When the link before it was made, if that was another one at the last survey.
    pub(super) relinked: Option<u64>,
    /// Files that other logs have.
    pub(super) foreign: &'a BTreeSet<Key>,
    /// This log is read for the first time.
    pub(super) first: Option<Start>,
    /// Whether files that no record knows are its own. Where another source has the place, they are not.
    pub(super) takes_new: bool,
    /// Files for which others ask.
    pub(super) asked: &'a BTreeSet<PathBuf>,
    /// Once it is set, the survey fails, and the book is unchanged.
    pub(super) stop: &'a Stop,
    /// Receives the progress.
    pub(super) progress: &'a dyn Fn(&str),
}

impl Question<'_> {
    /// Says how far it is, where there is much to look at.
    fn tell(&self, doing: &str, done: usize, all: usize) {
        if all >= MANY && done.is_multiple_of(MANY / 2) {
            (self.progress)(&format!("{doing} {all} rotated files, {done} done"));
        }
    }
}

/// The results of a survey other than the book.
#[derive(Debug, Default)]
pub(super) struct Surveyed {
    pub(super) events: FileEvents,
    /// Lines that never got their end.
    pub(super) torn: u64,
    /// Files that tell nothing yet. They are looked at again once they change.
    pub(super) pending: Vec<SeenFile>,
    /// Some of these are copies, and wait until their originals are read.
    pub(super) waits: bool,
    /// Records whose file looks as it did, and has other bytes.
    pub(super) suspects: BTreeSet<u64>,
    /// The record of the file at the log's path.
    pub(super) live: Option<u64>,
}

struct Survey<'a> {
    book: &'a mut Book,
    question: Question<'a>,
    found: Surveyed,
    /// Which of the files is at the log's path.
    live: Option<usize>,
    /// How the files begin, as far as that was asked for.
    beginnings: Vec<Option<Vec<u8>>>,
    owner: Vec<Option<u64>>,
    home: BTreeMap<u64, usize>,
    /// Records whose own file has another content now.
    truncated: BTreeSet<u64>,
    /// Records of open files without a name that are not to be read.
    given_up: BTreeSet<u64>,
    strangers: BTreeMap<usize, Stranger>,
    /// Files that get a record, in the order in which that is found out.
    new: BTreeMap<usize, FileRecord>,
    /// Files whose content was replaced where they are.
    replaced: BTreeSet<usize>,
    /// What may be lost: the file, and why.
    untold: Vec<(String, &'static str)>,
    /// Whether the names of rotated files say in which order they were made.
    in_order: bool,
    /// Copies that wait until their originals are read.
    waiting: BTreeSet<usize>,
    /// Copies, and what each is a copy of.
    copies: Vec<(usize, usize)>,
}

/// Brings the book up to date with the existing files. Returns `None`, and leaves the book unchanged, if `is_still`
/// says that files were renamed or truncated meanwhile: a list that was made then may lack a file, or have one twice,
/// and a copy was compared with nothing.
pub(super) fn survey(
    book: &mut Book,
    question: Question<'_>,
    is_still: impl FnOnce(&[SeenFile], BTreeSet<Key>) -> io::Result<bool>,
) -> io::Result<Option<Surveyed>> {
    let mut draft = book.clone();
    let mut survey = Survey::new(&mut draft, question);
    survey.by_inode()?;
    if let Some(start) = survey.question.first {
        survey.begin(start)?;
    } else {
        survey.find()?;
    }
    if !survey.question.takes_new {
        survey.leave_new();
    }
    if !is_still(&survey.question.files, survey.its_own())? || survey.was_rewritten()? {
        return Ok(None);
    }
    survey.write_down();
    survey.found.waits = !survey.waiting.is_empty();
    let found = survey.found;
    *book = draft;
    Ok(Some(found))
}

impl<'a> Survey<'a> {
    fn new(book: &'a mut Book, question: Question<'a>) -> Survey<'a> {
        Survey {
            in_order: alike::are_in_order(&question.files),
            live: question.files.iter().position(SeenFile::is_live),
            beginnings: vec![None; question.files.len()],
            book,
            untold: Vec::new(),
            found: Surveyed::default(),
            owner: vec![None; question.files.len()],
            home: BTreeMap::new(),
            truncated: BTreeSet::new(),
            given_up: BTreeSet::new(),
            strangers: BTreeMap::new(),
            new: BTreeMap::new(),
            replaced: BTreeSet::new(),
            waiting: BTreeSet::new(),
            copies: Vec::new(),
            question,
        }
    }
}

impl Survey<'_> {
    /// Finds the file of each record, and what the others are.
    fn find(&mut self) -> io::Result<()> {
        self.look_into_strangers()?;
        self.by_open_file(true)?;
        self.by_content(true);
        self.by_content(false);
        self.by_copies()?;
        self.written_anew()?;
        self.weigh_alike()?;
        self.decide()?;
        self.by_open_file(false)?;
        self.give_up_nameless()?;
        self.skip_joined()?;
        self.read_what_was_a_copy()?;
        if self.question.takes_new {
            self.tell_of_switches();
        }
        Ok(())
    }

    /// Leaves alone what no record knows. A log that was edited is not new.
    fn leave_new(&mut self) {
        self.new.retain(|_, record| record.mark.offset > 0 && !record.done);
        self.copies.clear();
    }

    /// The files that this log has from now on.
    fn its_own(&self) -> BTreeSet<Key> {
        let files = self.question.files.iter().enumerate();
        let is_known = |at: &usize| self.owner[*at].is_some() || self.new.contains_key(at);
        let its_own = files.filter(|(at, _)| self.question.takes_new || is_known(at));
        its_own.map(|(_, file)| file.identity.key()).collect()
    }

    fn file(&self, at: usize) -> &SeenFile {
        &self.question.files[at]
    }

    /// How a file begins. A damaged one does not.
    fn first(&mut self, at: usize) -> io::Result<&[u8]> {
        if self.beginnings[at].is_none() {
            let first = match beginning(open_regular(&self.file(at).path)?) {
                Err(error) if is_damage(&error) => Vec::new(),
                first => first?,
            };
            self.beginnings[at] = Some(first);
        }
        Ok(self.beginnings[at].as_deref().unwrap_or_default())
    }

    /// Whether a file that has a record was truncated and written to since it was listed. Then a copy of it was compared
    /// with something else.
    fn was_rewritten(&self) -> io::Result<bool> {
        if self.strangers.is_empty() {
            return Ok(false);
        }
        for (&id, &at) in &self.home {
            let (file, record) = (self.file(at), self.book.get(id));
            let Some(record) = record.filter(|record| record.packed.is_none() && record.mark.offset > 0)
            else {
                continue;
            };
            let about = fs::metadata(&file.path)?;
            let is_same = about.len() == file.length && mtime(&about) == file.mtime;
            if !is_same
                && Input::resume(open_regular(&file.path)?, &record.mark, self.question.stop)?.is_none()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take(&mut self, at: usize, id: u64) {
        if let Some(before) = self.owner[at].replace(id) {
            self.home.remove(&before);
        }
        if let Some(before) = self.home.insert(id, at)
            && before != at
        {
            self.owner[before] = None;
        }
    }

    /// Whether the log is a link.
    fn is_linked(&self) -> bool {
        self.question.target.is_some()
    }

    fn tell(&mut self, path: &str, why: &'static str) {
        self.untold.push((path.to_owned(), why));
    }
}
