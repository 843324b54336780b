//! A known account that GitHub says does not exist: when that is believed, and when GitHub is asked again.
//!
//! GitHub can hide an account for a while, and a wrong address gives the same answer for all accounts. So its last
//! numbers stay, and it is gone only after several such answers over a day. It is still asked for once a day, so it
//! comes back by itself. `evidence` decides which answers count; `kept` stores this with the numbers.

use crate::ahead::is_ahead;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(crate) const HOUR: u64 = 3600;
pub(crate) const DAY: u64 = 24 * HOUR;

/// It is gone after so many answers,
const TIMES: u32 = 3;
/// the first and the last of which are so far apart, in seconds.
const APART: u64 = DAY;

/// GitHub's answers in a row that there is no such account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingAccount {
    since: u64,
    last: u64,
    times: u32,
}

impl MissingAccount {
    /// One more such answer.
    pub(crate) fn again(before: Option<MissingAccount>, now: u64) -> MissingAccount {
        match before {
            // One from the future says nothing of how long.
            Some(MissingAccount { since, times, .. }) if !is_ahead(since, now) => {
                MissingAccount { since, last: now, times: times.saturating_add(1) }
            }
            _ => MissingAccount { since: now, last: now, times: 1 },
        }
    }

    /// When GitHub said so first, in seconds since 1970.
    #[must_use]
    pub fn since(self) -> u64 {
        self.since
    }

    /// When GitHub said so last.
    pub(crate) fn last(self) -> u64 {
        self.last
    }

    /// Whether it is believed.
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.times >= TIMES && self.last.saturating_sub(self.since) >= APART
    }

    /// When GitHub is asked again because of a view.
    pub(crate) fn due(self) -> u64 {
        self.last.saturating_add(if self.is_gone() { DAY } else { HOUR })
    }

    /// When GitHub is asked again for a tracked account, which is refreshed so often otherwise.
    pub(crate) fn next(self, every: Duration) -> u64 {
        let every = if self.is_gone() { every.as_secs().max(DAY) } else { every.as_secs() };
        self.last.saturating_add(every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: &[u64]) -> MissingAccount {
        answers.iter().fold(None, |before, at| Some(MissingAccount::again(before, *at))).unwrap()
    }

    #[test]
    fn several_answers_over_a_day_are_believed_and_fewer_are_not() {
        let many: Vec<u64> = (0..1000).collect();
        for (answers, is_gone) in [
            (&[0][..], false),
            (&[0, 10 * DAY], false),
            (&many, false),
            (&[0, 1, DAY - 1], false),
            (&[0, 1, DAY], true),
            (&[0, DAY, 2 * DAY], true),
            // A clock that was set back.
            (&[10 * DAY, 1, 2], false),
            (&[10 * DAY, 1, 2, 1 + DAY], true),
        ] {
            assert_eq!(after(answers).is_gone(), is_gone, "{answers:?}");
        }
        let (some, gone) = (after(&[7]), after(&[7, 8, 7 + DAY]));
        assert_eq!((some.since(), some.due(), gone.since(), gone.due()), (7, 7 + HOUR, 7, 7 + 2 * DAY));
        let [minute, week] = [60, 7 * DAY].map(Duration::from_secs);
        assert_eq!((some.next(minute), gone.next(minute), gone.next(week)), (67, 7 + 2 * DAY, 7 + 8 * DAY));
    }
}
