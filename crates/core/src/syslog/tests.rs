//! Rows of line -> tag and body.

use super::*;
use crate::Route;
use proptest::prelude::*;
use syslog_loose::Variant;

const BODY: &str = r#""2026-11-20","a%2Fb""#;

fn routes(tags: &[&str]) -> Routes {
    Routes::new(tags.iter().map(|tag| Route { tag: (*tag).to_owned(), ..Route::default() }).collect())
}

/// The result of a line where `badge` is the only tag.
fn parsed(line: &[u8]) -> Result<Message<'_>, Reject> {
    parse(line, &routes(&["badge"]))
}

#[track_caller]
fn accepts(line: &str, tag: &str, body: &str) {
    let routes = routes(&[tag]);
    let message = parse(line.as_bytes(), &routes).unwrap_or_else(|reject| panic!("{line}: {reject}"));
    assert_eq!(std::str::from_utf8(message.tag).unwrap(), tag, "{line}");
    assert_eq!(std::str::from_utf8(message.body).unwrap(), body, "{line}");
}

#[track_caller]
fn rejects(line: &[u8], reject: Reject) {
    assert_eq!(parsed(line), Err(reject), "{}", String::from_utf8_lossy(line));
}

#[test]
fn nginx_lines_are_read() {
    for head in [
        "<158>Nov 20 03:59:49 vm badge: ",
        "<158>Nov 20 03:59:49 badge: ",
        "<158>Nov  5 03:59:49 vm badge: ",
        "<158>Nov 5 03:59:49 vm badge: ",
        "<158>Nov 05 03:59:49 host.example.org badge[123]: ",
        "<158>Nov 20 03:59:49 vm vm badge: ",
    ] {
        accepts(&format!("{head}{BODY}"), "badge", BODY);
    }
    let message = parsed(b"<158>Nov 20 03:59:49 vm badge: x").unwrap();
    assert_eq!((message.facility, message.severity), (19, 6));
}

#[test]
fn headers_of_other_makes_are_read() {
    for head in [
        "<158>2026-11-20T03:59:49.123456+00:00 vm badge: ",
        "<158>2026-11-20T03:59:49Z vm badge[7]: ",
        "<158>badge: ",
        "<158>vm badge: ",
    ] {
        accepts(&format!("{head}{BODY}"), "badge", BODY);
    }
}

/// rsyslog keeps the mark when it forwards an RFC 5424 message in its default format.
#[test]
fn byte_order_mark_of_a_relayed_message_is_not_in_its_body() {
    for head in [
        "<158>Nov 20 03:59:49 vm badge: \u{feff}",
        "<158>Nov 20 03:59:49 vm badge \u{feff}",
        "<158>Nov 20 03:59:49 vm badge:  \u{feff}",
        "<158>2026-11-20T03:59:49Z vm badge[7]: \u{feff}",
        "<158>1 2026-11-20T03:59:49Z vm badge - - - \u{feff}",
        "<158>1 2026-11-20T03:59:49Z vm - - - - badge: \u{feff}",
        "<158>1 2026-11-20T03:59:49Z vm - - - - \u{feff}badge: ",
    ] {
        accepts(&format!("{head}{BODY}"), "badge", BODY);
        for folded in [
            format!("{head}message repeated 3 times: [ {BODY}]"),
            format!("<158>Nov 20 03:59:49 vm badge: message repeated 3 times: [ \u{feff}{BODY}]"),
        ] {
            let message = parsed(folded.as_bytes()).unwrap();
            assert_eq!((message.times, message.body), (3, BODY.as_bytes()), "{folded}");
        }
    }
}

#[test]
fn priority_is_0_to_191_in_three_digits() {
    for bad in [
        "<158",
        "<>",
        "<1",
        "<192>",
        "<999999999999999999999>",
        "<-1>",
        "<0158>",
        "158>",
        "< 1>",
        "<1a>",
        BODY,
        "<<158>",
    ] {
        rejects(format!("{bad}Nov 20 03:59:49 badge: x").as_bytes(), Reject::Pri);
    }
    rejects(b"<158", Reject::Pri);
    rejects(b"<", Reject::Pri);
    accepts("<0>Nov 20 03:59:49 badge: x", "badge", "x");
    accepts("<191>Nov 20 03:59:49 badge: x", "badge", "x");
}

