//! An export of GoatCounter as numbered batches, always the same ones for the same counts.
//!
//! GoatCounter has two exports. The CSV (versions 1 and 2) has a row for each page view, with its time. The JSON export (a
//! zip file, version 1) has what its own pages show: visits by hour. An export is read twice: first all of it is checked,
//! then it is counted, so nothing of a file that is cut or broken is ever counted. Memory is bounded: the fold is sealed
//! whenever it is full, at the same row every time.

mod rows;
mod tables;

use super::{
    course::{ContentCourse, content_course, content_position},
    domain,
};
use rows::CsvRows;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{self, Read, Seek},
};
use tables::JsonRows;
use tallymark_core::{Batch, Counts, Entry, Event, Minute, Name, Now, Position, When, batches};
use uuid::{Builder, Uuid};

/// How many names and minutes are folded before they are sealed. Another number cuts other batches, so that an import which
/// was interrupted could not go on.
const CELLS: usize = 100_000;
/// So many refused rows are told one by one.
const MOST_TOLD: usize = 40;

/// What becomes of what GoatCounter has.
#[derive(Clone, Debug)]
pub struct GoatMapping {
    /// What a page view counts as.
    pub pages: Event,
    /// What an event of GoatCounter counts as.
    pub clicks: Event,
    /// What is put in front of each path.
    pub prefix: String,
    /// Whether page views of bots count.
    pub bots: bool,
}

/// Why an export is not imported.
#[derive(Debug, thiserror::Error)]
pub enum GoatError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what GoatCounter writes.
    #[error("it is not an export of GoatCounter: {0}")]
    NoExport(String),
    /// GoatCounter writes this since a version that came later than this program.
    #[error("it has version {0} of the format, and this program reads {1}")]
    Version(String, &'static str),
    /// A row has no end.
    #[error(
        "the row that begins in line {0} has more than 1 MiB: a quote in it is not closed, or this is not an export of GoatCounter"
    )]
    Endless(u64),
    /// The end is missing.
    #[error("it ends in the middle of the row that begins in line {0}: the file was cut")]
    Cut(u64),
    /// Another export was imported before.
    #[error(
        "another export of GoatCounter was imported before under the same names. What both have would count twice, so \
         nothing was counted"
    )]
    OtherContent,
    /// It is not what it was a moment ago.
    #[error("it has changed while it was imported: only part of it is counted")]
    Changed,
}

/// Why a row counts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GoatRefusal {
    Bot,
    Fields,
    Flag,
    BotNumber,
    Name,
    Date,
    Future,
    Count,
    Path,
    Json,
}

impl GoatRefusal {
    fn label(self) -> &'static str {
        match self {
            GoatRefusal::Bot => "bot",
            GoatRefusal::Fields => "fields",
            GoatRefusal::Flag => "flag",
            GoatRefusal::BotNumber => "botnumber",
            GoatRefusal::Name => "badname",
            GoatRefusal::Date => "baddate",
            GoatRefusal::Future => "future",
            GoatRefusal::Count => "badcount",
            GoatRefusal::Path => "nopath",
            GoatRefusal::Json => "badjson",
        }
    }

    fn explained(self) -> &'static str {
        match self {
            GoatRefusal::Bot => "GoatCounter took it for a bot; --bots counts it",
            GoatRefusal::Fields => "it has another number of columns than the first line",
            GoatRefusal::Flag => "Event is neither true nor false",
            GoatRefusal::BotNumber => "Bot is no number",
            GoatRefusal::Name => {
                "the path cannot be a name: it is empty, too long, or has control characters"
            }
            GoatRefusal::Date => "the date is no time like 2026-03-05T19:00:00Z",
            GoatRefusal::Future => "the date is in the future",
            GoatRefusal::Count => "the count is no number that can be counted",
            GoatRefusal::Path => "paths.jsonl has no such path",
            GoatRefusal::Json => "it is no object of this table",
        }
    }
}

