//! HitMe's `POST /hit`, beside hitme-node with its Redis and beside nginx with a file and a log line for each request.

use super::http_badge;
use crate::{
    Bench,
    finding::Finding,
    median::{Pair, by_turns},
    ours::Ours,
    peers::{self, HitMe},
};
use std::{fmt::Display, fs, net::UdpSocket};
use tallymark_testbed::{Redis, http};

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let seconds = if bench.quick { 1 } else { 10 };
    let dir = tallymark_testbed::temp_dir();
    let script = dir.path().join("hit.lua");
    fs::write(&script, peers::HIT)?;
    let ours = Ours::start(bench, &["serve"], None)?;
    // Seconds a request, so that a ratio above 1 is ours being faster.
    let post = |server: &dyn Display| {
        let args = ["-s", &script.to_string_lossy(), &format!("http://{server}/hit")].map(str::to_owned);
        let rate = http_badge::wrk(seconds, &args)?;
        println!("  {server}: {rate:.0}/s");
        Ok(1.0 / rate)
    };
    let redis = Redis::start();
    let hitme = HitMe::start(&redis)?;
    let beside_hitme = by_turns(bench.rounds, || post(&hitme.addr()), || post(&ours.http))?;
    drop((hitme, redis));
    let sink = UdpSocket::bind("127.0.0.1:0")?;
    let picture = http::get(ours.http, http_badge::PATH).body;
    let nginx = http_badge::nginx(&picture, sink.local_addr()?.port());
    let file = [format!("http://{}{}", nginx.addr(), http_badge::PATH)];
    let beside_nginx =
        by_turns(bench.rounds, || Ok(1.0 / http_badge::wrk(seconds, &file)?), || post(&ours.http))?;
    Ok(vec![
        told("hitme-node with Redis", &beside_hitme, 4.0),
        told("nginx, static file and syslog", &beside_nginx, 1.0),
    ])
}

fn told(peer: &str, pair: &Pair, least: f64) -> Finding {
    Finding {
        work: "POST /hit, wrk -t1 -c64".to_owned(),
        peer: format!("{peer}: {:.0}/s", 1.0 / pair.peer),
        ours: format!("{:.0}/s", 1.0 / pair.ours),
        ratio: format!("{:.2} times", pair.ratio),
        target: format!("at least {least:.1} times"),
        met: Some(pair.ratio >= least),
    }
}