#[test]
fn priority_alone_has_no_tag() {
    rejects(b"<158>", Reject::Tag);
    rejects(b"<158>Nov 20 03:59:49 vm", Reject::Tag);
    rejects(b"<158>Nov 20 03:59:49 one two three four badge: x", Reject::Tag);
    rejects(b"<158>\xff\xfe", Reject::Tag);
}

#[test]
fn empty_line_is_empty() {
    rejects(b"", Reject::Empty);
}

#[test]
fn first_tag_wins_and_the_body_is_untouched() {
    accepts("<158>Nov 20 03:59:49 badge: vm badge: x", "badge", "vm badge: x");
    accepts("<158>Nov 20 03:59:49 badge: badge: x", "badge", "badge: x");
    accepts(
        "<158>Nov 20 03:59:49 vm badge: <158>Nov 20 03:59:49 vm badge: x",
        "badge",
        "<158>Nov 20 03:59:49 vm badge: x",
    );
    accepts("<158>Nov 20 03:59:49 vm badge \"a\",\"b\" badge: \"x\"", "badge", "\"a\",\"b\" badge: \"x\"");
    accepts("<158>1 - vm badge - - - badge: x", "badge", "x");
    accepts("<158>Nov 20 03:59:49 vm badge: a badge: \"x\"", "badge", "a badge: \"x\"");
    accepts("<158>Nov 20 03:59:49 vm badge:  x ", "badge", " x ");
    accepts("<158>Nov 20 03:59:49 vm badge:", "badge", "");
    accepts("<158>Nov 20 03:59:49 vm badge[x]: y", "badge", "y");
}

#[test]
fn rfc5424_is_read() {
    for head in [
        "<158>1 2026-11-20T03:59:49Z vm badge - - - ",
        "<158>1 - - badge - - - ",
        "<158>1 2026-11-20T03:59:49Z vm badge 12 ID [a@1 b=\"c\"] ",
        "<158>1 2026-11-20T03:59:49Z vm badge - - [a b=\"x\\]y\\\"z\\\\\"][c d=\"\"] ",
        "<158>1 2026-11-20T03:59:49Z vm badge - - [a b=\"x] y\"][c d=\"]\"] ",
        "<158>1 2026-11-20T03:59:49Z vm badge - - - \u{feff}",
        "<158>1 2026-11-20T03:59:49+00:00 vm vm - - [meta sequenceId=\"1\"] badge: ",
    ] {
        accepts(&format!("{head}{BODY}"), "badge", BODY);
    }
    accepts("<158>1 - - badge - - -", "badge", "");
}

#[test]
fn malformed_rfc5424_is_refused() {
    for bad in [
        "<158>2 - - badge - - - x",
        "<158>1 ",
        "<158>1 - - badge",
        "<158>1 - - badge - -",
        "<158>1 - - badge - - ",
        "<158>1 - - badge - - x",
        "<158>1 - - badge - - -x",
        "<158>1 - - badge - - [] x",
        "<158>1 - - badge - - [a",
        "<158>1 - - badge - - [a b] x",
        "<158>1 - - badge - - [a b=\"] x",
        "<158>1 - - badge - - [a b=\"c\\",
        "<158>1 - - badge - - [a =\"c\"] x",
        "<158>1  - badge - - - x",
    ] {
        rejects(bad.as_bytes(), Reject::Rfc5424);
    }
}

