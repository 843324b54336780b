//! From one datagram or line to the message in it: priority, tag and body.
//!
//! The forms that arrive all day have a path of their own here: RFC 3164 as nginx writes it (`<158>Nov  5 03:59:49
//! host badge: BODY`, with or without host and pid, with the host doubled by a relay), and RFC 5424. A header with
//! another timestamp goes to `syslog_loose`, the general parser, which is also the oracle of this path in the tests.
//! Every source calls [`parse`]; which tags are wanted is [`crate::Routes`]' business.

use crate::Reject;
use syslog_loose::Variant;

/// The parts of a syslog message that routing and counting look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// 0 to 23. local3 is 19.
    pub facility: u8,
    /// 0 to 7. info is 6.
    pub severity: u8,
    /// The tag (RFC 3164) or APP-NAME (RFC 5424), without a pid.
    pub tag: &'a [u8],
    /// What the sender logged.
    pub body: &'a [u8],
}

/// How many words may stand before the tag's colon: a host, a host doubled by a relay, and one to spare.
const TAG_WITHIN: usize = 4;

/// The first line of a datagram, and whether anything follows it. One datagram is one line: what follows the first
/// LF is never joined to it, nor to the next datagram. CR and NUL at the end of the line go too.
pub fn first_line(datagram: &[u8]) -> (&[u8], bool) {
    let (line, rest) = match memchr::memchr(b'\n', datagram) {
        Some(at) => (&datagram[..at], &datagram[at + 1..]),
        None => (datagram, &b""[..]),
    };
    (trim_end(line), !trim_end(rest).is_empty())
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| !matches!(b, b'\r' | b'\n' | 0)).map_or(0, |at| at + 1);
    &line[..end]
}

/// Finds the message in one line.
pub fn parse(line: &[u8]) -> Result<Message<'_>, Reject> {
    if line.is_empty() {
        return Err(Reject::Empty);
    }
    let (priority, rest) = priority(line).ok_or(Reject::Pri)?;
    let (facility, severity) = (priority / 8, priority % 8);
    if let [b'1'..=b'9', b' ', fields @ ..] = rest {
        let version = rest[0];
        return if version == b'1' { rfc5424(facility, severity, fields) } else { Err(Reject::Rfc5424) };
    }
    match skip_bsd_time(rest) {
        Some(rest) => {
            let (tag, body) = find_tag(rest).ok_or(Reject::Tag)?;
            Ok(Message { facility, severity, tag, body })
        }
        None => general(facility, severity, line, rest),
    }
}

/// `<PRI>`, 0 to 191 in at most three digits.
fn priority(line: &[u8]) -> Option<(u8, &[u8])> {
    let rest = line.strip_prefix(b"<")?;
    let mut value = 0u16;
    for (at, &b) in rest.iter().take(4).enumerate() {
        match b {
            b'0'..=b'9' if at < 3 => value = value * 10 + u16::from(b - b'0'),
            b'>' if at > 0 && value <= 191 => return Some((value as u8, &rest[at + 1..])),
            _ => return None,
        }
    }
    None
}

/// Skips `Mmm dd hh:mm:ss `, whose day may be padded with a space, with a zero, or not at all. What it says is not
/// used: it has no year and no zone (reliability.md 0).
fn skip_bsd_time(text: &[u8]) -> Option<&[u8]> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let digit = |b: u8| b.is_ascii_digit();
    let (month, rest) = text.split_at_checked(3)?;
    if !MONTHS.chunks_exact(3).any(|known| known == month) {
        return None;
    }
    let rest = match *rest {
        [b' ', b' ', d, b' ', ..] if digit(d) => &rest[4..],
        [b' ', d1, d2, b' ', ..] if digit(d1) && digit(d2) => &rest[4..],
        [b' ', d, b' ', ..] if digit(d) => &rest[3..],
        _ => return None,
    };
    match *rest {
        [h1, h2, b':', m1, m2, b':', s1, s2, b' ', ..] if [h1, h2, m1, m2, s1, s2].into_iter().all(digit) => {
            Some(&rest[9..])
        }
        _ => None,
    }
}

/// Whether a header is `<PRI>` and the time that nginx writes. What such a header means is in its own bytes alone,
/// whatever comes behind it.
pub(crate) fn is_bsd_header(header: &[u8]) -> bool {
    priority(header).is_some_and(|(_, rest)| skip_bsd_time(rest).is_some())
}

