//! The data directory of snow-trace as numbered batches, and its format for the export.
//!
//! It is read twice: first to survey it ([`SnowTrace`]), then to make the batches ([`Pouring`]). Both times exactly the
//! same bytes are read, even if snow-trace keeps writing meanwhile. Memory holds the two files of totals, a few hundred
//! bytes for each name, and the minutes of one name. `tallymark import snow-trace` applies the batches as an errand of
//! the one writer; `tallymark export snow-trace` writes with [`totals_text`] and [`record_line`].

mod findings;
mod keys;
mod pour;
mod record;
mod scan;
mod totals;
mod tree;

pub use findings::{TraceFinding, TraceFindings, TraceSums};
pub use keys::trace_spelling;
pub use pour::Pouring;
pub use record::record_line;
pub use totals::{totals_file, totals_text};
pub use tree::{TRACED, log_path, logs_dir};

use super::{
    course::{ContentCourse, content_course, content_position},
    domain,
};
use keys::TraceKeys;
use record::Whose;
use scan::TracePrint;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};
use tallymark_core::{Day, Event, Minute, Name, Now, Position};
use tree::TraceLogs;
use uuid::Uuid;

/// What its positions are called.
const SOURCE: &str = "snow-trace";

/// The position of an import of `content`.
fn position(content: Uuid, done: bool) -> Position {
    content_position(SOURCE, content, done)
}

/// Why a data directory is not imported.
#[derive(Debug, thiserror::Error)]
pub enum SnowTraceError {
    /// A file cannot be read.
    #[error("reading {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of totals is not one.
    #[error("{path} is broken, so nothing was imported: {why}")]
    Totals {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There are no totals at all.
    #[error("there is neither counters.json nor likes.json in {0}: name snow-trace's data directory itself")]
    NotADataDir(PathBuf),
    /// There are logs, and the totals that belong to them are gone.
    #[error(
        "there are logs in {logs}, but {totals} is missing: totals are not computed from logs. Nothing was \
         imported"
    )]
    NoTotals {
        /// The directory of the logs.
        logs: PathBuf,
        /// The file that should be there.
        totals: PathBuf,
    },
    /// A log is not what it was a moment ago.
    #[error("{path} has changed while it was imported: stop snow-trace, or import a copy of its directory")]
    Changed {
        /// Which one.
        path: PathBuf,
    },
    /// A directory with another content was imported before.
    #[error(
        "a snow-trace directory with another content was imported before. If it was this one and has changed \
         since, its totals include what is counted already; nothing was counted"
    )]
    OtherContent,
}

/// A data directory that was looked through.
#[derive(Debug)]
pub struct SnowTrace {
    dir: PathBuf,
    now: Now,
    content: Uuid,
    names: BTreeMap<(Event, Name), NamedTotal>,
    findings: TraceFindings,
}

/// What is to be counted of one name.
#[derive(Debug)]
struct NamedTotal {
    total: u64,
    /// When what has no record counts.
    day: Day,
    /// One for each spelling that snow-trace knew.
    logs: Vec<TraceLog>,
}

/// What was found in one log.
#[derive(Debug)]
struct TraceLog {
    /// How snow-trace spells the name: where the log is, and what its records say.
    namespace: String,
    key: String,
    length: u64,
    print: TracePrint,
    records: u64,
    oldest: Option<Minute>,
}

impl NamedTotal {
    fn records(&self) -> u64 {
        self.logs.iter().map(|log| log.records).sum()
    }
}

impl SnowTrace {
    /// Looks through a data directory. `looked` is called with the length of each log.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or the totals are broken or missing. Nothing of the directory may be imported then.
    pub fn read(dir: &Path, now: Now, looked: impl FnMut(u64)) -> Result<SnowTrace, SnowTraceError> {
        let mut reading = TraceReading {
            dir,
            now,
            looked,
            digest: domain("snow-trace content"),
            findings: TraceFindings::default(),
        };
        let mut totals = Vec::new();
        for event in TRACED {
            totals.push((event, totals::read(dir, event)?));
        }
        if totals.iter().all(|(_, totals)| totals.is_none()) {
            return Err(SnowTraceError::NotADataDir(dir.to_owned()));
        }
        let found = tree::logs(dir, &mut reading.findings)?;
        let mut keys = TraceKeys::default();
        for (event, totals) in totals {
            match totals {
                Some((totals, bytes)) => {
                    reading.feed(&bytes);
                    keys.resolve(event, totals, &found, &mut reading.findings);
                }
                None => reading.without_totals(event, &found)?,
            }
        }
        let logs = reading.logs(found, &keys)?;
        reading.finish(keys, logs)
    }

    /// What is to be told of it.
    #[must_use]
    pub fn findings(&self) -> &TraceFindings {
        &self.findings
    }

    /// How many names are counted.
    #[must_use]
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// Decides by the positions of all instances under which one it is counted. `again` adds it to earlier imports.
    ///
    /// # Errors
    ///
    /// Another content was imported before.
    pub fn course(
        &self,
        positions: &[(Uuid, Position)],
        again: bool,
    ) -> Result<ContentCourse, SnowTraceError> {
        content_course(SOURCE, self.content, positions, again).ok_or(SnowTraceError::OtherContent)
    }

    /// Its batches, with the last `keep` visits of each name.
    #[must_use]
    pub fn pour(&self, instance: Uuid, keep: usize) -> Pouring<'_> {
        Pouring::new(self, instance, keep)
    }
}

/// A directory that is being looked through.
struct TraceReading<'a, F> {
    dir: &'a Path,
    now: Now,
    looked: F,
    /// Of everything that the batches are made of.
    digest: Sha256,
    findings: TraceFindings,
}

