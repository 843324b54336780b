//! Charts as files, if configured (`[badges] charts`): `.charts/KIND/NAME.svg` below the badges.
//!
//! No name can have that directory for its badge, because every badge ends in `.svg`. A chart is due when its name has
//! changed, and every midnight (UTC), when its days change. Either way charts wait in a queue: a pass draws a bounded
//! number of them, so they do not delay badges, and a name that changes all the time is drawn once per run through the
//! queue. They have their own cursor, which is saved when the queue is empty.

use crate::{
    PublishError, cursor,
    files::{DirError, Files, Lock, Replaced, TMP, check_aside, create_aside, create_dir},
};
use std::{
    collections::{HashSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
};
use tallymark_badge::{
    Look, Spark,
    chart::{Chart, DEFAULT_WIDTH, Series},
    number,
};
use tallymark_core::{Event, Name, Now, Step, Window};
use tallymark_store::{Changes, Cursor, Store, or_nothing};
use tracing::warn;

/// Below the badges.
const DIR: &str = ".charts";
/// How many names a pass draws: changed ones, and those whose day is over.
const SLICE: usize = 50;
/// How many names may wait; with more, all names are checked.
const MOST_WAITING: usize = 100_000;

/// A picture of a name's counts over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// A badge with a sparkline of 30 days.
    Sparkline,
    /// Bars of 7 days.
    Days7,
    /// Bars of 30 days.
    Days30,
    /// Bars of 90 days.
    Days90,
}

