//! The files of a snow-trace data directory: which logs exist, and which files do not belong there.
//!
//! snow-trace put a name into a path unchanged, so a namespace `.` or `..` led out of its directory: those logs are
//! found where it put them.

use super::{SnowTraceError, TraceFindings, record::Whose, totals::totals_file};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use tallymark_core::Event;

/// What a log's name ends in.
const END: &str = ".jsonl";

/// The events that snow-trace counted, in the order of their names.
pub const TRACED: [Event; 2] = [Event::LIKE, Event::VISIT];

/// The directory that has the logs of an event.
#[must_use]
pub fn logs_dir(event: Event) -> &'static str {
    if event == Event::LIKE { "likes_visits" } else { "visits" }
}

/// Where snow-trace keeps the log of a name, below its data directory.
#[must_use]
pub fn log_path(event: Event, namespace: &str, key: &str) -> PathBuf {
    Path::new(logs_dir(event)).join(namespace).join(format!("{key}{END}"))
}

/// How long each log is, by event, namespace and key.
pub(super) type TraceLogs = BTreeMap<(Event, String, String), u64>;

impl Whose<'_> {
    /// Where the log is, below the data directory: without `.` and `..`, as an operator sees it.
    pub(super) fn path(&self) -> PathBuf {
        match self.namespace {
            ".." => format!("{}{END}", self.key).into(),
            "." => Path::new(logs_dir(self.event)).join(format!("{}{END}", self.key)),
            _ => log_path(self.event, self.namespace, self.key),
        }
    }
}

/// Finds the logs, and says what else is there.
pub(super) fn logs(dir: &Path, findings: &mut TraceFindings) -> Result<TraceLogs, SnowTraceError> {
    let mut logs = TraceLogs::new();
    for (name, is_dir, length) in entries(dir, Path::new(""), findings)? {
        let is_totals = TRACED.iter().any(|event| totals_file(*event) == name);
        let is_tree = TRACED.iter().any(|event| logs_dir(*event) == name);
        match name.strip_suffix(END) {
            _ if is_tree && is_dir || is_totals && !is_dir => {}
            Some(key) if !is_dir => {
                findings.file(Path::new(&name), "it is a log of the namespace \"..\", and is read as that");
                for event in TRACED {
                    logs.insert((event, "..".to_owned(), key.to_owned()), length);
                }
            }
            _ => findings.file(Path::new(&name), NOT_READ),
        }
    }
    for event in TRACED {
        let tree = Path::new(logs_dir(event));
        if dir.join(tree).is_dir() {
            logs_of(event, dir, tree, findings, &mut logs)?;
        }
    }
    Ok(logs)
}

const NOT_READ: &str = "it is not a file of snow-trace, and is not read";

fn logs_of(
    event: Event,
    dir: &Path,
    tree: &Path,
    findings: &mut TraceFindings,
    logs: &mut TraceLogs,
) -> Result<(), SnowTraceError> {
    for (namespace, is_dir, length) in entries(dir, tree, findings)? {
        let inner = tree.join(&namespace);
        if !is_dir {
            match namespace.strip_suffix(END) {
                Some(key) => {
                    findings.file(&inner, "it is a log of the namespace \".\", and is read as that");
                    logs.insert((event, ".".to_owned(), key.to_owned()), length);
                }
                None => findings.file(&inner, NOT_READ),
            }
            continue;
        }
        for (file, is_dir, length) in entries(dir, &inner, findings)? {
            match file.strip_suffix(END) {
                Some(key) if !is_dir && !key.is_empty() => {
                    logs.insert((event, namespace.clone(), key.to_owned()), length);
                }
                _ => findings.file(&inner.join(&file), NOT_READ),
            }
        }
    }
    Ok(())
}

/// Name, whether it is a directory, and length, sorted by name. Anything else is reported and left out.
fn entries(
    dir: &Path,
    inner: &Path,
    findings: &mut TraceFindings,
) -> Result<Vec<(String, bool, u64)>, SnowTraceError> {
    let at = dir.join(inner);
    let failed = |path: &Path, source: io::Error| SnowTraceError::Io { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(&at).map_err(|error| failed(&at, error))? {
        let path = entry.map_err(|error| failed(&at, error))?.path();
        let shown = inner.join(path.file_name().unwrap_or_default());
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            findings.file(&shown, "its name is not UTF-8, so it is not read");
            continue;
        };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                findings.file(&shown, "it is a link that leads nowhere");
                continue;
            }
            Err(error) => return Err(failed(&path, error)),
        };
        match metadata.is_dir() || metadata.is_file() {
            true => found.push((name.to_owned(), metadata.is_dir(), metadata.len())),
            false => findings.file(&shown, "it is neither a file nor a directory, so it is not read"),
        }
    }
    found.sort_unstable();
    Ok(found)
}
