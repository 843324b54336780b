//! Pictures of names in a directory below the badges, one subdirectory for each kind: charts and panels.
//!
//! No name can have that directory for its badge, because every badge ends in `.svg`. A picture is due when its name has
//! changed, or when its drawer says so. Either way names wait in a queue: a pass draws a bounded number of them, so they
//! do not delay badges, and a name that changes all the time is drawn once per run through the queue. A gallery has its
//! own cursor, which is saved when the queue is empty. It draws nothing: `charts` and `panels` do.

use crate::{
    PublishError,
    corrected::{self, Lower},
    cursor,
    files::{DirError, Files, Lock, Replaced, TMP, check_aside, create_aside, create_dir},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
};
use tallymark_core::{Event, Name};
use tallymark_store::{Changes, Cursor, Store};
use tracing::warn;

/// How many names may wait; with more, all names are checked.
pub(crate) const MOST_WAITING: usize = 100_000;

/// What a pass did, in files and in names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) written: u64,
    pub(crate) failed: u64,
    /// Files left alone because the store has less than they show.
    pub(crate) held: u64,
}

/// How much of the queue a pass works through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A little, because the next pass is soon.
    Slices,
    /// All of it, because there is no later pass.
    Whole,
}

/// What distinguishes one gallery from another, besides its kinds.
#[derive(Clone, Copy)]
pub(crate) struct GalleryPlan {
    /// Below the badges.
    pub(crate) dir: &'static str,
    /// Names with one of these events have pictures.
    pub(crate) events: &'static [Event],
    /// Counts of these events are on the pictures.
    pub(crate) changed_by: &'static [Event],
    /// How many names a pass draws: waiting ones, and as many in a look at all.
    pub(crate) slice: usize,
    pub(crate) pace: Pace,
}

/// Where a look at all names continues.
#[derive(Clone, Debug)]
struct Sweep {
    /// Which of the plan's events.
    event: usize,
    start: Option<String>,
    /// What the pictures that it comes to may do.
    lower: Lower,
}

/// The pictures of one directory.
pub(crate) struct Gallery<K> {
    dir: PathBuf,
    kinds: Vec<(K, String, Files)>,
    plan: GalleryPlan,
    /// What the pictures on disk look like.
    identity: String,
    cursor: Option<Cursor>,
    saved: bool,
    /// Names that are due, in the order in which they became so.
    waiting: VecDeque<Name>,
    known: HashSet<Name>,
    /// Names that were corrected and not drawn since: their pictures may go down, or go.
    lower: HashMap<Name, Lower>,
    /// `None` when it is done.
    sweep: Option<Sweep>,
    /// The slice that is being drawn, and where the sweep continues once it is. A pass that stops half way leaves it.
    drawing: Vec<Name>,
    then: Option<Option<Sweep>>,
    /// All names of that slice, and what those may do that were not corrected.
    slice: Vec<Name>,
    slice_lower: Lower,
    /// Names whose pictures could not be written. They wait for the next pass, which does not come sooner for them.
    failed: Vec<Name>,
    /// They have been logged.
    told: bool,
    /// Slices that this pass has drawn.
    slices: usize,
    written: u64,
    held: u64,
}

