//! Pictures of tracked GitHub accounts as files, if configured: created banners (`[badges] banners`) as
//! `.banners/NAME-TYPE.svg` below the badges, with `default.svg` for addresses that were not created; and the cards
//! that were viewed (`[badges] cards`), in `.cards`, under names that nginx builds from an address.
//!
//! There is no log of changes for these, so a pass checks all tracked accounts, or for a tenth of a second some of them
//! in turn: new ones first, with no pause between passes, then those that were checked longest ago. A correct file is
//! not rewritten. This module never fetches statistics; it shows those in the store.
//!
//! The file of an account that is no longer on the list is removed, but only while the store is the same one, because a
//! store that was emptied has an empty list.

use crate::{
    PublishError,
    corrected::Lower,
    files::{DirError, Files, Lock, PlainFile, Replaced, TMP, check_aside, create_aside, create_dir},
    gallery::{Drawn, Pace},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tallymark_badge::banner::{BannerType, not_created};
use tallymark_core::Now;
use tallymark_github::{
    AccountName, Aged, CardAddress, CardNotes, CardTerms, DayZone, NoCard, NoStats, TrackedAccount,
    TrackedAccounts, kept_statistics,
};
use tallymark_store::Store;
use tracing::warn;
use uuid::Uuid;

/// The picture for an address that was not created.
const DEFAULT: &str = "default";
/// Which store had the accounts whose files these are.
const STORE: &str = ".store";
/// How long a pass may look at accounts while badges wait; the next pass goes on.
const SLICE: Duration = Duration::from_millis(100);
/// The same until each of them was looked at: the list, which every pass reads, may be long.
const FIRST_SLICE: Duration = Duration::from_millis(500);
/// However long it takes, a pass looks at so many.
const LEAST: usize = 50;
/// How long a pass leaves them alone after the one before, when each of them was looked at.
const PAUSE: Duration = Duration::from_secs(2);

/// What is made of accounts, each in a directory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountPictures {
    /// Created banners.
    Banners,
    /// Cards, whose days end in a zone.
    Cards(DayZone),
}

impl AccountPictures {
    /// Below the badges.
    fn dir(self) -> &'static str {
        match self {
            AccountPictures::Banners => ".banners",
            AccountPictures::Cards(_) => ".cards",
        }
    }

    /// The files that an account has, with their pictures as far as what they show is known.
    async fn of(
        self,
        store: &dyn Store,
        account: &TrackedAccount,
        aged: Option<&Aged>,
        now: u64,
    ) -> Vec<(String, Option<String>)> {
        match self {
            AccountPictures::Banners => {
                let kinds = account.banners.iter();
                let kinds = kinds.filter_map(|(word, spelt)| Some((BannerType::from_word(word)?, spelt)));
                kinds
                    .map(|(kind, spelt)| {
                        let file = format!("{spelt}-{}", kind.word());
                        (file, aged.map(|aged| aged.banner(spelt).render(kind)))
                    })
                    .collect()
            }
            AccountPictures::Cards(zone) => {
                let terms = CardTerms { zone, now, has_tokens: true };
                let mut files = Vec::new();
                for file in &account.cards {
                    if let Some(picture) = card(store, file, aged, terms).await {
                        files.push((file.clone(), picture));
                    }
                }
                files
            }
        }
    }

    /// Whose file it is; `None` for what is none of ours.
    fn account_of(self, file: &str) -> Option<AccountName> {
        match self {
            AccountPictures::Banners => {
                let (spelt, kind) = file.rsplit_once('-')?;
                BannerType::from_word(kind)?;
                AccountName::new(spelt).ok()
            }
            AccountPictures::Cards(_) => AccountName::new(&CardAddress::of_file(file)?.name()).ok(),
        }
    }
}

/// The picture of a card, `Some(None)` if it is not known yet. `None`: it cannot be drawn any more, as that of a repository
/// that is gone, and the daemon answers.
async fn card(
    store: &dyn Store,
    file: &str,
    aged: Option<&Aged>,
    terms: CardTerms,
) -> Option<Option<String>> {
    let address = CardAddress::of_file(file)?;
    let Some(aged) = aged else { return Some(None) };
    // A file has no headers in which they could be said.
    let mut notes = CardNotes::default();
    let look = address.look(&mut notes);
    match address.draw(store, aged, &look, terms, &mut notes).await {
        Ok(svg) => Some(Some(svg)),
        Err(NoCard::NotYet(_)) => Some(None),
        Err(NoCard::Wrong(_) | NoCard::Nothing(_)) => None,
    }
}

