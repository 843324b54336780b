//! nginx's lines over UDP into Redis: what daemon and Redis spend on a hit together.

use crate::{
    Bench,
    finding::Finding,
    load::{self, Load, Spread, Target},
    median::by_turns,
    ours::Ours,
    peers, usage,
};
use std::{thread, time::Duration};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

const RATE: u64 = 20_000;

pub(crate) fn load(bench: &Bench, names: u32) -> Load {
    Load { names, spread: Spread::LogUniform, count: bench.scaled(RATE * 10), rate: Some(RATE), seed: 1 }
}

/// Microseconds of CPU per counted hit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) daemon: f64,
    pub(crate) redis: f64,
    pub(crate) counted: u64,
}

impl Cost {
    pub(crate) fn sum(self) -> f64 {
        self.daemon + self.redis
    }
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let load = load(bench, 10_000);
    let (mut peers, mut all_ours) = (Vec::new(), Vec::new());
    let pair = by_turns(
        bench.rounds,
        || {
            let cost = syslog_ng(&load)?;
            println!("  syslog-ng {cost:.2?}");
            peers.push(cost);
            Ok(cost.sum())
        },
        || {
            let cost = ours(bench, &load, &Redis::start())?;
            println!("  ours      {cost:.2?}");
            all_ours.push(cost);
            Ok(cost.sum())
        },
    )?;
    let sent = load.count;
    let share = |costs: &[Cost]| {
        let shares: Vec<f64> = costs.iter().map(|cost| cost.counted as f64 / sent as f64 * 100.0).collect();
        crate::median::median(&shares)
    };
    let part =
        |part: fn(&Cost) -> f64| crate::median::median(&all_ours.iter().map(part).collect::<Vec<f64>>());
    Ok(vec![Finding {
        work: "CPU of daemon and Redis per counted hit, 20,000/s, 10,000 log-uniform names".to_owned(),
        peer: format!("syslog-ng: {:.1} us, {:.1} % counted", pair.peer, share(&peers)),
        ours: format!(
            "{:.2} us ({:.2} daemon, {:.2} Redis), {:.1} % counted",
            pair.ours,
            part(|cost| cost.daemon),
            part(|cost| cost.redis),
            share(&all_ours)
        ),
        ratio: format!("{:.1} times less", pair.ratio),
        target: "at least 50 times less".to_owned(),
        met: Some(pair.ratio >= 50.0),
    }])
}

fn syslog_ng(load: &Load) -> anyhow::Result<Cost> {
    let redis = Redis::start();
    let daemon = peers::syslog_ng(&redis);
    let cpu = || Ok::<_, anyhow::Error>((usage::cpu(daemon.pid())?, usage::cpu(redis.pid())?));
    let before = cpu()?;
    load::send(load, &Target::udp(([127, 0, 0, 1], daemon.port()).into())?)?;
    // It has done its work when Redis gets no commands but our own question any more.
    let (mut last, mut commands) = (0, peers::redis_commands(&redis)?);
    while commands > last + 1 {
        thread::sleep(Duration::from_secs(1));
        (last, commands) = (commands, peers::redis_commands(&redis)?);
    }
    let after = cpu()?;
    Ok(cost(before, after, peers::redis_counts(&redis)?))
}

/// `tallymark ingest` into this Redis.
pub(crate) fn ours(bench: &Bench, load: &Load, redis: &Redis) -> anyhow::Result<Cost> {
    let mut ours = Ours::start(bench, &["ingest"], Some(&StoreUrl::Redis(redis.url())))?;
    let (daemon, redis) = (ours.pid(), redis.pid());
    let cpu = || Ok::<_, anyhow::Error>((usage::cpu(daemon)?, usage::cpu(redis)?));
    let there = ours.counted()?;
    let before = cpu()?;
    load::send(load, &ours.target()?)?;
    let counted = ours.wait_counted(there + load.count)? - there;
    Ok(cost(before, cpu()?, counted))
}

fn cost(before: (f64, f64), after: (f64, f64), counted: u64) -> Cost {
    let each = |seconds: f64| seconds * 1e6 / counted.max(1) as f64;
    Cost { daemon: each(after.0 - before.0), redis: each(after.1 - before.1), counted }
}
