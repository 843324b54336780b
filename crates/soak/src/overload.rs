//! More datagrams than the daemon can read, into a small buffer, while it is stopped now and then: every one of them is
//! counted, rejected, or among the drops that the kernel shows.

use crate::{Bed, Ledger, PATIENCE, Plan, bed, group, say, traffic};
use std::{
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::Duration,
};
use tallymark_testbed::{Daemon, wait_until};

/// How many senders there are.
const SENDERS: u64 = 2;
/// One line in N is garbage.
const GARBAGE: u64 = 50;

/// See the module.
pub fn run(plan: &Plan) {
    let each = plan.rounds(150_000, 5_000_000);
    let bed = Bed::embedded(plan);
    bed.configure("", "receive-buffer = \"4KiB\"", "");
    let mut daemon = bed.start("ingest");
    let (sent, stops) = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(|| flood(bed.udp, each))).collect();
        let stops = hold_up(&daemon, plan, || senders.iter().all(thread::ScopedJoinHandle::is_finished));
        let sent: u64 = senders.into_iter().map(|sender| sender.join().expect("the sender ends well")).sum();
        (sent, stops)
    });
    wait_until("every datagram is accounted for", PATIENCE, || {
        let lines = bed.metrics().lines("syslog-udp");
        lines.received + lines.dropped == sent
    });
    let lines = bed.metrics().lines("syslog-udp").check();
    assert!(lines.dropped > 0, "that was no overload: {lines:?}");
    bed::stop(&mut daemon);
    let counts = bed.counts();
    assert_eq!(counts.total("~all"), lines.accepted);
    let names = traffic::names(10);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ledger = Ledger::default();
    for (name, total) in names.iter().zip(counts.totals(&names)) {
        ledger.add(name, total);
    }
    assert_eq!(ledger.total(), lines.accepted);
    let [sent, accepted, rejected, dropped] =
        [sent, lines.accepted, lines.rejected, lines.dropped].map(group);
    let result =
        format!("{sent} sent = {accepted} counted + {rejected} rejected + {dropped} dropped by the kernel");
    say("overload", &format!("{result}; stopped {stops} times; difference 0"));
}

/// Sends as fast as it can. Over loopback a datagram that finds no room is taken all the same, and counted as a drop.
fn flood(port: u16, count: u64) -> u64 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket.connect((Ipv4Addr::LOCALHOST, port)).expect("loopback is there");
    let lines: Vec<String> = traffic::names(10).iter().map(|name| traffic::line(name)).collect();
    for at in 0..count {
        let line = if at % GARBAGE == 0 { "garbage" } else { &lines[(at % 10) as usize] };
        socket.send(line.as_bytes()).expect("the daemon listens");
    }
    count
}

/// Stops the daemon and lets it go on, until the senders are done.
fn hold_up(daemon: &Daemon, plan: &Plan, done: impl Fn() -> bool) -> u64 {
    let mut random = plan.random();
    let mut stops = 0;
    while !done() {
        thread::sleep(Duration::from_millis(random.within(20, 200))); // how long it runs
        daemon.signal("STOP");
        thread::sleep(Duration::from_millis(random.within(20, plan.size(200, 2000)))); // how long it stands
        daemon.signal("CONT");
        stops += 1;
    }
    stops
}
