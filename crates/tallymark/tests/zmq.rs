//! Events from a real ZeroMQ publisher: libzmq on one side, the real daemon on the other, and a ledger between them.

use crate::common::{Kind, PATIENCE, Place, program, run, stop};
use std::{collections::BTreeMap, path::Path};
use tallymark_core::{Event, Name};
use tallymark_store::{Retention, StoreUrl};
use tallymark_testbed::{Daemon, Publisher, Redis, http, temp_dir, wait_until};

/// A place whose only source is this publisher.
fn place(kind: &Kind, port: u16) -> Place {
    let mut place = kind.place();
    place.configure(&format!("[[source]]\nkind = \"zmq\"\nconnect = \"tcp://127.0.0.1:{port}\"\n"));
    place
}

fn message(kind: &str, data: &str) -> Vec<u8> {
    format!("{kind} {{\"type\":\"{kind}\",\"time\":\"2013-09-05T12:34:56.789-03:00\",\"data\":{{{data}}}}}")
        .into_bytes()
}

/// Waits until N messages have arrived, counted or not.
#[track_caller]
fn wait_received(place: &Place, count: u64) {
    wait_until("every message has arrived", PATIENCE, || place.metrics().lines("zmq")[0] >= count);
}

/// What the store holds of an event: totals, and this year's statuses.
struct Held {
    totals: Vec<i64>,
    statuses: BTreeMap<String, i64>,
}

fn held(place: &Place, kind: &Kind, event: &str, names: &[&str]) -> Held {
    let url = match kind {
        Kind::Sqlite => StoreUrl::Sqlite(place.data_dir().join("tallymark.db")),
        Kind::Redis(redis) => redis.url().parse().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let event = Event::new(event.as_bytes()).unwrap();
        let name = |name: &&str| if *name == "~all" { Name::all() } else { Name::new(name).unwrap() };
        let names: Vec<Name> = names.iter().map(name).collect();
        let totals = store.totals(event, &names).await.unwrap();
        // Midnight of a New Year's Eve may lie between two messages.
        let (mut statuses, months) = (BTreeMap::new(), store.status_months(event, &names[0]).await.unwrap());
        for month in months {
            let (year, month) = month.date();
            for (status, count) in store.statuses(event, &names[0], year, Some(month)).await.unwrap() {
                *statuses.entry(status).or_default() += count;
            }
        }
        Held { totals, statuses }
    })
}

#[test]
fn every_message_is_counted_or_rejected_with_its_reason() {
    for kind in Kind::both() {
        let mut publisher = Publisher::start();
        let place = place(&kind, publisher.port());
        let mut daemon = place.serve();
        publisher.wait_for_subscriptions(1);
        let accounts = ["acme", "o/r", "日本"];
        for at in 0..300 {
            let account = accounts[at % 3];
            let unique = ["\"1\"", "1", "true", "\"0\"", "null"][at % 5];
            publisher.send(&message("pageview", &format!("\"account\":\"{account}\",\"unq\":{unique}")));
            let status = ["draft", "draft", "closed"][at / 3 % 3];
            publisher.send(&message("order", &format!("\"account\":\"{account}\",\"status\":\"{status}\"")));
        }
        publisher.send(&message("apievent", "\"account\":7"));
        let rejects: &[(&[u8], &str)] = &[
            (b"", "empty"),
            (b"order", "topic"),
            (b"order {", "json"),
            (&message("order.create", "\"account\":\"acme\""), "event"),
            (&message("order", "\"account\":\"\""), "noname"),
            (&message("order", "\"account\":\"all\""), "name"),
            (&message("order", "\"account\":\"acme\",\"status\":\"~overflow\""), "status"),
            (
                &message("order", &format!("\"account\":\"acme\",\"x\":\"{}\"", "x".repeat(70_000))),
                "too_long",
            ),
        ];
        for (reject, _) in rejects {
            publisher.send(reject);
        }
        publisher.send_parts(&[b"order", &message("order", "\"account\":\"acme\"")]);
        wait_received(&place, 610);
        let metrics = place.metrics();
        assert_eq!(metrics.lines("zmq"), [610, 601, 9, 0]);
        let mut reasons: BTreeMap<String, u64> =
            rejects.iter().map(|(_, reason)| ((*reason).to_owned(), 1)).collect();
        reasons.insert("multipart".to_owned(), 1);
        assert_eq!(metrics.rejected("zmq"), reasons);
        assert_eq!(metrics.get("tallymark_zmq_connected"), 1);
        stop(&mut daemon);

        let names = ["acme", "o/r", "日本", "~all"];
        assert_eq!(held(&place, &kind, "pageview", &names).totals, [100, 100, 100, 300]);
        assert_eq!(held(&place, &kind, "unique", &names).totals, [60, 60, 60, 180]);
        assert_eq!(held(&place, &kind, "apievent", &["7", "~all"]).totals, [1, 1]);
        let orders = held(&place, &kind, "order", &names);
        assert_eq!(orders.totals, [100, 100, 100, 300]);
        let expected =
            |closed, draft| BTreeMap::from([("closed".to_owned(), closed), ("draft".to_owned(), draft)]);
        assert_eq!(orders.statuses, expected(33, 67));
        assert_eq!(held(&place, &kind, "order", &["~all"]).statuses, expected(99, 201));
    }
}

