//! The avatars of the owners of names, as `data:` URIs.
//!
//! The code that draws panels, for a request or into a file, calls this and gets what is known at that moment: from
//! memory, or with one read of the store. A request never waits for another server. If an avatar is missing or old, the
//! directory is searched first, and then it is fetched, one account at a time, and not too often (`turns`). So made-up
//! names cost little, and no local picture waits for a server. Results are kept in the store with their age, also those
//! that were not found. On a failure the last picture stays.

mod known;
mod pattern;
mod redraw;
mod source;
mod turns;

pub use pattern::{AvatarPattern, NotAPattern};
pub use source::AvatarSource;

use crate::{
    AccountName,
    ahead::{is_ahead, rests},
    tracked::TrackedAccounts,
};
use hyper::StatusCode;
use known::{KnownAvatar, KnownAvatars};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use source::NoAvatar;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tallymark_core::{Event, Name, NameRef, Now};
use tallymark_store::{Result as StoreResult, Shelf, Shelved, Step, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use turns::AvatarTurns;

/// The shelf of the store. Nothing is kept of those who have no picture but an empty one.
pub(crate) const SHELF: Shelf = Shelf { name: "avatar", most: 5_000 };
const DAY: u64 = 86_400;
/// How long an avatar is shown before it is looked for again, and how long it is worth keeping.
const FRESH: u64 = DAY;
const KEPT: u64 = 30 * DAY;
/// When to check again for an avatar where there was none.
const NOBODY: u64 = DAY;
/// When a server that failed is asked for the same one again.
const FAILED: u64 = 15 * 60;
/// How old a look into the directory may be.
const LOCAL: u64 = 60;
/// How many accounts can wait for a look-up; others are looked up at the next view.
const WAITING: usize = 64;
/// The pause of all that is fetched, after a server that says it is too much.
const PAUSE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FoundLabel {
    result: &'static str,
}

/// The counters of avatars.
#[derive(Clone, Debug, Default)]
pub struct AvatarMeters {
    found: Family<FoundLabel, Counter>,
}

impl AvatarMeters {
    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry) -> AvatarMeters {
        let meters = AvatarMeters::default();
        registry.register("avatars", "Avatars looked for, by result", meters.found.clone());
        meters
    }

    fn count(&self, found: &Result<String, NoAvatar>) {
        let result = match found {
            Ok(_) => "found",
            Err(NoAvatar::Nobody) => "none",
            Err(NoAvatar::Refused(_)) => "refused",
            Err(_) => "failed",
        };
        self.count_as(result);
    }

    fn count_as(&self, result: &'static str) {
        self.found.get_or_create(&FoundLabel { result }).inc();
    }
}

/// Somebody who is looked for.
struct AvatarAsk {
    login: AccountName,
    /// The name that was shown.
    name: Name,
}

/// The avatars that are known, and the way to others.
pub struct Avatars {
    source: AvatarSource,
    store: Arc<dyn Store>,
    faces: Mutex<KnownAvatars>,
    meters: AvatarMeters,
    now: fn() -> Now,
    asks: mpsc::Sender<AvatarAsk>,
    /// Whether it was said that the store does not take them.
    unkept: AtomicBool,
    /// Whether it was said that there are too many.
    delayed: AtomicBool,
    turns: Mutex<AvatarTurns>,
    /// For the one task, until it runs.
    waiting: Mutex<Option<mpsc::Receiver<AvatarAsk>>>,
}

impl Avatars {
    /// Nothing is fetched before [`Avatars::run`].
    #[must_use]
    pub fn new(
        source: AvatarSource,
        store: Arc<dyn Store>,
        meters: AvatarMeters,
        now: fn() -> Now,
    ) -> Avatars {
        let (asks, waiting) = mpsc::channel(WAITING);
        let (faces, waiting) = (Mutex::default(), Mutex::new(Some(waiting)));
        let (unkept, delayed, turns) = Default::default();
        Avatars { source, store, faces, meters, now, asks, unkept, delayed, turns, waiting }
    }

