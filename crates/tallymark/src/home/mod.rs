//! The store that a data directory has counted into, in its file `store.json`.
//!
//! Badges that restart at 0 would look healthy. So the data directory remembers which store has its counts, and how
//! many there were. Every command that opens a store checks here first, and a store without these counts is refused.
//! The daemon writes the file, and so does every command that writes to the store; `store adopt` replaces it when the
//! operator has decided. It never determines where to connect: the configuration does.

mod file;
mod keep;
mod total;

pub(crate) use self::{
    file::{DamagedHome, FILE, examine, remember_backup, shown},
    keep::{Shortfall, keep, remembering},
};

use self::{file::Home, total::StoreState};
use crate::config::Config;
use anyhow::{Context, Result};
use std::{collections::BTreeSet, fmt, io, path::Path, sync::Arc};
use tallymark_ingest::{
    StoreCopying,
    import::snow_trace::{TRACED, totals_file},
};
use tallymark_store::{
    Store, StoreError, StoreUrl,
    outbox::Outbox,
    owner::{User, shell_word},
};
use thousands::Separable;
use tracing::{debug, warn};
use uuid::Uuid;

/// The store is not that of the data directory, and lacks its counts.
#[derive(Debug)]
pub(crate) struct OtherStore(String);

impl fmt::Display for OtherStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OtherStore {}

impl Home {
    /// Fails if the store is another one; an older copy of itself is only told.
    async fn check(&self, config: &Config, store: &dyn Store, identity: Uuid) -> Result<()> {
        let has = StoreState::of(store, config, &self.events).await.map(|state| state.total);
        if identity.to_string() != self.store {
            return Err(self.refuse(config, &InsteadOfIt::Other(has.map(|has| has.now())))?.into());
        }
        if let Ok(has) = has
            && has.ever < self.total
        {
            warn!(
                had = self.total,
                has = has.ever,
                "the store has fewer hits than this data directory has counted into it: is it an older backup?"
            );
        }
        Ok(())
    }

    /// The command that copies the store into that of `config`.
    fn copy_command(&self, config: &Config) -> Result<String> {
        let data_dir = std::path::absolute(&config.data_dir).context("finding the data directory")?;
        let to = shown(&config.store);
        let [from, to] = [&self.url, &to].map(|url| shell_word(Path::new(url)));
        Ok(format!("tallymark store copy {from} {to} --data-dir {}", shell_word(&data_dir)))
    }

    /// Why the store of `config` is refused, and what to do. `found` says what is there.
    fn refuse(&self, config: &Config, found: &InsteadOfIt) -> Result<OtherStore> {
        let waiting = match Outbox::waiting(&config.data_dir) {
            Ok(0) => String::new(),
            Ok(hits) => format!(" {} hits wait in its outbox for a store.", hits.separate_with_commas()),
            Err(error) => format!(" How many hits wait in its outbox for a store is not known: {error}."),
        };
        let (what, helps) = if self.url == shown(&config.store) {
            (found.at_its_place(&config.store), put_back(&config.store).to_owned())
        } else {
            let helps = format!(
                "Put the right store back, or choose it with --store. To take its counts along into an empty store, run \
                 `{}`",
                self.copy_command(config)?
            );
            (found.elsewhere(&config.store), helps)
        };
        Ok(OtherStore(format!(
            "the data directory {} counts into the store {}, which had {}; {what}.{waiting} {helps}. To continue with \
             {} without those counts, {}",
            config.data_dir.display(),
            self.url,
            self.had_in_words(),
            config.store,
            adopt_command(config)?
        )))
    }
}

/// What there is instead of the store that has the counts.
enum InsteadOfIt {
    Nothing,
    Other(Result<u64, StoreError>),
}

impl InsteadOfIt {
    /// Where the store with the counts was before.
    fn at_its_place(&self, store: &StoreUrl) -> String {
        match (self, store) {
            (InsteadOfIt::Nothing, StoreUrl::Sqlite(path)) => {
                format!("there is nothing at {} any more: it was deleted, or moved", path.display())
            }
            (InsteadOfIt::Nothing, StoreUrl::Redis(_)) => "there is nothing any more".to_owned(),
            (InsteadOfIt::Other(Ok(0)), _) => {
                "it was emptied, or a new one is in its place: it is a different store and has 0".to_owned()
            }
            (InsteadOfIt::Other(has), _) => {
                format!("another one is in its place: it is a different store and {}", in_words(has))
            }
        }
    }

