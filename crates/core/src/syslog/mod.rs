//! From one datagram or line to the message in it: priority, tag and body.
//!
//! Senders and relays write headers in many forms, but all of them put a tag in front of the body, and the routes say
//! which tags there are. So the tag is searched among the first few words of the header (`tag`), after any time
//! (`time`) and priority, in RFC 3164, in RFC 5424, and in one nested in the other. If a relay folded repeats of a
//! message, the body is the repeated content (`repeat`). `syslog_loose` is the oracle in the tests. Every source calls
//! [`parse`]; [`crate::record`] reads the body by the route's columns.

mod journal;
mod priority;
mod repeat;
mod tag;
mod time;

use crate::{Reject, Routes, record::MAX_WEIGHT};
pub use priority::{FACILITIES, Priority, SEVERITIES};

/// The parts of a syslog message that routing and counting look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// 0 to 23. local3 is 19.
    pub facility: u8,
    /// 0 to 7. info is 6.
    pub severity: u8,
    /// The tag (RFC 3164) or APP-NAME (RFC 5424) as in the line, without a pid.
    pub tag: &'a [u8],
    /// What the sender logged.
    pub body: &'a [u8],
    /// How often the sender logged it: more than once where a relay folded repeats into one line.
    pub times: u32,
    /// The relay that folded it may have cut off its end.
    pub cut: bool,
}

impl Message<'_> {
    /// Why its body is refused, given what is wrong with its text.
    #[must_use]
    pub fn refused(&self, reject: Reject) -> Reject {
        match reject {
            Reject::Quote | Reject::Columns if self.cut => Reject::Repeated,
            reject => reject,
        }
    }
}

/// Why a line has no message for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Missed<'a> {
    reject: Reject,
    /// The word in the place of a tag.
    tag: Option<&'a [u8]>,
}

impl From<Reject> for Missed<'_> {
    fn from(reject: Reject) -> Self {
        Missed { reject, tag: None }
    }
}

/// How many headers may be nested: one for each relay on the way.
const MAX_NESTED: u8 = 4;

/// The first line of a datagram, and what follows it. One datagram is one line: what follows the first LF is never
/// joined to it, nor to the next datagram. CR and NUL at the end of the line go too, and line ends alone do not count
/// as following text.
#[must_use]
pub fn first_line(datagram: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr::memchr(b'\n', datagram) {
        Some(at) => (&datagram[..at], &datagram[at + 1..]),
        None => (datagram, &b""[..]),
    };
    (trim_end(line), trim_end(rest))
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| !matches!(b, b'\r' | b'\n' | 0)).map_or(0, |at| at + 1);
    &line[..end]
}

/// Finds the message in one line: the one whose tag belongs to a route.
///
/// # Errors
///
/// Why no message of a route is in the line.
pub fn parse<'a>(line: &'a [u8], routes: &Routes) -> Result<Message<'a>, Reject> {
    unfolded(line, find(line, routes))
}

/// The same for a line of a file, which syslog daemons and journalctl write without the priority: the message has none.
/// `None` if the line begins neither with a time nor with the words of a relay that has folded repeats.
pub fn parse_logged<'a>(line: &'a [u8], routes: &Routes) -> Option<Result<Message<'a>, Reject>> {
    // `journalctl -o short-full` begins with the day of the week.
    let is_time = |text| time::skip(text).is_some();
    let has_weekday = line.get(3) == Some(&b' ') && line[..3].iter().all(u8::is_ascii_alphabetic);
    let is_logged = is_time(line) || (has_weekday && is_time(&line[4..]));
    if !is_logged && repeat::begins(line) {
        return Some(Err(Reject::Repeated));
    }
    is_logged.then(|| unfolded(line, tag::among_words(0, line, routes, MAX_NESTED)))
}

/// The same for a line of `journalctl -o json`, whose text is written to `text`. Returns the message, if a route has
/// its tag, and what was logged. `None` if the line is something else.
pub fn parse_journal<'a>(
    line: &[u8],
    routes: &Routes,
    text: &'a mut Vec<u8>,
) -> Option<(Option<Message<'a>>, &'a [u8])> {
    let at = journal::read(line, text)?;
    let message = unfolded(text, tag::among_words(0, text, routes, MAX_NESTED)).ok();
    Some((message, &text[at..]))
}

fn unfolded<'a>(line: &[u8], found: Result<Message<'a>, Missed<'_>>) -> Result<Message<'a>, Reject> {
    let message = found.map_err(|missed| match missed {
        // BSD's syslogd names no program there.
        Missed { reject: Reject::Tag, tag } if tag.is_none_or(|tag| tag.ends_with(b"syslogd")) => {
            if repeat::is_without_content(line) {
                Reject::Repeated
            } else {
                Reject::Tag
            }
        }
        Missed { reject, .. } => reject,
    })?;
    let (times, body, cut) = repeat::unfold(message.body)?;
    let times =
        times.checked_mul(message.times).filter(|&times| times <= MAX_WEIGHT).ok_or(Reject::Repeated)?;
    Ok(Message { times, body, cut: cut || message.cut, ..message })
}

/// The word in the place of a tag, whether a route has it or not: to show people why the line was rejected.
#[must_use]
pub fn tag_of(line: &[u8]) -> Option<&[u8]> {
    find(line, &Routes::new(Vec::new())).err()?.tag
}

