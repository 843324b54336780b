//! Changing inputs: bits, bytes, pieces, and words that readers look for.

/// What formats are made of, and what they stumble over.
const WORDS: &[&[u8]] = &[
    b"<158>",
    b"<0>",
    b"<191>",
    b"<999>",
    b"1 ",
    b"- ",
    b": ",
    b"badge: ",
    b"\"",
    b"\\x22",
    b"\\",
    b"%",
    b"%2F",
    b"%252F",
    b"%00",
    b"..",
    b"/",
    b"~",
    b"~all",
    b",",
    b"\"-\"",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"2026-11-20",
    b"2026-02-30",
    b"9999-12-31",
    b"0000-00-00",
    b"[",
    b"]",
    b"[[source]]\n",
    b"= ",
    b"'",
    b"#",
    b"&",
    b"?",
    b"=",
    b"+",
    b"GET /badge.svg?repo=a/b HTTP/1.1",
    b"200",
    b"18446744073709551616",
    b"-1",
    b"1e999",
    b"0x10",
    b"9223372036854775807",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b" ",
];

/// Inputs longer than this are cut: a reader's bounds are met well before.
const MOST: usize = 8192;

/// The dice (xorshift64*), and what they do.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Mutator {
        Mutator(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        (number % bound.max(1) as u64) as usize
    }

    /// One of the corpus, changed in one to eight places.
    pub(crate) fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, corpus);
        }
        input.truncate(MOST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(64) + 1);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.below(256) as u8,
            2 => drop(input.drain(at..end)),
            3 => insert(input, at, WORDS[self.below(WORDS.len())]),
            4 => {
                let piece = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                insert(input, to, &piece);
            }
            5 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => input.truncate(at),
            7 => {
                let piece = input[at..end].repeat(1 + self.below(64));
                insert(input, at, &piece);
            }
            _ => {
                let byte = self.below(256) as u8;
                insert(input, at, &[byte]);
            }
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if input.len() + piece.len() <= 2 * MOST {
        input.splice(at..at, piece.iter().copied());
    }
}
