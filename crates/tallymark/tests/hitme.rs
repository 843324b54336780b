//! HitMe's API as its clients know it, byte for byte, on both stores; and what it answers to what HitMe could not take.

use crate::common::{Kind, PATIENCE, Place, stop};
use std::time::{SystemTime, UNIX_EPOCH};
use tallymark_testbed::{Redis, http, wait_until};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const OK: &str = r#"{"status":"OK"}"#;

fn post(place: &Place, path: &str, header: (&str, &str), body: &[u8]) -> (u16, String) {
    let answer = http::request("POST", place.addr(), path, &[header], body);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    (answer.status, answer.text().to_owned())
}

fn get(place: &Place, path: &str) -> (u16, String) {
    let answer = http::get(place.addr(), path);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{}", answer.text());
    (answer.status, answer.text().to_owned())
}

/// `GET /hit` of an address, with all time, month, week, day, hour and minute as they stand in the answer.
fn shown(url: &str, counts: [&str; 6]) -> (u16, String) {
    let [all, month, week, day, hour, minute] = counts;
    let body = format!(
        r#"{{"status":"OK","url":{url},"all_time":{all},"last_month":{month},"last_week":{week},"last_day":{day},"last_hour":{hour},"last_minute":{minute}}}"#
    );
    (200, body)
}

