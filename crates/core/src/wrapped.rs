//! Lines of a log that another program has wrapped in its own format: a container runtime, or its tools.
//!
//! Docker's `json-file` (and Fluent Bit, with the same key), the CRI form of Kubernetes, and what `docker compose logs`
//! and `docker logs -t` print. The intake looks for them first, in every format of a file except those that define a
//! line exactly.

use memchr::{memchr, memmem};
use serde::Deserialize;
use std::{borrow::Cow, net::IpAddr};

/// Where the name of the stream is in the CRI form: after a time with nanoseconds and a zone.
const CRI_TIME: std::ops::Range<usize> = 20..36;
/// The length of the time that `docker logs -t` prints, with nanoseconds.
const DOCKER_TIME: usize = 30;
/// The longest name of a service.
const LONGEST_SERVICE: usize = 64;

#[derive(Deserialize)]
struct Docker<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
}

/// The line that was wrapped. What has to be unescaped is written to `text`. `None` if it is a line of its own.
#[must_use]
pub fn unwrap<'a>(line: &'a [u8], text: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    match line.first()? {
        b'{' => docker(line, text),
        first if first.is_ascii_digit() && line.get(4) == Some(&b'-') => cri(line).or_else(|| timed(line)),
        first if first.is_ascii_alphanumeric() => compose(line).map(|line| timed(line).unwrap_or(line)),
        _ => None,
    }
}

fn docker<'a>(line: &[u8], text: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    // Most JSON is an access log. This is cheaper than reading it all.
    memmem::find(line, b"\"log\":")?;
    let Docker { log } = serde_json::from_slice(line).ok()?;
    text.clear();
    text.extend_from_slice(log.trim_end_matches(['\r', '\n']).as_bytes());
    Some(text)
}

/// `2026-11-29T19:00:00.123456789Z stdout F text`. A part of a line, `P`, is left alone, and refused.
fn cri(line: &[u8]) -> Option<&[u8]> {
    let at = memchr(b' ', line).filter(|at| CRI_TIME.contains(at) && line[10] == b'T')?;
    let rest = &line[at + 1..];
    [&b"stdout F "[..], b"stderr F "].iter().find_map(|stream| rest.strip_prefix(*stream))
}

/// `2026-11-29T19:00:00.123456789Z text`, where the text is a record or a line of an access log. A syslog daemon writes such
/// a time too, but then the name of a host.
fn timed(line: &[u8]) -> Option<&[u8]> {
    let (time, rest) = line.split_at_checked(DOCKER_TIME)?;
    let rest =
        rest.strip_prefix(b" ").filter(|_| time[10] == b'T' && time[19] == b'.' && time.ends_with(b"Z"))?;
    let word = rest.split(|&byte| byte == b' ').next()?;
    let is_address = || std::str::from_utf8(word).is_ok_and(|word| word.parse::<IpAddr>().is_ok());
    (matches!(rest.first(), Some(b'"' | b'{')) || is_address()).then_some(rest)
}

/// `web-1  | text`.
fn compose(line: &[u8]) -> Option<&[u8]> {
    let at = memchr(b' ', &line[..line.len().min(LONGEST_SERVICE)])?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let service = &line[..at];
    let rest = line[at..].trim_ascii_start().strip_prefix(b"| ")?;
    service.iter().all(is_name).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_are_taken_out_and_others_left_alone() {
        for (line, expect) in [
            (
                r#"{"log":"\"2026-11-20\",\"a\"\n","stream":"stdout","time":"2026-11-20T03:59:49.1Z"}"#,
                Some(r#""2026-11-20","a""#),
            ),
            (r#"{"date":1.5,"stream":"stdout","log": "x"}"#, Some("x")),
            (r#"{"log":{"level":"info"},"uri":"/"}"#, None),
            (r#"{"uri":"/badge.svg"}"#, None),
            (r#"2026-11-20T03:59:49.123456789Z stdout F "2026-11-20","a""#, Some(r#""2026-11-20","a""#)),
            ("2026-11-20T03:59:49.123456789+01:00 stderr F x", Some("x")),
            ("2026-11-20T03:59:49.123456789Z stdout P x", None),
            ("2026-11-20T03:59:49+00:00 vm badge: x", None),
            (r#"web-1  | "2026-11-20","a""#, Some(r#""2026-11-20","a""#)),
            (r#"2026-11-20T03:59:49.123456789Z "2026-11-20","a""#, Some(r#""2026-11-20","a""#)),
            ("2026-11-20T03:59:49.123456789Z 2001:db8::1 - - [", Some("2001:db8::1 - - [")),
            ("web-1  | 2026-11-20T03:59:49.123456789Z 192.0.2.1 - - [", Some("192.0.2.1 - - [")),
            ("2026-11-20T03:59:49.123456789Z vm badge: x", None),
            ("2026-11-20T03:59:49.123456789Z", None),
            ("nginx | 192.0.2.1 - - [", Some("192.0.2.1 - - [")),
            ("192.0.2.1 - - [20/Nov/2026:03:59:49 +0000] |", None),
            (r#""2026-11-20","a | b""#, None),
            ("", None),
        ] {
            let mut text = Vec::new();
            let found =
                unwrap(line.as_bytes(), &mut text).map(|text| String::from_utf8_lossy(text).into_owned());
            assert_eq!(found.as_deref(), expect, "{line}");
        }
    }
}
