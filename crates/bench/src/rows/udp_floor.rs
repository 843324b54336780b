//! The cost of a datagram from the receive buffer to the store, at full speed, against a loop that discards it.

use crate::{
    Bench,
    finding::Finding,
    load::{Load, Ready, Spread, Target},
    median::by_turns,
    ours::Ours,
    peers::BareReceiver,
    usage,
};
use std::{thread, time::Duration};
use tallymark_testbed::free_udp_port;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let count = bench.scaled(3_000_000);
    let load = Load { names: 10_000, spread: Spread::LogUniform, count, rate: None, seed: 1 };
    let ready = Ready::new(&load);
    let pair = by_turns(bench.rounds, || bare(&ready), || ours(bench, &ready))?;
    let share = 1.0 / pair.ratio;
    Ok(vec![Finding {
        work: "CPU per datagram flat out, 10,000 log-uniform names, `ingest` into SQLite".to_owned(),
        peer: format!("bare recvmmsg loop: {:.3} us", pair.peer),
        ours: format!("{:.3} us", pair.ours),
        ratio: format!("{share:.2} times the bare loop"),
        target: "at most 0.8 times".to_owned(),
        met: Some(share <= 0.8),
    }])
}

fn bare(ready: &Ready) -> anyhow::Result<f64> {
    let port = free_udp_port();
    let receiver = BareReceiver::start(port)?;
    let sent = ready.send(&Target::udp(([127, 0, 0, 1], port).into())?, |_| {})?;
    thread::sleep(Duration::from_millis(200));
    let seconds = usage::cpu(receiver.pid())?;
    let received = receiver.stop()?;
    println!("  bare: {received} received at {:.0}/s", sent.per_second());
    Ok(seconds * 1e6 / received as f64)
}

fn ours(bench: &Bench, ready: &Ready) -> anyhow::Result<f64> {
    let mut ours = Ours::start(bench, &["ingest"], None)?;
    let before = usage::cpu(ours.pid())?;
    let sent = ready.send(&ours.target()?, |_| {})?;
    let counted = ours.wait_counted(sent.datagrams)?;
    let seconds = usage::cpu(ours.pid())? - before;
    let drops = ours.metric("tallymark_socket_drops_total")?;
    println!("  ours: {counted} counted at {:.0}/s, {drops} dropped", sent.per_second());
    Ok(seconds * 1e6 / counted as f64)
}
