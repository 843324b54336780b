//! The store that a data directory has counted into, in its file `store.json`.
//!
//! Badges that restart at 0 would look healthy. So the data directory remembers which store has its counts, and how
//! many there were. Every command that opens a store checks here first, and a store without these counts is refused.
//! The daemon writes the file, and so does `store adopt` when the operator has decided. It never determines where to
//! connect: the configuration does.

use crate::{cli::out, config::Config};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tallymark_core::{Event, MAX_CORRECTIONS, Name};
use tallymark_ingest::{
    StoreCopying, WriterState,
    import::snow_trace::{TRACED, totals_file},
};
use tallymark_store::{
    Store, StoreError, StoreUrl, Written, durable,
    outbox::Outbox,
    owner::{User, shell_word},
};
use thousands::Separable;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

/// Its name in the data directory.
pub(crate) const FILE: &str = "store.json";
/// How often totals are saved at most.
const EVERY: Duration = Duration::from_secs(5);
/// How often to check whether the store was reached, and how soon the first counts are saved.
const SOON: Duration = Duration::from_millis(100);

/// The contents of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Home {
    /// Its identity, a UUID.
    store: String,
    /// The address, without its password.
    url: String,
    /// Everything that was counted there, over all events, whatever was corrected.
    total: u64,
    /// By how much corrections have changed that.
    #[serde(default)]
    corrected: i64,
    /// The latest correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_correction: Option<Uuid>,
    /// The previous store, which an operator has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<String>,
}

/// The store is not that of the data directory, and lacks its counts.
#[derive(Debug)]
pub(crate) struct OtherStore(String);

impl fmt::Display for OtherStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OtherStore {}

/// The file cannot be read as what it should be.
#[derive(Debug)]
pub(crate) struct DamagedHome(PathBuf);

impl fmt::Display for DamagedHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged; restore it from a backup, or run `tallymark store adopt`", self.0.display())
    }
}

impl Home {
    /// The counts that a different store would lack.
    fn of(config: &Config) -> Result<Option<Home>> {
        Ok(Home::read(&config.data_dir)?.filter(|home| home.total > 0 || home.had() > 0))
    }

    /// What the store had when it was last looked at.
    fn had(&self) -> u64 {
        self.total.saturating_add_signed(self.corrected)
    }

    fn read(data_dir: &Path) -> Result<Option<Home>> {
        let path = data_dir.join(FILE);
        match std::fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| DamagedHome(path))?)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                debug!(path = %path.display(), %error, "which store was counted into is not known");
                Ok(None)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn write(&self, data_dir: &Path) -> Result<()> {
        let path = data_dir.join(FILE);
        let text = serde_json::to_vec_pretty(self)?;
        durable::replace(&path, &text).with_context(|| format!("writing {}", path.display()))
    }

    /// The command that copies the store into that of `config`.
    fn copy_command(&self, config: &Config) -> Result<String> {
        let data_dir = std::path::absolute(&config.data_dir).context("finding the data directory")?;
        let to = shown(&config.store);
        let [from, to] = [&self.url, &to].map(|url| shell_word(Path::new(url)));
        Ok(format!("tallymark store copy {from} {to} --data-dir {}", shell_word(&data_dir)))
    }

    /// Why the store of `config` is refused, and what to do. `has` says what it contains.
    fn refuse(&self, config: &Config, has: &str) -> Result<OtherStore> {
        let waiting = match Outbox::waiting(&config.data_dir) {
            Ok(0) => String::new(),
            Ok(hits) => format!(" {} hits wait in its outbox for a store.", hits.separate_with_commas()),
            Err(error) => format!(" How many hits wait in its outbox for a store is not known: {error}."),
        };
        Ok(OtherStore(format!(
            "the data directory {} counts into the store {}, which had {}; {has}.{waiting} Put the right store \
             back, or choose it with --store. To take its counts along into an empty store, run `{}`. To continue with \
             {} without those counts, {}",
            config.data_dir.display(),
            self.url,
            out::counted(self.had(), "hit"),
            self.copy_command(config)?,
            config.store,
            adopt_command(config)?
        )))
    }
}

