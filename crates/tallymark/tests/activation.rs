//! Sockets that a service manager holds: a restart under load loses nothing, because what arrives in the meantime waits
//! in them.

use crate::common::{PATIENCE, Place, Syslog, dropped, line, program};
use std::{
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};
use tallymark_testbed::{Daemon, http, wait_until};

/// What systemd does for a service with a socket unit: binds, starts the daemon with the sockets from descriptor 3 on,
/// keeps them, and starts it again with the same ones. SIGHUP restarts the daemon; SIGTERM ends both.
const KEEPER: &str = r#"
import os, signal, socket, sys
names, program = sys.argv[1].split(","), sys.argv[2:]
kept = []
for name in names:
    kind, _, where = name.partition("=")
    if kind in ("udp", "tcp"):
        host, _, port = where.rpartition(":")
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20) if kind == "udp" else None
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
    else:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if kind == "unix" else socket.SOCK_STREAM)
        s.bind(where)
    if s.type == socket.SOCK_STREAM:
        s.listen(1024)
    kept.append(s)

def start():
    child = os.fork()
    if child:
        return child
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    # High first, so that no dup2 lands on a descriptor that is still needed.
    high = [os.dup2(s.fileno(), 100 + at) for at, s in enumerate(kept)]
    for at, fd in enumerate(high):
        os.dup2(fd, 3 + at)
        os.close(fd)
    os.closerange(3 + len(high), 100)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(high))
    os.environ["LISTEN_FDNAMES"] = ":".join(["tallymark.socket"] * len(high))
    os.execv(program[0], program)

