//! What a Redis reports about its setup, for `tallymark doctor`. Nothing is changed.

use super::{Redis, eviction};
use crate::Result;
use redis::cmd;

/// What INFO and TIME say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its version, as it says it.
    pub version: String,
    /// The policy under which it deletes keys when its memory is full.
    pub policy: String,
    /// What that policy deletes of ours; `None` if nothing.
    pub deletes: Option<&'static str>,
    /// The limit of its memory in bytes; 0 is none.
    pub memory_limit: u64,
    /// Bytes that it uses.
    pub memory: u64,
    /// Whether it keeps an append-only file.
    pub append_only: bool,
    /// Its clock, in milliseconds since 1970.
    pub unix_ms: i64,
}

impl Redis {
    /// Asks the server how it is set up.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or this user may not ask (`+info`, `+time`).
    pub async fn facts(&self) -> Result<ServerFacts> {
        let attempt = "asking how it is set up";
        let info: String = self.writes.query(attempt, &cmd("INFO")).await?;
        let (seconds, micros): (i64, i64) = self.writes.query(attempt, &cmd("TIME")).await?;
        Ok(read(&info, seconds * 1000 + micros / 1000))
    }
}

fn read(info: &str, unix_ms: i64) -> ServerFacts {
    let field = |name: &str| {
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
        info.lines().find_map(value).unwrap_or_default()
    };
    let policy = field("maxmemory_policy");
    ServerFacts {
        version: field("redis_version"),
        deletes: eviction::lost_by(&policy),
        policy,
        memory_limit: field("maxmemory").parse().unwrap_or(0),
        memory: field("used_memory").parse().unwrap_or(0),
        append_only: field("aof_enabled") == "1",
        unix_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_by_whole_fields() {
        let info = "# Server\r\nredis_version:7.0.15\r\nused_memory:9\r\nused_memory_human:9B\r\nmaxmemory:100\r\n\
                    maxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n";
        let facts = read(info, 5);
        assert_eq!((facts.version.as_str(), facts.memory, facts.memory_limit), ("7.0.15", 9, 100));
        assert_eq!((facts.deletes, facts.append_only, facts.unix_ms), (Some("counts"), true, 5));
    }
}
