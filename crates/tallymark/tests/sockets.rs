//! syslog over unix sockets and TCP, with good and bad peers. After each of them: received = accepted + rejected, and
//! what was accepted is in the store.

use crate::common::{Metrics, PATIENCE, Place, line, program, stop};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::PathBuf,
    time::Duration,
};
use tallymark_testbed::{Daemon, http, wait_until};

/// One source, with a tick so short that the counters are always fresh.
fn one_source(keys: &str) -> Place {
    Place::with_config(&format!("[store]\ntick = \"10ms\"\n[[source]]\n{keys}\n"))
}

fn unix_source(keys: &str) -> (Place, PathBuf) {
    let place = one_source(&format!("kind = \"syslog-unix\"\npath = \"DIR/s\"\n{keys}"));
    let path = place.dir().join("s");
    (place, path)
}

fn tcp_source(keys: &str) -> Place {
    one_source(&format!("kind = \"syslog-tcp\"\nlisten = \"UDP\"\n{keys}"))
}

fn sender(path: &PathBuf) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(path).unwrap();
    socket
}

fn peer(place: &Place) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, place.udp)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Waits until N lines have arrived, and returns the counters, whose identity holds.
#[track_caller]
fn arrived(place: &Place, source: &str, lines: u64) -> Metrics {
    let metrics = wait_until("the lines have arrived", PATIENCE, || {
        Some(place.metrics()).filter(|metrics| metrics.lines(source)[0] >= lines)
    });
    let [received, accepted, rejected, _] = metrics.lines(source);
    assert_eq!(received, lines);
    assert_eq!(received, accepted + rejected);
    metrics
}

fn reasons<const N: usize>(pairs: [(&str, u64); N]) -> BTreeMap<String, u64> {
    pairs.map(|(reason, count)| (reason.to_owned(), count)).into()
}

fn closed(metrics: &Metrics, reason: &str) -> u64 {
    metrics.get(&format!("tallymark_tcp_connections_closed_total{{reason=\"{reason}\"}}"))
}

/// The peer's end of a connection that the daemon has closed: an end or a reset, and never an answer.
#[track_caller]
fn is_closed(stream: &mut TcpStream) {
    // A wait with a limit is not begun again by itself after a signal.
    let answer = loop {
        match stream.read(&mut [0; 1]) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            answer => break answer,
        }
    };
    assert!(matches!(answer, Ok(0)) || answer.as_ref().is_err_and(is_reset), "{answer:?}");
}

fn is_reset(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
}

#[test]
fn unix_lines_of_200_kb_arrive_whole() {
    let (mut place, path) = unix_source("");
    let wide = "[store]\ntick = \"10ms\"\n[[source]]\nkind = \"syslog-unix\"\npath = \"DIR/s\"\n\
                [[route]]\ncolumns = [\"date\", \"name\", \"-\"]\n";
    place.configure(wide);
    let mut daemon = place.serve();
    let sender = sender(&path);
    for _ in 0..3 {
        let text = format!("{},\"{}\"", line("o%2Fr"), "x".repeat(200_000));
        assert_eq!(sender.send(text.as_bytes()).unwrap(), text.len());
    }
    assert_eq!(arrived(&place, "syslog-unix", 3).lines("syslog-unix"), [3, 3, 0, 0]);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 3);
}

#[test]
fn burst_as_long_as_the_queue_loses_nothing() {
    let (place, path) = unix_source("");
    let mut daemon = place.serve();
    let sender = sender(&path);
    // As nginx does: what does not fit at once is gone.
    sender.set_nonblocking(true).unwrap();
    let text = line("o%2Fr");
    for round in 1..=20 {
        for _ in 0..10 {
            sender.send(text.as_bytes()).expect("the queue holds ten");
        }
        arrived(&place, "syslog-unix", round * 10);
    }
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 200);
}

#[test]
fn socket_has_the_mode_of_the_configuration_and_goes_with_the_daemon() {
    for (keys, mode) in [("", 0o666), ("mode = \"0620\"", 0o620)] {
        let (place, path) = unix_source(keys);
        let mut daemon = place.serve();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        stop(&mut daemon);
        assert!(!path.exists());
    }
}

#[test]
fn small_queue_is_warned_of() {
    let queue = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
    let small = queue.trim().parse::<u64>().unwrap() < 512;
    let (place, _) = unix_source("");
    let daemon = place.serve();
    assert_eq!(daemon.stderr().contains("net.unix.max_dgram_qlen"), small, "{}", daemon.stderr());
}