/// The first of the first four words that ends with a colon is the tag; a `[pid]` before the colon is dropped.
fn find_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    for _ in 0..TAG_WITHIN {
        let end = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.strip_prefix(b" ").unwrap_or(after);
        if let Some(tag) = word.strip_suffix(b":") {
            return Some((without_pid(tag), after));
        }
        rest = after;
    }
    None
}

fn without_pid(tag: &[u8]) -> &[u8] {
    let Some(open) = tag.iter().position(|&b| b == b'[') else { return tag };
    let pid = tag[open + 1..].strip_suffix(b"]");
    if pid.is_some_and(|pid| pid.iter().all(u8::is_ascii_digit)) { &tag[..open] } else { tag }
}

/// RFC 5424 section 6 after the version: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD [MSG].
fn rfc5424(facility: u8, severity: u8, fields: &[u8]) -> Result<Message<'_>, Reject> {
    let mut rest = fields;
    let mut word = || -> Result<&[u8], Reject> {
        let end = rest.iter().position(|&b| b == b' ').filter(|&end| end > 0).ok_or(Reject::Rfc5424)?;
        let (word, after) = rest.split_at(end);
        rest = &after[1..];
        Ok(word)
    };
    let (_timestamp, host, app, _pid, _id) = (word()?, word()?, word()?, word()?, word()?);
    let message = skip_structured_data(rest).ok_or(Reject::Rfc5424)?;
    let body = message.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(message);
    // A relay that took nginx's host for the program name (syslog-ng's unix-dgram source does) leaves the real tag in
    // the message.
    if app == host || app == b"-" {
        let (tag, body) = find_tag(body).ok_or(Reject::Tag)?;
        return Ok(Message { facility, severity, tag, body });
    }
    Ok(Message { facility, severity, tag: app, body })
}

/// Skips `-` or `[id name="value" ...]...` and the space after it (RFC 5424 6.3). `None` if it is malformed.
fn skip_structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = match text {
        [b'-', rest @ ..] => rest,
        [b'[', ..] => text,
        _ => return None,
    };
    while let Some(element) = rest.strip_prefix(b"[") {
        rest = skip_element(element)?;
    }
    match rest {
        [] => Some(rest),
        [b' ', message @ ..] => Some(message),
        _ => None,
    }
}

fn skip_element(text: &[u8]) -> Option<&[u8]> {
    let name = |b: &u8| !matches!(b, 0..=b' ' | b'"' | b'=' | b']' | 0x7F..);
    let id = text.iter().take_while(|b| name(b)).count();
    let mut rest = &text[id..];
    if id == 0 {
        return None;
    }
    loop {
        rest = match rest {
            [b']', after @ ..] => return Some(after),
            [b' ', param @ ..] => {
                let length = param.iter().take_while(|b| name(b)).count();
                let value = param[length..].strip_prefix(b"=\"").filter(|_| length > 0)?;
                skip_value(value)?
            }
            _ => return None,
        };
    }
}

