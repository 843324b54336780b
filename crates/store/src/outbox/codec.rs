//! The bytes of counts that wait in the outbox: compact, sorted, and readable name by name.
//!
//! A block is a list of records, one per (event, name), ascending. Each record is independent, so reading can continue
//! at the start of any record. A merge of blocks is a block, in one pass and in little memory: that is what makes a
//! long outage cost names and minutes, not hits.
//!
//! ```text
//! record  = event-length u8, event, name-length varint, name, cells varint, cell...
//!           and if the highest bit of event-length is set: statuses varint, status...
//!           and if the one below it is set: visits varint, visit...
//!         | 0 u8, flags u8 (those two bits, and the one below them), event-length u8, ... as above,
//!           and if the third bit is set: visitors varint, visitor...
//! cell    = when varint (minute * 2, or day * 2 + 1; zigzag), count varint
//! status  = month varint (zigzag), length varint, text, count varint
//! visit   = minute varint (zigzag), class u8, and if its highest bit is set: length varint, JSON of what else is kept of
//!           the client; in the order in which they were counted
//! visitor = day varint (zigzag), hash 8 bytes; sorted
//! ```
//!
//! Only records with statuses or visits set those bits, and only those with visitors begin with a zero, so older blocks
//! are still read correctly. A name with very many visitors has several records, one after the other.

use std::{cmp::Ordering, collections::BinaryHeap};
use tallymark_core::{
    ALL, Asker, ClientClass, Counts, Day, DayVisitors, Entry, Event, MAX_BATCH_STATUSES, MAX_BATCH_VISITORS,
    MAX_BATCH_VISITS, MAX_STATUSES, Minute, Month, Name, NameRef, OVERFLOW, Status, StatusCount, Visit,
    VisitorHash, Visits, When, keep_last,
};

/// In the length of an event: its record has statuses.
const STATUSED: u8 = 0x80;
/// In the same: its record has visits.
const VISITED: u8 = 0x40;
/// In the flags of a record that begins with a zero: it has visitors.
const VISITORS: u8 = 0x20;
/// In the class of a client: more is kept of it.
const ASKER: u8 = 0x80;
/// The classes of clients by their number, which must never change.
const CLASSES: [ClientClass; 7] = [
    ClientClass::Unknown,
    ClientClass::Browser,
    ClientClass::GithubCamo,
    ClientClass::ImageProxy,
    ClientClass::Bot,
    ClientClass::FeedReader,
    ClientClass::Program,
];

/// The bytes are not what [`encode`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record at byte {at} is damaged")]
pub(super) struct Damaged {
    pub(super) at: usize,
}

/// One record, borrowed from its block.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    /// The event, a zero byte, the name: in the order of records.
    event: &'a [u8],
    name: &'a [u8],
    cells: usize,
    /// Where its cells start.
    cells_at: usize,
    statuses: usize,
    statuses_at: usize,
    visits: usize,
    visits_at: usize,
    visitors: usize,
    visitors_at: usize,
    /// Where the next record starts.
    end: usize,
}

/// A status of a record: month, text, count.
type Statused<'a> = (i32, &'a [u8], u64);

/// A visitor of a record: day, hash.
type PackedVisitor = (i32, u64);

/// The parts of one record while it is assembled.
#[derive(Default)]
struct RecordParts<'a> {
    cells: Vec<(i64, u64)>,
    statuses: Vec<Statused<'a>>,
    visits: Vec<Visit>,
    visitors: Vec<PackedVisitor>,
}

