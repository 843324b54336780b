//! The number of hits in the last 60 seconds, to the second, from counts by the minute: the count of the current
//! minute, plus how much the minutes before it have grown since 60 seconds ago. Hits that are sent with a past time are
//! in other minutes, so they are not included.

use std::collections::VecDeque;
use tallymark_core::Now;

const WINDOW_MS: i64 = 60_000;
/// An observation older than this says nothing about now: the store was down.
const STALE_MS: i64 = 15_000;
/// An observation older than this is not used as a base.
const FORGOTTEN_MS: i64 = 5 * WINDOW_MS;

/// The count of the current minute at some moments of the last 60 seconds.
#[derive(Debug, Default)]
pub(super) struct Rate {
    seen: VecDeque<SeenMinute>,
    /// The minutes since the first of those moments, as they were at the last.
    minutes: Vec<(i32, i64)>,
}

#[derive(Debug)]
struct SeenMinute {
    at: i64,
    minute: i32,
    count: i64,
}

impl Rate {
    /// The first of the minutes that [`Rate::see`] wants.
    pub(super) fn first(&mut self, now: Now) -> i32 {
        // A clock that was set back makes the old ones worthless, and so does a long time without any.
        let worthless = |seen: &SeenMinute| seen.at >= now.unix_ms || seen.at < now.unix_ms - FORGOTTEN_MS;
        if self.seen.back().is_some_and(worthless) {
            self.seen.clear();
        }
        self.seen.front().map_or(now.minute().0, |seen| seen.minute)
    }

    /// The last observation, if it is still usable.
    pub(super) fn minutes(&self) -> Option<Vec<(i32, i64)>> {
        (!self.seen.is_empty()).then(|| self.minutes.clone())
    }

    /// Records the counts of the minutes from [`Rate::first`] until now.
    pub(super) fn see(&mut self, now: Now, minutes: Vec<(i32, i64)>) {
        let minute = now.minute().0;
        let count = minutes.iter().find(|&&(of, _)| of == minute).map_or(0, |&(_, count)| count);
        self.seen.push_back(SeenMinute { at: now.unix_ms, minute, count });
        self.minutes = minutes;
        // One that is old enough stays: it is the base of the others.
        while self.seen.get(1).is_some_and(|seen| seen.at <= now.unix_ms - WINDOW_MS) {
            self.seen.pop_front();
        }
    }

    pub(super) fn last_minute(&self, now: Now) -> Option<i64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let whole = first.at <= last.at - WINDOW_MS && now.unix_ms - last.at < STALE_MS;
        let since =
            self.minutes.iter().filter(|&&(minute, _)| (first.minute..=last.minute).contains(&minute));
        let sum = since.fold(0i64, |sum, &(_, count)| sum.saturating_add(count));
        // A correction may have made a minute smaller.
        whole.then(|| sum.saturating_sub(first.count).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Now {
        Now { unix_ms: second * 1000 }
    }

    /// Observes a second in which the minutes from 0 on have these counts.
    fn see(rate: &mut Rate, second: i64, minutes: &[i64]) {
        let first = rate.first(at(second));
        let all = minutes.iter().enumerate().map(|(minute, &count)| (minute as i32, count));
        rate.see(at(second), all.filter(|&(minute, _)| minute >= first).collect());
    }

    #[test]
    fn rate_is_of_the_last_sixty_seconds_or_unknown() {
        let mut rate = Rate::default();
        for second in 0..=59 {
            see(&mut rate, second, &[10 * second]);
            assert_eq!(rate.last_minute(at(second)), None);
        }
        see(&mut rate, 60, &[600]);
        assert_eq!(rate.last_minute(at(60)), Some(600));
        see(&mut rate, 70, &[600]);
        assert_eq!(rate.last_minute(at(70)), Some(500));
        assert_eq!(rate.last_minute(at(86)), None, "nobody has looked for a while");
        see(&mut rate, 90, &[600, 7]);
        assert_eq!(rate.last_minute(at(90)), Some(307));
        see(&mut rate, 130, &[600, 7, 1]);
        assert_eq!(rate.last_minute(at(130)), Some(8), "counted from the look at 70");
        see(&mut rate, 131, &[600, 0, 0]);
        assert_eq!(rate.last_minute(at(131)), Some(0));
        see(&mut rate, 5, &[0]);
        assert_eq!(rate.last_minute(at(5)), None);
        assert!(rate.seen.len() == 1);
        see(&mut rate, 1000, &[0; 17]);
        assert_eq!((rate.last_minute(at(1000)), rate.seen.len()), (None, 1));
    }

    #[test]
    fn hits_of_the_past_are_none_of_the_present() {
        let mut rate = Rate::default();
        for second in (600..=660).step_by(2) {
            let mut minutes = [0; 12];
            // An import adds to the first minutes in the meantime.
            minutes[0] = 1_000_000 * (second - 600);
            (minutes[10], minutes[11]) = (5, 0);
            see(&mut rate, second, &minutes);
        }
        assert_eq!(rate.last_minute(at(660)), Some(0));
        // The previous minute is not over for every sender: a late hit belongs to it.
        let mut minutes = [0; 12];
        (minutes[10], minutes[11]) = (6, 2);
        see(&mut rate, 661, &minutes);
        assert_eq!(rate.last_minute(at(661)), Some(3));
    }
}
