//! The statistics of an account in the store, for code that shows them without asking GitHub.

use crate::{
    AccountName, CodeLanguages, Contributions,
    ahead::is_ahead,
    contributions::{self, WorkYears},
    missing::{DAY, HOUR, MissingAccount},
    stats::{Measured, Stats},
};
use serde::{Deserialize, Serialize};
use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::Arc,
    time::Duration,
};
use tallymark_store::{Shelf, Shelved, Store, StoreError, change_kept};

/// The shelf of the store.
pub(crate) const SHELF: Shelf = Shelf { name: "github", most: 100_000 };

/// The years of accounts that are over. They never change, so they are kept for good.
pub(crate) const YEARS: Shelf = Shelf { name: "github-years", most: 100_000 };

/// How long statistics are worth keeping: they are better than none.
const KEPT: u64 = 90 * DAY;
/// How long an account that does not exist is not asked for.
pub(crate) const NOBODY: u64 = HOUR;

/// Why there are no statistics to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStats {
    /// GitHub has no such account.
    #[error("GitHub has no such account")]
    Nobody,
    /// There are none yet, and GitHub does not answer, or not in time.
    #[error("there are none yet")]
    NotYet,
}

/// What is shown of an account.
pub(crate) type Answered = Result<Aged, NoStats>;

/// Statistics and their age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aged {
    /// The statistics.
    pub stats: Arc<Stats>,
    /// When GitHub gave or confirmed them, in seconds since 1970.
    pub at: u64,
    /// They are older than the hard age, because GitHub does not answer.
    pub is_old: bool,
    /// What only the GraphQL API says.
    pub work: Arc<Work>,
}

/// What only the GraphQL API says of an account, each with its own age: it may fail alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// What a user has done. An organisation has done nothing itself.
    pub contributions: Option<Contributions>,
    /// Languages by the size of their code.
    pub code: Option<CodeLanguages>,
    /// The last answer about contributions was of no use, and the next one will hardly be.
    #[serde(default)]
    pub no_contributions: bool,
    /// The same for the sizes of languages.
    #[serde(default)]
    pub no_code: bool,
}

/// What the store keeps of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatsRecord {
    /// `None`: there never was such an account.
    pub(crate) measured: Option<Measured>,
    /// When it was measured.
    pub(crate) at: u64,
    /// Since then GitHub has said that there is no such account.
    #[serde(default)]
    pub(crate) missing: Option<MissingAccount>,
    /// With a token.
    #[serde(default, with = "work")]
    pub(crate) work: Arc<Work>,
}

/// As if it were not shared.
mod work {
    use super::Work;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(work: &Arc<Work>, to: S) -> Result<S::Ok, S::Error> {
        Work::serialize(work, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Work>, D::Error> {
        Work::deserialize(from).map(Arc::new)
    }
}

impl StatsRecord {
    /// There never was such an account.
    pub(crate) fn of_nobody(at: u64) -> StatsRecord {
        StatsRecord { measured: None, at, missing: None, work: Arc::default() }
    }

    /// The last numbers, also of an account that is gone.
    pub(crate) fn aged(&self, is_old: bool) -> Option<Aged> {
        let measured = self.measured.as_ref()?;
        Some(Aged { stats: measured.stats.clone(), at: self.at, is_old, work: self.work.clone() })
    }

    /// What is shown.
    pub(crate) fn shown(&self, is_old: bool) -> Answered {
        if self.is_gone() { Err(NoStats::Nobody) } else { self.aged(is_old).ok_or(NoStats::Nobody) }
    }

    /// Whether there was such an account, and is none any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.missing.is_some_and(MissingAccount::is_gone)
    }

    /// When GitHub answered last.
    pub(crate) fn answered_at(&self) -> u64 {
        self.missing.map_or(self.at, MissingAccount::last)
    }

    /// Whether it is from a clock that was ahead: then it is as old as can be.
    pub(crate) fn is_ahead(&self, now: u64) -> bool {
        is_ahead(self.answered_at(), now)
    }

    /// Whether its numbers are older than `hard`.
    pub(crate) fn is_old(&self, hard: Duration, now: u64) -> bool {
        is_ahead(self.at, now) || now.saturating_sub(self.at) >= hard.as_secs()
    }

    /// Whether it takes the place of another one.
    pub(crate) fn beats(&self, other: &StatsRecord, now: u64) -> bool {
        other.is_ahead(now) || !self.is_ahead(now) && self.answered_at() >= other.answered_at()
    }

    /// When a tracked account is asked for again.
    pub(crate) fn next(&self, every: Duration, now: u64) -> u64 {
        match self.missing {
            _ if self.is_ahead(now) => 0,
            Some(missing) => missing.next(every),
            None => self.at.saturating_add(every.as_secs()),
        }
    }
}

/// A record of the store, and by what it is known from another one in its place.
pub(crate) struct KeptRecord {
    pub(crate) record: StatsRecord,
    pub(crate) print: u64,
}

/// The record of an account, unless it is the one with this print. What another version wrote is as none.
pub(crate) async fn record(
    store: &dyn Store,
    login: &AccountName,
    known: Option<u64>,
) -> Result<Option<KeptRecord>, StoreError> {
    let Some(kept) = store.kept(SHELF, login.as_str()).await? else { return Ok(None) };
    let print = print_of(&kept.value);
    if Some(print) == known {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&kept.value).ok().map(|record| KeptRecord { record, print }))
}