/// Writes sorted entries, sorted statuses, sorted visits and sorted visitors.
pub(super) fn encode(
    entries: &[Entry],
    statuses: &[StatusCount],
    visits: &[Visits],
    visitors: &[DayVisitors],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 32 + statuses.len() * 24);
    let mut parts = RecordParts::default();
    let mut names = entries.chunk_by(|a, b| a.event == b.event && a.name == b.name).peekable();
    let mut statused = statuses.chunk_by(|a, b| a.event == b.event && a.name == b.name).peekable();
    let mut visited = visits.iter().peekable();
    let mut noted = visitors.chunk_by(|a, b| a.event == b.event && a.name == b.name).peekable();
    loop {
        let heads = [
            names.peek().and_then(|of_name| of_name.first()).map(|first| (first.event, &first.name)),
            statused.peek().and_then(|of_name| of_name.first()).map(|first| (first.event, &first.name)),
            visited.peek().map(|first| (first.event, &first.name)),
            noted.peek().and_then(|of_name| of_name.first()).map(|first| (first.event, &first.name)),
        ];
        let Some(first) = heads.iter().flatten().min().copied() else { return out };
        let [has_entries, has_statuses, has_visits, has_visitors] = heads.map(|head| head == Some(first));
        let of_name = names.next_if(|_| has_entries).unwrap_or_default();
        let of_status = statused.next_if(|_| has_statuses).unwrap_or_default();
        let visits = visited.next_if(|_| has_visits).map_or(&[][..], |of_name| &of_name.last);
        let of_days = noted.next_if(|_| has_visitors).unwrap_or_default();
        parts.clear();
        parts.cells.extend(of_name.iter().map(|entry| (packed(entry.when), entry.count)));
        parts.statuses.extend(of_status.iter().map(|s| (s.month.0, s.status.as_str().as_bytes(), s.count)));
        parts.visits.extend_from_slice(visits);
        for of_day in of_days {
            parts.visitors.extend(of_day.hashes.iter().map(|hash| (of_day.day.0, hash.0)));
        }
        let (event, name) = (first.0.as_str().as_bytes(), first.1.as_str().as_bytes());
        push_records(&mut out, event, name, &parts);
    }
}

/// Reads counts from byte `at` on: at least one record if there is one, then until there are `names` names, `cells`
/// entries, or as many statuses, visits or visitors as a batch has. Answers them and where to go on.
pub(super) fn decode(
    block: &[u8],
    at: usize,
    names: usize,
    cells: usize,
) -> Result<(Counts, usize), Damaged> {
    let Counts { mut entries, mut statuses, mut visits, mut visitors, .. } = Counts::default();
    let (mut at, mut read, mut visited, mut noted) = (at, 0, 0, 0);
    while at < block.len()
        && read < names
        && entries.len() < cells
        && statuses.len() < MAX_BATCH_STATUSES
        && visited < MAX_BATCH_VISITS
        && noted < MAX_BATCH_VISITORS
    {
        let record = record(block, at)?;
        let damaged = Damaged { at };
        let event = Event::new(record.event).map_err(|_| damaged)?;
        let name = name_of(event, record.name).ok_or(damaged)?;
        let mut cell_at = record.cells_at;
        for _ in 0..record.cells {
            let (packed, count) = cell(block, &mut cell_at).ok_or(damaged)?;
            entries.push(Entry { event, name: name.clone(), when: unpacked(packed).ok_or(damaged)?, count });
        }
        let mut status_at = record.statuses_at;
        for _ in 0..record.statuses {
            let (month, text, count) = status(block, &mut status_at).ok_or(damaged)?;
            let (month, status) = (Month(month), status_of(text).ok_or(damaged)?);
            statuses.push(StatusCount { event, name: name.clone(), month, status, count });
        }
        if record.visits > 0 {
            let mut last = Vec::new();
            record.visits_of(block, &mut last).ok_or(damaged)?;
            visited += last.len();
            visits.push(Visits { event, name: name.clone(), last });
        }
        if record.visitors > 0 {
            let mut of_name = Vec::new();
            record.visitors_of(block, &mut of_name).ok_or(damaged)?;
            noted += of_name.len();
            for of_day in of_name.chunk_by(|a, b| a.0 == b.0) {
                let day = Day(of_day.first().map_or(0, |(day, _)| *day));
                let hashes = of_day.iter().map(|&(_, hash)| VisitorHash(hash)).collect();
                visitors.push(DayVisitors { event, name: name.clone(), day, hashes });
            }
        }
        read += 1;
        at = record.end;
    }
    Ok((Counts { entries, statuses, visits, visitors, ..Counts::default() }, at))
}

/// Adds up several blocks, the oldest first. Of the visits of a name, the last `keep` stay.
pub(super) fn merge(blocks: &[Vec<u8>], keep: usize) -> Result<Vec<u8>, Damaged> {
    merge_some(blocks, keep, false)
}

