//! Stops and outages: accepted hits are counted once, whatever ends or fails in between.

use crate::common::{Kind, PATIENCE, Place, Syslog, dropped, line, number, stop};
use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};
use tallymark_testbed::{Daemon, Fault, FaultProxy, Redis, http, wait_until};

const NAMES: [&str; 4] = ["a/a", "b/b", "c/c", "d/d"];

fn all(place: &Place) -> u64 {
    place.total("~all")
}

/// Sends lines at a steady rate, until `enough` returns true or there is no listener any more.
fn pace(syslog: &mut Syslog, per_second: u32, enough: impl Fn(u64) -> bool) {
    let lines: Vec<String> = NAMES.iter().map(|name| line(&name.replace('/', "%2F"))).collect();
    let started = Instant::now();
    for at in 0u32.. {
        if enough(syslog.taken()) || !syslog.try_send(lines[at as usize % lines.len()].as_bytes()) {
            return;
        }
        let due = started + Duration::from_secs(1) * at / per_second;
        thread::sleep(due.saturating_duration_since(Instant::now())); // the rate itself
    }
}

#[test]
fn every_badge_that_was_answered_is_counted_when_sigterm_falls_among_requests() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut answered = 0;
        for round in 0..2 {
            let mut daemon = place.serve();
            let addr = place.addr();
            answered += thread::scope(|scope| {
                // Answered requests, until the first that is not.
                let client = |name: &'static str| {
                    let mut answered = 0u64;
                    while let Ok(mut client) = http::Client::try_connect(addr) {
                        let path = format!("/badge.svg?repo={name}");
                        while let Ok(answer) = client.try_request("GET", &path, &[], b"") {
                            assert_eq!((answer.status, answer.header("X-Tallymark")), (200, Some("counted")));
                            answered += 1;
                        }
                    }
                    answered
                };
                let clients: Vec<_> = NAMES.map(|name| scope.spawn(move || client(name))).into();
                wait_until("the load runs", PATIENCE, || place.metrics().lines("http")[0] > 300);
                stop(&mut daemon);
                clients.into_iter().map(|client| client.join().unwrap()).sum::<u64>()
            });
            // A request may have been counted whose answer did not get through; an answered one is never missing.
            let counted = all(&place);
            assert!(
                (answered..=answered + 4 * (round + 1)).contains(&counted),
                "{kind:?}: {answered} {counted}"
            );
        }
        let mut daemon = place.serve();
        let before = all(&place);
        // Asked before the hit, which is in the store at once.
        let total = place.total("a/a");
        assert_eq!(place.hit("a/a"), total + 1);
        stop(&mut daemon);
        assert_eq!(all(&place), before + 1, "totals continue");
    }
}

#[test]
fn every_datagram_sent_before_sigterm_is_counted() {
    for kind in Kind::both() {
        for command in ["ingest", "serve"] {
            let place = kind.place();
            let before = if all_or_none(&place) { all(&place) } else { 0 };
            let mut taken = 0;
            let mut lost = 0;
            for _ in 0..2 {
                let mut daemon = place.start(command, &[]);
                let mut syslog = place.syslog();
                pace(&mut syslog, 5000, |sent| sent == 2500);
                stop(&mut daemon);
                taken += syslog.taken();
                lost += dropped(&daemon.stderr());
            }
            assert_eq!(taken, 5000);
            assert_eq!(all(&place) - before, taken - lost, "{kind:?} {command}");
        }
    }
}

/// Whether there is a store to ask already.
fn all_or_none(place: &Place) -> bool {
    place.run(&["show", "~all"]).code == Some(0)
}

#[test]
fn every_datagram_that_the_kernel_took_is_counted_when_sigterm_falls_among_them() {
    for kind in Kind::both() {
        let place = kind.place();
        let (mut taken, mut lost) = (0, 0);
        for _ in 0..3 {
            let mut daemon = place.start("ingest", &[]);
            let mut syslog = place.syslog();
            thread::scope(|scope| {
                let sender = scope.spawn(|| pace(&mut syslog, 5000, |_| false));
                wait_until("lines flow", PATIENCE, || place.metrics().lines("syslog-udp")[0] > 500);
                stop(&mut daemon);
                // It ends by itself when its datagrams are refused.
                sender.join().unwrap();
            });
            taken += syslog.taken();
            lost += dropped(&daemon.stderr());
        }
        assert!(taken > 1500, "{taken}");
        assert_eq!(all(&place), taken - lost, "{kind:?}");
        let by_name: u64 = NAMES.iter().map(|name| place.total(name)).sum();
        assert_eq!(by_name, taken - lost);
    }
}