/// One line for each header seen from a sender or a relay, and for variants of them.
#[test]
fn tag_is_found_in_every_form_of_header() {
    const I: &str = "2026-11-28T14:01:53Z";
    const B: &str = "Nov 28 14:01:53";
    for head in [
        // rsyslog: RFC 5424 in, its default forward format out.
        "<158>B web01 badge[12] ",
        "<158>B web01 badge ",
        "<158>B web01 badge:",
        "<158>B web01 badge[12]:",
        "<158>B badge ",
        "<158>B web01 badge[-]: ",
        // Cut off inside the pid.
        "<158>B web01 badge[12 ",
        "<158>B web01 badge[ ",
        // Fractions, years and zones.
        "<158>Nov 28 14:17:21.000 host badge: ",
        "<158>Nov  8 14:17:21.123456 host badge[1]: ",
        "<158>Nov 28 2026 14:01:53 host badge: ",
        "<158>Nov 28 2026 14:01:53.5 host badge ",
        "<158>Nov 28 14:01:53 2026 host badge: ",
        "<158>2026 Nov 28 14:01:53 host badge: ",
        "<158>Sat Nov 28 14:01:53 2026 host badge: ",
        "<158>Nov 28 14:01:53 UTC host badge: ",
        "<158>Nov 28 14:01:53 CET 2026 host badge: ",
        "<158>Nov 28 14:01:53 +0100 host badge: ",
        "<158>Nov 28 14:01:53+01:00 host badge: ",
        "<158>I host badge: ",
        "<158>2026-11-28T14:01:53.123456+01:00 host badge[1]: ",
        "<158>2026-11-28 14:01:53 host badge: ",
        "<158>2026-11-28 14:01:53.5 +0100 host badge: ",
        "<158>2026-11-28T14:01:53,1 host badge: ",
        "<158>2026/11/28 14:01:53 host badge: ",
        // Cisco.
        "<158>*Nov 28 14:01:53.123: badge: ",
        "<158>29: *Nov 28 14:01:53.123 UTC: badge: ",
        "<158>29: web01: Nov 28 2026 14:01:53 CET: badge: ",
        // Hosts: none, doubled, two of them, an address, chained, named like the tag.
        "<158>badge: ",
        "<158>badge ",
        "<158> B vm badge: ",
        "<158>B vm vm badge: ",
        "<158>B vm web01.example.org badge: ",
        "<158>B vm web01.example.org: badge: ",
        "<158>B 2001:db8::7 badge: ",
        "<158>B relay/web01 badge: ",
        "<158>B src@relay/web01 badge: ",
        "<158>B badge badge: ",
        "<158>B badge badge ",
        "<158>B badge badge badge[1] ",
        "<158>B badge web01 badge: ",
        "<158>I badge badge: ",
        "<158>1 I badge badge - - - ",
        "<158>1 I badge badge - - - badge: ",
        // RFC 5424.
        "<158>1 - - badge - - - ",
        "<158>1 - - - - - - badge: ",
        "<158>1 - - - - - - badge ",
        "<158>1 I vm badge[1] - - - ",
        "<158>1 I vm badge: - - - ",
        "<158>1 I vm web01.example.org - - - badge: ",
        "<158>1 I vm web01.example.org - - - badge[7]: ",
        "<158>1 I vm vm 12 ID [a b=\"c\"] badge ",
        // A whole header within another, two and three deep.
        "<158>B relay B web01 badge: ",
        "<158>I relay B web01 badge: ",
        "<158>B relay <158>B web01 badge: ",
        "<158>B relay1 <158>I relay2 <158>B web01 badge: ",
        "<158>B relay1 I relay2 B web01 web01 badge[1] ",
        "<158>B relay <158>1 I web01 badge - - - ",
        "<158>B relay 1 I web01 badge - - - ",
        "<158>B relay1 B relay2 1 I web01 web01 - - - badge: ",
        "<158>1 I relay - - - - <158>B web01 badge: ",
        "<158>1 I relay relay - - - <158>1 I web01 badge - - - ",
        "<158>1 I relay1 - - - - B relay2 <158>1 I web01 badge - - - ",
        "<13>B relay <158>B web01 badge: ",
        // syslog-ng's network() source takes the version of RFC 5424 for the program.
        "<158>B localhost 1 I web01 badge 12 - - ",
        "<158>1 I localhost 1 - - - I web01 badge 12 - - ",
        "<158>1 I localhost 1 - - - I web01 badge - ID [a b=\"c\"] ",
        "<158>B localhost 1: I web01 badge - - - ",
    ] {
        let head = head.replace('B', B).replace('I', I).replace(&format!("{I}D"), "ID");
        for body in [BODY, "2026-11-20,a%2Fb", "\"x\",\"badge: \"", "1795176030.000 , a/b "] {
            accepts(&format!("{head}{body}"), "badge", body);
            let routes = routes(&["other", "badge"]);
            let line = format!("{head}{body}");
            assert_eq!(parse(line.as_bytes(), &routes).map(|found| found.facility), Ok(19), "{line}");
        }
        // A user agent of arbitrary bytes.
        let line = [head.as_bytes(), b"\"1795176030.000\",\"a\",\"\xff\x80 badge: \""].concat();
        assert_eq!(parsed(&line).map(|found| found.tag), Ok(&b"badge"[..]), "{head}");
    }
}

