//! `tallymark store copy FROM TO`: every count into an empty store, while nothing counts.
//!
//! It uses the records of an export, and copies the positions of log files too, so that reading continues where it was.
//! It refuses while a daemon holds the data directory, because hits that arrive meanwhile would be in one store only.

use super::{CommonFlags, block_on, import, must_exist, out};
use crate::{
    config::Config,
    home::{self, shown},
    progress, user,
};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use tallymark_core::{Counts, Event, Name, Position};
use tallymark_ingest::{
    DirLock, Errand, Instance,
    import::named_instance,
    moving::{Arrivals, NameRecords, every_event},
};
use tallymark_store::{Store, StoreUrl, outbox::Outbox};
use thousands::Separable;
use uuid::Uuid;

/// How far above the last number that is known to be applied others may have been given.
const FAR: u64 = 1_000_000;

/// Copies every count into an empty store; the data directory then counts into that one. The daemon must be stopped. See
/// `tallymark help transfer`.
#[derive(Debug, Args)]
pub(super) struct StoreCopy {
    /// The store to copy: sqlite:PATH or redis://HOST.
    #[arg(value_parser = crate::config::store_url)]
    from: StoreUrl,
    /// The store that gets the counts. It is made if it does not exist.
    #[arg(value_parser = crate::config::store_url)]
    to: StoreUrl,
}

/// What the new store remembers of a copy.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CopyMark {
    /// What there was to copy, of each event: its names and its total.
    events: BTreeMap<String, (u64, i64)>,
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
    /// Whether the data directory counts into the new store from now on.
    adopted: bool,
}

impl StoreCopy {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        ensure!(shown(&self.from) != shown(&self.to), "both are {}: nothing to copy", shown(&self.to));
        user::may_write(&config.data_dir)?;
        user::may_write_store(&self.to)?;
        let _lock = DirLock::take(&config.data_dir).context(
            "stop the daemon first (`systemctl stop tallymark`): hits that come while a store is copied would be in one \
             of the two only. Copying while it counts is not possible",
        )?;
        if let StoreUrl::Sqlite(path) = &self.from {
            must_exist(path)?;
        }
        let waiting = Outbox::waiting(&config.data_dir)?;
        ensure!(
            waiting == 0,
            "{} wait in the outbox of {} for {}: start the daemon once more with that store, so that they get there, then \
             stop it and copy",
            out::counted(waiting, "hit"),
            config.data_dir.display(),
            shown(&self.from)
        );
        block_on(async {
            let from = tallymark_store::open(&self.from, config.retention).await?;
            let to = tallymark_store::open(&self.to, config.retention).await?;
            let report = self.copy(&config, &from, &to).await?;
            if common.json { out::json(&report) } else { out::print(&people(&report)) }
        })
    }

    async fn copy(&self, config: &Config, from: &Arc<dyn Store>, to: &Arc<dyn Store>) -> Result<CopyReport> {
        let (source, target) = (from.identity().await?, to.identity().await?);
        ensure!(
            source != target,
            "{} and {} have the same identity: one is a copy of the other, or the same store",
            shown(&self.from),
            shown(&self.to)
        );
        let name = format!("copy:{source}");
        let instance = named_instance(&name);
        let events = sums(&**from).await?;
        self.check_target(&**to, instance, &name, &events).await?;
        let mark = |done| {
            let mark = CopyMark { events: events.clone(), done };
            Position { source: name.clone(), state: serde_json::to_string(&mark).unwrap_or_default() }
        };
        let mut arrivals = Arrivals::new(to.clone(), instance);
        arrivals.begin(mark(false)).await.map_err(import::why)?;
        let bar = progress::bar("copying", events.values().map(|(names, _)| names).sum());
        for event in every_event(&**from).await? {
            let mut records = NameRecords::of(from.clone(), event).await?;
            while let Some((_, record)) = records.next().await {
                bar.inc(1);
                if let Some(record) = record? {
                    let arriving = record.arriving().with_context(|| format!("copying {}", record.name))?;
                    arrivals.bring(arriving).await.map_err(import::why)?;
                }
            }
        }
        let own = OwnInstance::of(config, &self.from, &self.to)?;
        let positions = copy_positions(&own, &**from, to).await?;
        ensure!(
            sums(&**from).await? == events,
            "{} has changed while it was copied: another daemon counts into it. Stop it, empty {} and copy again",
            shown(&self.from),
            shown(&self.to)
        );
        arrivals.finish(mark(true)).await.map_err(import::why)?;
        bar.finish_and_clear();
        let copied = sums(&**to).await?;
        ensure!(
            copied == events,
            "{} has {copied:?}, and {} has {events:?}: the copy is not whole; keep using the old store",
            shown(&self.to),
            shown(&self.from)
        );
        let adopted = home::expected(config)? == Some(source);
        if adopted {
            home::adopt(&Config { store: self.to.clone(), ..config.clone() }).await?;
        }
        let sum = |by: fn(&(u64, i64)) -> i64| events.values().map(by).fold(0i64, i64::saturating_add);
        Ok(CopyReport {
            from: shown(&self.from),
            to: shown(&self.to),
            names: sum(|(names, _)| i64::try_from(*names).unwrap_or(i64::MAX)).unsigned_abs(),
            total: sum(|(_, total)| *total),
            positions,
            adopted,
        })
    }

    /// A store that is empty, or has what an interrupted run of the same copy has brought.
    async fn check_target(
        &self,
        to: &dyn Store,
        instance: Uuid,
        name: &str,
        events: &BTreeMap<String, (u64, i64)>,
    ) -> Result<()> {
        let there =
            to.positions(Some(instance)).await?.into_iter().find(|(_, position)| position.source == name);
        let Some((_, position)) = there else {
            let has: u64 = sums(to).await?.values().map(|(names, _)| names).sum();
            ensure!(
                has == 0,
                "{} has {} already: copy into an empty store, or add the counts with `tallymark export jsonl` and \
                 `import jsonl`",
                shown(&self.to),
                out::counted(has, "name")
            );
            return Ok(());
        };
        let mark: CopyMark =
            serde_json::from_str(&position.state).context("reading what was copied before")?;
        if mark.done {
            bail!("{} was copied into {} already; nothing was written", shown(&self.from), shown(&self.to));
        }
        ensure!(
            mark.events == *events,
            "a copy into {} was interrupted, and {} has changed since: empty the former and copy again",
            shown(&self.to),
            shown(&self.from)
        );
        Ok(())
    }
}