#[test]
fn last_badges_are_published_before_the_end() {
    let place = Place::new();
    let mut daemon = place.serve();
    for name in NAMES {
        place.hit(name);
    }
    place.syslog().send(line("a%2Fa").as_bytes());
    stop(&mut daemon);
    assert_eq!(NAMES.map(|name| place.published(name)), [Some(2), Some(1), Some(1), Some(1)]);
    assert!(daemon.stderr().contains("every hit is in the store"), "{}", daemon.stderr());
}

#[test]
fn sigint_and_sigquit_are_as_good_as_sigterm() {
    for signal in ["INT", "QUIT"] {
        let place = Place::new();
        let mut daemon = place.serve();
        place.hit("o/r");
        daemon.signal(signal);
        assert!(daemon.wait(PATIENCE).success(), "{signal}");
        assert_eq!(place.total("o/r"), 1, "{signal}");
    }
}

#[test]
fn second_signal_leaves_at_once() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    redis.freeze();
    place.syslog().send(line("o%2Fr").as_bytes());
    wait_until("the line is read", PATIENCE, || place.metrics().lines("syslog-udp")[1] == 1);
    daemon.sigterm();
    daemon.wait_for_line(|line| line.contains("stopping"), PATIENCE);
    assert!(daemon.is_running(), "it waits for the store");
    let second = Instant::now();
    wait_until("it leaves", PATIENCE, || {
        let running = daemon.is_running();
        if running {
            daemon.sigterm();
        }
        !running
    });
    let status = daemon.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "{status}");
    assert!(second.elapsed() < Duration::from_secs(2), "{:?}", second.elapsed());
    let log = daemon.stderr();
    assert!(log.contains("a second signal: stopping at once"), "{log}");
    // It may still have asked the store about the name.
    let accounts = ["no hit is lost; 1 wait in the outbox", "the last 1 hits are lost"];
    assert!(accounts.iter().any(|account| log.contains(account)), "{log}");
}

/// Takes the write lock of the file that hits have to get into, as another process would.
fn locked(place: &Place, kind: &Kind) -> rusqlite::Connection {
    let file = match kind {
        Kind::Sqlite => "tallymark.db",
        Kind::Redis(_) => "outbox.db",
    };
    let lock = rusqlite::Connection::open(place.data_dir().join(file)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    lock
}

/// Another process holds the write lock of the file that hits have to get into.
#[test]
fn second_signal_tells_how_many_hits_are_lost_by_it() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        assert_eq!(place.hit("o/r"), 1);
        wait_until("the first is in the store", PATIENCE, || place.total("o/r") == 1);
        let lock = locked(&place, &kind);
        let mut syslog = place.syslog();
        for read in 1..=6 {
            for _ in 0..10 {
                syslog.send(line("o%2Fr").as_bytes());
            }
            wait_until("the lines are read", PATIENCE, || {
                place.metrics().lines("syslog-udp")[1] == 10 * read
            });
        }
        daemon.sigterm();
        daemon.wait_for_line(|line| line.contains("stopping"), PATIENCE);
        wait_until("it leaves", PATIENCE, || {
            let running = daemon.is_running();
            if running {
                daemon.sigterm();
            }
            !running
        });
        let status = daemon.wait(PATIENCE);
        drop(lock);
        let log = daemon.stderr();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("stopping at once: the last 60 hits are lost"), "{kind:?}: {log}");
        assert_eq!(place.total("o/r"), 1, "{kind:?}");
    }
}

/// `timeout` signals its child and then the group that the child is in.
#[test]
fn same_signal_twice_is_one() {
    for _ in 0..3 {
        let place = Place::new();
        let mut daemon = place.serve();
        assert_eq!(place.hit("o/r"), 1);
        daemon.sigterm();
        daemon.wait_for_line(|line| line.contains("stopping"), PATIENCE);
        if daemon.is_running() {
            daemon.sigterm();
        }
        let status = daemon.wait(PATIENCE);
        assert!(status.success(), "{status}\n{}", daemon.stderr());
        assert_eq!(place.total("o/r"), 1);
    }
}

