//! Slow clients, and more of them than there are slots.

use crate::{Bed, Plan, bed, say};
use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};
use tallymark_testbed::http::Client;

/// Half a head, and then a header every now and then; or a flood of requests whose responses are never read.
pub(super) fn run(plan: &Plan, bed: &Bed) {
    let count = plan.size(100, 1000);
    let mut heads: Vec<TcpStream> = (0..count).map(|_| connect(bed)).collect();
    for stream in &mut heads {
        send(stream, b"GET / HTTP/1.1\r\nHost: x\r\n");
    }
    let mut deaf: Vec<TcpStream> = (0..count / 10).map(|_| connect(bed)).collect();
    let question = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    for stream in &mut deaf {
        stream.set_write_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        send(stream, &question);
    }
    let mut took = Vec::new();
    let mut client = Client::connect(bed.addr());
    for at in 0..plan.size(200, 5000) {
        if at % 50 == 0 {
            // A head that goes on, but never ends.
            heads.iter_mut().for_each(|stream| send(stream, b"X: y\r\n"));
        }
        let begun = Instant::now();
        let answer = client.get(if at % 10 == 0 { "/" } else { "/badge/a/b.json" });
        took.push(begun.elapsed());
        assert_eq!(answer.status, 200);
    }
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    let clients = heads.len() + deaf.len();
    say("http", &format!("beside {clients} slow clients others are answered within {p99:.1?} (p99)"));
}

/// As many idle connections as there are slots; further clients wait for one to be closed.
pub(super) fn crowd(plan: &Plan) {
    let bed = Bed::embedded(plan);
    bed.configure("", "", "[limits]\nconnections = 16\n");
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let mut idle: Vec<Client> = (0..16).map(|_| Client::connect(bed.addr())).collect();
    for client in &mut idle {
        assert_eq!(client.get("/healthz").status, 200);
    }
    let mut late = connect(&bed);
    send(&mut late, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    late.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(late.peek(&mut [0]).is_err(), "there is no place for it");
    // Those that have a slot continue in the meantime.
    assert_eq!(idle[3].get("/healthz").status, 200);
    idle.pop();
    late.set_read_timeout(Some(crate::PATIENCE)).expect("a timeout");
    assert_eq!(late.peek(&mut [0]).expect("now there is"), 1);
    drop((idle, late));
    bed::stop(&mut daemon);
    say("http", "17 clients and 16 places: the last one waits, nobody is turned away");
}

fn connect(bed: &Bed) -> TcpStream {
    TcpStream::connect(bed.addr()).expect("the daemon accepts")
}

/// Some are cut off already, which is what they are here for.
fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}
