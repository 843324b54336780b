//! Cutting bytes into lines: one rule for log files, imports, replays and TCP streams.
//!
//! A line ends with LF, CR LF or NUL (Python's `SysLogHandler`), and with any combination of them, so that no empty
//! line appears in between. Two or more NULs in a row are not a line end: a crash of the machine, or a copytruncate
//! under a writer without `O_APPEND`, left them. The run is one reject, the line that it tore is another, and what
//! follows is a line. A UTF-8 byte order mark at the beginning is skipped; each line of UTF-16 is a reject that says
//! so.
//!
//! [`Cutter`] holds no bytes: the file source and [`crate::Frames`] have buffers of their own. [`Lines`] has one, for
//! callers that read in chunks. The boundaries of chunks do not matter.

use crate::Reject;
use memchr::{memchr, memchr2};

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";
const UTF16_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// One line, or a reject in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// The line without its end.
    Whole(&'a [u8]),
    /// Too long, torn, a run of NULs, or UTF-16; its bytes are not available.
    Bad(Reject),
}

/// Where in the grammar of lines the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineState {
    /// At the first byte of all, where a byte order mark may be.
    #[default]
    Beginning,
    /// A line begins here, after this.
    Start(After),
    /// In a line that was too long.
    Discard,
    /// In a run of NULs.
    Nuls,
    /// In UTF-16 text, with whether non-NUL bytes of the line were dropped because it was too long.
    Utf16 { dropped: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// One more NUL still belongs to the end of the previous line.
    Lf,
    /// A LF still belongs to it; another NUL makes it a run.
    Nul,
    Other,
}

/// Finds lines in bytes that the caller keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutter {
    state: LineState,
}

impl Cutter {
    /// Starts inside a file that begins with `first`: at a line, or in one that was too long.
    #[must_use]
    pub fn resumed(first: &[u8], within_long: bool) -> Cutter {
        let state = match within_long {
            _ if UTF16_MARKS.iter().any(|mark| first.starts_with(mark)) => {
                LineState::Utf16 { dropped: false }
            }
            true => LineState::Discard,
            false => LineState::Start(After::Lf),
        };
        Cutter { state }
    }

    /// Whether the next byte is in a line that was too long.
    #[must_use]
    pub fn is_within_long(self) -> bool {
        self.state == LineState::Discard
    }

    /// Whether the next byte begins a line.
    #[must_use]
    pub fn is_at_start(self) -> bool {
        matches!(self.state, LineState::Beginning | LineState::Start(_))
    }

    /// Whether the next byte is in something that was already rejected: a line that was too long, or a run of NULs.
    #[must_use]
    pub fn is_within_bad(self) -> bool {
        matches!(self.state, LineState::Discard | LineState::Nuls)
    }

    /// How many bytes at the beginning of `bytes` still belong to that.
    pub fn skip_bad(&mut self, bytes: &[u8]) -> usize {
        match self.state {
            LineState::Discard => self.discard(bytes),
            LineState::Nuls => self.skip_nuls(bytes),
            _ => 0,
        }
    }

    /// How many bytes at the beginning of `bytes` still belong to the end of the previous line.
    pub fn skip_end(&mut self, bytes: &[u8]) -> usize {
        let LineState::Start(after) = self.state else { return 0 };
        if let Between::Skip(count) = self.between(after, bytes, true) { count } else { 0 }
    }