/// What a row counts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GoatHit {
    event: Event,
    name: Name,
    minute: Minute,
    count: u64,
}

/// The next thing in an export.
#[derive(Debug)]
enum GoatRow {
    Hit(GoatHit),
    /// In this line.
    Refused(u64, GoatRefusal),
}

impl GoatMapping {
    /// Checks a path and its time.
    fn hit(
        &self,
        path: &[u8],
        is_event: bool,
        time: &str,
        now: Now,
        count: u64,
    ) -> Result<GoatHit, GoatRefusal> {
        let event = if is_event { self.clicks } else { self.pages };
        let path = std::str::from_utf8(path).ok().filter(|path| !path.is_empty()).ok_or(GoatRefusal::Name)?;
        let name = Name::of(event, &format!("{}{path}", self.prefix)).map_err(|_| GoatRefusal::Name)?;
        let minute = Now::parse_rfc3339(time).ok_or(GoatRefusal::Date)?.minute();
        if minute > now.minute() {
            return Err(GoatRefusal::Future);
        }
        Ok(GoatHit { event, name, minute, count })
    }
}

/// What was found in an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GoatFindings {
    /// `csv` or `json`.
    pub format: &'static str,
    /// Rows that were read, without the first line.
    pub received: u64,
    /// Rows that count.
    pub accepted: u64,
    /// Rows that do not, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What the rows count in all.
    pub hits: u64,
    /// The first of the refused rows, but for bots: the line and why.
    pub told: Vec<(u64, &'static str)>,
    /// What the reasons mean.
    #[serde(skip)]
    pub explained: BTreeMap<&'static str, &'static str>,
}

impl GoatFindings {
    fn refuse(&mut self, line: u64, why: GoatRefusal) {
        *self.rejected.entry(why.label()).or_default() += 1;
        self.explained.insert(why.label(), why.explained());
        if why != GoatRefusal::Bot && self.told.len() < MOST_TOLD {
            self.told.push((line, why.explained()));
        }
    }
}

enum GoatRows<'a> {
    Csv(Box<CsvRows<'a>>),
    Json(Box<JsonRows<'a>>),
}

impl GoatRows<'_> {
    fn next(&mut self, mapping: &GoatMapping, now: Now) -> Result<Option<GoatRow>, GoatError> {
        match self {
            GoatRows::Csv(rows) => rows.next(mapping, now),
            GoatRows::Json(rows) => rows.next(mapping, now),
        }
    }
}

/// The file as rows, whichever of the two exports it is.
fn rows<'a>(file: &'a mut (impl Read + Seek), looked: &'a dyn Fn(u64)) -> Result<GoatRows<'a>, GoatError> {
    file.rewind()?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(match start.as_slice() {
        b"PK\x03\x04" | b"PK\x05\x06" => GoatRows::Json(Box::new(JsonRows::open(file, looked)?)),
        _ => GoatRows::Csv(Box::new(CsvRows::open(file, looked)?)),
    })
}

/// An export that was checked.
#[derive(Debug)]
pub struct GoatExport {
    mapping: GoatMapping,
    now: Now,
    content: Uuid,
    findings: GoatFindings,
}

impl GoatExport {
    /// Checks all of a file. `looked` is called with the number of bytes whenever some were read.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no export. Nothing of it may be imported then.
    pub fn read(
        file: &mut (impl Read + Seek),
        mapping: GoatMapping,
        now: Now,
        looked: &dyn Fn(u64),
    ) -> Result<GoatExport, GoatError> {
        let mut findings = GoatFindings::default();
        let mut digest = ContentDigest::new();
        let mut rows = rows(file, looked)?;
        findings.format = if matches!(rows, GoatRows::Csv(_)) { "csv" } else { "json" };
        while let Some(row) = rows.next(&mapping, now)? {
            findings.received += 1;
            match row {
                GoatRow::Hit(hit) => {
                    findings.accepted += 1;
                    findings.hits = findings.hits.saturating_add(hit.count);
                    digest.push(&hit);
                }
                GoatRow::Refused(line, why) => findings.refuse(line, why),
            }
        }
        let content = digest.finish();
        Ok(GoatExport { mapping, now, content, findings })
    }