/// rsyslog's `%syslogtag:1:32%` counts the pid and the colon as part of the tag.
#[test]
fn tags_are_found_where_relays_cut_them() {
    let long = "a23456789_123456789_123456789_123456789_12345678";
    for length in [30, 31, 32, 33, 40, 48] {
        let tag = &long[..length];
        let routes = routes(&["other", tag]);
        let whole = format!("{tag}[4711]:");
        for written in
            [tag, &format!("{tag}:"), &whole, &whole[..whole.len().min(32)], &whole[..whole.len().min(48)]]
        {
            for head in ["<158>Nov 28 14:01:53 web01 ", "<158>Nov 28 14:01:53 "] {
                let line = format!("{head}{written} {BODY}");
                let message =
                    parse(line.as_bytes(), &routes).unwrap_or_else(|reject| panic!("{line}: {reject}"));
                assert_eq!(message.body, BODY.as_bytes(), "{line}");
                assert_eq!(routes.find(&message).map(|route| route.tag.as_str()), Ok(tag), "{line}");
            }
        }
        assert!(parse(format!("<158>Nov 28 14:01:53 web01 {}: x", &tag[..29]).as_bytes(), &routes).is_err());
    }
}

#[test]
fn tag_of_no_route_is_told() {
    for (line, tag) in [
        ("<158>Nov 28 14:01:53 web01 other: x", Some("other")),
        ("<158>Nov 28 14:01:53 web01 other[12]: badge", Some("other")),
        ("<158>Nov 28 14:01:53 badge other: \"x\"", Some("other")),
        ("<158>Nov 28 14:01:53 web01 other: see badge: x", Some("other")),
        ("<158>Nov 28 14:01:53 web01 badger: \"x\",\"badge: \"", Some("badger")),
        ("<158>Nov 28 14:01:53 web01 other \"x\",\"y\"", Some("other")),
        ("<158>1 - web01 other - - - x", Some("other")),
        ("<158>1 - web01 web01 - - - other: x", Some("other")),
        ("<158>Nov 28 14:01:53 web01", None),
        ("<158>", None),
        ("x", None),
    ] {
        assert_eq!(tag_of(line.as_bytes()).map(String::from_utf8_lossy).as_deref(), tag, "{line}");
        assert!(parsed(line.as_bytes()).is_err(), "{line}");
    }
}

/// A relay on another host took nginx's host, which has the name of the tag, for the program.
#[test]
fn host_of_the_sender_may_be_called_like_the_tag() {
    for head in [
        "<158>1 2026-11-28T14:01:53Z vm badge - - - badge: ",
        "<158>1 2026-11-28T14:01:53Z vm badge - - -  badge: ",
        "<158>1 2026-11-28T14:01:53Z vm badge 12 - - badge[12]: ",
        "<158>1 2026-11-28T14:01:53Z badge badge - - - badge: ",
        "<158>Nov 28 14:01:53 vm badge badge: ",
        "<158>Nov 28 14:01:53 badge badge badge[1]: ",
    ] {
        accepts(&format!("{head}{BODY}"), "badge", BODY);
    }
}

