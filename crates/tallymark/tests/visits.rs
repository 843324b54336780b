//! The last visits of names in the running daemon: from every way in, on both stores, over a restart.

use crate::common::{Kind, PATIENCE, Place, stop};
use serde_json::{Value, json};
use std::{
    fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};
use tallymark_testbed::{http, wait_until};

const CONFIG: &str = r#"
[http]
tokens = ["a-token-of-sixteen"]
[visits]
keep = 4
[[source]]
kind = "syslog-udp"
listen = "UDP"
[[source]]
kind = "file"
path = "DIR/access.log"
format = "combined"
"#;

/// In every text of a client, and in no store.
const SECRET: &str = "s3cret-mark";

fn place(kind: &Kind, config: &str) -> Place {
    let mut place = kind.place();
    place.configure(&config.replace("UDP", &format!("127.0.0.1:{}", place.udp)));
    place
}

fn get(place: &Place, path: &str) -> Value {
    let answer = http::get(place.addr(), path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

/// The classes of the last visits, the latest first, once the last of them is there.
#[track_caller]
fn classes(place: &Place, path: &str, expect: &[&str]) -> Value {
    let read = || get(place, &format!("/api/v1/counters/{path}"));
    let of = |value: &Value| -> Vec<String> {
        let visits = value["visits"].as_array().unwrap();
        visits.iter().map(|visit| visit["class"].as_str().unwrap().to_owned()).collect()
    };
    wait_until(&format!("{path} has {expect:?}"), PATIENCE, || of(&read()) == expect);
    read()
}

fn badge(place: &Place, user_agent: Option<&str>) {
    let header = user_agent.map(|text| ("User-Agent", text));
    let answer = http::request("GET", place.addr(), "/badge.svg?repo=o/r", header.as_slice(), b"");
    assert_eq!(answer.status, 200);
}

fn post(place: &Place, path: &str, headers: &[(&str, &str)], body: &str) {
    let answer = http::request("POST", place.addr(), path, headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn last_visits_come_from_every_way_in_and_stay() {
    for kind in Kind::both() {
        let place = place(&kind, CONFIG);
        let log = place.dir().join("access.log");
        fs::write(&log, "").unwrap();
        let mut daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);

        // Badges over HTTP, one after the other in the order of the tally.
        badge(&place, Some(&format!("Mozilla/5.0 Gecko/2010 Firefox/128.0 {SECRET}")));
        badge(&place, Some("github-camo (876de43e)"));
        badge(&place, Some(&format!("\"<b>{SECRET}")));
        badge(&place, None);
        let read = classes(&place, "o/r/visits", &["unknown", "unknown", "github-camo", "browser"]);
        assert_eq!((&read["kept"], &read["classes"]["unknown"]), (&json!(4), &json!(2)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let time = read["visits"][0]["time"].as_str().unwrap();
        assert!(time.ends_with(":00Z") && time.len() == 20 && now > 0, "{time}");
        assert_eq!(get(&place, "/api/v1/counters/o/r")["total"], 4);
        // The oldest over the limit are dropped; a badge that does not count is not a visit.
        badge(&place, Some("Googlebot/2.1"));
        let preview = http::get(place.addr(), "/badge.svg?repo=o/r&count=false");
        assert_eq!(preview.status, 200);
        classes(&place, "o/r/visits", &["bot", "unknown", "unknown", "github-camo"]);

        // What is handed in, HitMe's, nginx's lines, an access log.
        let json = [("Authorization", "Bearer a-token-of-sixteen"), ("Content-Type", "application/json")];
        let item = format!(
            r#"[{{"name": "handed", "user_agent": "curl/8 {SECRET}", "time": "2020-01-01T00:00:59Z"}}]"#
        );
        post(&place, "/api/v1/hits", &json, &item);
        let read = classes(&place, "handed/visits", &["program"]);
        assert_eq!(read["visits"], json!([{"time": "2020-01-01T00:00:00Z", "class": "program"}]));
        let form = [("Content-Type", "application/x-www-form-urlencoded"), ("User-Agent", "FreshRSS/1.24.1")];
        post(&place, "/hit", &form, "url=http://example.org/");
        classes(&place, "http%3A%2F%2Fexample.org%2F/visits?event=url", &["feed-reader"]);
        let mut syslog = place.syslog();
        let escaped = format!(r"Mozilla \x22{SECRET}\x22 (via ggpht.com GoogleImageProxy)");
        for (tag, columns) in [("tallymark_visits", format!(r#","{escaped}""#)), ("tallymark", String::new())]
        {
            let line = format!(r#"<158>Nov 20 12:00:00 web1 {tag}: "{now}.123","logged"{columns}"#);
            syslog.send(line.as_bytes());
        }
        wait_until("both lines count", PATIENCE, || get(&place, "/api/v1/counters/logged")["total"] == 2);
        classes(&place, "logged/visits", &["image-proxy"]);
        let line = |at: u32, agent: &str| {
            format!(
                "203.0.113.9 - - [01/Jan/2020:00:0{at}:30 +0000] \"GET /badge.svg?repo=read HTTP/1.1\" 200 9 \"-\" \"{agent}\"\n"
            )
        };
        fs::write(&log, line(0, "Wget/1.21.4") + &line(1, &format!("Bingbot/2.0 {SECRET}")) + &line(2, "-"))
            .unwrap();
        let read = classes(&place, "read/visits", &["unknown", "bot", "program"]);
        assert_eq!(read["visits"][1]["time"], "2020-01-01T00:01:00Z");
        let page = http::get(place.addr(), "/repo/o/r");
        assert!(page.text().contains("The last 4 hits, "), "{}", page.text());

        stop(&mut daemon);
        let mut daemon = place.serve();
        wait_until("it is ready again", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        badge(&place, Some("curl/8.5.0"));
        classes(&place, "o/r/visits", &["program", "bot", "unknown", "unknown"]);
        stop(&mut daemon);
        assert_nowhere(&place, &kind);
    }
}

/// No text and no address of a client is in the data directory or in Redis.
fn assert_nowhere(place: &Place, kind: &Kind) {
    let found = |what: &str| {
        let ran = Command::new("grep").args(["-rlaF", what]).arg(place.data_dir()).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    for what in [SECRET, "203.0.113.9", "github-camo (", "Googlebot"] {
        assert_eq!(found(what), "", "{what}");
        if let Kind::Redis(redis) = kind {
            let everything =
                redis.cli(&["KEYS", "*"]) + &redis.cli(&["LRANGE", "recent:hit:o%2Fr", "0", "-1"]);
            assert!(!everything.contains(what), "{everything}");
        }
    }
    if let Kind::Redis(redis) = kind {
        assert_eq!(redis.cli(&["LLEN", "recent:hit:o%2Fr"]), "4");
        assert!(redis.cli(&["LINDEX", "recent:hit:o%2Fr", "0"]).contains(r#","class":"program""#));
        let lists = redis.cli(&["KEYS", "recent:*"]);
        // And the visits among the hits of the badge.
        assert_eq!(lists.lines().count(), 6, "{lists}");
    }
}

#[test]
fn nothing_is_kept_unless_the_operator_wants_it() {
    for kind in Kind::both() {
        let place = place(&kind, &CONFIG.replace("keep = 4", "keep = 0"));
        let mut daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        badge(&place, Some("github-camo (876de43e)"));
        let mut syslog = place.syslog();
        syslog.send(
            format!(r#"<158>Nov 20 12:00:00 w tallymark_visits: "{}","a","curl/8""#, 1_577_836_800)
                .as_bytes(),
        );
        // A time of long ago is redated, and counts.
        wait_until("it counts", PATIENCE, || get(&place, "/api/v1/summary")["total"] == 2);
        let answer = http::get(place.addr(), "/api/v1/counters/o/r/visits");
        assert_eq!(
            (answer.status, answer.text()),
            (404, r#"{"error":"visits are not kept here: keep under [visits] is 0"}"#)
        );
        assert!(!http::get(place.addr(), "/repo/o/r").text().contains("by class"));
        stop(&mut daemon);
        if let Kind::Redis(redis) = &kind {
            assert_eq!(redis.cli(&["KEYS", "recent*"]), "");
        }
    }
}
