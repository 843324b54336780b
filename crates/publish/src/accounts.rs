//! Pictures of tracked GitHub accounts as files, if configured: created banners (`[badges] banners`) as
//! `.banners/NAME-TYPE.svg` below the badges, with `default.svg` for the addresses that nobody created; and the cards that
//! somebody has looked at (`[badges] cards`), in `.cards`, by names that nginx puts together from an address.
//!
//! No log tells of changes here, so a pass looks at all tracked accounts, or at some of them in turn: new ones first, then
//! those that were looked at longest ago. A file that is right is not written. It asks nobody for statistics; what is in
//! the store is shown.

use crate::{
    PublishError,
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
    AccountName, Aged, CardAddress, CardTerms, DayZone, TrackedAccount, TrackedAccounts, kept_statistics,
};
use tallymark_store::Store;
use tracing::warn;

/// The picture of an address that nobody created.
const DEFAULT: &str = "default";
/// How many accounts a pass looks at while badges wait.
const SLICE: usize = 50;
/// How long a pass leaves them alone after the one before.
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

    /// The files that an account has, with their pictures if its statistics are known.
    fn of(self, account: &TrackedAccount, aged: Option<&Aged>, now: u64) -> Vec<(String, Option<String>)> {
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
                // What cannot be drawn any more, as of a repository that is gone, is answered by the daemon.
                let drawn = |file: &String| {
                    let address = CardAddress::of_file(file)?;
                    let Some(aged) = aged else { return Some((file.clone(), None)) };
                    let terms = CardTerms { zone, now, has_tokens: true };
                    let svg = address.draw(aged, &address.look().ok()?, terms).ok()?;
                    Some((file.clone(), Some(svg)))
                };
                account.cards.iter().filter_map(drawn).collect()
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
    passes: u64,
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
        Ok(Some(AccountFiles {
            pictures,
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
        if self.pictures == AccountPictures::Banners {
            self.put(DEFAULT, not_created(), 0, &mut drawn);
        }
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
        let has_pictures = !account.banners.is_empty() || !account.cards.is_empty();
        if has_pictures && !account.gone {
            let aged = kept_statistics(store, name, self.hard, seconds).await?;
            let stars = aged.as_ref().map_or(0, |aged| i64::try_from(aged.stats.stars).unwrap_or(i64::MAX));
            for (file, svg) in self.pictures.of(account, aged.as_ref(), seconds) {
                // Without statistics, what is there stays.
                if let Some(svg) = svg {
                    self.put(&file, svg, stars, drawn);
                }
                wanted.insert(file);
            }
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
        let file = PlainFile(file);
        self.picture = picture;
        let old = self.files.read(&file);
        match old.and_then(|old| self.files.replace(&file, &mut self.picture, shown, old)) {
            Ok(Replaced::Written) => drawn.written += 1,
            Ok(Replaced::Unchanged) => {}
            Err(error) => self.fail(file.0, &error, drawn),
        }
    }

    fn remove(&mut self, file: &str, drawn: &mut Drawn) {
        match fs::remove_file(self.dir.join(format!("{file}.svg"))) {
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
