//! Hours and minutes that are held back, and corrections, which wait for them.
//!
//! A batch without them is noted in [`keys::OWED`], in the same script that applies it, and `correct.lua` applies
//! nothing while such a note is there. A correction requests whole batches from all daemons, by a time in
//! [`keys::STORE`]. They see it with the next batch or check. So a correction finds counts that are complete on every
//! level.

use super::{client::Link, explain::explain, keys, script::as_text};
use crate::Result;
use redis::{RedisError, Value};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// For how long batches are whole after a correction has asked: another one often follows.
const ASKED: u64 = 60;

/// Until when whole batches are asked for, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Whole(Mutex<Option<Instant>>);

impl Whole {
    pub(super) fn until(&self) -> Option<Instant> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }

    /// So many seconds are left of it.
    pub(super) fn hear(&self, seconds: u64) {
        if seconds > 0 {
            let until = Instant::now() + Duration::from_secs(seconds.min(ASKED));
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
    }

    /// Reads it while no batch is sent.
    pub(super) async fn look(&self, link: &Link, attempt: &str) -> Result<()> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME").cmd("HGET").arg(keys::STORE).arg(keys::WHOLE);
        let answers = link.pipe(link.live(attempt).await?, attempt, &mut pipeline).await?;
        let until: u64 = answers.get(1).map(as_text).and_then(|until| until.parse().ok()).unwrap_or(0);
        self.hear(until.saturating_sub(answers.first().map_or(u64::MAX, seconds)));
        Ok(())
    }

    /// Asks for it. Answers whose hours and minutes are missing.
    pub(super) async fn ask(&self, link: &Link) -> Result<Vec<Uuid>> {
        let attempt = "asking for hours and minutes that are held back";
        let (now, _): (u64, u64) = link.query(attempt, &redis::cmd("TIME")).await?;
        let mut pipeline = redis::pipe();
        pipeline.cmd("HSET").arg(keys::STORE).arg(keys::WHOLE).arg(now.saturating_add(ASKED));
        pipeline.cmd("HKEYS").arg(keys::OWED);
        let answers = link.pipe(link.live(attempt).await?, attempt, &mut pipeline).await?;
        if let Some(Value::ServerError(err)) = answers.iter().find(|one| matches!(one, Value::ServerError(_)))
        {
            return Err(explain(&RedisError::from(err.clone()), link.attempt(attempt)));
        }
        self.hear(ASKED);
        let Some(Value::Array(owing)) = answers.get(1) else { return Ok(Vec::new()) };
        Ok(owing.iter().filter_map(|instance| as_text(instance).parse().ok()).collect())
    }
}

/// These owe nothing any more, or are not waited for.
pub(super) async fn forget(link: &Link, instances: &[Uuid]) -> Result<()> {
    if instances.is_empty() {
        return Ok(());
    }
    let mut command = redis::cmd("HDEL");
    command.arg(keys::OWED);
    for instance in instances {
        command.arg(super::script::text(*instance));
    }
    let _: u64 = link.query("noting that hours and minutes are written", &command).await?;
    Ok(())
}

/// What TIME has answered.
fn seconds(time: &Value) -> u64 {
    let Value::Array(parts) = time else { return u64::MAX };
    parts.first().map(as_text).and_then(|seconds| seconds.parse().ok()).unwrap_or(u64::MAX)
}
