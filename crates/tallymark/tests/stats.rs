//! Bootic's API as its clients know it, byte for byte, on both stores.

use crate::common::{Kind, PATIENCE, Place, stop};
use std::time::{SystemTime, UNIX_EPOCH};
use tallymark_core::{Batch, Counts, Day, Entry, Event, Minute, Month, Name, Now, Status, StatusCount, When};
use tallymark_store::{Retention, StoreUrl};
use tallymark_testbed::{Redis, http, wait_until};
use uuid::Uuid;

/// What every answer but two has.
const FRESH: [(&str, &str); 4] = [
    ("cache-control", "no-store, no-cache, must-revalidate, private, proxy-revalidate"),
    ("pragma", "no-cache"),
    ("expires", "Fri, 24 Nov 2000 01:00:00 GMT"),
    ("x-content-type-options", "nosniff"),
];

fn get(place: &Place, path: &str) -> (u16, String) {
    let answer = http::get(place.addr(), path);
    assert_eq!(answer.header("content-type"), Some("application/json"), "{path}: {}", answer.text());
    for (name, value) in FRESH {
        assert_eq!(answer.header(name), Some(value), "{path}");
    }
    (answer.status, answer.text().to_owned())
}

fn error(what: &str) -> String {
    format!(r#"{{"error":"{what}"}}"#)
}

fn ready(place: &Place) {
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
}

fn yesterday() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Day(Now { unix_ms: since.as_millis() as i64 }.day().0 - 1)
}

/// Puts counts into the store of a place, as batches of another instance.
fn fill(kind: &Kind, place: &Place, entries: Vec<Entry>, statuses: Vec<StatusCount>) {
    let url = match kind {
        Kind::Sqlite => StoreUrl::Sqlite(place.data_dir().join("tallymark.db")),
        Kind::Redis(redis) => StoreUrl::Redis(redis.url()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let claim = store.claim(Uuid::new_v4()).await.unwrap();
        let batch = Batch::of(claim.instance, 1, Counts::folded(entries, statuses));
        store.apply(&claim, &[batch]).await.unwrap();
    });
}

fn event(text: &str) -> Event {
    Event::new(text.as_bytes()).unwrap()
}

fn entry(account: &str, of: &str, when: When, count: u64) -> Entry {
    Entry { event: event(of), name: Name::new(account).unwrap(), when, count }
}

fn on(year: i32, month: u32, day: u32) -> When {
    When::Day(Day::from_date(year, month, day).unwrap())
}

fn status(account: &str, month: u32, status: &str, count: u64) -> StatusCount {
    let (name, status) = (Name::new(account).unwrap(), Status::new(status).unwrap());
    StatusCount { event: event("order"), name, month: Month::of(2013, month).unwrap(), status, count }
}

fn filled(kind: &Kind, place: &Place) {
    let at = |hour: i32, minute: i32| When::Minute(Minute(yesterday().first_minute().0 + hour * 60 + minute));
    let entries = vec![
        entry("acme", "pageview", on(2013, 9, 1), 10),
        entry("acme", "pageview", on(2013, 9, 10), 7),
        entry("acme", "pageview", on(2013, 9, 2), 5),
        entry("acme", "pageview", on(2013, 9, 21), 3),
        entry("acme", "pageview", on(2013, 12, 31), 1),
        entry("acme", "unique", on(2013, 9, 1), 4),
        entry("acme", "pageview", at(3, 7), 2),
        entry("acme", "pageview", at(3, 59), 1),
        entry("acme", "pageview", at(13, 0), 4),
        entry("other", "pageview", on(2013, 9, 1), 100),
        entry("<b>&\"/ *", "pageview", on(2013, 9, 1), 1),
        entry("acme", "order", on(2013, 9, 1), 3),
        entry("other", "order", on(2013, 9, 1), 1),
    ];
    let statuses = vec![
        status("acme", 9, "closed", 2),
        status("acme", 9, "a<b>", 1),
        status("acme", 10, "closed", 5),
        status("other", 9, "closed", 1),
    ];
    fill(kind, place, entries, statuses);
}

