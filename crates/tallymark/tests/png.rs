//! Pictures as PNG, without nginx: the same numbers, counted as SVG are.

use crate::common::{PATIENCE, Place, stop};
use tallymark_testbed::{http, wait_until};

/// Width and height, as the file says.
fn size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    (number(16), number(20))
}

#[test]
fn every_picture_is_a_png_at_its_address_with_that_ending() {
    let mut place = Place::new();
    place.configure("[compat]\nmoe-counter = true\n");
    let mut daemon = place.serve();
    let get = |target: &str| http::get(place.addr(), target);
    for (target, height) in [
        ("/badge/o/r.png", 40),
        ("/badge.png?repo=o/r&scale=1&style=for-the-badge&logo=github&label=%E6%97%A5%F0%9F%A6%80", 28),
        ("/badge/o%2Fr.png?scale=3&digits=nixie", 186),
        ("/@o%2Fr.png", 108),
        ("/v1/badge/o/r/card.png?scale=1", 320),
    ] {
        let answer = get(target);
        assert_eq!((answer.status, answer.header("Content-Type")), (200, Some("image/png")), "{target}");
        assert_eq!(answer.header("X-Tallymark"), Some("counted"), "{target}");
        assert!(answer.header("Cache-Control").is_some_and(|value| value.contains("no-store")), "{target}");
        assert_eq!(size(&answer.body).1, height, "{target}");
    }
    let shown = get("/badge/o/r.png?count=false");
    assert_eq!(shown.header("X-Tallymark"), Some("ignored: count=false"));
    assert_eq!(shown.body, get("/badge/o/r.png?count=false").body);
    assert_ne!(shown.body, get("/badge/o/r.png?count=false&color=red").body);
    for target in ["/graph/o/r.png?width=1600&scale=4", "/graph.png?name=o/r", "/sum.png?of=o/*"] {
        let (width, height) = size(&get(target).body);
        assert!(width * height <= 4_100_000, "{target}: {width} x {height}");
    }
    let head = http::request("HEAD", place.addr(), "/badge/o/r.png", &[], b"");
    assert_eq!((head.status, head.header("Content-Type")), (200, Some("image/png")));
    for target in ["/badge/o/r.png?scale=5", "/badge/o/r.png?style=flt", "/badge.png"] {
        let answer = get(target);
        assert_eq!((answer.status, answer.header("Content-Type")), (400, Some("image/png")), "{target}");
    }
    for target in ["/badge/o/r.json", "/x.png", "/badge/.png"] {
        assert_ne!(get(target).header("Content-Type"), Some("image/png"), "{target}");
    }
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 5);
}

/// The first picture would take longer than nginx waits.
#[test]
fn fonts_are_looked_through_before_a_picture_needs_them() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--log-level", "debug"]);
    wait_until("the fonts are known", PATIENCE, || {
        daemon.stderr().contains("looked through the fonts of this machine")
    });
    stop(&mut daemon);
}
