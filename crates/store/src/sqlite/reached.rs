//! The time that the counts of a file have reached. Expiry uses it as its clock.
//!
//! It follows the newest counts, and is kept in the file. A jump of more than a day may be an outage, or a clock that
//! is wrong for one start. So it is followed only once a day of counts has come after it, and none before it.

use rusqlite::{Connection, OptionalExtension, Transaction};
use tallymark_core::Minute;

/// Its key in the table `meta`.
const KEY: &str = "reached";
/// How far the counts may jump.
const DAY: i32 = 1440;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    minute: Minute,
    /// Where counts that are more than a day ahead began, if they have continued since.
    ahead: Option<Minute>,
}

impl Reached {
    /// The value for a file without counts.
    pub(super) fn first(newest: Minute) -> Reached {
        Reached { minute: newest, ahead: None }
    }

    pub(super) fn minute(self) -> Minute {
        self.minute
    }

    /// The end of that minute, in seconds since 1970.
    pub(super) fn seconds(self) -> u64 {
        (i64::from(self.minute.0).saturating_add(1) * 60).max(0).unsigned_abs()
    }

    /// Updates it after the counts of a call, of which this is the newest.
    pub(super) fn on(self, newest: Minute) -> Reached {
        if newest <= self.minute {
            // A file or an import, which says nothing about the clock.
            return self;
        }
        if newest.0.saturating_sub(self.minute.0) <= DAY {
            return Reached::first(newest);
        }
        let ahead = self.ahead.map_or(newest, |ahead| ahead.min(newest));
        if newest.0.saturating_sub(ahead.0) >= DAY {
            return Reached::first(newest);
        }
        Reached { ahead: Some(ahead), ..self }
    }

    /// Reads it from the file. A file of a version that did not store it has reached its newest hour.
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Option<Reached>> {
        let mut kept = db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        let kept: Option<String> = kept.query_row([KEY], |row| row.get(0)).optional()?;
        if let Some(reached) = kept.as_deref().and_then(Reached::parse) {
            return Ok(Some(reached));
        }
        let newest: Option<i32> = db.query_row("SELECT max(hour) FROM hour", [], |row| row.get(0))?;
        Ok(newest.map(|hour| Reached::first(Minute(hour.saturating_mul(60)))))
    }

    pub(super) fn write(self, db: &Transaction<'_>) -> rusqlite::Result<()> {
        let ahead = self.ahead.map_or_else(String::new, |ahead| format!(" {}", ahead.0));
        let mut write = db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
        write.execute((KEY, format!("{}{ahead}", self.minute.0)))?;
        Ok(())
    }

    fn parse(text: &str) -> Option<Reached> {
        let (minute, ahead) = match text.split_once(' ') {
            Some((minute, ahead)) => (minute, Some(Minute(ahead.parse().ok()?))),
            None => (text, None),
        };
        Some(Reached { minute: Minute(minute.parse().ok()?), ahead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: i32, then: &[i32]) -> i32 {
        let step = |reached: Reached, &newest: &i32| {
            let next = reached.on(Minute(newest));
            let kept =
                format!("{}{}", next.minute.0, next.ahead.map_or(String::new(), |at| format!(" {}", at.0)));
            assert_eq!(Reached::parse(&kept), Some(next));
            next
        };
        then.iter().fold(Reached::first(Minute(start)), step).minute().0
    }

    #[test]
    fn a_jump_is_followed_when_a_day_of_counts_has_come_behind_it() {
        let (now, far) = (30_000_000, 32_500_000);
        assert_eq!(after(now, &[now + DAY]), now + DAY);
        assert_eq!(after(now, &[now - 9000, now - 8000]), now);
        // One start with a wrong clock, or two, with right ones between.
        assert_eq!(after(now, &[far, far + DAY - 1, now + 1, far + 3 * DAY]), now + 1);
        // An outage; old counts that arrive in the meantime do not matter.
        assert_eq!(after(now, &[now + 9000, now - 50, now + 9000 + DAY - 1]), now);
        assert_eq!(after(now, &[now + 9000, now - 50, now + 9000 + DAY]), now + 9000 + DAY);
        // A wrong clock after an outage does not delay what follows.
        assert_eq!(after(now, &[far, now + 9000, now + 9000 + DAY]), now + 9000 + DAY);
    }
}
