//! What `import log` and `replay` have in common: which format lines have, and what to say when none of them counts.

use crate::config::Config;
use anyhow::{Result, bail};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};
use tallymark_core::{Dating, Reject};
use tallymark_ingest::{Format, IngestMeters, Intake, import::unpacked, source::now};

/// How much of a file is looked at to guess what it is.
const SAMPLE: u64 = 64 * 1024;
const FORMATS: [(&str, Format); 4] = [
    ("auto", Format::Auto),
    ("syslog", Format::Syslog),
    ("record", Format::Record),
    ("combined", Format::Combined),
];

/// `--format`.
pub(super) fn format(text: &str) -> Result<Format, String> {
    let found = FORMATS.iter().find(|(word, _)| *word == text);
    found.map(|(_, format)| *format).ok_or_else(|| "write auto, syslog, record or combined".to_owned())
}

/// Fails if there were lines and none was understood. What was understood and does not count is no failure: an access
/// log may have no badge in it.
pub(super) fn check(
    file: &Path,
    config: &Config,
    accepted: u64,
    rejected: &BTreeMap<&str, u64>,
) -> Result<()> {
    let understood = [Reject::NotABadge, Reject::Method, Reject::Status, Reject::Empty];
    if accepted > 0 || rejected.is_empty() || understood.iter().any(|it| rejected.contains_key(it.label())) {
        return Ok(());
    }
    let hint = match guess(file, config) {
        Some("combined") => "It looks like an access log: try --format combined".to_owned(),
        Some(word) => format!("Try --format {word}"),
        None => "The reasons are above; [[route]] in the configuration says what lines look like".to_owned(),
    };
    bail!("no line of {} is one of ours. {hint}", file.display())
}

/// The format in which the beginning of a file makes sense.
fn guess(file: &Path, config: &Config) -> Option<&'static str> {
    let mut text = Vec::new();
    unpacked(File::open(file).ok()?).ok()?.take(SAMPLE).read_to_end(&mut text).ok()?;
    let line =
        text.split(|&byte| byte == b'\n').map(|line| line.trim_ascii_end()).find(|line| !line.is_empty())?;
    let makes_sense = |format: Format| {
        let meters = IngestMeters::default().source("guess");
        let mut intake = Intake::new(config.routes.clone(), format, Dating::Own, 10, line.len(), meters);
        let answer = intake.take(line, now());
        matches!(answer, Ok(()) | Err(Reject::NotABadge | Reject::Method | Reject::Status))
    };
    FORMATS.iter().find(|(_, format)| makes_sense(*format)).map(|(word, _)| *word)
}
