//! Decides which hits are visits, for all sources, so that readers over HTTP and readers in nginx's log share one
//! cooldown.
//!
//! A picture that was shown counts as a `hit`. If the client is known, the first hit of a visitor within the cooldown
//! also counts as a `visit` of the same name (`core::Cooldowns`), and the visitor is added to the visitors of the day
//! (`core::VisitorHash`). The cooldowns survive a restart in a file of the data directory, which is written a moment
//! after they change: a kill -9 loses the last two seconds. Imports and replays do not call this, because they do not
//! know the hits before the lines that they read.
//!
//! A client that opts out (`core::opts_out`) counts like any other, hit and visit, but there is no hash of it in the store or
//! in that file, and nothing is kept of who asked.

mod asker;
mod keys;

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
use tallymark_core::{
    Added, Asker, Cooldowns, DayKeys, Event, Hit, Tally, VisitRules, Visiting, VisitorHash,
};
use tallymark_store::durable;
use tokio::sync::Notify;
use tracing::warn;
use uuid::Uuid;

pub use asker::{AskerTexts, Describing};

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
    describing: Describing,
    /// Something is to be written.
    changed: Notify,
}

#[derive(Debug)]
struct GateState {
    table: Cooldowns,
    keys: DayKeys,
    /// Whether it has changed since it was last written.
    changed: bool,
    /// How many the table had forgotten when the meter was last told.
    forgotten: u64,
}

/// What counts of a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToldApart<'a> {
    /// The hit itself, unless it is a visit that has cooled down.
    pub(crate) hit: Option<Hit<'a>>,
    /// The visit that it is.
    pub(crate) visit: Option<Hit<'a>>,
    /// Who visits, if it is a visit and its visitor can be told from others.
    pub(crate) visitor: Option<VisitorHash>,
    /// What is kept of who asked, if anything is kept of the hit or of the visit.
    pub(crate) asker: Asker,
}

impl<'a> ToldApart<'a> {
    /// A hit that is not known to be a visit.
    pub(crate) fn unknown(hit: Hit<'a>) -> ToldApart<'a> {
        ToldApart { hit: Some(hit), visit: None, visitor: None, asker: Asker::default() }
    }
}

impl VisitGate {
    /// Continues with the file in the data directory. If it cannot be read, this is logged, and the table starts empty:
    /// at worst a visitor counts once too often.
    #[must_use]
    pub fn open(data_dir: &Path, rules: VisitRules, meters: &IngestMeters) -> VisitGate {
        let path = data_dir.join(FILE);
        let read = match fs::read(&path) {
            Ok(bytes) => Cooldowns::from_bytes(&bytes, rules.clone()).map_err(|why| why.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(fresh(rules.clone())),
            Err(error) => Err(error.to_string()),
        };
        let table = read.unwrap_or_else(|why| {
            warn!(path = %path.display(), "the cooldowns of visitors start empty: {why}");
            fresh(rules)
        });
        let state = Mutex::new(GateState { table, keys: DayKeys::default(), changed: false, forgotten: 0 });
        let describing = Describing::default();
        VisitGate { state, path, meters: meters.visits.clone(), describing, changed: Notify::new() }
    }

    /// Keeps of who asked what this says.
    #[must_use]
    pub fn describing(self, describing: Describing) -> VisitGate {
        VisitGate { describing, ..self }
    }

    /// Goes by other rules from now on.
    pub fn follow(&self, rules: VisitRules) {
        self.lock().table.follow(rules);
    }

    /// What counts of a hit: all of it, and the visit that it is; of a visit only the first within the cooldown, and
    /// once. If the client is not known, a hit is not a visit, and a visit counts as it is.
    pub(crate) fn tell<'a>(&self, hit: &Hit<'a>) -> ToldApart<'a> {
        let opts_out = hit.requester.opts_out;
        self.meters.opted_out.inc_by(u64::from(opts_out));
        let is_visit = hit.event == Event::VISIT;
        let asks = is_visit || hit.event == Event::HIT;
        let Some(visitor) = hit.visitor.filter(|_| asks) else {
            return ToldApart { asker: self.asker(hit), ..ToldApart::unknown(*hit) };
        };
        let (visiting, key) = {
            let mut state = self.lock();
            let visiting = state.table.ask(Event::VISIT, hit.name, &visitor, opts_out);
            self.changed(&mut state, visiting);
            (visiting, state.keys.of(hit.when.day()))
        };
        let visit = Hit { event: Event::VISIT, weight: 1, status: None, ..*hit };
        // By the day on which it counts, whenever it gets into the store.
        let hash = |key| VisitorHash::of(key, Event::VISIT, hit.name, &visitor);
        let noted = key.filter(|_| visiting == Visiting::Counts && !opts_out).map(hash);
        let visit = match visiting {
            Visiting::Counts => {
                self.unnoted(noted.is_none() && !opts_out);
                Some(visit)
            }
            Visiting::Shown => Some(visit),
            Visiting::Cooled => {
                self.meters.cooled.inc();
                None
            }
            Visiting::Collapsed => {
                self.meters.collapsed.inc();
                None
            }
        };
        let of_visit = visit.as_ref().filter(|_| self.describing.keeps(Event::VISIT));
        let asker = of_visit.map_or_else(|| self.asker(hit), |visit| self.described(visit));
        match is_visit {
            true => ToldApart { hit: visit, visit: None, visitor: noted, asker },
            false => ToldApart { hit: Some(*hit), visit, visitor: noted, asker },
        }
    }

