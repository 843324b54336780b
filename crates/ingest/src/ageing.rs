//! Deletes what is older than the operator keeps it, of what does not expire by itself: days and last visits.

use std::time::Duration;
use tallymark_store::{Retention, Store, Written};
use tracing::{info, warn};

/// How often it looks.
const HOURLY: Duration = Duration::from_secs(3600);

/// Looks when something has been written, so that the store is known to be ours, and then every hour, until `stop` resolves.
pub async fn clear_what_is_old(
    store: &dyn Store,
    retention: Retention,
    mut written: Written,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    if retention.bounded().next().is_none() {
        return;
    }
    let first = async {
        tokio::select! {
            () = written.hear() => {}
            () = tokio::time::sleep(HOURLY) => {}
        }
    };
    tokio::select! {
        () = first => {}
        () = &mut stop => return,
    }
    let mut is_told = false;
    loop {
        let clear = async {
            for (level, keep) in retention.bounded() {
                let aged = store.aged(level, keep).await?;
                if let Some(oldest) = aged.oldest {
                    store.clear_aged(level, keep).await?;
                    info!(%level, entries = aged.entries, %oldest, "deleted what is older than [retention] keeps it");
                }
            }
            Ok::<_, tallymark_store::StoreError>(())
        };
        let cleared = tokio::select! {
            cleared = clear => cleared,
            () = &mut stop => return,
        };
        if let Err(error) = &cleared
            && !is_told
        {
            warn!(%error, "what is older than [retention] keeps it was not deleted; it is tried again every hour");
        }
        is_told = cleared.is_err();
        tokio::select! {
            () = tokio::time::sleep(HOURLY) => {}
            () = &mut stop => return,
        }
    }
}