#[test]
fn removed_socket_file_is_said() {
    let (place, path) = unix_source("");
    let mut daemon = place.serve();
    let says =
        || http::get(place.addr(), "/readyz").text().contains("was removed, so its senders reach no one");
    assert!(!says());
    std::fs::remove_file(&path).unwrap();
    wait_until("it is said", PATIENCE, says);
    stop(&mut daemon);
    let mut daemon = place.serve();
    assert!(!says() && path.exists());
    stop(&mut daemon);
}

#[test]
fn stale_socket_is_replaced_and_a_live_one_is_refused() {
    let (place, path) = unix_source("");
    let mut daemon = place.serve();
    daemon.kill9();
    assert!(path.exists(), "a killed process leaves it behind");
    let mut daemon = place.serve();
    sender(&path).send(line("o%2Fr").as_bytes()).unwrap();
    arrived(&place, "syslog-unix", 1);

    let other = Place::new();
    let flags = [
        "serve".to_owned(),
        "--syslog-unix".to_owned(),
        path.display().to_string(),
        "--listen".to_owned(),
        other.addr().to_string(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    other.run(&flags).refused(1, &["another process receives there", "/s"]);
    sender(&path).send(line("o%2Fr").as_bytes()).expect("the first one is still there");
    arrived(&place, "syslog-unix", 2);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 2);
}

#[test]
fn every_unix_datagram_that_was_taken_is_counted_when_sigterm_falls_among_them() {
    let (place, path) = unix_source("");
    let mut taken = 0;
    for _ in 0..3 {
        let mut daemon = place.serve();
        let text = line("o%2Fr");
        let sender = sender(&path);
        taken += std::thread::scope(|scope| {
            let sending =
                scope.spawn(move || (0u64..).find(|_| sender.send(text.as_bytes()).is_err()).unwrap());
            wait_until("the load runs", PATIENCE, || place.metrics().lines("syslog-unix")[0] > 1000);
            stop(&mut daemon);
            sending.join().unwrap()
        });
    }
    assert_eq!(place.total("o/r"), taken);
}

#[test]
fn both_framings_may_be_mixed_and_come_a_byte_at_a_time() {
    let place = tcp_source("");
    let mut daemon = place.serve();
    let good = line("o%2Fr");
    let mut stream = format!("{good}\n{} {good}", good.len());
    // syslog-ng counts its LF, others do not; CRLF and NUL end lines, too; an empty line is a reject.
    stream += &format!("{} {good}\n{} {good}\n{good}\r\n{good}\0\n\n<1>x\n", good.len() + 1, good.len());
    let mut peer = peer(&place);
    for byte in stream.as_bytes() {
        peer.write_all(&[*byte]).unwrap();
    }
    let metrics = arrived(&place, "syslog-tcp", 8);
    assert_eq!(metrics.rejected("syslog-tcp"), reasons([("empty", 1), ("tag", 1)]));
    drop(peer);
    wait_until("the end is seen", PATIENCE, || closed(&place.metrics(), "peer") == 1);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 6);
}

#[test]
fn bad_counts_close_their_own_connection_alone() {
    let place = tcp_source("");
    let mut daemon = place.serve();
    let good = line("o%2Fr");
    let mut other = peer(&place);
    let endless = "7".repeat(10_000);
    let bad = ["0 ", "00005 abcde", "5<158>", "12345678901 ", &endless, "99999999999999999999 x"];
    for (at, bad) in (1..).zip(bad) {
        let mut peer = peer(&place);
        // The daemon may be gone before all of it is written.
        let _ = peer.write_all(format!("{good}\n{bad}{good}\n").as_bytes());
        is_closed(&mut peer);
        other.write_all(format!("{good}\n").as_bytes()).unwrap();
        let metrics = arrived(&place, "syslog-tcp", at * 3);
        assert_eq!(metrics.rejected("syslog-tcp"), reasons([("framing", at)]));
    }
    for over in ["65538 ", "1073741824 ", "9999999999 "] {
        let mut peer = peer(&place);
        peer.write_all(over.as_bytes()).unwrap();
        is_closed(&mut peer);
    }
    let metrics = arrived(&place, "syslog-tcp", 21);
    assert_eq!(metrics.rejected("syslog-tcp"), reasons([("framing", 6), ("too_long", 3)]));
    assert_eq!((closed(&metrics, "framing"), closed(&metrics, "too_long")), (6, 3));
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 12);
}

