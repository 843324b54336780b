//! Whether the new store may be made equal to the old one: it has nothing but what this copy has brought, and the old one has
//! every hour and minute of its hits. A copy takes away what the old store does not have, so in doubt it refuses.

use super::{
    CopyMark, Copying,
    rest::{CopySums, OwnInstance, is_copy, sums},
};
use crate::{
    cli::out,
    home::{self, shown},
};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use tallymark_ingest::{Errand, PAUSES, gather_held_back, import::named_instance};
use tallymark_store::StoreUrl;
use uuid::Uuid;

impl Copying<'_> {
    /// A store that is empty, or has what an interrupted run of the same copy has brought. Answers what a complete one had.
    pub(super) async fn check_target(&self) -> Result<Option<CopySums>> {
        let instance = named_instance(&self.name);
        let there = self.to.positions(Some(instance)).await?;
        let Some((_, position)) = there.into_iter().find(|(_, position)| position.source == self.name) else {
            self.check_empty().await?;
            return Ok(None);
        };
        let mark: CopyMark =
            serde_json::from_str(&position.state).context("reading what was copied before")?;
        if mark.done {
            return Ok(Some(mark.events));
        }
        self.check_alone().await?;
        self.check_strangers().await?;
        Ok(None)
    }

    async fn check_empty(&self) -> Result<()> {
        let to = shown(&self.copy.to);
        let has: u64 = sums(&*self.to).await?.values().map(|(names, _)| names).sum();
        ensure!(
            has == 0,
            "{to} has {} already: copy into an empty store, or add the counts with `tallymark export jsonl` and \
             `import jsonl`",
            out::counted(has, "name")
        );
        ensure!(
            self.to.corrections(1).await?.is_empty() && self.to.sight(PAUSES).await?.kept.is_empty(),
            "{to} has no names, but corrections or pauses, which a copy would take away: copy into an empty store"
        );
        self.check_alone().await
    }

    /// What the data directory has counted into the new store would be taken away.
    pub(super) fn check_not_ours(&self, target: Uuid) -> Result<()> {
        let (from, to) = (shown(&self.copy.from), shown(&self.copy.to));
        ensure!(
            home::expected(self.config)? != Some(target),
            "{} counts into {to} already, and a copy of {from} would take away what was counted there since. Copy {from} \
             into an empty store; or, to go back to {from}: tallymark store adopt --store {from}",
            self.config.data_dir.display()
        );
        Ok(())
    }

    /// Copies of two stores into one would take away each other's counts.
    pub(super) async fn check_alone(&self) -> Result<()> {
        let to = shown(&self.copy.to);
        let positions = self.to.positions(None).await?;
        let other =
            positions.iter().any(|(_, position)| is_copy(&position.source) && position.source != self.name);
        ensure!(
            !other,
            "{to} has, or is getting, a copy of another store, and one of the two would take away the counts of the other. \
             Copy into an empty store; to add these counts: tallymark export jsonl, and import jsonl"
        );
        Ok(())
    }

    /// Whether something else has written to the new store since an interrupted run.
    async fn check_strangers(&self) -> Result<()> {
        let mut strangers = BTreeSet::new();
        let known = [Some(named_instance(&self.name)), OwnInstance::of(self)?.in_to];
        let mut start = None;
        loop {
            let page = self.to.marks(start.as_deref()).await?;
            let others =
                page.marks.iter().filter(|mark| mark.seq > 0 && !known.contains(&Some(mark.instance)));
            strangers.extend(others.map(|mark| mark.instance));
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        while !strangers.is_empty() {
            let page = self.from.marks(start.as_deref()).await?;
            for mark in page.marks {
                strangers.remove(&mark.instance);
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        let (from, to) = (shown(&self.copy.from), shown(&self.copy.to));
        ensure!(
            strangers.is_empty(),
            "something else has counted into {to} since the copy was interrupted, and copying on would take that away: copy \
             {from} into an empty store"
        );
        Ok(())
    }

    /// Waits until the old store has every hour and minute of its hits: what is written later would be in no copy.
    pub(super) async fn gather(&self) -> Result<()> {
        if !matches!(self.copy.from, StoreUrl::Redis(_)) {
            return Ok(());
        }
        let mut errand = Errand::new(self.from.clone(), named_instance(&self.name));
        errand.claim().await?;
        let owing = gather_held_back(&*self.from, &|| ()).await?;
        let from = shown(&self.copy.from);
        if self.copy.without_held_back && !owing.is_empty() {
            tracing::warn!(
                daemons = ?owing,
                "hours and minutes that {} held back and did not write are not in the copy; totals and days are",
                out::counted(owing.len() as u64, "daemon")
            );
            return Ok(self.from.wait_no_more(&owing).await?);
        }
        ensure!(
            owing.is_empty(),
            "{} held back hours and minutes of the last hits and did not answer: start each daemon that counts into {from} \
             once more with that store, so that it writes them, then run this again. If one of them will never run again: \
             --without-held-back copies the rest, with every total and day",
            out::counted(owing.len() as u64, "daemon")
        );
        Ok(())
    }
}
