//! `nginx-conf --cache`: what the daemon has drawn is kept by a real nginx, is never old, is counted once a view, and stays
//! while the daemon is away.

use crate::common::{Kind, PATIENCE, Place, pictures::picture, stop};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use tallymark_testbed::{http, wait_until};

const FLAT: &str = "/badge.svg?repo=o/r&style=flat&label=views";

#[test]
fn pictures_with_parameters_are_kept_fresh_and_outlive_the_daemon() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        let cache = place.dir().join("cache");
        let nginx = place.nginx(&["--panels", "--cards", "--cache", cache.to_str().unwrap()]);
        let get = |path: &str| http::get(nginx.addr(), path);
        let number = |path: &str| {
            let svg = picture(&get(path));
            let title = svg.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
            title.rsplit(' ').next().unwrap().parse::<i64>().unwrap_or_else(|_| panic!("{svg}"))
        };
        // Each view counts, also those that nginx answers alone, in whatever spelling.
        for _ in 0..20 {
            number(FLAT);
            number("/badge.svg?style=flat&label=views&repo=o%2Fr");
        }
        wait_until("all are counted", PATIENCE, || place.total("o/r") == 40);
        let uncounted = format!("{FLAT}&count=false");
        wait_until("it shows them", PATIENCE, || number(&uncounted) == 40);
        number(&uncounted);
        // Conditions, HEAD and PNG are as without it, and a mistake is not kept.
        let headers = [("If-None-Match", "*"), ("If-Modified-Since", "Mon, 30 Nov 2026 00:00:00 GMT")];
        picture(&http::request("GET", nginx.addr(), FLAT, &headers, b""));
        let head = http::request("HEAD", nginx.addr(), FLAT, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(get("/badge.svg?repo=o/r&style=flt").status, 400);
        let png = "/badge.png?repo=o/r&count=false";
        assert_eq!(get(png).header("content-type"), Some("image/png"));
        let chart = "/graph/o/r.svg?period=7d&theme=dark";
        assert_eq!(get(chart).status, 200);
        let (sum, chart_png) = ("/sum.svg?of=o/*", "/graph/o/r.png?period=7d");
        picture(&get(sum));
        assert_eq!(get(chart_png).header("content-type"), Some("image/png"));
        // A slip of the hand is told, although there is a file.
        for slip in ["erpiod=today", "umber_format=short", "ase=5", "short-numbers=1", "igits=nixie"] {
            assert_eq!(get(&format!("/badge/o/r.svg?{slip}")).status, 400, "{slip}");
        }
        picture(&get("/badge/o/r.svg?v=2&count=false&utm_source=x"));
        let square = get("/badge.svg?repo=o/r&style=flat-square&count=false");
        assert_ne!(square.text(), get(&uncounted).text(), "another address is another picture");
        wait_until("the condition is counted, too", PATIENCE, || place.total("o/r") == 41);
        wait_until("the number goes on", PATIENCE, || number(&uncounted) == 41);
        stop(&mut daemon);
        assert_eq!(number(&uncounted), 41);
        assert_eq!(get(png).header("content-type"), Some("image/png"));
        picture(&get(chart));
        picture(&get(sum));
        assert_eq!(get(chart_png).header("content-type"), Some("image/png"));
        assert_eq!(get("/sum.svg?of=p/*").header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(
            get("/badge.svg?repo=o/r&style=plastic").text().contains("counting"),
            "this one was never drawn"
        );
        let log = nginx.error_log();
        assert!(!log.contains("[crit]") && !log.contains("too small"), "{log}");
        let _daemon = place.serve();
        wait_until("it is drawn again", PATIENCE, || {
            number("/badge.svg?repo=o/r&style=plastic&count=false") >= 41
        });
    }
}

/// A logo of nearly 32 KiB is in the address.
#[test]
fn long_addresses_are_counted_and_kept() {
    let place = Place::new();
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let cache = place.dir().join("cache");
    let (kept, plain) = (place.nginx(&["--cache", cache.to_str().unwrap()]), place.nginx(&[]));
    let svg = |length: usize| {
        let path = "M0 0h1v1z".repeat(length / 9);
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><path d=\"{path}\"/></svg>")
    };
    let mut views = 0;
    for length in [2_000, 2_600, 6_000, 31_000] {
        let logo = BASE64_STANDARD.encode(svg(length)).replace('+', "%2B").replace('/', "%2F");
        let address = format!("/badge/long/r.svg?style=flat&logo=data:image/svg%2Bxml;base64,{logo}");
        for nginx in [&kept, &plain] {
            let answer = http::get(nginx.addr(), &address);
            let text = answer.text();
            assert!(
                answer.status == 200 && !text.contains("counting"),
                "{length}: {} {text:.300}",
                answer.status
            );
            views += 1;
        }
    }
    wait_until("each view is counted", PATIENCE, || place.total("long/r") == views);
    stop(&mut daemon);
    let log = kept.error_log();
    assert!(!log.contains("too small") && !log.contains("[crit]") && !log.contains("[alert]"), "{log}");
}

#[test]
fn what_is_for_those_who_log_in_is_kept_for_nobody_else() {
    let place = Place::with_config("[http]\nvisibility = \"token\"\ntokens = [\"a-token-of-sixteen\"]\n");
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let cache = place.dir().join("cache");
    let nginx = place.nginx(&["--cache", cache.to_str().unwrap()]);
    place.hit("o/r");
    let all = "/graph/~all.svg?period=week";
    let token = [("Authorization", "Bearer a-token-of-sixteen")];
    let status = |headers: &[(&str, &str)]| http::request("GET", nginx.addr(), all, headers, b"").status;
    assert_eq!((status(&[]), status(&token), status(&[])), (401, 200, 401));
    stop(&mut daemon);
    assert_eq!((status(&token), status(&[])), (503, 503));
}
