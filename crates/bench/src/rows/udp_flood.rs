//! A million datagrams as fast as one core sends them: how many are counted.

use crate::{
    Bench,
    finding::Finding,
    load::{Load, Ready, Spread, Target},
    median::median,
    ours::Ours,
    peers,
};
use std::{thread, time::Duration};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let count = bench.scaled(1_000_000);
    let load = Load { names: 10_000, spread: Spread::LogUniform, count, rate: None, seed: 1 };
    let ready = Ready::new(&load);
    let (mut theirs, mut all_ours, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
    let percent = |counted: u64| counted as f64 / count as f64 * 100.0;
    for _ in 0..bench.rounds {
        theirs.push(percent(syslog_ng(&ready)?));
        let redis = Redis::start();
        let mut ours = Ours::start(bench, &["ingest"], Some(&StoreUrl::Redis(redis.url())))?;
        let sent = ready.send(&ours.target()?, |_| {})?;
        let counted = ours.wait_counted(count)?;
        println!("  ours: {counted} of {count} at {:.0}/s", sent.per_second());
        all_ours.push(percent(counted));
        speeds.push(sent.per_second());
    }
    let (peer, ours) = (median(&theirs), median(&all_ours));
    // The worst round counts: one lost datagram is a lost datagram.
    let worst = all_ours.iter().copied().fold(100.0, f64::min);
    Ok(vec![Finding {
        work: format!("datagrams of a flood that are counted, sent at {:.0}/s", median(&speeds)),
        peer: format!("syslog-ng: {peer:.1} %"),
        ours: format!("{ours:.2} %, worst round {worst:.4} %"),
        ratio: format!("{:.1} times more", ours / peer.max(0.01)),
        target: "100 %".to_owned(),
        met: Some(worst >= 100.0),
    }])
}

fn syslog_ng(ready: &Ready) -> anyhow::Result<u64> {
    let redis = Redis::start();
    let daemon = peers::syslog_ng(&redis);
    let sent = ready.send(&Target::udp(([127, 0, 0, 1], daemon.port()).into())?, |_| {})?;
    let (mut last, mut commands) = (0, peers::redis_commands(&redis)?);
    while commands > last + 1 {
        thread::sleep(Duration::from_secs(1));
        (last, commands) = (commands, peers::redis_commands(&redis)?);
    }
    let counted = peers::redis_counts(&redis)?;
    println!("  syslog-ng: {counted} of {} at {:.0}/s", sent.datagrams, sent.per_second());
    Ok(counted)
}