#[test]
fn publisher_and_daemon_come_and_go_and_what_was_received_is_counted_once() {
    for kind in Kind::both() {
        let port = tallymark_testbed::free_tcp_port();
        let place = place(&kind, port);
        let mut daemon = place.serve();
        let order = message("order", "\"account\":\"acme\",\"status\":\"closed\"");
        let total = |place: &Place| held(place, &kind, "order", &["acme"]);
        // The publisher comes later, ends, is killed, and comes again: each time it is found.
        let mut received = 0;
        for ending in ["close", "kill", "stay"] {
            let mut publisher = Publisher::on(port);
            publisher.wait_for_subscriptions(1);
            (0..50).for_each(|_| publisher.send(&order));
            received += 50;
            wait_received(&place, received);
            match ending {
                "close" => publisher.close(),
                "kill" => drop(publisher),
                _ => {
                    // Now the daemon is killed. What it had given to the store stays, and nothing comes twice.
                    wait_until("all of it is in the store", PATIENCE, || total(&place).totals == [150]);
                    daemon.kill9();
                    daemon = place.serve();
                    publisher.wait_for_subscriptions(2);
                    (0..25).for_each(|_| publisher.send(&order));
                    wait_received(&place, 25);
                    // Asleep it receives nothing, but the kernel does: that is counted before it ends.
                    daemon.signal("STOP");
                    (0..200).for_each(|_| publisher.send(&order));
                    publisher.close();
                    daemon.sigterm();
                    daemon.signal("CONT");
                    let status = daemon.wait(PATIENCE);
                    assert!(status.success(), "{}", daemon.stderr());
                }
            }
        }
        let held = total(&place);
        assert_eq!(held.totals, [375], "{}", daemon.stderr());
        assert_eq!(held.statuses, BTreeMap::from([("closed".to_owned(), 375)]));
    }
}

/// A start command of Bootic's, behind `tallymark serve`.
fn start_as_bootic(flags: &[String], http: u16, dir: &Path) -> Daemon {
    let mut daemon = Daemon::builder(program())
        .arg("serve")
        .args(flags)
        .args(["--data-dir", &dir.join("data").display().to_string()])
        .start();
    wait_until("the daemon listens", PATIENCE, || {
        assert!(daemon.is_running(), "it ended:\n{}", daemon.stderr());
        http::try_request("GET", format!("127.0.0.1:{http}"), "/healthz", &[], b"").is_ok()
    });
    daemon
}

