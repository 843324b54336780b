//! A sample of the runs of lines in a file, by which they are recognised in any other file.
//!
//! A part of a file, two files joined into one, and a file with other line ends share lines with what was counted, but
//! neither its beginning nor its end. A run is four lines in a row, no two of them alike, without their ends. Of all
//! runs the same few are always kept, those with the lowest hashes, so any large part of the content has some of them.
//! They are evidence for a refusal only, never for a count, so the hash is a fast one. A run has at least one line that
//! counts: many files begin with the same header, and have the same lines of a health check.

use std::{fmt, str::FromStr};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// How many lines a run has.
pub(crate) const RUN: usize = 4;
/// How many runs are kept.
const MOST: usize = 64;
/// How many digits a run has in the text.
const DIGITS: usize = 16;

/// The hash of a run. Its lowest bit is not part of it.
pub(crate) type Run = u64;

/// The hashes of the last lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastHashes {
    lines: [u64; RUN],
    /// How many lines there were.
    count: u64,
    /// Which of them count, the last in the lowest bit.
    counting: u8,
}

impl LastHashes {
    /// Goes on with a line, with or without its end. Answers the run that ends with it.
    pub(crate) fn push(&mut self, line: &[u8]) -> Option<Run> {
        let line = bare(line, self.count == 0);
        if line.is_empty() {
            return None;
        }
        self.lines.rotate_left(1);
        self.lines[RUN - 1] = xxh3_64(line);
        self.counting = self.counting << 1 & 0xf;
        self.count += 1;
        (self.count >= RUN as u64).then(|| self.run()).flatten()
    }

    /// How many lines there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// All lines, if they are too few for a run: a file with the same lines and no others has the same content.
    pub(crate) fn whole(&self) -> Option<Run> {
        let few = usize::try_from(self.count).ok().filter(|count| (1..RUN).contains(count))?;
        Some(hash(&self.lines[RUN - few..]))
    }

    /// The run that ends here, from its end: a file may have been turned around.
    pub(crate) fn reversed(&self) -> Option<Run> {
        let [a, b, c, d] = self.lines;
        let turned = LastHashes { lines: [d, c, b, a], ..self.clone() };
        (self.count >= RUN as u64).then(|| turned.run()).flatten()
    }

    fn run(&self) -> Option<Run> {
        let [a, b, c, d] = self.lines;
        let is_distinct = a != b && a != c && a != d && b != c && b != d && c != d;
        is_distinct.then(|| hash(&self.lines))
    }
}

fn hash(lines: &[u64]) -> Run {
    let mut bytes = [0; 8 * RUN];
    for (place, line) in bytes.chunks_exact_mut(8).zip(lines) {
        place.copy_from_slice(&line.to_le_bytes());
    }
    xxh3_64_with_seed(&bytes, lines.len() as u64) & !1
}

/// A line without what may differ between two forms of one text: its end, and a mark of the byte order before the first.
fn bare(line: &[u8], is_first: bool) -> &[u8] {
    let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| is_first).unwrap_or(line);
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |at| at + 1);
    &line[..end]
}

/// The sample. Positions of older versions have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    last: LastHashes,
    /// The lowest ones, in order. The lowest bit is set if the content has them more than once.
    kept: Vec<u64>,
}

impl Runs {
    /// Goes on with whole lines, of which all count or none.
    pub(crate) fn push(&mut self, mut text: &[u8], counts: bool) {
        while !text.is_empty() {
            let end = memchr::memchr2(b'\n', 0, text).map_or(text.len(), |at| at + 1);
            let (line, rest) = text.split_at(end);
            text = rest;
            let before = self.last.count;
            let run = self.last.push(line);
            self.last.counting |= u8::from(counts && self.last.count > before);
            if let Some(run) = run.filter(|_| self.last.counting > 0) {
                self.keep(run);
            }
        }
    }

    fn keep(&mut self, run: Run) {
        if self.kept.len() == MOST && self.kept.last().is_some_and(|&highest| run > highest) {
            return;
        }
        match self.kept.binary_search_by_key(&run, |kept| kept & !1) {
            Ok(at) => self.kept[at] |= 1,
            Err(at) => {
                self.kept.insert(at, run);
                self.kept.truncate(MOST);
            }
        }
    }

