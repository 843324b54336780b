//! Cutting a TCP stream of syslog into messages: lines, or RFC 6587's octet counting.
//!
//! Lines are those of [`crate::Cutter`]; a counted message is `LENGTH SP MESSAGE`. syslog-ng writes a LF after the
//! message and counts it; others write one that they do not count. The boundaries of chunks do not matter, and the
//! state kept between two chunks is bounded. After an invalid count nothing that follows can be trusted, so the caller
//! closes the connection. This module reads nothing itself; the TCP source feeds it.

use crate::{Cutter, Line, Reject};
use memchr::memchr2;

/// How messages are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Decided for every message: one that begins with a digit is counted. Only right if no line begins with one. A
    /// syslog message begins with `<`.
    Auto,
    /// Lines only.
    Lines,
    /// Counted messages only.
    Counted,
}

/// The next frame of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// One message. A LF, CR or NUL at its end is still on it if the sender counted it.
    Message(&'a [u8]),
    /// A line was rejected, for this reason.
    Bad(Reject),
    /// The stream cannot be read any further, for this reason.
    Broken(Reject),
}

/// More digits than a count ever needs, and few enough to stop at.
const MAX_DIGITS: u8 = 10;

/// The state between two chunks.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    limit: usize,
    kept: Vec<u8>,
    state: FrameState,
    cutter: Cutter,
}

/// How many bytes after the first byte of a line end may decide what it is.
const END_BYTES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameState {
    /// A message begins with the next byte; the previous one was counted.
    Start { after_counted: bool },
    /// In a line, whose beginning is kept unless it was too long.
    Line,
    /// In a count.
    Count { digits: u8, value: u64 },
    /// In a counted message of this length, whose beginning is kept.
    Body { length: usize },
    /// After an error: nothing more can be read.
    Broken,
}

impl Frames {
    /// Messages of at most `limit` bytes.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Frames {
        let state = FrameState::Start { after_counted: false };
        Frames { framing, limit, kept: Vec::new(), state, cutter: Cutter::default() }
    }

    /// Takes the beginning of `input` up to the end of its first frame. Returns how many bytes it took, and the frame
    /// if one ended there; if none did, all of the input was taken.
    pub fn next<'a>(&'a mut self, input: &'a [u8]) -> (usize, Option<Frame<'a>>) {
        let mut at = 0;
        loop {
            let Some(&byte) = input.get(at) else { return (at, None) };
            match self.state {
                FrameState::Start { after_counted } => {
                    self.kept.clear();
                    let end = self.cutter.skip_end(&input[at..]);
                    if end > 0 {
                        at += end;
                    // The LF after a counted message ends nothing.
                    } else if after_counted && byte == b'\n' {
                        self.state = FrameState::Start { after_counted: false };
                        at += 1;
                    } else {
                        self.state = self.first(byte);
                    }
                }
                FrameState::Count { digits, value } => match self.count(digits, value, byte) {
                    Ok(state) => {
                        self.state = state;
                        at += 1;
                    }
                    Err(reject) => {
                        self.state = FrameState::Broken;
                        return (input.len(), Some(Frame::Broken(reject)));
                    }
                },
                FrameState::Body { length } => {
                    let (taken, whole) = self.body(length, &input[at..]);
                    return (at + taken, whole);
                }
                // After a bad message, the first byte of the next one decides how it is framed.
                FrameState::Line if self.cutter.is_within_bad() => {
                    at += self.cutter.skip_bad(&input[at..]);
                    if self.cutter.is_at_start() {
                        self.state = FrameState::Start { after_counted: false };
                    }
                }
                FrameState::Line => {
                    let (taken, line) = self.line(&input[at..]);
                    return (at + taken, line);
                }
                FrameState::Broken => return (input.len(), None),
            }
        }
    }

    /// What there is of the message that the stream, if it ended here, would end in; `None` if it would end between
    /// two, or if the last one has been reported.
    #[must_use]
    pub fn partial(&self) -> Option<&[u8]> {
        match self.state {
            FrameState::Start { .. } | FrameState::Broken => None,
            FrameState::Line => Some(&self.kept[..]).filter(|kept| !kept.is_empty()),
            FrameState::Count { .. } | FrameState::Body { .. } => Some(&self.kept),
        }
    }

    fn first(&self, byte: u8) -> FrameState {
        let counted = match self.framing {
            Framing::Auto => byte.is_ascii_digit(),
            Framing::Lines => false,
            Framing::Counted => true,
        };
        if counted { FrameState::Count { digits: 0, value: 0 } } else { FrameState::Line }
    }

    /// One byte of `NONZERO-DIGIT *DIGIT SP`.
    fn count(&self, digits: u8, value: u64, byte: u8) -> Result<FrameState, Reject> {
        match byte {
            b'0' if digits == 0 => Err(Reject::Framing),
            b'0'..=b'9' if digits < MAX_DIGITS => {
                Ok(FrameState::Count { digits: digits + 1, value: value * 10 + u64::from(byte - b'0') })
            }
            b' ' if digits > 0 => {
                // One more than the limit, for a counted LF.
                let length = usize::try_from(value).ok().filter(|&length| length <= self.limit + 1);
                length.map(|length| FrameState::Body { length }).ok_or(Reject::TooLong)
            }
            _ => Err(Reject::Framing),
        }
    }

    fn body<'a>(&'a mut self, length: usize, input: &'a [u8]) -> (usize, Option<Frame<'a>>) {
        let missing = length - self.kept.len();
        if input.len() < missing {
            self.kept.extend_from_slice(input);
            return (input.len(), None);
        }
        self.state = FrameState::Start { after_counted: true };
        (missing, Some(Frame::Message(whole(&mut self.kept, &input[..missing]))))
    }

    fn line<'a>(&'a mut self, input: &'a [u8]) -> (usize, Option<Frame<'a>>) {
        let kept = self.kept.len();
        // The kept bytes are a beginning without an end; enough input is appended to find the end.
        let end = memchr2(b'\n', 0, input).map_or(input.len(), |at| input.len().min(at + END_BYTES));
        if kept > 0 {
            self.kept.extend_from_slice(&input[..end]);
        }
        let bytes = if kept > 0 { &self.kept } else { input };
        // The sender may wait for an answer after a NUL, so do not wait for more bytes.
        let (taken, line) = self.cutter.next(bytes, self.limit, true);
        let found = line.map(|line| match line {
            Line::Whole(line) => Ok((line.as_ptr().addr() - bytes.as_ptr().addr(), line.len())),
            Line::Bad(reject) => Err(reject),
        });
        if self.cutter.is_at_start() && found.is_some() {
            self.state = FrameState::Start { after_counted: false };
        }
        match found {
            None if kept > 0 => {
                self.kept.drain(..taken);
                (end, None)
            }
            None => {
                self.kept.extend_from_slice(&input[taken..]);
                (input.len(), None)
            }
            Some(Err(reject)) => {
                self.kept.clear();
                (taken - kept, Some(Frame::Bad(reject)))
            }
            Some(Ok((start, length))) => {
                let bytes = if kept > 0 { &self.kept } else { input };
                (taken - kept, Some(Frame::Message(&bytes[start..start + length])))
            }
        }
    }
}

/// A message from its kept beginning and its end. The usual case, a whole one in one chunk, is not copied.
fn whole<'a>(kept: &'a mut Vec<u8>, end: &'a [u8]) -> &'a [u8] {
    if kept.is_empty() {
        return end;
    }
    kept.extend_from_slice(end);
    kept
}

#[cfg(test)]
mod tests;
