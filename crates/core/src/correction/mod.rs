//! Corrections: signed differences that an operator requests, as one numbered part that a store applies exactly once.
//!
//! `tallymark-ingest` computes them from the counts it has read. A store applies them inside a [`Batch`](crate::Batch),
//! and keeps them in its log of corrections, so that they can be undone. This module has only the types.

mod asked;
mod body;
mod past;
mod record;

pub use asked::{
    Asking, Corrected, Correcting, CorrectionAction, CorrectionRequest, Corrections, NotAStretch,
    NotCorrected, TimeStretch,
};
pub use past::{CorrectionReport, PastCorrection, past_corrections};
pub use record::{BASE, CorrectedName, CorrectionRecord, PAUSE, RESUME};

use crate::{Day, Event, Hour, Minute, Month, Name};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use uuid::Uuid;

/// How many names one part has at the most.
pub const MAX_CORRECTED_NAMES: usize = 200;
/// How many counts one part changes, but for those of its last name.
pub const MAX_DIFFERENCES: usize = 20_000;
/// How many parts a store remembers. Older ones are forgotten, and cannot be undone any more.
pub const MAX_CORRECTIONS: usize = 1000;

/// Which count of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountCell {
    /// Everything.
    Total,
    /// A day of it.
    Day(Day),
    /// An hour of it.
    Hour(Hour),
    /// A minute of it.
    Minute(Minute),
    /// Those of a month that had this status. Other programs write texts that are no [`Status`](crate::Status).
    Status(Month, String),
}

/// How a count changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// What happened.
    pub event: Event,
    /// What it happened to. Aggregates have differences of their own.
    pub name: Name,
    /// Which of its counts.
    pub cell: CountCell,
    /// By how much. 0 only for a total, which makes a name that has nothing.
    pub by: i64,
}

/// What becomes of the lists of a name that have no differences: its last visits, and its visitors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMove {
    /// Of which event.
    pub event: Event,
    /// Whose lists.
    pub from: Name,
    /// Where they go; without it they are deleted.
    pub to: Option<Name>,
    /// The days that have visitors.
    pub days: Vec<Day>,
}

/// How a position changes, of whatever instance. If it is not as it was read, nothing of the part is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionChange {
    /// Which instance has it.
    pub instance: Uuid,
    /// Of which source.
    pub source: String,
    /// As it was read; empty if there was none.
    pub from: String,
    /// As it becomes; an empty one deletes it.
    pub to: String,
}

/// One part of a correction: all of it is applied, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Sorted; no two of one count.
    pub differences: Vec<Difference>,
    /// Lists that move or go.
    pub lists: Vec<ListMove>,
    /// Names that leave the lists of names, if nothing of them is left.
    pub gone: Vec<(Event, Name)>,
    /// What is remembered of these names, and changes with them.
    pub positions: Vec<PositionChange>,
    /// What the log of corrections says of it. Counts that come from another store correct nothing: they have none, and
    /// names only get more.
    pub record: Option<CorrectionRecord>,
}

impl fmt::Display for CountCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountCell::Total => f.write_str("the total"),
            CountCell::Day(day) => write!(f, "the day {day}"),
            CountCell::Hour(hour) => write!(f, "the hour {}", hour.first_minute().readable()),
            CountCell::Minute(minute) => write!(f, "the minute {}", minute.readable()),
            CountCell::Status(month, status) => write!(f, "the status {status:?} of {month}"),
        }
    }
}

impl Difference {
    /// Why it cannot be applied to a count: for people.
    #[must_use]
    pub fn lack(&self, there: i64) -> String {
        let Difference { event, name, cell, by } = self;
        let name = name.as_str().escape_debug();
        match by {
            ..0 => format!(
                "{cell} of {name} ({event}) is {there}, less than the {} to subtract",
                by.unsigned_abs()
            ),
            0.. => format!("{cell} of {name} ({event}) is {there}, too much to add {by}"),
        }
    }
}

impl PositionChange {
    /// Why it cannot be applied to a position: for people.
    #[must_use]
    pub fn lack(&self) -> String {
        format!("what is remembered of {} has changed", self.source.escape_debug())
    }
}

impl Correction {
    /// Counts that come from another store, cell by cell.
    #[must_use]
    pub fn arriving(mut differences: Vec<Difference>) -> Correction {
        differences.sort_unstable();
        Correction { differences, lists: Vec::new(), gone: Vec::new(), positions: Vec::new(), record: None }
    }

    /// Whether it corrects something, so that counts may go down.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.record.is_some()
    }

    /// The names that are not as before, never an aggregate, each once.
    #[must_use]
    pub fn changed(&self) -> BTreeSet<(Event, &Name)> {
        let counts = self.differences.iter().map(|difference| (difference.event, &difference.name));
        let lists = self.lists.iter().flat_map(|list| {
            [Some(&list.from), list.to.as_ref()].into_iter().flatten().map(|name| (list.event, name))
        });
        let gone = self.gone.iter().map(|(event, name)| (*event, name));
        counts.chain(lists).chain(gone).filter(|(_, name)| !name.is_aggregate()).collect()
    }

    /// By how much the totals of all names change, of each event.
    pub fn of_all(&self) -> impl Iterator<Item = (Event, i64)> {
        let all = |of: &&Difference| of.cell == CountCell::Total && of.name.as_str() == crate::ALL;
        self.differences.iter().filter(all).map(|all| (all.event, all.by))
    }

    /// What is needed to undo it.
    #[must_use]
    pub fn body(&self) -> String {
        body::write(&self.differences)
    }

    /// Reads the differences of what [`Correction::body`] wrote. `None` if it is something else.
    #[must_use]
    pub fn read_body(text: &str) -> Option<Vec<Difference>> {
        body::read(text)
    }
}