#[test]
fn store_that_is_down_at_sigterm_gets_the_hits_after_the_next_start() {
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    place.hit("o/r");
    wait_until("the first is in the store", PATIENCE, || place.total("o/r") == 1);
    redis.stop();
    let mut syslog = place.syslog();
    for _ in 0..7 {
        syslog.send(line("o%2Fr").as_bytes());
    }
    wait_until("the lines are read", PATIENCE, || place.metrics().lines("syslog-udp")[1] == 7);
    wait_until("it says so", PATIENCE, || http::get(place.addr(), "/readyz").status == 503);
    stop(&mut daemon);
    let log = daemon.stderr();
    assert!(log.contains("safe in the outbox") && log.contains("hits=7"), "{log}");

    // Still away at the next start, and hits come in all the same.
    let mut daemon = place.serve();
    place.syslog().send(line("o%2Fr").as_bytes());
    wait_until("the line is read", PATIENCE, || place.metrics().lines("syslog-udp")[1] == 1);
    redis.restart();
    wait_until("every hit is in the store", PATIENCE, || place.total("o/r") == 9);
    wait_until("the badge follows", PATIENCE, || place.published("o/r") == Some(9));
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 9);
}

/// Another process holds the write lock of the file that hits have to get into for longer than a stop may take. Every
/// one of them is in the number that is said, wherever it was; and none that is in the number is counted.
#[test]
fn every_hit_that_a_locked_file_keeps_out_is_told_within_the_deadline() {
    for kind in Kind::both() {
        let mut place = kind.place();
        // Every badge over HTTP is a visit too, and yet one hit.
        place.configure("[visits]\ncooldown = \"0s\"\n");
        let mut daemon = place.serve();
        assert_eq!(place.hit("o/r"), 1);
        wait_until("the first is in the store", PATIENCE, || place.total("o/r") == 1);
        let lock = locked(&place, &kind);
        let mut syslog = place.syslog();
        for read in 1..=8 {
            for _ in 0..5 {
                syslog.send(line("o%2Fr").as_bytes());
            }
            wait_until("the lines are read", PATIENCE, || place.metrics().lines("syslog-udp")[1] == 5 * read);
        }
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let answer = http::get(place.addr(), "/badge.svg?repo=o/r");
                    assert_eq!(answer.header("X-Tallymark"), Some("counted"));
                });
            }
        });
        daemon.sigterm();
        // The deadline is ten seconds; two waits of the file for its lock would be ten more.
        daemon.wait_for_line(|line| line.contains("they are lost"), Duration::from_secs(17));
        // A wait that goes on now would write what was just told as lost.
        drop(lock);
        let status = daemon.wait(Duration::from_secs(7));
        let log = daemon.stderr();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("the last 60 hits"), "{kind:?}: {log}");
        let mut daemon = place.serve();
        assert_eq!(place.hit("o/r"), 2);
        stop(&mut daemon);
        assert_eq!(place.total("o/r"), 2);
    }
}

#[test]
fn store_that_comes_up_later_gets_every_hit() {
    let mut redis = Redis::start();
    redis.stop();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    let ready = http::get(place.addr(), "/readyz");
    assert_eq!(ready.status, 503);
    let reason: serde_json::Value = serde_json::from_str(ready.text()).unwrap();
    assert_eq!(reason["status"], "not ready");
    wait_until("the reason names the server", PATIENCE, || {
        let text = http::get(place.addr(), "/readyz").text().to_owned();
        text.contains(&format!("redis://127.0.0.1:{}", redis.port())) && text.contains("refused")
    });
    assert_eq!(http::get(place.addr(), "/healthz").status, 200);
    // No number is known, but a picture is shown and the hit is kept.
    let picture = http::get(place.addr(), "/badge.svg?repo=o/r");
    assert_eq!((picture.status, picture.header("X-Tallymark")), (200, Some("counted")));
    assert!(picture.text().contains("counting"), "{}", picture.text());
    let mut syslog = place.syslog();
    for _ in 0..9 {
        syslog.send(line("o%2Fr").as_bytes());
    }
    wait_until("the lines are read", PATIENCE, || place.metrics().lines("syslog-udp")[1] == 9);
    redis.restart();
    wait_until("every hit is in the store", PATIENCE, || place.total("o/r") == 10);
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    wait_until("the badge is there", PATIENCE, || place.published("o/r") == Some(10));
    assert_eq!(place.hit("o/r"), 11);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 11);
}

