//! From the body of a message to a hit: the CSV columns of a route.
//!
//! nginx writes quoted fields and never a doubled quote, so a body of that form is cut at its quotes without copying.
//! Any other form that ghit.me's parser accepted (unquoted fields, spaces around them, doubled quotes) goes through
//! `csv-core`. Every source has one [`RecordReader`] and reuses it, so that a line costs no allocation.

use crate::{
    ClientClass, ClientWords, Column, Dating, Escape, Event, Hit, NameRef, NameRule, NotAName, NotOtherBadge,
    Now, Reject, Requester, Route, Visitor, When, calendar::Day, decode_percent, is_github, name::hex_pair,
    parse_address, read_other_badge, time::parse_time,
};
use csv_core::ReadRecordResult;
use std::net::IpAddr;

/// The most columns a route may have.
pub const MAX_COLUMNS: usize = 16;
/// The largest weight of one line. More is a mistake or abuse.
pub const MAX_WEIGHT: u32 = 1_000_000;
/// How far back the date of a live line may lie.
const LIVE_PAST_MS: i64 = 48 * 3_600_000;
/// How far past the next midnight it may be: clocks differ.
const LIVE_FUTURE_MS: i64 = 10 * 60_000;
const DAY_MS: i64 = 86_400_000;

/// Reads records. Holds the buffers that are reused for every line.
pub struct RecordReader {
    dating: Dating,
    visits: bool,
    visitors: bool,
    csv: csv_core::Reader,
    tidy: Vec<u8>,
    fields: Vec<u8>,
    unescaped: Vec<u8>,
    decoded: Vec<u8>,
}

/// Where a field is, in the body or in the buffer of the general path.
#[derive(Clone, Copy, Default)]
struct Extent {
    start: usize,
    end: usize,
}

impl RecordReader {
    /// A reader for live lines, or for lines that keep their own date.
    #[must_use]
    pub fn new(dating: Dating) -> RecordReader {
        // A record never spans lines, so a CR inside one is just a byte.
        let csv = csv_core::ReaderBuilder::new().terminator(csv_core::Terminator::Any(b'\n')).build();
        let empty = Vec::new;
        RecordReader {
            dating,
            visits: false,
            visitors: false,
            csv,
            tidy: empty(),
            fields: empty(),
            unescaped: empty(),
            decoded: empty(),
        }
    }

    /// Also records the client of each hit, if the route has a column for it.
    #[must_use]
    pub fn with_visits(self, visits: bool) -> RecordReader {
        RecordReader { visits, ..self }
    }

    /// Tells of each hit who asked, too, where the route has the columns `address` and `user-agent`.
    #[must_use]
    pub fn with_visitors(self, visitors: bool) -> RecordReader {
        RecordReader { visitors, ..self }
    }

    /// Reads the body of one message by the columns of its route.
    ///
    /// # Errors
    ///
    /// Why the record does not count.
    pub fn read<'a>(&'a mut self, route: &Route, body: &'a [u8], now: Now) -> Result<Hit<'a>, Reject> {
        let mut wanted = route.columns.len().min(MAX_COLUMNS);
        let mut spans = [Extent::default(); MAX_COLUMNS];
        let text = match self.cut(route.escape, body, &mut spans[..wanted]) {
            Err(Reject::Columns) if route.columns.last() == Some(&Column::OptOut) => {
                wanted -= 1;
                self.cut(route.escape, body, &mut spans[..wanted])?
            }
            text => text?,
        };
        let text: &[u8] = match text {
            CutText::Body => body,
            CutText::Fields => &self.fields,
        };
        let mut line = LineValues::of(route.event);
        for (&column, span) in route.columns.iter().zip(&spans[..wanted]) {
            line.take(column, &text[span.start..span.end])?;
        }
        let (when, redated) = line.when(self.dating, now)?;
        let client = line.agent.filter(|_| self.visits).map(ClientClass::of);
        let visitor = if self.visitors { line.visitor(when, redated, now) } else { None };
        let spelling = Spelling { escape: Some(route.escape), decode: route.decode, names: route.names };
        let name = match line.request {
            None => read_name(spelling, line.name, &mut self.unescaped, &mut self.decoded)?,
            Some(request) => read_request(spelling, request, &mut self.unescaped, &mut self.decoded)?,
        };
        let words = match (client, line.agent) {
            (Some(_), Some(user_agent)) => ClientWords { user_agent, referer: line.referer },
            _ => ClientWords::default(),
        };
        let requester = Requester { address: line.address, user_agent: line.agent, opts_out: line.opts_out };
        let hit = Hit::one(line.event, name, when);
        Ok(Hit { weight: line.weight, redated, client, visitor, words, requester, ..hit })
    }