impl<K> Gallery<K> {
    /// Creates the directories of these kinds, and removes all others. `None` if there are no kinds.
    pub(crate) fn open(
        lock: &Lock,
        kinds: Vec<(K, String)>,
        plan: GalleryPlan,
    ) -> Result<Option<Gallery<K>>, DirError> {
        let dir = lock.dir.join(plan.dir);
        if kinds.is_empty() {
            return gone(&dir).map(|()| None);
        }
        let aside = dir.join(TMP);
        create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
        create_aside(&aside, &dir).map_err(|error| DirError::new("creating", &aside, error))?;
        remove_others(&dir, &kinds)?;
        let mut open = Vec::new();
        for (kind, word) in kinds {
            let path = dir.join(&word);
            if !path.is_dir() {
                // These pictures are gone, whatever the cursor says.
                let _ = fs::remove_file(dir.join(cursor::FILE));
            }
            create_dir(&path).map_err(|error| DirError::new("creating", &path, error))?;
            open.push((kind, word, Files::at(path, aside.join("picture"))));
        }
        Ok(Some(Gallery {
            dir,
            kinds: open,
            plan,
            identity: String::new(),
            cursor: None,
            saved: false,
            waiting: VecDeque::new(),
            known: HashSet::new(),
            lower: HashMap::new(),
            sweep: None,
            drawing: Vec::new(),
            then: None,
            slice: Vec::new(),
            slice_lower: Lower::Never,
            failed: Vec::new(),
            told: false,
            slices: 0,
            written: 0,
            held: 0,
        }))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &K> {
        self.kinds.iter().map(|(kind, ..)| kind)
    }

    pub(crate) fn words(&self) -> Vec<&str> {
        self.kinds.iter().map(|(_, word, _)| word.as_str()).collect()
    }

    /// Every picture is due, and may do this, or what was allowed before and is not done yet.
    pub(crate) fn all(&mut self, lower: Lower) {
        let lower = self.sweep.as_ref().map_or(lower, |sweep| sweep.lower.max(lower));
        (self.sweep, self.then) = (Some(Sweep { event: 0, start: None, lower }), None);
        self.saved = false;
    }

    /// Whether no picture is due, as far as is known.
    pub(crate) fn is_through(&self) -> bool {
        self.waiting.is_empty() && self.sweep.is_none() && self.drawing.is_empty()
    }

    /// Whether all that was due is on disk.
    pub(crate) fn is_drawn(&self) -> bool {
        self.is_through() && self.failed.is_empty()
    }

    /// Whether the directories are still there.
    pub(crate) fn is_in_place(&self) -> bool {
        check_aside(&self.dir.join(TMP), &self.dir).is_ok()
            && self.kinds.iter().all(|(_, word, _)| self.dir.join(word).is_dir())
    }

    /// Begins a pass: follows the change log. Without a position in it, and with another identity, every name is due.
    pub(crate) async fn follow(&mut self, store: &dyn Store, identity: String) -> Result<(), PublishError> {
        (self.slices, self.written, self.held) = (0, 0, 0);
        // What is left of the pass before was not drawn.
        self.slice.clear();
        if identity != self.identity {
            self.cursor = cursor::load(&self.dir, &identity)
                .map_err(|error| self.error("reading the cursor", error))?;
            self.saved = self.cursor.is_some();
            self.identity = identity;
            self.forget();
            if self.cursor.is_none() {
                self.all(Lower::Never);
            }
        }
        self.find_changed(store).await?;
        // What an earlier pass could not write, or left when the store stopped answering.
        for name in std::mem::take(&mut self.failed).into_iter().chain(std::mem::take(&mut self.drawing)) {
            self.wait(name);
        }
        self.then = None;
        Ok(())
    }

    async fn find_changed(&mut self, store: &dyn Store) -> Result<(), PublishError> {
        loop {
            let Some(cursor) = &self.cursor else {
                self.cursor = Some(store.head().await?);
                self.saved = false;
                // Those that were deleted are in no list of names.
                let corrected = corrected::names(store, self.plan.changed_by).await?;
                let others = corrected.of_others();
                for (name, at) in corrected.names {
                    self.wait_corrected(name, Lower::OlderThan(at));
                }
                if let Some(sweep) = &mut self.sweep {
                    sweep.lower = sweep.lower.max(others);
                }
                return Ok(());
            };
            match store.changes(cursor, 1000).await? {
                Changes::Lost => {
                    self.cursor = None;
                    self.forget();
                    // What another store has corrected allows nothing here.
                    self.lower.clear();
                    self.all(Lower::Never);
                }
                Changes::Since { names, cursor, more } => {
                    self.saved &= self.cursor.as_ref() == Some(&cursor);
                    self.cursor = Some(cursor);
                    let counted = |event: Event| self.plan.changed_by.contains(&event);
                    for change in names.into_iter().filter(|it| counted(it.event)) {
                        match change.corrected {
                            true => self.wait_corrected(change.name, Lower::Always),
                            false => self.wait(change.name),
                        }
                    }
                    if !more {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn forget(&mut self) {
        self.waiting.clear();
        self.known.clear();
    }

    /// A name's pictures are due.
    pub(crate) fn wait(&mut self, name: Name) {
        if self.known.insert(name.clone()) {
            self.waiting.push_back(name);
        }
        if self.waiting.len() > MOST_WAITING {
            self.forget();
            self.all(Lower::Never);
        }
    }

    /// A name's pictures are due, and may do this.
    fn wait_corrected(&mut self, name: Name, lower: Lower) {
        let known = self.lower.entry(name.clone()).or_insert(lower);
        *known = lower.max(*known);
        self.wait(name);
    }

    /// The next names to draw; `None` when the pass is over. All of the slice before is drawn then.
    pub(crate) async fn slice(&mut self, store: &dyn Store) -> Result<Option<Vec<Name>>, PublishError> {
        self.drawing.clear();
        for name in std::mem::take(&mut self.slice) {
            if !self.failed.contains(&name) && !self.known.contains(&name) {
                self.lower.remove(&name);
            }
        }
        if let Some(then) = self.then.take() {
            self.sweep = then;
        }
        if self.is_through() || (self.slices > 0 && self.plan.pace == Pace::Slices) {
            return Ok(None);
        }
        self.slices += 1;
        self.drawing = self.waiting.drain(..self.waiting.len().min(self.plan.slice)).collect();
        for name in &self.drawing {
            self.known.remove(name);
        }
        (self.slice, self.slice_lower) = (self.drawing.clone(), Lower::Never);
        let Some(Sweep { event, start, lower }) = self.sweep.clone() else {
            return Ok(Some(self.slice.clone()));
        };
        let page = store.names(self.plan.events[event], start.as_deref(), self.plan.slice).await?;
        let next = event + 1 < self.plan.events.len();
        self.then = Some(match page.next {
            Some(start) => Some(Sweep { event, start: Some(start), lower }),
            None => next.then_some(Sweep { event: event + 1, start: None, lower }),
        });
        // If the pass stops, the sweep comes to this page again.
        self.slice.extend(page.names);
        self.slice_lower = lower;
        Ok(Some(self.slice.clone()))
    }

    fn lower(&self, name: &Name) -> Lower {
        self.lower.get(name).copied().unwrap_or(Lower::Never).max(self.slice_lower)
    }

    /// Writes those pictures of a name. `draw` appends one to the text, and returns all that was ever counted of what is
    /// on it: a number that only a correction makes lower. If the store has less than the picture on disk, that one stays.
    pub(crate) fn put(
        &mut self,
        name: &Name,
        which: impl Fn(&K) -> bool,
        picture: &mut String,
        mut draw: impl FnMut(&K, &mut String) -> i64,
    ) {
        let lower = self.lower(name);
        for (kind, _, files) in self.kinds.iter_mut().filter(|(kind, ..)| which(kind)) {
            picture.clear();
            let counted = draw(kind, picture);
            let replaced = files.read(name).and_then(|old| match lower.holds(old.as_ref(), counted) {
                true => Ok(None),
                false => files.replace(name, picture, counted, old).map(Some),
            });
            match replaced {
                Ok(None) => self.held += 1,
                Ok(Some(Replaced::Written)) => self.written += 1,
                Ok(Some(Replaced::Unchanged)) => {}
                // The others are still written.
                Err(error) => {
                    fail(&mut self.failed, &mut self.told, &self.dir, name, &error);
                }
            }
        }
    }

    /// Removes all pictures of a name that the store does not have, unless it may have lost it.
    pub(crate) fn remove(&mut self, name: &Name) {
        let lower = self.lower(name);
        for (_, _, files) in &mut self.kinds {
            let removed = files.read(name).and_then(|old| match lower.lets_go(old.as_ref()) {
                true => files.remove(name).map(Some),
                // What has no trailer is not ours, and is not held.
                false => Ok(old.is_none_or(|old| old.total.is_none()).then_some(false)),
            });
            match removed {
                Ok(Some(removed)) => self.written += u64::from(removed),
                Ok(None) => self.held += 1,
                Err(error) => fail(&mut self.failed, &mut self.told, &self.dir, name, &error),
            }
        }
    }

    /// A name's pictures could not be written.
    pub(crate) fn fail(&mut self, name: &Name, error: &io::Error) {
        fail(&mut self.failed, &mut self.told, &self.dir, name, error);
    }

    /// Ends a pass. A cursor covers only pictures that are on disk.
    pub(crate) fn finish(&mut self) -> Result<Drawn, PublishError> {
        let drawn = Drawn { written: self.written, failed: self.failed.len() as u64, held: self.held };
        self.told &= drawn.failed > 0;
        if let (true, false, Some(cursor)) = (self.is_drawn(), self.saved, &self.cursor) {
            cursor::save(&self.dir, &self.identity, cursor)
                .map_err(|error| self.error("writing the cursor", error))?;
            self.saved = true;
        }
        Ok(drawn)
    }

    pub(crate) fn error(&self, attempt: &'static str, error: io::Error) -> PublishError {
        PublishError::File { attempt, dir: self.dir.clone(), error }
    }
}

fn fail(failed: &mut Vec<Name>, told: &mut bool, dir: &Path, name: &Name, error: &io::Error) {
    if !*told {
        warn!(%name, %error, dir = %dir.display(), "a picture could not be written; it is tried again");
    }
    *told = true;
    if failed.last() != Some(name) {
        failed.push(name.clone());
    }
}

/// Directories of kinds begin with a letter or a digit, ours with a dot.
fn remove_others<K>(dir: &Path, kinds: &[(K, String)]) -> Result<(), DirError> {
    let failed = |error| DirError::new("looking into", dir, error);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let other = name
            .to_str()
            .is_some_and(|name| !name.starts_with('.') && kinds.iter().all(|(_, word)| word != name));
        if other && entry.file_type().map_err(failed)?.is_dir() {
            gone(&dir.join(name))?;
        }
    }
    Ok(())
}

fn gone(path: &Path) -> Result<(), DirError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DirError::new("removing the pictures in", path, error))
        }
        _ => Ok(()),
    }
}
