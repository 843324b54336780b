//! Cuts the bytes of a file into lines, for a sink that can be full.

use super::runs::Runs;
use tallymark_core::{Cutter, Line, Reject};

/// Where lines go.
pub(crate) trait Sink {
    /// One line without its end.
    fn line(&mut self, line: &[u8]);
    /// Something that did not even become a line.
    fn reject(&mut self, reject: Reject);
    /// How many lines have counted.
    fn counted(&self) -> u64;
    /// Whether no more should come for now.
    fn is_full(&self) -> bool;
}

/// Hands out whole lines until there are no more or the sink is full. Answers how many bytes are done with. With
/// `is_all` nothing follows at the moment, and a NUL at the end is waited for no longer. `runs` get what was handed out.
pub(crate) fn lines(
    cutter: &mut Cutter,
    bytes: &[u8],
    max_line: usize,
    is_all: bool,
    runs: &mut Runs,
    sink: &mut impl Sink,
) -> usize {
    let mut at = 0;
    while !sink.is_full() {
        let (taken, line) = cutter.next(&bytes[at..], max_line, is_all);
        let (text, before, is_last) = (&bytes[at..at + taken], sink.counted(), line.is_none());
        match line {
            Some(Line::Whole(line)) => sink.line(line),
            Some(Line::Bad(reject)) => sink.reject(reject),
            None => {}
        }
        runs.push(text, sink.counted() > before);
        at += taken;
        if is_last {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen {
        text: String,
        room: usize,
    }

    impl Sink for Seen {
        fn line(&mut self, line: &[u8]) {
            self.text += &format!("{}|", String::from_utf8_lossy(line));
            self.room -= 1;
        }

        fn reject(&mut self, reject: Reject) {
            self.text += &format!("!{reject}|");
        }

        fn counted(&self) -> u64 {
            0
        }

        fn is_full(&self) -> bool {
            self.room == 0
        }
    }

    fn cut(bytes: &[u8], is_all: bool, room: usize) -> (String, usize) {
        let mut seen = Seen { room, ..Seen::default() };
        let taken = lines(&mut Cutter::default(), bytes, 5, is_all, &mut Runs::default(), &mut seen);
        (seen.text, taken)
    }

    #[test]
    fn what_a_full_sink_leaves_and_a_line_without_end_wait() {
        assert_eq!(cut(b"a\nb\nc\n", false, 2), ("a|b|".to_owned(), 4));
        assert_eq!(cut(b"a\nb", true, 9), ("a|".to_owned(), 2));
        assert_eq!(cut(b"a\0", false, 9), (String::new(), 0));
        assert_eq!(cut(b"a\0", true, 9), ("a|".to_owned(), 2));
    }
}