    /// Cuts a record into as many columns as there are spans.
    fn cut(&mut self, escape: Escape, body: &[u8], spans: &mut [Extent]) -> Result<CutText, Reject> {
        match cut_quoted(body, spans, escape) {
            Cut::Done => Ok(CutText::Body),
            Cut::Columns => Err(Reject::Columns),
            Cut::Other if escape == Escape::Json => cut_json(body, spans).map(|()| CutText::Body),
            Cut::Other => self.read_general(body, spans).map(|()| CutText::Fields),
        }
    }

    /// The general path: any CSV. A line whose quotes are out of order is refused, but first its columns are counted,
    /// because two lines joined by a full disk show up as too many columns.
    fn read_general(&mut self, body: &[u8], spans: &mut [Extent]) -> Result<(), Reject> {
        if body.is_empty() {
            return Err(Reject::Columns);
        }
        let well_quoted = tidy(body, &mut self.tidy);
        self.fields.resize(self.tidy.len() + 1, 0);
        let mut ends = [0; MAX_COLUMNS + 1];
        self.csv.reset();
        let (result, _, written, fields) = self.csv.read_record(&self.tidy, &mut self.fields, &mut ends);
        let fields = match result {
            ReadRecordResult::InputEmpty => {
                let (result, _, _, last) =
                    self.csv.read_record(&[], &mut self.fields[written..], &mut ends[fields..]);
                if result != ReadRecordResult::Record {
                    return Err(Reject::Columns);
                }
                fields + last
            }
            // More fields than any route has columns, or a second record.
            _ => return Err(Reject::Columns),
        };
        if fields != spans.len() {
            return Err(Reject::Columns);
        }
        if !well_quoted {
            return Err(Reject::Quote);
        }
        let mut start = 0;
        for (span, &end) in spans.iter_mut().zip(&ends) {
            *span = Extent { start, end };
            start = end;
        }
        Ok(())
    }
}

/// What the spans are in.
enum CutText {
    Body,
    /// The buffer of the general path.
    Fields,
}

enum Cut {
    /// Every column has its span.
    Done,
    /// Well-formed, with too few or too many fields.
    Columns,
    /// Not nginx's form.
    Other,
}

/// Cuts `"a","b"` at its quotes.
fn cut_quoted(body: &[u8], spans: &mut [Extent], escape: Escape) -> Cut {
    let mut at = 0;
    let mut count = 0;
    loop {
        if body.get(at) != Some(&b'"') {
            return Cut::Other;
        }
        let start = at + 1;
        let Some(end) = closing_quote(body, start, escape) else { return Cut::Other };
        if let Some(span) = spans.get_mut(count) {
            *span = Extent { start, end };
        }
        count += 1;
        match body.get(end + 1) {
            None if count == spans.len() => return Cut::Done,
            None => return Cut::Columns,
            Some(b',') => at = end + 2,
            Some(_) => return Cut::Other,
        }
    }
}

/// Cuts fields of `escape=json` with spaces around them, quoted or not. Like the general path, it counts the columns of
/// a line whose quotes are out of order before it refuses it.
fn cut_json(body: &[u8], spans: &mut [Extent]) -> Result<(), Reject> {
    let blank = |b: &&u8| matches!(b, b' ' | b'\t');
    let (mut at, mut count, mut in_order) = (0, 0, true);
    loop {
        at += body[at..].iter().take_while(blank).count();
        let quoted = body.get(at) == Some(&b'"');
        let close = if quoted { closing_quote(body, at + 1, Escape::Json) } else { Some(at) };
        in_order &= close.is_some();
        let close = close.unwrap_or(body.len());
        let comma = memchr::memchr(b',', &body[close..]).map_or(body.len(), |comma| close + comma);
        let field = Extent { start: at, end: at + body[at..comma].trim_ascii_end().len() };
        in_order &= if quoted { field.end <= close + 1 } else { !body[at..comma].contains(&b'"') };
        if let Some(span) = spans.get_mut(count) {
            *span = if quoted { Extent { start: at + 1, end: close } } else { field };
        }
        count += 1;
        if comma == body.len() {
            break;
        }
        at = comma + 1;
    }
    match (count == spans.len() && !body.is_empty(), in_order) {
        (true, true) => Ok(()),
        (true, false) => Err(Reject::Quote),
        (false, _) => Err(Reject::Columns),
    }
}