/// The same of what is in hours and minutes alone.
pub(super) fn merge_minutes(blocks: &[Vec<u8>]) -> Result<Vec<u8>, Damaged> {
    merge_some(blocks, 0, true)
}

fn merge_some(blocks: &[Vec<u8>], keep: usize, minutes_alone: bool) -> Result<Vec<u8>, Damaged> {
    let mut heap = BinaryHeap::new();
    for (age, block) in blocks.iter().enumerate() {
        if let Some(head) = Head::of(age, block, 0)? {
            heap.push(head);
        }
    }
    let mut out = Vec::with_capacity(blocks.iter().map(Vec::len).sum::<usize>() / 2);
    let mut parts = RecordParts::default();
    while let Some(head) = heap.pop() {
        let (event, name) = (head.record.event, head.record.name);
        head.parts(&mut parts)?;
        if let Some(next) = Head::of(head.age, head.block, head.record.end)? {
            heap.push(next);
        }
        let more = heap.peek().is_some_and(|next| (next.record.event, next.record.name) == (event, name));
        if !more {
            add_up(&mut parts.cells);
            add_up_statuses(&mut parts.statuses);
            keep_last(&mut parts.visits, keep);
            parts.visitors.sort_unstable();
            parts.visitors.dedup();
            if minutes_alone {
                parts.cells.retain(|&(when, _)| !is_day(when));
                parts.statuses.clear();
                parts.visitors.clear();
            }
            if !(minutes_alone && parts.cells.is_empty()) {
                push_records(&mut out, event, name, &parts);
            }
            parts.clear();
        }
    }
    Ok(out)
}

impl Record<'_> {
    /// Appends its visits.
    fn visits_of(&self, block: &[u8], into: &mut Vec<Visit>) -> Option<()> {
        let mut at = self.visits_at;
        for _ in 0..self.visits {
            into.push(visit(block, &mut at)?);
        }
        Some(())
    }

    /// Appends its visitors.
    fn visitors_of(&self, block: &[u8], into: &mut Vec<PackedVisitor>) -> Option<()> {
        let mut at = self.visitors_at;
        for _ in 0..self.visitors {
            into.push(visitor(block, &mut at)?);
        }
        Some(())
    }
}

impl RecordParts<'_> {
    fn clear(&mut self) {
        self.cells.clear();
        self.statuses.clear();
        self.visits.clear();
        self.visitors.clear();
    }
}

/// The next record of a block, in the heap of a merge.
struct Head<'a> {
    /// The number of its block: of one name, what is older comes first.
    age: usize,
    block: &'a [u8],
    record: Record<'a>,
}

