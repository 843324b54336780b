//! One pass over what changed, or over everything.

use crate::{
    accounts::{AccountFiles, AccountPictures},
    away,
    charts::{ChartKind, Charts},
    corrected::{self, Lower},
    cursor,
    files::{DirError, Files, Lock, Published, Replaced},
    gallery::{Drawn, Pace},
    meters::PublishMeters,
    panels::Panels,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tallymark_badge::{Look, panel::Variant};
use tallymark_core::{Event, Name, Now};
use tallymark_github::{Avatars, DayZone};
use tallymark_store::{Changes, Cursor, Step, Store, StoreError, or_nothing, owner};
use tracing::{debug, warn};

/// How many names are read from the store at a time.
const PAGE: usize = 1000;
/// After this many consecutive files that could not be written, a probe tells whether the disk is at fault.
const GIVE_UP: u32 = 50;
/// The maximum number of failed files that are remembered.
const OWED: usize = 10_000;
/// How many of them are logged one by one.
const TOLD: usize = 10;

/// Which badges a pass checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// What changed since the cursor; everything, if there is no valid cursor.
    Changed,
    /// Nothing has changed since the last pass went through: only files that could not be written, and pictures that
    /// change by themselves.
    Unchanged,
    /// Everything.
    All {
        /// Also write totals that are lower than those on disk.
        allow_lower: bool,
    },
}

impl Pass {
    /// Of a look at everything: what may go down.
    fn of_all(self) -> Option<Lower> {
        match self {
            Pass::Changed | Pass::Unchanged => None,
            Pass::All { allow_lower: true } => Some(Lower::Always),
            Pass::All { allow_lower: false } => Some(Lower::Never),
        }
    }
}

/// The report of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Names checked.
    pub names: u64,
    /// Files written, or removed with their name.
    pub written: u64,
    /// Files that were already right.
    pub unchanged: u64,
    /// Files left alone because the store has less than they show.
    pub held: u64,
    /// Files that could not be written; the next pass tries again.
    pub failed: u64,
    /// Badges in the built-in look, because the template failed on their names.
    pub plain: u64,
    /// Whether all names were checked.
    pub full: bool,
}

/// Why a pass did not complete. What it did before stays done, and the next pass continues.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store did not answer.
    #[error("reading counts to publish: {0}")]
    Store(#[from] StoreError),
    /// The directory cannot be used.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// A file of ours cannot be read or written.
    #[error("{attempt} in {dir}: {error}{}", owner::hint(.error, .dir))]
    File {
        /// What was tried.
        attempt: &'static str,
        /// The path.
        dir: std::path::PathBuf,
        /// The error.
        error: io::Error,
    },
}

/// Draws changed names into one directory.
pub struct Publisher {
    store: Arc<dyn Store>,
    lock: Lock,
    files: Files,
    meters: PublishMeters,
    /// How far this process has followed the log, and in which look.
    cursor: Option<Cursor>,
    cursor_look: String,
    /// The cursor on disk equals the one above.
    saved: bool,
    /// Names before the cursor whose files could not be written, and whether their totals may go down. Every pass tries
    /// them again. The cursor on disk waits for them; the one in memory does not, or one such file would make every
    /// pass read the whole log again.
    owed: BTreeMap<Name, bool>,
    /// Those that have been logged. Once all files have been written, they are logged again.
    told: BTreeSet<Name>,
    charts: Option<Charts>,
    panels: Option<Panels>,
    banners: Option<AccountFiles>,
    cards: Option<AccountFiles>,
}

impl Publisher {
    /// Takes the directory. `None` if another publisher has it.
    ///
    /// # Errors
    ///
    /// The directory cannot be created or written, or does not contain badges.
    pub fn open(
        dir: &Path,
        store: Arc<dyn Store>,
        meters: PublishMeters,
    ) -> Result<Option<Publisher>, DirError> {
        let Some(lock) = Lock::take(dir)? else { return Ok(None) };
        let files = Files::new(&lock);
        let (cursor, cursor_look, saved) = (None, String::new(), false);
        let (owed, told, charts, panels) = (BTreeMap::new(), BTreeSet::new(), None, None);
        Ok(Some(Publisher {
            store,
            lock,
            files,
            meters,
            cursor,
            cursor_look,
            saved,
            owed,
            told,
            charts,
            panels,
            banners: None,
            cards: None,
        }))
    }