/// How many names and how much in all each event has; events without either are left out.
async fn sums(store: &dyn Store) -> Result<BTreeMap<String, (u64, i64)>> {
    let mut sums = BTreeMap::new();
    for event in every_event(store).await? {
        let total = total(store, event).await?;
        let names = store.name_count(event).await?;
        if names > 0 || total > 0 {
            sums.insert(event.to_string(), (names, total));
        }
    }
    Ok(sums)
}

async fn total(store: &dyn Store, event: Event) -> Result<i64> {
    Ok(store.totals(event, &[Name::all()]).await?.first().copied().unwrap_or(0))
}

/// Under which instance this data directory counts. An outbox can have its own: after a restore it continues under a
/// new one.
struct OwnInstance {
    in_from: Option<Uuid>,
    in_to: Option<Uuid>,
    /// Above every number that its outbox has given.
    least: u64,
}

impl OwnInstance {
    fn of(config: &Config, from: &StoreUrl, to: &StoreUrl) -> Result<OwnInstance> {
        let path = config.data_dir.join(Instance::FILE);
        let kept = match std::fs::read_to_string(&path) {
            Ok(text) => Some(
                text.trim().parse().with_context(|| format!("reading the instance in {}", path.display()))?,
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let outbox = match Outbox::exists(&config.data_dir) {
            true => Some(Outbox::known(&config.data_dir)?),
            false => None,
        };
        let of = |store: &StoreUrl| match store {
            StoreUrl::Redis(_) => outbox.map(|(instance, _)| instance).or(kept),
            StoreUrl::Sqlite(_) => kept,
        };
        let least = outbox.map_or(0, |(_, applied)| applied.saturating_add(FAR));
        Ok(OwnInstance { in_from: of(from), in_to: of(to), least })
    }
}

/// Copies the positions of every instance. Those of this data directory go under the instance by which it will count into
/// the new store, with a number above those that its outbox has given: the daemon then takes them from the store, as after
/// a restore. Answers how many there are.
async fn copy_positions(own: &OwnInstance, from: &dyn Store, to: &Arc<dyn Store>) -> Result<u64> {
    let mut of_instances: BTreeMap<Uuid, Vec<Position>> = BTreeMap::new();
    for (instance, position) in from.positions(None).await? {
        let is_own = Some(instance) == own.in_from;
        // What is left under it is older than what the data directory has counted since under another.
        if position.source.starts_with("copy:") || (!is_own && Some(instance) == own.in_to) {
            continue;
        }
        let instance = own.in_to.filter(|_| is_own).unwrap_or(instance);
        of_instances.entry(instance).or_default().push(position);
    }
    let mut copied = 0;
    for (instance, positions) in of_instances {
        copied += positions.len() as u64;
        let least = if Some(instance) == own.in_to { own.least } else { 0 };
        let mut errand = Errand::new(to.clone(), instance);
        let claim = errand.claim_from(least).await.map_err(import::why)?;
        let counts = Counts { positions, ..Counts::default() };
        let batches = tallymark_core::batches(instance, claim.marker + 1, counts);
        errand.apply(&batches).await.map_err(import::why)?;
    }
    Ok(copied)
}

fn people(report: &CopyReport) -> String {
    let CopyReport { from, to, names, total, positions, adopted } = report;
    let mut text = format!(
        "copied {} with {} in all, and {}, from {from} to {to}\n",
        out::counted(*names, "counter"),
        total.separate_with_commas(),
        out::counted(*positions, "position"),
    );
    text += match adopted {
        true => {
            "This data directory counts into the new store from now on: set url under [store], or --store, and start \
                 the daemon.\n"
        }
        false => "This data directory has not counted into the old store, so it is left as it is.\n",
    };
    text + "Not copied: who visited on which day, the log of corrections, pauses, idempotency keys, avatars and tracked \
            GitHub accounts.\nKeep the old store until the new one shows what it should.\n"
}
