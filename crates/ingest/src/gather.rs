//! Waits until a store has every hour and minute of its hits: with Redis, daemons hold them back for up to a minute. What
//! reads all counts of a name, to change or to copy them, calls this first: corrections and `store copy`.

use std::time::{Duration, Instant};
use tallymark_store::{Store, StoreError};
use uuid::Uuid;

/// How long daemons have: each looks every five seconds whether it is asked.
const HELD_BACK: Duration = Duration::from_secs(12);
const PAUSE: Duration = Duration::from_millis(100);

/// Asks the daemons to write what they hold back, and returns those that have not done so in time. The caller has claimed
/// the store. `call` wakes a daemon in this process, if there is one.
///
/// # Errors
///
/// The store does not answer, or refuses.
pub async fn gather_held_back(store: &dyn Store, call: &(dyn Fn() + Sync)) -> Result<Vec<Uuid>, StoreError> {
    let since = Instant::now();
    loop {
        let owing = store.ask_for_whole().await?;
        if owing.is_empty() || since.elapsed() >= HELD_BACK {
            return Ok(owing);
        }
        call();
        tokio::time::sleep(PAUSE).await;
    }
}
