//! Decides what to read next from a log that grows, is rotated, copied, truncated, compressed and removed.
//!
//! It has no clock and no thread: [`LogFollower::step`] is called again and again and checks the files itself. File
//! system events only make that happen earlier. Every remembered file is read further when it has grown, however late:
//! the newest are checked with every step, the others in turn. Only files that are being read are open.

use super::{
    Start,
    book::Book,
    claims::{Claims, OtherReader},
    cut::Sink,
    former::FormerFiles,
    imported::{Counted, ImportMark, counted},
    input::{Found, Input, Portion, beginning, is_damage, portion},
    names::{KnownFiles, SeenFile, open_regular, paths_of},
    record::{FileRecord, Identity, Key, Mark, mtime, repeats_one_line},
    refilled,
    strays::strays,
    survey::{Question, Surveyed, survey},
};
use crate::{meters::FileEvents, source::Stop};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::Reject;
use tallymark_store::owner::reading_hint;
use tracing::{info, warn};

/// How many files are open at a time. The rest of more of them is lost if they are removed before their turn.
const MOST_OPEN: usize = 16;
/// How many files are looked at with every step: the newest.
const NEWEST: usize = 8;
/// How many of the others are.
const BY_TURNS: usize = 64;
/// The clock of a file system goes in steps: a directory that changed so lately may change again without a trace.
const CLOCK: Duration = Duration::from_millis(30);

/// How a log is followed.
#[derive(Clone)]
pub(super) struct Following {
    pub(super) path: PathBuf,
    /// What the other sources read.
    pub(super) claims: Claims,
    pub(super) start: Start,
    pub(super) max_line: usize,
    /// A print of what lines have to be like.
    pub(super) format: u32,
    /// Ends a long search among many or large files.
    pub(super) stop: Stop,
    /// Receives the progress of a long search.
    pub(super) progress: Arc<dyn Fn(&str) + Send + Sync>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to do at once.
    More,
    /// Everything is read.
    Idle,
}

/// What a directory looked like.
type Directory = Option<(u64, u64, u64)>;

/// One log.
pub(super) struct LogFollower {
    pub(super) following: Following,
    pub(super) book: Option<Book>,
    open: BTreeMap<u64, Input>,
    former: FormerFiles,
    /// The survey waits until files without a name are read, as far as they had come when they were first seen so: how long
    /// each was then.
    is_put_off: bool,
    nameless: BTreeMap<u64, u64>,
    live: Option<u64>,
    /// Records whose file has other bytes than it had.
    suspects: BTreeSet<u64>,
    /// Files that told nothing yet.
    pending: Vec<SeenFile>,
    /// Copies among them wait until their originals are read.
    waits: bool,
    pub(super) reader: Option<OtherReader>,
    /// Files that others were asked for: which, whether there was nothing in them, and where they were.
    pub(super) asked: BTreeSet<(Key, bool, PathBuf)>,
    /// For whose answer it waits.
    pub(super) awaited: Option<String>,
    /// The directories at the last survey. `None` if another is due.
    surveyed: Option<Vec<Directory>>,
    /// Where its files were at the last survey.
    elsewhere: BTreeSet<PathBuf>,
    /// The link at the log's path at the last survey, if it is one, and when it was made.
    link: Option<(u64, u64)>,
    /// Whose turn it is to be looked at.
    turn: u64,
    pub(super) events: FileEvents,
    /// What imports have counted.
    pub(super) imports: Vec<ImportMark>,
    trouble: Option<String>,
    /// How much it has to catch up with.
    backlog: Option<String>,
}

/// Whether two lists have the same files under the same names, none of them twice, and each as long as before or longer. A
/// log may be truncated right behind the copying of it, and then its copy would be held against nothing. A copy that had
/// nothing yet has not got its content meanwhile either: the two would be of different moments.
fn is_as_it_was(files: &[SeenFile], later: &[SeenFile]) -> bool {
    let by_name = |files: &[SeenFile]| -> BTreeMap<PathBuf, SeenFile> {
        files.iter().map(|file| (file.path.clone(), file.clone())).collect()
    };
    let (files, later) = (by_name(files), by_name(later));
    let is_same = |(before, now): (&SeenFile, &SeenFile)| {
        let filled = before.length == 0 && now.length > 0 && !before.is_live();
        before.identity == now.identity && before.length <= now.length && !filled
    };
    files.keys().eq(later.keys()) && files.values().zip(later.values()).all(is_same)
}

