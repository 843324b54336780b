//! Rows of access-log line -> hit or reject.

use super::*;
use crate::{Minute, NameRule, When};
use proptest::prelude::*;

/// 2026-11-20T12:00:30Z.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };
/// 2026-11-20T03:59Z.
const AT: When = When::Minute(Minute(29_919_119));

fn read(line: &str) -> Result<(String, When), Reject> {
    let mut reader = Reader::new(Dating::Own);
    let hit = reader.read(&Route::default(), line.as_bytes(), NOW)?;
    Ok((hit.name.to_string(), hit.when))
}

/// A line of the format with this request and status.
fn line(request: &str, status: &str) -> String {
    format!(
        r#"192.0.2.7 - - [20/Nov/2026:03:59:49 +0000] "{request}" {status} 512 "https://github.com/o/r" "Mozilla/5.0 (\x22x\x22)""#
    )
}

#[track_caller]
fn request(request: &str, expect: Result<&str, Reject>) {
    let read = read(&line(request, "200"));
    assert_eq!(read, expect.map(|name| (name.to_owned(), AT)), "{request}");
}

#[test]
fn badge_requests_give_the_name_as_nginx_reads_it() {
    for target in [
        "/badge.svg?repo=o/r",
        "/badge.svg?repo=o%2Fr",
        "/badge.svg?repo=o%2fr",
        "/badge.svg?REPO=o/r&repo=x/y",
        "/badge.svg?t=1&repo=o/r&z",
        "/badge/o/r.svg",
        "/badge/o%2Fr.svg?label=x",
        "http://hits.example.org/badge.svg?repo=o/r",
        "https://hits.example.org/badge/o/r.svg",
        r"/badge.svg?repo=o\x2Fr",
        "/badge.svg?repo=o/r&count=true",
        "/badge.svg?repo=o/r&count=yes&count=false",
    ] {
        request(&format!("GET {target} HTTP/1.1"), Ok("o/r"));
    }
    request("GET /badge.svg?repo=o%252Fr HTTP/2.0", Ok("o%2Fr"));
    request("GET /badge/%E6%97%A5.svg HTTP/1.0", Ok("日"));
    request(r"GET /badge/\xE6\x97\xA5.svg HTTP/1.0", Ok("日"));
}

#[test]
fn other_requests_are_no_badge() {
    for other in [
        "GET / HTTP/1.1",
        "GET /badge.svgx?repo=o/r HTTP/1.1",
        "GET /badge/o/r.json HTTP/1.1",
        "GET /badges.svg?repo=o/r HTTP/1.1",
        "GET /repo/o/r HTTP/1.1",
        "GET /badge.svg?repo=o/r",
        "GET /badge.svg?repo=o/r HTTP/1.1 x",
        "GET /badge.svg?repo=o/r FTP/1.1",
        "GET /badge.svg?count=false&repo=o/r HTTP/1.1",
        "GET /badge.svg?repo=o/r&Count=0 HTTP/1.1",
        r"\x16\x03\x01",
        "-",
        "",
    ] {
        request(other, Err(Reject::NotABadge));
    }
}

#[test]
fn only_a_get_that_showed_a_picture_counts() {
    request("HEAD /badge.svg?repo=o/r HTTP/1.1", Err(Reject::Method));
    request("get /badge.svg?repo=o/r HTTP/1.1", Err(Reject::Method));
    for (status, expect) in [
        ("206", Ok(())),
        ("304", Ok(())),
        ("404", Err(Reject::Status)),
        ("499", Err(Reject::Status)),
        ("2000", Err(Reject::Columns)),
        ("", Err(Reject::Columns)),
    ] {
        let read = read(&line("GET /badge.svg?repo=o/r HTTP/1.1", status)).map(|_| ());
        assert_eq!(read, expect, "{status}");
    }
}

