//! Names that an operator has corrected: the numbers in their files may go down, and the files may be removed.
//!
//! The change log marks recent ones. A publisher that is too late for it finds them in the log of corrections.

use crate::files::Published;
use std::collections::BTreeMap;
use tallymark_core::{CorrectionRecord, Event, MAX_CORRECTIONS, Name, Now};
use tallymark_store::{Result, Store};

/// How far two clocks may be apart, in seconds.
const CLOCKS: i64 = 60;

/// Whether a picture may show less than the one on disk, or go. It is the one rule for everything that is drawn from
/// counts; later ones allow more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lower {
    /// The store may have lost its tail, or everything.
    Never,
    /// A file that was written before this time, in seconds since 1970, when the name was corrected.
    OlderThan(i64),
    Always,
}

impl Lower {
    fn allows(self, mtime: i64) -> bool {
        match self {
            Lower::Never => false,
            // Two machines write the two times.
            Lower::OlderThan(at) => mtime <= at.saturating_add(CLOCKS),
            Lower::Always => true,
        }
    }

    /// Whether what is on disk stays, because the store has less.
    pub(crate) fn holds(self, old: Option<&Published>, total: i64) -> bool {
        old.is_some_and(|old| old.total.is_some_and(|on_disk| total < on_disk) && !self.allows(old.mtime))
    }

    /// Whether what is on disk of a name that the store does not have may be removed. What is not ours stays.
    pub(crate) fn lets_go(self, old: Option<&Published>) -> bool {
        old.is_some_and(|old| old.total.is_some() && self.allows(old.mtime))
    }
}

/// Names of some events that were corrected, as far as the store remembers.
#[derive(Debug, Default)]
pub(crate) struct CorrectedNames {
    /// When each was corrected last, in seconds since 1970.
    pub(crate) names: BTreeMap<Name, i64>,
    /// Any name may have been corrected before this time: corrections are remembered since then only.
    pub(crate) any_before: Option<i64>,
}

impl CorrectedNames {
    /// What a name that is not among them may do.
    pub(crate) fn of_others(&self) -> Lower {
        self.any_before.map_or(Lower::Never, Lower::OlderThan)
    }
}

/// Reads the log of corrections.
pub(crate) async fn names(store: &dyn Store, events: &[Event]) -> Result<CorrectedNames> {
    let log = store.corrections(MAX_CORRECTIONS).await?;
    let time = |at: &str| Now::parse_rfc3339(at).map_or(i64::MAX, |at| at.unix_ms / 1000);
    let any_before = log.last().filter(|_| log.len() >= MAX_CORRECTIONS).map(|oldest| time(&oldest.at));
    let mut names = BTreeMap::new();
    for CorrectionRecord { at, changed, .. } in log {
        let at = time(&at);
        for (event, name) in changed.iter().filter_map(|changed| changed.key()) {
            if events.contains(&event) {
                let last = names.entry(name).or_insert(at);
                *last = at.max(*last);
            }
        }
    }
    Ok(CorrectedNames { names, any_before })
}

/// Whether a name without hits is no name any more.
pub(crate) async fn is_gone(store: &dyn Store, name: &Name) -> Result<bool> {
    let has = store.has(Event::HIT, std::slice::from_ref(name)).await?;
    Ok(has.first() == Some(&false))
}