impl LogFollower {
    /// A log that continues from its remembered state, if there is any.
    pub(super) fn new(following: Following, book: Option<Book>) -> LogFollower {
        LogFollower {
            following,
            book,
            open: BTreeMap::new(),
            former: FormerFiles::default(),
            is_put_off: false,
            nameless: BTreeMap::new(),
            live: None,
            suspects: BTreeSet::new(),
            pending: Vec::new(),
            waits: false,
            reader: None,
            asked: BTreeSet::new(),
            awaited: None,
            surveyed: None,
            elsewhere: BTreeSet::new(),
            link: None,
            turn: 0,
            events: FileEvents::default(),
            imports: Vec::new(),
            trouble: None,
            backlog: None,
        }
    }

    /// What is remembered. It says what has been handed out, exactly.
    pub(super) fn book(&mut self) -> Option<&mut Book> {
        self.book.as_mut()
    }

    /// Why it cannot go on at the moment, or is behind.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref().or(self.awaited.as_deref()).or(self.backlog.as_deref())
    }

    /// Whether it is known where the log begins.
    pub(super) fn is_started(&self) -> bool {
        self.book.is_some()
    }

    /// Reads some of what there is. A trouble is reported once, and tried again with every step.
    pub(super) fn step(&mut self, sink: &mut impl Sink) -> Progress {
        match self.try_step(sink) {
            Ok(step) => {
                if let Some(trouble) = self.trouble.take() {
                    info!(file = %self.following.path.display(), was = trouble, "reading again");
                }
                step
            }
            Err(_) if self.following.stop.is_said() => Progress::Idle,
            Err(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    warn!(file = %self.following.path.display(), "waiting for the log file: {trouble}");
                    self.trouble = Some(trouble);
                }
                Progress::Idle
            }
        }
    }

    fn try_step(&mut self, sink: &mut impl Sink) -> Result<Progress, String> {
        let there = self.is_there()?;
        let reader = self.other_reader();
        if reader != self.reader || self.following.claims.is_asked(&self.following.path) {
            (self.reader, self.surveyed) = (reader, None);
        }
        self.look_at_open();
        if there {
            let first = self.book.is_none();
            self.look();
            self.survey(sink)?;
            if first {
                // Where it begins is committed before anything of it is read.
                return Ok(if self.is_started() { Progress::More } else { Progress::Idle });
            }
        } else {
            // There is nothing to look at.
            let asked = self.following.claims.asked_for(&self.following.path);
            self.settle(&asked);
        }
        let more = self.read_all(sink)? || self.is_put_off;
        self.close();
        match there {
            _ if more => Ok(Progress::More),
            false => {
                self.begin_without_a_file();
                Err("its directory is missing".to_owned())
            }
            // Between two files all is well, but a log that was never there may have another name.
            true if let Some(reader) = &self.reader => Err(format!(
                "it is the file that another [[source]] reads, as {}: its lines are counted there, once. Give each source a \
                 file of its own",
                reader.log.display()
            )),
            true if self.live.is_none() && self.open.is_empty() => Err("it does not exist yet".to_owned()),
            true => Ok(Progress::Idle),
        }
    }

    /// Whether the log's directory is there.
    fn is_there(&self) -> Result<bool, String> {
        let log = &self.following.path;
        match log.parent().map(fs::metadata) {
            Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(format!("looking for its directory: {}", told(&error, log)))
            }
            Some(dir) => Ok(dir.is_ok_and(|dir| dir.is_dir())),
            None => Ok(true),
        }
    }

    fn begin_without_a_file(&mut self) {
        let path = &self.following.path;
        self.book.get_or_insert_with(|| Book::new(path, began()));
    }

    /// Files that are open may have no name any more.
    fn look_at_open(&mut self) {
        let Some(book) = &mut self.book else { return };
        for (&id, _) in self.open.iter().filter(|(_, input)| input.has_more()) {
            book.change(id, |record| record.done = false);
        }
    }

    /// Finds out which files have changed.
    fn look(&mut self) {
        let Some(book) = &mut self.book else { return };
        let there = |(id, record): (u64, &FileRecord)| (!record.gone).then_some(id);
        let newest: BTreeSet<u64> = book.iter().rev().filter_map(there).take(NEWEST).collect();
        let others: Vec<u64> = book.iter_from(self.turn).filter_map(there).take(BY_TURNS).collect();
        self.turn = if others.len() < BY_TURNS { 0 } else { others.last().map_or(0, |id| id + 1) };
        let looked_at: BTreeSet<u64> = newest.into_iter().chain(others).chain(self.live).collect();
        for id in looked_at {
            let Some(record) = book.get(id) else { continue };
            match fs::metadata(&record.path) {
                Ok(file) if Identity::of(&file).is(&record.identity) => {
                    let unchanged = (file.len(), mtime(&file)) == (record.length, record.mtime);
                    if !unchanged && record.done && (record.copy_of.is_some() || record.packed.is_some()) {
                        self.surveyed = None;
                    } else if !unchanged {
                        if record.is_blank() {
                            // It may be one that is gone and was written again.
                            self.surveyed = None;
                        }
                        // What unpacks it has ended.
                        if self.open.get(&id).is_some_and(Input::is_packed) {
                            self.open.remove(&id);
                        }
                        book.change(id, |record| record.done = false);
                    }
                }
                _ => self.surveyed = None,
            }
        }
        let live = self.live.and_then(|id| book.get(id)).map(|record| record.identity);
        let at_path = fs::metadata(&self.following.path).ok().map(|file| Identity::of(&file));
        let same = match (live, at_path) {
            (Some(live), Some(file)) => live.is(&file),
            (None, Some(_)) => self.reader.is_some(),
            (None, None) => true,
            (Some(_), None) => false,
        };
        if !same {
            self.surveyed = None;
        }
        let changed = |seen: &SeenFile| {
            fs::metadata(&seen.path)
                .ok()
                .is_none_or(|file| (file.len(), mtime(&file)) != (seen.length, seen.mtime))
        };
        if self.pending.iter().any(changed) {
            self.surveyed = None;
        }
    }

    /// Finds out which file is which, if the directory has changed.
    fn survey(&mut self, sink: &mut impl Sink) -> Result<(), String> {
        self.is_put_off = false;
        let directories = directories(&self.following.path, &self.elsewhere);
        if self.surveyed.as_ref() == Some(&directories) {
            return Ok(());
        }
        if !self.has_place() && self.book.as_ref().is_none_or(Book::is_empty) {
            self.begin_without_a_file();
            (self.live, self.pending, self.surveyed) = (None, Vec::new(), Some(directories));
            self.awaited = None;
            self.settle(&BTreeSet::new());
            return Ok(());
        }
        let takes_new = self.has_place();
        if takes_new {
            self.take_over();
        }
        let asked = self.following.claims.asked_for(&self.following.path);
        if self.puts_off(sink) {
            return Ok(());
        }
        let Some((files, known)) = self.files(&asked)? else { return Ok(()) };
        // Once more: a file that was replaced while they were listed would be taken for one that was read to its end.
        if self.puts_off(sink) {
            return Ok(());
        }
        let was_read = !self.has_unread_former();
        self.awaited = if takes_new { self.ask_others(&files) } else { None };
        if self.book.is_none() && self.awaited.is_some() {
            return Ok(());
        }
        let link = link_on_the_way(&self.following.path);
        let relinked = self.link.filter(|_| link.is_some() && link != self.link).map(|(_, made)| made);
        match self.find((files, known), &asked, (link, relinked)) {
            Ok(Some(found)) => {
                (0..found.torn).for_each(|_| sink.reject(Reject::Partial));
                self.link = link;
                self.note(found, directories, was_read);
                self.settle(&asked);
                Ok(())
            }
            // Somebody renames or truncates its files right now.
            Ok(None) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("finding its files: {}", told(&error, &self.following.path))),
        }
    }

    /// Whether the survey waits for files without a name. While there is no room, files are rotated all the same.
    fn puts_off(&mut self, sink: &impl Sink) -> bool {
        self.is_put_off = self.has_unread_former() && !sink.is_full();
        self.is_put_off
    }

    /// Whether an open file without a name has unread lines. Once they are read, it is known which lines the new file shares.
    /// Lines that are written later are in no other file. Identical lines tell nothing, so they do not count here.
    fn has_unread_former(&mut self) -> bool {
        let (Some(book), nameless) = (&self.book, &mut self.nameless) else { return false };
        let is_alike = |file: &fs::File| beginning(file.try_clone()?).map(|first| repeats_one_line(&first));
        self.open.iter().any(|(id, input)| {
            let has_more = |record: &FileRecord| input.has_more() || !record.done && !input.is_read();
            let is_unread = book.get(*id).is_some_and(|record| record.copy_of.is_none() && has_more(record));
            let file = input.plain().filter(|_| is_unread && input.is_nameless());
            file.is_some_and(|file| {
                let length = file.metadata().map_or(0, |file| file.len());
                let is_before = input.offset() < *nameless.entry(*id).or_insert(length);
                is_before && !is_alike(file).unwrap_or(true)
            })
        })
    }

    /// Brings the book up to date with these files. `None` if they changed meanwhile.
    fn find(
        &mut self,
        (files, known): (Vec<SeenFile>, KnownFiles),
        asked: &BTreeSet<PathBuf>,
        (link, relinked): (Option<(u64, u64)>, Option<u64>),
    ) -> io::Result<Option<Surveyed>> {
        let Following { path: log, claims, start, stop, progress, .. } = &self.following;
        let first = self.book.is_none().then_some(*start);
        let takes_new = self.has_place() && self.awaited.is_none();
        // Before it is known that all could be looked at, nothing is begun.
        let mut new = first.map(|_| Book::new(log, began()));
        let book = match (&mut self.book, &mut new) {
            (Some(book), _) | (None, Some(book)) => book,
            (None, None) => return Ok(None),
        };
        // Many directories are links for good. One is of interest if it was made since the log was read.
        let seen = book.iter().map(|(_, record)| record.mtime).max().unwrap_or(book.began());
        let leads = link.is_some_and(|(_, made)| log.is_symlink() || relinked.is_some() || made >= seen);
        let question = Question {
            log,
            files,
            open: &self.open,
            suspects: &self.suspects,
            target: leads.then(|| fs::canonicalize(log).ok()).flatten(),
            relinked,
            foreign: &known.foreign,
            first,
            takes_new,
            asked,
            stop,
            progress: &**progress,
        };
        let is_still = |files: &[SeenFile], ours: BTreeSet<Key>| {
            Ok(claims.claim(log, &ours) && is_as_it_was(files, &super::names::list(log, &known)?))
        };
        let found = survey(book, question, is_still)?;
        if new.is_some() && found.is_some() {
            self.book = new;
        }
        Ok(found)
    }

    /// Goes on from what was found.
    fn note(&mut self, found: Surveyed, directories: Vec<Directory>, was_read: bool) {
        if found.live != self.live && self.live.is_some() {
            info!(file = %self.following.path.display(), "rotated");
        }
        self.events.rotations += found.events.rotations;
        self.events.truncations += found.events.truncations;
        self.events.lost += found.events.lost;
        self.live = found.live;
        (self.pending, self.waits) = (found.pending, found.waits);
        self.suspects = found.suspects;
        self.elsewhere = self.book.as_ref().map(Book::directories).unwrap_or_default();
        let is_final = !changed_just_now(&directories) && self.suspects.is_empty() && self.awaited.is_none();
        self.surveyed = is_final.then_some(directories);
        self.nameless.clear();
        self.forget_replaced(was_read);
        self.read_anew();
    }

    /// Its files, and those for which others ask. `None` if they are being moved.
    fn files(&self, asked: &BTreeSet<PathBuf>) -> Result<Option<(Vec<SeenFile>, KnownFiles)>, String> {
        let (log, claims) = (&self.following.path, &self.following.claims);
        let mut known = self.book.as_ref().map(Book::known).unwrap_or_default();
        known.foreign = claims.of_others(log);
        known.paths.extend(asked.iter().cloned());
        let list = |known: &KnownFiles| super::names::list(log, known).map_err(|error| told(&error, log));
        let mut files = list(&known)?;
        if let Some(book) = &self.book {
            let strays = match strays(log, book, &files, &self.following.stop) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                strays => strays.map_err(|error| told(&error, log))?,
            };
            if !strays.is_empty() {
                known.paths.extend(strays);
                files = list(&known)?;
            }
        }
        Ok(Some((files, known)))
    }

    /// Says which files are this log's, and that it has looked at these for others.
    fn settle(&self, asked: &BTreeSet<PathBuf>) {
        let Some(book) = &self.book else { return };
        // What they are turns out once it has read on.
        let waiting = self.pending.iter().filter(|file| file.length > 0).map(|file| file.identity.key());
        let is_open = |id: u64| self.open.contains_key(&id);
        self.following.claims.settle(&self.following.path, book, is_open, waiting, asked);
    }

    /// Files of which no line has counted are read again if the format is another one than it was.
    fn read_anew(&mut self) {
        let (Some(book), format) = (&mut self.book, self.following.format) else { return };
        let is_refused = |record: &FileRecord| {
            let by_another = record.refused_by.is_some_and(|by| by != format);
            by_another && !record.gone && record.copy_of.is_none()
        };
        let refused: Vec<u64> =
            book.iter().filter(|(_, record)| is_refused(record)).map(|(id, _)| id).collect();
        for id in refused {
            let Some(mark) =
                book.get(id).and_then(|record| behind_from(record, &self.following.stop).ok()?)
            else {
                continue;
            };
            self.open.remove(&id);
            book.change(id, |record| {
                info!(
                    file = %record.path.display(), offset = mark.offset,
                    "no line of it has counted, and the format has changed: reading it again"
                );
                (record.mark, record.refused_by) = (mark, None);
                (record.done, record.torn) = (false, false);
            });
        }
    }

    /// Closes the files of records that are another file now, a copy or a packed one, or that go on elsewhere in it.
    /// `was_read`: files without a name were read, as far as they had come, before the survey.
    fn forget_replaced(&mut self, was_read: bool) {
        let Some(book) = &self.book else { return };
        self.open.values_mut().for_each(Input::rewind);
        let is_still = |id: &u64, input: &Input| {
            book.get(*id).is_some_and(|record| {
                let is_it =
                    || record.identity.is(&input.identity()) && record.mark.offset == input.mark().offset;
                record.identity != Identity::default() && (record.gone || is_it())
            })
        };
        let replaced: Vec<(u64, Input)> =
            self.open.extract_if(.., |id, input| !is_still(id, input)).collect();
        for (id, input) in replaced {
            let Some(record) = book.get(id).filter(|record| record.identity != Identity::default()) else {
                continue;
            };
            let has_less = self.former.keep(input, record, was_read, &self.following.stop);
            // What cannot be compared may have had more; a stop tells nothing.
            if has_less.unwrap_or_else(|_| !self.following.stop.is_said()) {
                self.events.lost += 1;
                warn!(
                    file = %record.path.display(),
                    "lines may be missing in the counts: another file took its place, and has fewer lines"
                );
            }
        }
    }

    /// Reads a chunk of every file that has more. Answers whether there may be more.
    fn read_all(&mut self, sink: &mut impl Sink) -> Result<bool, String> {
        let Some(book) = &self.book else { return Ok(false) };
        let has_more = |(id, record): (u64, &FileRecord)| {
            let open = self.open.contains_key(&id);
            // The log is open also while there is nothing to read: it may be removed after its next line.
            let wanted = !record.done || Some(id) == self.live && !open;
            (wanted && record.copy_of.is_none() && (!record.gone || open)).then_some(id)
        };
        let mut unread = book.iter().filter_map(has_more);
        let first: Vec<u64> = unread.by_ref().take(MOST_OPEN).collect();
        let left = unread.count();
        let mut more = left > 0;
        self.backlog = more.then(|| format!("reading its rotated files, {} left", first.len() + left));
        for id in first {
            more |= self.read(id, sink)?;
        }
        more |= self.former.read(self.following.max_line, sink);
        Ok(more)
    }

    fn read(&mut self, id: u64, sink: &mut impl Sink) -> Result<bool, String> {
        let Some(book) = &self.book else { return Ok(false) };
        let Some(record) = book.get(id) else { return Ok(false) };
        let path = record.path.clone();
        let filled = |file: fs::Metadata| file.len() > 0 && Identity::of(&file).is(&record.identity);
        if record.is_blank() && fs::metadata(&path).is_ok_and(filled) {
            // An editor may be rewriting its contents at this moment.
            self.surveyed = None;
            return Ok(true);
        }
        let failed = |error: io::Error| format!("reading {}: {}", path.display(), told(&error, &path));
        if !self.open.contains_key(&id) && !self.open_record(id).map_err(failed)? {
            return Ok(true);
        }
        let Some(book) = &mut self.book else { return Ok(false) };
        let Some(input) = self.open.get_mut(&id) else { return Ok(false) };
        let before = sink.counted();
        let found = input.read(self.following.max_line, sink);
        let counts = sink.counted() > before;
        let packed = input.is_packed();
        let (length, written) = input.seen();
        let ended = match found {
            Ok(Found::Some) => false,
            Ok(Found::End) => true,
            Ok(Found::Truncated) => {
                self.open.remove(&id);
                self.suspects.insert(id);
                self.surveyed = None;
                return Ok(true);
            }
            // It says so as long as it is there.
            Err(error) if packed && error.kind() == io::ErrorKind::Unsupported && Some(id) == self.live => {
                return Err(failed(error));
            }
            Err(error) if packed && is_damage(&error) => {
                // No packer will mend it. What came out of it is counted.
                let what = if error.kind() == io::ErrorKind::Unsupported { "" } else { "it is damaged: " };
                warn!(file = %path.display(), "the rest of this file is not counted: {what}{error}");
                self.events.lost += 1;
                true
            }
            Err(error) => return Err(failed(error)),
        };
        let (mark, torn) = (input.mark(), ended && input.is_torn());
        let doubt = match book.get(id).filter(|_| !packed) {
            Some(record) if ended => refilled::without_growth(record, &mark, (length, written)),
            Some(_) if Some(id) == self.live => refilled::beside_a_copy(book, id, &mark),
            _ => None,
        };
        // Asked last, because it reads the beginning again.
        let doubt = doubt.filter(|_| input.is_alike());
        if ended && doubt.is_some() && is_lately(written) {
            // A write that is under way sets the time first.
            return Ok(false);
        }
        if let Some(why) = doubt {
            self.events.lost += 1;
            warn!(file = %path.display(), "lines may be missing in the counts: {why}");
            refilled::give_up_copies(book, id);
        }
        if torn && packed {
            sink.reject(Reject::Partial);
        }
        let format = self.following.format;
        book.change(id, |record| {
            let begins = record.mark.offset == record.from && !record.mark.skip;
            record.refused_by = match record.refused_by {
                _ if counts => None,
                None if begins && mark.offset > record.from => Some(format),
                known => known,
            };
            record.mark = mark;
            (record.length, record.mtime) = (length, written);
            if ended {
                (record.done, record.torn) = (true, torn && !packed);
            }
        });
        // The log itself would be opened again.
        if ended && packed && Some(id) != self.live {
            self.open.remove(&id);
        }
        if ended && std::mem::take(&mut self.waits) {
            self.surveyed = None;
            return Ok(true);
        }
        Ok(!ended)
    }

    /// Opens the file of a record where it was read up to. Answers whether it is open: it is not if it is another file by
    /// now, or if others have counted some of it.
    fn open_record(&mut self, id: u64) -> io::Result<bool> {
        let Some(record) = self.book.as_ref().and_then(|book| book.get(id)) else { return Ok(false) };
        let Some(input) = reopen(record, &self.following.stop)? else {
            self.suspects.insert(id);
            self.surveyed = None;
            return Ok(false);
        };
        let path = record.path.clone();
        let Some(Counted { mark, doubt }) = self.counted_by_others(&path, &input)? else {
            self.open.insert(id, input);
            return Ok(true);
        };
        info!(file = %path.display(), offset = mark.offset, "continuing after an import, or another source");
        if let Some(why) = doubt {
            self.events.lost += 1;
            warn!(file = %path.display(), "lines may be missing in the counts: {why}");
        }
        if let Some(book) = &mut self.book {
            book.change(id, |record| (record.from, record.mark) = (mark.offset, mark));
        }
        Ok(false)
    }

    /// How much of a file others have counted behind what this log has read: all that there is where it has read nothing, else
    /// what was imported while no source followed it.
    fn counted_by_others(&self, path: &Path, input: &Input) -> io::Result<Option<Counted>> {
        let (Following { path: log, claims, stop, .. }, identity) = (&self.following, input.identity());
        let offset = input.mark().offset;
        for mark in claims.left_by_others(log, &identity).into_iter().filter(|mark| mark.offset > offset) {
            if Input::resume(open_regular(path)?, &mark, stop)?.is_some() {
                return Ok(Some(Counted { mark, doubt: None }));
            }
        }
        if offset > 0 {
            let goes_on = |import: &&ImportMark| import.done && import.from >= offset;
            let later: Vec<ImportMark> = self.imports.iter().filter(goes_on).cloned().collect();
            let found = counted(path, &identity, &later, stop);
            return match found {
                Err(error) if is_damage(&error) => Ok(None),
                found => Ok(found?.filter(|found| found.mark.offset > offset)),
            };
        }
        match counted(path, &identity, &self.imports, stop) {
            Err(error) if is_damage(&error) => Ok(None),
            counted => counted,
        }
    }

    /// Closes files that are read to their end, but for the newest.
    fn close(&mut self) {
        let Some(book) = &self.book else { return };
        let open = self.open.len();
        let mut over = open.saturating_sub(NEWEST);
        let live = self.live;
        self.open.retain(|id, _| {
            let done = book.get(*id).is_none_or(|record| record.done) && Some(*id) != live;
            let close = over > 0 && done;
            over -= usize::from(close);
            !close
        });
        if self.open.len() < open {
            self.settle(&BTreeSet::new());
        }
    }
}