    /// Publishes charts of these kinds too, and removes those of all others.
    ///
    /// # Errors
    ///
    /// The directories of the charts cannot be created or written.
    pub fn with_charts(mut self, kinds: &[ChartKind], pace: Pace) -> Result<Publisher, DirError> {
        self.charts = Charts::open(&self.lock, kinds, pace)?;
        Ok(self)
    }

    /// Publishes panels in these variants too, and removes those of all others; also those that nginx shows while the
    /// daemon is away.
    ///
    /// # Errors
    ///
    /// The directories of the panels cannot be created or written.
    pub fn with_panels(mut self, variants: &[Variant], pace: Pace) -> Result<Publisher, DirError> {
        away::write(&self.lock)?;
        self.panels = Panels::open(&self.lock, variants, pace)?;
        Ok(self)
    }

    /// Shows these faces on the panels, and initials where none is known.
    #[must_use]
    pub fn showing(mut self, faces: Option<Arc<Avatars>>) -> Publisher {
        if let (Some(panels), Some(faces)) = (&mut self.panels, faces) {
            panels.show(faces);
        }
        self
    }

    /// Publishes created banners too, whose statistics are the last known ones after this time. Without it, removes them.
    ///
    /// # Errors
    ///
    /// The directory of the banners cannot be created or written.
    pub fn with_banners(mut self, hard: Option<Duration>, pace: Pace) -> Result<Publisher, DirError> {
        self.banners = AccountFiles::open(&self.lock, AccountPictures::Banners, hard, pace)?;
        Ok(self)
    }

    /// The same for cards that were viewed, with the zone in which their days end.
    ///
    /// # Errors
    ///
    /// The directory of the cards cannot be created or written.
    pub fn with_cards(
        mut self,
        cards: Option<(Duration, DayZone)>,
        pace: Pace,
    ) -> Result<Publisher, DirError> {
        let (hard, zone) = cards.unzip();
        let pictures = AccountPictures::Cards(zone.unwrap_or_default());
        self.cards = AccountFiles::open(&self.lock, pictures, hard, pace)?;
        Ok(self)
    }