/// Runs `trouble` while lines and badge requests flow, lets them flow on for a while, and answers how many hits there
/// were and how many the store has in the end.
fn sent_and_counted(place: &Place, daemon: &mut Daemon, trouble: impl FnOnce()) -> (u64, u64) {
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let over = AtomicBool::new(false);
    let mut syslog = place.syslog();
    let requests = thread::scope(|scope| {
        let sender = scope.spawn(|| pace(&mut syslog, 2000, |_| over.load(SeqCst)));
        let client = scope.spawn(|| {
            let mut requests = 0;
            while !over.load(SeqCst) {
                // Each name's first answer after an outage may have no number, but a hit it is.
                let answer = http::get(place.addr(), "/badge.svg?repo=e/e");
                assert_eq!((answer.status, answer.header("X-Tallymark")), (200, Some("counted")));
                requests += 1;
            }
            requests
        });
        wait_until("hits are in the store", PATIENCE, || {
            place.metrics().get("tallymark_batches_applied_total") > 2
        });
        trouble();
        let applied = place.metrics().get("tallymark_batches_applied_total");
        wait_until("hits get through again", PATIENCE, || {
            place.metrics().get("tallymark_batches_applied_total") > applied + 1
        });
        over.store(true, SeqCst);
        sender.join().unwrap();
        client.join().unwrap()
    });
    let before_stop = syslog.taken() + requests;
    stop(daemon);
    (before_stop - dropped(&daemon.stderr()), all(place))
}

#[test]
fn redis_killed_while_hits_flow_loses_and_doubles_nothing() {
    // With `everysec` Redis may answer up to two seconds before it writes. What it loses so comes again.
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    let (sent, counted) = sent_and_counted(&place, &mut daemon, || {
        for _ in 0..2 {
            let applied = place.metrics().get("tallymark_batches_applied_total");
            redis.kill9();
            wait_until("the daemon notices", PATIENCE, || http::get(place.addr(), "/readyz").status == 503);
            redis.restart();
            wait_until("batches are applied", PATIENCE, || {
                place.metrics().get("tallymark_batches_applied_total") > applied
            });
        }
    });
    assert_eq!(sent, counted, "{}", daemon.stderr());
    for name in NAMES.iter().chain(&["e/e"]) {
        wait_until("files agree", PATIENCE, || place.published(name) == Some(place.total(name)));
    }
}

#[test]
fn lost_replies_and_refused_connections_lose_and_double_nothing() {
    let redis = Redis::builder().appendonly().start();
    let proxy = FaultProxy::start(redis.addr());
    let place = Place::with_store(format!("redis://127.0.0.1:{}", proxy.port()));
    let mut daemon = place.serve();
    let (sent, counted) = sent_and_counted(&place, &mut daemon, || {
        for fault in [Fault::CutReplies { after: 0 }, Fault::Refuse, Fault::CutReplies { after: 1 }] {
            proxy.set(fault);
            proxy.cut();
            wait_until("the daemon notices", PATIENCE, || http::get(place.addr(), "/readyz").status == 503);
            proxy.set(Fault::Pass);
            wait_until("it is ready again", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        }
    });
    assert_eq!(sent, counted, "{}", daemon.stderr());
}

#[test]
fn emptied_redis_gets_nothing_and_the_reason_is_said() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    place.hit("o/r");
    wait_until("the hit is published", PATIENCE, || place.published("o/r") == Some(1));
    redis.cli(&["FLUSHALL"]);
    let mut syslog = place.syslog();
    syslog.send(line("o%2Fr").as_bytes());
    wait_until("it is not ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 503);
    let reason = http::get(place.addr(), "/readyz").text().to_owned();
    assert!(reason.contains("not the one these counts belong to"), "{reason}");
    assert_eq!(redis.cli(&["EXISTS", "repo:o%2Fr"]), "0");
    // A badge on disk keeps its number.
    assert_eq!(place.published("o/r"), Some(1));
    daemon.kill9();
}

#[test]
fn kill_9_loses_at_most_a_tick_and_the_next_start_goes_on() {
    let place = Place::new();
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1);
    wait_until("the hit is in the store", PATIENCE, || place.total("o/r") == 1);
    daemon.kill9();
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 2);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 2);
    assert_eq!(number(&std::fs::read_to_string(place.badge_file("o/r")).unwrap()), Some(2));
}

#[test]
fn kill_9_under_load_leaves_totals_that_agree() {
    let place = Place::new();
    let mut last = 0;
    for _ in 0..5 {
        let mut daemon = place.start("ingest", &[]);
        let mut syslog = place.syslog();
        thread::scope(|scope| {
            let sender = scope.spawn(|| pace(&mut syslog, 5000, |_| false));
            wait_until("lines flow", PATIENCE, || place.metrics().lines("syslog-udp")[0] > 500);
            daemon.kill9();
            sender.join().unwrap();
        });
        let by_name: u64 = NAMES.iter().map(|name| place.total(name)).sum();
        let now = all(&place);
        assert_eq!(by_name, now);
        assert!((last..=last + syslog.taken()).contains(&now), "{last} {now} {}", syslog.taken());
        last = now;
    }
    assert!(last > 0);
}