fn error(what: &str) -> String {
    format!(r#"{{"error":"{what}"}}"#)
}

fn ready(place: &Place) {
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Its load generator's bodies, and the addresses they count.
const BODIES: [(&str, &str); 3] = [
    ("url=http%3A%2F%2Fwww.olark.com%2F&timestamp=0", "http://www.olark.com/"),
    ("url=http%3A%2F%2Fwww.olark.com%2Fabout.html&timestamp=0", "http://www.olark.com/about.html"),
    ("url=http%3A%2F%2Fwww.olark.com%2Ffeatures.html&timestamp=0", "http://www.olark.com/features.html"),
];

/// 2024-02-29T12:34:56.789Z.
const AT: i64 = 1_709_210_096_789;

#[test]
fn what_hitme_counted_is_counted_and_told_in_its_words() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        ready(&place);
        let at = format!("&timestamp={AT}");
        for (path, header, body) in [
            ("/hit", FORM, format!("timestamp={AT}&url=http%3A%2F%2Fx%2F%3Fa%3D1%26b")),
            ("/hit", JSON, format!(r#"{{"url":"http:\/\/x/?a=1\u0026b","timestamp":{AT}}}"#)),
            (
                "/hit",
                ("Content-Type", "application/json; charset=utf-8"),
                format!(r#"{{"timestamp":"{AT}","url":"http://x/?a=1&b"}}"#),
            ),
            (&format!("/hit?url=http://x/?a=1%26b{at}"), FORM, String::new()),
            (&format!("/hit?timestamp={AT}"), ("X-None", "of these"), "url=http://x/?a=1%26b".to_owned()),
        ] {
            assert_eq!(post(&place, path, header, body.as_bytes()), (200, OK.to_owned()), "{path} {body}");
        }
        let five = "\"5\"";
        let asked = format!("/hit?url=http%3A%2F%2Fx%2F%3Fa%3D1%26b{at}");
        let url = "\"http://x/?a=1&b\"";
        // From memory or on its way, and then from the store.
        assert_eq!(get(&place, &asked), shown(url, [five; 6]));
        stop(&mut daemon);
        let mut daemon = place.serve();
        ready(&place);
        assert_eq!(get(&place, &asked), shown(url, [five; 6]));
        // The minute after, the hour before, the day after, the Sunday before and after, the month after.
        for (ms, counts) in [
            (AT + 60_000, [five, five, five, five, five, "0"]),
            (AT - 3_600_000, [five, five, five, five, "0", "0"]),
            (AT - 86_400_000, [five, five, five, "0", "0", "0"]),
            (1_708_819_200_000, [five, five, five, "0", "0", "0"]),
            (1_708_819_199_999, [five, five, "0", "0", "0", "0"]),
            (1_706_745_600_000, [five, five, "0", "0", "0", "0"]),
            (1_709_251_200_000, [five, "0", five, "0", "0", "0"]),
            (1_709_423_999_999, [five, "0", five, "0", "0", "0"]),
            (1_709_424_000_000, [five, "0", "0", "0", "0", "0"]),
            (1, [five, "0", "0", "0", "0", "0"]),
        ] {
            let asked = format!("/hit?url=http%3A%2F%2Fx%2F%3Fa%3D1%26b&timestamp={ms}");
            assert_eq!(get(&place, &asked), shown(url, counts), "{ms}");
        }
        // Seen as soon as it is counted, whether the store has it yet or not.
        for (body, url) in BODIES {
            for times in ["1", "2"] {
                assert_eq!(post(&place, "/hit", FORM, body.as_bytes()), (200, OK.to_owned()));
                let count = format!("\"{times}\"");
                let (status, body) = get(&place, &format!("/hit?url={url}"));
                let all =
                    format!(r#"{{"status":"OK","url":"{url}","all_time":{count},"last_month":{count},"#);
                assert!(status == 200 && body.starts_with(&all), "{body}");
            }
        }
        assert_eq!(get(&place, "/hit?url=never%20%22seen%22"), shown(r#""never \"seen\"""#, ["0"; 6]));
        let files: Vec<_> = std::fs::read_dir(place.badges_dir()).unwrap().flatten().collect();
        assert!(!files.iter().any(|file| file.file_name().to_string_lossy().ends_with(".svg")), "{files:?}");
        stop(&mut daemon);
    }
}

/// `GET /hits` with a query, and its six objects as they stand in the answer.
fn list(place: &Place, query: &str) -> [String; 6] {
    let mut body = String::new();
    // On a busy machine a list may take longer than it is allowed to; the answer says so, and that another try helps.
    wait_until("there is a list", PATIENCE, || {
        let (status, answer) = get(place, &format!("/hits{query}"));
        body = answer;
        let later = status == 503 && body.contains("try again");
        assert!(status == 200 || later, "{status} {body}");
        !later
    });
    let mut rest = body.strip_prefix(r#"{"status":"OK""#).unwrap().strip_suffix('}').unwrap();
    let six = ["all_time", "last_month", "last_week", "last_day", "last_hour", "last_minute"].map(|range| {
        let object = rest.strip_prefix(&format!(",\"{range}\":")).unwrap();
        let end = object.find('}').unwrap() + 1;
        rest = &object[end..];
        object[..end].to_owned()
    });
    assert_eq!(rest, "");
    six
}

#[test]
fn lists_have_the_busiest_addresses_of_each_range() {
    for kind in Kind::both() {
        for (zone, shift) in [("UTC", 0), ("+02:00", -2 * 3_600_000), ("-05:00", 5 * 3_600_000)] {
            let mut place = kind.place();
            if let Kind::Redis(redis) = &kind {
                redis.cli(&["FLUSHALL"]);
            }
            place.configure(&format!("[http]\nhitme-zone = \"{zone}\"\n"));
            let mut daemon = place.serve();
            ready(&place);
            let empty = ["{}"; 6].map(str::to_owned);
            assert_eq!(list(&place, ""), empty, "nothing is counted yet");
            // AT in this zone, so that the same hits lie in the same ranges everywhere.
            let at = AT + shift;
            for (url, ms, times) in [
                ("minute", at, 3),
                ("hour \"<b>", at - 600_000, 4),
                ("day", at - 12 * 3_600_000, 5),
                ("week", at - 3 * 86_400_000, 6),
                ("month", at - 20 * 86_400_000, 2),
                ("all", at + 25 * 3_600_000, 9),
            ] {
                for _ in 0..times {
                    let body = format!("url={url}&timestamp={ms}");
                    assert_eq!(post(&place, "/hit", FORM, body.as_bytes()).0, 200);
                }
            }
            let minute = r#""minute":"3""#;
            let hour = format!(r#""hour \"<b>":"4",{minute}"#);
            let day = format!(r#""day":"5",{hour}"#);
            let expect = [
                format!(r#"{{"all":"9","week":"6",{day},"month":"2"}}"#),
                format!(r#"{{"week":"6",{day},"month":"2"}}"#),
                // The first of March is a Friday: it is of this week, and not of this month.
                format!(r#"{{"all":"9","week":"6",{day}}}"#),
                format!("{{{day}}}"),
                format!("{{{hour}}}"),
                format!("{{{minute}}}"),
            ];
            let of_then = format!("?timestamp={at}");
            wait_until("the store has everything", PATIENCE, || list(&place, &of_then)[0] == expect[0]);
            assert_eq!(list(&place, &of_then), expect, "{zone}");
            let two = list(&place, &format!("{of_then}&limit=2"));
            assert_eq!(two[0], r#"{"all":"9","week":"6"}"#);
            // Another time has the same of all time, and its own of the others.
            let other = list(&place, &format!("?timestamp={}", at + 25 * 3_600_000));
            assert_eq!((&other[0], &other[1][..]), (&expect[0], r#"{"all":"9"}"#));
            assert_eq!(list(&place, "")[1..], empty[1..]);
            stop(&mut daemon);
        }
    }
    let place = Place::new();
    let mut daemon = place.serve();
    for limit in ["0", "-1", "1001", "1e3", "", "99999999999999999999"] {
        let reason = error("limit is a number from 1 to 1000");
        assert_eq!(get(&place, &format!("/hits?limit={limit}")), (400, reason), "{limit}");
    }
    assert_eq!(get(&place, "/hits?timestamp=NaN").0, 400);
    let answer = http::request("POST", place.addr(), "/hits", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    stop(&mut daemon);
}

#[test]
fn lists_and_counts_are_told_to_whom_pages_are_shown() {
    let token = "a-token-of-sixteen";
    for (visibility, without, with) in [("token", 401, 200), ("off", 404, 404), ("public", 200, 200)] {
        let mut place = Place::new();
        place.configure(&format!("[http]\nvisibility = \"{visibility}\"\ntokens = [\"{token}\"]\n"));
        let mut daemon = place.serve();
        ready(&place);
        let bearer = format!("Bearer {token}");
        for path in ["/hits", "/hit?url=a"] {
            assert_eq!(get(&place, path).0, without, "{path}");
            let answer = http::request("GET", place.addr(), path, &[("Authorization", &bearer)], b"");
            assert_eq!(answer.status, with, "{path}");
        }
        // Counting asks for no token, as HitMe did not.
        assert_eq!(post(&place, "/hit", FORM, b"url=a").0, 200);
        stop(&mut daemon);
    }
}

#[test]
fn an_address_may_be_long_and_is_never_a_file() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        ready(&place);
        let long = format!("http://x/{}", "/é?".repeat(509) + "123");
        assert_eq!(long.len(), 2048);
        let body = format!("url={long}");
        assert_eq!(post(&place, "/hit", FORM, body.as_bytes()), (200, OK.to_owned()));
        assert_eq!(post(&place, "/hit", FORM, body.as_bytes()), (200, OK.to_owned()));
        stop(&mut daemon);
        let mut daemon = place.serve();
        ready(&place);
        let escaped: String = long.bytes().map(|b| format!("%{b:02x}")).collect();
        let (status, body) = get(&place, &format!("/hit?url={escaped}"));
        assert!(status == 200 && body.contains(r#""all_time":"2""#), "{body}");
        let list = http::get(place.addr(), "/api/v1/counters?event=url");
        assert!(
            list.text().contains(&format!("\"name\":\"{long}\",\"event\":\"url\",\"total\":2")),
            "{}",
            list.text()
        );
        assert!(
            !std::fs::read_dir(place.badges_dir())
                .unwrap()
                .flatten()
                .any(|file| file.path().extension().is_some_and(|it| it == "svg"))
        );
        let too_long = format!("url={long}4");
        let reason = error("Invalid URL: it is longer than 2048 bytes");
        assert_eq!(post(&place, "/hit", FORM, too_long.as_bytes()), (400, reason));
        stop(&mut daemon);
    }
}

#[test]
fn what_cannot_be_counted_is_refused_with_its_reason() {
    let place = Place::new();
    let mut daemon = place.serve();
    ready(&place);
    let invalid = error("Invalid URL");
    let digits = error("timestamp is in milliseconds since 1970, in digits");
    let ahead = now_ms() + 700_000;
    for (body, reason) in [
        ("", &invalid),
        ("url=", &invalid),
        ("timestamp=0", &invalid),
        ("url=url=http://x", &String::new()),
        ("url=~all", &error("Invalid URL: a name cannot begin with ~ or be a lone -")),
        ("url=~overflow", &error("Invalid URL: a name cannot begin with ~ or be a lone -")),
        ("url=a%00b", &error("Invalid URL: it has a control character")),
        ("url=a%0d%0aX-Y:%20z", &error("Invalid URL: it has a control character")),
        ("url=%c2%85", &error("Invalid URL: it has a control character")),
        ("url=%ff%fe", &error("Invalid URL: it is not UTF-8")),
        ("url=a&timestamp=", &digits),
        ("url=a&timestamp=12abc", &digits),
        ("url=a&timestamp=1e3", &digits),
        ("url=a&timestamp=1e400", &digits),
        ("url=a&timestamp=0x10", &digits),
        ("url=a&timestamp=NaN", &digits),
        ("url=a&timestamp=%20", &digits),
        ("url=a&timestamp=-5", &error("timestamp is before 1970, and there are no counts")),
        (
            "url=a&timestamp=18446744073709551616",
            &error("timestamp is out of range: it is in milliseconds since 1970"),
        ),
        (&format!("url=a&timestamp={ahead}"), &error("timestamp is more than 10 minutes ahead")),
    ] {
        if reason.is_empty() {
            // What the README of HitMe shows: the address is `url=http://x`, and that is what is counted.
            assert_eq!(post(&place, "/hit", FORM, body.as_bytes()).0, 200, "{body}");
            continue;
        }
        assert_eq!(post(&place, "/hit", FORM, body.as_bytes()), (400, reason.clone()), "POST {body}");
        assert_eq!(post(&place, &format!("/hit?{body}"), FORM, b""), (400, reason.clone()), "POST ?{body}");
        assert_eq!(get(&place, &format!("/hit?{body}")), (400, reason.clone()), "GET {body}");
    }
    for (body, part) in [
        (&b"{"[..], "the body is not JSON"),
        (b"[1]", "the body is not JSON"),
        (b"{\"url\":\"a\",\"timestamp\":1e400}", "the body is not JSON"),
        (b"{\"url\":\"a\",\"timestamp\":1.5}", "in digits"),
        (b"{\"url\":\"a\",\"timestamp\":true}", "the body is not JSON"),
        (b"{\"url\":{\"$gt\":\"\"}}", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"{}", "Invalid URL"),
    ] {
        let (status, answer) = post(&place, "/hit", JSON, body);
        assert!(status == 400 && answer.contains(part), "{answer}");
    }
    let deep = "[".repeat(10_000);
    assert_eq!(post(&place, "/hit", JSON, deep.as_bytes()).0, 400);
    let large = format!("url={}", "a".repeat(16 * 1024));
    assert_eq!(
        post(&place, "/hit", FORM, large.as_bytes()),
        (413, error("the body is larger than 16384 bytes"))
    );
    let answer = http::request("DELETE", place.addr(), "/hit", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD,POST")));
    // One was counted, and nothing else was even received: a refused request is not a line.
    wait_until("the tick", PATIENCE, || place.metrics().lines("http") == [1, 1, 0, 0]);
    let metrics = place.metrics();
    assert_eq!(metrics.get("tallymark_hits_total{event=\"url\"}"), 1);
    assert!(metrics.get("tallymark_http_requests_total{route=\"/hit\",status=\"400\"}") > 40);
    stop(&mut daemon);
}

#[test]
fn a_zone_shifts_the_calendar() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[http]\nhitme-zone = \"+02:00\"\n");
        let mut daemon = place.serve();
        ready(&place);
        // In that zone, 22:30 UTC on the last of February is the first of March.
        let hour = 3_600_000i64;
        let at = 1_709_210_400_000 + 10 * hour - 240_000;
        for ms in [at, at - hour, at + 5 * hour] {
            let body = format!("url=a&timestamp={ms}");
            assert_eq!(post(&place, "/hit", FORM, body.as_bytes()), (200, OK.to_owned()));
        }
        let (one, two, three) = ("\"1\"", "\"2\"", "\"3\"");
        for restarted in [false, true] {
            let rows = [
                (at, [three, two, three, two, one, one]),
                (at - hour, [three, one, three, one, one, one]),
                (at + 60_000, [three, two, three, two, one, "0"]),
                // Sunday begins at 22:00 UTC on Saturday.
                (1_709_424_000_000 - 2 * hour, [three, two, "0", "0", "0", "0"]),
            ];
            for (ms, counts) in rows {
                let asked = format!("/hit?url=a&timestamp={ms}");
                assert_eq!(get(&place, &asked), shown("\"a\"", counts), "{ms}");
            }
            if !restarted {
                stop(&mut daemon);
                daemon = place.serve();
                ready(&place);
            }
        }
        stop(&mut daemon);
    }
    for zone in ["+05:30", "Europe/Berlin", "+15:00", ""] {
        let mut place = Place::new();
        place.configure(&format!("[http]\nhitme-zone = \"{zone}\"\n"));
        place.run(&["serve"]).refused(78, &["hitme-zone", &format!("{zone:?} is not UTC"), "line 2"]);
    }
}

#[test]
fn a_store_that_is_away_is_said_and_nothing_is_lost() {
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    ready(&place);
    assert_eq!(post(&place, "/hit", FORM, b"url=b"), (200, OK.to_owned()));
    for period in ["all", "month", "week", "day", "hour", "minute"] {
        let path = format!("/api/v1/counters?sort=count&event=url&period={period}");
        wait_until("it is ranked", PATIENCE, || http::get(place.addr(), &path).status == 200);
    }
    redis.stop();
    assert_eq!(post(&place, "/hit", FORM, b"url=a"), (200, OK.to_owned()));
    let away = (503, error("the store does not answer; try again"));
    assert_eq!(get(&place, "/hit?url=a"), away);
    assert_eq!(get(&place, &format!("/hits?timestamp={AT}")), away);
    // Nor do the rankings answer, which are valid only while they are refreshed.
    assert_eq!(get(&place, "/hits"), away);
    for _ in 0..20 {
        assert_eq!(get(&place, "/hit?url=a"), away);
    }
    let logged = daemon.stderr();
    let logged = logged.lines().filter(|line| line.contains("reading counts for GET")).count();
    assert!((1..=4).contains(&logged), "{}", daemon.stderr());
    redis.restart();
    wait_until("it is told again", PATIENCE, || {
        get(&place, "/hit?url=a") == shown("\"a\"", ["\"1\""; 6])
            || get(&place, "/hit?url=a").1.contains(r#""all_time":"1""#)
    });
    stop(&mut daemon);
}