/// For a line with the tag of a route but another facility or severity: what it has, and what the route wants. To show
/// people why the line was rejected.
#[must_use]
pub fn filtered_out(line: &[u8], routes: &Routes) -> Option<(Priority, Priority)> {
    let message = find(line, &routes.of_any_priority()).ok()?;
    let route = routes.of_tag(message.tag).ok()?;
    let has = Priority { facility: Some(message.facility), severity: Some(message.severity) };
    Some((has, Priority { facility: route.facility, severity: route.severity }))
}

/// The program, which is the tag, and the message behind an RFC 5424 header, as it was sent or without priority and version,
/// whether a route has the tag or not: to show people what is missing.
#[must_use]
pub fn program_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = match priority(line) {
        Some((_, rest)) => rest.strip_prefix(b"1 ")?,
        None => line,
    };
    time::skip(header)?;
    let HeaderFields { app, body, .. } = rfc5424_fields(header)?;
    Some((app, body))
}

/// The facility and the severity of a line as it was sent.
#[must_use]
pub fn priority_of(line: &[u8]) -> Option<Priority> {
    let (code, _) = priority(line)?;
    Some(Priority { facility: Some(code >> 3), severity: Some(code & 7) })
}

fn find<'a>(line: &'a [u8], routes: &Routes) -> Result<Message<'a>, Missed<'a>> {
    if line.is_empty() {
        return Err(Reject::Empty.into());
    }
    // A relay that was told to leave the header alone has folded repeats without one.
    let without = || if repeat::begins(line) { Reject::Repeated } else { Reject::Pri };
    let (priority, rest) = priority(line).ok_or_else(without)?;
    header(priority, rest, routes, MAX_NESTED)
}

/// What follows a priority.
fn header<'a>(priority: u8, rest: &'a [u8], routes: &Routes, nested: u8) -> Result<Message<'a>, Missed<'a>> {
    match rest {
        [b'1', b' ', text @ ..] => {
            let fields = rfc5424_fields(text).ok_or(Reject::Rfc5424)?;
            rfc5424(priority, fields, routes, nested)
        }
        [b'2'..=b'9', b' ', ..] => Err(Reject::Rfc5424.into()),
        _ => tag::among_words(priority, rest, routes, nested),
    }
}

/// A message of RFC 5424 in UTF-8 begins with a byte order mark (section 6.4). A relay that writes BSD headers keeps
/// it.
fn without_mark(text: &[u8]) -> &[u8] {
    text.trim_ascii_start().strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

fn message<'a>(priority: u8, tag: &'a [u8], body: &'a [u8]) -> Message<'a> {
    Message { facility: priority / 8, severity: priority % 8, tag, body, times: 1, cut: false }
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

/// Whether a header is `<PRI>`, the time that nginx writes, and words up to a tag with its colon. The meaning of such a
/// header depends only on its own bytes, whatever follows.
pub(crate) fn is_bsd_header(header: &[u8]) -> bool {
    header.ends_with(b": ") && priority(header).is_some_and(|(_, rest)| time::skip_nginx(rest).is_some())
}

/// The parts of an RFC 5424 message that matter.
struct HeaderFields<'a> {
    host: &'a [u8],
    app: &'a [u8],
    pid: &'a [u8],
    id: &'a [u8],
    body: &'a [u8],
}

impl HeaderFields<'_> {
    /// Whether they belong to a header and not to a record, if nothing else tells.
    fn is_header(&self) -> bool {
        let of_record = |word: &[u8]| word.contains(&b'"') || word.contains(&b',');
        !self.app.ends_with(b":") && ![self.host, self.app, self.pid, self.id].into_iter().any(of_record)
    }
}

/// RFC 5424 section 6 after the version: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD \[MSG\].
fn rfc5424_fields(text: &[u8]) -> Option<HeaderFields<'_>> {
    let mut rest = text;
    let mut word = || {
        let end = rest.iter().position(|&b| b == b' ').filter(|&end| end > 0)?;
        let (word, after) = rest.split_at(end);
        rest = &after[1..];
        Some(word)
    };
    let (_timestamp, host, app, pid, id) = (word()?, word()?, word()?, word()?, word()?);
    let text = skip_structured_data(rest)?;
    Some(HeaderFields { host, app, pid, id, body: without_mark(text) })
}

fn rfc5424<'a>(
    priority: u8,
    HeaderFields { app, body, .. }: HeaderFields<'a>,
    routes: &Routes,
    nested: u8,
) -> Result<Message<'a>, Missed<'a>> {
    let within = || tag::among_words(priority, body, routes, nested);
    match tag::alone(app, routes) {
        // A relay that took nginx's host for the program (syslog-ng's unix-dgram source and rsyslog's imuxsock do)
        // leaves the tag in the message, even if the host has the same name as the tag. No record begins like that.
        Some(_) if tag::begins(body, routes) => within(),
        Some(tag) => Ok(message(priority, tag, body)),
        None => within()
            .map_err(|missed| Missed { tag: missed.tag.or(Some(app).filter(|app| app != b"-")), ..missed }),
    }
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

/// Skips a parameter's value and its closing quote. `"` occurs in it only after a backslash; so should `]`, but some
/// senders forget that.
fn skip_value(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => return Some(&text[at + 1..]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests;