#[test]
fn half_a_request_does_not_hold_up_the_end_for_long() {
    let place = Place::new();
    let mut daemon = place.serve();
    let mut idle = http::Client::connect(place.addr());
    assert_eq!(idle.get("/badge.svg?repo=o/r").status, 200);
    let mut half = http::Client::connect(place.addr());
    half.send_raw(b"GET /badge.svg?repo=o/r HTTP/1.1\r\nHost:").unwrap();
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 1);
}

/// Locks the database, so that no other process writes to it.
const HOLD: &str = r#"
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(600)
"#;

/// Lost hits are reported as a number, and by the exit code for a supervisor.
#[test]
fn hits_that_are_lost_at_the_end_are_a_number_and_exit_code_1() {
    let place = Place::new();
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1);
    wait_until("it is counted", PATIENCE, || place.total("o/r") == 1);
    let database = place.data_dir().join("tallymark.db").display().to_string();
    let mut holder = Daemon::builder("python3").args(["-c", HOLD, &database]).start();
    holder.wait_for_line(|line| line == "held", PATIENCE);
    let mut syslog = place.syslog();
    for _ in 0..5 {
        syslog.send(line("o%2Fr").as_bytes());
    }
    wait_until("they are taken", PATIENCE, || place.metrics().lines("syslog-udp")[1] == 5);
    daemon.sigterm();
    assert_eq!(daemon.wait(PATIENCE * 2).code(), Some(1), "{}", daemon.stderr());
    assert!(daemon.stderr().contains("the last 5 hits could not be written"), "{}", daemon.stderr());
    drop(holder);
    assert_eq!(place.total("o/r"), 1);
}

/// Seven hits wait in an outbox that cannot be read in the end: nobody may read of a stop without loss.
#[test]
fn an_outbox_that_cannot_be_read_at_the_end_is_said_and_is_exit_code_1() {
    let mut redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1);
    wait_until("it is counted", PATIENCE, || place.total("o/r") == 1);
    redis.stop();
    let mut syslog = place.syslog();
    for _ in 0..7 {
        syslog.send(line("o%2Fr").as_bytes());
    }
    let outbox = rusqlite::Connection::open(place.data_dir().join("outbox.db")).unwrap();
    wait_until("they are in the outbox", PATIENCE, || {
        tallymark_store::outbox::Outbox::waiting(&place.data_dir()).is_ok_and(|hits| hits == 7)
    });
    outbox.execute_batch("ALTER TABLE pool RENAME TO gone").unwrap();
    daemon.sigterm();
    let status = daemon.wait(PATIENCE);
    let log = daemon.stderr();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("how many hits wait in the outbox for the store is not known"), "{log}");
    assert!(log.contains("no such table: pool"), "{log}");
    assert!(!log.contains("every hit is in the store"), "{log}");
}

/// Sums of the fields of the hashes that a pattern finds.
fn fields(redis: &Redis, pattern: &str) -> u64 {
    let keys = redis.cli(&["KEYS", pattern]);
    let values = keys.lines().map(|key| redis.cli(&["HVALS", key]));
    values.map(|values| values.lines().map(|value| value.parse::<u64>().unwrap()).sum::<u64>()).sum()
}

#[test]
fn minutes_in_redis_are_shown_at_once_and_written_before_a_stop_or_behind_a_kill() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    for (round, killed) in [(1, false), (2, true)] {
        let mut daemon = place.serve();
        let mut syslog = place.syslog();
        for _ in 0..100 {
            syslog.send(line("a%2Fa").as_bytes());
        }
        wait_until("they are shown", PATIENCE, || {
            let answer = http::get(place.addr(), "/api/v1/counters/a/a");
            let counter: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
            counter["windows"]["last_60_minutes"]["count"] == round * 100
        });
        if killed {
            daemon.kill9();
            let mut daemon = place.serve();
            wait_until("the rest is written", PATIENCE, || fields(&redis, "track:a%2Fa:hit:*") == 400);
            stop(&mut daemon);
        } else {
            stop(&mut daemon);
        }
        // By hour and by minute, and the same of all names.
        for name in ["a%2Fa", "~all"] {
            assert_eq!(fields(&redis, &format!("track:{name}:hit:*")), 2 * round * 100, "{name}");
        }
    }
    assert_eq!(redis.cli(&["GET", "repo:a%2Fa"]), "200");
}
