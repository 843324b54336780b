//! The result of reading a file once from beginning to end: its prints at the points up to which something was counted,
//! and where it has runs of lines that were counted.

use crate::source::{LastHashes, LastLines, Mark, PREFIX, Print, RUN, Run, TAIL, repeats_one_line};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// The longest line of which a run is known.
const LINE: usize = 64 * 1024;

/// What was seen of a content.
pub(super) struct Glance {
    /// The last is the next one.
    wanted: Vec<u64>,
    pub(super) at: u64,
    pub(super) prefix: Vec<u8>,
    tail: Vec<u8>,
    digest: Sha256,
    pub(super) points: BTreeMap<u64, (Mark, Print)>,
    lines: WantedRuns,
}

/// Where a run of lines begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinePlace {
    pub(super) at: u64,
    /// From 1.
    pub(super) line: u64,
}

/// The lines of a content, and the runs among them that are wanted.
#[derive(Default)]
struct WantedRuns {
    /// Where each is, at most twice.
    wanted: HashMap<Run, Vec<LinePlace>>,
    /// Single lines that are wanted, and where each is first.
    single: HashMap<u32, Option<LinePlace>>,
    last: LastHashes,
    /// Where the last lines begin.
    begin: [LinePlace; RUN],
    /// The line that has no end yet, as far as it is kept, and where it begins.
    line: Vec<u8>,
    at: u64,
    length: u64,
    number: u64,
    runs: u64,
}

impl Glance {
    pub(super) fn new(
        points: impl Iterator<Item = u64>,
        runs: impl Iterator<Item = Run>,
        single: impl Iterator<Item = u32>,
    ) -> Glance {
        let mut wanted: Vec<u64> = points.collect();
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        wanted.dedup();
        let lines = WantedRuns {
            wanted: runs.map(|run| (run, Vec::new())).collect(),
            single: single.map(|line| (line, None)).collect(),
            ..WantedRuns::default()
        };
        let (prefix, tail, points) = Default::default();
        Glance { wanted, at: 0, prefix, tail, digest: Sha256::new(), points, lines }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.lines.push(bytes);
        while let Some(&wanted) = self.wanted.last() {
            let Ok(left) = usize::try_from(wanted - self.at) else { break };
            let Some((before, behind)) = bytes.split_at_checked(left) else { break };
            self.advance(before);
            self.wanted.pop();
            let mark = Mark::of(self.at, false, &self.prefix, &self.tail);
            self.points.insert(self.at, (mark, Print::finished(self.digest.clone())));
            bytes = behind;
        }
        self.advance(bytes);
    }

    /// Nothing follows.
    pub(super) fn finish(&mut self) {
        self.lines.finish();
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.at += bytes.len() as u64;
        self.digest.update(bytes);
        let room = PREFIX - self.prefix.len();
        self.prefix.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
    }

    /// Its beginning repeats one line, so that other files may well have the same bytes.
    pub(super) fn is_alike(&self) -> bool {
        repeats_one_line(&self.prefix)
    }

    /// Where a run is that it has exactly once. What it repeats proves nothing.
    pub(super) fn place(&self, run: Run) -> Option<LinePlace> {
        match self.lines.wanted.get(&run)?[..] {
            [place] => Some(place),
            _ => None,
        }
    }

    /// Where a line is first.
    pub(super) fn line(&self, line: u32) -> Option<LinePlace> {
        self.lines.single.get(&line).copied().flatten()
    }

    /// Where a run is that it has exactly twice.
    pub(super) fn both_places(&self, run: Run) -> Option<[LinePlace; 2]> {
        self.lines.wanted.get(&run)?.as_slice().try_into().ok()
    }

    /// How many runs it has, repeated ones included.
    pub(super) fn runs(&self) -> u64 {
        self.lines.runs
    }
}

impl WantedRuns {
    fn push(&mut self, bytes: &[u8]) {
        if self.wanted.is_empty() && self.single.is_empty() {
            return;
        }
        for part in bytes.split_inclusive(|&byte| matches!(byte, b'\n' | 0)) {
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..room.min(part.len())]);
            self.length += part.len() as u64;
            if part.ends_with(b"\n") || part.ends_with(&[0]) {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        let before = self.last.count();
        let run = self.last.push(&self.line);
        self.number += 1;
        if self.last.count() > before {
            self.begin.rotate_left(1);
            self.begin[RUN - 1] = LinePlace { at: self.at, line: self.number };
        }
        if !self.single.is_empty()
            && let Some(place) = self.single.get_mut(&LastLines::print(&self.line))
        {
            place.get_or_insert(LinePlace { at: self.at, line: self.number });
        }
        self.at += std::mem::take(&mut self.length);
        self.line.clear();
        if let Some(run) = run {
            self.runs += 1;
            self.found(run, self.begin[0]);
        }
        if let Some(run) = self.last.reversed() {
            self.found(run, self.begin[0]);
        }
    }

    fn found(&mut self, run: Run, place: LinePlace) {
        if let Some(places) = self.wanted.get_mut(&run).filter(|places| places.len() < 2) {
            places.push(place);
        }
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end();
        }
        if let Some(run) = self.last.whole() {
            self.runs += 1;
            self.found(run, self.begin[RUN - self.last.count() as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Runs;

    #[test]
    fn place_of_a_run_does_not_depend_on_the_portions() {
        let text = b"\xef\xbb\xbfa\r\n\r\nb\r\nc\r\nd\r\nx\r\ne\nf\ng\nh\nx\ne\nf\ng\nh\n";
        let mut wanted = Runs::default();
        wanted.push(b"a\nb\nc\nd\n", true);
        let mut twice = Runs::default();
        twice.push(b"e\nf\ng\nh\n", true);
        let all = || wanted.single().chain(twice.single());
        for portion in 1..=text.len() {
            let mut seen = Glance::new(std::iter::empty(), all(), std::iter::empty());
            text.chunks(portion).for_each(|part| seen.push(part));
            seen.finish();
            let places: Vec<_> = all().map(|run| seen.place(run)).collect();
            assert_eq!(places, [Some(LinePlace { at: 0, line: 1 }), None]);
            assert_eq!(seen.runs(), 11);
        }
    }
}