/// rsyslog writes it for RFC 5424 with the template `%HOSTNAME% %syslogtag%%msg%`.
#[test]
fn a_tag_that_a_record_follows_directly_is_one() {
    for (head, body) in [
        ("<158>Nov 28 14:01:53 vm badge", BODY),
        ("<158>Nov 28 14:01:53 badge badge[77]", BODY),
        ("<158>2026-11-28T14:01:53Z vm badge", "{\"a\": 1}"),
        ("<158>1 2026-11-28T14:01:53Z vm - - - - badge", BODY),
    ] {
        accepts(&format!("{head}{body}"), "badge", body);
    }
    for (line, tag) in [
        ("<158>Nov 28 14:01:53 vm badger\"2026-11-20\",\"a\"", "badger"),
        ("<158>Nov 28 14:01:53 vm cron: badger\"2026-11-20\",\"a\"", "cron"),
        ("<158>Nov 28 14:01:53 vm time=\"2026-11-20\"", "vm"),
    ] {
        rejects(line.as_bytes(), Reject::Tag);
        assert_eq!(tag_of(line.as_bytes()).map(String::from_utf8_lossy).as_deref(), Some(tag), "{line}");
    }
}

/// A cut body that ends with a quote may be whole: its columns decide.
#[test]
fn a_body_that_may_be_cut_is_known_as_such() {
    let cut = |body: &str| parsed(format!("<158>Nov 28 14:01:53 vm badge: {body}").as_bytes()).unwrap().cut;
    assert!(cut("Last message '\"1795962367.455\",\"a\"' repeated 9 times, suppressed by syslog-ng on vm"));
    assert!(!cut("Last message '\"1795962367.455\",\"ab\"' repeated 9 times, suppressed by syslog-ng on vm"));
    assert!(cut(&format!("message repeated 9 times: [ {:y<798}\"]", "\"a\",\"")));
    assert!(!cut(&format!("message repeated 9 times: [ {:y<797}\"]", "\"a\",\"")));
}

