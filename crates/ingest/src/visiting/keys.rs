//! The keys of the days, for the hashes of visitors: fetched before they are needed and dropped when their day is over.
//!
//! The store makes them. They are requested at the start, every hour, and when a day begins. SQLite deletes old ones at
//! the same times, so they are deleted even without visits. The key of tomorrow comes with that of today, so no visitor
//! is lost if the store is down at midnight. Before the first answer, and for lines of other days, there is no key, and
//! such visitors are not counted.

use super::VisitGate;
use crate::clock::now;
use std::time::Duration;
use tallymark_core::Now;
use tallymark_store::StoreWrite;
use tracing::warn;

/// How often the store is asked, besides at the beginning of a day.
const HOURLY: Duration = Duration::from_secs(3600);
/// How soon it is asked again if it did not answer.
const AGAIN: Duration = Duration::from_secs(5);
/// How long it has for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

impl VisitGate {
    /// Fetches the keys of these days, and forgets the others.
    ///
    /// # Errors
    ///
    /// The store did not answer. Keys that are known stay, if their day is not over.
    pub async fn fetch_keys(&self, store: &dyn StoreWrite) -> Result<(), String> {
        let today = now().day();
        let answer = tokio::time::timeout(PATIENCE, store.day_keys(today)).await;
        let mut state = self.lock();
        state.keys.forget(today);
        state.keys = answer
            .map_err(|_| format!("it did not answer within {PATIENCE:?}"))?
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Keeps the keys right until `stop` resolves.
    pub async fn keep_keys(&self, store: &dyn StoreWrite, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut told = false;
        loop {
            let fetched = tokio::select! {
                fetched = self.fetch_keys(store) => fetched,
                () = &mut stop => return,
            };
            let rest = match fetched {
                Ok(()) => HOURLY.min(until_tomorrow(now())),
                Err(error) => {
                    if !told {
                        warn!(
                            error,
                            "today's visitor key could not be read, so visitors are not counted for now"
                        );
                    }
                    AGAIN
                }
            };
            told = rest == AGAIN;
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = &mut stop => return,
            }
        }
    }
}

/// How long it is until the next UTC day has begun.
fn until_tomorrow(now: Now) -> Duration {
    const DAY: i64 = 86_400_000;
    let left = DAY - now.unix_ms.rem_euclid(DAY);
    Duration::from_millis(left.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_begins_at_midnight() {
        for (unix_ms, left) in [(0, 86_400_000), (86_399_999, 1), (86_400_000, 86_400_000), (-1, 1)] {
            assert_eq!(until_tomorrow(Now { unix_ms }), Duration::from_millis(left), "{unix_ms}");
        }
    }
}