fn print_of(value: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// Keeps statistics that another program has measured, for as long as others from `now` on, unless the store has newer
/// ones; whether it had not.
///
/// # Errors
///
/// The store does not answer.
pub async fn take_over(
    store: &dyn Store,
    login: &AccountName,
    stats: Stats,
    at: u64,
    now: u64,
) -> Result<bool, StoreError> {
    let record = StatsRecord { measured: Some(Measured::of(stats)), ..StatsRecord::of_nobody(at) };
    if kept_record(store, login).await?.is_some_and(|kept| kept.answered_at() == at) {
        return Ok(false);
    }
    Ok(keep(store, login, &record, now + KEPT, now).await?.is_some())
}

/// The years of an account that are known.
pub(crate) async fn years(store: &dyn Store, login: &AccountName) -> Result<WorkYears, StoreError> {
    let kept = store.kept(YEARS, login.as_str()).await?;
    // What another version wrote is as nothing, and is asked for again.
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept.value).ok()).unwrap_or_default())
}

/// Keeps them, and those that another process has learnt meanwhile, as far as they are over.
pub(crate) async fn keep_years(
    store: &dyn Store,
    login: &AccountName,
    years: &WorkYears,
    now: u64,
) -> Result<(), StoreError> {
    change_kept(store, YEARS, login.as_str(), |kept| {
        let kept = kept.and_then(|kept| serde_json::from_slice::<WorkYears>(&kept.value).ok());
        let mut all = kept.unwrap_or_default();
        all.extend(years.iter().map(|(year, of)| (*year, of.clone())));
        contributions::keep_those_over(&mut all, now);
        Some((Shelved { at: now, value: serde_json::to_vec(&all).unwrap_or_default() }, None))
    })
    .await
    .map(|_| ())
}

/// How long a record is kept, from `now` on. What strangers make up is soon forgotten.
pub(crate) fn kept_until(record: &StatsRecord, is_tracked: bool, now: u64) -> u64 {
    now.saturating_add(if record.measured.is_some() || is_tracked { KEPT } else { NOBODY })
}

/// Puts a record into the store, unless another process has kept a newer one; by what it is known.
pub(crate) async fn keep(
    store: &dyn Store,
    login: &AccountName,
    record: &StatsRecord,
    until: u64,
    now: u64,
) -> Result<Option<u64>, StoreError> {
    let value = serde_json::to_vec(record).unwrap_or_default();
    let print = print_of(&value);
    let thing = Shelved { at: record.answered_at(), value };
    let is_kept = change_kept(store, SHELF, login.as_str(), |kept| {
        let there = kept.and_then(|kept| serde_json::from_slice::<StatsRecord>(&kept.value).ok());
        let wins = there.is_none_or(|there| record.beats(&there, now));
        wins.then(|| (thing.clone(), Some(until)))
    });
    Ok(is_kept.await?.then_some(print))
}

async fn kept_record(store: &dyn Store, login: &AccountName) -> Result<Option<StatsRecord>, StoreError> {
    Ok(record(store, login, None).await?.map(|kept| kept.record))
}

/// The statistics that the store has, whatever their age; older ones than `hard` are so. [`NoStats::Nobody`] is an account
/// that is gone.
///
/// # Errors
///
/// The store does not answer.
pub async fn kept_statistics(
    store: &dyn Store,
    login: &AccountName,
    hard: Duration,
    now: u64,
) -> Result<Result<Aged, NoStats>, StoreError> {
    Ok(match kept_record(store, login).await? {
        Some(record) if record.is_gone() => Err(NoStats::Nobody),
        Some(record) => record.aged(record.is_old(hard, now)).ok_or(NoStats::NotYet),
        None => Err(NoStats::NotYet),
    })
}
