//! `tallymark store copy FROM TO`: all of a store into an empty one, also while a daemon counts.
//!
//! While the daemon runs, every name is copied, and then again whatever has changed since. When the copy has caught up, the
//! operator restarts the daemon with the new store. The new daemon waits (see [`StoreCopying`]) until the rest is copied,
//! which is what changed in the last moment; nothing counts meanwhile, as in any restart. Without a daemon, all of it is
//! that rest. The data directory then counts into the new store. Whatever is killed on the way, running it again ends with the
//! same numbers, because both stores are compared and nothing is remembered.

mod rest;
mod target;

use super::{CommonFlags, block_on, must_exist, out};
use crate::{
    config::Config,
    home::{self, shown},
    progress, user,
};
use anyhow::{Result, bail, ensure};
use clap::Args;
use rest::{CopySums, sums};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tallymark_core::{MAX_VISITS, Position};
use tallymark_ingest::{
    DirLock, InstanceError, StoreCopying, WaitingDaemon,
    import::named_instance,
    moving::{StoreSync, SyncError},
};
use tallymark_store::{Retention, Store, StoreUrl, outbox::Outbox};
use thousands::Separable;
use tracing::info;

/// How often the log of changes is read while the copy has caught up.
const FOLLOW: Duration = Duration::from_millis(500);
/// How often to look whether a daemon that was stopped has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// So few names that changed since the last look are caught up with.
const FEW: usize = 2000;

/// Copies a store into an empty one, with everything that belongs to it; the data directory then counts into that one. A
/// daemon may run: when the copy says that it has caught up, change `url` under `[store]` and restart the daemon, which
/// waits for the rest. See `tallymark help transfer`.
#[derive(Debug, Args)]
pub(super) struct StoreCopy {
    /// The store to copy: sqlite:PATH or redis://HOST.
    #[arg(value_parser = crate::config::store_url)]
    from: StoreUrl,
    /// The store that gets everything. It is made if it does not exist.
    #[arg(value_parser = crate::config::store_url)]
    to: StoreUrl,
    /// Do not wait for daemons that hold back the hours and minutes of their last hits, and do not run any more. These
    /// hours and minutes are missing then; totals and days are not.
    #[arg(long)]
    without_held_back: bool,
}

/// What the new store remembers of a copy.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CopyMark {
    /// What there was, once all of it was copied.
    events: CopySums,
    done: bool,
}

/// What was done.
#[derive(Serialize)]
struct CopyReport {
    from: String,
    to: String,
    names: u64,
    total: i64,
    positions: u64,
    corrections: u64,
    /// Things on shelves: avatars, statistics, tracked accounts, pauses.
    kept: u64,
    /// Idempotency keys, imports, and whatever else has numbered batches.
    instances: u64,
    /// Whether the data directory counts into the new store from now on.
    adopted: bool,
}

/// The stores, and what is known about them.
struct Copying<'a> {
    copy: &'a StoreCopy,
    config: &'a Config,
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
    /// The position of this copy in the new store.
    name: String,
}