fn closing_quote(body: &[u8], start: usize, escape: Escape) -> Option<usize> {
    let mut at = start;
    loop {
        match *body.get(at)? {
            b'"' => return Some(at),
            b'\\' if escape == Escape::Json => at += 2,
            _ => at += 1,
        }
    }
}

/// Copies a CSV line without the spaces around its fields. Returns whether its quotes are in order: a field is quoted
/// from end to end or not at all.
fn tidy(body: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut in_order = true;
    let mut rest = body;
    loop {
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        rest = &rest[blanks..];
        let quoted = rest.first() == Some(&b'"');
        let end = if quoted { quoted_end(rest) } else { Some(0) };
        in_order &= end.is_some();
        let end = end.unwrap_or(rest.len());
        let comma = rest[end..].iter().position(|&b| b == b',').map_or(rest.len(), |at| end + at);
        let field = rest[..comma].trim_ascii_end();
        // Nothing may follow a closing quote, and a bare field has no quote.
        in_order &= if quoted { field.len() <= end } else { !field.contains(&b'"') };
        out.extend_from_slice(field);
        if comma == rest.len() {
            return in_order;
        }
        out.push(b',');
        rest = &rest[comma + 1..];
    }
}

/// Where a quoted field ends, its closing quote included; doubled quotes stay inside.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// What the columns of one line said.
pub(crate) struct LineValues<'a> {
    pub(crate) event: Event,
    pub(crate) weight: u32,
    pub(crate) date: Option<Day>,
    pub(crate) time: Option<i64>,
    pub(crate) name: &'a [u8],
    /// In place of the name.
    pub(crate) request: Option<&'a [u8]>,
    pub(crate) agent: Option<&'a [u8]>,
    pub(crate) referer: &'a [u8],
    pub(crate) address: Option<IpAddr>,
    pub(crate) opts_out: bool,
}

impl<'a> LineValues<'a> {
    /// One occurrence of which nothing is known yet.
    pub(crate) fn of(event: Event) -> LineValues<'a> {
        LineValues {
            event,
            weight: 1,
            date: None,
            time: None,
            name: b"",
            request: None,
            agent: None,
            referer: b"",
            address: None,
            opts_out: false,
        }
    }

    fn take(&mut self, column: Column, value: &'a [u8]) -> Result<(), Reject> {
        match column {
            Column::Name => self.name = value,
            Column::Request => self.request = Some(value),
            Column::Date => self.date = Some(Day::parse(value).ok_or(Reject::Date)?),
            Column::Time => self.time = Some(parse_time(value).ok_or(Reject::Time)?),
            Column::Method if value != b"GET" => return Err(Reject::Method),
            Column::Status if !matches!(value, b"200" | b"206" | b"304") => return Err(Reject::Status),
            Column::Weight => self.weight = weight(value).ok_or(Reject::Weight)?,
            Column::Event => self.event = Event::new(value).map_err(|_| Reject::Event)?,
            Column::UserAgent => self.agent = Some(value),
            // A unix socket has none; its hits count anyway.
            Column::Address => self.address = parse_address(value),
            Column::Referer => self.referer = value,
            Column::OptOut => self.opts_out = value == b"1",
            Column::Method | Column::Status | Column::Skip => {}
        }
        Ok(())
    }

    /// Who asked, if the line says so and its time is known: its own, or that of its arrival.
    fn visitor(&self, when: When, redated: bool, now: Now) -> Option<Visitor> {
        let (address, agent) = (self.address?, self.agent?);
        let at = match (self.time, when) {
            _ if redated => now,
            (Some(unix_ms), _) => Now { unix_ms },
            (None, When::Minute(_)) => now,
            (None, When::Day(_)) => return None,
        };
        Some(Visitor::new(address, agent, at))
    }

    /// When the hit counts, and whether the arrival day replaced the line's own.
    pub(crate) fn when(&self, dating: Dating, now: Now) -> Result<(When, bool), Reject> {
        let arrival = When::Minute(now.minute());
        let (first_ms, last_ms, when) = match (self.time, self.date) {
            (Some(ms), _) => (ms, ms, When::Minute(Now { unix_ms: ms }.minute())),
            (None, Some(day)) => {
                let start = i64::from(day.0) * DAY_MS;
                // A date says only the day; if that is today, the minute it arrived in is known as well.
                let when = if day == now.day() && dating == Dating::Live { arrival } else { When::Day(day) };
                (start, start + DAY_MS - 1, when)
            }
            (None, None) => return Ok((arrival, false)),
        };
        let next_midnight = (i64::from(now.day().0) + 1) * DAY_MS;
        let too_late = first_ms > next_midnight + LIVE_FUTURE_MS;
        match dating {
            Dating::Live if too_late || last_ms < now.unix_ms - LIVE_PAST_MS => {
                Ok((When::Day(now.day()), true))
            }
            Dating::Own if too_late => Err(Reject::Date),
            _ => Ok((when, false)),
        }
    }
}