signals = {signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
child = start()
while True:
    got = signal.sigwait(signals)
    if got == signal.SIGCHLD:
        # Of a child that is stopped or continued, or one that was waited for already.
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            sys.exit(os.waitstatus_to_exitcode(status))
        continue
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    if got != signal.SIGHUP or status != 0:
        sys.exit(os.waitstatus_to_exitcode(status))
    child = start()
    print("restarted", flush=True)
"#;

/// A place whose sockets are kept, with one source of each kind.
struct Kept {
    place: Place,
    tcp: u16,
    unix: PathBuf,
}

impl Kept {
    fn new() -> Kept {
        let tcp = tallymark_testbed::free_tcp_port();
        let place = Place::with_config(&format!(
            "[[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\n\
             [[source]]\nkind = \"syslog-unix\"\npath = \"DIR/s\"\n\
             [[source]]\nkind = \"syslog-tcp\"\nlisten = \"127.0.0.1:{tcp}\"\n"
        ));
        let unix = place.dir().join("s");
        Kept { place, tcp, unix }
    }

    /// Starts the keeper with these sockets; it starts the daemon.
    fn start(&self, sockets: &[String]) -> Daemon {
        Daemon::builder("python3")
            .args(["-c", KEEPER, &sockets.join(",")])
            .arg(program())
            .arg("serve")
            .args(self.place.flags())
            .args(self.place.listen_flags())
            .start()
    }

    fn all(&self) -> Vec<String> {
        vec![
            format!("udp=127.0.0.1:{}", self.place.udp),
            format!("unix={}", self.unix.display()),
            format!("tcp=127.0.0.1:{}", self.tcp),
            format!("tcp={}", self.place.addr()),
        ]
    }

    #[track_caller]
    fn listens(&self, daemon: &mut Daemon) {
        wait_until("the daemon answers", PATIENCE, || {
            assert!(daemon.is_running(), "it ended:\n{}{}", daemon.stdout(), daemon.stderr());
            http::try_request("GET", self.place.addr(), "/healthz", &[], b"").is_ok()
        });
    }
}

/// Ends the senders, even if the test fails: the scope waits for them.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

/// Sends at a rate while `on` is true, and returns how many were sent.
fn pace(per_second: u32, on: &AtomicBool, mut send: impl FnMut()) -> u64 {
    let started = Instant::now();
    let mut sent = 0u32;
    while on.load(SeqCst) {
        send();
        sent += 1;
        let due = started + Duration::from_secs(1) * sent / per_second;
        thread::sleep(due.saturating_duration_since(Instant::now())); // the rate itself
    }
    u64::from(sent)
}

#[test]
fn restarts_under_load_lose_nothing_that_was_sent_to_a_kept_socket() {
    const RESTARTS: usize = 3;
    let kept = Kept::new();
    let mut keeper = kept.start(&kept.all());
    kept.listens(&mut keeper);
    let on = AtomicBool::new(true);
    let (udp, unix, shown) = thread::scope(|scope| {
        let udp = scope.spawn(|| {
            let (mut syslog, text) = (Syslog::to(kept.place.udp), line("u%2Fdp"));
            pace(5000, &on, || syslog.send(text.as_bytes()))
        });
        let unix = scope.spawn(|| {
            let (socket, text) = (UnixDatagram::unbound().unwrap(), line("u%2Fnix"));
            socket.connect(&kept.unix).unwrap();
            // It waits while the queue is full, as nginx does not; what is shown here is that the queue survives.
            pace(1000, &on, || assert_eq!(socket.send(text.as_bytes()).unwrap(), text.len()))
        });
        // No client is refused in the meantime: each waits in the queue of the kept listener. Connections that the
        // previous daemon had accepted, but not read yet, are closed.
        let shown = scope.spawn(|| {
            let mut answered = 0;
            let asked = pace(50, &on, || {
                let mut client = http::Client::try_connect(kept.place.addr()).expect("nobody is refused");
                let answer = client.try_request("GET", "/badge.svg?repo=h/ttp", &[], b"");
                answered += u64::from(answer.is_ok_and(|answer| answer.status == 200));
            });
            assert!(answered + 10 >= asked, "{answered} of {asked} were answered");
            answered
        });
        let ends = Ends(&on);
        for round in 1..=RESTARTS {
            let before = kept.place.metrics().lines("syslog-udp")[0];
            wait_until("the load runs", PATIENCE, || {
                kept.place.metrics().lines("syslog-udp")[0] > before + 3000
            });
            keeper.signal("HUP");
            wait_until("it was restarted", PATIENCE, || {
                keeper.stdout().matches("restarted").count() == round
            });
            kept.listens(&mut keeper);
        }
        drop(ends);
        [udp, unix, shown].map(|sender| sender.join().unwrap()).into()
    });
    let sum = |name: &str| {
        let answer = http::get(kept.place.addr(), &format!("/badge/{name}.json"));
        answer.text().split_once("\"total\":").unwrap().1.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    wait_until("what is in the sockets is counted", PATIENCE, || sum("u/dp") >= udp && sum("u/nix") >= unix);
    keeper.sigterm();
    assert!(keeper.wait(PATIENCE).success(), "{}", keeper.stderr());
    assert_eq!(dropped(&keeper.stderr()), 0, "the receive buffer holds a restart's worth");
    let totals = ["u/dp", "u/nix"].map(|name| kept.place.total(name));
    assert_eq!(totals, [udp, unix], "the difference to what was sent");
    assert!(kept.place.total("h/ttp") >= shown);
    assert!(kept.unix.exists(), "the socket's file is the keeper's");
}

#[test]
fn tcp_peers_that_come_between_two_daemons_are_heard_by_the_second() {
    let kept = Kept::new();
    let mut keeper = kept.start(&kept.all());
    kept.listens(&mut keeper);
    let text = format!("{}\n", line("o%2Fr"));
    let pid = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", keeper.pid())).unwrap();
    // While stopped, it accepts no connections; then it is told to end.
    let signal = |signal: &str| {
        let sent = std::process::Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap();
        assert!(sent.success());
    };
    signal("STOP");
    for _ in 0..10 {
        let mut peer = TcpStream::connect(("127.0.0.1", kept.tcp)).unwrap();
        std::io::Write::write_all(&mut peer, text.as_bytes()).unwrap();
    }
    keeper.signal("HUP");
    signal("CONT");
    wait_until("it was restarted", PATIENCE, || keeper.stdout().contains("restarted"));
    kept.listens(&mut keeper);
    wait_until("they are all counted", PATIENCE, || {
        http::get(kept.place.addr(), "/badge/o/r.json").text().contains("\"total\":10,")
    });
    keeper.sigterm();
    assert!(keeper.wait(PATIENCE).success(), "{}", keeper.stderr());
    assert_eq!(kept.place.total("o/r"), 10);
}

#[test]
fn socket_that_nothing_listens_on_is_a_mistake_and_says_so() {
    let kept = Kept::new();
    let stray = format!("udp=127.0.0.1:{}", tallymark_testbed::free_udp_port());
    let mut keeper = kept.start(&[stray]);
    assert_eq!(keeper.wait(PATIENCE).code(), Some(78), "{}", keeper.stderr());
    assert!(keeper.stderr().contains("nothing in the configuration listens there"), "{}", keeper.stderr());
}

#[test]
fn sockets_that_are_not_handed_over_are_opened_as_usual() {
    let kept = Kept::new();
    let mut keeper = kept.start(&kept.all()[..1]);
    kept.listens(&mut keeper);
    let log = keeper.stderr();
    let of = |kind: &str| {
        log.lines().find(|line| line.contains(&format!("listening for {kind}"))).unwrap().to_owned()
    };
    assert!(of("syslog-udp").contains("from=\"systemd\""), "{log}");
    assert!(!of("syslog-unix").contains("from=") && !of("syslog-tcp").contains("from="), "{log}");
    keeper.sigterm();
    assert!(keeper.wait(PATIENCE).success(), "{}", keeper.stderr());
    assert!(!kept.unix.exists(), "this one was ours");
}
