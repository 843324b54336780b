//! nginx's lines over UDP into Redis: what daemon and Redis spend on a hit together.

use crate::{
    Bench,
    finding::Finding,
    load::{self, Load, Spread, Target},
    median::{by_turns, median},
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

/// The same load twice: into an empty Redis, and then with every name known. The first happens once in the life of a
/// counter, the second every second of it.
#[derive(Clone, Copy, Debug)]
struct Passes {
    empty: Cost,
    known: Cost,
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let load = load(bench, 10_000);
    let (mut peers, mut all_ours) = (Vec::new(), Vec::new());
    let known = by_turns(
        bench.rounds,
        || {
            let passes = syslog_ng(&load)?;
            println!("  syslog-ng {passes:.2?}");
            peers.push(passes);
            Ok(passes.known.sum())
        },
        || {
            let redis = Redis::start();
            let mut daemon = Daemon::start(bench, &redis)?;
            let passes = Passes { empty: daemon.measure(&load)?, known: daemon.measure(&again(&load))? };
            println!("  ours      {passes:.2?}");
            all_ours.push(passes);
            Ok(passes.known.sum())
        },
    )?;
    let ratios: Vec<f64> =
        peers.iter().zip(&all_ours).map(|(peer, ours)| peer.empty.sum() / ours.empty.sum()).collect();
    let finding = |state: &str, pass: fn(&Passes) -> Cost, ratio: f64, target: Option<f64>| {
        let of = |passes: &[Passes], part: fn(Cost) -> f64| {
            median(&passes.iter().map(|passes| part(pass(passes))).collect::<Vec<f64>>())
        };
        let share = |passes: &[Passes]| of(passes, |cost| cost.counted as f64) / load.count as f64 * 100.0;
        Finding {
            work: format!(
                "CPU of daemon and Redis per counted hit, 20,000/s, 10,000 log-uniform names, {state}"
            ),
            peer: format!("syslog-ng: {:.1} us, {:.1} % counted", of(&peers, Cost::sum), share(&peers)),
            ours: format!(
                "{:.2} us ({:.2} daemon, {:.2} Redis), {:.1} % counted",
                of(&all_ours, Cost::sum),
                of(&all_ours, |cost| cost.daemon),
                of(&all_ours, |cost| cost.redis),
                share(&all_ours)
            ),
            ratio: format!("{ratio:.1} times less"),
            target: target.map_or("-".to_owned(), |target| format!("at least {target} times less")),
            met: target.map(|target| ratio >= target),
        }
    };
    Ok(vec![
        finding("names known", |passes| passes.known, known.ratio, Some(50.0)),
        finding("from an empty Redis", |passes| passes.empty, median(&ratios), None),
    ])
}

/// As many hits on the same names, in another order.
fn again(load: &Load) -> Load {
    Load { seed: load.seed + 1, ..*load }
}

fn syslog_ng(load: &Load) -> anyhow::Result<Passes> {
    let redis = Redis::start();
    let daemon = peers::syslog_ng(&redis);
    let measure = |load: &Load| -> anyhow::Result<Cost> {
        let cpu = || Ok::<_, anyhow::Error>((usage::cpu(daemon.pid())?, usage::cpu(redis.pid())?));
        let (before, there) = (cpu()?, peers::redis_counts(&redis)?);
        load::send(load, &Target::udp(([127, 0, 0, 1], daemon.port()).into())?)?;
        // It has done its work when Redis gets no commands but our own question any more.
        let (mut last, mut commands) = (0, peers::redis_commands(&redis)?);
        while commands > last + 1 {
            thread::sleep(Duration::from_secs(1));
            (last, commands) = (commands, peers::redis_commands(&redis)?);
        }
        let after = cpu()?;
        Ok(cost(before, after, peers::redis_counts(&redis)? - there))
    };
    Ok(Passes { empty: measure(load)?, known: measure(&again(load))? })
}

/// `tallymark ingest` into a Redis.
pub(crate) struct Daemon<'a> {
    ours: Ours,
    redis: &'a Redis,
}

impl<'a> Daemon<'a> {
    pub(crate) fn start(bench: &Bench, redis: &'a Redis) -> anyhow::Result<Daemon<'a>> {
        Ok(Daemon { ours: Ours::start(bench, &["ingest"], Some(&StoreUrl::Redis(redis.url())))?, redis })
    }

    pub(crate) fn measure(&mut self, load: &Load) -> anyhow::Result<Cost> {
        let (daemon, redis) = (self.ours.pid(), self.redis.pid());
        let cpu = || Ok::<_, anyhow::Error>((usage::cpu(daemon)?, usage::cpu(redis)?));
        let there = self.ours.counted()?;
        let before = cpu()?;
        load::send(load, &self.ours.target()?)?;
        let counted = self.ours.wait_counted(there + load.count)? - there;
        Ok(cost(before, cpu()?, counted))
    }
}

fn cost(before: (f64, f64), after: (f64, f64), counted: u64) -> Cost {
    let each = |seconds: f64| seconds * 1e6 / counted.max(1) as f64;
    Cost { daemon: each(after.0 - before.0), redis: each(after.1 - before.1), counted }
}
