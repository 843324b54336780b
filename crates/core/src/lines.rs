//! Cutting a stream of bytes into lines, with a bound on how long one may be.
//!
//! Where the stream is cut into chunks does not matter. What a line is longer than is thrown away up to its LF, and
//! said once; what stands behind the last LF is no line. Sources of streams and `replay` feed it.

/// One line, or that there was one too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Without its LF, CR and NUL.
    Whole(&'a [u8]),
    /// Longer than the limit; its bytes are gone.
    TooLong,
}

/// The state between two chunks.
#[derive(Debug)]
pub struct Lines {
    partial: Vec<u8>,
    limit: usize,
    discarding: bool,
}

impl Lines {
    /// Lines of at most `limit` bytes, LF not counted.
    pub fn new(limit: usize) -> Lines {
        Lines { partial: Vec::new(), limit, discarding: false }
    }

    /// Takes the next chunk, and hands out every line that ends in it.
    pub fn push(&mut self, mut chunk: &[u8], mut each: impl FnMut(Line<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (head, tail) = (&chunk[..end], &chunk[end + 1..]);
            chunk = tail;
            if std::mem::take(&mut self.discarding) {
                continue;
            }
            if self.partial.len() + head.len() > self.limit {
                each(Line::TooLong);
            } else if self.partial.is_empty() {
                // The usual case: a whole line in one chunk is not copied.
                each(Line::Whole(trimmed(head)));
            } else {
                self.partial.extend_from_slice(head);
                each(Line::Whole(trimmed(&self.partial)));
            }
            self.partial.clear();
        }
        if self.discarding || chunk.is_empty() {
            return;
        }
        if self.partial.len() + chunk.len() > self.limit {
            self.discarding = true;
            self.partial.clear();
            each(Line::TooLong);
        } else {
            self.partial.extend_from_slice(chunk);
        }
    }

    /// What came after the last LF, if anything did and it was not too long.
    pub fn partial(&self) -> &[u8] {
        trimmed(&self.partial)
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| !matches!(b, b'\r' | 0)).map_or(0, |at| at + 1);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(chunks: &[&[u8]], limit: usize) -> (Vec<Option<Vec<u8>>>, Vec<u8>) {
        let mut lines = Lines::new(limit);
        let mut out = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |line| {
                out.push(match line {
                    Line::Whole(line) => Some(line.to_vec()),
                    Line::TooLong => None,
                });
            });
        }
        (out, lines.partial().to_vec())
    }

    #[test]
    fn lines_end_with_lf_and_lose_cr_and_nul() {
        let (lines, partial) = cut(&[b"a\r\n\nb\0\nc"], 10);
        assert_eq!(lines, [Some(b"a".to_vec()), Some(b"".to_vec()), Some(b"b".to_vec())]);
        assert_eq!(partial, b"c");
    }

    #[test]
    fn line_over_the_limit_is_said_once_and_the_next_one_is_whole() {
        let (lines, partial) = cut(&[b"12345\n123456\n1"], 5);
        assert_eq!(lines, [Some(b"12345".to_vec()), None]);
        assert_eq!(partial, b"1");
        let (lines, _) = cut(&[b"123", b"456", b"789", b"\nok\n"], 5);
        assert_eq!(lines, [None, Some(b"ok".to_vec())]);
    }

    proptest! {
        #[test]
        fn where_chunks_end_does_not_matter(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0u8)], 0..200),
            cuts in prop::collection::vec(0usize..200, 0..10), limit in 1usize..12,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cut(&chunks, limit), cut(&[&text], limit));
        }
    }
}
