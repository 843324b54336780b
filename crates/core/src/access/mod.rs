//! From one line of a web server's access log to a hit.
//!
//! A line is in nginx's and Apache's `combined` format or a relative of it (`columns`), a JSON object (`json`), or in
//! the form that a format string describes ([`Pattern`]). The request gives the name: `GET /badge.svg?repo=o/r` as
//! nginx's `$arg_repo` reads it, or `GET /badge/NAME.svg`. Most lines of an access log are not badge requests, so that
//! is checked first. The intake calls this for `format = "combined"` and for sources with a format string.

mod columns;
mod json;
mod pattern;
mod statement;

pub use pattern::{BadPattern, Pattern};

use crate::{
    ClientClass, Dating, Escape, Hit, Now, Reject, Requester, Route, opts_out, parse_address,
    record::{self, LineValues},
    time::{parse_clf_time, parse_time},
};
use memchr::memchr;
use std::net::IpAddr;

/// The number of parameters that are read, as in the HTTP server.
const MOST_PARAMETERS: usize = 100;

/// Reads lines. Holds the buffers that are reused for every line.
pub struct AccessReader {
    dating: Dating,
    visits: bool,
    unescaped: Vec<u8>,
    decoded: Vec<u8>,
    /// The name and the user agent from JSON strings, which may contain JSON escapes.
    raw: Vec<u8>,
    agent: Vec<u8>,
}

/// What a line says about its request. Fields that the format lacks are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LoggedRequest<'a> {
    /// `GET /path HTTP/1.1`.
    request: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
    /// The path as it was sent, with the query or without.
    target: Option<&'a [u8]>,
    /// The path with its escapes decoded, as nginx's `$uri` has it.
    path: Option<&'a [u8]>,
    query: Option<&'a [u8]>,
    /// The name itself, as `$arg_repo` has it.
    name: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    agent: Option<&'a [u8]>,
    /// Words, of which one of the first two is the address.
    address: Option<&'a [u8]>,
    /// `Sec-GPC`.
    gpc: Option<&'a [u8]>,
    /// `DNT`.
    dnt: Option<&'a [u8]>,
}

/// What a line says besides the name: when, which client, from where, and whether it opts out.
type Facts = (Option<i64>, Option<ClientClass>, Option<IpAddr>, bool);

/// What a field of a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Request,
    Method,
    Target,
    /// [`LoggedRequest::path`]; in JSON without a query of its own, all of the target.
    Path,
    Query,
    Name,
    Status,
    Time,
    Agent,
    Address,
    Gpc,
    Dnt,
    /// nginx's `$time_local` and Apache's `%t`, which contain a space.
    LocalTime,
    /// nginx's `$is_args`: a question mark if there is a query.
    QuestionMark,
    Other,
}

impl AccessReader {
    /// A reader for live lines, or for lines that keep their own date.
    #[must_use]
    pub fn new(dating: Dating) -> AccessReader {
        let empty = Vec::new;
        AccessReader {
            dating,
            visits: false,
            unescaped: empty(),
            decoded: empty(),
            raw: empty(),
            agent: empty(),
        }
    }

    /// Also records the client of each hit.
    #[must_use]
    pub fn with_visits(self, visits: bool) -> AccessReader {
        AccessReader { visits, ..self }
    }