/// What to do where the data directory is that of snow-trace, whose variable `DATA_DIR` names ours too.
pub(crate) fn of_snow_trace(config: &Config) -> Option<String> {
    let dir = &config.data_dir;
    let totals = TRACED.map(totals_file).into_iter().find(|totals| dir.join(totals).is_file())?;
    Some(format!(
        "data-dir: {} has a {totals}, so it looks like snow-trace's data, which is not read from there. To count it once: \
         tallymark import snow-trace {}. Give Tallymark a data directory of its own",
        dir.display(),
        shell_word(dir)
    ))
}

/// Checks the file in a directory, if it is there.
pub(crate) fn examine(dir: &Path) -> Result<()> {
    Home::read(dir).map(drop)
}

/// Opens the store to count into it. A Redis that was emptied, or replaced at the same address, does not prevent a
/// start: the writer halts, and hits wait in the outbox instead of being lost.
pub(crate) async fn open_to_count(config: &Config) -> Result<Arc<dyn Store>> {
    let home = Home::of(config)?;
    let buffers =
        |home: &Home| matches!(config.store, StoreUrl::Redis(_)) && home.url == shown(&config.store);
    open_as(config, home.filter(|home| !buffers(home))).await
}

/// Opens the store, unless the data directory has counted into another.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Store>> {
    open_as(config, Home::of(config)?).await
}

/// Whether opening this store would create it.
fn nothing_at(store: &StoreUrl) -> bool {
    let StoreUrl::Sqlite(path) = store else { return false };
    std::fs::metadata(path)
        .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |found| found.len() == 0)
}

async fn open_as(config: &Config, home: Option<Home>) -> Result<Arc<dyn Store>> {
    if let (Some(home), StoreUrl::Sqlite(path)) = (&home, &config.store)
        && nothing_at(&config.store)
    {
        // This comes before it is created.
        return Err(home.refuse(config, &format!("there is nothing at {}", path.display()))?.into());
    }
    let store = tallymark_store::open(&config.store, config.retention).await?;
    if let Some(home) = home {
        match store.identity().await {
            Ok(identity) => {
                let has = total(&*store, config).await;
                if identity.to_string() != home.store {
                    let has = match has {
                        Ok(has) => format!("has {}", has.now().separate_with_commas()),
                        Err(error) => format!("does not say how many it has: {error}"),
                    };
                    let has = format!("{} is a different store and {has}", config.store);
                    return Err(home.refuse(config, &has)?.into());
                }
                if let Ok(StoreTotal { ever: has, .. }) = has
                    && has < home.total
                {
                    warn!(
                        had = home.total,
                        has,
                        "the store has fewer hits than this data directory has counted into it: is it an older \
                         backup?"
                    );
                }
            }
            // The writer compares the two again when the store answers.
            Err(error) => debug!(%error, "the store does not say which one it is"),
        }
    }
    if let Some(waiting) = waiting(config) {
        warn!("{waiting}");
    }
    Ok(store)
}

/// Whether a missing store is the one with the counts: then opening it gives a better error.
pub(crate) fn remembers(config: &Config) -> bool {
    expected(config).is_ok_and(|store| store.is_some())
}

/// Whether the store of the data directory is being copied, and the daemon is to count into another one: then it waits.
pub(crate) fn waits_for_copy(config: &Config) -> Result<bool> {
    let elsewhere = || Ok(Home::of(config)?.is_some_and(|home| home.url != shown(&config.store)));
    if StoreCopying::is_running(&config.data_dir) { elsewhere() } else { Ok(false) }
}

/// The identity of the store that the data directory has counted into, if any.
pub(crate) fn expected(config: &Config) -> Result<Option<Uuid>> {
    Ok(Home::of(config)?.and_then(|home| home.store.parse().ok()))
}