    /// What is to be told of it.
    #[must_use]
    pub fn findings(&self) -> &GoatFindings {
        &self.findings
    }

    /// Which exports may have the same hits as this one.
    fn source(&self) -> String {
        format!("goatcounter:{}", self.mapping.prefix)
    }

    /// Decides by the positions of all instances under which one it is counted. `again` adds it to earlier imports.
    ///
    /// # Errors
    ///
    /// Another export was imported before under the same names.
    pub fn course(&self, positions: &[(Uuid, Position)], again: bool) -> Result<ContentCourse, GoatError> {
        content_course(&self.source(), self.content, positions, again).ok_or(GoatError::OtherContent)
    }

    /// Its batches, from the same file.
    ///
    /// # Errors
    ///
    /// The file cannot be read any more.
    pub fn pour<'a>(
        &'a self,
        file: &'a mut (impl Read + Seek),
        instance: Uuid,
        looked: &'a dyn Fn(u64),
    ) -> Result<GoatPouring<'a>, GoatError> {
        let rows = rows(file, looked)?;
        Ok(GoatPouring {
            export: self,
            rows,
            instance,
            digest: Some(ContentDigest::new()),
            last: 0,
            cells: CELLS,
        })
    }
}

/// Of the counts, in the order of their rows: so the same export is known again, packed or not.
struct ContentDigest(Sha256);

impl ContentDigest {
    fn new() -> ContentDigest {
        ContentDigest(domain("goatcounter content"))
    }

    fn push(&mut self, hit: &GoatHit) {
        self.0.update(format!("{} {} {} {}\n", hit.event, hit.minute.0, hit.count, hit.name.as_str()));
    }

    fn finish(self) -> Uuid {
        let hash: [u8; 32] = self.0.finalize().into();
        let bytes = hash.first_chunk().copied().unwrap_or_default();
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// The batches of one import, a few at a time.
pub struct GoatPouring<'a> {
    export: &'a GoatExport,
    rows: GoatRows<'a>,
    instance: Uuid,
    /// Until the end.
    digest: Option<ContentDigest>,
    /// The number of the last batch.
    last: u64,
    cells: usize,
}

impl GoatPouring<'_> {
    /// The number of the last batch that was handed out.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.last
    }

    /// The next batches; none at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has changed since it was checked.
    pub fn next_batches(&mut self) -> Result<Vec<Batch>, GoatError> {
        let Some(digest) = &mut self.digest else { return Ok(Vec::new()) };
        let mut fold: BTreeMap<(Event, Name, When), u64> = BTreeMap::new();
        let mut is_end = true;
        while let Some(row) = self.rows.next(&self.export.mapping, self.export.now)? {
            let GoatRow::Hit(hit) = row else { continue };
            digest.push(&hit);
            let count = fold.entry((hit.event, hit.name, When::Minute(hit.minute))).or_default();
            *count = count.saturating_add(hit.count);
            if fold.len() >= self.cells {
                is_end = false;
                break;
            }
        }
        let entry = |((event, name, when), count)| Entry { event, name, when, count };
        let mut counts = Counts::folded(fold.into_iter().map(entry).collect(), Vec::new());
        let mark = |done| content_position(&self.export.source(), self.export.content, done);
        if is_end {
            let content = self.digest.take().map(ContentDigest::finish);
            if content != Some(self.export.content) {
                return Err(GoatError::Changed);
            }
            counts.positions.push(mark(true));
        }
        let mut complete = batches(self.instance, self.last + 1, counts);
        // The last one has the other mark.
        let is_more = !is_end || complete.len() > 1;
        if let Some(first) = complete.first_mut().filter(|first| first.seq == 1 && is_more) {
            first.positions.push(mark(false));
        }
        self.last += complete.len() as u64;
        Ok(complete)
    }
}

#[cfg(test)]
mod tests;
