//! The store: whether it answers, and whether a Redis is configured to keep its data.

use super::finding::Findings;
use crate::{
    cli::{CommonFlags, out},
    config::Config,
};
use anyhow::Result;
use std::sync::Arc;
use tallymark_core::Event;
use tallymark_ingest::source::now;
use tallymark_store::{Store, StoreError, StoreUrl, redis::Redis};

const CHECK: &str = "store";
/// A clock that is off by less is no reason to worry, in milliseconds.
const CLOCK: i64 = 2_000;

/// The store, if it answers.
pub(super) async fn check(
    common: &CommonFlags,
    config: &Config,
    findings: &mut Findings,
) -> Result<Option<Arc<dyn Store>>> {
    let opened = common.existing_store(config).await;
    let store = match opened {
        Ok(store) => store,
        Err(error) => {
            findings.fail(
                CHECK,
                format!("{error:#}"),
                "tallymark health --ready says what the daemon knows",
            )?;
            return Ok(None);
        }
    };
    match names(&*store).await {
        Ok(names) => {
            findings.pass(CHECK, format!("{} answers: {names}", config.store))?;
        }
        Err(error) => {
            findings.fail(CHECK, error.to_string(), "tallymark health --ready says what the daemon knows")?;
            return Ok(None);
        }
    }
    if let StoreUrl::Redis(url) = &config.store {
        check_redis(&Redis::new(url, config.retention)?, findings).await?;
    }
    Ok(Some(store))
}

/// How many names have hits; and how many have what else is counted, if none has a hit.
async fn names(store: &dyn Store) -> Result<String, StoreError> {
    let of_hits = store.name_count(Event::HIT).await?;
    if of_hits > 0 {
        return Ok(out::counted(of_hits, "name"));
    }
    let mut others = Vec::new();
    for event in store.events().await?.into_iter().filter(|event| *event != Event::HIT) {
        let names = store.name_count(event).await?;
        if names > 0 {
            others.push(format!("{} with {}", out::counted(names, "name"), event.noun(0)));
        }
    }
    others.sort_unstable();
    Ok(if others.is_empty() { out::counted(0, "name") } else { others.join(", ") })
}

async fn check_redis(redis: &Redis, findings: &mut Findings) -> Result<()> {
    let facts = match redis.facts().await {
        Ok(facts) => facts,
        Err(error) => {
            let fix = "allow its user +info and +time (tallymark help redis)";
            return findings.warn("redis", format!("how it is set up is not known: {error}"), fix);
        }
    };
    match facts.deletes {
        Some(lost) => findings.fail(
            "redis",
            format!("it deletes {lost} when its memory is full (maxmemory-policy {})", facts.policy),
            "redis-cli config set maxmemory-policy noeviction && redis-cli config rewrite",
        )?,
        None => findings.pass("redis", format!("version {}, policy {}", facts.version, facts.policy))?,
    }
    let limit = facts.memory_limit;
    if limit > 0 && facts.memory > limit - limit / 10 {
        let text = format!("{} of {} MiB of its memory are used", facts.memory >> 20, limit >> 20);
        findings.warn("memory", text, "raise maxmemory: a full Redis refuses hits, and they wait")?;
    }
    match facts.append_only {
        true => findings.pass("appendonly", "it keeps an append-only file")?,
        false => findings.warn(
            "appendonly",
            "it keeps no append-only file, so a crash loses all since its last snapshot",
            "redis-cli config set appendonly yes && redis-cli config rewrite",
        )?,
    }
    let off = facts.unix_ms - now().unix_ms;
    match off.abs() > CLOCK {
        true => findings.warn(
            "clock",
            format!("the clock of Redis is off by {} s from the one here", off / 1000),
            "let an NTP service set both: timedatectl set-ntp true",
        ),
        false => findings.pass("clock", "the clock of Redis agrees with the one here"),
    }
}