impl<F: FnMut(u64)> TraceReading<'_, F> {
    fn feed(&mut self, bytes: &[u8]) {
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
    }

    fn without_totals(&mut self, event: Event, found: &TraceLogs) -> Result<(), SnowTraceError> {
        self.feed(b"none");
        // Those of `..` may all be of the other event.
        if found.keys().any(|(of, namespace, _)| *of == event && namespace != "..") {
            let (logs, totals) = (self.dir.join(logs_dir(event)), self.dir.join(totals_file(event)));
            return Err(SnowTraceError::NoTotals { logs, totals });
        }
        Ok(())
    }

    /// Reads all logs. Answers those whose names are counted.
    fn logs(
        &mut self,
        found: TraceLogs,
        keys: &TraceKeys,
    ) -> Result<BTreeMap<(Event, Name), Vec<TraceLog>>, SnowTraceError> {
        let mut logs: BTreeMap<(Event, Name), Vec<TraceLog>> = BTreeMap::new();
        for ((event, namespace, key), length) in found {
            let whose = Whose { event, namespace: &namespace, key: &key };
            let log = self.log(whose, length)?;
            (self.looked)(length);
            if let Some(name) = keys.name_of(event, &namespace, &key) {
                let of_name = logs.entry((event, name.clone())).or_default();
                if !of_name.is_empty() {
                    let shown = totals::quoted(name.as_str());
                    let what = match log.records {
                        1 => format!("this is {shown} too, and its 1 record counts there"),
                        records => format!("this is {shown} too, and its {records} records count there"),
                    };
                    self.findings.file(&whose.path(), &what);
                }
                of_name.push(log);
            } else if log.records > 0 && !keys.is_refused(event, &namespace, &key) {
                let records = match log.records {
                    1 => "its 1 record does not count".to_owned(),
                    records => format!("its {records} records do not count"),
                };
                let what = format!("{} has no total for it, so {records}", totals_file(event));
                self.findings.file(&whose.path(), &what);
                self.findings.of(event).surplus += log.records;
            }
        }
        Ok(logs)
    }

    fn log(&mut self, whose: Whose<'_>, length: u64) -> Result<TraceLog, SnowTraceError> {
        let shown = whose.path();
        let path = self.dir.join(&shown);
        let (namespace, key) = (whose.namespace.to_owned(), whose.key.to_owned());
        let mut log =
            TraceLog { namespace, key, length, print: TracePrint::default(), records: 0, oldest: None };
        let mut future = 0u64;
        let findings = &mut self.findings;
        let read = scan::scan(&path, length, whose, self.now, |line, read| match read {
            Ok(visit) => {
                log.records += 1;
                log.oldest = Some(log.oldest.map_or(visit.minute, |oldest| oldest.min(visit.minute)));
            }
            // A log of `..` has the records of both events.
            Err(record::BrokenRecord::OtherType) if whose.namespace == ".." => {}
            // It is read once for each, and what is of neither is reported once.
            Err(why) if why.is_of_no_event() && whose.namespace == ".." && whose.event != TRACED[0] => {}
            Err(why) => {
                future += u64::from(why == record::BrokenRecord::Future);
                findings.line(&shown, line, &why.to_string());
                findings.of(whose.event).broken += 1;
            }
        });
        log.print = read.map_err(|source| SnowTraceError::Io { path, source })?;
        findings.of(whose.event).records += log.records;
        for part in [whose.event.as_str(), whose.namespace, whose.key] {
            self.feed(part.as_bytes());
        }
        self.feed(&log.print);
        // What is in the future today counts tomorrow, in other batches.
        self.feed(&future.to_le_bytes());
        Ok(log)
    }

    fn finish(
        mut self,
        keys: TraceKeys,
        mut logs: BTreeMap<(Event, Name), Vec<TraceLog>>,
    ) -> Result<SnowTrace, SnowTraceError> {
        let oldest = logs.values().flatten().filter_map(|log| log.oldest).min();
        let without = match oldest {
            Some(oldest) => oldest.day(),
            None => self.written()?,
        };
        self.feed(&without.0.to_le_bytes());
        let mut names = BTreeMap::new();
        for (of, total) in keys.into_totals() {
            let logs = logs.remove(&of).unwrap_or_default();
            let oldest = logs.iter().filter_map(|log| log.oldest).min();
            let counted = NamedTotal { total, day: oldest.map_or(without, Minute::day), logs };
            let sums = self.findings.of(of.0);
            sums.surplus += counted.records().saturating_sub(total);
            if total == 0 {
                sums.zeros += 1;
                continue;
            }
            sums.names += 1;
            sums.total = sums.total.saturating_add(total);
            sums.rest = sums.rest.saturating_add(total.saturating_sub(counted.records()));
            if oldest.is_none() {
                self.findings.day_without_records = Some(without.to_string());
            }
            names.insert(of, counted);
        }
        self.findings.finish();
        let content = super::instance(self.digest);
        Ok(SnowTrace { dir: self.dir.to_owned(), now: self.now, content, names, findings: self.findings })
    }

    /// The day on which the totals were written last, for a directory without any record.
    fn written(&self) -> Result<Day, SnowTraceError> {
        let mut last = Now { unix_ms: 0 };
        for event in TRACED {
            let path = self.dir.join(totals_file(event));
            let written = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(SnowTraceError::Io { path, source }),
            };
            let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
            last.unix_ms = last.unix_ms.max(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        }
        Ok(last.day().min(self.now.day()))
    }
}

#[cfg(test)]
mod tests;
