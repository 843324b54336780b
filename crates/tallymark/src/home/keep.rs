//! Keeps `store.json` true: the daemon while it counts, and every command that writes.

use super::{
    file::{Home, shown},
    total::StoreState,
};
use crate::{cli::out, config::Config};
use anyhow::Result;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tallymark_core::MAX_CORRECTIONS;
use tallymark_ingest::WriterState;
use tallymark_store::{Store, Written};
use thousands::Separable;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

/// How often totals are saved at most.
const EVERY: Duration = Duration::from_secs(5);
/// How often to check whether the store was reached, and how soon the first counts are saved.
const SOON: Duration = Duration::from_millis(100);

/// That the store has less than was counted into it, for `/readyz`. It may be an older copy of itself that was put in its
/// place, which has the same identity. Or that the data directory was given to another store meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shortfall(Arc<Mutex<Option<String>>>);

impl Shortfall {
    /// In words, as long as it lasts.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, had: u64, has: u64) {
        self.say((has < had).then(|| {
            format!(
                "the store has {} and had {}: is it an older copy? Put the newer one back, or stop the daemon and run \
                 `tallymark store adopt` to accept it",
                out::counted(has, "hit"),
                had.separate_with_commas()
            )
        }));
    }

    /// A command has counted into another store, or an operator has decided for it.
    fn elsewhere(&self, home: &Home, config: &Config) {
        self.say(Some(format!(
            "this daemon counts into {}, and the data directory {} belongs to {} by now, which had {}: restart the daemon \
             with the store that you mean",
            shown(&config.store),
            config.data_dir.display(),
            home.url,
            home.had_in_words()
        )));
    }

    fn say(&self, trouble: Option<String>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(trouble)) = (&*said, &trouble) {
            warn!("{trouble}");
        }
        *said = trouble;
    }
}

/// Saves the store and its totals until `stop`, then once more.
pub(crate) async fn keep(
    config: Config,
    store: Arc<dyn Store>,
    state: WriterState,
    mut written: Written,
    shortfall: Shortfall,
    stop: CancellationToken,
) {
    let (mut known, mut lost) = (false, None);
    loop {
        let stopped = stop.is_cancelled();
        let claimed = state.claimed().filter(|_| state.troubles().is_empty());
        if let Some(claimed) = claimed {
            known = save(&config, &store, claimed, &shortfall, &mut lost).await;
        }
        if stopped {
            return;
        }
        let next = async {
            tokio::time::sleep(if known && claimed.is_some() { EVERY } else { SOON }).await;
            if claimed.is_some() {
                written.hear().await;
            }
        };
        let _ = stop.run_until_cancelled(next).await;
    }
}

/// Saves what the claimed store has. Returns whether there is something that could be lost.
async fn save(
    config: &Config,
    store: &Arc<dyn Store>,
    claimed: Uuid,
    shortfall: &Shortfall,
    lost: &mut Option<Uuid>,
) -> bool {
    // Read each time: commands write it too.
    let before = Home::read(&config.data_dir).ok().flatten();
    let events = before.as_ref().map(|home| home.events.clone()).unwrap_or_default();
    let known = before.as_ref().is_some_and(Home::has_counts);
    let Ok(state) = StoreState::of(&**store, config, &events).await else { return known };
    match before.filter(Home::has_counts) {
        Some(home) if home.store != claimed.to_string() => {
            shortfall.elsewhere(&home, config);
            return known;
        }
        Some(home) => {
            shortfall.note(home.total, state.total.ever);
            tell_of_lost_corrections(&**store, &home, &state, lost).await;
        }
        None => shortfall.note(0, 0),
    }
    let (config, known) = (config.clone(), known || state.total.ever > 0);
    let update = move || {
        Home::update(&config.data_dir, |before| {
            let other = before.as_ref().filter(|home| home.has_counts() && home.store != claimed.to_string());
            other.is_none().then(|| Home::seen(before.as_ref(), claimed, &config.store, &state))
        })
    };
    if let Ok(Err(error)) = tokio::task::spawn_blocking(update).await {
        debug!(error = format!("{error:#}"), "what was counted is remembered later");
        return false;
    }
    known
}

/// A Redis that has lost its tail gets the hits again from the outbox, but corrections are lost.
async fn tell_of_lost_corrections(
    store: &dyn Store,
    before: &Home,
    state: &StoreState,
    told: &mut Option<Uuid>,
) {
    let Some(known) = before.last_correction.filter(|known| Some(*known) != state.last_correction) else {
        return;
    };
    if *told == Some(known) {
        return;
    }
    let Ok(log) = store.corrections(MAX_CORRECTIONS).await else { return };
    if log.len() < MAX_CORRECTIONS && log.iter().all(|record| record.id != known) {
        *told = Some(known);
        warn!(
            lost = %known,
            changed_before = before.corrected,
            changed_now = state.total.corrected,
            "the store has lost corrections: at least the latest one that it had. `tallymark corrections` lists those that \
             are left; repeat the others"
        );
    }
}

/// Does what a command does to the store, and remembers what it has then, as a daemon would: also if the command fails,
/// or is killed half way. Without a store, as in a dry run, there is nothing to remember. A data directory that does not
/// exist is not made for it.
pub(crate) async fn remembering<T>(
    config: &Config,
    store: Option<&Arc<dyn Store>>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(store) = store else { return work.await };
    remember(config, store, true).await;
    let done = work.await;
    remember(config, store, false).await;
    done
}

async fn remember(config: &Config, store: &Arc<dyn Store>, writing: bool) {
    let dir = &config.data_dir;
    if !dir.is_dir() {
        return;
    }
    let before = Home::read(dir).ok().flatten();
    let events = before.map(|home| home.events).unwrap_or_default();
    let seen = async { Ok((store.identity().await?, StoreState::of(&**store, config, &events).await?)) };
    let seen: Result<_, tallymark_store::StoreError> = seen.await;
    let saved = match &seen {
        Ok((identity, state)) => Home::update(dir, |before| {
            let other =
                before.as_ref().filter(|home| home.has_counts() && home.store != identity.to_string());
            let seen = || Home::seen(before.as_ref(), *identity, &config.store, state);
            other.is_none().then(|| Home { writing, ..seen() })
        }),
        // What the command does says it too.
        Err(error) => return debug!(%error, "what the store has is not known"),
    };
    if let (Err(error), false) = (saved, writing) {
        warn!(
            "what the store has now is not remembered: {error:#}. If the store is lost, the next start may not notice it, \
             unless a daemon runs meanwhile"
        );
    }
}