    /// Reads one line. The route says which event is counted and which names are accepted; its columns are not used.
    /// Requests may begin with `base`, the path of the base URL, or not, because a proxy may remove it. Without a
    /// pattern the line is JSON if it begins with a brace, else in columns.
    ///
    /// # Errors
    ///
    /// Why the line does not count.
    pub fn read<'a>(
        &'a mut self,
        pattern: Option<&Pattern>,
        (route, base): (&Route, &str),
        line: &'a [u8],
        now: Now,
    ) -> Result<Hit<'a>, Reject> {
        let ((name, decode), escape, facts, user_agent) = match pattern {
            Some(pattern) => {
                let entry = pattern.read(line)?;
                (entry.badge(base)?, Some(pattern.escape()), self.facts(&entry)?, entry.agent)
            }
            None if line.first() == Some(&b'{') => {
                let texts = json::read(line)?;
                let entry = texts.entry();
                let ((name, decode), facts) = (entry.badge(base)?, self.facts(&entry)?);
                self.raw.clear();
                self.raw.extend_from_slice(name);
                self.agent.clear();
                self.agent.extend_from_slice(entry.agent.unwrap_or_default());
                let user_agent = entry.agent.map(|_| &self.agent[..]);
                ((&self.raw[..], decode), None, facts, user_agent)
            }
            None => {
                let (entry, rest) = columns::request(line)?;
                // This comes first, because most lines end here.
                let name = entry.badge(base)?;
                let entry = columns::tail(entry, rest)?;
                (name, Some(Escape::Default), self.facts(&entry)?, entry.agent)
            }
        };
        let (time, client, address, opts_out) = facts;
        let line = LineValues { time, name, ..LineValues::of(route.event) };
        let (when, redated) = line.when(self.dating, now)?;
        let spelling = record::Spelling { escape, decode, names: route.names };
        let name = record::read_name(spelling, name, &mut self.unescaped, &mut self.decoded)?;
        let requester = Requester { address, user_agent, opts_out };
        Ok(Hit { redated, client, requester, ..Hit::one(route.event, name, when) })
    }

    /// Whether a picture was shown; if so, when and to whom.
    fn facts(&self, entry: &LoggedRequest<'_>) -> Result<Facts, Reject> {
        if entry.method().is_some_and(|method| method != b"GET") {
            return Err(Reject::Method);
        }
        if entry.status.is_some_and(|status| !matches!(status, b"200" | b"206" | b"304")) {
            return Err(Reject::Status);
        }
        let time = entry.time.map(|time| time_of(time).ok_or(Reject::Time)).transpose()?;
        let client = self.visits.then(|| ClientClass::of(entry.agent.unwrap_or_default()));
        let words = entry.address.unwrap_or_default().split(|&b| b == b' ');
        let opts_out = opts_out(entry.gpc, entry.dnt);
        Ok((time, client, words.take(2).find_map(parse_address), opts_out))
    }
}

/// Whether a line that begins with a time is one of an access log as a whole, so that the time is no syslog header in front
/// of it: only then may the next words name a sender and its tag.
#[must_use]
pub fn begins_with_its_time(pattern: Option<&Pattern>, line: &[u8]) -> bool {
    let is_word = |value: &[u8]| memchr(b' ', value).is_none();
    match pattern {
        Some(pattern) => {
            let is_time = |time: &[u8]| time_of(time).is_some();
            pattern.read(line).is_ok_and(|entry| {
                pattern.first(line).is_some_and(is_word)
                    && entry.time.is_none_or(is_time)
                    && entry.address.is_none_or(is_word)
            })
        }
        None => columns::request(line).is_ok_and(|(entry, _)| {
            let mut words = entry.address.unwrap_or_default().split(|&byte| byte == b' ').skip(1);
            words.next().and_then(parse_address).is_some() && words.next() == Some(b"-")
        }),
    }
}

/// Any time format that logs use: `20/Nov/2026:03:59:49 +0000`, ISO 8601, or seconds since 1970 with any fraction.
fn time_of(text: &[u8]) -> Option<i64> {
    match text.get(2) {
        Some(b'/') => parse_clf_time(text),
        _ if text.get(4) == Some(&b'-') => parse_time(text),
        _ => seconds(text),
    }
}