#[test]
fn names_follow_the_rules_of_every_route() {
    request("GET /badge.svg HTTP/1.1", Err(Reject::NoName));
    request("GET /badge.svg?repo= HTTP/1.1", Err(Reject::NoName));
    request("GET /badge/.svg HTTP/1.1", Err(Reject::NoName));
    request("GET /badge.svg?repo=~all HTTP/1.1", Err(Reject::Name));
    request("GET /badge.svg?repo=%00 HTTP/1.1", Err(Reject::Name));
    request("GET /badge.svg?repo=%FF HTTP/1.1", Err(Reject::Name));
    request(r"GET /badge.svg?repo=\q HTTP/1.1", Err(Reject::Escape));
    let github = Route { names: NameRule::Github, ..Route::default() };
    let mut reader = Reader::new(Dating::Own);
    let text = line("GET /badge.svg?repo=blog HTTP/1.1", "200");
    assert_eq!(reader.read(&github, text.as_bytes(), NOW), Err(Reject::Name));
}

#[test]
fn users_and_added_fields_may_be_anything_but_another_line() {
    let head = "[20/Nov/2026:03:59:49 +0000]";
    let get = r#""GET /badge.svg?repo=o/r HTTP/1.1" 200"#;
    for good in [
        format!(r#"::1 - bob {head} {get} - "-" "-""#),
        format!(r#"::1 - a b [01/Jan/2020:00:00:00 +0000] {head} {get} 5 "-" "-""#),
        format!(r#"::1 - a\"b {head} {get} 5 "-" "-""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-" "10.0.0.1""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-" rt=0.001 0.002 "x""#),
        format!(r#"::1 - - {head} {get} 5 "\\" "a \" b""#),
    ] {
        assert_eq!(read(&good), Ok(("o/r".to_owned(), AT)), "{good}");
    }
    for bad in [
        format!(r#"{head} {get} 5 "-" "-""#),
        format!(r#"::1 - {head} {get} 5 "-" "-""#),
        format!(r#"::1 - - {get} 5 "-" "-""#),
        format!(r#"::1 - - {head}{get} 5 "-" "-""#),
        format!(r#"::1 - - {head} {get} 5"#),
        format!(r#"::1 - - {head} {get} 5 "-""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-" "#),
        format!(r#"::1 - - {head} {get} x "-" "-""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-"x"#),
    ] {
        assert_eq!(read(&bad), Err(Reject::Columns), "{bad}");
    }
    assert_eq!(read(&format!(r#"::1 - - {head} {get} 5 "-" "-"#)), Err(Reject::Quote));
    assert_eq!(read("hello"), Err(Reject::Quote));
    assert_eq!(
        read(&line("GET /badge.svg?repo=o/r HTTP/1.1", "200").replace("Nov", "nov")),
        Err(Reject::Time)
    );
    // A file's own past is kept, its future is not.
    let year = |year: &str| read(&line("GET /badge.svg?repo=o/r HTTP/1.1", "200").replace("2026", year));
    assert!(year("2019").is_ok());
    assert_eq!(year("2027"), Err(Reject::Date));
}

#[test]
fn two_glued_requests_are_none() {
    let whole = line("GET /badge.svg?repo=o/r HTTP/1.1", "200");
    for cut in 0..=whole.len() {
        let glued = format!("{}{whole}", &whole[..cut]);
        let read = read(&glued);
        // What is torn before its request is told from no user's name, and the whole line counts once.
        assert_eq!(read.is_ok(), cut <= whole.find('"').unwrap(), "{cut}: {glued}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected_without_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Reader::new(Dating::Own).read(&Route::default(), &text, NOW);
    }

    /// Bytes of the format's own characters reach further into it.
    #[test]
    fn any_mutation_is_read_or_rejected_without_panic(at in 0usize..200, with in "[\"\\\\ \\[\\]/?=&%a0-]{0,4}", less in 0usize..4) {
        let mut text = line("GET /badge.svg?repo=o%2Fr HTTP/1.1", "200").into_bytes();
        let at = at.min(text.len());
        let end = (at + less).min(text.len());
        text.splice(at..end, with.into_bytes());
        let _ = Reader::new(Dating::Own).read(&Route::default(), &text, NOW);
    }

    #[test]
    fn any_name_comes_back(name in "\\PC{1,40}") {
        if let Ok(checked) = crate::Name::new(&name) {
            let target = checked.escaped().to_string();
            prop_assume!(target.is_ascii());
            for request in [format!("GET /badge.svg?repo={target} HTTP/1.1"), format!("GET /badge/{target}.svg HTTP/1.1")] {
                prop_assert_eq!(read(&line(&request, "304")), Ok((name.clone(), AT)));
            }
        }
    }
}