impl<'a> Head<'a> {
    fn of(age: usize, block: &'a [u8], at: usize) -> Result<Option<Head<'a>>, Damaged> {
        if at >= block.len() { Ok(None) } else { Ok(Some(Head { age, block, record: record(block, at)? })) }
    }

    /// Appends the parts of its record.
    fn parts(&self, into: &mut RecordParts<'a>) -> Result<(), Damaged> {
        let mut at = self.record.cells_at;
        for _ in 0..self.record.cells {
            into.cells.push(cell(self.block, &mut at).ok_or(Damaged { at })?);
        }
        let mut at = self.record.statuses_at;
        for _ in 0..self.record.statuses {
            into.statuses.push(status(self.block, &mut at).ok_or(Damaged { at })?);
        }
        let (visits, visitors) = (self.record.visits_at, self.record.visitors_at);
        self.record.visits_of(self.block, &mut into.visits).ok_or(Damaged { at: visits })?;
        self.record.visitors_of(self.block, &mut into.visitors).ok_or(Damaged { at: visitors })
    }

    fn key(&self) -> (&'a [u8], &'a [u8], usize) {
        (self.record.event, self.record.name, self.age)
    }
}

// The heap hands out its largest, and the smallest name is wanted.
impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Head<'_> {}

fn add_up(cells: &mut Vec<(i64, u64)>) {
    cells.sort_unstable_by_key(|&(when, _)| order(when));
    cells.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
}

/// The same for statuses. A month never gets more of them than a store keeps, so that no record outgrows a batch by
/// much, however long an outage is.
fn add_up_statuses(statuses: &mut Vec<Statused<'_>>) {
    statuses.sort_unstable_by_key(|&(month, text, _)| (month, text));
    sum_statuses(statuses);
    let (mut month, mut of_month, mut capped) = (None, 0, false);
    for status in statuses.iter_mut() {
        of_month = if month == Some(status.0) { of_month + 1 } else { 1 };
        month = Some(status.0);
        if of_month > MAX_STATUSES {
            status.1 = OVERFLOW.as_bytes();
            capped = true;
        }
    }
    if capped {
        statuses.sort_unstable_by_key(|&(month, text, _)| (month, text));
        sum_statuses(statuses);
    }
}

fn sum_statuses(statuses: &mut Vec<Statused<'_>>) {
    statuses.dedup_by(|next, kept| {
        let same = (next.0, next.1) == (kept.0, kept.1);
        if same {
            kept.2 = kept.2.saturating_add(next.2);
        }
        same
    });
}

/// Minutes before days, as [`When`] is ordered.
fn order(packed: i64) -> (bool, i64) {
    (is_day(packed), packed)
}

fn is_day(packed: i64) -> bool {
    packed & 1 == 1
}

fn packed(when: When) -> i64 {
    match when {
        When::Minute(minute) => i64::from(minute.0) * 2,
        When::Day(day) => i64::from(day.0) * 2 + 1,
    }
}

fn unpacked(packed: i64) -> Option<When> {
    let number = i32::try_from(packed >> 1).ok()?;
    Some(if packed & 1 == 0 { When::Minute(Minute(number)) } else { When::Day(Day(number)) })
}

fn name_of(event: Event, bytes: &[u8]) -> Option<Name> {
    match bytes {
        bytes if bytes == OVERFLOW.as_bytes() => Some(Name::overflow()),
        bytes if bytes == ALL.as_bytes() => Some(Name::all()),
        bytes => NameRef::of(event, bytes).ok().map(Name::from),
    }
}

fn status_of(bytes: &[u8]) -> Option<Status> {
    if bytes == OVERFLOW.as_bytes() {
        return Some(Status::overflow());
    }
    Status::new(std::str::from_utf8(bytes).ok()?).ok()
}

/// Writes the record of a name, and further ones if it has more visitors than a batch.
fn push_records(out: &mut Vec<u8>, event: &[u8], name: &[u8], parts: &RecordParts<'_>) {
    let mut portions = parts.visitors.chunks(MAX_BATCH_VISITORS);
    push_record(out, event, name, (&parts.cells, &parts.statuses, &parts.visits), portions.next());
    for portion in portions {
        push_record(out, event, name, (&[], &[], &[]), Some(portion));
    }
}

fn push_record(
    out: &mut Vec<u8>,
    event: &[u8],
    name: &[u8],
    (cells, statuses, visits): (&[(i64, u64)], &[Statused<'_>], &[Visit]),
    visitors: Option<&[PackedVisitor]>,
) {
    let statused = if statuses.is_empty() { 0 } else { STATUSED };
    let visited = if visits.is_empty() { 0 } else { VISITED };
    // An event has at most 32 bytes.
    let length = event.len() as u8;
    match visitors {
        None => out.push(length | statused | visited),
        Some(_) => out.extend([0, statused | visited | VISITORS, length]),
    }
    out.extend_from_slice(event);
    push_varint(out, name.len() as u64);
    out.extend_from_slice(name);
    push_varint(out, cells.len() as u64);
    for &(when, count) in cells {
        push_zigzag(out, when);
        push_varint(out, count);
    }
    if !statuses.is_empty() {
        push_varint(out, statuses.len() as u64);
    }
    for &(month, text, count) in statuses {
        push_zigzag(out, i64::from(month));
        push_varint(out, text.len() as u64);
        out.extend_from_slice(text);
        push_varint(out, count);
    }
    if !visits.is_empty() {
        push_varint(out, visits.len() as u64);
    }
    for visit in visits {
        push_zigzag(out, i64::from(visit.minute.0));
        let class = CLASSES.iter().position(|&class| class == visit.class);
        let class = class.unwrap_or_default() as u8;
        match visit.asker.to_json() {
            None => out.push(class),
            Some(asker) => {
                out.push(class | ASKER);
                push_varint(out, asker.len() as u64);
                out.extend_from_slice(asker.as_bytes());
            }
        }
    }
    if let Some(visitors) = visitors {
        push_varint(out, visitors.len() as u64);
        for &(day, hash) in visitors {
            push_zigzag(out, i64::from(day));
            out.extend(hash.to_be_bytes());
        }
    }
}

fn record(block: &[u8], start: usize) -> Result<Record<'_>, Damaged> {
    let read = || {
        let mut at = start;
        let (flags, length) = head(block, &mut at)?;
        let event = take(block, &mut at, usize::from(length))?;
        let length = usize::try_from(varint(block, &mut at)?).ok()?;
        let name = take(block, &mut at, length)?;
        let number = |at: &mut usize, flag| match flags & flag {
            0 => Some(0),
            _ => usize::try_from(varint(block, at)?).ok(),
        };
        let cells = usize::try_from(varint(block, &mut at)?).ok()?;
        let cells_at = at;
        for _ in 0..cells {
            cell(block, &mut at)?;
        }
        let statuses = number(&mut at, STATUSED)?;
        let statuses_at = at;
        for _ in 0..statuses {
            status(block, &mut at)?;
        }
        let visits = number(&mut at, VISITED)?;
        let visits_at = at;
        for _ in 0..visits {
            visit(block, &mut at)?;
        }
        let visitors = number(&mut at, VISITORS)?;
        let visitors_at = at;
        for _ in 0..visitors {
            visitor(block, &mut at)?;
        }
        Some(Record {
            event,
            name,
            cells,
            cells_at,
            statuses,
            statuses_at,
            visits,
            visits_at,
            visitors,
            visitors_at,
            end: at,
        })
    };
    read().ok_or(Damaged { at: start })
}

/// The flags of a record, and the length of its event.
fn head(block: &[u8], at: &mut usize) -> Option<(u8, u8)> {
    let first = *block.get(*at)?;
    *at += 1;
    if first != 0 {
        let flags = first & (STATUSED | VISITED);
        return Some((flags, first - flags));
    }
    let head = (*block.get(*at)?, *block.get(*at + 1)?);
    *at += 2;
    Some(head)
}

fn cell(block: &[u8], at: &mut usize) -> Option<(i64, u64)> {
    Some((zigzag(block, at)?, varint(block, at)?))
}

fn status<'a>(block: &'a [u8], at: &mut usize) -> Option<Statused<'a>> {
    let month = i32::try_from(zigzag(block, at)?).ok()?;
    let length = usize::try_from(varint(block, at)?).ok()?;
    Some((month, take(block, at, length)?, varint(block, at)?))
}

