//! What an import of a snow-trace directory reports: sums for each event, and everything that could not be imported
//! unchanged.

use super::totals::quoted;
use serde::Serialize;
use std::path::Path;
use tallymark_core::Event;

/// How many findings of a kind are kept; the others are only counted.
const KEPT: usize = 10_000;

/// What was found of one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TraceSums {
    /// Names that are counted.
    pub names: u64,
    /// The sum of their totals: what the import counts.
    pub total: u64,
    /// Of it, what has no record and counts on the day of the oldest one.
    pub rest: u64,
    /// Records that were read.
    pub records: u64,
    /// Of them, those that are more than the totals say, and count nothing.
    pub surplus: u64,
    /// Lines that are not records.
    pub broken: u64,
    /// Totals of 0, which count nothing and make no name.
    pub zeros: u64,
    /// Totals that have no name here.
    pub refused: u64,
    /// And their sum, which counts nothing.
    pub refused_total: u64,
}

/// Something that was found in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TraceFinding {
    /// The file, below the data directory.
    pub file: String,
    /// The line, if it is about one.
    pub line: Option<u64>,
    /// What is the matter.
    pub what: String,
}

/// Everything that is reported to the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TraceFindings {
    /// Visits.
    pub visits: TraceSums,
    /// Likes.
    pub likes: TraceSums,
    /// The day on which totals count whose names have no record.
    pub day_without_records: Option<String>,
    /// The first of each kind: totals, then files, then lines.
    pub problems: Vec<TraceFinding>,
    /// How many more there are.
    pub problems_left_out: u64,
    #[serde(skip)]
    files: Vec<TraceFinding>,
    #[serde(skip)]
    lines: Vec<TraceFinding>,
}

impl TraceFindings {
    /// The sums of an event.
    pub(super) fn of(&mut self, event: Event) -> &mut TraceSums {
        if event == Event::LIKE { &mut self.likes } else { &mut self.visits }
    }

    /// A total that is not counted.
    pub(super) fn total(&mut self, file: &str, key: &str, why: &str) {
        let what = format!("{}: {why}", quoted(key));
        note(&mut self.problems, &mut self.problems_left_out, Path::new(file), None, &what);
    }

    /// A file that is not what it should be.
    pub(super) fn file(&mut self, file: &Path, what: &str) {
        note(&mut self.files, &mut self.problems_left_out, file, None, what);
    }

    /// A line that is not counted.
    pub(super) fn line(&mut self, file: &Path, line: u64, what: &str) {
        note(&mut self.lines, &mut self.problems_left_out, file, Some(line), what);
    }

    /// Puts the lists together: the kinds that matter most come first.
    pub(super) fn finish(&mut self) {
        self.problems.append(&mut self.files);
        self.problems.append(&mut self.lines);
    }
}

fn note(list: &mut Vec<TraceFinding>, left_out: &mut u64, file: &Path, line: Option<u64>, what: &str) {
    if list.len() == KEPT {
        *left_out += 1;
        return;
    }
    list.push(TraceFinding { file: file.display().to_string(), line, what: what.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_bounded_and_the_rest_is_counted() {
        let mut findings = TraceFindings::default();
        for n in 1..=KEPT as u64 + 980 {
            findings.line(Path::new("a"), n, "x");
            findings.total("counters.json", &"k".repeat(5000), "y");
        }
        findings.file(Path::new("b"), "z");
        findings.finish();
        assert_eq!((findings.problems.len(), findings.problems_left_out), (2 * KEPT + 1, 1960));
        assert_eq!((findings.problems[KEPT].file.as_str(), findings.problems[KEPT + 1].line), ("b", Some(1)));
        assert!(findings.problems.iter().all(|problem| problem.what.len() < 200));
    }
}
