//! Visits in the running daemon: hits of one visitor within the cooldown are one, GitHub's proxy is collapsed, and
//! nobody's address stays anywhere. Both stores, both front doors, over restarts.

use crate::common::{Kind, PATIENCE, Place, program, stop};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};
use tallymark_testbed::{Daemon, Nginx, http, wait_until};

/// An address that is to be found nowhere afterwards, and one of the default networks of GitHub's proxy.
const CANARY: &str = "203.0.113.77";
const GITHUB: &str = "140.82.115.7";
const CAMO: &str = "github-camo (876de43e)";
const BROWSER: &str = "Mozilla/5.0 Gecko/2010 Firefox/128.0";

fn place(kind: &Kind, config: &str) -> Place {
    let mut place = kind.place();
    place.configure(config);
    place
}

fn total(place: &Place, name: &str, event: &str) -> u64 {
    let answer = http::get(place.addr(), &format!("/badge/{name}.json?event={event}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str::<Value>(answer.text()).unwrap()["total"].as_u64().unwrap()
}

/// Hits and visits of a name.
fn both(place: &Place, name: &str) -> (u64, u64) {
    (total(place, name, "hit"), total(place, name, "visit"))
}

fn badge(place: &Place, name: &str, headers: &[(&str, &str)]) {
    let answer = http::request("GET", place.addr(), &format!("/badge.svg?repo={name}"), headers, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn many_at_once_from_one_address_are_one_visit_and_nobody_who_is_not_trusted_is_believed() {
    for kind in Kind::both() {
        let place = place(&kind, "[http]\ntrusted-proxies = []\n[visits]\ncooldown = \"1h\"\n");
        let mut daemon = place.serve();
        thread::scope(|threads| {
            for _ in 0..20 {
                threads.spawn(|| (0..10).for_each(|_| badge(&place, "o/r", &[("User-Agent", BROWSER)])));
            }
        });
        assert_eq!(both(&place, "o/r"), (200, 1));
        let forged: [&[(&str, &str)]; 6] = [
            &[("X-Forwarded-For", CANARY)],
            &[("X-Forwarded-For", "203.0.113.1, 203.0.113.2")],
            &[("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", "::ffff:203.0.113.3")],
            &[("X-Forwarded-For", ", 203.0.113.4"), ("X-Real-IP", "203.0.113.5")],
            &[("X-Real-IP", "203.0.113.6")],
            &[("Forwarded", "for=203.0.113.7"), ("User-Agent", CAMO), ("X-Forwarded-For", GITHUB)],
        ];
        for headers in forged {
            badge(&place, "o/r", headers);
        }
        assert_eq!(both(&place, "o/r"), (206, 1));
        // Another name is another visit; what is no hit is none.
        badge(&place, "other", &[]);
        http::get(place.addr(), "/badge.svg?repo=unseen&count=false");
        assert_eq!((both(&place, "other"), both(&place, "unseen")), ((1, 1), (0, 0)));
        let metrics = place.metrics();
        assert_eq!(metrics.get("tallymark_visits_cooled_total"), 205);
        assert_eq!(metrics.get("tallymark_visits_collapsed_total"), 0);
        let lines = || place.metrics().lines("http");
        wait_until("every request is in the counters", PATIENCE, || lines()[..2] == [207, 207]);
        stop(&mut daemon);
        assert_eq!(place.run(&["show", "o/r", "--json"]).json()["total"], 206);
    }
}

#[test]
fn trusted_proxy_says_who_it_is_and_camo_is_collapsed() {
    let config = |collapse: &str| {
        format!(
            "[visits]\ncooldown = \"1h\"\ncollapse = \"{collapse}\"\ncamo-networks = [\"127.0.0.0/8\"]\nkeep = 9\n"
        )
    };
    for kind in Kind::both() {
        let mut place = place(&kind, &config("60s"));
        let mut daemon = place.serve();
        for (address, visits) in [
            (CANARY, 1),
            (CANARY, 1),
            ("203.0.113.78", 2),
            ("::ffff:203.0.113.77", 2),
            ("2001:db8::1", 3),
            ("2001:db8::ffff:2", 3),
            ("2001:db8:0:1::1", 4),
            ("192.0.2.1, 203.0.113.78", 4),
        ] {
            badge(&place, "proxied", &[("X-Forwarded-For", address)]);
            assert_eq!(total(&place, "proxied", "visit"), visits, "{address}");
        }
        badge(&place, "proxied", &[("X-Forwarded-For", ""), ("X-Real-IP", "203.0.113.80")]);
        badge(&place, "proxied", &[("X-Forwarded-For", "unknown")]);
        badge(&place, "proxied", &[]);
        assert_eq!(both(&place, "proxied"), (11, 6));

        // True: the peer is in the networks. Forged: whom the proxy names is not.
        (0..20).for_each(|_| badge(&place, "camo", &[("User-Agent", CAMO)]));
        assert_eq!(both(&place, "camo"), (20, 1));
        let forged = [("User-Agent", CAMO), ("X-Forwarded-For", "203.0.113.9")];
        (0..20).for_each(|_| badge(&place, "camo", &forged));
        assert_eq!(both(&place, "camo"), (40, 2));
        let metrics = place.metrics();
        assert_eq!(metrics.get("tallymark_visits_collapsed_total"), 19);
        // The last visits of the event are kept as those of hits are.
        let kept = || {
            let answer = http::get(place.addr(), "/api/v1/counters/camo/visits?event=visit");
            serde_json::from_str::<Value>(answer.text()).unwrap()["visits"].as_array().unwrap().len()
        };
        wait_until("both visits are kept", PATIENCE, || kept() == 2);

        // Without a collapse and without a cooldown every one of Camo's counts, as soon as the daemon has read it.
        place.configure(&config("0s"));
        wait_until("every request of Camo is a visit", PATIENCE, || {
            let before = total(&place, "camo", "visit");
            badge(&place, "camo", &[("User-Agent", CAMO)]);
            badge(&place, "camo", &[("User-Agent", CAMO)]);
            total(&place, "camo", "visit") == before + 2
        });
        stop(&mut daemon);
        assert_nowhere(&place, &kind, &daemon);
    }
}

#[test]
fn cooldown_survives_a_restart_and_what_is_broken_is_told_and_begun_anew() {
    for kind in Kind::both() {
        let place = place(&kind, "[visits]\ncooldown = \"1h\"\n");
        let file = place.data_dir().join("cooldowns");
        let mut daemon = place.serve();
        badge(&place, "o/r", &[("X-Forwarded-For", CANARY)]);
        stop(&mut daemon);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let mut daemon = place.serve();
        badge(&place, "o/r", &[("X-Forwarded-For", CANARY)]);
        assert_eq!(both(&place, "o/r"), (2, 1));
        // Killed as soon as it is on disk that another one came.
        let before = fs::read(&file).unwrap();
        badge(&place, "o/r", &[("X-Forwarded-For", "203.0.113.78")]);
        wait_until("it is written", PATIENCE, || fs::read(&file).unwrap() != before);
        wait_until("it is in the store", PATIENCE, || place.total("o/r") == 3);
        daemon.kill9();
        let mut daemon = place.serve();
        badge(&place, "o/r", &[("X-Forwarded-For", "203.0.113.78")]);
        assert_eq!(both(&place, "o/r"), (4, 2));
        stop(&mut daemon);
        assert_nowhere(&place, &kind, &daemon);

        let mut broken = fs::read(&file).unwrap();
        let middle = broken.len() / 2;
        broken[middle] ^= 1;
        fs::write(&file, &broken).unwrap();
        let mut daemon = place.serve();
        assert!(daemon.stderr().contains("start empty"), "{}", daemon.stderr());
        badge(&place, "o/r", &[("X-Forwarded-For", CANARY)]);
        badge(&place, "o/r", &[("X-Forwarded-For", CANARY)]);
        assert_eq!(both(&place, "o/r"), (6, 3));
        stop(&mut daemon);
    }
}

#[test]
fn lines_that_say_who_asked_are_visits_by_their_own_time() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 7200;
        let mut syslog = place.syslog();
        let mut send = |name: &str, at: f64, address: &str, agent: &str| {
            let time = now as f64 + at;
            let record = format!(r#""{time:.3}","{name}","{address}","{agent}""#);
            syslog.send(format!("<158>Nov 20 12:00:00 web1 tallymark_visitors: {record}").as_bytes());
        };
        for at in [0.0, 10.0, 29.999, 30.0, 31.0, 60.5] {
            send("logged", at, CANARY, BROWSER);
        }
        send("logged", 61.0, "2001:db8::1", BROWSER);
        send("logged", 62.0, "2001:db8::2", BROWSER);
        // The clock is set back by an hour, and goes on.
        for at in [0.0, 29.0, 31.0] {
            send("logged", at - 3600.0, CANARY, BROWSER);
        }
        // Over a unix socket nobody has an address; the picture was shown all the same.
        send("logged", 63.0, "unix:", BROWSER);
        for at in [0.0, 0.5, 0.999, 1.0, 1.5, 2.0] {
            send("camo", at, GITHUB, CAMO);
        }
        send("camo", 5.0, CANARY, CAMO);
        send("camo", 9.0, CANARY, CAMO);
        send("last", 70.0, CANARY, BROWSER);
        wait_until("the last line counts", PATIENCE, || both(&place, "last") == (1, 1));
        assert_eq!(both(&place, "logged"), (12, 6));
        assert_eq!(both(&place, "camo"), (8, 4));
        let lines = || place.metrics().lines("syslog-udp");
        wait_until("every line is in the counters", PATIENCE, || lines()[..2] == [21, 21]);
        stop(&mut daemon);
        assert_nowhere(&place, &kind, &daemon);
    }
}

#[test]
fn nginx_and_http_have_one_cooldown() {
    for kind in Kind::both() {
        let place = place(&kind, "[visits]\ncooldown = \"1h\"\n");
        let mut daemon = place.serve();
        let nginx = Nginx::start(|site| {
            let (listen, flags) = (format!("127.0.0.1:{}", site.port), place.listen_flags());
            let args = ["nginx-conf", "--visits", "--nginx-listen", &listen];
            place.run(&args.into_iter().chain(flags.iter().map(String::as_str)).collect::<Vec<_>>()).good()
        });
        // First drawn by the daemon for nginx, and then a file.
        http::get(nginx.addr(), "/badge.svg?repo=o/r");
        wait_until("the badge is a file", PATIENCE, || place.published("o/r") == Some(1));
        http::get(nginx.addr(), "/badge/o/r.svg");
        wait_until("both are counted", PATIENCE, || both(&place, "o/r") == (2, 1));
        badge(&place, "o/r", &[]);
        assert_eq!(both(&place, "o/r"), (3, 1));
        badge(&place, "o/r", &[("X-Forwarded-For", CANARY)]);
        assert_eq!(both(&place, "o/r"), (4, 2));
        stop(&mut daemon);
        assert_nowhere(&place, &kind, &daemon);
    }
}

/// What the API says of the visitors of a name on each day of the last three.
fn visitors(place: &Place, name: &str) -> (Vec<i64>, i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let from = tallymark_core::Day((now / 86_400) as i32 - 2);
    let answer = http::get(place.addr(), &format!("/api/v1/counters/{name}/visitors?from={from}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told: Value = serde_json::from_str(answer.text()).unwrap();
    let days = told["days"].as_array().unwrap().iter();
    (
        days.map(|day| day["visitors"].as_i64().unwrap()).collect(),
        told["sum_of_daily_visitors"].as_i64().unwrap(),
    )
}

#[test]
fn visitors_of_a_day_are_distinct_over_every_way_in_and_over_a_kill() {
    for kind in Kind::both() {
        // Every hit is a visit, so only visitors are few.
        let place = place(&kind, "[visits]\ncooldown = \"0s\"\n");
        let mut daemon = place.serve();
        for address in [CANARY, CANARY, "203.0.113.78", "2001:db8::1", "2001:db8::2", "::ffff:203.0.113.77"] {
            badge(&place, "o/r", &[("X-Forwarded-For", address), ("User-Agent", BROWSER)]);
        }
        badge(&place, "o/r", &[("X-Forwarded-For", GITHUB), ("User-Agent", CAMO)]);
        badge(&place, "o/s", &[("X-Forwarded-For", CANARY), ("User-Agent", BROWSER)]);
        assert_eq!(both(&place, "o/r"), (7, 7));
        wait_until("three visitors are in the store", PATIENCE, || {
            visitors(&place, "o/r") == (vec![0, 0, 3], 3)
        });
        let counter = http::get(place.addr(), "/api/v1/counters/o/r");
        let counter: Value = serde_json::from_str(counter.text()).unwrap();
        assert_eq!((&counter["visitors_today"], &counter["total"]), (&3.into(), &7.into()));
        let page = http::get(place.addr(), "/name/o/r");
        assert!(page.text().contains("Visitors today: <strong>3</strong>."), "{}", page.text());
        // The last of them may have come into the next tick, which a kill loses.
        wait_until("all is in the store", PATIENCE, || {
            let visits = place.run(&["show", "o/r", "--event", "visit", "--json"]).json();
            visits["total"] == 7 && place.total("o/r") == 7 && place.total("o/s") == 1
        });
        daemon.kill9();

        // Log lines: the same visitors today, a new one, and one who came yesterday, on the day of the line.
        let mut daemon = place.serve();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut syslog = place.syslog();
        for (ago, address, agent) in [
            (0, CANARY, BROWSER),
            (0, "203.0.113.79", BROWSER),
            (86_400, CANARY, BROWSER),
            (86_400, GITHUB, CAMO),
            // Too late for the day it was on: it counts today, as its hit does.
            (5 * 86_400, "203.0.113.80", BROWSER),
        ] {
            let record = format!(r#""{}.000","o/r","{address}","{agent}""#, now - ago);
            syslog.send(format!("<158>Nov 20 12:00:00 web1 tallymark_visitors: {record}").as_bytes());
        }
        wait_until("every line is a visit", PATIENCE, || both(&place, "o/r") == (12, 12));
        wait_until("and its visitors count", PATIENCE, || visitors(&place, "o/r") == (vec![0, 1, 5], 6));
        assert_eq!(visitors(&place, "o/s"), (vec![0, 0, 1], 1));
        assert_eq!(place.metrics().get("tallymark_visitors_unnoted_total"), 0);
        stop(&mut daemon);
        let shown = place.run(&["show", "o/r", "--event", "visit", "--json"]).json();
        assert_eq!(shown["visitors_today"], 5);
        assert!(place.run(&["show", "o/r"]).good().contains("5 distinct visitors today"));
        assert_nowhere(&place, &kind, &daemon);
    }
}

/// The last visits that the store has of a name.
fn records(place: &Place, name: &str, event: &str) -> usize {
    let answer = http::get(place.addr(), &format!("/api/v1/counters/{name}/visits?event={event}"));
    let told: Value = serde_json::from_str(answer.text()).unwrap();
    told["visits"].as_array().unwrap().len()
}

#[test]
fn a_client_that_opts_out_counts_and_leaves_no_record_at_either_front_door() {
    for kind in Kind::both() {
        // A cooldown that does not end in this test, and visits that are kept of hits, too.
        let place = place(
            &kind,
            "[badges]\npanels = [\"badge\"]\n[visits]\ncooldown = \"1h\"\nkeep = 9\navatars = \"off\"\n",
        );
        let mut daemon = place.serve();
        let mut tail = Daemon::builder(program()).args(["tail", "--lines", "1"]).args(place.flags()).start();
        tail.wait_for_line(|line| line.contains("watching"), PATIENCE);
        let nginx = place.nginx(&["--panels"]);
        let from = |addr, path: &str, address: &str, more: &[(&str, &str)]| {
            let headers = [&[("X-Forwarded-For", address), ("User-Agent", BROWSER)], more].concat();
            let answer = http::request("GET", addr, path, &headers, b"");
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.text().to_owned()
        };
        let (gpc, dnt) = (("Sec-GPC", "1"), ("DNT", "1"));
        // Straight to the daemon: the hit, the visit and the cooldown are as for all others.
        for (n, headers) in [&[gpc][..], &[gpc, dnt], &[dnt]].into_iter().enumerate() {
            let badge = from(place.addr(), "/badge.svg?repo=o/http", CANARY, headers);
            assert!(badge.contains(&format!(">{}<", n + 1)), "{badge}");
        }
        from(place.addr(), "/badge.svg?repo=o/http", "203.0.113.78", &[gpc]);
        assert_eq!(both(&place, "o/http"), (4, 2));
        assert!(tail.wait(PATIENCE).success());
        assert!(tail.stdout().contains("o/http (opted out: counts, no record is kept)"), "{}", tail.stdout());
        // Neither of these is the wish.
        for (address, header) in
            [("203.0.113.79", ("Sec-GPC", "0")), ("203.0.113.80", ("DNT", "unspecified"))]
        {
            from(place.addr(), "/badge.svg?repo=o/http", address, &[header]);
        }
        wait_until("two visitors are in the store", PATIENCE, || visitors(&place, "o/http").1 == 2);
        wait_until("and two records", PATIENCE, || records(&place, "o/http", "visit") == 2);
        assert_eq!((both(&place, "o/http"), records(&place, "o/http", "hit")), ((6, 4), 2));
        // From nginx's log: a badge that is a file, and a panel, which counts a visit.
        from(nginx.addr(), "/badge.svg?repo=o/log", CANARY, &[gpc]);
        wait_until("the badge is a file", PATIENCE, || place.published("o/log") == Some(1));
        from(nginx.addr(), "/badge.svg?repo=o/log", CANARY, &[gpc]);
        from(nginx.addr(), "/v1/o/panel", CANARY, &[dnt]);
        wait_until("all of them count", PATIENCE, || {
            (both(&place, "o/log"), total(&place, "o/panel", "visit")) == ((2, 1), 1)
        });
        from(nginx.addr(), "/badge.svg?repo=o/other", CANARY, &[]);
        wait_until("one is recorded", PATIENCE, || records(&place, "o/other", "visit") == 1);
        for name in ["o/log", "o/panel"] {
            assert_eq!((visitors(&place, name).1, records(&place, name, "visit")), (0, 0), "{name}");
        }
        assert_eq!(records(&place, "o/log", "hit"), 0);
        // A like is wanted, so it counts once; where it came from is not kept.
        let click =
            [gpc, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-User", "?1")];
        let like = || {
            let headers = [&[("User-Agent", BROWSER), ("X-Forwarded-For", CANARY)], &click[..]].concat();
            http::request("GET", place.addr(), "/v1/like/o/panel/add", &headers, b"").status
        };
        wait_until("a like is taken", PATIENCE, || like() == 200);
        assert_eq!(
            (like(), total(&place, "o/panel", "like"), records(&place, "o/panel", "like")),
            (200, 1, 0)
        );
        wait_until("every hit is in the counters", PATIENCE, || {
            place.metrics().get("tallymark_hits_opted_out_total") >= 7
        });
        stop(&mut daemon);
        assert_nowhere(&place, &kind, &daemon);
    }
}

/// The keys come before they are needed, so an outage costs no visitor; and a start in one has none.
#[test]
fn visitors_of_an_outage_count_when_the_store_is_back() {
    let mut redis = tallymark_testbed::Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    badge(&place, "o/r", &[("X-Forwarded-For", CANARY)]);
    wait_until("one visitor is in the store", PATIENCE, || visitors(&place, "o/r").1 == 1);
    redis.stop();
    let note = |address: &str| {
        let headers = [("X-Forwarded-For", address), ("User-Agent", BROWSER)];
        http::request("GET", place.addr(), "/badge.svg?repo=o/r", &headers, b"");
    };
    (1..5).for_each(|n| note(&format!("203.0.113.{n}")));
    stop(&mut daemon);
    // Nobody tells this one today's key.
    let mut daemon = place.serve();
    note("203.0.113.99");
    assert_eq!(place.metrics().get("tallymark_visitors_unnoted_total"), 1);
    redis.restart();
    wait_until("those of the outage are in the store", PATIENCE, || visitors(&place, "o/r").1 == 5);
    stop(&mut daemon);
    assert_nowhere(&place, &Kind::Redis(Box::new(redis)), &daemon);
}

/// No address of a visitor lies in the data directory, in Redis, or in what the daemon said.
#[track_caller]
fn assert_nowhere(place: &Place, kind: &Kind, daemon: &Daemon) {
    for what in ["203.0.113.", "2001:db8:"] {
        let ran = Command::new("grep").args(["-rlaF", what]).arg(place.data_dir()).output().unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), "", "{what}");
        let said = daemon.stdout() + &daemon.stderr();
        assert!(!said.contains(what), "{said}");
        if let Kind::Redis(redis) = kind {
            assert_eq!(redis.cli(&["SAVE"]), "OK");
            let ran = Command::new("grep").args(["-rlaF", what]).arg(redis.dir()).output().unwrap();
            assert_eq!(String::from_utf8(ran.stdout).unwrap(), "", "{what}");
        }
    }
}