fn visit(block: &[u8], at: &mut usize) -> Option<Visit> {
    let minute = Minute(i32::try_from(zigzag(block, at)?).ok()?);
    let class = *block.get(*at)?;
    *at += 1;
    let asker = match class & ASKER {
        0 => Asker::default(),
        _ => {
            let length = usize::try_from(varint(block, at)?).ok()?;
            Asker::from_json(take(block, at, length)?)?
        }
    };
    Some(Visit { minute, class: *CLASSES.get(usize::from(class & !ASKER))?, asker })
}

fn visitor(block: &[u8], at: &mut usize) -> Option<PackedVisitor> {
    let day = i32::try_from(zigzag(block, at)?).ok()?;
    let hash = take(block, at, 8)?.try_into().ok()?;
    Some((day, u64::from_be_bytes(hash)))
}

fn zigzag(block: &[u8], at: &mut usize) -> Option<i64> {
    let zigzag = varint(block, at)?;
    Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
}

fn push_zigzag(out: &mut Vec<u8>, value: i64) {
    push_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn take<'a>(block: &'a [u8], at: &mut usize, length: usize) -> Option<&'a [u8]> {
    let bytes = block.get(*at..at.checked_add(length)?)?;
    *at += length;
    Some(bytes)
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(block: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *block.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
#[path = "codec/tests.rs"]
mod tests;