#[test]
fn endless_line_costs_no_memory_and_one_reject() {
    let place = tcp_source("");
    // `serve` looks through the fonts of the machine meanwhile, and reads one after the other.
    let mut daemon = place.start("ingest", &[]);
    let mut peer = peer(&place);
    let good = line("o%2Fr");
    peer.write_all(format!("{good}\n").as_bytes()).unwrap();
    arrived(&place, "syslog-tcp", 1);
    let before = peak_memory(&daemon);
    for _ in 0..1024 {
        peer.write_all(&[b'x'; 65_536]).unwrap();
    }
    peer.write_all(format!("\n{good}\n").as_bytes()).unwrap();
    let metrics = arrived(&place, "syslog-tcp", 3);
    assert_eq!(metrics.rejected("syslog-tcp"), reasons([("too_long", 1)]));
    let more = peak_memory(&daemon) - before;
    assert!(more < 8 << 10, "64 MiB of one line took {more} KiB");
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 2);
}

/// The most memory it ever had, in KiB.
fn peak_memory(daemon: &Daemon) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn two_hundred_connections_share_a_hundred_places() {
    let place = tcp_source("connections = 100");
    let mut daemon = place.serve();
    let text = format!("{}\n", line("o%2Fr"));
    let mut peers: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut peer = peer(&place);
            peer.write_all(text.as_bytes()).unwrap();
            peer
        })
        .collect();
    wait_until("the first hundred are heard", PATIENCE, || {
        let metrics = place.metrics();
        assert!(metrics.get("tallymark_tcp_connections") <= 100);
        metrics.lines("syslog-tcp")[0] >= 100
    });
    // The others wait in the kernel, and so do their lines.
    peers.drain(..100);
    arrived(&place, "syslog-tcp", 200);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 200);
}

#[test]
fn connection_that_is_silent_longest_makes_place() {
    let place = tcp_source("connections = 2");
    let mut daemon = place.serve();
    let text = format!("{}\n", line("o%2Fr"));
    let (mut silent, mut busy) = (peer(&place), peer(&place));
    silent.write_all(&text.as_bytes()[..10]).unwrap();
    wait_until("both places are taken", PATIENCE, || place.metrics().get("tallymark_tcp_connections") == 2);
    let mut newcomer = peer(&place);
    newcomer.write_all(text.as_bytes()).unwrap();
    let mut sent = 1;
    wait_until("the silent one is evicted", PATIENCE, || {
        busy.write_all(text.as_bytes()).unwrap();
        sent += 1;
        closed(&place.metrics(), "evicted") == 1
    });
    is_closed(&mut silent);
    let metrics = arrived(&place, "syslog-tcp", sent + 1);
    assert_eq!(metrics.rejected("syslog-tcp"), reasons([("partial", 1)]));
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), sent);
}

#[test]
fn silent_connection_is_closed_and_half_a_line_is_no_hit() {
    let place = tcp_source("idle-timeout = \"1s\"");
    let mut daemon = place.serve();
    let text = line("o%2Fr");
    let mut silent = peer(&place);
    silent.write_all(format!("{text}\n{text}").as_bytes()).unwrap();
    is_closed(&mut silent);
    // And one that ends in the middle of a line, or of a counted message.
    for half in [text.clone(), format!("{} {text}", text.len() + 1), "12".to_owned()] {
        let mut peer = peer(&place);
        peer.write_all(format!("{text}\n{half}").as_bytes()).unwrap();
    }
    let metrics = arrived(&place, "syslog-tcp", 8);
    assert_eq!(metrics.rejected("syslog-tcp"), reasons([("partial", 4)]));
    // The end of a connection is counted after its last line.
    wait_until("all are closed", PATIENCE, || {
        let metrics = place.metrics();
        (closed(&metrics, "idle"), closed(&metrics, "peer")) == (1, 3)
    });
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 4);
}

#[test]
fn peer_that_is_not_allowed_is_hung_up_on() {
    let place = tcp_source("allow = [\"192.0.2.0/24\"]");
    let mut daemon = place.serve();
    let mut peer = peer(&place);
    let _ = peer.write_all(line("o%2Fr").as_bytes());
    is_closed(&mut peer);
    wait_until("it is counted", PATIENCE, || closed(&place.metrics(), "sender") == 1);
    assert_eq!(place.metrics().lines("syslog-tcp"), [0; 4]);
    stop(&mut daemon);
    let open = Place::new();
    open.run(&["check-config", "--syslog-tcp", "0.0.0.0:5141"])
        .refused(78, &["list the networks that can send"]);
}

