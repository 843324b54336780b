//! What a hit costs with a hundred times as many names.

use super::udp_redis::{self, Cost, Daemon};
use crate::{Bench, fill::Fill, finding::Finding, median::median};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let million = bench.scaled(1_000_000) as u32;
    let (few, many) = (filled(10_000)?, filled(million)?);
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        small.push(Daemon::start(bench, &few, &[])?.measure(&udp_redis::load(bench, 10_000))?);
        large.push(Daemon::start(bench, &many, &[])?.measure(&udp_redis::load(bench, million))?);
        println!("  10,000 names {:.2?}; {million} names {:.2?}", small.last(), large.last());
    }
    let compare = |work: &str, part: fn(&Cost) -> f64, most: f64| {
        let of = |costs: &[Cost]| costs.iter().map(part).collect::<Vec<f64>>();
        let (few, many) = (of(&small), of(&large));
        let ratios: Vec<f64> = few.iter().zip(&many).map(|(few, many)| many / few).collect();
        let ratio = median(&ratios);
        Finding {
            work: format!("CPU per hit, 1,000,000 log-uniform names against 10,000: {work}"),
            peer: format!("10,000 names: {:.2} us", median(&few)),
            ours: format!("1,000,000 names: {:.2} us", median(&many)),
            ratio: format!("{ratio:.2} times"),
            target: format!("at most {most} times"),
            met: Some(ratio <= most),
        }
    };
    Ok(vec![compare("daemon", |cost| cost.daemon, 1.5), compare("daemon and Redis", |cost| cost.sum(), 3.0)])
}

/// A Redis that knows every name, as it does after the first day.
fn filled(names: u32) -> anyhow::Result<Redis> {
    let redis = Redis::start();
    Fill::open(&StoreUrl::Redis(redis.url()))?.add(0..names, 1)?;
    Ok(redis)
}
