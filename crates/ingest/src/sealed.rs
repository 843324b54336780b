//! What a source hands to the writer.

use tallymark_core::{Counts, Position};
use tallymark_store::outbox::Origin;

/// A tally taken from its source.
#[derive(Debug)]
pub struct Sealed {
    pub(crate) counts: Counts,
    pub(crate) origin: Origin,
}

impl Sealed {
    /// From a source of lines.
    #[must_use]
    pub fn of_lines(counts: Counts) -> Sealed {
        Sealed { counts, origin: Origin::Lines }
    }

    /// From a replayable source: its counts and its new position. The two are committed together.
    #[must_use]
    pub fn of_replayable(counts: Counts, positions: Vec<Position>) -> Sealed {
        Sealed::of_lines(Counts { positions, ..counts })
    }

    /// From the HTTP counter, whose pending hits are part of what it shows.
    pub(crate) fn of_live(counts: Counts) -> Sealed {
        Sealed { counts, origin: Origin::Live }
    }

    /// For tests of sources without a writer.
    #[cfg(test)]
    pub(crate) fn into_entries(self) -> Vec<tallymark_core::Entry> {
        self.counts.entries
    }

    /// See [`Sealed::into_entries`].
    #[cfg(test)]
    pub(crate) fn positions(&self) -> &[Position] {
        &self.counts.positions
    }

    /// See [`Sealed::into_entries`].
    #[cfg(test)]
    pub(crate) fn hits(&self) -> u64 {
        self.counts.hits()
    }

    /// How many hits are lost if this is dropped. Those of a replayable source are not, because its position is dropped
    /// too.
    pub(crate) fn at_stake(&self) -> u64 {
        if self.counts.positions.is_empty() { self.counts.hits() } else { 0 }
    }
}