impl StoreCopy {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        ensure!(shown(&self.from) != shown(&self.to), "both are {}: nothing to copy", shown(&self.to));
        user::may_write(&config.data_dir)?;
        user::may_write_store(&self.to)?;
        if let StoreUrl::Sqlite(path) = &self.from {
            must_exist(path)?;
        }
        // As many visits stay as the new store will keep.
        let visits = if config.retention.visits > 0 { config.retention.visits } else { MAX_VISITS };
        let retention = Retention { visits, ..config.retention };
        block_on(async {
            let lock = lock(&config)?;
            if lock.is_some() {
                self.check_waiting(&config)?;
            }
            let _copying = StoreCopying::begin(&config.data_dir)?;
            let from = tallymark_store::open(&self.from, retention).await?;
            let to = tallymark_store::open(&self.to, retention).await?;
            let name = format!("copy:{}", from.identity().await?);
            let copying = Copying { copy: &self, config: &config, from, to, name };
            let report = copying.run(lock, retention).await?;
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    /// Hits that wait in an outbox are in neither store.
    fn check_waiting(&self, config: &Config) -> Result<()> {
        let waiting = Outbox::waiting(&config.data_dir)?;
        ensure!(
            waiting == 0,
            "{} wait in the outbox of {} for {}: start the daemon once more with that store, so that they are \
             sent, then run this again",
            out::counted(waiting, "hit"),
            config.data_dir.display(),
            shown(&self.from)
        );
        Ok(())
    }
}

/// The lock of the data directory, unless a daemon has it.
fn lock(config: &Config) -> Result<Option<DirLock>> {
    match DirLock::take(&config.data_dir) {
        Ok(lock) => Ok(Some(lock)),
        Err(InstanceError::InUse(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Copying<'_> {
    async fn run(&self, lock: Option<DirLock>, retention: Retention) -> Result<CopyReport> {
        let StoreCopy { from, to, .. } = self.copy;
        let (source, target) = (self.from.identity().await?, self.to.identity().await?);
        ensure!(
            source != target,
            "{} and {} have the same identity: one is a copy of the other, or the same store",
            shown(from),
            shown(to)
        );
        if let Some(done) = self.check_target().await? {
            return self.already(done, lock).await;
        }
        self.check_not_ours(target)?;
        if lock.is_none() && home::expected(self.config)?.is_some_and(|store| store != source) {
            bail!(
                "the daemon that runs counts into another store than {}: name that one, or stop the daemon",
                shown(from)
            );
        }
        // An emptied store must not look like one whose names were deleted.
        self.from.set_ours(Some(source));
        let begun = self.mark(CopySums::new(), false);
        let stores = (self.from.clone(), self.to.clone());
        let holds_back = matches!(from, StoreUrl::Redis(_));
        let sync = StoreSync::begin(stores, named_instance(&self.name), begun, retention, holds_back);
        let mut sync = sync.await.map_err(advised)?;
        // Two copies that start at the same moment both pass the first check. Each has left its mark by now, so at least one
        // of them sees the other.
        self.check_alone().await?;
        self.gather().await?;
        let all = sums(&*self.from).await?.values().map(|(names, _)| names).sum();
        let bar = progress::bar("copying", all);
        sync.everything(&|| bar.inc(1)).await.map_err(advised)?;
        bar.finish_and_clear();
        let lock = match lock {
            Some(lock) => lock,
            None => self.follow(&mut sync).await?,
        };
        self.finish(sync, lock).await
    }

    fn mark(&self, events: CopySums, done: bool) -> Position {
        let mark = CopyMark { events, done };
        Position { source: self.name.clone(), state: serde_json::to_string(&mark).unwrap_or_default() }
    }

    /// Copies what the daemon counts, until another one waits for the new store and this one has ended.
    async fn follow(&self, sync: &mut StoreSync) -> Result<DirLock> {
        let (dir, to) = (&self.config.data_dir, shown(&self.copy.to));
        let mut is_told = false;
        loop {
            let changed = sync.follow().await.map_err(advised)?;
            if changed <= FEW && !is_told {
                is_told = true;
                info!(
                    "caught up after {} names: now change url under [store] to {to}, and restart the daemon. It waits until \
                     the rest is copied",
                    sync.copied().separate_with_commas()
                );
            }
            // Looked at first: what holds the lock then is the daemon that is being stopped.
            let waits = WaitingDaemon::is_there(dir);
            if waits && let Some(lock) = lock(self.config)? {
                info!("a daemon waits for {to}: copying the rest");
                self.copy.check_waiting(self.config)?;
                return Ok(lock);
            }
            match waits {
                true => tokio::time::sleep(LOOK_AGAIN).await,
                false if changed <= FEW => self.pause(FOLLOW).await,
                false => {}
            }
        }
    }

    /// Until then, or until a daemon waits.
    async fn pause(&self, long: Duration) {
        let until = tokio::time::Instant::now() + long;
        while tokio::time::Instant::now() < until && !WaitingDaemon::is_there(&self.config.data_dir) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Copies the rest, checks all of it, and lets the data directory count into the new store.
    async fn finish(&self, mut sync: StoreSync, lock: DirLock) -> Result<CopyReport> {
        let StoreCopy { from, to, .. } = self.copy;
        self.check_alone().await?;
        self.gather().await?;
        sync.finish().await.map_err(advised)?;
        let rest = self.copy_rest().await.map_err(advised_any)?;
        let (there, here) = (sums(&*self.from).await?, sums(&*self.to).await?);
        ensure!(
            there == here,
            "{} has {here:?}, and {} has {there:?}: another process counts into one of them. Stop it, and run this again; \
             until then keep using {}",
            shown(to),
            shown(from),
            shown(from)
        );
        sync.put_position(self.mark(there.clone(), true)).await.map_err(advised)?;
        let adopted = self.adopt().await?;
        drop(lock);
        let sum = |by: fn(&(u64, i64)) -> i64| there.values().map(by).fold(0i64, i64::saturating_add);
        Ok(CopyReport {
            from: shown(from),
            to: shown(to),
            names: sum(|(names, _)| i64::try_from(*names).unwrap_or(i64::MAX)).unsigned_abs(),
            total: sum(|(_, total)| *total),
            positions: rest.positions,
            corrections: rest.beside.corrections,
            kept: rest.beside.kept,
            instances: rest.beside.instances,
            adopted,
        })
    }

    /// If the data directory counts into the old store, it counts into the new one from now on. One that has no counts yet
    /// remembers these.
    async fn adopt(&self) -> Result<bool> {
        let is_ours = home::expected(self.config)? == Some(self.from.identity().await?);
        let config = Config { store: self.copy.to.clone(), ..self.config.clone() };
        match is_ours {
            true => drop(home::adopt(&config).await?),
            false => home::remembering(&config, Some(&self.to), std::future::ready(Ok(()))).await?,
        }
        Ok(is_ours)
    }

    /// A copy that was complete may have been killed before the data directory was told.
    async fn already(&self, done: CopySums, lock: Option<DirLock>) -> Result<CopyReport> {
        let StoreCopy { from, to, .. } = self.copy;
        let is_whole = lock.is_some() && sums(&*self.from).await? == done && sums(&*self.to).await? == done;
        if is_whole && self.adopt().await? {
            info!("the copy was complete before: the data directory counts into {} from now on", shown(to));
        }
        bail!("{} was copied into {} already; nothing was written", shown(from), shown(to))
    }
}

/// An error of a copy, with what helps.
fn advised(error: SyncError) -> anyhow::Error {
    advised_any(error.into())
}

fn advised_any(error: anyhow::Error) -> anyhow::Error {
    error.context("what was copied up to here stays; run the same command again to continue. The old store is as it was")
}

fn people(report: &CopyReport) -> String {
    let CopyReport { from, to, names, total, .. } = report;
    let mut text = format!(
        "copied {} with {} in all from {from} to {to}\n",
        out::counted(*names, "counter"),
        total.separate_with_commas(),
    );
    let beside = [
        (report.positions, "position of a log or an import", "positions of logs and imports"),
        (report.corrections, "entry in the log of corrections", "entries in the log of corrections"),
        (report.kept, "avatar, statistic, account or pause", "avatars, statistics, accounts and pauses"),
        (
            report.instances,
            "idempotency key, import or other daemon",
            "idempotency keys, imports and other daemons",
        ),
    ];
    for (count, one, many) in beside.into_iter().filter(|(count, ..)| *count > 0) {
        text += &format!("  {} {}\n", count.separate_with_commas(), if count == 1 { one } else { many });
    }
    text += match report.adopted {
        true => {
            "This data directory counts into the new store from now on. Make sure that url under [store], or --store, \
                 names it, and that a daemon runs.\n"
        }
        false => "This data directory has not counted into the old store.\n",
    };
    text + "Keep the old store until the new one shows what it should.\n"
}