#[test]
fn start_command_of_bootic_works_with_one_dash_and_with_two() {
    let redis = Redis::start();
    let mut publisher = Publisher::start();
    for (at, dash) in ["--", "-"].into_iter().enumerate() {
        let http = tallymark_testbed::free_tcp_port();
        let words = [
            // The README's spelling has no tcp://, and another name.
            [
                ("zmqsocket", format!("tcp://127.0.0.1:{}", publisher.port())),
                ("zmsocket", format!("127.0.0.1:{}", publisher.port())),
            ][at]
                .clone(),
            ("topic", "order".to_owned()),
            ("redishost", redis.url().replace("redis://", "").trim_end_matches('/').to_owned()),
            ("httphost", format!("localhost:{http}")),
            ("pathprefix", "/numbers".to_owned()),
        ];
        let flags: Vec<String> =
            words.into_iter().flat_map(|(flag, value)| [format!("{dash}{flag}"), value]).collect();
        let dir = temp_dir();
        let mut daemon = start_as_bootic(&flags, http, dir.path());
        publisher.wait_for_subscriptions(at as u32 + 1);
        publisher.send(&message("pageview", "\"account\":\"acme\""));
        publisher.send(&message("order", "\"account\":\"acme\",\"status\":\"closed\""));
        let count = (at + 1).to_string();
        wait_until("the order is in Bootic's hashes", PATIENCE, || {
            let keys = redis.cli(&["KEYS", "funnels:acme:order:*"]);
            keys.lines().count() == 2 && keys.lines().all(|key| redis.cli(&["HGET", key, "closed"]) == count)
        });
        let key = redis.cli(&["KEYS", "funnels:acme:order:*"]).lines().next().unwrap().replace(':', "/");
        let answer = http::get(format!("127.0.0.1:{http}"), &format!("/numbers/{key}"));
        let data = format!("\"data\":{{\"closed\":{count}}}");
        assert!(answer.status == 200 && answer.text().contains(&data), "{}", answer.text());
        stop(&mut daemon);
    }
    assert_eq!(redis.cli(&["KEYS", "*pageview*"]), "");
    assert_eq!(redis.cli(&["KEYS", "funnels:~all:order:*"]).lines().count(), 2);
}

#[test]
fn help_tells_of_every_flag_of_bootic() {
    let help = run(&["serve", "--help"]).stdout;
    for flag in ["--zmqsocket", "--zmsocket", "--topic", "--redishost", "--httphost", "--pathprefix"] {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}

#[test]
fn flags_of_bootic_that_contradict_ours_are_wrong_usage() {
    for (flags, part) in [
        (["--redishost", "localhost:1", "--store", "sqlite:x"], "--redishost"),
        (["-httphost", "localhost:1", "--listen", "127.0.0.1:2"], "--httphost"),
        (["--zmqsocket", "ipc:///tmp/x", "--file", "y"], "tcp://HOST:PORT"),
        (["--redishost", "sqlite:x", "--file", "y"], "not a Redis address"),
    ] {
        let ran = run(&[&["serve"], &flags[..]].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn example_counts_what_its_publisher_sends() {
    let redis = Redis::start();
    let mut publisher = Publisher::start();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/zmq.toml");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (written, here) in [
        ("127.0.0.1:6000\"", format!("127.0.0.1:{}\"", publisher.port())),
        ("redis://localhost:6379", redis.url()),
    ] {
        assert!(text.contains(written), "the example does not say {written}");
        text = text.replace(written, &here);
    }
    let place = Place::with_config(&text);
    let mut daemon = place.serve();
    publisher.wait_for_subscriptions(1);
    publisher.send(&message("order", "\"account\":\"acme\",\"status\":\"closed\""));
    wait_received(&place, 1);
    stop(&mut daemon);
    assert_eq!(redis.cli(&["GET", "count:order:acme"]), "1");
    assert_eq!(redis.cli(&["KEYS", "funnels:acme:order:*"]).lines().count(), 2);
}