#[test]
fn folded_repeats_are_unfolded() {
    let folded = |body: &str| {
        parsed(format!("<158>Nov 28 14:01:53 web01 badge: {body}").as_bytes())
            .map(|found| (found.times, String::from_utf8_lossy(found.body).into_owned()))
    };
    let times = |times, body: &str| Ok((times, body.to_owned()));
    for (body, expect) in [
        (format!("message repeated 9 times: [ {BODY}]"), times(9, BODY)),
        (format!(" message repeated 1 time: [{BODY}]"), times(1, BODY)),
        (format!("message repeated 1000000 times: [ {BODY}]"), times(1_000_000, BODY)),
        (format!("Last message '{BODY}' repeated 9 times, suppressed by syslog-ng on vm"), times(9, BODY)),
        (
            "Last message ' 2026-11-20,it's' repeated 2 times, suppressed by syslog-ng on vm".to_owned(),
            times(2, "2026-11-20,it's"),
        ),
        (
            "Last message '\"2026-11-20\",\"a/b_c\"' repeated 2 times, suppressed by syslog-ng on vm"
                .to_owned(),
            times(2, "\"2026-11-20\",\"a/b_c\""),
        ),
        // A body that looks like a repeat.
        ("\"message repeated 9 times: [ x]\"".to_owned(), times(1, "\"message repeated 9 times: [ x]\"")),
        ("message repeated".to_owned(), times(1, "message repeated")),
    ] {
        assert_eq!(folded(&body), expect, "{body}");
    }
    for body in [
        format!("message repeated 1000001 times: [ {BODY}]"),
        format!("message repeated 999999999 times: [ {BODY}]"),
        format!("message repeated 99999999999999999999 times: [ {BODY}]"),
        format!("message repeated 0 times: [ {BODY}]"),
        format!("message repeated 9 times: [ {BODY}"),
        "message repeated 9 times".to_owned(),
        "last message repeated 9 times".to_owned(),
        "last message repeated 1 time".to_owned(),
        "last message buffered 9 times".to_owned(),
        "--- last message repeated 9 times ---".to_owned(),
        // Cut where syslog-ng cuts it.
        "Last message '\"2026-11-20\",\"a%252F' repeated 9 times, suppressed by syslog-ng on vm".to_owned(),
        "Last message '2026-11-20,abcdefghi' repeated 9 times, suppressed by syslog-ng on vm".to_owned(),
        "Last message '' repeated 9 times, suppressed by syslog-ng on vm".to_owned(),
        // Where rsyslog cuts it.
        format!("message repeated 9 times: [ {:y<799}]", "\"1795962367.455\",\"a\",\"Mozilla/5.0 "),
    ] {
        assert_eq!(folded(&body), Err(Reject::Repeated), "{body}");
    }
    for line in [
        "<158>Nov 28 14:01:53 web01 last message repeated 9 times",
        "<158>Nov 28 14:01:53 last message repeated 9 times",
        "<158>Nov 28 14:01:53 web01 syslogd: last message repeated 9 times",
        "<158>1 - web01 - - - - last message repeated 9 times",
        "<158>Nov 28 14:01:53 web01 badge last message repeated 9 times",
        "<158>Nov 28 14:01:53 web01 --- last message repeated 1 time ---",
        // syslog-ng with `flags(no-parse)`.
        "Last message '<158>Nov 29 14:01:53' repeated 9 times, suppressed by syslog-ng on vm",
    ] {
        rejects(line.as_bytes(), Reject::Repeated);
    }
    rejects(b"<158>Nov 28 14:01:53 web01 cron: last message repeated 9 times", Reject::Tag);
    // A relay took nginx's host for the tag, so the tag is in what was repeated.
    for head in [
        "<158>2026-11-28T14:01:53Z vm web01 message repeated 9 times: [ badge: ",
        "<158>Nov 28 14:01:53 vm web01: message repeated 9 times: [ badge[12]: ",
        "<158>Nov 28 14:01:53 web01 web01 message repeated 9 times: [ web01 badge ",
        "<158>2026-11-28T14:01:53Z vm 1 message repeated 9 times: [ 2026-11-28T14:01:53Z web01 badge - - - ",
    ] {
        let line = format!("{head}{BODY}]");
        let found = parsed(line.as_bytes()).map(|found| (found.times, found.body));
        assert_eq!(found, Ok((9, BODY.as_bytes())), "{line}");
    }
    let twice = format!(
        "<158>Nov 28 14:01:53 vm web01 message repeated 9 times: [ badge: message repeated 3 times: [ {BODY}]]"
    );
    assert_eq!(parsed(twice.as_bytes()).map(|found| found.times), Ok(27));
    let absurd = twice.replace("9 times", "999999 times");
    rejects(absurd.as_bytes(), Reject::Repeated);
    rejects(b"<158>Nov 28 14:01:53 vm web01 message repeated 9 times: [ cron: x]", Reject::Tag);
    let bare = format!("<158>Nov 28 14:01:53 web01 badge message repeated 9 times: [ {BODY}]");
    assert_eq!(parsed(bare.as_bytes()).map(|found| (found.times, found.body)), Ok((9, BODY.as_bytes())));
}

