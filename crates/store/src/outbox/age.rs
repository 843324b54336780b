//! How long applied batches have been known to be applied, in the time of this process.
//!
//! Deletion by age cannot be undone, and the clock of the machine may be wrong for a while. So the clock is not used
//! here. After a start all ages begin again at zero, which keeps batches longer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Batches that are applied within it have one age.
const GRAIN: Duration = Duration::from_secs(1);

/// Ascending numbers, each with a time at which the batches up to it were known to be applied.
#[derive(Default)]
pub(super) struct Ages(VecDeque<(Instant, u64)>);

impl Ages {
    pub(super) fn applied(&mut self, up_to: u64, now: Instant) {
        match self.0.back_mut() {
            Some((at, last)) if now <= *at => *last = up_to.max(*last),
            Some((_, last)) if up_to <= *last => {}
            // The time of the last one that may fall into it.
            last => {
                let at = if last.is_none() { now } else { now + GRAIN };
                self.0.push_back((at, up_to));
            }
        }
    }

    /// What is behind the marker is not applied any more.
    pub(super) fn roll_back(&mut self, marker: u64) {
        for (_, up_to) in &mut self.0 {
            *up_to = marker.min(*up_to);
        }
    }

    /// The number of the last batch that has been applied for so long; 0 if there is none.
    pub(super) fn older_than(&mut self, age: Duration, now: Instant) -> u64 {
        let old = self.0.partition_point(|(at, _)| now.saturating_duration_since(*at) >= age && *at <= now);
        // The last of them is still needed, and represents all before it.
        self.0.drain(..old.saturating_sub(1));
        if old == 0 { 0 } else { self.0.front().map_or(0, |(_, up_to)| *up_to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_the_last_batch_within_a_second() {
        let (mut ages, start) = (Ages::default(), Instant::now());
        let (at, kept) = (|ms| start + Duration::from_millis(ms), Duration::from_secs(10));
        ages.applied(3, start);
        for (ms, up_to) in [(100, 4), (600, 5), (1100, 6), (1101, 7)] {
            ages.applied(up_to, at(ms));
        }
        for (ms, old) in
            [(9_999, 0), (10_000, 3), (11_099, 3), (11_100, 6), (12_100, 6), (12_101, 7), (99_999, 7)]
        {
            assert_eq!(ages.older_than(kept, at(ms)), old, "{ms}");
        }
        ages.roll_back(5);
        assert_eq!(ages.older_than(kept, at(99_999)), 5);
        ages.applied(7, at(100_000));
        assert_eq!(ages.older_than(kept, at(100_001)), 5);
        assert_eq!(ages.older_than(kept, at(111_000)), 7);
    }
}