    /// Notes in a tally who a visit is of, after it was counted there.
    pub(crate) fn note(
        &self,
        tally: &mut Tally,
        added: Added,
        visit: &Hit<'_>,
        visitor: Option<VisitorHash>,
    ) {
        if let Some(visitor) = visitor.filter(|_| visit.event == Event::VISIT) {
            self.unnoted(!tally.note_visitor(added, visit.when.day(), visitor));
        }
    }

    fn unnoted(&self, is: bool) {
        self.meters.unnoted.inc_by(u64::from(is));
    }

    fn changed(&self, state: &mut GateState, visiting: Visiting) {
        if !matches!(visiting, Visiting::Counts | Visiting::Shown) {
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
                    warn!(%path, %error, "the cooldowns of visitors cannot be written: a restart will lose them");
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

/// A table with a new random key.
fn fresh(rules: VisitRules) -> Cooldowns {
    // Two, because six bits of each say what it is.
    let (a, b) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
    Cooldowns::new((a ^ b.rotate_left(64)).to_le_bytes(), rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;
    use tallymark_core::{Day, NameRef, Now, Visitor, When};

    fn gate(dir: &Path) -> VisitGate {
        let rules = VisitRules { cooldown: Duration::ZERO, ..VisitRules::default() };
        VisitGate::open(dir, rules, &IngestMeters::register(&mut Registry::default()))
    }

    /// Who visits at a time, as the gate sees it.
    fn visitor(gate: &VisitGate, unix_ms: i64, user_agent: &str) -> Option<VisitorHash> {
        let visitor = Visitor::new([140, 82, 115, 7].into(), user_agent.as_bytes(), Now { unix_ms });
        let name = NameRef::new(b"o/r").unwrap();
        let when = When::Minute(Now { unix_ms }.minute());
        let hit = Hit { visitor: Some(visitor), ..Hit::one(Event::HIT, name, when) };
        let told = gate.tell(&hit);
        assert!(told.visit.is_some());
        told.visitor
    }

    #[test]
    fn visitor_is_hashed_with_the_key_of_the_day_on_which_the_hit_counts() {
        let dir = tempfile::tempdir().unwrap();
        let gate = gate(dir.path());
        let midnight = i64::from(Day(20_000).0) * 86_400_000;
        assert_eq!(visitor(&gate, midnight, ""), None, "nobody has told a key yet");
        let keys = |key: u128| {
            DayKeys::new([(Day(19_999), Uuid::from_u128(key)), (Day(20_000), Uuid::from_u128(2))])
        };
        gate.lock().keys = keys(1);
        let before = visitor(&gate, midnight - 1, "").unwrap();
        let after = visitor(&gate, midnight, "").unwrap();
        assert_ne!(before, after);
        // A line that comes after midnight, and a clock that is set back over it.
        assert_eq!(visitor(&gate, midnight - 60_000, ""), Some(before));
        assert_eq!(visitor(&gate, midnight + 86_399_999, ""), Some(after));
        assert_eq!(visitor(&gate, midnight + 86_400_000, ""), None);
        assert_eq!(gate.meters.unnoted.get(), 2);
        // The store lost the key, and another daemon made a new one: both go by that.
        gate.lock().keys = keys(3);
        assert_ne!(visitor(&gate, midnight - 1, ""), Some(before));
        // Behind GitHub's proxy there are no visitors, and none are missing.
        assert_eq!(visitor(&gate, midnight, "github-camo (876de43e)"), None);
        assert_eq!(gate.meters.unnoted.get(), 2);
    }
}