/// The pictures of one directory.
pub(crate) struct AccountFiles {
    pictures: AccountPictures,
    dir: PathBuf,
    files: Files,
    pace: Pace,
    /// Older statistics are the last that are known.
    hard: Duration,
    /// The files of each account, without their ending.
    there: BTreeMap<AccountName, BTreeSet<String>>,
    /// In which pass each account was looked at.
    looked: BTreeMap<AccountName, u64>,
    /// The store that had the accounts whose files these are; `None` if there were none yet.
    store: Option<Uuid>,
    /// Accounts with files that the store of this pass does not ask for, if it is another one.
    held: BTreeSet<AccountName>,
    /// The store of the last pass.
    seen: Option<Uuid>,
    passes: u64,
    /// Each account was looked at by this process, so what is left is to see what changed since.
    is_through: bool,
    last: Option<Instant>,
    /// A failure has been logged.
    told: bool,
    picture: String,
}

impl AccountFiles {
    /// Creates the directory; without `hard`, removes it.
    pub(crate) fn open(
        lock: &Lock,
        pictures: AccountPictures,
        hard: Option<Duration>,
        pace: Pace,
    ) -> Result<Option<AccountFiles>, DirError> {
        let dir = lock.dir.join(pictures.dir());
        let Some(hard) = hard else {
            return match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(DirError::new("removing the pictures in", &dir, error))
                }
                _ => Ok(None),
            };
        };
        let aside = dir.join(TMP);
        create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
        create_aside(&aside, &dir).map_err(|error| DirError::new("creating", &aside, error))?;
        let there = files_in(&dir, pictures).map_err(|error| DirError::new("looking into", &dir, error))?;
        // What is no identity is of no store that we know.
        let store = fs::read_to_string(dir.join(STORE)).ok().and_then(|text| text.trim().parse().ok());
        Ok(Some(AccountFiles {
            pictures,
            files: Files::at(dir.clone(), aside.join("picture")),
            dir,
            pace,
            hard,
            there,
            looked: BTreeMap::new(),
            store,
            held: BTreeSet::new(),
            seen: None,
            passes: 0,
            is_through: false,
            last: None,
            told: false,
            picture: String::new(),
        }))
    }

    /// Whether the directory is still there.
    pub(crate) fn is_in_place(&self) -> bool {
        check_aside(&self.dir.join(TMP), &self.dir).is_ok()
    }

    /// Whether each account was looked at.
    pub(crate) fn is_through(&self) -> bool {
        self.is_through
    }

    /// Looks at what is due, or at some of it.
    pub(crate) async fn pass(
        &mut self,
        store: &Arc<dyn Store>,
        lower: Option<Lower>,
        now: Now,
    ) -> Result<Drawn, PublishError> {
        let mut drawn = Drawn::default();
        let is_early = self.last.is_some_and(|last| last.elapsed() < PAUSE);
        if self.pace == Pace::Slices && is_early && self.is_through() {
            return Ok(drawn);
        }
        let (began, slice) = (Instant::now(), if self.is_through { SLICE } else { FIRST_SLICE });
        self.passes += 1;
        let tracked = TrackedAccounts::new(store.clone());
        let names = tracked.list().await?;
        // Read afterwards: a store that was emptied in between has another.
        let here = store.head().await?.store;
        if self.store.is_none() || lower == Some(Lower::Always) {
            self.belong_to(here)?;
        }
        let is_same = self.store == Some(here);
        if self.seen.replace(here) != Some(here) {
            self.held.clear();
            self.looked.clear();
        }
        if self.pictures == AccountPictures::Banners {
            self.put(DEFAULT, not_created(), 0, &mut drawn);
        }
        self.forget_others(&names, is_same, &mut drawn);
        for (at, name) in self.due(names.clone()).into_iter().enumerate() {
            if self.pace == Pace::Slices && at >= LEAST && began.elapsed() >= slice {
                break;
            }
            if let Some(account) = tracked.find(&name).await? {
                let wanted = self.draw(&**store, &name, &account, now, &mut drawn).await?;
                self.keep(&name, wanted, is_same, &mut drawn);
            }
            self.looked.insert(name, self.passes);
        }
        self.is_through = names.iter().all(|name| self.looked.contains_key(name));
        if !is_same && self.held.is_empty() && self.is_through {
            // It has all that the other had.
            self.belong_to(here)?;
        }
        self.last = Some(Instant::now());
        self.told &= drawn.failed > 0;
        Ok(drawn)
    }

    /// Those that were never looked at, then those longest ago.
    fn due(&self, mut names: Vec<AccountName>) -> Vec<AccountName> {
        if self.pace == Pace::Slices {
            names.sort_by_key(|name| self.looked.get(name).copied().unwrap_or(0));
        }
        names
    }

    /// The files are those of this store from now on.
    fn belong_to(&mut self, store: Uuid) -> Result<(), PublishError> {
        let failed = |error| PublishError::File {
            attempt: "writing which store the pictures are of",
            dir: self.dir.clone(),
            error,
        };
        if self.store != Some(store) {
            let aside = self.dir.join(TMP).join(STORE);
            fs::write(&aside, format!("{store}\n")).map_err(failed)?;
            fs::rename(&aside, self.dir.join(STORE)).map_err(failed)?;
        }
        self.store = Some(store);
        self.held.clear();
        Ok(())
    }

    /// Draws the pictures of an account. Returns which it has.
    async fn draw(
        &mut self,
        store: &dyn Store,
        name: &AccountName,
        account: &TrackedAccount,
        now: Now,
        drawn: &mut Drawn,
    ) -> Result<BTreeSet<String>, PublishError> {
        let seconds = u64::try_from(now.unix_ms / 1000).unwrap_or(0);
        let mut wanted = BTreeSet::new();
        let has_pictures = match self.pictures {
            AccountPictures::Banners => !account.banners.is_empty(),
            AccountPictures::Cards(_) => !account.cards.is_empty(),
        };
        if !has_pictures {
            return Ok(wanted);
        }
        let aged = match kept_statistics(store, name, self.hard, seconds).await? {
            // It is gone, and so are its pictures.
            Err(NoStats::Nobody) => return Ok(wanted),
            aged => aged.ok(),
        };
        let stars = aged.as_ref().map_or(0, |aged| i64::try_from(aged.stats.stars).unwrap_or(i64::MAX));
        for (file, svg) in self.pictures.of(store, account, aged.as_ref(), seconds).await {
            // Without statistics, the existing file stays.
            if let Some(svg) = svg {
                self.put(&file, svg, stars, drawn);
            }
            wanted.insert(file);
        }
        Ok(wanted)
    }

    /// Removes the other files of an account.
    fn keep(&mut self, name: &AccountName, wanted: BTreeSet<String>, is_same: bool, drawn: &mut Drawn) {
        let there = self.there.remove(name).unwrap_or_default();
        if !is_same && !there.is_subset(&wanted) {
            if self.held.insert(name.clone()) {
                drawn.held +=
                    there.difference(&wanted).filter(|file| self.path(file).exists()).count() as u64;
            }
            self.there.insert(name.clone(), there.union(&wanted).cloned().collect());
            return;
        }
        self.held.remove(name);
        for gone in there.difference(&wanted) {
            self.remove(gone, drawn);
        }
        self.there.insert(name.clone(), wanted);
    }

    /// Removes the files of accounts that are not tracked.
    fn forget_others(&mut self, names: &[AccountName], is_same: bool, drawn: &mut Drawn) {
        let is_tracked = |name: &AccountName| names.binary_search(name).is_ok();
        self.looked.retain(|name, _| is_tracked(name));
        if !is_same {
            let others = self.there.iter().filter(|(name, files)| !is_tracked(name) && !files.is_empty());
            for (name, files) in others {
                if self.held.insert(name.clone()) {
                    drawn.held += files.iter().filter(|file| self.path(file).exists()).count() as u64;
                }
            }
            return;
        }
        let (there, others) =
            std::mem::take(&mut self.there).into_iter().partition(|(name, _)| is_tracked(name));
        self.there = there;
        let others: BTreeMap<AccountName, BTreeSet<String>> = others;
        for file in others.into_values().flatten() {
            self.remove(&file, drawn);
        }
    }

    fn put(&mut self, file: &str, picture: String, shown: i64, drawn: &mut Drawn) {
        let file = PlainFile(file);
        self.picture = picture;
        let old = self.files.read(&file);
        match old.and_then(|old| self.files.replace(&file, &mut self.picture, shown, old)) {
            Ok(Replaced::Written) => drawn.written += 1,
            Ok(Replaced::Unchanged) => {}
            Err(error) => self.fail(file.0, &error, drawn),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.join(format!("{file}.svg"))
    }

    fn remove(&mut self, file: &str, drawn: &mut Drawn) {
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.fail(file, &error, drawn),
            _ => {}
        }
    }

    fn fail(&mut self, picture: &str, error: &io::Error, drawn: &mut Drawn) {
        if !self.told {
            warn!(picture, %error, dir = %self.dir.display(), "a picture of an account could not be written; it is tried again");
        }
        self.told = true;
        drawn.failed += 1;
    }
}