    /// The avatar of a name's owner, as far as it is known now. Asks for one that is missing or old.
    pub async fn of(&self, name: NameRef<'_>) -> Option<Arc<str>> {
        let login = AccountName::owner_of(name)?;
        let known = self.faces().find(&login);
        let face = match known {
            Some(face) => face,
            None => {
                let face = self.remembered(&login).await?;
                self.faces().put(login.clone(), face.clone());
                face
            }
        };
        if is_due(face.due, self.seconds()) {
            self.ask(AvatarAsk { login, name: name.into() });
        }
        face.uri
    }

    /// Whether the avatar of a name's owner is being looked for, so that there may be another soon.
    #[must_use]
    pub fn is_looking_for(&self, name: NameRef<'_>) -> bool {
        AccountName::owner_of(name).is_some_and(|login| self.faces().is_asked(&login))
    }

    /// Looks for those who were asked for, until `stop`. Runs once.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let (far, mut missing) = mpsc::channel(WAITING);
        let look = async {
            while let Some(AvatarAsk { login, name }) = waiting.recv().await {
                let known = self.look_here(&login).await || !self.takes_turn(&login, &name).await;
                // If the queue is full, the account is looked up at the next view.
                if known || far.try_send(login.clone()).is_err() {
                    self.faces().asked(&login);
                }
            }
        };
        let fetch = async {
            while let Some(login) = missing.recv().await {
                let found = self.fetch(&login).await;
                self.faces().asked(&login);
                // Another failure is that of one account, which rests alone.
                if matches!(found, Err(NoAvatar::Status(StatusCode::TOO_MANY_REQUESTS))) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        stop.run_until_cancelled(async { tokio::join!(look, fetch) }).await;
    }

    /// What the store keeps, and otherwise nothing. `None` if the store does not answer: then no server is asked.
    async fn remembered(&self, login: &AccountName) -> Option<KnownAvatar> {
        let kept = match self.store.kept(SHELF, login.as_str()).await {
            Ok(kept) => kept,
            Err(error) => {
                debug!(%login, %error, "the store does not say whether it keeps an avatar");
                return None;
            }
        };
        let Some(Shelved { at, value }) = kept else {
            return Some(KnownAvatar { uri: None, due: 0, fetched_again: 0 });
        };
        let uri = String::from_utf8(value).ok().filter(|uri| !uri.is_empty());
        // A clock that was ahead says nothing of its age.
        let fetched_again = if is_ahead(at, self.seconds()) { 0 } else { at.saturating_add(FRESH) };
        // A directory wins over what was fetched before it was configured.
        let due = if self.source.dir.is_some() { 0 } else { fetched_again };
        Some(KnownAvatar { uri: uri.map(Arc::from), due, fetched_again })
    }

    fn ask(&self, ask: AvatarAsk) {
        let mut faces = self.faces();
        if faces.ask(&ask.login)
            && let Err(full) = self.asks.try_send(ask)
        {
            faces.asked(&full.into_inner().login);
        }
    }

    /// Whether the server may be asked for an account now. If not, what is shown stays, and a later view asks again.
    async fn takes_turn(&self, login: &AccountName, name: &Name) -> bool {
        if self.source.pattern.is_none() {
            return true;
        }
        // A store that does not say so knows none.
        let is_known = self.is_known(login, name).await.unwrap_or(false);
        let taken = self.turns.lock().unwrap_or_else(PoisonError::into_inner).take(is_known, Instant::now());
        let Err(wait) = taken else { return true };
        self.meters.count_as("later");
        if !self.delayed.swap(true, Ordering::Relaxed) {
            info!(
                %login,
                "many avatars are requested at once: those of owners whose names are new are fetched slowly, \
                 and show initials until then (tallymark help panels)"
            );
        }
        let uri = self.faces().find(login).and_then(|face| face.uri);
        self.know(login, uri, self.seconds() + wait.as_secs() + 1);
        false
    }

    /// Whether this is more than a name that was made up today.
    async fn is_known(&self, login: &AccountName, name: &Name) -> StoreResult<bool> {
        if self.faces().find(login).is_some_and(|face| face.uri.is_some())
            || TrackedAccounts::new(self.store.clone()).find(login).await?.is_some()
        {
            return Ok(true);
        }
        let today = (self.now)().day().0;
        for event in [Event::HIT, Event::VISIT] {
            let total = self.store.total(event, name).await?;
            let of_today = self.store.series(event, name, Step::Day, today, today + 1).await?;
            if total > of_today.iter().map(|(_, count)| count).sum() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks into the directory. Answers whether that is enough: false if the picture is to be fetched.
    async fn look_here(&self, login: &AccountName) -> bool {
        let local = self.source.local(login).await.transpose();
        let (now, known) = (self.seconds(), self.faces().find(login));
        let (uri, fetched_again) = known.map_or((None, 0), |known| (known.uri, known.fetched_again));
        let Some(local) = local else {
            if is_due(fetched_again, now) {
                return false;
            }
            self.know(login, uri, fetched_again);
            return true;
        };
        self.meters.count(&local);
        match local {
            Ok(uri) => self.know(login, Some(uri.into()), 0),
            Err(why) => {
                debug!(%login, error = &why as &dyn std::error::Error, "no avatar in the directory");
                self.know(login, uri, 0);
            }
        }
        true
    }

    async fn fetch(&self, login: &AccountName) -> Result<(), NoAvatar> {
        let found = self.source.fetch(login).await;
        self.meters.count(&found);
        let now = self.seconds();
        match found {
            Ok(uri) => {
                self.keep(login, &uri).await;
                self.know(login, Some(uri.into()), now + FRESH);
                Ok(())
            }
            Err(why) => {
                debug!(%login, error = &why as &dyn std::error::Error, "no avatar");
                let shown = self.faces().find(login).and_then(|face| face.uri);
                let rest =
                    if matches!(why, NoAvatar::Nobody | NoAvatar::Refused(_)) { NOBODY } else { FAILED };
                if shown.is_none() && rest == NOBODY {
                    self.keep(login, "").await;
                }
                self.know(login, shown, now + rest);
                Err(why)
            }
        }
    }

    /// Remembers what is shown. It is looked for again when it may be fetched, and soon in a directory.
    fn know(&self, login: &AccountName, uri: Option<Arc<str>>, fetched_again: u64) {
        let soon = self.seconds() + LOCAL;
        let due = match self.source.dir {
            Some(_) if fetched_again == 0 => soon,
            Some(_) => soon.min(fetched_again),
            None => fetched_again,
        };
        self.faces().put(login.clone(), KnownAvatar { uri, due, fetched_again });
    }

    /// A store that does not take it costs another fetch after a restart, and nothing else.
    async fn keep(&self, login: &AccountName, uri: &str) {
        let at = self.seconds();
        let thing = Shelved { at, value: uri.as_bytes().to_vec() };
        let kept = if uri.is_empty() { NOBODY } else { KEPT };
        if let Err(error) = self.store.keep(SHELF, login.as_str(), thing, Some(at + kept)).await {
            // Once: it may be like this for every account.
            if !self.unkept.swap(true, Ordering::Relaxed) {
                warn!(%error, "avatars could not be stored; they will be fetched again after a restart");
            }
        }
    }

    fn seconds(&self) -> u64 {
        u64::try_from((self.now)().unix_ms / 1000).unwrap_or(0)
    }

    fn faces(&self) -> MutexGuard<'_, KnownAvatars> {
        self.faces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is to be looked for again. Nothing rests for longer than a picture is fresh.
fn is_due(at: u64, now: u64) -> bool {
    !rests(at, FRESH, now)
}