#[test]
fn every_route_answers_as_bootic_s_did() {
    for kind in Kind::both() {
        let place = kind.place();
        filled(&kind, &place);
        let mut daemon = place.serve();
        ready(&place);
        let (year, month, day) = yesterday().date();
        let recent = format!("{year}/{month}/{day}");
        let padded = format!("{year}/{month:02}/{day:02}");
        let fields =
            |year: i32, month: u32, day: u32| format!(r#""year":"{year}","month":"{month}","day":"{day}""#);
        let recent_day = format!(
            r#"{{"type":"track","account":"acme","event":"pageview",{},"links":["~/track/acme/pageview/{recent}/3","~/track/acme/pageview/{recent}/13"],"data":{{"13":4,"3":3}}}}"#,
            fields(year, month, day)
        );
        let recent_hour = format!(
            r#"{{"type":"track","account":"acme","event":"pageview",{},"hour":"3","links":[],"data":{{"59":1,"7":2}}}}"#,
            fields(year, month, day)
        );
        let month_2013 = r#"{"type":"track","account":"acme","event":"pageview","year":"2013","month":"9","day":"","links":["~/track/acme/pageview/2013/9/1","~/track/acme/pageview/2013/9/2","~/track/acme/pageview/2013/9/10","~/track/acme/pageview/2013/9/21"],"data":{"1":10,"10":7,"2":5,"21":3}}"#;
        let odd = "%3Cb%3E%26%22%2F%20%2A";
        let years = format!(r#"["~/track/acme/pageview/2013","~/track/acme/pageview/{year}"]"#);
        let rows = [
            ("", r#"{"type":"","account":"","event":"","year":"","month":"","day":"","links":["~/track","~/funnels"],"data":null}"#.to_owned()),
            ("/", r#"{"type":"","account":"","event":"","year":"","month":"","day":"","links":["~/track","~/funnels"],"data":null}"#.to_owned()),
            ("/track", format!(r#"{{"type":"track","account":"","event":"","year":"","month":"","day":"","links":["~/track/all","~/track/{odd}","~/track/acme","~/track/other"],"data":null}}"#)),
            ("/track/acme", r#"{"type":"track","account":"acme","event":"","year":"","month":"","day":"","links":["~/track/acme/order","~/track/acme/pageview","~/track/acme/unique"],"data":null}"#.to_owned()),
            ("/track/acme/pageview", format!(r#"{{"type":"track","account":"acme","event":"pageview","year":"","month":"","day":"","links":{years},"data":null}}"#)),
            ("/track/acme/pageview/2013", r#"{"type":"track","account":"acme","event":"pageview","year":"2013","month":"","day":"","links":["~/track/acme/pageview/2013/9","~/track/acme/pageview/2013/12"],"data":{"12":1,"9":25}}"#.to_owned()),
            ("/track/acme/pageview/2013/9", month_2013.to_owned()),
            ("/track/acme/pageview/2013/09", month_2013.to_owned()),
            ("/track/acme/pageview/2013/10", r#"{"type":"track","account":"acme","event":"pageview","year":"2013","month":"10","day":"","links":[],"data":{}}"#.to_owned()),
            (&format!("/track/acme/pageview/{recent}"), recent_day.clone()),
            (&format!("/track/acme/pageview/{padded}"), recent_day),
            (&format!("/track/acme/pageview/{recent}/3"), recent_hour.clone()),
            (&format!("/track/acme/pageview/{padded}/03"), recent_hour),
            ("/track/acme/unique/2013/9", r#"{"type":"track","account":"acme","event":"unique","year":"2013","month":"9","day":"","links":["~/track/acme/unique/2013/9/1"],"data":{"1":4}}"#.to_owned()),
            ("/track/all/pageview/2013", r#"{"type":"track","account":"all","event":"pageview","year":"2013","month":"","day":"","links":["~/track/all/pageview/2013/9","~/track/all/pageview/2013/12"],"data":{"12":1,"9":126}}"#.to_owned()),
            ("/track/*", r#"{"type":"track","account":"*","event":"","year":"","month":"","day":"","links":[],"data":null}"#.to_owned()),
            ("/track/*/pageview/2013", r#"{"type":"track","account":"*","event":"pageview","year":"2013","month":"","day":"","links":[],"data":{}}"#.to_owned()),
            (&format!("/track/{odd}/pageview/2013/9"), format!(r#"{{"type":"track","account":"\u003cb\u003e\u0026\"/ *","event":"pageview","year":"2013","month":"9","day":"","links":["~/track/{odd}/pageview/2013/9/1"],"data":{{"1":1}}}}"#)),
            ("/funnels", r#"{"type":"funnels","account":"","event":"","year":"","month":"","day":"","links":["~/funnels/all","~/funnels/acme","~/funnels/other"],"data":null}"#.to_owned()),
            ("/funnels/acme", r#"{"type":"funnels","account":"acme","event":"","year":"","month":"","day":"","links":["~/funnels/acme/order"],"data":null}"#.to_owned()),
            ("/funnels/acme/order", r#"{"type":"funnels","account":"acme","event":"order","year":"","month":"","day":"","links":["~/funnels/acme/order/2013"],"data":null}"#.to_owned()),
            ("/funnels/acme/order/2013", r#"{"type":"funnels","account":"acme","event":"order","year":"2013","month":"","day":"","links":["~/funnels/acme/order/2013/9","~/funnels/acme/order/2013/10"],"data":{"a\u003cb\u003e":1,"closed":7}}"#.to_owned()),
            ("/funnels/acme/order/2013/09", r#"{"type":"funnels","account":"acme","event":"order","year":"2013","month":"9","day":"","links":[],"data":{"a\u003cb\u003e":1,"closed":2}}"#.to_owned()),
            ("/funnels/all/order/2013/9", r#"{"type":"funnels","account":"all","event":"order","year":"2013","month":"9","day":"","links":[],"data":{"a\u003cb\u003e":1,"closed":3}}"#.to_owned()),
            ("/funnels/acme/order/2013/9/1", r#"{"type":"funnels","account":"acme","event":"order","year":"2013","month":"9","day":"1","links":[],"data":{}}"#.to_owned()),
            ("/nothing", r#"{"type":"nothing","account":"","event":"","year":"","month":"","day":"","links":[],"data":null}"#.to_owned()),
            ("/nothing/acme/pageview/2013", r#"{"type":"nothing","account":"acme","event":"pageview","year":"2013","month":"","day":"","links":[],"data":{}}"#.to_owned()),
        ];
        for prefix in ["/stats", "/api/stats"] {
            let root = format!("http://{}{prefix}/", place.addr());
            for (path, expect) in &rows {
                let expect = expect.replace("\"~/", &format!("\"{root}"));
                assert_eq!(get(&place, &format!("{prefix}{path}")), (200, expect), "{prefix}{path}");
            }
        }
        let icon = http::get(place.addr(), "/stats/favicon.ico");
        assert_eq!((icon.status, icon.text(), icon.header("content-type")), (200, "", Some("text/plain")));
        assert_eq!(icon.header("cache-control"), None);
        let deep = http::get(place.addr(), "/stats/track/a/b/2013/1/1/1/1");
        assert_eq!((deep.status, deep.text()), (404, "404 page not found\n"));
        // Without a configured address, links use that of the request, as before.
        let links_for = |host: &str| http::request("GET", place.addr(), "/stats", &[("Host", host)], b"");
        for (host, root) in [
            ("stats.example:99", "http://stats.example:99".to_owned()),
            ("[::1]:1", "http://[::1]:1".to_owned()),
            ("a\"b", format!("http://localhost:{}", place.http)),
            ("a/b?c", format!("http://localhost:{}", place.http)),
        ] {
            let links = format!(r#""links":["{root}/stats/track","{root}/stats/funnels"]"#);
            let answer = links_for(host);
            assert!(answer.status == 400 || answer.text().contains(&links), "{host}: {}", answer.text());
        }
        assert_eq!(links_for("stats.example").status, 200);
        stop(&mut daemon);
    }
}

#[test]
fn what_is_no_date_no_name_and_no_callback_is_refused_with_its_reason() {
    let place = Place::new();
    let mut daemon = place.serve();
    ready(&place);
    for (path, reason) in [
        ("/track/a/b/13", "year is a number from 1970 to 2199"),
        ("/track/a/b/2013/13", "month is a number from 1 to 12"),
        ("/track/a/b/2013/0", "month is a number from 1 to 12"),
        ("/track/a/b/2013/feb", "month is a number from 1 to 12"),
        ("/track/a/b/2013/2/31", "day is a day of that month"),
        ("/track/a/b/2013/2/1*", "day is a day of that month"),
        ("/track/a/b/2013/2/1/24", "hour is a number from 0 to 23"),
        ("/track/~all", "account: a name cannot begin with ~ or be a lone -"),
        ("/track/a%00", "account: the name has a control character"),
        ("/track/%ff", "the account is not UTF-8"),
        ("/track//pageview", "account: the name is empty"),
        ("/track/a/Page:View", "event: an event is 1 to 32 of a-z, 0-9, _ and -"),
        ("/?callback=alert(1)//", "callback is a name of JavaScript, like a.b, of at most 64 bytes"),
        ("/?callback=a%0a", "callback is a name of JavaScript, like a.b, of at most 64 bytes"),
        ("/?callback=%3Cscript%3E", "callback is a name of JavaScript, like a.b, of at most 64 bytes"),
    ] {
        assert_eq!(get(&place, &format!("/stats{path}")), (400, error(reason)), "{path}");
    }
    let long = format!("/stats/track/{}/pageview", "a".repeat(201));
    assert_eq!(get(&place, &long).0, 400);
    let script = http::get(place.addr(), "/stats?callback=app.cb_1");
    let body = script.text().strip_prefix("app.cb_1({\"type\":\"\",").unwrap();
    assert!(body.ends_with("\"data\":null})"), "{body}");
    assert_eq!(script.header("content-type"), Some("text/javascript"));
    for (name, value) in FRESH {
        assert_eq!(script.header(name), Some(value));
    }
    assert_eq!(get(&place, "/stats?callback=").0, 200);
    let answer = http::request("POST", place.addr(), "/stats/track", &[], b"x");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    let metrics = place.metrics();
    assert!(metrics.get("tallymark_http_requests_total{route=\"/stats/{*rest}\",status=\"400\"}") > 10);
    stop(&mut daemon);
}

#[test]
fn the_prefix_is_the_operator_s_and_links_have_the_public_address() {
    let mut place = Place::new();
    place.configure("[http]\nstats-prefix = \"/counts/v1\"\nbase-url = \"https://x.example/sub\"\n");
    filled(&Kind::Sqlite, &place);
    let mut daemon = place.serve();
    ready(&place);
    for prefix in ["/counts/v1", "/api/stats"] {
        let links = format!(
            "\"links\":[\"https://x.example/sub{prefix}/track\",\"https://x.example/sub{prefix}/funnels\"]"
        );
        let host = [("Host", "evil.example\"><script>"), ("X-Forwarded-Host", "evil.example")];
        for host in host {
            let answer = http::request("GET", place.addr(), prefix, &[host], b"");
            assert!(answer.status == 400 || answer.text().contains(&links), "{}", answer.text());
            assert!(!answer.text().contains("evil"));
        }
        assert!(get(&place, prefix).1.contains(&links));
    }
    assert_eq!(http::get(place.addr(), "/stats").status, 404);
    stop(&mut daemon);
    for prefix in ["", "/", "stats", "/badge", "/api/v1", "/hit/x", "/{a}"] {
        let mut place = Place::new();
        place.configure(&format!("[http]\nstats-prefix = \"{prefix}\"\n"));
        place.run(&["serve"]).refused(78, &["stats-prefix", &format!("{prefix:?}"), "line 2"]);
    }
}

#[test]
fn counts_are_told_to_whom_pages_are_shown() {
    let token = "a-token-of-sixteen";
    for (visibility, without, with) in [("token", 401, 200), ("off", 404, 404)] {
        let mut place = Place::new();
        place.configure(&format!("[http]\nvisibility = \"{visibility}\"\ntokens = [\"{token}\"]\n"));
        filled(&Kind::Sqlite, &place);
        let mut daemon = place.serve();
        ready(&place);
        let bearer = format!("Bearer {token}");
        for path in [
            "track",
            "funnels",
            "other",
            "track/acme",
            "track/all",
            "track/all/hit/2026",
            "track/acme/pageview/2013",
            "track/acme/pageview/2013/9/1",
            "funnels/acme/order/2013/9",
            "other/acme",
        ] {
            let path = format!("/stats/{path}");
            assert_eq!(get(&place, &path).0, without, "{path}");
            let answer = http::request("GET", place.addr(), &path, &[("Authorization", &bearer)], b"");
            assert_eq!(answer.status, with);
        }
        assert_eq!(get(&place, "/stats").0, 200, "where the API begins is no secret");
        stop(&mut daemon);
    }
}

#[test]
fn what_is_no_count_is_said_and_is_not_nothing() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    ready(&place);
    redis.cli(&["SET", "track:bad:pageview:2013:9:5", "x"]);
    redis.cli(&["SET", "count:pageview:bad", "abc"]);
    redis.cli(&["HSET", "funnels:bad:order:2013", "closed", "many"]);
    let wrong = (503, error("a key of this counter has the wrong type in the store; the log says which"));
    for path in ["/stats/track/bad/pageview/2013/9/5", "/stats/funnels/bad/order/2013"] {
        assert_eq!(get(&place, path), wrong, "{path}");
    }
    let total = http::get(place.addr(), "/api/v1/counters/bad?event=pageview");
    assert_eq!((total.status, total.text().to_owned()), wrong);
    assert!(daemon.stderr().contains("count:pageview:bad"), "{}", daemon.stderr());
    stop(&mut daemon);
}

#[test]
fn a_store_that_is_away_is_said() {
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    ready(&place);
    redis.stop();
    let away = (503, error("the store does not answer; try again"));
    for path in
        ["/track", "/track/a", "/track/a/b", "/track/a/b/2013/2/1", "/funnels", "/funnels/a/order/2013"]
    {
        assert_eq!(get(&place, &format!("/stats{path}")), away, "{path}");
    }
    assert_eq!(get(&place, "/stats").0, 200);
    redis.restart();
    wait_until("it answers again", PATIENCE, || get(&place, "/stats/track").0 == 200);
    stop(&mut daemon);
}
