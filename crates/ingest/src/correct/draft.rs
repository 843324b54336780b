//! One part of a correction while it is assembled: name by name, and at the end the changes to the sum over all names.

use super::{brought, ledger, rules::CellChanges};
use std::collections::BTreeMap;
use tallymark_core::{
    CorrectedName, Correction, CorrectionRecord, CountCell, Day, Difference, Event, ListMove,
    MAX_CORRECTED_NAMES, MAX_DIFFERENCES, Name, PositionChange,
};
use tallymark_store::{Result, StoreRead};

/// How many days back visitors are looked for: longer than they are kept.
const VISITORS: i32 = 400;

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    cells: BTreeMap<(Event, Name), BTreeMap<CountCell, i64>>,
    lists: Vec<ListMove>,
    gone: Vec<(Event, Name)>,
    changed: Vec<CorrectedName>,
    /// What is known to have come from old badges, and by how much it changes.
    bases: BTreeMap<(Event, Name), (u64, i64)>,
    /// What else is remembered of these names, and changes.
    remembered: Vec<PositionChange>,
}

impl Draft {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// Whether another name should go into another part.
    pub(super) fn is_full(&self) -> bool {
        let cells: usize = self.cells.values().map(BTreeMap::len).sum();
        self.changed.len() >= MAX_CORRECTED_NAMES || cells >= MAX_DIFFERENCES
    }

    pub(super) fn add(&mut self, event: Event, name: &Name, cells: CellChanges) {
        let of_name = self.cells.entry((event, name.clone())).or_default();
        for (cell, by) in cells {
            let sum = of_name.entry(cell).or_default();
            *sum = sum.saturating_add(by);
        }
    }

    pub(super) fn change(&mut self, event: Event, name: &Name, before: Option<i64>, after: Option<i64>) {
        let (event, name) = (event.to_string(), name.as_str().to_owned());
        self.changed.push(CorrectedName { event, name, before, after, base: 0 });
    }

    pub(super) fn forget(&mut self, event: Event, name: &Name) {
        self.gone.push((event, name.clone()));
    }

    /// So much more or less of a changed name is known to have come from old badges. `known` is what the store has.
    pub(super) fn remember(&mut self, event: Event, name: &Name, known: u64, by: i64) {
        if by != 0 {
            let base = self.bases.entry((event, name.clone())).or_insert((known, 0));
            base.1 = base.1.saturating_add(by);
        }
    }

    /// What else is remembered of these names changes.
    pub(super) fn change_memory(&mut self, changes: Vec<PositionChange>) {
        self.remembered.extend(changes);
    }

    /// By how much the total of a name changes.
    pub(super) fn by(&self, event: Event, name: &Name) -> i64 {
        let cells = self.cells.get(&(event, name.clone()));
        cells.and_then(|cells| cells.get(&CountCell::Total)).copied().unwrap_or(0)
    }

    /// The lists of a name go, or move to another. Answers whether there are any.
    pub(super) async fn move_lists(
        &mut self,
        store: &(impl StoreRead + ?Sized),
        (event, from): (Event, &Name),
        to: Option<&Name>,
        today: Day,
    ) -> Result<bool> {
        let days = store.visitors(event, from, Day(today.0 - VISITORS), Day(today.0 + 2)).await?;
        let days: Vec<Day> = days.into_iter().map(|(day, _)| day).collect();
        if days.is_empty() && store.visits(event, from, 1).await?.is_empty() {
            return Ok(false);
        }
        self.lists.push(ListMove { event, from: from.clone(), to: to.cloned(), days });
        Ok(true)
    }

    /// Adds what all this means for the aggregates. They may lack what another program has counted, so they give no more
    /// than they have.
    pub(super) async fn finish(
        mut self,
        store: &(impl StoreRead + ?Sized),
        record: CorrectionRecord,
    ) -> Result<Correction> {
        let mut sums: BTreeMap<Event, BTreeMap<CountCell, i64>> = BTreeMap::new();
        for ((event, _), cells) in &self.cells {
            // Those of a part that is undone are known.
            if self.cells.contains_key(&(*event, Name::all())) {
                continue;
            }
            let of_event = sums.entry(*event).or_default();
            for (cell, by) in cells {
                let sum = of_event.entry(cell.clone()).or_default();
                *sum = sum.saturating_add(*by);
            }
        }
        for (event, sums) in sums {
            let cells = at_most(store, event, &Name::all(), sums).await?;
            self.add(event, &Name::all(), cells);
        }
        Ok(self.into_correction(record))
    }

    fn into_correction(mut self, record: CorrectionRecord) -> Correction {
        let mut differences = Vec::new();
        for ((event, name), cells) in self.cells {
            for (cell, by) in cells.into_iter().filter(|(_, by)| *by != 0) {
                differences.push(Difference { event, name: name.clone(), cell, by });
            }
        }
        differences.sort_unstable();
        let mut positions = Vec::new();
        for ((event, name), (known, by)) in self.bases {
            let becomes = known.saturating_add_signed(by);
            positions.extend(brought::change(event, &name, known, becomes));
            let mut changed = self.changed.iter_mut().rev();
            if let Some(changed) = changed.find(|changed| changed.key() == Some((event, name.clone()))) {
                changed.base = by;
            }
        }
        positions.extend(self.remembered.iter().cloned());
        let record = CorrectionRecord { changed: self.changed, remembered: self.remembered, ..record };
        Correction { differences, lists: self.lists, gone: self.gone, positions, record: Some(record) }
    }
}

/// Differences that take away no more than there is.
pub(super) async fn at_most(
    store: &(impl StoreRead + ?Sized),
    event: Event,
    name: &Name,
    mut cells: BTreeMap<CountCell, i64>,
) -> Result<CellChanges> {
    cells.retain(|_, by| *by != 0);
    let less = cells.iter().filter(|(_, by)| **by < 0).map(|(cell, _)| cell);
    let there = ledger::values(store, event, name, less).await?;
    let bounded = cells.into_iter().map(|(cell, by)| {
        let least = there.get(&cell).copied().unwrap_or(0).saturating_neg();
        let by = if by < 0 { by.max(least) } else { by };
        (cell, by)
    });
    Ok(bounded.filter(|(_, by)| *by != 0).collect())
}
