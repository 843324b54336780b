//! From one line of an access log in nginx's and Apache's `combined` format to a hit.
//!
//! The request gives the name: `GET /badge.svg?repo=o/r` as nginx's `$arg_repo` reads it, or `GET /badge/NAME.svg`.
//! Most lines of an access log are no badge, so that is found out first and costs two searches of a byte. A line
//! counts only if all of it has the form of the format: two lines that a full disk glued together are none.

use crate::{
    ClientClass, Dating, Escape, Hit, Now, Reject, Route,
    record::{self, LineValues},
    time::parse_clf_time,
};
use memchr::memchr;

/// How many bytes `[20/Nov/2026:03:59:49 +0000] ` has.
const TIME_BYTES: usize = 29;
/// Parameters looked at, as in the HTTP server.
const MOST_PARAMETERS: usize = 100;

/// Reads lines. Holds the buffers that are used again for every line.
pub struct Reader {
    dating: Dating,
    visits: bool,
    unescaped: Vec<u8>,
    decoded: Vec<u8>,
}

impl Reader {
    /// A reader for live lines, or for lines that keep their own date.
    pub fn new(dating: Dating) -> Reader {
        Reader { dating, visits: false, unescaped: Vec::new(), decoded: Vec::new() }
    }

    /// Tells of each hit what asked, too.
    pub fn with_visits(self, visits: bool) -> Reader {
        Reader { visits, ..self }
    }

    /// Reads one line. The route says which event is counted and which names are taken; its columns are not used.
    pub fn read<'a>(&'a mut self, route: &Route, line: &'a [u8], now: Now) -> Result<Hit<'a>, Reject> {
        let quote = first_quote(line).ok_or(Reject::Quote)?;
        let request = &line[quote + 1..];
        let end = closing_quote(request).ok_or(Reject::Quote)?;
        let (request, rest) = (&request[..end], &request[end + 1..]);
        let (method, name) = badge_of(request).ok_or(Reject::NotABadge)?;
        let time = head_time(&line[..quote])?;
        let (status, agent) = tail_status(rest)?;
        if method != b"GET" {
            return Err(Reject::Method);
        }
        if !matches!(status, b"200" | b"206" | b"304") {
            return Err(Reject::Status);
        }
        let time = parse_clf_time(time).ok_or(Reject::Time)?;
        let line =
            LineValues { event: route.event, weight: 1, date: None, time: Some(time), name, client: None };
        let (when, redated) = line.when(self.dating, now)?;
        let spelling = record::Spelling { escape: Escape::Default, decode: 1, names: route.names };
        let name = record::read_name(spelling, name, &mut self.unescaped, &mut self.decoded)?;
        let client = self.visits.then(|| ClientClass::of(agent));
        Ok(Hit { event: route.event, name, when, weight: 1, redated, status: None, client })
    }
}

/// The quote that opens the request. A user's name stands before it, in which nginx writes `\x22` for a quote and
/// Apache `\"`.
fn first_quote(line: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr(b'"', &line[from..])?;
        if at == 0 || line[at - 1] != b'\\' {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Where a quoted field ends whose opening quote stands before `text`.
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

/// `ADDRESS IDENT USER [TIME] `: answers the time without its brackets.
fn head_time(head: &[u8]) -> Result<&[u8], Reject> {
    let start = head.len().checked_sub(TIME_BYTES).ok_or(Reject::Columns)?;
    let (who, time) = head.split_at(start);
    let &[b'[', .., b']', b' '] = time else { return Err(Reject::Columns) };
    // Three words, of which the last may have blanks in it.
    let mut words = who.strip_suffix(b" ").ok_or(Reject::Columns)?.splitn(3, |&b| b == b' ');
    let full = |word: Option<&[u8]>| word.is_some_and(|word| !word.is_empty());
    if !(full(words.next()) && full(words.next()) && full(words.next())) {
        return Err(Reject::Columns);
    }
    Ok(&time[1..TIME_BYTES - 2])
}

/// ` STATUS BYTES "REFERER" "AGENT"`, then fields that a site has added, quoted or bare. Answers the status and the
/// agent.
fn tail_status(rest: &[u8]) -> Result<(&[u8], &[u8]), Reject> {
    let (&[b' ', ref status @ .., b' '], rest) = rest.split_first_chunk::<5>().ok_or(Reject::Columns)? else {
        return Err(Reject::Columns);
    };
    let bytes = memchr(b' ', rest).ok_or(Reject::Columns)?;
    let (bytes, mut rest) = rest.split_at(bytes);
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits(status) || !(digits(bytes) || bytes == b"-") {
        return Err(Reject::Columns);
    }
    let (mut quoted, mut agent) = (0, &b""[..]);
    while let Some(field) = rest.strip_prefix(b" ") {
        if let Some(text) = field.strip_prefix(b"\"") {
            quoted += 1;
            let end = closing_quote(text).ok_or(Reject::Quote)?;
            if quoted == 2 {
                agent = &text[..end];
            }
            rest = &text[end + 1..];
        } else {
            let end = memchr(b' ', field).unwrap_or(field.len());
            // A bracket is the time of another line.
            if end == 0 || quoted < 2 || field[..end].iter().any(|b| matches!(b, b'[' | b']' | b'"')) {
                return Err(Reject::Columns);
            }
            rest = &field[end..];
        }
    }
    if rest.is_empty() && quoted >= 2 { Ok((status, agent)) } else { Err(Reject::Columns) }
}

/// The method and the name, still encoded, of a request for a badge that counts.
fn badge_of(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', request)?;
    let (method, rest) = (&request[..space], &request[space + 1..]);
    let rest = rest.strip_prefix(b"/badge").or_else(|| absolute(rest)?.strip_prefix(b"/badge"))?;
    let end = memchr(b' ', rest)?;
    let (target, protocol) = (&rest[..end], &rest[end + 1..]);
    if !protocol.starts_with(b"HTTP/") || protocol.len() > 8 {
        return None;
    }
    let (path, query) = match memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    let (mut in_query, mut count) = (None, None);
    for pair in query.split(|&b| b == b'&').take(MOST_PARAMETERS) {
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
    let name = match path {
        b".svg" => in_query.unwrap_or_default(),
        _ => path.strip_prefix(b"/")?.strip_suffix(b".svg")?,
    };
    Some((method, name))
}

/// What follows the host of a request to a proxy: `GET http://host/path`.
fn absolute(target: &[u8]) -> Option<&[u8]> {
    let rest = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))?;
    Some(&rest[memchr(b'/', rest)?..])
}

fn is_no(value: &[u8]) -> bool {
    [&b"false"[..], b"0", b"off", b"no"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests;