/// Hits that wait in the outbox while an embedded store is used, which has no outbox.
pub(crate) fn waiting(config: &Config) -> Option<String> {
    if !matches!(config.store, StoreUrl::Sqlite(_)) {
        return None;
    }
    match Outbox::waiting(&config.data_dir) {
        Ok(0) => None,
        Ok(hits) => {
            let home = Home::read(&config.data_dir).ok().flatten();
            let store = home.and_then(|home| home.left).unwrap_or_else(|| "a Redis".to_owned());
            Some(format!(
                "{} hits wait in the outbox in {} for {store}, and are not counted in {}: to count them, start with that \
                 store again",
                hits.separate_with_commas(),
                config.data_dir.display(),
                config.store
            ))
        }
        Err(error) => {
            Some(format!("whether hits wait in the outbox for another store is not known: {error}"))
        }
    }
}

/// That the store has less than was counted into it, for `/readyz`. It may be an older copy of itself that was put in its
/// place, which has the same identity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shortfall(Arc<Mutex<Option<String>>>);

impl Shortfall {
    /// In words, as long as it lasts.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, had: u64, has: u64) {
        let trouble = (has < had).then(|| {
            format!(
                "the store has {} and had {}: is it an older copy? Put the newer one back, or stop the daemon and run \
                 `tallymark store adopt` to accept it",
                out::counted(has, "hit"),
                had.separate_with_commas()
            )
        });
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
    let mut kept = Home::read(&config.data_dir).ok().flatten();
    loop {
        let stopped = stop.is_cancelled();
        let claimed = state.claimed().filter(|_| state.troubles().is_empty());
        if let Some(claimed) = claimed
            && let Ok(total) = total(&*store, &config).await
            && let Ok(last) = store.corrections(1).await
        {
            let claimed = claimed.to_string();
            if kept.as_ref().is_some_and(|kept| kept.store != claimed) {
                // `store adopt` has changed it.
                kept = Home::read(&config.data_dir).ok().flatten();
            }
            let same = kept.clone().filter(|kept| kept.store == claimed);
            let same = same.unwrap_or_default();
            shortfall.note(same.total, total.ever);
            let last = last.first().map(|record| record.id);
            tell_of_lost_corrections(&*store, &same, last, total.corrected).await;
            // A store that has just been emptied still answers once.
            let corrected = if total.ever < same.total { same.corrected } else { total.corrected };
            let now = Home {
                store: claimed,
                url: shown(&config.store),
                total: total.ever.max(same.total),
                corrected,
                last_correction: last,
                left: same.left,
            };
            if kept.as_ref() != Some(&now) {
                let (home, dir) = (now.clone(), config.data_dir.clone());
                match tokio::task::spawn_blocking(move || home.write(&dir)).await {
                    Ok(Ok(())) => kept = Some(now),
                    Ok(Err(error)) => {
                        debug!(error = format!("{error:#}"), "what was counted is remembered later")
                    }
                    Err(_) => return,
                }
            }
        }
        if stopped {
            return;
        }
        let known = kept.as_ref().is_some_and(|kept| kept.total > 0);
        let next = async {
            tokio::time::sleep(if known && claimed.is_some() { EVERY } else { SOON }).await;
            if claimed.is_some() {
                written.hear().await;
            }
        };
        let _ = stop.run_until_cancelled(next).await;
    }
}

/// A Redis that has lost its tail gets the hits again from the outbox, but corrections are lost.
async fn tell_of_lost_corrections(store: &dyn Store, before: &Home, last: Option<Uuid>, corrected: i64) {
    let Some(known) = before.last_correction.filter(|known| Some(*known) != last) else { return };
    let Ok(log) = store.corrections(MAX_CORRECTIONS).await else { return };
    if log.len() < MAX_CORRECTIONS && log.iter().all(|record| record.id != known) {
        warn!(
            lost = %known,
            changed_before = before.corrected,
            changed_now = corrected,
            "the store has lost corrections: at least the latest one that it had. `tallymark corrections` lists \
             those that are left; repeat the others"
        );
    }
}

/// What was adopted.
pub(crate) struct AdoptedStore {
    pub(crate) identity: Uuid,
    pub(crate) total: u64,
    /// What the data directory had counted into another store: its address, and how much.
    pub(crate) other: Option<(String, u64)>,
    /// There was no such database, and it was created.
    pub(crate) new: bool,
}

