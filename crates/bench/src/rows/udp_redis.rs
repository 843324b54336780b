//! nginx's lines over UDP into Redis: the total cost of a hit in the daemon and Redis.

use crate::{
    Bench,
    finding::Finding,
    load::{self, Load, Spread, Target},
    median::median,
    ours::Ours,
    peers, usage,
};
use std::{fs, thread, time::Duration};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

const RATE: u64 = 20_000;
/// For set-ups that can wait: fewer names change in five seconds than five times in one.
const LONG_TICK: &str = "5s";

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

/// The passes of all programs, one round each.
#[derive(Default)]
struct Rounds {
    syslog_ng: Vec<Passes>,
    least: Vec<Passes>,
    ours: Vec<Passes>,
    /// With [`LONG_TICK`].
    patient: Vec<Passes>,
}

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let load = load(bench, 10_000);
    let mut rounds = Rounds::default();
    for _ in 0..bench.rounds {
        rounds.syslog_ng.push(shown("syslog-ng", syslog_ng(&load)?));
        rounds.least.push(shown("fold.c", least(&load)?));
        rounds.ours.push(shown("ours", ours(bench, &load, None)?));
        rounds.patient.push(shown("ours, 5s", ours(bench, &load, Some(LONG_TICK))?));
    }
    let known = |passes: &Passes| passes.known;
    Ok(vec![
        beside_syslog_ng(&rounds, &load, "names known", (&rounds.ours, known), Some(50.0)),
        beside_syslog_ng(&rounds, &load, "from an empty Redis", (&rounds.ours, |passes| passes.empty), None),
        beside_syslog_ng(&rounds, &load, "names known, tick = \"5s\"", (&rounds.patient, known), None),
        Finding {
            work:
                "the same, names known, beside the least that counts: no checks, retries, numbers or expiry"
                    .to_owned(),
            peer: format!(
                "peers/fold.c: {}, {:.1} % counted",
                parts(&rounds.least, known),
                share(&rounds.least, known, &load)
            ),
            ours: parts(&rounds.ours, known),
            ratio: format!("{:.2} times as much", 1.0 / ratio(&rounds.least, &rounds.ours, known)),
            target: "-".to_owned(),
            met: None,
        },
        Finding {
            work: "and that beside syslog-ng, names known".to_owned(),
            peer: format!("syslog-ng: {:.1} us", of(&rounds.syslog_ng, known, Cost::sum)),
            ours: format!(
                "peers/fold.c: {}, {:.1} % counted",
                parts(&rounds.least, known),
                share(&rounds.least, known, &load)
            ),
            ratio: format!("{:.1} times less", ratio(&rounds.syslog_ng, &rounds.least, known)),
            target: "-".to_owned(),
            met: None,
        },
    ])
}

fn shown(who: &str, passes: Passes) -> Passes {
    println!("  {who:<9} {passes:.2?}");
    passes
}

fn beside_syslog_ng(
    rounds: &Rounds,
    load: &Load,
    state: &str,
    (ours, pass): (&[Passes], fn(&Passes) -> Cost),
    target: Option<f64>,
) -> Finding {
    let share = |passes: &[Passes]| of(passes, pass, |cost| cost.counted as f64) / load.count as f64 * 100.0;
    let peers = &rounds.syslog_ng;
    let ratio = ratio(peers, ours, pass);
    Finding {
        work: format!("CPU of daemon and Redis per counted hit, 20,000/s, 10,000 log-uniform names, {state}"),
        peer: format!("syslog-ng: {:.1} us, {:.1} % counted", of(peers, pass, Cost::sum), share(peers)),
        ours: format!("{}, {:.1} % counted", parts(ours, pass), share(ours)),
        ratio: format!("{ratio:.1} times less"),
        target: target.map_or("-".to_owned(), |target| format!("at least {target} times less")),
        met: target.map(|target| ratio >= target),
    }
}

/// The median over the rounds.
fn of(rounds: &[Passes], pass: fn(&Passes) -> Cost, part: fn(Cost) -> f64) -> f64 {
    median(&rounds.iter().map(|passes| part(pass(passes))).collect::<Vec<f64>>())
}

