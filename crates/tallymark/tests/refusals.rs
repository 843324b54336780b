//! What the operator does not want to count: the deny list, with the real binary and real lines. A refused badge is shown
//! all the same.

use crate::common::{self, Kind, PATIENCE, Place, stop};
use std::{collections::BTreeMap, fs};
use tallymark_testbed::{http, wait_until};

const DENIED: &str = "[deny]
names = [\"spam/*\"]
networks = [\"192.0.2.0/24\"]
user-agents = [\"*Bot*\"]
[http]
tokens = [\"0123456789abcdef\"]
trusted-proxies = [\"127.0.0.1\"]
";

fn reasons(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[test]
fn denied_hits_are_shown_and_not_counted_whichever_way_they_come() {
    let mut place = Place::new();
    place.configure("[http]\ntokens = [\"0123456789abcdef\"]\n");
    let mut daemon = place.serve();
    assert_eq!((place.hit("spam/a"), place.hit("spam/a"), place.hit("o/r")), (1, 2, 1));
    let mut syslog = place.syslog();
    syslog.send(common::line("spam/a").as_bytes());
    wait_until("the line is counted", PATIENCE, || place.total("spam/a") == 3);

    place.configure(DENIED);
    daemon.wait_for_line(|line| line.contains("reloaded: ") && line.contains("[deny]"), PATIENCE);
    // The same line as before, which is known by its bytes.
    syslog.send(common::line("spam/a").as_bytes());
    syslog.send(common::line("o/r").as_bytes());
    let logged = |address: &str, agent: &str| {
        format!("<158>Nov 20 12:00:00 web1 tallymark_visitors: \"\",\"o/r\",\"{address}\",\"{agent}\"")
            .replace(
                "\"\",",
                &format!("\"{}.500\",", std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())),
            )
    };
    syslog.send(logged("192.0.2.9", "Mozilla/5.0").as_bytes());
    syslog.send(logged("198.51.100.9", "SomeBot/1").as_bytes());
    syslog.send(logged("198.51.100.9", "Mozilla/5.0").as_bytes());
    let denied = [("denied_agent", 1), ("denied_name", 1), ("denied_network", 1)];
    wait_until("the lines are counted or not", PATIENCE, || {
        place.metrics().rejected("syslog-udp") == reasons(&denied) && place.total("o/r") == 3
    });
    assert_eq!(place.hit("spam/a"), 3);
    let asked = |headers: &[(&str, &str)]| {
        let answer = http::try_request("GET", place.addr(), "/badge.svg?repo=o/r", headers, b"").unwrap();
        (answer.status, common::number(answer.text()))
    };
    assert_eq!(asked(&[("X-Forwarded-For", "192.0.2.1")]), (200, Some(3)));
    assert_eq!(asked(&[("User-Agent", "Mozilla/5.0")]), (200, Some(4)));
    assert_eq!(asked(&[("User-Agent", "A ROBOT")]), (200, Some(4)));
    let headers = [("Authorization", "Bearer 0123456789abcdef"), ("Content-Type", "application/json")];
    let body = br#"[{"name": "spam/b"}, {"name": "o/r"}]"#;
    let answer = http::try_request("POST", place.addr(), "/api/v1/hits", &headers, body).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("Its name is in `[deny] names`."), "{}", answer.text());
    wait_until("the meters of the last tick are there", PATIENCE, || {
        let metrics = place.metrics();
        metrics.rejected("http") == reasons(&denied)
            && metrics.rejected("api") == reasons(&[("denied_name", 1)])
    });
    assert!(!daemon.stderr().contains("rejected a line"), "{}", daemon.stderr());

    let explained = place.run(&["explain", "spam/a", "--json"]).json();
    assert_eq!((&explained["total"], &explained["denied"]), (&3.into(), &true.into()));
    assert_eq!(
        (&explained["refused"][0]["reason"], &explained["refused"][0]["count"]),
        (&"denied_name".into(), &2.into())
    );
    let explained = place.run(&["explain", "o/r"]).good();
    assert!(explained.contains("denied_agent") && explained.contains("denied_network"), "{explained}");
    assert!(!explained.contains("not counted now"), "{explained}");

    // A mistake leaves the old list as it is.
    fs::write(place.config_path(), "[deny]\nnames = [\"spam/*\", \"*\"]\n").unwrap();
    daemon.wait_for_line(|line| line.contains("not reloaded"), PATIENCE);
    place.run(&["check-config"]).refused(78, &["line 2: ", "\"*\": a pattern needs something besides *"]);
    assert_eq!(place.hit("spam/a"), 3);
    fs::write(place.config_path(), "").unwrap();
    wait_until("it counts again", PATIENCE, || place.hit("spam/a") > 3);
    stop(&mut daemon);
}

#[test]
fn an_import_says_what_it_leaves_out() {
    let mut place = Place::new();
    place.configure(DENIED);
    let log = place.dir().join("access.log");
    let line = |address: &str, name: &str, agent: &str| {
        format!(
            "{address} - - [20/Nov/2026:11:58:00 +0000] \"GET /badge.svg?repo={name} HTTP/1.1\" 200 9 \"-\" \"{agent}\"\n"
        )
    };
    let lines = [
        line("198.51.100.1", "o/r", "Mozilla"),
        line("192.0.2.1", "o/r", "Mozilla"),
        line("example.org:443 192.0.2.1", "o/r", "Mozilla"),
        line("198.51.100.1", "spam/x", "Mozilla"),
        line("198.51.100.1", "o/r", "robot"),
    ];
    fs::write(
        &log,
        lines.concat()
            + r#"{"remote_addr":"192.0.2.3","request":"GET /badge/o/r.svg HTTP/1.1","status":200}"#,
    )
    .unwrap();
    let log = log.to_str().unwrap();
    let denied = serde_json::json!({"denied_agent": 1, "denied_name": 1, "denied_network": 3});
    let replayed = place.run(&["replay", log, "--format", "combined", "--json"]).json();
    assert_eq!((&replayed["accepted"], &replayed["rejected"]), (&1.into(), &denied));
    let imported = place.run(&["import", "log", log, "--format", "combined", "--json"]).json();
    assert_eq!((&imported["files"][0]["hits"], &imported["files"][0]["rejected"]), (&1.into(), &denied));
    let again = place.run(&["import", "log", log, "--format", "combined"]).good();
    assert!(again.contains("already imported (1 hit)") && again.contains("denied_network"), "{again}");
}

fn paused_names_wait(kind: &Kind) {
    let place = kind.place();
    let mut daemon = place.serve();
    assert_eq!((place.hit("o/r"), place.hit("o/s"), place.hit("p/r")), (1, 1, 1));
    let said = place.run(&["pause", "o/*", "--for", "2h", "--reason", "it is reloaded"]).good();
    assert!(
        said.starts_with("o/* is not counted until 2") && said.ends_with("pause 'o/*' --end\n"),
        "{said}"
    );
    wait_until("the daemon knows", PATIENCE, || place.hit("o/r") == place.hit("o/r"));
    let paused = place.hit("o/r");
    place.syslog().send(common::line("o%2Fs").as_bytes());
    wait_until("the line is refused", PATIENCE, || {
        place.metrics().rejected("syslog-udp") == reasons(&[("paused", 1)])
    });
    assert_eq!((place.hit("o/s"), place.hit("p/r")), (1, 2));
    let explained = place.run(&["explain", "o/s"]).good();
    assert!(explained.contains("not counted until 2") && explained.contains("paused   "), "{explained}");
    stop(&mut daemon);

    // From the first hit on.
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), paused);
    assert_eq!(place.run(&["pause", "o/*", "--end"]).good(), "o/* is counted again\n");
    wait_until("it counts again", PATIENCE, || place.hit("o/r") > paused);
    place.run(&["pause", "o/*", "--end"]).refused(1, &["nothing is paused as o/*"]);
    let log = place.run(&["corrections"]).good();
    let actions: Vec<&str> = log.lines().filter(|line| line.contains(" o/*")).collect();
    assert!(
        actions.len() == 2 && actions[0].contains("resume o/*") && actions[1].contains("pause o/* (until 2"),
        "{log}"
    );
    assert!(log.contains("    it is reloaded\n"), "{log}");
    place.run(&["undo"]).refused(1, &["there is nothing to undo"]);
    stop(&mut daemon);
    assert!(place.run(&["explain", "p/r"]).good().contains("no daemon was found"));
}

#[test]
fn paused_names_wait_in_both_stores() {
    for kind in Kind::both() {
        paused_names_wait(&kind);
    }
}

/// `X-Tallymark` of each picture says why it was not counted.
#[test]
fn header_of_a_picture_says_why_it_is_not_counted() {
    let mut place = Place::new();
    place.configure(DENIED);
    let mut daemon = place.serve();
    assert_eq!(place.hit("slow/down"), 1);
    place.run(&["pause", "slow/*", "--for", "1h"]).good();
    let said = |path: &str, headers: &[(&str, &str)]| {
        let answer = http::try_request("GET", place.addr(), path, headers, b"").unwrap();
        (answer.status, answer.header("X-Tallymark").unwrap_or_default().to_owned())
    };
    wait_until("the pause is known", PATIENCE, || said("/badge/slow/down.svg", &[]).1 == "ignored: paused");
    let every = |of: &str| {
        [
            format!("/badge/{of}.svg"),
            format!("/badge/{of}.png"),
            format!("/badge.svg?repo={of}"),
            format!("/v1/{of}"),
        ]
    };
    for path in every("spam/y") {
        assert_eq!(said(&path, &[]), (200, "ignored: denied_name".to_owned()), "{path}");
    }
    for path in every("slow/down") {
        assert_eq!(said(&path, &[]).1, "ignored: paused", "{path}");
    }
    for path in every("o/r") {
        assert_eq!(said(&path, &[("User-Agent", "A ROBOT")]).1, "ignored: denied_agent", "{path}");
        assert_eq!(said(&path, &[("X-Forwarded-For", "192.0.2.1")]).1, "ignored: denied_network", "{path}");
        for ahead in ["preview", "prefetch"] {
            assert_eq!(said(&path, &[("X-Purpose", ahead)]).1, "ignored: prefetch", "{path}");
        }
    }
    assert_eq!(place.total("o/r") + place.total("spam/y"), 0);
    assert_eq!(said("/badge/o/r.svg", &[]).1, "counted");
    let explained = place.run(&["explain", "slow/down"]).good();
    assert!(explained.contains("tallymark pause 'slow/*' --end"), "{explained}");
    stop(&mut daemon);
}

#[test]
fn limit_on_names_is_told_wherever_one_looks() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[limits]\nnames = 2\n");
        let mut daemon = place.serve();
        assert_eq!([place.hit("a"), place.hit("b")], [1, 1]);
        wait_until("they are in the store", PATIENCE, || place.total("b") == 1);
        assert!(!http::get(place.addr(), "/readyz").text().contains("~overflow"));
        // The first one that has no room is not known as such before it is written.
        http::get(place.addr(), "/badge/c.svg");
        wait_until("it counts elsewhere", PATIENCE, || place.total("~all") == 3);
        let said = |name: &str| {
            let answer = http::get(place.addr(), &format!("/badge/{name}.svg"));
            let why = answer.header("X-Tallymark").unwrap_or_default();
            (common::number(answer.text()), why.split(':').next().unwrap_or_default().to_owned())
        };
        for name in ["c", "d", "e", "c"] {
            assert_eq!(said(name), (Some(0), "overflow".to_owned()), "{name}");
        }
        assert_eq!(said("a"), (Some(2), "counted".to_owned()));
        let panel = http::get(place.addr(), "/v1/panel/new");
        assert!(panel.header("X-Tallymark").unwrap().starts_with("overflow: "));
        wait_until("all are in the store", PATIENCE, || place.total("~all") == 9);
        assert_eq!((place.total("~overflow"), place.total("a")), (6, 2));
        let ready = http::get(place.addr(), "/readyz");
        assert_eq!(ready.status, 200);
        for told in ["degraded", "[limits] names = 2 is reached: further names of hit count under ~overflow"]
        {
            assert!(ready.text().contains(told), "{}", ready.text());
        }
        for name in ["~overflow", "%7Eoverflow", "~all"] {
            let counter = http::get(place.addr(), &format!("/api/v1/counters/{name}"));
            let counter: serde_json::Value = serde_json::from_str(counter.text()).unwrap();
            assert_eq!(counter["total"], if name == "~all" { 9 } else { 6 });
        }
        let log = daemon.stderr();
        let told = "[limits] names = 2 is reached: further names of hit count";
        assert_eq!(log.matches(told).count(), 1, "{log}");
        stop(&mut daemon);
    }
}