    /// The first line that ends in `bytes`, which continue where the last call left off, and how many bytes are
    /// consumed. Without a line, the rest is the beginning of one; pass it again with the bytes that follow.
    ///
    /// A NUL at the end of `bytes` may be the first of a run, so its line waits for another byte, unless `is_all`: a
    /// stream whose sender waits, or the end of a file.
    pub fn next<'a>(&mut self, bytes: &'a [u8], limit: usize, is_all: bool) -> (usize, Option<Line<'a>>) {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match self.state {
                LineState::Beginning => match self.begin(rest, is_all) {
                    Some(mark) => at += mark,
                    None => break,
                },
                LineState::Nuls => at += self.skip_nuls(rest),
                LineState::Discard => at += self.discard(rest),
                LineState::Utf16 { dropped } => match memchr(b'\n', rest) {
                    Some(end) => {
                        self.state = LineState::Utf16 { dropped: false };
                        return (at + end + 1, Some(Line::Bad(Reject::Utf16)));
                    }
                    None if rest.len() > limit => {
                        self.state = LineState::Utf16 { dropped: dropped || has_text(rest) };
                        at = bytes.len();
                    }
                    None => break,
                },
                LineState::Start(after) => match self.between(after, rest, is_all) {
                    Between::Skip(count) => at += count,
                    Between::Wait => break,
                    Between::Run => {
                        self.state = LineState::Nuls;
                        return (at, Some(Line::Bad(Reject::Nul)));
                    }
                    Between::Line => {
                        let (taken, line) = self.line(rest, limit, is_all);
                        return (at + taken, line);
                    }
                },
            }
        }
        (at, None)
    }

    /// Handles the bytes left at the end of the input: a last line without an end.
    #[must_use]
    pub fn last(self, rest: &[u8]) -> Option<Line<'_>> {
        let line = without_cr(rest.strip_suffix(b"\0").unwrap_or(rest));
        match self.state {
            LineState::Discard | LineState::Nuls => None,
            LineState::Utf16 { dropped } => (dropped || has_text(rest)).then_some(Line::Bad(Reject::Utf16)),
            LineState::Beginning | LineState::Start(_) => (!line.is_empty()).then_some(Line::Whole(line)),
        }
    }

    /// Looks for a byte order mark. `None` while it may still become one.
    fn begin(&mut self, bytes: &[u8], is_all: bool) -> Option<usize> {
        let may_become = |mark: &&[u8]| mark.len() > bytes.len() && mark.starts_with(bytes);
        if !is_all && [UTF8_MARK].iter().chain(&UTF16_MARKS).any(may_become) {
            return None;
        }
        if UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
            self.state = LineState::Utf16 { dropped: false };
            return Some(UTF16_MARKS[0].len());
        }
        self.state = LineState::Start(After::Other);
        Some(if bytes.starts_with(UTF8_MARK) { UTF8_MARK.len() } else { 0 })
    }

    /// The bytes that still belong to the end of the previous line.
    fn between(&mut self, after: After, rest: &[u8], is_all: bool) -> Between {
        let (skipped, next) = match (after, rest) {
            (_, [0, 0, ..]) | (After::Nul, [0, ..]) => return Between::Run,
            (After::Lf, [0]) if !is_all => return Between::Wait,
            (After::Lf, [0, ..]) => (1, After::Other),
            (After::Nul, [b'\n', ..]) => (1, After::Lf),
            (After::Nul, [b'\r', b'\n', ..]) => (2, After::Lf),
            _ => return Between::Line,
        };
        self.state = LineState::Start(next);
        Between::Skip(skipped)
    }

    fn line<'a>(&mut self, rest: &'a [u8], limit: usize, is_all: bool) -> (usize, Option<Line<'a>>) {
        let Some(end) = memchr2(b'\n', 0, rest) else { return self.pending(rest, rest.len(), limit) };
        let (bytes, after) = match &rest[end..] {
            [b'\n', ..] => (1, After::Lf),
            [0, 0, ..] => {
                // The run itself comes next.
                self.state = LineState::Start(After::Other);
                let is_long = without_cr(&rest[..end]).len() > limit;
                return (end, Some(Line::Bad(if is_long { Reject::TooLong } else { Reject::Partial })));
            }
            [0, b'\n', ..] => (2, After::Lf),
            [0, b'\r', b'\n', ..] => (3, After::Lf),
            [0] | [0, b'\r'] if !is_all => return self.pending(rest, end, limit),
            _ => (1, After::Nul),
        };
        self.state = LineState::Start(after);
        let line = without_cr(&rest[..end]);
        let line = if line.len() > limit { Line::Bad(Reject::TooLong) } else { Line::Whole(line) };
        (end + bytes, Some(line))
    }

    /// The beginning of a line, `end` bytes without the line end: kept while it may become a line.
    fn pending<'a>(&mut self, rest: &[u8], end: usize, limit: usize) -> (usize, Option<Line<'a>>) {
        if without_cr(&rest[..end]).len() <= limit {
            return (0, None);
        }
        self.state = LineState::Discard;
        (end, Some(Line::Bad(Reject::TooLong)))
    }

    fn discard(&mut self, rest: &[u8]) -> usize {
        let Some(end) = memchr2(b'\n', 0, rest) else { return rest.len() };
        self.state = LineState::Start(if rest[end] == 0 { After::Nul } else { After::Lf });
        end + 1
    }

    /// The length of the run of NULs, including the line end after it.
    fn skip_nuls(&mut self, rest: &[u8]) -> usize {
        let nuls = rest.iter().take_while(|&&b| b == 0).count();
        let behind = &rest[nuls..];
        if behind.is_empty() {
            return nuls;
        }
        let is_lf = behind[0] == b'\n';
        self.state = LineState::Start(if is_lf { After::Lf } else { After::Other });
        nuls + usize::from(is_lf)
    }
}

enum Between {
    Skip(usize),
    Wait,
    Run,
    Line,
}

/// Whether there is any UTF-16 besides the second half of a line feed.
fn has_text(bytes: &[u8]) -> bool {
    bytes.iter().any(|&b| b != 0)
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Splits chunks into lines.
#[derive(Debug)]
pub struct Lines {
    cutter: Cutter,
    limit: usize,
    partial: Vec<u8>,
}

impl Lines {
    /// Lines of at most `limit` bytes, their end not counted.
    #[must_use]
    pub fn new(limit: usize) -> Lines {
        Lines { cutter: Cutter::default(), limit, partial: Vec::new() }
    }

    /// Takes the next chunk, and passes on every line that ends in it.
    pub fn push(&mut self, chunk: &[u8], each: impl FnMut(Line<'_>)) {
        if self.partial.is_empty() {
            let taken = self.cut(chunk, false, each);
            self.partial.extend_from_slice(&chunk[taken..]);
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(chunk);
            let taken = self.cut(&bytes, false, each);
            bytes.drain(..taken);
            self.partial = bytes;
        }
    }

    /// Nothing follows: passes on what is left, because a complete file may lack the last line end.
    pub fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        let bytes = std::mem::take(&mut self.partial);
        let taken = self.cut(&bytes, true, &mut each);
        if let Some(line) = self.cutter.last(&bytes[taken..]) {
            each(line);
        }
    }

    fn cut(&mut self, bytes: &[u8], is_all: bool, mut each: impl FnMut(Line<'_>)) -> usize {
        let mut at = 0;
        loop {
            let (taken, line) = self.cutter.next(&bytes[at..], self.limit, is_all);
            at += taken;
            match line {
                Some(line) => each(line),
                None => return at,
            }
        }
    }
}

#[cfg(test)]
mod tests;