    fn elsewhere(&self, store: &StoreUrl) -> String {
        match (self, store) {
            (InsteadOfIt::Nothing, StoreUrl::Sqlite(path)) => {
                format!("there is nothing at {}", path.display())
            }
            (InsteadOfIt::Nothing, StoreUrl::Redis(_)) => format!("there is nothing at {store}"),
            (InsteadOfIt::Other(has), _) => format!("{store} is a different store and {}", in_words(has)),
        }
    }
}

fn put_back(store: &StoreUrl) -> &'static str {
    match store {
        StoreUrl::Sqlite(_) => "Put the file back, or restore a backup (`tallymark restore FILE`)",
        StoreUrl::Redis(_) => "Put its data back: Redis reads its own files (AOF, RDB) when it starts",
    }
}

fn in_words(has: &Result<u64, StoreError>) -> String {
    match has {
        Ok(has) => format!("has {}", has.separate_with_commas()),
        Err(error) => format!("does not say how many it has: {error}"),
    }
}

/// The counts of the data directory that a different store would lack.
fn counts_of(config: &Config) -> Result<Option<Home>> {
    Ok(Home::read(&config.data_dir)?.filter(Home::has_counts))
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

/// Why snow-trace's data is not imported where Tallymark would put its own files among it. Where it already has counts, it
/// is too late.
pub(crate) fn would_mix(config: &Config, imported: &Path) -> Result<Option<String>> {
    let place = |dir: &Path| std::fs::canonicalize(dir).ok();
    let is_same = place(&config.data_dir).is_some_and(|data_dir| place(imported) == Some(data_dir));
    if !is_same || counts_of(config)?.is_some() {
        return Ok(None);
    }
    Ok(Some(format!(
        "data-dir: {dir} is snow-trace's own directory (its variable DATA_DIR names ours too), and Tallymark would put its \
         files among that data. Give Tallymark a data directory of its own: tallymark --data-dir NEW import snow-trace {word}",
        dir = config.data_dir.display(),
        word = shell_word(imported)
    )))
}

/// Opens the store to count into it. A Redis that was emptied, or replaced at the same address, does not prevent a
/// start: the writer halts, and hits wait in the outbox instead of being lost.
pub(crate) async fn open_to_count(config: &Config) -> Result<Arc<dyn Store>> {
    let home = counts_of(config)?;
    let buffers =
        |home: &Home| matches!(config.store, StoreUrl::Redis(_)) && home.url == shown(&config.store);
    open_as(config, home.filter(|home| !buffers(home))).await
}

/// Opens the store, unless the data directory has counted into another.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Store>> {
    open_as(config, counts_of(config)?).await
}

/// The same for a command that brings counts: the data directory has to know of them, so it is made if need be.
pub(crate) async fn open_to_bring(config: &Config) -> Result<Arc<dyn Store>> {
    let store = open(config).await?;
    if let Err(error) = std::fs::create_dir_all(&config.data_dir) {
        warn!(
            "which store has the counts is not remembered: the data directory {} cannot be created: {error}",
            config.data_dir.display()
        );
    }
    Ok(store)
}

/// Whether opening this store would create it.
fn nothing_at(store: &StoreUrl) -> bool {
    let StoreUrl::Sqlite(path) = store else { return false };
    std::fs::metadata(path)
        .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |found| found.len() == 0)
}

async fn open_as(config: &Config, home: Option<Home>) -> Result<Arc<dyn Store>> {
    if let (Some(home), true) = (&home, nothing_at(&config.store)) {
        // This comes before it is created.
        return Err(home.refuse(config, &InsteadOfIt::Nothing)?.into());
    }
    let store = tallymark_store::open(&config.store, config.retention).await?;
    if let Some(home) = home {
        match store.identity().await {
            Ok(identity) => home.check(config, &*store, identity).await?,
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
    let elsewhere = || Ok(counts_of(config)?.is_some_and(|home| home.url != shown(&config.store)));
    if StoreCopying::is_running(&config.data_dir) { elsewhere() } else { Ok(false) }
}

/// The identity of the store that the data directory has counted into, if any.
pub(crate) fn expected(config: &Config) -> Result<Option<Uuid>> {
    Ok(counts_of(config)?.and_then(|home| home.store.parse().ok()))
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
    let state = StoreState::of(&*store, config, &BTreeSet::new()).await?;
    let other = home.as_ref().filter(|home| home.store != identity.to_string());
    let other = other.map(|home| (home.url.clone(), home.had()));
    let left =
        home.and_then(|home| if home.store == identity.to_string() { home.left } else { Some(home.url) });
    let now = Home { left, ..Home::seen(None, identity, &config.store, &state) };
    Home::update(&config.data_dir, |_| Some(now))?;
    Ok(AdoptedStore { identity, total: state.total.now(), other, new })
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
