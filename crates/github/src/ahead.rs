//! Times in the future: a clock was ahead when they were written. Everything here that has an age asks this.

/// How far two clocks may be apart, in seconds.
const CLOCKS: u64 = 60;

/// Whether a time lies in the future, so that it says nothing of an age.
pub(crate) fn is_ahead(at: u64, now: u64) -> bool {
    at > now.saturating_add(CLOCKS)
}

/// Whether a rest until a time goes on. If none is longer than `longest`, one that ends later was set by a clock that was
/// ahead.
pub(crate) fn rests(until: u64, longest: u64, now: u64) -> bool {
    now < until && !is_ahead(until, now.saturating_add(longest))
}
