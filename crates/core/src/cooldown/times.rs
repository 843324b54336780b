//! A bounded table of when something last counted.

use hashbrown::HashTable;
use std::{collections::BTreeSet, time::Duration};

/// When each hash last counted.
#[derive(Debug, Default)]
pub(super) struct Times {
    limit: usize,
    table: HashTable<(u64, i64)>,
    /// The same by time, so that the oldest is found when there is no room.
    by_time: BTreeSet<(i64, u64)>,
    forgotten: u64,
}

impl Times {
    pub(super) fn new(limit: usize) -> Times {
        Times { limit, ..Times::default() }
    }

    /// Whether it counts now: not within `window` of the time at which it last did.
    pub(super) fn ask(&mut self, hash: u64, now: i64, window: Duration) -> bool {
        let window = millis(window);
        if window == 0 {
            return true;
        }
        let Some((_, time)) = self.table.find_mut(hash, |(known, _)| *known == hash) else {
            self.make_room(now, window);
            self.insert(hash, now);
            return true;
        };
        let counts = now.abs_diff(*time) >= window;
        // If the clock was set back, no visitor cools down for longer than one window from now.
        if counts || now < *time {
            let before = std::mem::replace(time, now);
            self.by_time.remove(&(before, hash));
            self.by_time.insert((now, hash));
        }
        counts
    }

    /// Remembers a time that is not in the table yet.
    pub(super) fn insert(&mut self, hash: u64, time: i64) {
        self.table.insert_unique(hash, (hash, time), |(hash, _)| *hash);
        self.by_time.insert((time, hash));
    }

    /// If the table is full, one goes: the oldest if it is out of its window, else one so far ahead that it is out of
    /// its window too (the clock was set back), else the oldest anyway, and this is reported.
    fn make_room(&mut self, now: i64, window: u64) {
        if self.table.len() < self.limit {
            return;
        }
        let gone = |&(time, _): &(i64, u64)| now.abs_diff(time) >= window;
        let expired =
            self.by_time.first().filter(|one| gone(one)).or(self.by_time.last().filter(|one| gone(one)));
        self.forgotten += u64::from(expired.is_none());
        let Some(&(time, hash)) = expired.or(self.by_time.first()) else { return };
        self.by_time.remove(&(time, hash));
        if let Ok(entry) = self.table.find_entry(hash, |(known, _)| *known == hash) {
            entry.remove();
        }
    }

    /// What is within its window, by time.
    pub(super) fn live(&self, now: i64, window: Duration) -> impl Iterator<Item = (u64, i64)> {
        let window = millis(window);
        let live = self.by_time.iter().filter(move |(time, _)| now.abs_diff(*time) < window);
        live.map(|&(time, hash)| (hash, time))
    }

    pub(super) fn is_known(&self, hash: u64) -> bool {
        self.table.find(hash, |(known, _)| *known == hash).is_some()
    }

    pub(super) fn has_room(&self) -> bool {
        self.table.len() < self.limit
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

fn millis(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(u64::MAX)
}
