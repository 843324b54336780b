//! How often a persistent failure is logged: at once, then at growing intervals.
//!
//! An outage of a night should not fill the log, and an attempt every 50 ms should not be twenty lines a second. A new
//! reason is reported at once. This module logs nothing itself: the writer and the binary's publisher use it.

use std::time::{Duration, Instant};

/// When a continuing outage is reported again, since it began; after the last entry, at that interval.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600), Duration::from_secs(3600)];
/// How many reported reasons are remembered. If more of them alternate, they are reported again.
const REASONS: usize = 4;

/// Something that may fail.
#[derive(Debug, Default)]
pub struct Outage(Option<Failing>);

#[derive(Debug)]
struct Failing {
    since: Instant,
    failures: u64,
    told: Vec<String>,
    again: Instant,
    /// How often it has been reported again.
    times: usize,
}

/// A report of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// How many attempts have failed in a row.
    pub failures: u64,
    /// Since the first of them; nothing in its first second.
    pub lasting: Option<Duration>,
}

impl Outage {
    /// An attempt has failed. Returns a report, if one is due.
    pub fn failed(&mut self, why: &str, now: Instant) -> Option<Told> {
        let failing = self.0.get_or_insert_with(|| Failing {
            since: now,
            failures: 0,
            told: Vec::new(),
            again: now + AGAIN[0],
            times: 0,
        });
        failing.failures += 1;
        let new = !failing.told.iter().any(|told| told == why);
        if new {
            if failing.told.len() == REASONS {
                failing.told.remove(0);
            }
            failing.told.push(why.to_owned());
        }
        let due = now >= failing.again;
        if due {
            failing.times += 1;
            failing.again = match AGAIN.get(failing.times) {
                Some(&after) => failing.since + after,
                None => now + AGAIN[AGAIN.len() - 1],
            };
        }
        (new || due).then(|| failing.told(now))
    }

    /// An attempt succeeded. Returns the outage that has ended, if there was one.
    pub fn over(&mut self, now: Instant) -> Option<Told> {
        self.0.take().map(|failing| failing.told(now))
    }
}

impl Failing {
    fn told(&self, now: Instant) -> Told {
        let lasting = Duration::from_secs((now - self.since).as_secs());
        Told { failures: self.failures, lasting: Some(lasting).filter(|lasting| !lasting.is_zero()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_at_once_then_after_ten_seconds_a_minute_ten_minutes_and_every_hour() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let told: Vec<u64> = (0..10_000)
            .filter(|&s| outage.failed("away", start + Duration::from_secs(s)).is_some())
            .collect();
        assert_eq!(told, [0, 10, 60, 600, 3600, 7200]);
        let over = outage.over(start + Duration::from_secs(10_000));
        assert_eq!(over, Some(Told { failures: 10_000, lasting: Some(Duration::from_secs(10_000)) }));
        assert_eq!(outage.over(start), None);
        let first = outage.failed("away", start);
        assert_eq!(first, Some(Told { failures: 1, lasting: None }));
    }

    #[test]
    fn another_reason_is_told_at_once_and_no_more_often() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let told = (0..100).filter(|n| outage.failed(["refused", "no answer"][n % 2], start).is_some());
        assert_eq!(told.count(), 2);
    }
}
