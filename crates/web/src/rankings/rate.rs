//! How many hits the last 60 seconds had: the total now, less the total of 60 seconds ago.

use std::collections::VecDeque;
use tallymark_core::Now;

const WINDOW_MS: i64 = 60_000;
/// A total that is older than this says nothing of now: the store was away.
const STALE_MS: i64 = 15_000;

/// Totals of an event, seen at some moments of the last minute.
#[derive(Debug, Default)]
pub(super) struct Rate {
    seen: VecDeque<(i64, i64)>,
}

impl Rate {
    pub(super) fn see(&mut self, now: Now, total: i64) {
        // A clock that was set back makes the old ones worthless.
        if self.seen.back().is_some_and(|&(at, _)| at >= now.unix_ms) {
            self.seen.clear();
        }
        self.seen.push_back((now.unix_ms, total));
        // One that is old enough stays: it is what the others are counted from.
        while self.seen.get(1).is_some_and(|&(at, _)| at <= now.unix_ms - WINDOW_MS) {
            self.seen.pop_front();
        }
    }

    pub(super) fn last_minute(&self, now: Now) -> Option<i64> {
        let (&(first, before), &(last, total)) = (self.seen.front()?, self.seen.back()?);
        let whole = first <= last - WINDOW_MS && now.unix_ms - last < STALE_MS;
        // A correction may have made the total smaller.
        whole.then(|| total.saturating_sub(before).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_of_the_last_sixty_seconds_or_unknown() {
        let at = |second: i64| Now { unix_ms: second * 1000 };
        let mut rate = Rate::default();
        for second in 0..=59 {
            rate.see(at(second), 10 * second);
            assert_eq!(rate.last_minute(at(second)), None);
        }
        rate.see(at(60), 600);
        assert_eq!(rate.last_minute(at(60)), Some(600));
        rate.see(at(70), 600);
        assert_eq!(rate.last_minute(at(70)), Some(500));
        assert_eq!(rate.last_minute(at(86)), None, "nobody has looked for a while");
        rate.see(at(71), 0);
        assert_eq!(rate.last_minute(at(71)), Some(0));
        rate.see(at(5), 0);
        assert_eq!(rate.last_minute(at(5)), None);
        assert!(rate.seen.len() == 1);
    }
}
