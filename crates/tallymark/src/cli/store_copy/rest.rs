//! What is copied when nothing counts any more, beside the counts: positions, and everything that is neither.

use super::Copying;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use tallymark_core::{Counts, Name, Position};
use tallymark_ingest::{
    Errand, Instance, PAUSES,
    import::named_instance,
    moving::{BesideCounts, copy_beside, every_event},
};
use tallymark_store::{Store, StoreUrl, outbox::Outbox};
use uuid::Uuid;

/// How far above the last number that is known to be applied others may have been given.
const FAR: u64 = 1_000_000;

/// How many names and how much in all each event has.
pub(super) type CopySums = BTreeMap<String, (u64, i64)>;

/// The sums of a store; events without either are left out.
pub(super) async fn sums(store: &dyn Store) -> Result<CopySums> {
    let mut sums = CopySums::new();
    for event in every_event(store).await? {
        let total = store.totals(event, &[Name::all()]).await?.first().copied().unwrap_or(0);
        let names = store.name_count(event).await?;
        if names > 0 || total > 0 {
            sums.insert(event.to_string(), (names, total));
        }
    }
    Ok(sums)
}

/// How much of it there was.
pub(super) struct CopiedRest {
    pub(super) positions: u64,
    pub(super) beside: BesideCounts,
}

impl Copying<'_> {
    pub(super) async fn copy_rest(&self) -> Result<CopiedRest> {
        let own = OwnInstance::of(self)?;
        // Copies of other stores are of no use to this one, and this one is under way.
        let known = [self.from.positions(None).await?, self.to.positions(None).await?].concat();
        let copies = known.iter().map(|(_, position)| &position.source).filter(|source| is_copy(source));
        let mut but: BTreeSet<Uuid> = copies.map(|source| named_instance(source)).collect();
        but.insert(named_instance(&self.name));
        but.extend(own.in_from);
        but.extend(own.in_to);
        let shelves = [&tallymark_github::SHELVES[..], &tallymark_news::SHELVES[..], &[PAUSES]].concat();
        let beside = copy_beside(&self.from, &self.to, &shelves, &but).await?;
        let positions = self.copy_positions(&own).await?;
        Ok(CopiedRest { positions, beside })
    }

    /// Copies the positions of every instance. Those of this data directory go under the instance by which it will count
    /// into the new store, with a number above those that its outbox has given: the daemon then takes them from the store, as
    /// after a restore. Answers how many there are.
    async fn copy_positions(&self, own: &OwnInstance) -> Result<u64> {
        let mut wanted: BTreeMap<Uuid, BTreeMap<String, String>> = BTreeMap::new();
        let mut copied = 0;
        for (instance, position) in self.from.positions(None).await? {
            let is_own = Some(instance) == own.in_from;
            // What is left under it is older than what the data directory has counted since under another.
            if is_copy(&position.source) || (!is_own && Some(instance) == own.in_to) {
                continue;
            }
            let instance = own.in_to.filter(|_| is_own).unwrap_or(instance);
            wanted.entry(instance).or_default().insert(position.source, position.state);
            copied += 1;
        }
        let mut missing = wanted.clone();
        for (instance, Position { source, state }) in self.to.positions(None).await? {
            if is_copy(&source) {
                continue;
            }
            let of_instance = missing.entry(instance).or_default();
            match wanted.get(&instance).and_then(|wanted| wanted.get(&source)) {
                Some(same) if *same == state => _ = of_instance.remove(&source),
                Some(_) => {}
                // An earlier run has brought it, and it is gone since. An empty state deletes it.
                None => _ = of_instance.insert(source, String::new()),
            }
        }
        // Also without any position: batches that the old store has are in the outbox still, and must not be sent to this one.
        if let Some(own) = own.in_to {
            missing.entry(own).or_default();
        }
        for (instance, positions) in missing {
            let least = if Some(instance) == own.in_to { own.least } else { 0 };
            if positions.is_empty() && least == 0 {
                continue;
            }
            let mut errand = Errand::new(self.to.clone(), instance);
            let claim = errand.claim_from(least).await?;
            let position = |(source, state)| Position { source, state };
            let positions = positions.into_iter().map(position).collect();
            let counts = Counts { positions, ..Counts::default() };
            errand.apply(&tallymark_core::batches(instance, claim.marker + 1, counts)).await?;
        }
        Ok(copied)
    }
}

pub(super) fn is_copy(source: &str) -> bool {
    source.starts_with("copy:")
}

/// Under which instance this data directory counts. An outbox can have its own: after a restore it continues under a
/// new one.
pub(super) struct OwnInstance {
    in_from: Option<Uuid>,
    pub(super) in_to: Option<Uuid>,
    /// Above every number that its outbox has given.
    least: u64,
}

impl OwnInstance {
    pub(super) fn of(copying: &Copying<'_>) -> Result<OwnInstance> {
        let data_dir = &copying.config.data_dir;
        let path = data_dir.join(Instance::FILE);
        let kept = match std::fs::read_to_string(&path) {
            Ok(text) => Some(
                text.trim().parse().with_context(|| format!("reading the instance in {}", path.display()))?,
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let outbox = match Outbox::exists(data_dir) {
            true => Some(Outbox::known(data_dir)?),
            false => None,
        };
        let of = |store: &StoreUrl| match store {
            StoreUrl::Redis(_) => outbox.map(|(instance, _)| instance).or(kept),
            StoreUrl::Sqlite(_) => kept,
        };
        let least = outbox.map_or(0, |(_, applied)| applied.saturating_add(FAR));
        Ok(OwnInstance { in_from: of(&copying.copy.from), in_to: of(&copying.copy.to), least })
    }
}
