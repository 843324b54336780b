//! Tests with a store that is down: nothing reads the channel, so the tally fills.

use super::*;
use crate::{IngestMeters, LineFormat};
use std::{collections::BTreeSet, io::Write, net::TcpStream, sync::Arc, thread};

/// Names per tally; the peer sends many times as many.
const LIMIT: usize = 100;
const NAMES: usize = 20_000;

fn source(meters: &IngestMeters) -> SyslogTcp {
    let options = TcpOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        allow: None,
        framing: Framing::Auto,
        connections: 10,
        idle: Duration::from_secs(60),
    };
    let lines = LineOptions {
        max_line: 1000,
        format: LineFormat::Syslog,
        routes: Arc::default(),
        tick: Duration::from_millis(1),
        limit: LIMIT,
        visits: tallymark_core::KeptVisits::default(),
        gate: None,
        refusals: Arc::default(),
    };
    SyslogTcp::open(options, None, lines, meters.source("syslog-tcp")).unwrap()
}

#[test]
fn sender_waits_while_the_tally_is_full_and_no_name_overflows() {
    let meters = IngestMeters::default();
    let source = source(&meters);
    let addr = source.local_addr().unwrap();
    let stop = Stop::new().unwrap();
    let (out, mut sealed) = mpsc::channel(1);
    let running = thread::spawn({
        let stop = stop.clone();
        move || source.run(&out, &stop)
    });
    let mut peer = TcpStream::connect(addr).unwrap();
    let sending = thread::spawn(move || {
        for at in 0..NAMES {
            writeln!(peer, "<158>Nov 20 12:00:00 vm badge: \"2026-11-20\",\"name{at}\"").unwrap();
        }
    });
    let mut names = BTreeSet::new();
    while names.len() < NAMES {
        let entries = sealed.blocking_recv().expect("the source runs").into_entries();
        assert!(entries.len() <= LIMIT, "{} names at once", entries.len());
        names.extend(entries.into_iter().map(|entry| entry.name.as_str().to_owned()));
    }
    assert!(!names.contains("~overflow"));
    sending.join().unwrap();
    stop.stop();
    running.join().unwrap().unwrap();
    assert_eq!(meters.source("syslog-tcp").lines(), (NAMES as u64, NAMES as u64, 0));
}
