//! Times in the future: a clock was ahead when they were written. Everything here that has an age asks this.

/// How far two clocks may be apart, in seconds.
const CLOCKS: u64 = 60;

/// Whether a time lies in the future, so that it says nothing of an age.
pub(crate) fn is_ahead(at: u64, now: u64) -> bool {
    at > now.saturating_add(CLOCKS)
}
