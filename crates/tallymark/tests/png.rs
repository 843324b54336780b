//! Pictures as PNG, without nginx: the same numbers, counted as SVG are.

use crate::common::{PATIENCE, Place, number, stop};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{fs, path::Path, thread};
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

#[test]
fn what_may_not_be_seen_as_svg_may_not_be_seen_as_png() {
    let place = Place::with_config("[http]\nvisibility = \"token\"\ntokens = [\"a-token-of-sixteen\"]\n");
    let _daemon = place.serve();
    for picture in ["/graph/~all.svg", "/graph/~all.png"] {
        assert_eq!(http::get(place.addr(), picture).status, 401, "{picture}");
    }
}

/// As it goes into an address.
fn logo(inside: &str) -> String {
    let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 10 10\">{inside}</svg>");
    let encoded = STANDARD.encode(svg);
    format!("logo=data:image/svg%2Bxml;base64,{}", encoded.replace('+', "%2B").replace('=', "%3D"))
}

/// Each of these rectangles is drawn through ten, which are drawn through ten each: days of work.
fn nested_masks() -> String {
    let level = |level: usize| {
        let next = if level < 8 { format!("mask=\"url(#m{})\"", level + 1) } else { String::new() };
        let rect = format!("<rect width=\"9\" height=\"9\" fill=\"#fff\" {next}/>");
        format!("<mask id=\"m{level}\">{}</mask>", rect.repeat(10))
    };
    (0..9).map(level).collect::<String>() + "<rect width=\"9\" height=\"9\" mask=\"url(#m0)\"/>"
}

/// The processes that draw for a daemon.
fn drawers(daemon: u32) -> Vec<u32> {
    let is_one = |pid: &u32| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        read("cmdline").contains("draw-pictures") && read("status").contains(&format!("PPid:\t{daemon}\n"))
    };
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(is_one).collect()
}

/// The renderer panics at some logos that anybody can put into an address, and takes days for others.
#[test]
fn a_picture_that_cannot_be_drawn_harms_no_other() {
    let place = Place::new();
    let mut daemon = place.serve();
    let get = |target: &str| http::get(place.addr(), target);
    let panics = "<g transform=\"scale(1e9)\"><circle r=\"1e9\" stroke=\"red\" stroke-width=\"1e-9\"/></g>";
    for hostile in [logo(panics), logo(&nested_masks())] {
        wait_until("pictures are drawn", PATIENCE, || {
            get("/badge/o/r.png?count=false").header("Content-Type") == Some("image/png")
        });
        let answer = get(&format!("/badge/o/r.png?scale=4&{hostile}"));
        assert_eq!((answer.status, answer.text().starts_with("<svg")), (200, true));
        assert_eq!(answer.header("X-Tallymark"), Some("counted"));
    }
    let said = daemon.stderr();
    assert!(said.contains("a picture could not be drawn as PNG, and is shown as SVG"), "{said}");

    // It keeps no daemon from its end.
    wait_until("a process draws", PATIENCE, || drawers(daemon.pid()).len() == 1);
    let target = format!("/badge/o/r.png?{}", logo(&nested_masks()));
    // Its answer may come too late.
    let request = thread::spawn({
        let addr = place.addr();
        move || http::try_request("GET", addr, &target, &[], b"").is_ok()
    });
    wait_until("it is counted", PATIENCE, || number(get("/badge/o/r.svg?count=false").text()) == Some(3));
    let of_daemon = drawers(daemon.pid());
    stop(&mut daemon);
    request.join().unwrap();
    assert_eq!(place.total("o/r"), 3);
    wait_until("none is left", PATIENCE, || {
        of_daemon.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
}

#[test]
fn the_process_that_draws_ends_with_a_daemon_that_is_killed() {
    let place = Place::new();
    let mut daemon = place.serve();
    wait_until("a process draws", PATIENCE, || drawers(daemon.pid()).len() == 1);
    let drawer = drawers(daemon.pid())[0];
    daemon.kill9();
    wait_until("it is gone", PATIENCE, || !Path::new(&format!("/proc/{drawer}")).exists());
}
