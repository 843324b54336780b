//! Refreshes the statistics of tracked accounts, each once in an interval, one after the other and spread over it.
//!
//! Accounts that a view has refreshed meanwhile are skipped. An account that is gone is asked for once a day.

use crate::{AccountName, MissingAccount, Statistics, ahead::is_ahead};
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
        let (mut next, mut listed, mut last) = (HashMap::new(), None::<Instant>, 0);
        loop {
            // The clock was ahead, and so are these times.
            let before = std::mem::replace(&mut last, statistics.now_in_seconds());
            if is_ahead(before, last) {
                (next, listed) = (HashMap::new(), None);
            }
            // With many accounts the list is long, and a round is short.
            if listed.is_none_or(|listed| listed.elapsed() >= LIST) {
                list(&statistics, every, &mut next).await;
                listed = Some(Instant::now());
            }
            let pause = round(&statistics, every, &mut next).await;
            tokio::time::sleep(pause).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
}

/// When each account is asked for next, in seconds since 1970.
type NextTimes = HashMap<AccountName, u64>;

/// Takes in who was added and removed. While the store does not answer, the list is as before.
async fn list(statistics: &Statistics, every: Duration, next: &mut NextTimes) {
    let names = match statistics.tracked().list().await {
        Ok(names) => names,
        Err(error) => return debug!(%error, "the list of tracked accounts cannot be read"),
    };
    next.retain(|name, _| names.binary_search(name).is_ok());
    for name in names {
        if let Entry::Vacant(place) = next.entry(name) {
            let at = statistics.next(place.key(), every).await;
            place.insert(at);
        }
    }
}

/// The one that is due for longest; returns how long to wait then.
async fn round(statistics: &Statistics, every: Duration, next: &mut NextTimes) -> Duration {
    let Some((name, due)) = next.iter().min_by_key(|(_, due)| **due).map(|(name, due)| (name.clone(), *due))
    else {
        return LIST;
    };
    let now = statistics.now_in_seconds();
    if due > now {
        return Duration::from_secs(due - now).min(LIST);
    }
    // A view may have refreshed it, here or in another process.
    let seen = statistics.next(&name, every).await;
    if seen > now {
        next.insert(name, seen);
        return Duration::ZERO;
    }
    one(statistics, &name).await;
    // If it failed, as if it had not.
    let again = statistics.next(&name, every).await.max(now.saturating_add(every.as_secs().max(1)));
    next.insert(name, again);
    // At this pace all of them are refreshed in half of the interval, so no account is ever a round behind.
    (every / 2 / u32::try_from(next.len()).unwrap_or(u32::MAX).max(1)).clamp(PAUSE, LIST)
}

async fn one(statistics: &Statistics, name: &AccountName) {
    let before = statistics.missing(name).await;
    // What it is does not matter here; it is kept.
    let _ = statistics.ask(name).await;
    let after = statistics.missing(name).await;
    let is_gone = |missing: Option<MissingAccount>| missing.is_some_and(MissingAccount::is_gone);
    match (before, after) {
        (None, Some(_)) => info!(
            %name,
            "GitHub says that there is no such account; its last numbers stay, and it is gone if GitHub says so for a day"
        ),
        (before, after) if is_gone(after) && !is_gone(before) => info!(
            %name,
            "GitHub has had no such account for a day, so it is gone; it is looked for once a day, and comes back by itself"
        ),
        (Some(_), None) => info!(%name, "GitHub has this account again"),
        _ => {}
    }
}