/// An error about a log, with what helps.
fn told(error: &io::Error, log: &Path) -> String {
    format!("{error}{}", reading_hint(error, log))
}

/// Opens the file of a record where it was read up to. `None` if it is no longer that file.
fn reopen(record: &FileRecord, stop: &Stop) -> io::Result<Option<Input>> {
    let file = match open_regular(&record.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !Identity::of(&file.metadata()?).is(&record.identity) {
        return Ok(None);
    }
    if record.mark.offset > 0 {
        info!(file = %record.path.display(), offset = record.mark.offset, "continuing");
    }
    Input::resume(file, &record.mark, stop)
}

/// Where a record begins to count. `None` if its file is another one.
fn behind_from(record: &FileRecord, stop: &Stop) -> io::Result<Option<Mark>> {
    if reopen(record, stop)?.is_none() {
        return Ok(None);
    }
    let before = portion(open_regular(&record.path)?, record.from, stop)?;
    Ok(before.map(|Portion { prefix, tail, .. }| Mark::of(record.from, false, &prefix, &tail)))
}

/// The moment from which a log is followed. The clock of files runs a little behind.
fn began() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.saturating_sub(Duration::from_secs(1)).as_nanos()).unwrap_or(u64::MAX)
}

/// The link that leads to the log, as its inode and when it was made: the log itself, or a directory above it. Of several, the
/// one that was made last.
fn link_on_the_way(log: &Path) -> Option<(u64, u64)> {
    let links =
        log.ancestors().filter_map(|path| fs::symlink_metadata(path).ok().filter(fs::Metadata::is_symlink));
    links.map(|link| (link.ino(), mtime(&link))).max_by_key(|(_, made)| *made)
}

/// The directories in which files of the log may be.
fn directories(log: &Path, elsewhere: &BTreeSet<PathBuf>) -> Vec<Directory> {
    let paths = paths_of(log);
    let look = |dir: &Path| fs::metadata(dir).ok().map(|dir| (dir.dev(), dir.ino(), mtime(&dir)));
    let here = paths.iter().filter_map(|path| path.parent());
    here.chain(elsewhere.iter().map(PathBuf::as_path)).map(look).collect()
}

fn changed_just_now(directories: &[Directory]) -> bool {
    directories.iter().flatten().any(|(_, _, changed)| is_lately(*changed))
}

fn is_lately(written: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u128::from(written) >= now.saturating_sub(CLOCK).as_nanos()
}
