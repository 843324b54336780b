//! What is beside the counts, from one store to another: shelves, instances, the log of corrections, and the keys of days.

use super::sync::SyncError;
use crate::clock::now;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tallymark_core::MAX_CORRECTIONS;
use tallymark_store::{InstanceMark, KnownCorrection, Shelf, Store, StoreError};
use uuid::Uuid;

/// How much of it there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BesideCounts {
    /// Things on shelves.
    pub kept: u64,
    /// Parts in the log of corrections.
    pub corrections: u64,
    /// Idempotency keys, imports, and whatever else has numbered batches.
    pub instances: u64,
}

/// Makes `to` have what `from` has. Nothing writes to either of them meanwhile. The instances in `but` are left alone.
///
/// # Errors
///
/// A store does not answer, or refuses.
pub async fn copy_beside(
    from: &Arc<dyn Store>,
    to: &Arc<dyn Store>,
    shelves: &[Shelf],
    but: &BTreeSet<Uuid>,
) -> Result<BesideCounts, SyncError> {
    let mut copied = BesideCounts::default();
    for shelf in shelves {
        copied.kept += copy_shelf(&**from, &**to, *shelf).await?;
    }
    copied.corrections = copy_corrections(&**from, &**to).await?;
    copied.instances = copy_marks(&**from, &**to, but).await?;
    to.put_day_keys(from.day_keys(now().day()).await?).await?;
    Ok(copied)
}

async fn copy_shelf(from: &dyn Store, to: &dyn Store, shelf: Shelf) -> Result<u64, StoreError> {
    let wanted: BTreeMap<String, Option<u64>> = from.sight(shelf).await?.kept.into_iter().collect();
    let has: BTreeMap<String, Option<u64>> = to.sight(shelf).await?.kept.into_iter().collect();
    let mut copied = 0;
    for (key, until) in &wanted {
        // It may have expired meanwhile.
        let Some(thing) = from.kept(shelf, key).await? else { continue };
        copied += 1;
        let is_there = has.get(key) == Some(until) && to.kept(shelf, key).await?.as_ref() == Some(&thing);
        if !is_there {
            to.keep(shelf, key, thing, *until).await?;
        }
    }
    for key in has.keys().filter(|key| !wanted.contains_key(*key)) {
        to.discard(shelf, key).await?;
    }
    Ok(copied)
}

async fn copy_corrections(from: &dyn Store, to: &dyn Store) -> Result<u64, StoreError> {
    let mut log = Vec::new();
    for record in from.corrections(MAX_CORRECTIONS).await? {
        let differences = from.differences(record.id, record.part).await?.unwrap_or_default();
        log.push(KnownCorrection { record, differences });
    }
    let mut corrected = Vec::new();
    for event in super::every_event(from).await? {
        corrected.push((event, from.corrected(event).await?));
    }
    let count = log.len() as u64;
    to.put_corrections(log, corrected).await?;
    Ok(count)
}

async fn copy_marks(from: &dyn Store, to: &dyn Store, but: &BTreeSet<Uuid>) -> Result<u64, StoreError> {
    let (mut seen, mut start) = (0, None);
    loop {
        let page = from.marks(start.as_deref()).await?;
        let is_wanted = |mark: &InstanceMark| !but.contains(&mark.instance);
        let marks: Vec<InstanceMark> = page.marks.into_iter().filter(is_wanted).collect();
        seen += marks.len() as u64;
        to.put_marks(marks).await?;
        start = page.next;
        if start.is_none() {
            return Ok(seen);
        }
    }
}
