//! What the store keeps of an account's statistics, for whoever shows them without asking GitHub.

use crate::{
    AccountName, CodeLanguages, Contributions, NoStats,
    contributions::WorkYears,
    stats::{Measured, Stats},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tallymark_store::{Shelf, Shelved, Store, StoreError};

/// The shelf of the store.
pub(crate) const SHELF: Shelf = Shelf { name: "github", most: 100_000 };

/// The years of accounts that are over. They never change, so they are kept for good.
const YEARS: Shelf = Shelf { name: "github-years", most: 100_000 };

const HOUR: u64 = 3600;
/// How long statistics are worth keeping: they are better than none.
const KEPT: u64 = 90 * 24 * HOUR;
/// How long an account that does not exist is not asked for.
pub(crate) const NOBODY: u64 = HOUR;

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
}

/// What the store keeps of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatsRecord {
    /// `None`: there was no such account.
    pub(crate) measured: Option<Measured>,
    /// When it was measured.
    pub(crate) at: u64,
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
    pub(crate) fn aged(&self, is_old: bool) -> Result<Aged, NoStats> {
        let measured = self.measured.as_ref().ok_or(NoStats::Nobody)?;
        Ok(Aged { stats: measured.stats.clone(), at: self.at, is_old, work: self.work.clone() })
    }
}

/// The record of an account. What another version wrote is as none.
pub(crate) async fn record(
    store: &dyn Store,
    login: &AccountName,
) -> Result<Option<StatsRecord>, StoreError> {
    let kept = store.kept(SHELF, login.as_str()).await?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept.value).ok()))
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
    if record(store, login).await?.is_some_and(|record| record.at >= at) {
        return Ok(false);
    }
    let record = StatsRecord { measured: Some(Measured::of(stats)), at, work: Arc::default() };
    keep(store, login, &record, now).await?;
    Ok(true)
}

/// The years of an account that are known.
pub(crate) async fn years(store: &dyn Store, login: &AccountName) -> Result<WorkYears, StoreError> {
    let kept = store.kept(YEARS, login.as_str()).await?;
    // What another version wrote is as nothing, and is asked for again.
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept.value).ok()).unwrap_or_default())
}

/// Keeps them.
pub(crate) async fn keep_years(
    store: &dyn Store,
    login: &AccountName,
    years: &WorkYears,
    now: u64,
) -> Result<(), StoreError> {
    let value = serde_json::to_vec(years).unwrap_or_default();
    store.keep(YEARS, login.as_str(), Shelved { at: now, value }, None).await
}

/// Puts a record into the store. It stays there for so long from `now`.
pub(crate) async fn keep(
    store: &dyn Store,
    login: &AccountName,
    record: &StatsRecord,
    now: u64,
) -> Result<(), StoreError> {
    let until = now + if record.measured.is_some() { KEPT } else { NOBODY };
    let value = serde_json::to_vec(record).unwrap_or_default();
    store.keep(SHELF, login.as_str(), Shelved { at: record.at, value }, Some(until)).await
}

/// The statistics that the store has, whatever their age; older ones than `hard` are so.
///
/// # Errors
///
/// The store does not answer.
pub async fn kept_statistics(
    store: &dyn Store,
    login: &AccountName,
    hard: Duration,
    now: u64,
) -> Result<Option<Aged>, StoreError> {
    let record = record(store, login).await?;
    Ok(record.and_then(|record| record.aged(now.saturating_sub(record.at) >= hard.as_secs()).ok()))
}