#[test]
fn datagram_without_newline_is_one_line() {
    for (datagram, line, rest) in [
        (&b"abc"[..], &b"abc"[..], &b""[..]),
        (b"abc\n", b"abc", b""),
        (b"abc\r\n\0", b"abc", b""),
        (b"abc\n\0", b"abc", b""),
        (b"abc\n\r\n", b"abc", b""),
        (b"abc\ndef\r\n", b"abc", b"def"),
        (b"\ndef", b"", b"def"),
        (b"", b"", b""),
    ] {
        assert_eq!(first_line(datagram), (line, rest), "{datagram:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parsed(&bytes);
        let _ = tag_of(&bytes);
        let mut framed = b"<158>Nov 20 03:59:49 ".to_vec();
        framed.extend(&bytes);
        let _ = parsed(&framed);
        let mut framed = b"<158>1 ".to_vec();
        framed.extend(&bytes);
        let _ = parsed(&framed);
    }

    /// The general parser agrees with our own on nginx's format.
    #[test]
    fn own_path_agrees_with_syslog_loose(
        pri in 0u8..192, day in 1u32..29, hour in 0u32..24, minute in 0u32..60, host in "[a-z][a-z0-9.-]{0,20}",
        with_host in any::<bool>(), tag in "[A-Za-z_][0-9A-Za-z_]{0,31}", pid in prop::option::of(0u32..100_000),
        body in "\"[ -~]{0,60}",
    ) {
        let host = if with_host { format!("{host} ") } else { String::new() };
        let pid = pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
        let line = format!("<{pri}>Nov {day:>2} {hour:02}:{minute:02}:07 {host}{tag}{pid}: {body}");
        let routes = routes(&[&tag]);
        let ours = parse(line.as_bytes(), &routes).unwrap();
        let theirs = syslog_loose::parse_message_with_year_exact_tz(&line, |_| 2026, Some(chrono::Utc), Variant::RFC3164).unwrap();
        // syslog_loose drops trailing spaces.
        prop_assert_eq!(std::str::from_utf8(ours.body).unwrap().trim_end(), theirs.msg);
        let their_tag = theirs.appname.or(theirs.hostname).unwrap();
        prop_assert_eq!(std::str::from_utf8(ours.tag).unwrap(), their_tag);
        prop_assert_eq!(ours.tag, tag.as_bytes());
        prop_assert_eq!(Some(ours.facility * 8 + ours.severity), theirs.facility.zip(theirs.severity).map(|(f, s)| f as u8 * 8 + s as u8));
    }

    #[test]
    fn own_path_agrees_with_syslog_loose_on_rfc5424(
        pri in 0u8..192, host in "[a-z]{1,9}", tag in "[A-Za-z_]{1,32}", value in "[a-z0-9 ]{0,9}", body in "[!-~][ -~]{0,40}",
    ) {
        // A relay repeats the tag before the body, and ours takes it off there.
        prop_assume!(host != tag && !body.starts_with(&tag));
        let line = format!("<{pri}>1 2026-11-20T03:59:49Z {host} {tag} 7 ID [x@1 k=\"{value}\"] {body}");
        let routes = routes(&[&tag]);
        let ours = parse(line.as_bytes(), &routes).unwrap();
        let theirs = syslog_loose::parse_message_with_year_exact_tz(&line, |_| 2026, Some(chrono::Utc), Variant::RFC5424).unwrap();
        // syslog_loose drops trailing spaces.
        prop_assert_eq!(std::str::from_utf8(ours.body).unwrap().trim_end(), theirs.msg);
        prop_assert_eq!(Some(std::str::from_utf8(ours.tag).unwrap()), theirs.appname);
    }
}

#[test]
fn lines_of_files_have_no_priority() {
    let body = r#""2026-11-20","a%2Fb""#;
    for head in [
        "Nov 20 12:00:00 vm badge: ",
        "Nov  5 12:00:00 vm badge[12]: ",
        "Nov 20 12:00:00 vm local3.info badge: ",
        "Nov 20 12:00:00.123456 vm badge[12]: ",
        "Nov 20 12:00:00 badge: ",
        "2026-11-20T12:00:00.123456+01:00 vm badge: ",
        "2026-11-20T12:00:00Z vm badge: ",
        "2026-11-20T12:00:00+0100 vm badge[7]: ",
        "Fri 2026-11-20 12:00:00 UTC vm badge[7]: ",
    ] {
        let line = format!("{head}{body}");
        let message = parse_logged(line.as_bytes(), &Routes::default()).unwrap().unwrap();
        assert_eq!((message.tag, message.body), (&b"badge"[..], body.as_bytes()), "{line}");
    }
    for other in [
        "",
        "\"2026-11-20\",\"a\"",
        "2026-11-20,a",
        "2026-11-20T12:00:00Z,a",
        "Nov",
        "Nov 20",
        "::1 - - [x] a:",
    ] {
        assert_eq!(parse_logged(other.as_bytes(), &Routes::default()), None, "{other}");
    }
}
