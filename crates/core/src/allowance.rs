//! A rate limit: a burst first, then one per interval. The HTTP server uses it for each client, and `tallymark-github`
//! for background fetches. The caller keeps one point in time for each of them.

use std::time::{Duration, Instant};

/// So many times in a row, and then once in this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    row: u32,
    each: Duration,
}

impl Allowance {
    /// `row` is one at least.
    #[must_use]
    pub fn new(row: u32, each: Duration) -> Allowance {
        Allowance { row: row.max(1), each }
    }

    /// Whether it may be done now, where what was done counts until `free`; if not, how long to wait.
    ///
    /// # Errors
    ///
    /// The time after which it may.
    pub fn check(self, free: Option<Instant>, now: Instant) -> Result<(), Duration> {
        let owed = free.map_or(Duration::ZERO, |free| free.saturating_duration_since(now));
        match owed.checked_sub(self.each * (self.row - 1)) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            _ => Ok(()),
        }
    }

    /// It was done now. Until when it counts, with what was done before.
    #[must_use]
    pub fn done(self, free: Option<Instant>, now: Instant) -> Instant {
        let from = free.map_or(now, |free| free.max(now));
        // Two that were checked at the same time must not cause an endless wait.
        (from + self.each).min(now + self.each * self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_allowed_and_then_one_at_a_time() {
        let (second, now) = (Duration::from_secs(1), Instant::now());
        let allowance = Allowance::new(3, second);
        let mut free = None;
        for _ in 0..3 {
            assert_eq!(allowance.check(free, now), Ok(()));
            free = Some(allowance.done(free, now));
        }
        assert_eq!(allowance.check(free, now), Err(second));
        assert_eq!(allowance.check(free, now + second), Ok(()));
        free = Some(allowance.done(free, now + second));
        assert_eq!(allowance.check(free, now + second), Err(second));
        assert_eq!(allowance.check(free, now + 10 * second), Ok(()), "what was done counts no longer");
        // Many who were checked at once.
        for _ in 0..100 {
            free = Some(allowance.done(free, now));
        }
        assert_eq!(allowance.check(free, now), Err(second));
        assert_eq!(Allowance::new(0, second).check(None, now), Ok(()));
    }
}
