//! Rows of body -> hit or reject.

use super::*;
use crate::Minute;
use proptest::prelude::*;

/// 2026-11-20T12:00:30Z.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };
const TODAY: When = When::Minute(Minute(29_919_600));

fn route(columns: &[Column]) -> Route {
    Route { columns: columns.to_vec(), ..Route::default() }
}

fn read_with(route: &Route, dating: Dating, body: &[u8]) -> Result<(String, When, u32, bool), Reject> {
    let mut reader = RecordReader::new(dating);
    // A reader is reused, so every row runs after a line that left its buffers dirty.
    let _ = reader.read(route, br#"  "x""y" , "\x41%2541" ,"#, NOW);
    let hit = reader.read(route, body, NOW)?;
    Ok((hit.name.to_string(), hit.when, hit.weight, hit.redated))
}

#[track_caller]
fn name(body: &str, expect: Result<&str, Reject>) {
    let read = read_with(&Route::default(), Dating::Live, body.as_bytes());
    assert_eq!(read.map(|hit| hit.0), expect.map(str::to_owned), "{body}");
}

#[test]
fn nginx_form_is_read() {
    name(r#""2026-11-20","benwilber%2Fbashids""#, Ok("benwilber/bashids"));
    name(r#""2026-11-20","a%252Fb""#, Ok("a/b"));
    name(r#""2026-11-20","a%252fb""#, Ok("a/b"));
    name(r#""2026-11-20","a/b""#, Ok("a/b"));
    name(r#""2026-11-20","a\x2Fb""#, Ok("a/b"));
    name(r#""2026-11-20","\xE6\x97\xA5""#, Ok("日"));
    name(r#""2026-11-20","\x22\x5C""#, Ok("\"\\"));
    name(r#""2026-11-20","a,b""#, Ok("a,b"));
    assert_eq!(
        read_with(&Route::default(), Dating::Live, br#""2026-11-20","a""#),
        Ok(("a".into(), TODAY, 1, false))
    );
}

#[test]
fn request_for_another_counter_s_badge_gives_the_name() {
    let route = route(&[Column::Time, Column::Request]);
    for (request, expect) in [
        ("/ghpvc/?username=Octocat", Ok("octocat")),
        ("/github.com/o/r.svg?label=\\x22", Ok("github.com/o/r")),
        (r"/badge?page_id=\xE6\x97\xA5", Ok("日")),
        ("/badge?page_id=~all", Err(Reject::Name)),
        ("/badge?page_id=%00", Err(Reject::Name)),
        ("/badge?page_id=a&query_only=true", Err(Reject::NotABadge)),
        ("/badge?page_id=a&count=false", Err(Reject::NotABadge)),
        ("/ghpvc/?username=", Err(Reject::NoName)),
        ("/badge.svg?repo=o/r", Err(Reject::NotABadge)),
        ("-", Err(Reject::NotABadge)),
        (r"/badge?page_id=\y", Err(Reject::Escape)),
    ] {
        let body = format!("\"1795176030.000\",\"{request}\"");
        let read = read_with(&route, Dating::Live, body.as_bytes());
        assert_eq!(read.map(|hit| hit.0), expect.map(str::to_owned), "{request}");
    }
}

/// Case 19.
#[test]
fn absent_name_is_noname() {
    for body in
        [r#""2026-11-20","-""#, r#""2026-11-20","""#, "2026-11-20,", "2026-11-20,-", r#"2026-11-20,"""#]
    {
        name(body, Err(Reject::NoName));
    }
}

/// Case 20, and what syslog-ng's csv-parser took for ghit.me.
#[test]
fn other_csv_is_read_by_its_columns() {
    name("2026-11-20,a%2Fb", Ok("a/b"));
    name("  2026-11-20 ,\ta%2Fb  ", Ok("a/b"));
    name(r#" "2026-11-20" , "a%2Fb" "#, Ok("a/b"));
    name(r#""2026-11-20", "a,b""#, Ok("a,b"));
    name(r#""2026-11-20","say ""hi""""#, Ok("say \"hi\""));
    for body in [
        "",
        " ",
        "x",
        r#""2026-11-20""#,
        r#""2026-11-20","a","b""#,
        r#""2026-11-20","a","#,
        "2026-11-20,a,",
        ",,,",
    ] {
        name(body, Err(Reject::Columns));
    }
}

/// Case 21.
#[test]
fn quotes_and_escapes_out_of_order_are_refused() {
    for body in [
        r#""2026-11-20","a"b""#,
        r#""2026-11-20","a"#,
        r#""2026-11-20","a" x"#,
        r#""2026-11-20",a"b"#,
        r#"2026-11-20,""a"#,
    ] {
        name(body, Err(Reject::Quote));
    }
    for body in [
        r#""2026-11-20","a\xZZ""#,
        r#""2026-11-20","a\x2""#,
        r#""2026-11-20","a\""#,
        r#""2026-11-20","\n""#,
        r#""2026-11-20","\u0041""#,
    ] {
        name(body, Err(Reject::Escape));
    }
}

/// Cases 22 and 23.
#[test]
fn injected_and_glued_columns_are_refused() {
    name(r#""2026-11-20","x","inj""#, Err(Reject::Columns));
    name(r#""2026-11-20","fo"2026-11-20","bar""#, Err(Reject::Columns));
}

/// Case 24.
#[test]
fn bytes_that_make_no_name_are_refused() {
    let rejects = |body: &[u8]| {
        assert_eq!(
            read_with(&Route::default(), Dating::Live, body).map(|hit| hit.0),
            Err(Reject::Name),
            "{body:?}"
        );
    };
    for raw in [
        &b"a\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"a\0b",
        b"\x1b[31m",
        b"%00",
        b"a%2500.svg",
        b"%C0%AF",
        b"%ff",
        b"~all",
        b"%7Ex",
    ] {
        rejects(&[br#""2026-11-20",""#, raw, b"\""].concat());
    }
    rejects(&[br#""2026-11-20",""#, &b"k".repeat(3000)[..], b"\""].concat());
    let marks = format!("e{}", "\u{301}".repeat(500));
    rejects(format!(r#""2026-11-20","{marks}""#).as_bytes());
}

/// Case 26: linear, and refused.
#[test]
fn thirty_thousand_commas_are_too_many_columns() {
    name(&",".repeat(65_000), Err(Reject::Columns));
    name(&"\",\"".repeat(20_000), Err(Reject::Columns));
}

/// Case 27.
#[test]
fn wrong_dates_are_refused() {
    for date in [
        "2026-02-30",
        "0000-00-00",
        "9999-12-31",
        "26-1-1",
        "2026-11-20T00:00:00Z",
        "-2026-01-01",
        "٢٠٢٦-١١-٢٠",
        "",
        "-",
    ] {
        name(&format!(r#""{date}","a""#), Err(Reject::Date));
    }
}

/// Case 28.
#[test]
fn only_a_get_that_showed_a_picture_counts() {
    let route = route(&[Column::Date, Column::Name, Column::Method, Column::Status]);
    let read = |method: &str, status: &str| {
        read_with(&route, Dating::Live, format!(r#""2026-11-20","a","{method}","{status}""#).as_bytes())
            .map(|hit| hit.0)
    };
    for status in ["200", "206", "304"] {
        assert_eq!(read("GET", status), Ok("a".into()));
    }
    for method in ["HEAD", "POST", "DELETE", "get", "-", ""] {
        assert_eq!(read(method, "200"), Err(Reject::Method));
    }
    for status in ["404", "405", "499", "301", "500", "-", ""] {
        assert_eq!(read("GET", status), Err(Reject::Status));
    }
}

/// Cases 29 to 31.
#[test]
fn odd_names_are_flat_names_or_refused_by_the_github_rule() {
    let github = Route { names: NameRule::Github, ..Route::default() };
    for odd in [
        "..",
        ".",
        "a/..",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "C:\\x5Cx",
        "a/",
        "%2e%2e%2f",
        "..%252f",
        "%",
        "%G1",
        ".tmp-1",
        "con",
        "repos",
        "__proto__",
    ] {
        let body = format!(r#""2026-11-20","{odd}""#);
        assert!(read_with(&Route::default(), Dating::Live, body.as_bytes()).is_ok(), "{odd}");
        assert_eq!(
            read_with(&github, Dating::Live, body.as_bytes()).map(|hit| hit.0),
            Err(Reject::Name),
            "{odd}"
        );
    }
    name(r#""2026-11-20","%252e%252e%252f""#, Ok("../"));
    name(r#""2026-11-20","%25252e""#, Ok("%2e"));
    name(r#""2026-11-20","%G1%2""#, Ok("%G1%2"));
}

/// Case 37 for live lines.
#[test]
fn live_date_outside_the_window_counts_on_the_arrival_day() {
    let arrival = When::Day(NOW.day());
    for (date, when, redated) in [
        ("2026-11-20", TODAY, false),
        ("2026-11-21", When::Day(Day(NOW.day().0 + 1)), false),
        ("2026-11-22", arrival, true),
        ("2027-11-20", arrival, true),
        ("2026-11-19", When::Day(Day(NOW.day().0 - 1)), false),
        ("2026-11-18", When::Day(Day(NOW.day().0 - 2)), false),
        ("2026-11-17", arrival, true),
        ("1970-01-01", arrival, true),
    ] {
        let read = read_with(&Route::default(), Dating::Live, format!(r#""{date}","a""#).as_bytes());
        assert_eq!(read, Ok(("a".into(), when, 1, redated)), "{date}");
    }
}

/// Case 39: a file read later keeps its days.
#[test]
fn own_dates_are_kept_however_old_and_refused_in_the_future() {
    let read = |date: &str| {
        read_with(&Route::default(), Dating::Own, format!(r#""{date}","a""#).as_bytes())
            .map(|hit| (hit.1, hit.3))
    };
    assert_eq!(read("2015-12-25"), Ok((When::Day(Day::parse(b"2015-12-25").unwrap()), false)));
    assert_eq!(read("2026-11-20"), Ok((When::Day(NOW.day()), false)));
    assert_eq!(read("2026-11-22"), Err(Reject::Date));
}

#[test]
fn time_column_gives_the_minute() {
    let route = route(&[Column::Time, Column::Name]);
    let read = |dating, time: &str| {
        read_with(&route, dating, format!(r#""{time}","a""#).as_bytes()).map(|hit| (hit.1, hit.3))
    };
    let minute = |text: &[u8]| When::Minute(Now { unix_ms: parse_time(text).unwrap() }.minute());
    assert_eq!(read(Dating::Live, "2026-11-20T11:59:59+00:00"), Ok((minute(b"2026-11-20T11:59:59Z"), false)));
    assert_eq!(read(Dating::Own, "1450000000.123"), Ok((minute(b"1450000000.123"), false)));
    assert_eq!(read(Dating::Live, "1450000000.123"), Ok((When::Day(NOW.day()), true)));
    assert_eq!(read(Dating::Live, "2026-11-21T00:09:00Z"), Ok((minute(b"2026-11-21T00:09:00Z"), false)));
    assert_eq!(read(Dating::Live, "2026-11-21T00:11:00Z"), Ok((When::Day(NOW.day()), true)));
    assert_eq!(read(Dating::Own, "2026-11-21T00:11:00Z"), Err(Reject::Date));
    assert_eq!(read(Dating::Live, "yesterday"), Err(Reject::Time));
}

/// Case 45.
#[test]
fn weight_is_one_to_a_million() {
    let route = route(&[Column::Name, Column::Weight]);
    let read = |weight: &str| {
        read_with(&route, Dating::Live, format!(r#""a","{weight}""#).as_bytes()).map(|hit| (hit.1, hit.2))
    };
    assert_eq!(read("1"), Ok((TODAY, 1)));
    assert_eq!(read("1000000"), Ok((TODAY, 1_000_000)));
    for bad in ["0", "-1", "1000001", "99999999999999999999", "1.5", "1e3", "", "-", "+1"] {
        assert_eq!(read(bad), Err(Reject::Weight), "{bad}");
    }
}

#[test]
fn event_column_replaces_the_routes_event() {
    let route = route(&[Column::Event, Column::Name, Column::UserAgent]);
    let mut reader = RecordReader::new(Dating::Live);
    assert_eq!(
        reader.read(&route, br#""like","a","Mozilla \x22""#, NOW).map(|hit| hit.event),
        Ok(Event::new(b"like").unwrap())
    );
    assert_eq!(reader.read(&route, br#""Like","a","-""#, NOW), Err(Reject::Event));
}

/// nginx logged it later than the other columns.
#[test]
fn a_last_column_opt_out_may_be_missing() {
    let of = |columns: &[Column], escape| Route { escape, ..route(columns) };
    for escape in [Escape::Default, Escape::Json] {
        let last = of(&[Column::Name, Column::Address, Column::OptOut], escape);
        let mut reader = RecordReader::new(Dating::Live);
        let mut read = |body: &str| {
            reader.read(&last, body.as_bytes(), NOW).map(|hit| (hit.name.to_string(), hit.requester.opts_out))
        };
        for (body, opts_out) in [
            (r#""a","192.0.2.1","1""#, true),
            (r#"a, 192.0.2.1, 1"#, true),
            (r#""a","192.0.2.1","""#, false),
            (r#""a","192.0.2.1","-""#, false),
            (r#""a","192.0.2.1","0""#, false),
            (r#""a","192.0.2.1""#, false),
            ("a,192.0.2.1", false),
        ] {
            assert_eq!(read(body), Ok(("a".to_owned(), opts_out)), "{body}");
        }
        for body in [r#""a""#, r#""a","192.0.2.1","1","""#, "a,b,1,2"] {
            assert_eq!(read(body), Err(Reject::Columns), "{body}");
        }
        // Anywhere else each line has it.
        let first = of(&[Column::OptOut, Column::Name], escape);
        assert_eq!(RecordReader::new(Dating::Live).read(&first, br#""a""#, NOW), Err(Reject::Columns));
    }
}

/// Escapes do not affect what is around the fields.
#[test]
fn json_accepts_the_blanks_and_bare_fields_that_the_default_does() {
    let json = Route { escape: Escape::Json, ..Route::default() };
    for body in [
        r#" "2026-11-20" , "a,b" "#,
        r#"2026-11-20,a%2Fb"#,
        "  2026-11-20 ,\ta%2Fb  ",
        r#"2026-11-20,"a%2Fb""#,
        r#""2026-11-20", "a,b""#,
        "",
        " ",
        "x",
        ",,,",
        "2026-11-20,a,",
        r#"2026-11-20, "a" ,"#,
        r#""2026-11-20","a"b""#,
        r#""2026-11-20","a"#,
        r#""2026-11-20","a" x"#,
        r#""2026-11-20",a"b"#,
        r#""2026-11-20","x","inj""#,
        r#""2026-11-20","fo"2026-11-20","bar""#,
    ] {
        let read = |route| read_with(route, Dating::Live, body.as_bytes());
        assert_eq!(read(&json), read(&Route::default()), "{body}");
    }
    let read = |body: &str| read_with(&json, Dating::Live, body.as_bytes()).map(|hit| hit.0);
    assert_eq!(read(r#" "2026-11-20" , "say \"hi\", you" "#), Ok("say \"hi\", you".to_owned()));
    assert_eq!(read(r#"2026-11-20 , "a\\" "#), Ok("a\\".to_owned()));
    let timed = Route { columns: vec![Column::Time, Column::Name], ..json.clone() };
    let hit = read_with(&timed, Dating::Live, br#"1795176030.000, "a/b""#).map(|hit| hit.0);
    assert_eq!(hit, Ok("a/b".to_owned()));
}

/// Case 25: nginx's `escape=json`.
#[test]
fn json_escapes_are_read() {
    let json = Route { escape: Escape::Json, ..Route::default() };
    let read = |body: &[u8]| read_with(&json, Dating::Live, body).map(|hit| hit.0);
    assert_eq!(read(br#""2026-11-20","a\"b\\c\/d""#), Ok("a\"b\\c/d".into()));
    assert_eq!(read(r#""2026-11-20","日\u0041""#.as_bytes()), Ok("日A".into()));
    assert_eq!(read(br#""2026-11-20","a\n""#), Err(Reject::Name));
    assert_eq!(read(br#""2026-11-20","\ud800""#), Err(Reject::Escape));
    assert_eq!(read(br#""2026-11-20","\x41""#), Err(Reject::Escape));
    assert_eq!(read(br#""2026-11-20","\u00""#), Err(Reject::Escape));
    assert_eq!(read(br#""2026-11-20","a"#), Err(Reject::Quote));
    assert_eq!(read(b"\"2026-11-20\",\"\xff\x80\""), Err(Reject::Name));
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused_without_panic(body in prop::collection::vec(any::<u8>(), 0..120), json in any::<bool>()) {
        let escape = if json { Escape::Json } else { Escape::Default };
        let _ = read_with(&Route { escape, ..Route::default() }, Dating::Live, &body);
    }

    #[test]
    fn any_csv_like_body_is_read_or_refused_without_panic(body in "([\"\\\\, a-]|\\\\x4[0-9]|%2F){0,40}") {
        let _ = read_with(&Route::default(), Dating::Live, body.as_bytes());
    }

    /// Our own parser and `csv-core` agree on every line that both accept.
    #[test]
    fn own_path_agrees_with_csv_core(fields in prop::collection::vec("[ !#-\\[\\]-~]{0,12}", 1..6)) {
        let body = fields.iter().map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(",");
        let mut own = vec![Extent::default(); fields.len()];
        prop_assert!(matches!(cut_quoted(body.as_bytes(), &mut own, Escape::Default), Cut::Done));
        let mut general = vec![Extent::default(); fields.len()];
        let mut reader = RecordReader::new(Dating::Live);
        reader.read_general(body.as_bytes(), &mut general).unwrap();
        for ((field, own), general) in fields.iter().zip(own).zip(general) {
            prop_assert_eq!(field.as_bytes(), &body.as_bytes()[own.start..own.end]);
            prop_assert_eq!(field.as_bytes(), &reader.fields[general.start..general.end]);
        }
    }

    /// What nginx writes for a request gives the requested name, for any name.
    #[test]
    fn what_nginx_writes_is_read_back(name in "\\PC{1,30}") {
        prop_assume!(NameRef::new(name.as_bytes()).is_ok() && name != "-" && !name.contains('%'));
        let mut written = String::new();
        for b in name.bytes() {
            match b {
                b'"' | b'\\' | ..=0x1F | 0x7F.. => written += &format!("\\x{b:02X}"),
                b => written.push(b as char),
            }
        }
        let body = format!("\"2026-11-20\",\"{written}\"");
        let read = read_with(&Route::default(), Dating::Live, body.as_bytes());
        prop_assert_eq!(read.map(|hit| hit.0), Ok(name));
    }
}

#[test]
fn who_asked_is_told_by_address_and_user_agent_and_when_by_the_line() {
    use Column::{Address, Date, Name, Time, UserAgent};
    let asked = |columns: &[Column], dating, body: &str| {
        let mut reader = RecordReader::new(dating).with_visitors(true);
        let hit = reader.read(&route(columns), body.as_bytes(), NOW).unwrap();
        hit.visitor.map(|visitor| (visitor.network().to_string(), visitor.at().unix_ms))
    };
    let (all, own) = (&[Time, Name, Address, UserAgent], Dating::Own);
    let at = |ms| Some(("192.0.2.7".to_owned(), ms));
    let line = r#""1795176029.125","a","192.0.2.7","curl/8""#;
    assert_eq!(asked(all, Dating::Live, line), at(1_795_176_029_125));
    assert_eq!(asked(all, own, r#""1000.500","a","::ffff:192.0.2.7","-""#), at(1_000_500));
    // A wrong clock says nothing: the arrival does.
    assert_eq!(asked(all, Dating::Live, r#""1000.500","a","192.0.2.7","""#), at(NOW.unix_ms));
    assert_eq!(asked(&[Name, Address, UserAgent], own, r#""a","192.0.2.7","x""#), at(NOW.unix_ms));
    let dated = &[Date, Name, Address, UserAgent];
    assert_eq!(asked(dated, Dating::Live, r#""2026-11-20","a","192.0.2.7","x""#), at(NOW.unix_ms));
    assert_eq!(asked(dated, own, r#""2026-11-20","a","192.0.2.7","x""#), None);
    // An invalid address, and each of the two columns alone.
    assert_eq!(asked(all, own, r#""1000.500","a","unix:","x""#), None);
    assert_eq!(asked(&[Name, Address], own, r#""a","192.0.2.7""#), None);
    assert_eq!(asked(&[Name, UserAgent], own, r#""a","x""#), None);
    let mut reader = RecordReader::new(own);
    assert_eq!(reader.read(&route(all), line.as_bytes(), NOW).map(|hit| hit.visitor), Ok(None));
}