#[test]
fn listener_outlives_a_lack_of_descriptors() {
    let place = tcp_source("");
    let flags = [place.flags(), place.listen_flags()].concat();
    let mut daemon = Daemon::builder("sh")
        .args(["-c", "ulimit -n 48; exec \"$0\" serve \"$@\""])
        .arg(program())
        .args(flags)
        .start();
    wait_until("it listens", PATIENCE, || TcpStream::connect((Ipv4Addr::LOCALHOST, place.udp)).is_ok());
    let text = format!("{}\n", line("o%2Fr"));
    let mut peers: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut peer = peer(&place);
            peer.write_all(text.as_bytes()).unwrap();
            peer
        })
        .collect();
    daemon.wait_for_line(|line| line.contains("accepting a syslog connection"), PATIENCE);
    peers.truncate(5);
    arrived(&place, "syslog-tcp", 60);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 60);
}

/// Stopped in mid-work, the daemon finds at its end what has come meanwhile: on connections it knows, and on some that
/// it has never seen.
#[test]
fn sigterm_counts_what_the_kernel_has_received() {
    let place = tcp_source("");
    let mut daemon = place.serve();
    let text = format!("{}\n", line("o%2Fr"));
    let mut known = peer(&place);
    known.write_all(text.as_bytes()).unwrap();
    arrived(&place, "syslog-tcp", 1);
    daemon.signal("STOP");
    let mut strangers: Vec<TcpStream> = (0..20).map(|_| peer(&place)).collect();
    known.write_all(text.repeat(500).as_bytes()).unwrap();
    for stranger in &mut strangers {
        stranger.write_all(text.repeat(10).as_bytes()).unwrap();
    }
    daemon.sigterm();
    daemon.signal("CONT");
    assert!(daemon.wait(Duration::from_secs(15)).success(), "{}", daemon.stderr());
    assert_eq!(place.total("o/r"), 1 + 500 + 200);
}

/// Writes lines for as long as they are taken, then tells how many bytes the other side's kernel has acknowledged. The
/// first one counted is the SYN.
const FLOOD: &str = r#"
import socket, struct, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
lines = (sys.argv[2] + "\n").encode() * 100
try:
    while True:
        peer.sendall(lines)
except OSError:
    pass
info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
print("acknowledged", struct.unpack_from("<Q", info, 120)[0] - 1, flush=True)
"#;

/// Under full load the last acknowledged byte is the last one that is looked at: neither is a line lost that a peer has
/// delivered, nor counted that it would send again.
#[test]
fn sigterm_under_load_counts_exactly_what_was_acknowledged() {
    let place = tcp_source("");
    let text = line("o%2Fr");
    let mut expect = 0;
    for _ in 0..3 {
        let mut daemon = place.serve();
        let flood = || {
            let port = place.udp.to_string();
            Daemon::builder("python3").args(["-c", FLOOD, &port, &text]).start()
        };
        let mut floods = [flood(), flood()];
        wait_until("the load runs", PATIENCE, || {
            let metrics = place.metrics();
            metrics.get("tallymark_tcp_connections") == 2 && metrics.lines("syslog-tcp")[0] > 20_000
        });
        stop(&mut daemon);
        for flood in &mut floods {
            let told = flood.wait_for_line(|line| line.starts_with("acknowledged "), PATIENCE);
            let bytes: u64 = told.split_once(' ').unwrap().1.parse().unwrap();
            expect += bytes / (text.len() as u64 + 1);
        }
    }
    assert_eq!(place.total("o/r"), expect);
}

/// A relay that looks for the end before it sends, as rsyslog and syslog-ng do, hears of the stop in time to take back
/// what it has not sent: nothing is lost on the way.
#[test]
fn relay_that_looks_for_the_end_loses_nothing_when_the_daemon_stops() {
    let place = tcp_source("");
    let text = format!("{}\n", line("o%2Fr"));
    let mut expect = 0;
    for _ in 0..3 {
        let mut daemon = place.serve();
        let relays: Vec<_> = (0..3)
            .map(|_| {
                let (mut relay, text) = (peer(&place), text.clone());
                std::thread::spawn(move || {
                    let mut sent = 0u64;
                    relay.set_nonblocking(true).unwrap();
                    while !matches!(relay.peek(&mut [0]), Ok(0)) {
                        relay.set_nonblocking(false).unwrap();
                        relay.write_all(text.as_bytes()).unwrap();
                        relay.set_nonblocking(true).unwrap();
                        sent += 1;
                        // Socket buffers hold more than a busy machine reads before the deadline of a stop.
                        if sent.is_multiple_of(16) {
                            std::thread::sleep(std::time::Duration::from_millis(1));
                        }
                    }
                    sent
                })
            })
            .collect();
        wait_until("the load runs", PATIENCE, || place.metrics().lines("syslog-tcp")[0] > 10_000);
        stop(&mut daemon);
        expect += relays.into_iter().map(|relay| relay.join().unwrap()).sum::<u64>();
    }
    assert_eq!(place.total("o/r"), expect);
}