    /// Whether the directory is still as it was opened. If not, open another publisher: it creates what is missing, and
    /// publishes lost files again.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.lock.is_in_place()
            && self.charts.as_ref().is_none_or(|charts| charts.gallery().is_in_place())
            && self.panels.as_ref().is_none_or(|panels| panels.gallery().is_in_place())
            && [&self.banners, &self.cards].into_iter().flatten().all(AccountFiles::is_in_place)
    }

    /// Whether the last pass has left no charts and no panels for the next one.
    #[must_use]
    pub fn is_through(&self) -> bool {
        self.charts.as_ref().is_none_or(|charts| charts.gallery().is_through())
            && self.panels.as_ref().is_none_or(|panels| panels.gallery().is_through())
            && [&self.banners, &self.cards].into_iter().flatten().all(AccountFiles::is_through)
    }

    /// Makes one pass with this look. `progress` gets the number of names checked so far.
    ///
    /// # Errors
    ///
    /// The store did not answer, or the cursor could not be written. Files that failed are in the report instead.
    pub async fn pass(
        &mut self,
        look: &Look,
        pass: Pass,
        now: Now,
        progress: impl Fn(&PassReport) + Sync,
    ) -> Result<PassReport, PublishError> {
        let (started, began) = (Instant::now(), SystemTime::now());
        let mut round =
            PublishRound { look, now, report: PassReport::default(), failures: 0, progress: &progress };
        let identity = cursor::look_identity(look);
        let from = match pass {
            Pass::Changed | Pass::Unchanged => self.load_cursor(&identity)?,
            Pass::All { .. } => None,
        };
        // A publisher that has just been opened has not followed the log yet.
        let has_followed = self.cursor.is_some() && self.cursor_look == identity;
        let followed = match from {
            Some(cursor) => {
                self.pay(&mut round).await?;
                match pass == Pass::Unchanged && has_followed {
                    true => Some(cursor),
                    false => self.follow(cursor, &mut round).await?,
                }
            }
            None => None,
        };
        let cursor = match followed {
            Some(cursor) => cursor,
            None => self.all(&mut round, pass).await?,
        };
        self.advance(&identity, cursor)?;
        self.meters.changed.set(round.report.names as i64);
        self.meters.pass.set(started.elapsed().as_secs_f64());
        if round.report.failed == 0 {
            self.told.clear();
            self.meters.freshness.passed(&self.lock.dir, began);
        }
        if let Some(charts) = &mut self.charts {
            if let Some(lower) = pass.of_all() {
                charts.all(lower);
            }
            let drawn = charts.pass(&*self.store, look, now).await?;
            self.meters.charts.inc_by(drawn.written);
            self.count_rest(drawn, &mut round.report);
        }
        if let Some(panels) = &mut self.panels {
            if let Some(lower) = pass.of_all() {
                panels.all(lower);
            }
            let drawn = panels.pass(&*self.store, now).await?;
            self.meters.panels.inc_by(drawn.written);
            self.count_rest(drawn, &mut round.report);
        }
        if let Some(banners) = &mut self.banners {
            let drawn = banners.pass(&self.store, pass.of_all(), now).await?;
            self.meters.banners.inc_by(drawn.written);
            self.count_rest(drawn, &mut round.report);
        }
        if let Some(cards) = &mut self.cards {
            let drawn = cards.pass(&self.store, pass.of_all(), now).await?;
            self.meters.cards.inc_by(drawn.written);
            self.count_rest(drawn, &mut round.report);
        }
        Ok(round.report)
    }

    fn count_rest(&self, drawn: Drawn, report: &mut PassReport) {
        self.meters.failed.inc_by(drawn.failed);
        self.meters.held.inc_by(drawn.held);
        report.failed += drawn.failed;
        report.held += drawn.held;
    }

    fn load_cursor(&mut self, identity: &str) -> Result<Option<Cursor>, PublishError> {
        if self.cursor_look == identity && self.cursor.is_some() {
            return Ok(self.cursor.clone());
        }
        cursor::load(&self.lock.dir, identity).map_err(|error| self.file_error("reading the cursor", error))
    }

    /// A cursor on disk covers only badges that are on disk.
    fn advance(&mut self, identity: &str, cursor: Cursor) -> Result<(), PublishError> {
        if self.owed.len() > OWED {
            (self.cursor, self.owed) = (None, BTreeMap::new());
            return Ok(());
        }
        if self.cursor.as_ref() != Some(&cursor) || self.cursor_look != identity {
            self.saved = false;
        }
        if !self.saved && self.owed.is_empty() {
            cursor::save(&self.lock.dir, identity, &cursor)
                .map_err(|error| self.file_error("writing the cursor", error))?;
            self.saved = true;
        }
        self.cursor_look = identity.to_owned();
        self.cursor = Some(cursor);
        Ok(())
    }

    /// Tries those files again that could not be written before.
    async fn pay(&mut self, round: &mut PublishRound<'_>) -> Result<(), PublishError> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        let (names, lower): (Vec<Name>, Vec<bool>) =
            owed.iter().map(|(name, &lower)| (name.clone(), lower)).unzip();
        let paid =
            self.publish(&names, |at| if lower[at] { Lower::Always } else { Lower::Never }, round).await;
        if paid.is_err() {
            self.owed = owed;
        }
        paid
    }

    fn file_error(&self, attempt: &'static str, error: io::Error) -> PublishError {
        PublishError::File { attempt, dir: self.lock.dir.clone(), error }
    }

    /// Follows the change log. `None` if it does not reach back to the cursor.
    async fn follow(
        &mut self,
        mut cursor: Cursor,
        round: &mut PublishRound<'_>,
    ) -> Result<Option<Cursor>, PublishError> {
        loop {
            let Changes::Since { names, cursor: next, more } = self.store.changes(&cursor, PAGE).await?
            else {
                return Ok(None);
            };
            // Repetitions are merged; a name that was corrected anywhere may go down.
            let mut changed: BTreeMap<Name, bool> = BTreeMap::new();
            for change in names.into_iter().filter(|change| change.event == Event::HIT) {
                *changed.entry(change.name).or_default() |= change.corrected;
            }
            let (names, lower): (Vec<Name>, Vec<bool>) = changed.into_iter().unzip();
            for (names, lower) in names.chunks(PAGE).zip(lower.chunks(PAGE)) {
                self.publish(names, |at| if lower[at] { Lower::Always } else { Lower::Never }, round).await?;
            }
            cursor = next;
            if !more {
                return Ok(Some(cursor));
            }
        }
    }

    /// Checks every name. The cursor is read first, so that what changes in the meantime is checked again.
    async fn all(&mut self, round: &mut PublishRound<'_>, pass: Pass) -> Result<Cursor, PublishError> {
        let cursor = self.store.head().await?;
        // If this stops half way, the next pass continues from the cursor on disk, which is before everything
        // unwritten.
        (self.cursor, self.owed) = (None, BTreeMap::new());
        self.meters.full_passes.inc();
        round.report.full = true;
        // Those that were deleted are in no list of names.
        let corrected = corrected::names(&*self.store, &[Event::HIT]).await?;
        let lower = pass.of_all().unwrap_or(Lower::Never).max(corrected.of_others());
        let (names, times): (Vec<Name>, Vec<i64>) = corrected.names.into_iter().unzip();
        for (names, times) in names.chunks(PAGE).zip(times.chunks(PAGE)) {
            let since = |at: usize| if lower == Lower::Always { lower } else { Lower::OlderThan(times[at]) };
            self.publish(names, since, round).await?;
        }
        let mut start = None;
        loop {
            let page = self.store.names(Event::HIT, start.as_deref(), PAGE).await?;
            self.publish(&page.names, |_| lower, round).await?;
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        // Others may be of another store.
        if let Some(time) = corrected.any_before {
            self.remove_unknown(Lower::OlderThan(time), round).await?;
        }
        Ok(cursor)
    }

    /// Removes the badges of names that the store does not have.
    async fn remove_unknown(
        &mut self,
        lower: Lower,
        round: &mut PublishRound<'_>,
    ) -> Result<(), PublishError> {
        let names = self.files.names().map_err(|error| self.file_error("listing badges", error))?;
        for names in names.chunks(PAGE) {
            let has = self.store.has(Event::HIT, names).await?;
            let unknown = names.iter().zip(has).filter(|(_, has)| !has).map(|(name, _)| name.clone());
            let unknown: Vec<Name> = unknown.collect();
            self.publish(&unknown, |_| lower, round).await?;
        }
        Ok(())
    }

    async fn publish(
        &mut self,
        names: &[Name],
        may_go_down: impl Fn(usize) -> Lower,
        round: &mut PublishRound<'_>,
    ) -> Result<(), PublishError> {
        let totals = self.store.totals(Event::HIT, names).await?;
        let today = self.today(names, round).await?;
        let mut picture = String::new();
        for (at, (name, &total)) in names.iter().zip(&totals).enumerate() {
            round.report.names += 1;
            let lower = may_go_down(at);
            if total == 0 && lower != Lower::Never && corrected::is_gone(&*self.store, name).await? {
                if let Err(error) = self.remove_one(name, lower, &mut round.report) {
                    *self.owed.entry(name.clone()).or_default() |= true;
                    self.failed(name, error, round)?;
                }
                continue;
            }
            picture.clear();
            let today = today.get(at).copied().unwrap_or(0);
            self.draw(name, total, today, &mut picture, round);
            match self.publish_one(name, &mut picture, total, lower, &mut round.report) {
                Ok(()) => round.failures = 0,
                Err(error) => {
                    *self.owed.entry(name.clone()).or_default() |= lower != Lower::Never;
                    self.failed(name, error, round)?;
                }
            }
        }
        (round.progress)(&round.report);
        Ok(())
    }

    /// A template was tested when it was loaded, but it may still fail on an invented name. Then this badge gets the
    /// built-in look, as over HTTP; no name stops those after it.
    fn draw(&self, name: &Name, total: i64, today: i64, picture: &mut String, round: &mut PublishRound<'_>) {
        let Err(error) = round.look.draw(name.as_str(), total, today, picture) else { return };
        self.meters.plain.inc();
        round.report.plain += 1;
        if round.report.plain == 1 {
            warn!(%name, %error, "the badge template failed on this name; it gets the built-in badge");
        }
        picture.clear();
        round.look.draw_built_in(total, picture);
    }

    /// Only a template can show today's count.
    async fn today(&self, names: &[Name], round: &PublishRound<'_>) -> Result<Vec<i64>, PublishError> {
        let mut today = Vec::new();
        if round.look.template.is_some() {
            let day = round.now.day().0;
            for name in names {
                let series = or_nothing(self.store.series(Event::HIT, name, Step::Day, day, day + 1).await)?;
                today.push(series.first().map_or(0, |&(_, count)| count));
            }
        }
        Ok(today)
    }

    fn publish_one(
        &mut self,
        name: &Name,
        picture: &mut String,
        total: i64,
        lower: Lower,
        report: &mut PassReport,
    ) -> io::Result<()> {
        let old: Option<Published> = self.files.read(name)?;
        if lower.holds(old.as_ref(), total) {
            let on_disk = old.and_then(|old| old.total);
            debug!(%name, total, on_disk, "kept: the store has less than the badge shows");
            self.meters.held.inc();
            report.held += 1;
            return Ok(());
        }
        match self.files.replace(name, picture, total, old)? {
            Replaced::Written => {
                self.meters.written.inc();
                report.written += 1;
            }
            Replaced::Unchanged => report.unchanged += 1,
        }
        Ok(())
    }

    /// The badge of a name that was deleted goes, and nginx serves what it serves for a new name.
    fn remove_one(&mut self, name: &Name, lower: Lower, report: &mut PassReport) -> io::Result<()> {
        let old = self.files.read(name)?;
        if lower.lets_go(old.as_ref()) && self.files.remove(name)? {
            self.meters.written.inc();
            report.written += 1;
        } else {
            report.unchanged += 1;
        }
        Ok(())
    }

    /// One unwritable file does not stop the others; an unwritable disk does.
    fn failed(
        &mut self,
        name: &Name,
        error: io::Error,
        round: &mut PublishRound<'_>,
    ) -> Result<(), PublishError> {
        self.meters.failed.inc();
        round.report.failed += 1;
        round.failures += 1;
        if self.told.len() < TOLD && self.told.insert(name.clone()) {
            let dir = self.lock.dir.display();
            warn!(%name, %error, %dir, "a badge could not be written; the old file stays, and it is tried again");
            if self.told.len() == TOLD {
                warn!(%dir, "more badges that cannot be written are counted in tallymark_badges_failed_total, and not named here");
            }
        }
        if round.failures >= GIVE_UP {
            self.files.probe().map_err(|error| self.file_error("writing badges", error))?;
            round.failures = 0;
        }
        Ok(())
    }
}

/// The state of one pass.
struct PublishRound<'a> {
    look: &'a Look,
    now: Now,
    report: PassReport,
    /// Files that failed in a row.
    failures: u32,
    progress: &'a (dyn Fn(&PassReport) + Sync),
}

#[cfg(test)]
impl Publisher {
    pub(crate) fn panels(&mut self) -> Option<&mut Panels> {
        self.panels.as_mut()
    }

    pub(crate) fn panels_written(&self) -> u64 {
        self.meters.panels.get()
    }
}
