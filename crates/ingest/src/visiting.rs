//! Visits, which are told from hits: the one place that every way in asks, so that a reader who comes by HTTP and one
//! whom nginx logs cool down alike.
//!
//! A picture that was shown counts as a `hit`, and where it is known who asked, the first of one visitor within the
//! cooldown counts as a `visit` of the same name too (`core::Cooldowns`). What is to be remembered over a restart lies
//! in a file of the data directory, written a moment after it has changed: a kill -9 forgets the last two seconds.
//! Imports and replays do not come here: they would have to know what lies before the lines that they read.

use crate::{
    clock::now,
    meters::{IngestMeters, VisitMeters},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tallymark_core::{Cooldowns, Event, Hit, VisitRules, Visiting};
use tallymark_store::durable;
use tokio::sync::Notify;
use tracing::warn;
use uuid::Uuid;

/// The name of the file.
const FILE: &str = "cooldowns";
/// How long a change waits for others before it is written.
const REST: Duration = Duration::from_secs(2);

/// Tells visits from hits.
#[derive(Debug)]
pub struct VisitGate {
    state: Mutex<GateState>,
    path: PathBuf,
    meters: VisitMeters,
    /// Something is to be written.
    changed: Notify,
}

#[derive(Debug)]
struct GateState {
    table: Cooldowns,
    /// Whether it has changed since it was last written.
    changed: bool,
    /// How many the table had forgotten when the meter was last told.
    forgotten: u64,
}

/// What counts of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToldApart<'a> {
    /// The hit itself, unless it is a visit that has cooled down.
    pub(crate) hit: Option<Hit<'a>>,
    /// The visit that it is.
    pub(crate) visit: Option<Hit<'a>>,
}

impl VisitGate {
    /// Goes on with what the data directory knows. What cannot be read is told and begun anew: at worst somebody counts
    /// once too often.
    #[must_use]
    pub fn open(data_dir: &Path, rules: VisitRules, meters: &IngestMeters) -> VisitGate {
        let path = data_dir.join(FILE);
        let read = match fs::read(&path) {
            Ok(bytes) => Cooldowns::from_bytes(&bytes, rules.clone()).map_err(|why| why.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(fresh(rules.clone())),
            Err(error) => Err(error.to_string()),
        };
        let table = read.unwrap_or_else(|why| {
            warn!(path = %path.display(), "the cooldowns of visitors are begun anew: {why}");
            fresh(rules)
        });
        let state = Mutex::new(GateState { table, changed: false, forgotten: 0 });
        VisitGate { state, path, meters: meters.visits.clone(), changed: Notify::new() }
    }

    /// Goes by other rules from now on.
    pub fn follow(&self, rules: VisitRules) {
        self.lock().table.follow(rules);
    }

    /// What counts of a hit: all of it, and the visit that it is; of a visit only the first within the cooldown, and
    /// once. Where nobody knows who asked, a hit is no visit, and a visit counts as it is.
    pub(crate) fn tell<'a>(&self, hit: &Hit<'a>) -> ToldApart<'a> {
        let is_visit = hit.event == Event::VISIT;
        let asks = is_visit || hit.event == Event::HIT;
        let Some(visitor) = hit.visitor.filter(|_| asks) else {
            return ToldApart { hit: Some(*hit), visit: None };
        };
        let visiting = {
            let mut state = self.lock();
            let visiting = state.table.ask(Event::VISIT, hit.name, &visitor);
            self.changed(&mut state, visiting);
            visiting
        };
        let visit = Hit { event: Event::VISIT, weight: 1, status: None, ..*hit };
        let visit = match visiting {
            Visiting::Counts => Some(visit),
            Visiting::Cooled => {
                self.meters.cooled.inc();
                None
            }
            Visiting::Collapsed => {
                self.meters.collapsed.inc();
                None
            }
        };
        if is_visit { ToldApart { hit: visit, visit: None } } else { ToldApart { hit: Some(*hit), visit } }
    }

    fn changed(&self, state: &mut GateState, visiting: Visiting) {
        if visiting != Visiting::Counts {
            return;
        }
        let forgotten = state.table.forgotten();
        self.meters.forgotten.inc_by(forgotten - std::mem::replace(&mut state.forgotten, forgotten));
        if !std::mem::replace(&mut state.changed, true) {
            self.changed.notify_one();
        }
    }

    /// Writes what has changed a moment later, until `stop` resolves, and then once more.
    pub async fn keep(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut is_there = self.path.exists();
        let mut told = false;
        loop {
            // What is on disk is to go when it means nothing any more.
            let expires = if is_there { self.lock().table.rules().cooldown + REST } else { Duration::MAX };
            let stopped = tokio::select! {
                () = self.changed.notified() => tokio::select! {
                    () = tokio::time::sleep(REST) => false,
                    () = &mut stop => true,
                },
                () = tokio::time::sleep(expires) => false,
                () = &mut stop => true,
            };
            match self.write().await {
                Ok(written) => (is_there, told) = (written, false),
                Err(error) if !told => {
                    told = true;
                    let path = self.path.display();
                    warn!(%path, %error, "the cooldowns of visitors cannot be written: a restart forgets them");
                }
                Err(_) => {}
            }
            if stopped {
                return;
            }
        }
    }

    /// Answers whether there is anything to keep.
    async fn write(&self) -> io::Result<bool> {
        let bytes = {
            let mut state = self.lock();
            state.changed = false;
            state.table.to_bytes(now().unix_ms)
        };
        match bytes {
            Some(bytes) => {
                let path = self.path.clone();
                let write = move || durable::replace_secret(&path, &bytes);
                tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?.map(|()| true)
            }
            None => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(false),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A table with a key that nobody knows.
fn fresh(rules: VisitRules) -> Cooldowns {
    // Two, because six bits of each say what it is.
    let (a, b) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
    Cooldowns::new((a ^ b.rotate_left(64)).to_le_bytes(), rules)
}