fn weight(value: &[u8]) -> Option<u32> {
    if value.is_empty() || value.len() > 7 {
        return None;
    }
    let digits =
        value.iter().try_fold(0u32, |n, &b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))?;
    (1..=MAX_WEIGHT).contains(&digits).then_some(digits)
}

/// How a name is written in a line, and which names are accepted.
#[derive(Clone, Copy)]
pub(crate) struct Spelling {
    /// The escapes to undo; none where another reader has done it.
    pub(crate) escape: Option<Escape>,
    pub(crate) decode: u8,
    pub(crate) names: NameRule,
}

pub(crate) fn read_name<'a>(
    spelling: Spelling,
    raw: &'a [u8],
    unescaped: &'a mut Vec<u8>,
    decoded: &'a mut Vec<u8>,
) -> Result<NameRef<'a>, Reject> {
    // `-` is what nginx writes for a variable that is absent.
    if raw.is_empty() || raw == b"-" {
        return Err(Reject::NoName);
    }
    let text = text_of(spelling, raw, unescaped)?;
    accepted(spelling, decode_percent(text, spelling.decode, decoded))
}

/// The name that a request for a badge of another counter counts.
fn read_request<'a>(
    spelling: Spelling,
    raw: &[u8],
    unescaped: &mut Vec<u8>,
    name: &'a mut Vec<u8>,
) -> Result<NameRef<'a>, Reject> {
    match read_other_badge(text_of(spelling, raw, unescaped)?, name) {
        Ok(badge) if badge.counts => accepted(spelling, name),
        Ok(_) | Err(NotOtherBadge::Elsewhere) => Err(Reject::NotABadge),
        Err(NotOtherBadge::Unnamed(_)) => Err(Reject::NoName),
    }
}

/// What was logged, without nginx's escapes.
fn text_of<'a>(spelling: Spelling, raw: &'a [u8], unescaped: &'a mut Vec<u8>) -> Result<&'a [u8], Reject> {
    match spelling.escape {
        Some(escape) if raw.contains(&b'\\') => {
            unescaped.clear();
            unescape(raw, escape, unescaped).ok_or(Reject::Escape)?;
            Ok(unescaped)
        }
        _ => Ok(raw),
    }
}

fn accepted(spelling: Spelling, text: &[u8]) -> Result<NameRef<'_>, Reject> {
    let name = NameRef::new(text).map_err(|why| match why {
        NotAName::Empty => Reject::NoName,
        _ => Reject::Name,
    })?;
    match spelling.names {
        NameRule::Github if !is_github(name) => Err(Reject::Name),
        NameRule::Any | NameRule::Github => Ok(name),
    }
}

/// Undoes what nginx's `escape=` did. `None` if nginx writes no such sequence.
fn unescape(raw: &[u8], escape: Escape, out: &mut Vec<u8>) -> Option<()> {
    let mut at = 0;
    while let Some(&b) = raw.get(at) {
        if b != b'\\' {
            out.push(b);
            at += 1;
            continue;
        }
        at += match (escape, raw.get(at + 1)?) {
            (Escape::Default, b'x') => {
                out.push(hex_pair(raw.get(at + 2..at + 4))?);
                4
            }
            (Escape::Json, b'u') => {
                let (high, low) = (hex_pair(raw.get(at + 2..at + 4))?, hex_pair(raw.get(at + 4..at + 6))?);
                // nginx writes only control characters this way; a lone surrogate is not a character.
                let character = char::from_u32(u32::from(high) * 256 + u32::from(low))?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                6
            }
            (Escape::Json, &b) => {
                out.push(match b {
                    b'"' | b'\\' | b'/' => b,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => return None,
                });
                2
            }
            _ => return None,
        };
    }
    Some(())
}

#[cfg(test)]
mod tests;
