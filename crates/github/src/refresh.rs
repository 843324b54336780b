//! Refreshes the statistics of tracked accounts, each once in an interval, one after the other and spread over it.
//!
//! What a view has refreshed meanwhile is not refreshed again. An account that is gone is asked for no more.

use crate::{
    AccountName, NoStats, Statistics,
    tracked::{NotTracked, TrackedAccount, TrackedAccounts},
};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

/// How often the list is read again.
const LIST: Duration = Duration::from_secs(30);
/// The shortest pause between two accounts.
const PAUSE: Duration = Duration::from_millis(200);

/// Until `stop`.
pub async fn refresh(statistics: Arc<Statistics>, every: Duration, stop: CancellationToken) {
    let rounds = async {
        let (mut tried, mut listed) = (HashMap::new(), None::<Instant>);
        loop {
            // With many accounts the list is long, and a round is short.
            if listed.is_none_or(|listed| listed.elapsed() >= LIST) {
                list(&statistics, &mut tried).await;
                listed = Some(Instant::now());
            }
            let pause = round(&statistics, &mut tried, every).await;
            tokio::time::sleep(pause).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
}

/// When each account was refreshed last, or tried, in seconds since 1970.
type Tried = HashMap<AccountName, u64>;

/// Takes in who was added and removed. While the store does not answer, the list is as before.
async fn list(statistics: &Statistics, tried: &mut Tried) {
    let names = match statistics.tracked().list().await {
        Ok(names) => names,
        Err(error) => return debug!(%error, "the list of tracked accounts cannot be read"),
    };
    tried.retain(|name, _| names.binary_search(name).is_ok());
    for name in names {
        if let Entry::Vacant(place) = tried.entry(name) {
            let at = statistics.measured_at(place.key()).await;
            place.insert(at);
        }
    }
}

/// The one that is due for longest; returns how long to wait then.
async fn round(statistics: &Statistics, tried: &mut Tried, every: Duration) -> Duration {
    let Some((name, at)) = tried.iter().min_by_key(|(_, at)| **at).map(|(name, at)| (name.clone(), *at))
    else {
        return LIST;
    };
    let now = statistics.now_in_seconds();
    let due = at.saturating_add(every.as_secs());
    if due > now {
        return Duration::from_secs(due - now).min(LIST);
    }
    // A view may have refreshed it, here or in another process.
    let seen = statistics.measured_at(&name).await;
    if seen > at {
        tried.insert(name, seen);
        return Duration::ZERO;
    }
    one(statistics, &name).await;
    tried.insert(name, now);
    // At this pace all of them are refreshed in half of the interval, so nobody is ever a round behind.
    (every / 2 / u32::try_from(tried.len()).unwrap_or(u32::MAX).max(1)).clamp(PAUSE, LIST)
}

/// Read again, because its banners and cards may have changed while GitHub was asked.
async fn mark_as_gone(tracked: &TrackedAccounts, name: &AccountName) -> Result<(), NotTracked> {
    let _alone = tracked.alone().await;
    if let Some(account) = tracked.find(name).await? {
        tracked.put(name, &TrackedAccount { gone: true, ..account }).await?;
    }
    Ok(())
}

async fn one(statistics: &Statistics, name: &AccountName) {
    let tracked = statistics.tracked();
    if !matches!(tracked.find(name).await, Ok(Some(account)) if !account.gone) {
        return;
    }
    if statistics.ask(name).await == Err(NoStats::Nobody) {
        info!(%name, "GitHub has no such account any more; it is not asked for until it is added again");
        if let Err(error) = mark_as_gone(tracked, name).await {
            debug!(%name, error = &error as &dyn std::error::Error, "it was not marked as gone");
        }
    }
}
