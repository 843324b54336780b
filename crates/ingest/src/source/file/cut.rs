//! Lines out of what was read of a file: whole ones, and what stands in the place of one after a crash.

use memchr::memchr;
use tallymark_core::Reject;

/// Where lines go.
pub(super) trait Sink {
    /// One line without its end.
    fn line(&mut self, line: &[u8]);
    /// Something that did not even become a line.
    fn reject(&mut self, reject: Reject);
    /// Whether no more should come for now.
    fn is_full(&self) -> bool;
}

/// Cuts lines out of what was read.
pub(super) struct Cut<'a> {
    /// Within a line that was too long.
    pub(super) skip: &'a mut bool,
    /// Within a run of NULs.
    pub(super) in_nuls: &'a mut bool,
    pub(super) max_line: usize,
}

impl Cut<'_> {
    /// Hands out whole lines until there are no more or the sink is full. Answers how many bytes are done with.
    pub(super) fn lines(&mut self, bytes: &[u8], sink: &mut impl Sink) -> usize {
        let has_nuls = *self.in_nuls || memchr(0, bytes).is_some();
        let mut at = 0;
        while at < bytes.len() && !sink.is_full() {
            if *self.in_nuls {
                at += self.end_of_nuls(&bytes[at..]);
                continue;
            }
            let rest = &bytes[at..];
            let end = memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            if *self.skip {
                *self.skip = end.is_none();
                at += end.map_or(rest.len(), |end| end + 1);
            } else if let Some(nul) = has_nuls.then(|| torn_at(line, end.is_some())).flatten() {
                if nul > 0 {
                    sink.reject(Reject::Partial);
                }
                sink.reject(Reject::Nul);
                *self.in_nuls = true;
                at += nul;
            } else if let Some(end) = end {
                sink.line(trimmed(line));
                at += end + 1;
            } else if line.len() > self.max_line {
                sink.reject(Reject::TooLong);
                *self.skip = true;
                at = bytes.len();
            } else {
                break;
            }
        }
        at
    }

    /// How long the run of NULs at the start of `bytes` goes on. The line end behind it belongs to it.
    fn end_of_nuls(&mut self, bytes: &[u8]) -> usize {
        let nuls = bytes.iter().take_while(|&&b| b == 0).count();
        *self.in_nuls = nuls == bytes.len();
        nuls + usize::from(bytes.get(nuls) == Some(&b'\n'))
    }
}

/// Where a run of NULs begins, as a crash of the machine or a copytruncate under a writer without O_APPEND leaves it.
/// One NUL before the line end is none: some relays write it.
fn torn_at(line: &[u8], ended: bool) -> Option<usize> {
    let nul = memchr(0, line)?;
    let at_end = nul + 1 == line.len() || (ended && line[nul + 1..] == *b"\r");
    (nul == 0 || !at_end).then_some(nul)
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

        fn is_full(&self) -> bool {
            self.room == 0
        }
    }

    /// What comes out of chunks, and what is left.
    fn cut_at(max_line: usize, chunks: &[&[u8]], room: usize) -> (String, Vec<u8>) {
        let mut seen = Seen { room, ..Seen::default() };
        let (mut skip, mut in_nuls) = (false, false);
        let mut ahead = Vec::new();
        for chunk in chunks {
            ahead.extend_from_slice(chunk);
            let taken = Cut { skip: &mut skip, in_nuls: &mut in_nuls, max_line }.lines(&ahead, &mut seen);
            ahead.drain(..taken);
        }
        (seen.text, ahead)
    }

    fn cut(chunks: &[&[u8]], room: usize) -> (String, Vec<u8>) {
        cut_at(5, chunks, room)
    }

    #[test]
    fn lines_end_with_lf_and_lose_cr_and_one_nul() {
        assert_eq!(cut(&[b"a\r\n\nb\0\nc\0\r\nd"], 9), ("a||b|c|".to_owned(), b"d".to_vec()));
        assert_eq!(cut(&[b"a\nb\nc\n"], 2), ("a|b|".to_owned(), b"c\n".to_vec()));
        assert_eq!(cut(&[b"12345\n123456\n"], 9).0, "12345|123456|", "the intake knows what is too long");
    }

    #[test]
    fn line_without_end_is_too_long_once_and_goes_on_to_its_end() {
        assert_eq!(cut(&[b"123", b"456", b"789", b"\nok\n"], 9).0, "!too_long|ok|");
    }

    #[test]
    fn run_of_nuls_is_one_reject_and_what_follows_is_a_line() {
        assert_eq!(cut(&[b"a\n\0\0\0\0\0\0\0\0b\n"], 9).0, "a|!nul|b|");
        assert_eq!(cut(&[b"a\n\0\0\0", b"\0\0\0\0\0", b"\0b\nc\n"], 9).0, "a|!nul|b|c|");
        assert_eq!(cut(&[b"to\0\0\0rn\nc\n"], 9).0, "!partial|!nul|rn|c|");
        assert_eq!(cut(&[b"\0\0\0\nc\n"], 9).0, "!nul|c|");
        assert_eq!(cut(&[b"\0\0\n\0\0\nc\n"], 9).0, "!nul|!nul|c|");
    }

    proptest! {
        #[test]
        fn where_chunks_end_does_not_matter(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), Just(b'b'), Just(0u8)], 0..100),
            cuts in prop::collection::vec(0usize..100, 0..10),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            // A longer line goes whole to the intake, or is thrown away here, as the chunks fall.
            prop_assert_eq!(cut_at(100, &chunks, 1000), cut_at(100, &[&text], 1000));
        }
    }
}
