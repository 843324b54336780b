//! The testbed tested: each server is started for real.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;
use tallymark_testbed::{
    Daemon, Fault, FaultProxy, Nginx, PATIENCE, Redis, SET_MISC, Site, SyslogNg, http, nginx_test, wait_until,
};

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn redis_keeps_its_append_only_file_over_a_restart() {
    let mut redis = Redis::builder().appendonly().config("appendfsync always").start();
    assert_eq!(redis.cli(&["SET", "repo:a%2Fb", "4"]), "OK");
    redis.kill9();
    assert!(redis.try_cli(&["PING"]).is_err());
    redis.restart();
    assert_eq!(redis.cli(&["GET", "repo:a%2Fb"]), "4");
    assert!(redis.try_cli(&["LPUSH", "repo:a%2Fb", "x"]).unwrap_err().starts_with("WRONGTYPE"));
    assert!(redis.dir().join("appendonlydir").is_dir());
    redis.stop();
    redis.restart();
    assert_eq!(redis.cli(&["DBSIZE"]), "1");
}

#[test]
fn two_redis_do_not_meet() {
    let (one, two) = (Redis::start(), Redis::start());
    one.cli(&["SET", "a", "1"]);
    assert_eq!(two.cli(&["DBSIZE"]), "0");
    assert_ne!(one.url(), two.url());
}

#[test]
fn frozen_redis_goes_on_after_thaw() {
    let redis = Redis::start();
    redis.freeze();
    let mut stream = TcpStream::connect(redis.addr()).unwrap();
    send(&mut stream, "PING");
    assert!(silent(&mut stream), "a stopped process does not answer");
    redis.thaw();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), "+PONG\r\n".len());
}

fn answering(text: &str) -> impl FnOnce(&Site<'_>) -> String {
    let text = text.to_owned();
    move |site| format!("server {{ listen 127.0.0.1:{}; location / {{ return 200 {text}; }} }}", site.port)
}

#[test]
fn nginx_answers_and_reloads() {
    let mut nginx = Nginx::start(answering("one"));
    assert_eq!(http::get(nginx.addr(), "/").text(), "one");
    nginx.rewrite(answering("two"));
    nginx.reload();
    let mut client = http::Client::connect(format!("http://{}", nginx.addr()));
    assert_eq!(client.get("/").text(), "two");
    assert_eq!(client.request("POST", "/x", &[], b"body").status, 200, "the connection is kept");
    wait_until("the access log", PATIENCE, || nginx.access_log().lines().count() == 3);
    nginx.stop();
    assert!(http::try_request("GET", nginx.addr(), "/", &[], b"").is_err());
}

#[test]
fn nginx_escapes_with_set_misc() {
    let nginx = Nginx::builder().main(SET_MISC).workers(2).start(|site| {
        let port = site.port;
        format!(
            "server {{ listen 127.0.0.1:{port}; location / {{ set_escape_uri $e $arg_repo; return 200 $e; }} }}"
        )
    });
    assert_eq!(http::get(nginx.addr(), "/?repo=a/b").text(), "a%2Fb");
}

#[test]
fn nginx_test_says_what_is_wrong() {
    assert_eq!(nginx_test(answering("fine")), Ok(()));
    let said = nginx_test(|_| "server { lissen 80; }".to_owned()).unwrap_err();
    assert!(said.contains("unknown directive \"lissen\""), "{said}");
}

#[test]
fn dropped_nginx_takes_its_workers_along() {
    let nginx = Nginx::builder().workers(2).start(answering("one"));
    // nginx listens before it writes its pid, and writes that before it has workers.
    let family: HashSet<u32> = wait_until("the workers", PATIENCE, || {
        let pid = std::fs::read_to_string(nginx.dir().join("nginx.pid")).ok()?;
        let pid = pid.trim();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let family =
            children.split_whitespace().chain([pid]).map(|it| it.parse().ok()).collect::<Option<_>>();
        family.filter(|family: &HashSet<u32>| family.len() == 3)
    });
    drop(nginx);
    wait_until("the end of all of them", PATIENCE, || !family.iter().any(|pid| alive(*pid)));
}

#[test]
fn daemon_is_heard_signalled_and_waited_for() {
    let script = "echo ready; echo $WHO >&2; trap 'echo bye; exit 3' TERM; while :; do sleep 0.01; done";
    let mut daemon = Daemon::builder("sh").args(["-c", script]).env("WHO", "me").start();
    assert_eq!(daemon.wait_for_line(|line| line.starts_with("rea"), PATIENCE), "ready");
    assert_eq!(daemon.wait_for_line(|line| line == "me", PATIENCE), "me");
    assert!(daemon.is_running());
    daemon.sigterm();
    assert_eq!(daemon.wait(PATIENCE).code(), Some(3));
    assert_eq!((daemon.stdout().as_str(), daemon.stderr().as_str()), ("ready\nbye\n", "me\n"));
}

#[test]
fn daemon_inherits_no_settings() {
    // Cargo sets this one for every test; a daemon must not see it, nor a developer's TALLYMARK_STORE.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let mut daemon = Daemon::start("sh", &["-c", "echo \"<$CARGO_MANIFEST_DIR>\""]);
    daemon.wait_for_line(|line| line == "<>", PATIENCE);
}

#[test]
fn kill9_reaches_the_children() {
    let mut daemon = Daemon::start("sh", &["-c", "sleep 600 & echo $!; wait"]);
    let child: u32 = daemon.wait_for_line(|_| true, PATIENCE).parse().unwrap();
    daemon.kill9();
    wait_until("the end of the child", PATIENCE, || !alive(child));
}