/// The operator adopts the configured store.
pub(crate) async fn adopt(config: &Config) -> Result<AdoptedStore> {
    // A damaged file is repaired by this.
    let home = Home::read(&config.data_dir).unwrap_or_default();
    let embedded = matches!(config.store, StoreUrl::Sqlite(_));
    let new = nothing_at(&config.store);
    let store = tallymark_store::open(&config.store, config.retention).await?;
    let identity = if embedded {
        store.identity().await?
    } else if Outbox::exists(&config.data_dir) {
        let identity = store.adopt(Some(Outbox::known(&config.data_dir)?)).await?;
        Outbox::adopt(&config.data_dir, identity)?;
        identity
    } else {
        if home.is_none() && store.positions(None).await.is_ok() {
            // There is nothing to decide, so another directory was meant. The error says that there is no outbox.
            Outbox::known(&config.data_dir)?;
        }
        store.adopt(None).await?
    };
    let total = total(&*store, config).await?;
    let last_correction = store.corrections(1).await?.first().map(|record| record.id);
    let other = home.as_ref().filter(|home| home.store != identity.to_string());
    let other = other.map(|home| (home.url.clone(), home.had()));
    let left =
        home.and_then(|home| if home.store == identity.to_string() { home.left } else { Some(home.url) });
    let (store, url) = (identity.to_string(), shown(&config.store));
    let StoreTotal { ever, corrected } = total;
    Home { store, url, total: ever, corrected, last_correction, left }.write(&config.data_dir)?;
    Ok(AdoptedStore { identity, total: total.now(), other, new })
}

/// The command that adopts the unexpected store; it works in any directory of this machine.
pub(crate) fn adopt_command(config: &Config) -> Result<String> {
    let data_dir = std::path::absolute(&config.data_dir).context("finding the data directory")?;
    let store = shown(&config.store);
    let password = if store.contains("***") { " (replace *** with the password)" } else { "" };
    let user = User::current().map_or_else(|| "this daemon's user".to_owned(), |user| user.to_string());
    let (store, data_dir) = (shell_word(Path::new(&store)), shell_word(&data_dir));
    Ok(format!("run as {user}: tallymark store adopt --store {store} --data-dir {data_dir}{password}"))
}

/// The address without its password, and with the full path.
pub(crate) fn shown(store: &StoreUrl) -> String {
    match store {
        StoreUrl::Sqlite(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            StoreUrl::Sqlite(path).to_string()
        }
        StoreUrl::Redis(_) => store.to_string(),
    }
}

/// How often totals are read until no correction came in between.
const READINGS: u32 = 10;

/// What a store has over all events.
#[derive(Clone, Copy, Debug)]
struct StoreTotal {
    /// Everything that was ever counted in it, whatever was corrected since.
    ever: u64,
    /// By how much corrections have changed that.
    corrected: i64,
}

impl StoreTotal {
    fn now(self) -> u64 {
        self.ever.saturating_add_signed(self.corrected)
    }
}

async fn total(store: &dyn Store, config: &Config) -> Result<StoreTotal, StoreError> {
    let mut known: Vec<Event> = config.routes.as_slice().iter().map(|route| route.event).collect();
    known.push(Event::HIT);
    known.sort_unstable();
    known.dedup();
    let mut sum = StoreTotal { ever: 0, corrected: 0 };
    for event in known {
        // What operators have taken away is not missing. A correction between the two readings would look like hits that
        // are, so they are read again; corrections are rare.
        let mut corrected = store.corrected(event).await?;
        let mut totals = store.totals(event, &[Name::all()]).await?;
        for _ in 0..READINGS {
            let again = store.corrected(event).await?;
            if again == corrected {
                break;
            }
            corrected = again;
            totals = store.totals(event, &[Name::all()]).await?;
        }
        for total in totals {
            sum.ever = sum.ever.saturating_add(total.saturating_sub(corrected).unsigned_abs());
        }
        sum.corrected = sum.corrected.saturating_add(corrected);
    }
    Ok(sum)
}