/// The pictures on disk, by account. What is none is left alone.
fn files_in(
    dir: &std::path::Path,
    pictures: AccountPictures,
) -> io::Result<BTreeMap<AccountName, BTreeSet<String>>> {
    let mut there: BTreeMap<AccountName, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(file) = name.to_str().and_then(|name| name.strip_suffix(".svg")) else { continue };
        if let Some(account) = pictures.account_of(file) {
            there.entry(account).or_default().insert(file.to_owned());
        }
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_store::{Retention, StoreUrl};

    async fn store(dir: &std::path::Path, name: &str) -> Arc<dyn Store> {
        tallymark_store::open(&StoreUrl::Sqlite(dir.join(name)), Retention::default()).await.unwrap()
    }

    /// Its list is empty, and says nothing of who was taken off it.
    #[tokio::test]
    async fn files_of_accounts_stay_while_the_store_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, emptied) = (store(dir.path(), "ours.db").await, store(dir.path(), "emptied.db").await);
        let lock = Lock::take(&dir.path().join("badges")).unwrap().unwrap();
        let there = |name: &str| lock.dir.join(format!(".banners/{name}.svg"));
        let tracked = async |store: &Arc<dyn Store>, name: &str, kinds: &[&str]| {
            let (tracked, login) = (TrackedAccounts::new(store.clone()), AccountName::new(name).unwrap());
            tracked.remove(&login).await.unwrap();
            tracked.add(&login).await.unwrap();
            for kind in kinds {
                tracked.add_banner(&login, kind, name).await.unwrap();
            }
        };
        for name in ["octo", "hubot"] {
            tracked(&ours, name, &["dark", "default"]).await;
        }
        fs::create_dir(lock.dir.join(".banners")).unwrap();
        for file in ["octo-dark", "octo-default", "hubot-dark"] {
            fs::write(there(file), "<svg/>").unwrap();
        }
        let open = || {
            let hard = Some(Duration::from_secs(60));
            AccountFiles::open(&lock, AccountPictures::Banners, hard, Pace::Whole).unwrap().unwrap()
        };
        let now = Now { unix_ms: 1_800_000_000_000 };
        let pass = async |files: &mut AccountFiles, store: &Arc<dyn Store>, lower| {
            let drawn = files.pass(store, lower, now).await.unwrap();
            let left = ["octo-dark", "octo-default", "hubot-dark"].map(|file| there(file).exists());
            (drawn.held, left)
        };
        let mut files = open();
        assert_eq!(pass(&mut files, &ours, None).await, (0, [true; 3]));
        // While it runs, and after a start; also if a banner of an account is created again.
        assert_eq!(pass(&mut files, &emptied, None).await, (3, [true; 3]));
        let mut files = open();
        assert_eq!(pass(&mut files, &emptied, None).await, (3, [true; 3]));
        tracked(&emptied, "octo", &["dark"]).await;
        assert_eq!(pass(&mut files, &emptied, None).await, (0, [true; 3]));
        // With the first one back, what is taken off its list goes.
        tracked(&ours, "hubot", &[]).await;
        assert_eq!(pass(&mut files, &ours, None).await, (0, [true, true, false]));
        // A store that has all of them takes their place.
        tracked(&emptied, "octo", &["dark", "default"]).await;
        assert_eq!(pass(&mut files, &emptied, None).await, (0, [true, true, false]));
        tracked(&emptied, "octo", &["dark"]).await;
        assert_eq!(pass(&mut files, &emptied, None).await, (0, [true, false, false]));
        // An operator says that it is the right one.
        let other = store(dir.path(), "other.db").await;
        assert_eq!(pass(&mut files, &other, Some(Lower::Never)).await, (1, [true, false, false]));
        assert_eq!(pass(&mut files, &other, Some(Lower::Always)).await, (0, [false; 3]));
    }
}