/// The other side of `servers_die_with_the_test_process`: starts a Redis, says its process id, and is killed.
fn be_the_victim(file: &OsStr) {
    let redis = Redis::start();
    let info = redis.cli(&["INFO", "server"]);
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap();
    std::fs::write(file, format!("{}\n", pid.trim())).unwrap();
    wait_until("being killed", PATIENCE, || false);
}

#[test]
fn servers_die_with_the_test_process() {
    if let Some(file) = std::env::var_os("TESTBED_VICTIM") {
        return be_the_victim(&file);
    }
    let dir = tallymark_testbed::temp_dir();
    let file = dir.path().join("pid");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_die_with_the_test_process"])
        .env("TESTBED_VICTIM", &file)
        .env("TMPDIR", dir.path()) // what it cannot clean up goes with ours
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let text = wait_until("the victim's Redis", PATIENCE, || {
        std::fs::read_to_string(&file).ok().filter(|it| it.ends_with('\n'))
    });
    let pid: u32 = text.trim().parse().unwrap();
    assert!(alive(pid));
    victim.kill().unwrap(); // SIGKILL: nothing in that process can clean up
    victim.wait().unwrap();
    wait_until("the end of its Redis", PATIENCE, || !alive(pid));
}

fn send(stream: &mut TcpStream, command: &str) {
    stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
}

/// Sends a command and reads the answer; an empty text is the end of the connection.
fn ask(stream: &mut TcpStream, command: &str) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    send(stream, command);
    let mut buf = [0; 100];
    match stream.read(&mut buf) {
        Ok(n) => String::from_utf8_lossy(&buf[..n]).trim_end().to_owned(),
        Err(err) if err.kind() == ErrorKind::ConnectionReset => String::new(),
        Err(err) => panic!("{command}: {err}"),
    }
}

/// Whether nothing comes for a moment.
fn silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream.read(&mut [0; 100]).is_err_and(|err| err.kind() == ErrorKind::WouldBlock)
}

#[test]
fn lost_answers_are_lost_after_the_work_is_done() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.addr());
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    proxy.set(Fault::DropReplies { after: 1 });
    assert_eq!(ask(&mut stream, "INCR n"), ":1");
    send(&mut stream, "INCR n");
    wait_until("the lost answer", PATIENCE, || proxy.dropped() == 1);
    assert!(silent(&mut stream));
    assert_eq!(redis.cli(&["GET", "n"]), "2");
    proxy.set(Fault::CutReplies { after: 0 });
    assert_eq!(ask(&mut stream, "INCR n"), "", "the end");
    assert_eq!(redis.cli(&["GET", "n"]), "3");
    assert_eq!((proxy.answers(), proxy.dropped()), (1, 2));
    wait_until("the end of the connection", PATIENCE, || proxy.connections() == 0);
}

#[test]
fn black_hole_holds_back_and_cut_cuts() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.addr());
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    assert_eq!(ask(&mut stream, "PING"), "+PONG");
    proxy.set(Fault::BlackHole);
    send(&mut stream, "SET a 1");
    assert!(silent(&mut stream));
    assert_eq!(redis.cli(&["EXISTS", "a"]), "0");
    proxy.set(Fault::Pass);
    wait_until("the request that was held back", PATIENCE, || redis.cli(&["EXISTS", "a"]) == "1");
    proxy.set(Fault::Refuse);
    let mut refused = TcpStream::connect(proxy.addr()).unwrap();
    assert_eq!(refused.read(&mut [0; 1]).unwrap_or(0), 0);
    proxy.cut();
    wait_until("the end of the connections", PATIENCE, || proxy.connections() == 0);
}

#[test]
fn failover_is_not_seen_by_the_client() {
    let (one, two) = (Redis::start(), Redis::start());
    let proxy = FaultProxy::start(one.addr());
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    assert_eq!(ask(&mut stream, "SET a 1"), "+OK");
    proxy.fail_over(two.addr());
    assert_eq!(ask(&mut stream, "SET b 1"), "+OK");
    assert_eq!((one.cli(&["EXISTS", "a", "b"]), two.cli(&["EXISTS", "b"])), ("1".to_owned(), "1".to_owned()));
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn answer_to_one_command_is_cut() {
    let redis = Redis::start();
    let proxy = FaultProxy::start(redis.addr());
    proxy.set(Fault::CutAnswerTo("INCR"));
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    assert_eq!(ask(&mut stream, "PING"), "+PONG");
    send(&mut stream, "INCR a");
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    assert_eq!((redis.cli(&["GET", "a"]).as_str(), proxy.dropped()), ("1", 1));
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    assert_eq!(ask(&mut stream, "INCR a"), ":2");
}

#[test]
fn syslog_ng_forwards_what_it_hears() {
    let mut syslog = SyslogNg::start(|site| {
        let out = site.path("out.log");
        format!(
            "source s {{ network(transport(udp) ip(127.0.0.1) port({})); }};\n\
             destination d {{ file(\"{out}\" template(\"$PROGRAM|$MSG\\n\")); }};\n\
             log {{ source(s); filter {{ program(\"badge\") }}; destination(d); }};",
            site.port
        )
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let line = br#"<158>Nov 20 03:59:49 vm badge: "2026-11-20","a%2Fb""#;
    socket.send_to(line, ("127.0.0.1", syslog.port())).unwrap();
    let out = syslog.dir().join("out.log");
    wait_until("the line in the file", PATIENCE, || {
        std::fs::read_to_string(&out).is_ok_and(|text| text == "badge|\"2026-11-20\",\"a%2Fb\"\n")
    });
    syslog.stop();
}