impl ChartKind {
    /// All of them with their words, which are directories too.
    pub const EVERY: [(ChartKind, &'static str); 4] = [
        (ChartKind::Sparkline, "sparkline"),
        (ChartKind::Days7, "7d"),
        (ChartKind::Days30, "30d"),
        (ChartKind::Days90, "90d"),
    ];

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ChartKind> {
        ChartKind::EVERY.into_iter().find(|(_, known)| *known == word).map(|(kind, _)| kind)
    }

    fn word(self) -> &'static str {
        ChartKind::EVERY.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    fn window(self) -> Window {
        match self {
            ChartKind::Days7 => Window::Days7,
            ChartKind::Sparkline | ChartKind::Days30 => Window::Days30,
            ChartKind::Days90 => Window::Days90,
        }
    }

    /// Draws the picture; `days` end with today. Returns the number that it shows.
    fn draw(self, look: &Look, name: &Name, total: i64, days: &[i64], now: Now, out: &mut String) -> i64 {
        let buckets = self.window().buckets(now);
        let (counts, first) = (&days[days.len().saturating_sub(buckets.count())..], buckets.first);
        let series = [Series { name: name.as_str(), counts }];
        let chart =
            Chart { event: Event::HIT, step: Step::Day, first, series: &series, width: DEFAULT_WIDTH };
        if self != ChartKind::Sparkline {
            out.push_str(&chart.render());
            return series[0].total();
        }
        let value = number::group(total).to_string();
        let mut badge = look.badge(&value);
        let title = format!("{}: {value}. {}", badge.label, chart.title());
        badge.title = Some(&title);
        out.push_str(&Spark { badge, counts }.render());
        total
    }
}

/// What a pass did, in files and in names.
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

/// The charts of one directory.
pub(crate) struct Charts {
    dir: PathBuf,
    kinds: Vec<(ChartKind, Files)>,
    pace: Pace,
    /// The state of the charts on disk: look, kinds and day.
    identity: String,
    cursor: Option<Cursor>,
    saved: bool,
    /// Changed names, in the order in which they changed first.
    waiting: VecDeque<Name>,
    known: HashSet<Name>,
    /// Where the scan of all names continues; `None` when it is done.
    sweep: Option<Option<String>>,
    /// Names whose charts could not be written. They wait for the next pass, which does not come sooner for them.
    failed: Vec<Name>,
    /// They have been logged.
    told: bool,
    picture: String,
}

impl Charts {
    /// Creates the directories of these kinds, and removes those that are no longer configured.
    pub(crate) fn open(lock: &Lock, kinds: &[ChartKind], pace: Pace) -> Result<Option<Charts>, DirError> {
        let dir = lock.dir.join(DIR);
        let gone = |path: &Path| match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DirError::new("removing the charts in", path, error))
            }
            _ => Ok(()),
        };
        if kinds.is_empty() {
            return gone(&dir).map(|()| None);
        }
        let aside = dir.join(TMP);
        create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
        create_aside(&aside, &dir).map_err(|error| DirError::new("creating", &aside, error))?;
        let mut open = Vec::new();
        for (kind, word) in ChartKind::EVERY {
            let path = dir.join(word);
            if kinds.contains(&kind) {
                if !path.is_dir() {
                    // These charts are gone, whatever the cursor says.
                    let _ = fs::remove_file(dir.join(cursor::FILE));
                }
                create_dir(&path).map_err(|error| DirError::new("creating", &path, error))?;
                open.push((kind, Files::at(path, aside.join("chart"))));
            } else {
                gone(&path)?;
            }
        }
        Ok(Some(Charts {
            dir,
            kinds: open,
            pace,
            identity: String::new(),
            cursor: None,
            saved: false,
            waiting: VecDeque::new(),
            known: HashSet::new(),
            sweep: None,
            failed: Vec::new(),
            told: false,
            picture: String::new(),
        }))
    }

    /// Every chart is due.
    pub(crate) fn all(&mut self) {
        self.sweep = Some(None);
        self.saved = false;
    }

    /// Whether no chart is due, as far as is known.
    pub(crate) fn is_through(&self) -> bool {
        self.waiting.is_empty() && self.sweep.is_none()
    }

    /// Whether the directories are still there.
    pub(crate) fn is_in_place(&self) -> bool {
        check_aside(&self.dir.join(TMP), &self.dir).is_ok()
            && self.kinds.iter().all(|(kind, _)| self.dir.join(kind.word()).is_dir())
    }

    /// Draws what is due, or some of it.
    pub(crate) async fn pass(
        &mut self,
        store: &dyn Store,
        look: &Look,
        now: Now,
    ) -> Result<Drawn, PublishError> {
        let mut written = 0;
        self.find_due(store, look, now).await?;
        for name in std::mem::take(&mut self.failed) {
            self.wait(name);
        }
        loop {
            let some: Vec<Name> = self.waiting.drain(..self.waiting.len().min(SLICE)).collect();
            for name in &some {
                self.known.remove(name);
            }
            written += self.draw(store, look, now, &some).await?;
            if let Some(start) = self.sweep.take() {
                let page = store.names(Event::HIT, start.as_deref(), SLICE).await?;
                written += self.draw(store, look, now, &page.names).await?;
                self.sweep = page.next.map(Some);
            }
            if self.is_through() || self.pace == Pace::Slices {
                break;
            }
        }
        let drawn = Drawn { written, failed: self.failed.len() as u64 };
        self.told &= drawn.failed > 0;
        self.save()?;
        Ok(drawn)
    }

    /// Follows the change log. Without a position in it, and on a new day, every name is due.
    async fn find_due(&mut self, store: &dyn Store, look: &Look, now: Now) -> Result<(), PublishError> {
        let kinds: Vec<&str> =
            ChartKind::EVERY.into_iter().filter(|(kind, _)| self.has(*kind)).map(|it| it.1).collect();
        let identity = format!("charts-{}-{}-{}", now.day(), kinds.join("+"), cursor::look_identity(look));
        if identity != self.identity {
            self.cursor = cursor::load(&self.dir, &identity)
                .map_err(|error| self.error("reading the cursor", error))?;
            self.saved = self.cursor.is_some();
            self.identity = identity;
            self.forget();
            if self.cursor.is_none() {
                self.sweep = Some(None);
            }
        }
        loop {
            let Some(cursor) = &self.cursor else {
                self.cursor = Some(store.head().await?);
                self.saved = false;
                return Ok(());
            };
            match store.changes(cursor, SLICE * 10).await? {
                Changes::Lost => {
                    self.cursor = None;
                    self.forget();
                    self.sweep = Some(None);
                }
                Changes::Since { names, cursor, more } => {
                    self.saved &= self.cursor.as_ref() == Some(&cursor);
                    self.cursor = Some(cursor);
                    for change in names.into_iter().filter(|change| change.event == Event::HIT) {
                        self.wait(change.name);
                    }
                    if self.waiting.len() > MOST_WAITING {
                        self.forget();
                        self.sweep = Some(None);
                    }
                    if !more {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn has(&self, kind: ChartKind) -> bool {
        self.kinds.iter().any(|(known, _)| *known == kind)
    }

    fn forget(&mut self) {
        self.waiting.clear();
        self.known.clear();
    }

    fn wait(&mut self, name: Name) {
        if self.known.insert(name.clone()) {
            self.waiting.push_back(name);
        }
    }

    async fn draw(
        &mut self,
        store: &dyn Store,
        look: &Look,
        now: Now,
        names: &[Name],
    ) -> Result<u64, PublishError> {
        if names.is_empty() {
            return Ok(0);
        }
        let windows = self.kinds.iter().map(|(kind, _)| kind.window().buckets(now));
        let Some(longest) = windows.max_by_key(|window| window.count()) else { return Ok(0) };
        let totals = store.totals(Event::HIT, names).await?;
        let mut written = 0;
        for (name, &total) in names.iter().zip(&totals) {
            let (first, last) = (longest.first, longest.last);
            let counted = or_nothing(store.series(Event::HIT, name, Step::Day, first, last + 1).await)?;
            let days = longest.fill(counted);
            for (kind, files) in &mut self.kinds {
                self.picture.clear();
                let shown = kind.draw(look, name, total, &days, now, &mut self.picture);
                let old = files.read(name);
                match old.and_then(|old| files.replace(name, &mut self.picture, shown, old)) {
                    Ok(Replaced::Written) => written += 1,
                    Ok(Replaced::Unchanged) => {}
                    // The others are written all the same.
                    Err(error) => {
                        if !self.told {
                            warn!(%name, %error, dir = %self.dir.display(), "a chart could not be written; it is tried again");
                        }
                        self.told = true;
                        if self.failed.last() != Some(name) {
                            self.failed.push(name.clone());
                        }
                    }
                }
            }
        }
        Ok(written)
    }

    /// A cursor covers only charts that are on disk.
    fn save(&mut self) -> Result<(), PublishError> {
        let through = self.is_through() && self.failed.is_empty();
        if let (true, false, Some(cursor)) = (through, self.saved, &self.cursor) {
            cursor::save(&self.dir, &self.identity, cursor)
                .map_err(|error| self.error("writing the cursor", error))?;
            self.saved = true;
        }
        Ok(())
    }

    fn error(&self, attempt: &'static str, error: io::Error) -> PublishError {
        PublishError::File { attempt, dir: self.dir.clone(), error }
    }
}

#[cfg(test)]
mod tests;
