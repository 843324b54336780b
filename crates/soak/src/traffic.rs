//! Hits that flow while things break: datagrams as nginx sends them, and badges over HTTP.

use crate::{Bed, Ledger, PATIENCE, Random};
use std::{
    io::{ErrorKind, Write},
    net::{Ipv4Addr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tallymark_core::{Name, Now};
use tallymark_testbed::{http, wait_until};

/// The clock, as the daemon reads it.
pub(crate) fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    Now { unix_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
}

/// The line that nginx with set-misc sends for a hit.
pub(crate) fn line(name: &str) -> String {
    let name = Name::new(name).expect("a name");
    format!("<158>Nov 20 12:00:00 web1 badge: \"{}\",\"{}\"", now().day(), name.escaped())
}

/// The names of ordinary traffic.
pub(crate) fn names(count: u64) -> Vec<String> {
    (0..count).map(|at| format!("owner{}/repo-{at}", at % 7)).collect()
}

/// Traffic that runs until it is stopped.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    /// What the daemon had read, or the kernel had dropped, before.
    before: u64,
    udp: JoinHandle<Ledger>,
    http: Option<JoinHandle<Ledger>>,
}

impl Traffic {
    /// Sends to a daemon that stays up: datagrams at this rate, over these names, skewed as real ones are.
    pub(crate) fn start(bed: &Bed, names: Vec<String>, per_second: u32) -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let before = bed.metrics().lines("syslog-udp");
        let (port, stopped) = (bed.udp, stop.clone());
        let udp = thread::spawn(move || datagrams(port, &names, per_second, &stopped));
        Traffic { stop, before: before.received + before.dropped, udp, http: None }
    }

    /// With badges over HTTP besides, one after the other: their hits come back to the counter that showed them.
    pub(crate) fn with_http(mut self, bed: &Bed, name: &'static str) -> Traffic {
        let (addr, stop) = (bed.addr(), self.stop.clone());
        self.http = Some(thread::spawn(move || {
            let mut ledger = Ledger::default();
            while !stop.load(Relaxed) {
                let answer = http::get(addr, &format!("/badge.svg?repo={name}"));
                assert_eq!((answer.status, answer.header("X-Tallymark")), (200, Some("counted")));
                ledger.add(name, 1);
                thread::sleep(Duration::from_millis(10)); // the rate itself
            }
            ledger
        }));
        self
    }

    /// Stops and returns what was sent, over UDP and over HTTP.
    #[track_caller]
    pub(crate) fn stop(self) -> (Ledger, Ledger) {
        self.stop.store(true, Relaxed);
        let udp = self.udp.join().expect("the sender ends well");
        let http = self.http.map(|http| http.join().expect("the client ends well"));
        (udp, http.unwrap_or_default())
    }

    /// Stops, waits until the daemon has read what was sent, and checks that nothing was lost: sent = received +
    /// dropped, received = accepted + rejected.
    #[track_caller]
    pub(crate) fn finish(self, bed: &Bed) -> Ledger {
        let before = self.before;
        let (udp, http) = self.stop();
        let sent = before + udp.total();
        wait_until("every datagram is accounted for", PATIENCE, || {
            let lines = bed.metrics().lines("syslog-udp");
            lines.received + lines.dropped == sent
        });
        let metrics = bed.metrics();
        let lines = metrics.lines("syslog-udp").check();
        assert_eq!((lines.rejected, lines.dropped), (0, 0), "at this rate nothing is dropped: {lines:?}");
        metrics.lines("http").check();
        let mut ledger = udp;
        ledger.join(&http);
        ledger
    }
}

fn datagrams(port: u16, names: &[String], per_second: u32, stop: &AtomicBool) -> Ledger {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    socket.connect((Ipv4Addr::LOCALHOST, port)).expect("loopback is there");
    let lines: Vec<String> = names.iter().map(|name| line(name)).collect();
    let (mut ledger, mut random, started) = (Ledger::default(), Random::new(7), Instant::now());
    for sent in 0u32.. {
        if stop.load(Relaxed) {
            break;
        }
        // Half of the hits go to a tenth of the names.
        let most = if sent % 2 == 0 { names.len().div_ceil(10) } else { names.len() };
        let at = random.within(0, most as u64) as usize;
        ledger.add(&names[at], 1);
        match socket.send(lines[at].as_bytes()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => panic!("nobody listens for syslog"),
            Err(error) => panic!("sending a datagram: {error}"),
        }
        let due = started + Duration::from_secs(1) * sent / per_second;
        let early = due.saturating_duration_since(Instant::now());
        if early > Duration::from_millis(1) {
            thread::sleep(early); // the rate itself
        }
    }
    ledger
}

/// A relay's connection: lines over TCP, as fast as the daemon takes them.
pub(crate) struct Stream(std::io::BufWriter<TcpStream>);

impl Stream {
    #[track_caller]
    pub(crate) fn open(bed: &Bed) -> Stream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, bed.tcp)).expect("syslog-tcp listens");
        Stream(std::io::BufWriter::with_capacity(64 * 1024, stream))
    }

    #[track_caller]
    pub(crate) fn send(&mut self, line: &str) {
        self.0.write_all(line.as_bytes()).and_then(|()| self.0.write_all(b"\n")).expect("the daemon reads");
    }

    /// Hands everything to the kernel and says that it was all.
    #[track_caller]
    pub(crate) fn finish(self) {
        let stream = self.0.into_inner().expect("the daemon reads");
        stream.shutdown(std::net::Shutdown::Write).expect("the connection stands");
    }
}