/// Skips a parameter's value and its closing quote. `"` and `]` stand in it only behind a backslash.
fn skip_value(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => return Some(&text[at + 1..]),
            b']' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Headers of other makes: ISO timestamps (rsyslog's forward format) or a year, which `syslog_loose` knows, and no
/// timestamp at all, which it does not.
fn general<'a>(facility: u8, severity: u8, line: &'a [u8], rest: &'a [u8]) -> Result<Message<'a>, Reject> {
    let text = std::str::from_utf8(line).map_err(|_| Reject::Tag)?;
    // The year and zone only fill in a timestamp that nobody reads.
    let (tag, body) = match syslog_loose::parse_message_with_year_exact_tz(
        text,
        |_| 2000,
        Some(chrono::Utc),
        Variant::RFC3164,
    ) {
        Ok(message) => {
            // Without a host in the line, syslog_loose takes the tag for the host.
            let tag = message.appname.or(message.hostname).ok_or(Reject::Tag)?;
            (without_pid(tag.strip_suffix(':').unwrap_or(tag).as_bytes()), message.msg.as_bytes())
        }
        Err(_) => find_tag(rest).ok_or(Reject::Tag)?,
    };
    Ok(Message { facility, severity, tag, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = r#""2026-11-20","a%2Fb""#;

    #[track_caller]
    fn accepts(line: &str, tag: &str, body: &str) {
        let message = parse(line.as_bytes()).unwrap_or_else(|reject| panic!("{line}: {reject}"));
        assert_eq!(std::str::from_utf8(message.tag).unwrap(), tag, "{line}");
        assert_eq!(std::str::from_utf8(message.body).unwrap(), body, "{line}");
    }

    #[track_caller]
    fn rejects(line: &[u8], reject: Reject) {
        assert_eq!(parse(line), Err(reject), "{}", String::from_utf8_lossy(line));
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
        let message = parse(b"<158>Nov 20 03:59:49 vm badge: x").unwrap();
        assert_eq!((message.facility, message.severity), (19, 6));
    }

    #[test]
    fn other_headers_go_to_the_general_parser() {
        for head in [
            "<158>2026-11-20T03:59:49.123456+00:00 vm badge: ",
            "<158>2026-11-20T03:59:49Z vm badge[7]: ",
            "<158>badge: ",
            "<158>vm badge: ",
        ] {
            accepts(&format!("{head}{BODY}"), "badge", BODY);
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
        accepts("<158>Nov 20 03:59:49 other: badge: x", "other", "badge: x");
        accepts("<158>Nov 20 03:59:49 vm badge: a badge: \"x\"", "badge", "a badge: \"x\"");
        accepts("<158>Nov 20 03:59:49 vm badge:  x ", "badge", " x ");
        accepts("<158>Nov 20 03:59:49 vm badge:", "badge", "");
        accepts("<158>Nov 20 03:59:49 vm badge[x]: y", "badge[x]", "y");
    }

    #[test]
    fn rfc5424_is_read() {
        for head in [
            "<158>1 2026-11-20T03:59:49Z vm badge - - - ",
            "<158>1 - - badge - - - ",
            "<158>1 2026-11-20T03:59:49Z vm badge 12 ID [a@1 b=\"c\"] ",
            "<158>1 2026-11-20T03:59:49Z vm badge - - [a b=\"x\\]y\\\"z\\\\\"][c d=\"\"] ",
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
            "<158>1 - - badge - - [a b=\"c]\"] x",
            "<158>1 - - badge - - [a b=\"c\\",
            "<158>1 - - badge - - [a =\"c\"] x",
            "<158>1  - badge - - - x",
        ] {
            rejects(bad.as_bytes(), Reject::Rfc5424);
        }
    }

    #[test]
    fn datagram_without_newline_is_one_line() {
        assert_eq!(first_line(b"abc"), (&b"abc"[..], false));
        assert_eq!(first_line(b"abc\n"), (&b"abc"[..], false));
        assert_eq!(first_line(b"abc\r\n\0"), (&b"abc"[..], false));
        assert_eq!(first_line(b"abc\ndef"), (&b"abc"[..], true));
        assert_eq!(first_line(b"\ndef"), (&b""[..], true));
        assert_eq!(first_line(b""), (&b""[..], false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            let mut framed = b"<158>Nov 20 03:59:49 ".to_vec();
            framed.extend(&bytes);
            let _ = parse(&framed);
            let mut framed = b"<158>1 ".to_vec();
            framed.extend(&bytes);
            let _ = parse(&framed);
        }

        /// The general parser agrees with the path of our own wherever nginx's form is concerned.
        #[test]
        fn own_path_agrees_with_syslog_loose(
            pri in 0u8..192, day in 1u32..29, hour in 0u32..24, minute in 0u32..60, host in "[a-z][a-z0-9.-]{0,20}",
            with_host in any::<bool>(), tag in "[A-Za-z_][0-9A-Za-z_]{0,31}", pid in prop::option::of(0u32..100_000),
            body in "\"[ -~]{0,60}",
        ) {
            let host = if with_host { format!("{host} ") } else { String::new() };
            let pid = pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
            let line = format!("<{pri}>Nov {day:>2} {hour:02}:{minute:02}:07 {host}{tag}{pid}: {body}");
            let ours = parse(line.as_bytes()).unwrap();
            let theirs = syslog_loose::parse_message_with_year_exact_tz(&line, |_| 2026, Some(chrono::Utc), Variant::RFC3164).unwrap();
            // syslog_loose drops blanks at the end.
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
            prop_assume!(host != tag);
            let line = format!("<{pri}>1 2026-11-20T03:59:49Z {host} {tag} 7 ID [x@1 k=\"{value}\"] {body}");
            let ours = parse(line.as_bytes()).unwrap();
            let theirs = syslog_loose::parse_message_with_year_exact_tz(&line, |_| 2026, Some(chrono::Utc), Variant::RFC5424).unwrap();
            // syslog_loose drops blanks at the end.
            prop_assert_eq!(std::str::from_utf8(ours.body).unwrap().trim_end(), theirs.msg);
            prop_assert_eq!(Some(std::str::from_utf8(ours.tag).unwrap()), theirs.appname);
        }
    }
}
