//! Repairing an append-only file that ends in the middle of a transaction.
//!
//! After a power cut the file may end anywhere. Redis then truncates it after the last complete command, even if that
//! command is inside MULTI ... EXEC (Valkey fixed this in valkey-io/valkey#4342). Memory is right: the half transaction
//! is not applied. But it stays in the file, and later writes follow it. The next restart takes both for one
//! transaction, and half a batch counts twice. No marker can detect this.
//!
//! So before the first batch is sent to a run of Redis, Redis is asked to rewrite the file from memory, unless it has
//! done so since it started. Redis does the same by itself whenever the file has grown.

use super::client::Link;
use crate::{Class, Result, StoreError};
use redis::cmd;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use tracing::{info, warn};

/// How long a call waits for the file, which is ready soon if the store is small.
const WAIT: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long batches wait for it at most. They are safe in the outbox.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which run of Redis has an intact file, as far as we can ensure that.
#[derive(Debug, Default)]
pub(super) struct Aof(Mutex<AofState>);

#[derive(Debug, Default)]
struct AofState {
    whole: Option<Arc<str>>,
    asked: Option<(Arc<str>, Instant)>,
}

/// What INFO says about the file.
#[derive(Debug, PartialEq, Eq)]
enum File {
    /// There is none, it is new, or it has been rewritten since Redis started.
    Whole,
    /// The last attempt to rewrite it failed.
    Failed,
    /// It is being written.
    Busy,
    /// How it ends is unknown.
    Old,
    /// It is being loaded; until that is done, INFO is wrong about it.
    Loading,
}

impl Aof {
    /// Returns once the file is intact, or as good as it gets. `Unavailable` while it is being written.
    pub(super) async fn make_whole(&self, link: &Link, attempt: &str) -> Result<()> {
        let run = link.live(attempt).await?.run;
        let mut state = self.0.lock().await;
        if state.whole.as_ref() == Some(&run) {
            return Ok(());
        }
        let started = Instant::now();
        loop {
            // All sections: the version is there too.
            let info: String = link.query(attempt, &cmd("INFO")).await?;
            let since = state.asked.as_ref().filter(|(asked, _)| *asked == run).map(|(_, at)| *at);
            match read(&info) {
                File::Whole => break,
                File::Loading => {
                    let cause = "LOADING Redis is loading the dataset in memory";
                    return Err(StoreError::new(Class::Unavailable, link.attempt(attempt), cause));
                }
                File::Failed => {
                    warn!("Redis could not rewrite its append-only file: see its log. {RISK}");
                    break;
                }
                File::Old if since.is_none() => {
                    if let Err(error) = link.query::<redis::Value>(attempt, &cmd("BGREWRITEAOF")).await {
                        warn!(%error, "Redis does not rewrite its append-only file (allow +bgrewriteaof). {RISK}");
                        break;
                    }
                    info!("Redis has restarted: asked it to rewrite its append-only file");
                    state.asked = Some((run.clone(), Instant::now()));
                }
                File::Old | File::Busy => {
                    let since = since.unwrap_or(started);
                    state.asked = Some((run.clone(), since));
                    if since.elapsed() > PATIENCE {
                        warn!("Redis is taking long to rewrite its append-only file. {RISK}");
                        break;
                    }
                    if started.elapsed() > WAIT {
                        let cause = "Redis is rewriting its append-only file after a restart";
                        return Err(StoreError::new(Class::Unavailable, link.attempt(attempt), cause));
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
        state.whole = Some(run);
        Ok(())
    }
}

const RISK: &str =
    "If it was torn by a power cut, part of a batch may be counted twice after the next restart";

fn read(info: &str) -> File {
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim)
    };
    if field("loading") == "1" {
        return File::Loading;
    }
    if field("aof_enabled") != "1" {
        return File::Whole;
    }
    if field("aof_rewrite_in_progress") == "1" || field("aof_rewrite_scheduled") == "1" {
        return File::Busy;
    }
    if field("aof_last_rewrite_time_sec") == "-1" {
        // Before Redis 7, the size of the base is that of the whole file when it was loaded.
        let seven =
            field("redis_version").split('.').next().and_then(|major| major.parse::<u32>().ok()) >= Some(7);
        let base = if seven { field("aof_base_size") } else { "0" };
        return if field("aof_current_size") == base { File::Whole } else { File::Old };
    }
    if field("aof_last_bgrewrite_status") == "ok" { File::Whole } else { File::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_whole_when_this_run_has_written_it() {
        let info = |rewrite: &str| format!("aof_enabled:1\r\n{}\r\n", rewrite.replace(' ', "\r\n"));
        let never = "aof_last_rewrite_time_sec:-1 aof_base_size:90";
        let seven = "redis_version:7.0.15";
        assert_eq!(read("aof_enabled:0\r\n"), File::Whole);
        assert_eq!(read("loading:1\r\naof_enabled:0\r\n"), File::Loading);
        assert_eq!(read(&info(&format!("{seven} {never} aof_current_size:90"))), File::Whole);
        assert_eq!(read(&info(&format!("{seven} {never} aof_current_size:91"))), File::Old);
        let six = "redis_version:6.2.14";
        assert_eq!(read(&info(&format!("{six} {never} aof_current_size:90"))), File::Old);
        let empty = "aof_last_rewrite_time_sec:-1 aof_base_size:0 aof_current_size:0";
        assert_eq!(read(&info(&format!("{six} {empty}"))), File::Whole);
        assert_eq!(read(&info(&format!("{never} aof_rewrite_in_progress:1"))), File::Busy);
        assert_eq!(read(&info(&format!("{never} aof_rewrite_scheduled:1"))), File::Busy);
        let done = "aof_last_rewrite_time_sec:0 aof_last_bgrewrite_status:";
        assert_eq!(read(&info(&format!("{done}ok"))), File::Whole);
        assert_eq!(read(&info(&format!("{done}err"))), File::Failed);
    }
}
