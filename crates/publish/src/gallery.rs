//! Pictures of names in a directory below the badges, one subdirectory for each kind: charts and panels.
//!
//! No name can have that directory for its badge, because every badge ends in `.svg`. A picture is due when its name has
//! changed, or when its drawer says so. Either way names wait in a queue: a pass draws a bounded number of them, so they
//! do not delay badges, and a name that changes all the time is drawn once per run through the queue. A gallery has its
//! own cursor, which is saved when the queue is empty. It draws nothing: `charts` and `panels` do.

use crate::{
    PublishError, corrected, cursor,
    files::{DirError, Files, Lock, Replaced, TMP, check_aside, create_aside, create_dir},
};
use std::{
    collections::{HashSet, VecDeque},
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
#[derive(Clone, Debug, Default)]
struct Sweep {
    /// Which of the plan's events.
    event: usize,
    start: Option<String>,
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
    /// `None` when it is done.
    sweep: Option<Sweep>,
    /// The slice that is being drawn, and where the sweep continues once it is. A pass that stops half way leaves it.
    drawing: Vec<Name>,
    then: Option<Option<Sweep>>,
    /// Names whose pictures could not be written. They wait for the next pass, which does not come sooner for them.
    failed: Vec<Name>,
    /// They have been logged.
    told: bool,
    /// Slices that this pass has drawn.
    slices: usize,
    written: u64,
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
            sweep: None,
            drawing: Vec::new(),
            then: None,
            failed: Vec::new(),
            told: false,
            slices: 0,
            written: 0,
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

    /// Every picture is due.
    pub(crate) fn all(&mut self) {
        (self.sweep, self.then) = (Some(Sweep::default()), None);
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
        (self.slices, self.written) = (0, 0);
        if identity != self.identity {
            self.cursor = cursor::load(&self.dir, &identity)
                .map_err(|error| self.error("reading the cursor", error))?;
            self.saved = self.cursor.is_some();
            self.identity = identity;
            self.forget();
            if self.cursor.is_none() {
                self.all();
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
                corrected.names.into_keys().for_each(|name| self.wait(name));
                return Ok(());
            };
            match store.changes(cursor, 1000).await? {
                Changes::Lost => {
                    self.cursor = None;
                    self.forget();
                    self.all();
                }
                Changes::Since { names, cursor, more } => {
                    self.saved &= self.cursor.as_ref() == Some(&cursor);
                    self.cursor = Some(cursor);
                    let counted = |event: Event| self.plan.changed_by.contains(&event);
                    let names: Vec<Name> =
                        names.into_iter().filter(|it| counted(it.event)).map(|it| it.name).collect();
                    for name in names {
                        self.wait(name);
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
            self.all();
        }
    }

    /// The next names to draw; `None` when the pass is over. All of the slice before is drawn then.
    pub(crate) async fn slice(&mut self, store: &dyn Store) -> Result<Option<Vec<Name>>, PublishError> {
        self.drawing.clear();
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
        let Some(Sweep { event, start }) = self.sweep.clone() else { return Ok(Some(self.drawing.clone())) };
        let page = store.names(self.plan.events[event], start.as_deref(), self.plan.slice).await?;
        let next = event + 1 < self.plan.events.len();
        self.then = Some(match page.next {
            Some(start) => Some(Sweep { event, start: Some(start) }),
            None => next.then_some(Sweep { event: event + 1, start: None }),
        });
        // If the pass stops, the sweep comes to this page again.
        Ok(Some(self.drawing.iter().cloned().chain(page.names).collect()))
    }

    /// Writes those pictures of a name. `draw` appends one to the text, and returns the number that it shows.
    pub(crate) fn put(
        &mut self,
        name: &Name,
        which: impl Fn(&K) -> bool,
        picture: &mut String,
        mut draw: impl FnMut(&K, &mut String) -> i64,
    ) {
        for (kind, _, files) in self.kinds.iter_mut().filter(|(kind, ..)| which(kind)) {
            picture.clear();
            let shown = draw(kind, picture);
            let old = files.read(name);
            match old.and_then(|old| files.replace(name, picture, shown, old)) {
                Ok(Replaced::Written) => self.written += 1,
                Ok(Replaced::Unchanged) => {}
                // The others are written all the same.
                Err(error) => {
                    fail(&mut self.failed, &mut self.told, &self.dir, name, &error);
                }
            }
        }
    }

    /// Removes all pictures of a name.
    pub(crate) fn remove(&mut self, name: &Name) {
        for (_, _, files) in &mut self.kinds {
            match files.remove(name) {
                Ok(removed) => self.written += u64::from(removed),
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
        let drawn = Drawn { written: self.written, failed: self.failed.len() as u64 };
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
