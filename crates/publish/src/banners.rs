//! Created banners as files, if configured (`[badges] banners`): `.banners/NAME-TYPE.svg` below the badges, and
//! `default.svg` for the addresses that nobody created.
//!
//! No log tells of changes here, so a pass looks at all tracked accounts, or at some of them in turn: new ones first, then
//! those that were looked at longest ago. A file that is right is not written. It asks nobody for statistics; what is in
//! the store is shown.

use crate::{
    PublishError,
    files::{DirError, Files, Lock, Replaced, TMP, check_aside, create_aside, create_dir},
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
use tallymark_core::{Name, Now};
use tallymark_github::{AccountName, TrackedAccount, TrackedAccounts, kept_statistics};
use tallymark_store::Store;
use tracing::warn;

/// Below the badges.
const DIR: &str = ".banners";
/// The picture of an address that nobody created.
const DEFAULT: &str = "default";
/// How many accounts a pass looks at while badges wait.
const SLICE: usize = 50;
/// How long a pass leaves them alone after the one before.
const PAUSE: Duration = Duration::from_secs(2);

/// The banners of one directory.
pub(crate) struct BannerFiles {
    dir: PathBuf,
    files: Files,
    pace: Pace,
    /// Older statistics are the last that are known.
    hard: Duration,
    /// The files of each account, without their ending.
    there: BTreeMap<AccountName, BTreeSet<String>>,
    /// In which pass each account was looked at.
    looked: BTreeMap<AccountName, u64>,
    passes: u64,
    last: Option<Instant>,
    /// A failure has been logged.
    told: bool,
    picture: String,
}

impl BannerFiles {
    /// Creates the directory; without `hard`, removes it.
    pub(crate) fn open(
        lock: &Lock,
        hard: Option<Duration>,
        pace: Pace,
    ) -> Result<Option<BannerFiles>, DirError> {
        let dir = lock.dir.join(DIR);
        let Some(hard) = hard else {
            return match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(DirError::new("removing the banners in", &dir, error))
                }
                _ => Ok(None),
            };
        };
        let aside = dir.join(TMP);
        create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
        create_aside(&aside, &dir).map_err(|error| DirError::new("creating", &aside, error))?;
        let there = files_in(&dir).map_err(|error| DirError::new("looking into", &dir, error))?;
        Ok(Some(BannerFiles {
            files: Files::at(dir.clone(), aside.join("picture")),
            dir,
            pace,
            hard,
            there,
            looked: BTreeMap::new(),
            passes: 0,
            last: None,
            told: false,
            picture: String::new(),
        }))
    }

    /// Whether the directory is still there.
    pub(crate) fn is_in_place(&self) -> bool {
        check_aside(&self.dir.join(TMP), &self.dir).is_ok()
    }

    /// Looks at what is due, or at some of it.
    pub(crate) async fn pass(&mut self, store: &Arc<dyn Store>, now: Now) -> Result<Drawn, PublishError> {
        let mut drawn = Drawn::default();
        if self.pace == Pace::Slices && self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return Ok(drawn);
        }
        self.passes += 1;
        let tracked = TrackedAccounts::new(store.clone());
        let names = tracked.list().await?;
        self.put(DEFAULT, not_created(), 0, &mut drawn);
        self.forget_others(&names, &mut drawn);
        for name in self.due(names) {
            if let Some(account) = tracked.find(&name).await? {
                self.look(&**store, &name, &account, now, &mut drawn).await?;
            }
            self.looked.insert(name, self.passes);
        }
        self.last = Some(Instant::now());
        self.told &= drawn.failed > 0;
        Ok(drawn)
    }

    /// Those that were never looked at, then those longest ago.
    fn due(&self, mut names: Vec<AccountName>) -> Vec<AccountName> {
        if self.pace == Pace::Slices {
            names.sort_by_key(|name| self.looked.get(name).copied().unwrap_or(0));
            names.truncate(SLICE);
        }
        names
    }

    async fn look(
        &mut self,
        store: &dyn Store,
        name: &AccountName,
        account: &TrackedAccount,
        now: Now,
        drawn: &mut Drawn,
    ) -> Result<(), PublishError> {
        let seconds = u64::try_from(now.unix_ms / 1000).unwrap_or(0);
        let mut wanted = BTreeSet::new();
        let banners = account.banners.iter().filter(|_| !account.gone);
        for (kind, spelt) in banners.filter_map(|(word, spelt)| Some((BannerType::from_word(word)?, spelt))) {
            let file = format!("{spelt}-{}", kind.word());
            // Without statistics, what is there stays.
            if let Some(aged) = kept_statistics(store, name, self.hard, seconds).await? {
                let stars = i64::try_from(aged.stats.stars).unwrap_or(i64::MAX);
                self.put(&file, aged.banner(spelt).render(kind), stars, drawn);
            }
            wanted.insert(file);
        }
        let there = self.there.insert(name.clone(), wanted.clone()).unwrap_or_default();
        for gone in there.difference(&wanted) {
            self.remove(gone, drawn);
        }
        Ok(())
    }

    /// Removes the files of accounts that are not tracked.
    fn forget_others(&mut self, names: &[AccountName], drawn: &mut Drawn) {
        let is_tracked = |name: &AccountName| names.binary_search(name).is_ok();
        self.looked.retain(|name, _| is_tracked(name));
        let (there, others) =
            std::mem::take(&mut self.there).into_iter().partition(|(name, _)| is_tracked(name));
        self.there = there;
        let others: BTreeMap<AccountName, BTreeSet<String>> = others;
        for file in others.into_values().flatten() {
            self.remove(&file, drawn);
        }
    }

    fn put(&mut self, file: &str, picture: String, shown: i64, drawn: &mut Drawn) {
        // Only letters, digits, - and _.
        let Ok(name) = Name::new(file) else { return };
        self.picture = picture;
        let old = self.files.read(&name);
        match old.and_then(|old| self.files.replace(&name, &mut self.picture, shown, old)) {
            Ok(Replaced::Written) => drawn.written += 1,
            Ok(Replaced::Unchanged) => {}
            Err(error) => self.fail(file, &error, drawn),
        }
    }

    fn remove(&mut self, file: &str, drawn: &mut Drawn) {
        match fs::remove_file(self.dir.join(format!("{file}.svg"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.fail(file, &error, drawn),
            _ => {}
        }
    }

    fn fail(&mut self, banner: &str, error: &io::Error, drawn: &mut Drawn) {
        if !self.told {
            warn!(banner, %error, dir = %self.dir.display(), "a banner could not be written; it is tried again");
        }
        self.told = true;
        drawn.failed += 1;
    }
}

/// The banners on disk, by account. What is none is left alone.
fn files_in(dir: &std::path::Path) -> io::Result<BTreeMap<AccountName, BTreeSet<String>>> {
    let mut there: BTreeMap<AccountName, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(file) = name.to_str().and_then(|name| name.strip_suffix(".svg")) else { continue };
        let Some((spelt, kind)) = file.rsplit_once('-') else { continue };
        if let (Ok(account), Some(_)) = (AccountName::new(spelt), BannerType::from_word(kind)) {
            there.entry(account).or_default().insert(file.to_owned());
        }
    }
    Ok(there)
}
