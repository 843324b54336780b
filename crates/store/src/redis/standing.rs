//! What Redis says about itself between two batches: which store it is, how far an instance has come, and how much of
//! that can no longer be lost.
//!
//! With an append-only file, an applied batch is on disk within seconds. Without one, it is there with the next
//! snapshot that was *begun* after it, and INFO does not say when that was: `rdb_last_save_time` is the time of the
//! start until something is saved, and `rdb_last_bgsave_time_sec` also covers failed snapshots and those for a replica.
//! So nothing is concluded from one check or from a clock. If Redis was not saving at one check, and at a later check
//! of the same run the time of the last save has changed, then the snapshot contains everything up to the marker of the
//! earlier check.

use super::{
    explain::explain,
    gone::{unidentified, unmarked},
    script::as_text,
};
use crate::{Claim, Result, Standing, claim::Marker, outbox::Durability};
use redis::{RedisError, Value};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// What is known about snapshots.
#[derive(Debug, Default)]
pub(super) struct Saves(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Which run, and whose marker. Another run may have started with less.
    of: Option<(String, Uuid)>,
    /// The marker at the last check.
    marker: u64,
    /// The time of the last save and the marker, at the last check during which nothing was being saved.
    idle: Option<(i64, u64)>,
    /// The snapshot on disk contains every batch up to here.
    saved: u64,
}

impl Saves {
    /// Records a check. Returns the last batch that is known to be in the snapshot on disk.
    fn look(&self, info: &Info<'_>, instance: Uuid, marker: u64) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Some((info.field("run_id").to_owned(), instance));
        if seen.of != of || marker < seen.marker {
            *seen = Seen { of, ..Seen::default() };
        }
        seen.marker = marker;
        let last = info.number("rdb_last_save_time");
        if let Some((_, then)) = seen.idle.take_if(|(before, _)| *before != last) {
            seen.saved = then;
        }
        if !info.says("rdb_bgsave_in_progress") {
            seen.idle = Some((last, marker));
        }
        seen.saved
    }
}

/// The answers to INFO server and INFO persistence.
struct Info<'a>(&'a str);

impl Info<'_> {
    fn field(&self, name: &str) -> &str {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim)
    }

    fn number(&self, name: &str) -> i64 {
        self.field(name).parse().unwrap_or(0)
    }

    fn says(&self, name: &str) -> bool {
        self.field(name) == "1"
    }

    /// Whether everything that is applied reaches a file on disk. This is false while that file is written for the
    /// first time, which cannot be told from later times.
    fn logs(&self) -> bool {
        let well = |name| matches!(self.field(name), "ok" | "");
        self.says("aof_enabled")
            && !self.says("aof_rewrite_in_progress")
            && !self.says("aof_rewrite_scheduled")
            && well("aof_last_bgrewrite_status")
            && well("aof_last_write_status")
    }
}

/// Reads the answers to HGET uuid, HGET marker, HGET whether it was claimed, INFO server and INFO persistence, in this
/// order: the marker is then at least that old when Redis says whether it saves.
pub(super) fn read(
    answers: &[Value],
    claim: &Claim,
    saves: &Saves,
    attempt: String,
    parse: impl Fn(&str) -> Result<Option<Marker>>,
) -> Result<Standing> {
    if let Some(Value::ServerError(err)) = answers.iter().find(|one| matches!(one, Value::ServerError(_))) {
        return Err(explain(&RedisError::from(err.clone()), attempt));
    }
    let text = |at: usize| answers.get(at).map(as_text).unwrap_or_default();
    if text(0).is_empty() && !text(1).is_empty() {
        return Err(unidentified(attempt));
    }
    if text(0) != claim.store.to_string() {
        return Ok(Standing::Foreign);
    }
    if text(1).is_empty() && !text(2).is_empty() {
        return Err(unmarked(attempt));
    }
    let marker = parse(&text(1))?;
    if marker.is_some_and(|marker| marker.nonce > claim.nonce) {
        return Ok(Standing::Fenced);
    }
    let marker = marker.map_or(0, |marker| marker.seq);
    let info = text(3) + &text(4);
    let info = Info(&info);
    let saved = saves.look(&info, claim.instance, marker);
    let durability = if info.logs() { Durability::Logged } else { Durability::Saved(saved) };
    Ok(Standing::Claimed { marker, durability })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(saves: &Saves, run: u8, last_save: u32, saving: u8, marker: u64) -> u64 {
        let info = format!(
            "run_id:{run}\r\naof_enabled:0\r\nrdb_bgsave_in_progress:{saving}\r\nrdb_last_save_time:{last_save}\r\n"
        );
        saves.look(&Info(&info), Uuid::nil(), marker)
    }

    #[test]
    fn snapshot_holds_what_was_applied_at_the_last_look_before_it_began() {
        let saves = Saves::default();
        // Started at 1000; that is not a save.
        assert_eq!(saved(&saves, 1, 1000, 0, 5), 0);
        assert_eq!(saved(&saves, 1, 1000, 0, 7), 0);
        assert_eq!(saved(&saves, 1, 1000, 1, 9), 0, "being written");
        assert_eq!(saved(&saves, 1, 1020, 0, 11), 7);
        assert_eq!(saved(&saves, 1, 1020, 0, 12), 7);
        // A quick one, and the next has already begun.
        assert_eq!(saved(&saves, 1, 1030, 1, 15), 12);
        assert_eq!(saved(&saves, 1, 1040, 0, 20), 12, "it began before the look at 15");
        assert_eq!(saved(&saves, 1, 1050, 0, 21), 20);
        // Its clock went back.
        assert_eq!(saved(&saves, 1, 900, 0, 22), 21);
    }

    #[test]
    fn another_run_and_a_lost_tail_begin_anew() {
        let saves = Saves::default();
        assert_eq!([saved(&saves, 1, 1000, 0, 5), saved(&saves, 1, 1001, 0, 6)], [0, 5]);
        assert_eq!(saved(&saves, 2, 1100, 0, 6), 0, "its start");
        assert_eq!(saved(&saves, 2, 1101, 0, 8), 6);
        assert_eq!(saved(&saves, 2, 1101, 0, 4), 0);
        assert_eq!(saved(&saves, 2, 1102, 0, 9), 4);
    }

    #[test]
    fn append_only_file_counts_once_it_is_written() {
        let logs = |text: &str| Info(&text.replace(' ', "\r\n")).logs();
        assert!(logs("aof_enabled:1 aof_rewrite_in_progress:0 aof_last_write_status:ok"));
        assert!(!logs("aof_enabled:0 aof_last_write_status:ok"));
        assert!(!logs("aof_enabled:1 aof_rewrite_in_progress:1"));
        assert!(!logs("aof_enabled:1 aof_rewrite_scheduled:1"));
        assert!(!logs("aof_enabled:1 aof_last_bgrewrite_status:err"));
        assert!(!logs("aof_enabled:1 aof_last_write_status:err"));
    }
}