/// Seconds as Caddy and Apache write them, or milliseconds.
fn seconds(text: &[u8]) -> Option<i64> {
    const SECONDS_DIGITS: usize = 10;
    let (whole, fraction) = match memchr(b'.', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    if whole.is_empty() || whole.len() > SECONDS_DIGITS + 3 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let number = whole.iter().fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
    if whole.len() > SECONDS_DIGITS {
        return Some(number);
    }
    let thousandths = (0..3).fold(0, |n, at| n * 10 + i64::from(fraction.get(at).map_or(0, |b| b - b'0')));
    Some(number * 1000 + thousandths)
}

impl<'a> LoggedRequest<'a> {
    /// Where this fact is stored.
    fn place(&mut self, fact: Fact) -> Option<&mut Option<&'a [u8]>> {
        Some(match fact {
            Fact::Request => &mut self.request,
            Fact::Method => &mut self.method,
            Fact::Target => &mut self.target,
            Fact::Path => &mut self.path,
            Fact::Query => &mut self.query,
            Fact::Name => &mut self.name,
            Fact::Status => &mut self.status,
            Fact::Time | Fact::LocalTime => &mut self.time,
            Fact::Agent => &mut self.agent,
            Fact::Address => &mut self.address,
            Fact::Gpc => &mut self.gpc,
            Fact::Dnt => &mut self.dnt,
            Fact::QuestionMark | Fact::Other => return None,
        })
    }

    fn method(&self) -> Option<&'a [u8]> {
        self.method.or_else(|| Some(split_request(self.request?)?.0))
    }

    /// The name in a request for a badge that counts, and how often to decode it. The path as sent takes precedence
    /// over the decoded one, which a rewrite may have changed.
    fn badge(&self, base: &str) -> Result<(&'a [u8], u8), Reject> {
        let sent = self.request.and_then(split_request).map(|(_, target)| target).or(self.target);
        let (badge, decode) = match (sent, self.path) {
            (Some(target), _) => (badge_of(target, self.query, base), 1),
            (None, Some(path)) => {
                let badge = badge_of(path, self.query, base);
                let decode = badge.as_ref().map_or(0, |badge| u8::from(badge.in_query));
                (badge, decode)
            }
            (None, None) if self.request.is_none() => {
                return self.name.map(|name| (name, 1)).ok_or(Reject::NoRequest);
            }
            (None, None) => (None, 0),
        };
        let badge = badge.ok_or(Reject::NotABadge)?;
        // The path alone does not say it. nginx writes an absent parameter as a hyphen.
        let apart = self.name.filter(|name| badge.in_query && badge.name.is_empty() && *name != b"-");
        Ok(apart.map_or((badge.name, decode), |name| (name, 1)))
    }
}

/// The method and the target of `GET /path HTTP/1.1`.
fn split_request(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', request)?;
    let (method, rest) = (&request[..space], &request[space + 1..]);
    let end = memchr(b' ', rest)?;
    let protocol = &rest[end + 1..];
    (protocol.starts_with(b"HTTP/") && protocol.len() <= 8).then_some((method, &rest[..end]))
}

/// A name as it is written in a request, and where.
struct BadgeName<'a> {
    name: &'a [u8],
    in_query: bool,
}

/// The badge in the target of a request; `None` if it is not a badge, or one that is not counted.
fn badge_of<'a>(target: &'a [u8], query: Option<&'a [u8]>, base: &str) -> Option<BadgeName<'a>> {
    let path = if target.starts_with(b"/") { target } else { absolute(target)? };
    let target = path
        .strip_prefix(b"/badge")
        .or_else(|| path.strip_prefix(base.as_bytes())?.strip_prefix(b"/badge"))?;
    let (path, query) = match memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, query.unwrap_or_default()),
    };
    let (mut in_query, mut count) = (None, None);
    for pair in query.strip_prefix(b"?").unwrap_or(query).split(|&b| b == b'&').take(MOST_PARAMETERS) {
        let (key, value) = match memchr(b'=', pair) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &b""[..]),
        };
        let parameter = match key.len() {
            4 if key.eq_ignore_ascii_case(b"repo") => &mut in_query,
            5 if key.eq_ignore_ascii_case(b"count") => &mut count,
            _ => continue,
        };
        // nginx takes the first of several.
        parameter.get_or_insert(value);
    }
    if count.is_some_and(is_no) {
        return None;
    }
    // An absent parameter is a badge without a name, which is refused as such.
    Some(match path {
        b".svg" | b".png" => BadgeName { name: in_query.unwrap_or_default(), in_query: true },
        _ => {
            let named = path.strip_prefix(b"/")?;
            let name = named.strip_suffix(b".svg").or_else(|| named.strip_suffix(b".png"))?;
            BadgeName { name, in_query: false }
        }
    })
}

/// What follows the host of a request to a proxy: `GET http://host/path`.
fn absolute(target: &[u8]) -> Option<&[u8]> {
    let rest = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))?;
    Some(&rest[memchr(b'/', rest)?..])
}

/// Whether the value of `count` asks not to count.
pub(crate) fn is_no(value: &[u8]) -> bool {
    [&b"false"[..], b"0", b"off", b"no"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

/// Where a quoted field ends, if its opening quote is just before `text`.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr(b'"', &text[from..])?;
        let backslashes = text[..at].iter().rev().take_while(|&&b| b == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests;
