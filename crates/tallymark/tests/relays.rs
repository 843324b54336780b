//! Relays between nginx and the daemon: examples/syslog-ng.conf and examples/rsyslog.conf, as they are written but for
//! their ports and paths, each with the real relay, the real daemon, and a real restart of it.

use crate::common::{PATIENCE, Place, Syslog, line, stop};
use std::{
    os::unix::net::UnixDatagram,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};
use tallymark_testbed::{Rsyslog, Site, SyslogNg, wait_until};

/// Lines sent each way, before and while the daemon is away.
const LINES: u64 = 100;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The example with the addresses of this test in place of its own.
fn filled(example: &str, site: &Site<'_>, tcp: u16, socket: &str) -> String {
    // A directory that no package makes would stop the whole relay at its start.
    assert_eq!(Path::new(socket).parent(), Some(Path::new("/run")), "{socket}");
    let mut text = example.to_owned();
    for (written, here) in
        [("5141", tcp.to_string()), ("5142", site.port.to_string()), (socket, site.path("nginx.sock"))]
    {
        assert!(text.contains(written), "the example does not say {written}");
        text = text.replace(written, &here);
    }
    text
}

/// A daemon whose only source is TCP.
fn place() -> Place {
    Place::with_config("[[source]]\nkind = \"syslog-tcp\"\nlisten = \"UDP\"\n")
}

/// nginx writes its line with and without a host, and to either socket.
fn send(udp: u16, socket: &Path) {
    let mut syslog = Syslog::to(udp);
    let unix = UnixDatagram::unbound().unwrap();
    unix.connect(socket).unwrap();
    for at in 0..LINES {
        let with_host = line("o%2Fr");
        let text = if at % 2 == 0 { with_host } else { with_host.replace("web1 ", "") };
        syslog.send(text.as_bytes());
        unix.send(text.as_bytes()).unwrap();
        // What nginx makes of bytes that are no text.
        syslog.send(line("o%2Fr\\xFF").as_bytes());
    }
}

/// Everything sent through a relay is counted or rejected with the reason it would have had without one, and so is what
/// was sent while the daemon was away.
#[track_caller]
fn relays(place: &Place, udp: u16, socket: &Path) {
    let mut daemon = place.serve();
    send(udp, socket);
    wait_until("both lots have arrived", PATIENCE, || place.metrics().lines("syslog-tcp")[0] == 3 * LINES);
    assert_eq!(place.metrics().lines("syslog-tcp"), [3 * LINES, 2 * LINES, LINES, 0]);
    assert_eq!(place.metrics().rejected("syslog-tcp"), [("name".to_owned(), LINES)].into());
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 2 * LINES);

    send(udp, socket);
    let mut daemon = place.serve();
    wait_until("what waited in the relay has arrived", PATIENCE, || {
        place.metrics().lines("syslog-tcp")[0] >= 3 * LINES
    });
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 4 * LINES, "a relay sent lines twice\n{}", daemon.stderr());
    restarts(place, udp, 4 * LINES);
}

/// Lines flow while the daemon is restarted: the relay looks for the end of its connection before it sends, and
/// whatever it has sent by then is read.
#[track_caller]
fn restarts(place: &Place, udp: u16, before: u64) {
    let stopped = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let (mut syslog, text) = (Syslog::to(udp), line("o%2Fr"));
            while !stopped.load(Relaxed) {
                syslog.send(text.as_bytes());
                std::thread::sleep(Duration::from_micros(500)); // the rate
            }
            syslog.taken()
        });
        for _ in 0..3 {
            let mut daemon = place.serve();
            wait_until("lines flow", PATIENCE, || place.metrics().lines("syslog-tcp")[0] > 100);
            stop(&mut daemon);
        }
        stopped.store(true, Relaxed);
        sender.join().unwrap()
    });
    let mut daemon = place.serve();
    wait_until("every line has arrived", PATIENCE, || place.total("o/r") >= before + sent);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), before + sent);
}

#[test]
fn syslog_ng_brings_lines_as_nginx_wrote_them() {
    let place = place();
    let text = example("syslog-ng.conf");
    let mut relay = SyslogNg::start(|site| filled(&text, site, place.udp, "/run/nginx-log.sock"));
    relays(&place, relay.port(), &relay.dir().join("nginx.sock"));
    relay.stop();
}

#[test]
fn rsyslog_brings_lines_as_nginx_wrote_them() {
    let place = place();
    let text = example("rsyslog.conf");
    let mut relay = Rsyslog::start(|site| filled(&text, site, place.udp, "/run/nginx-log.sock"));
    let socket = relay.dir().join("nginx.sock");
    wait_until("rsyslog has bound its unix socket", PATIENCE, || {
        UnixDatagram::unbound().unwrap().connect(&socket).is_ok()
    });
    relays(&place, relay.port(), &socket);
    relay.stop();
}

/// syslog-ng's own forms: RFC 5424 with octet counting, its LF in the count, and BSD lines.
#[test]
fn syslog_ngs_own_framings_are_read() {
    for destination in
        ["syslog(\"127.0.0.1\" port(TCP) transport(tcp))", "network(\"127.0.0.1\" port(TCP) transport(tcp))"]
    {
        let place = place();
        let mut daemon = place.serve();
        let destination = destination.replace("TCP", &place.udp.to_string());
        let mut relay = SyslogNg::start(|site| {
            let source = format!("network(transport(udp) ip(127.0.0.1) port({}))", site.port);
            format!("log {{ source {{ {source}; }}; destination {{ {destination}; }}; }};")
        });
        let mut syslog = Syslog::to(relay.port());
        for _ in 0..LINES {
            syslog.send(line("o%2Fr").as_bytes());
        }
        wait_until("all have arrived", Duration::from_secs(20), || {
            place.metrics().lines("syslog-tcp")[0] == LINES
        });
        relay.stop();
        stop(&mut daemon);
        assert_eq!(place.total("o/r"), LINES, "{destination}");
    }
}