fn parts(rounds: &[Passes], pass: fn(&Passes) -> Cost) -> String {
    let of = |part| of(rounds, pass, part);
    format!(
        "{:.2} us ({:.2} daemon, {:.2} Redis)",
        of(Cost::sum),
        of(|cost| cost.daemon),
        of(|cost| cost.redis)
    )
}

/// How much of what was sent was counted, in percent.
fn share(rounds: &[Passes], pass: fn(&Passes) -> Cost, load: &Load) -> f64 {
    of(rounds, pass, |cost| cost.counted as f64) / load.count as f64 * 100.0
}

/// The median of the rounds' ratios.
fn ratio(peers: &[Passes], ours: &[Passes], pass: fn(&Passes) -> Cost) -> f64 {
    let ratios = peers.iter().zip(ours).map(|(peer, ours)| pass(peer).sum() / pass(ours).sum());
    median(&ratios.collect::<Vec<f64>>())
}

/// As many hits on the same names, in another order.
fn again(load: &Load) -> Load {
    Load { seed: load.seed + 1, ..*load }
}

fn syslog_ng(load: &Load) -> anyhow::Result<Passes> {
    let redis = Redis::start();
    let daemon = peers::syslog_ng(&redis);
    passes(load, (daemon.pid(), daemon.port()), &redis, || peers::redis_counts(&redis))
}

fn least(load: &Load) -> anyhow::Result<Passes> {
    let redis = Redis::start();
    let daemon = peers::LeastCounter::start(&redis)?;
    let counted = || match &*redis.cli(&["GET", "counted"]) {
        "" => Ok(0),
        counted => Ok(counted.parse()?),
    };
    passes(load, (daemon.pid(), daemon.port()), &redis, counted)
}

fn passes(
    load: &Load,
    (daemon, port): (u32, u16),
    redis: &Redis,
    counted: impl Fn() -> anyhow::Result<u64>,
) -> anyhow::Result<Passes> {
    let measure = |load: &Load| -> anyhow::Result<Cost> {
        let cpu = || Ok::<_, anyhow::Error>((usage::cpu(daemon)?, usage::cpu(redis.pid())?));
        let (before, there) = (cpu()?, counted()?);
        load::send(load, &Target::udp(([127, 0, 0, 1], port).into())?)?;
        // It has done its work when Redis gets no commands but our own question any more.
        let (mut last, mut commands) = (0, peers::redis_commands(redis)?);
        while commands > last + 1 {
            // Longer than the second between two calls.
            thread::sleep(Duration::from_secs(2));
            (last, commands) = (commands, peers::redis_commands(redis)?);
        }
        let after = cpu()?;
        Ok(cost(before, after, counted()? - there))
    };
    Ok(Passes { empty: measure(load)?, known: measure(&again(load))? })
}

fn ours(bench: &Bench, load: &Load, tick: Option<&str>) -> anyhow::Result<Passes> {
    let (redis, dir) = (Redis::start(), tallymark_testbed::temp_dir());
    let file = dir.path().join("tallymark.toml");
    let file = file.to_string_lossy();
    let flags = match tick {
        None => vec![],
        Some(tick) => {
            fs::write(&*file, format!("[store]\ntick = \"{tick}\"\n"))?;
            vec!["--config", &*file]
        }
    };
    let mut daemon = Daemon::start(bench, &redis, &flags)?;
    Ok(Passes { empty: daemon.measure(load)?, known: daemon.measure(&again(load))? })
}

/// `tallymark ingest` into a Redis.
pub(crate) struct Daemon<'a> {
    ours: Ours,
    redis: &'a Redis,
}

impl<'a> Daemon<'a> {
    pub(crate) fn start(bench: &Bench, redis: &'a Redis, flags: &[&str]) -> anyhow::Result<Daemon<'a>> {
        let command = [&["ingest"], flags].concat();
        Ok(Daemon { ours: Ours::start(bench, &command, Some(&StoreUrl::Redis(redis.url())))?, redis })
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