    /// What the text of a position says, to go on behind lines that end so.
    pub(crate) fn behind(&self, tail: &[u8]) -> Runs {
        let mut runs = Runs { last: LastHashes::default(), kept: self.kept.clone() };
        // The first may be cut.
        let whole = memchr::memchr(b'\n', tail).map_or(tail.len(), |at| at + 1);
        for line in tail[whole..].split_inclusive(|&byte| matches!(byte, b'\n' | 0)) {
            runs.last.push(line);
        }
        runs
    }

    /// What is kept, and what there is in its place where lines are too few.
    pub(crate) fn of_whole(&self) -> Runs {
        let mut runs = self.clone();
        if let Some(run) = self.last.whole().filter(|_| self.last.counting > 0) {
            runs.keep(run);
        }
        runs
    }

    /// Those that the content has once. What it repeats, others may well have too.
    pub(crate) fn single(&self) -> impl Iterator<Item = Run> {
        self.kept.iter().copied().filter(|run| run & 1 == 0)
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn made_up(kept: Vec<u64>) -> Runs {
        Runs { last: LastHashes::default(), kept }
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kept.iter().try_for_each(|run| write!(f, "{run:016x}"))
    }
}

impl FromStr for Runs {
    type Err = ();

    fn from_str(text: &str) -> Result<Runs, ()> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.is_empty() || !is_hex || !text.len().is_multiple_of(DIGITS) {
            return Err(());
        }
        let run = |at: usize| u64::from_str_radix(&text[at..at + DIGITS], 16).map_err(|_| ());
        let kept = (0..text.len()).step_by(DIGITS).map(run).collect::<Result<_, _>>()?;
        Ok(Runs { last: LastHashes::default(), kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(from: u32, to: u32, end: &str) -> String {
        (from..to).map(|n| format!("line {n}{end}")).collect()
    }

    fn of(text: &str) -> Runs {
        let mut runs = Runs::default();
        runs.push(text.as_bytes(), true);
        runs
    }

    fn shared(one: &Runs, other: &str) -> usize {
        let mut last = LastHashes::default();
        let found = other.split_inclusive('\n').filter_map(|line| last.push(line.as_bytes()));
        let found: std::collections::BTreeSet<Run> = found.collect();
        one.single().filter(|run| found.contains(run)).count()
    }

    #[test]
    fn parts_joined_files_and_other_line_ends_have_runs_of_the_whole() {
        let whole = of(&lines(0, 10_000, "\n"));
        assert_eq!(whole.single().count(), MOST);
        assert!(shared(&whole, &lines(3_000, 6_000, "\n")) > 1);
        assert!(shared(&whole, &lines(9_000, 10_000, "\r\n")) > 1);
        assert_eq!(shared(&whole, &(lines(20_000, 21_000, "\n") + &lines(0, 10_000, "\n"))), MOST);
        assert_eq!(shared(&whole, &("\u{feff}".to_owned() + &lines(0, 10_000, "\r\n"))), MOST);
        assert_eq!(shared(&whole, &lines(10_000, 20_000, "\n")), 0);
    }

    #[test]
    fn lines_that_are_alike_or_repeated_are_no_evidence() {
        assert!(of(&"line\n".repeat(100)).is_empty());
        assert!(of("a\nb\nc\na\nb\nc\n").is_empty());
        let repeated = of(&"a\nb\nc\nd\n".repeat(3));
        assert_eq!((repeated.kept.len(), repeated.single().count()), (4, 0));
    }

    #[test]
    fn a_few_lines_are_known_as_a_whole() {
        let few = of("a\nb\n").of_whole();
        assert_eq!(few.single().count(), 1);
        for (other, same) in [("\u{feff}a\r\nb\r\n", true), ("a\nb", true), ("a\n", false), ("b\na\n", false)]
        {
            let other = of(other).of_whole();
            assert_eq!(few.single().eq(other.single()), same);
        }
        assert_eq!(of("a\nb\nc\nd\n").of_whole().single().count(), 1);
    }

    #[test]
    fn text_reads_back_and_goes_on() {
        let runs = of(&lines(0, 300, "\n"));
        let read: Runs = runs.to_string().parse().unwrap();
        assert_eq!(read.kept, runs.kept);
        let (mut on, mut at_once) = (read.behind(lines(290, 300, "\n").as_bytes()), runs);
        for runs in [&mut on, &mut at_once] {
            runs.push(lines(300, 400, "\n").as_bytes(), true);
        }
        assert_eq!(on.kept, at_once.kept);
        for text in ["", "1", "0123456789abcdeg", "0123456789abcdef0", "+123456789abcdef"] {
            assert_eq!(text.parse::<Runs>(), Err(()), "{text}");
        }
    }
}
