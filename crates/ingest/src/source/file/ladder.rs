//! Prints of a content up to the end of each of its first lines.
//!
//! They say whether a text of any length is the beginning of that content, so that an older copy, which has fewer lines
//! than were read, is known too. One print of the first bytes cannot say that of a text with fewer bytes.

use super::record::Print;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// How many digits a print has in the text.
const DIGITS: usize = 8;

/// One print for each line that ends within the first bytes. Positions that older versions wrote have none.
///
/// 32 bits each are enough: a text has to agree with the print of each of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ladder(Vec<u32>);

impl Ladder {
    /// Of the first bytes of a content.
    pub(crate) fn of(first: &[u8]) -> Ladder {
        Ladder(prints(first).map(|(_, print)| print).collect())
    }

    /// Whether all whole lines of a text are the first ones of this content. A text without any proves nothing.
    pub(crate) fn begins_with(&self, of_text: &Ladder) -> bool {
        !of_text.is_empty() && self.0.starts_with(&of_text.0)
    }

    /// The lines of a text, from its beginning, that are the first ones of this content.
    pub(crate) fn common<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let alike = prints(text).zip(&self.0).take_while(|((_, print), known)| print == *known);
        &text[..alike.last().map_or(0, |((end, _), _)| end)]
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn made_up(prints: Vec<u32>) -> Ladder {
        Ladder(prints)
    }
}

/// Where lines end, and the print up to there. They end as [`tallymark_core::Cutter`] ends them; empty ones are none.
fn prints(text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | 0);
    let (mut digest, mut at) = (Sha256::new(), 0);
    text.split_inclusive(is_end).filter_map(move |line| {
        digest.update(line);
        at += line.len();
        let is_line = line.len() > 1 && line.last().is_some_and(is_end);
        is_line.then(|| (at, (Print::finished(digest.clone()).0 >> 96) as u32))
    })
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|print| write!(f, "{print:08x}"))
    }
}

impl FromStr for Ladder {
    type Err = ();

    fn from_str(text: &str) -> Result<Ladder, ()> {
        if text.is_empty()
            || !text.len().is_multiple_of(DIGITS)
            || !text.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(());
        }
        let print = |at: usize| u32::from_str_radix(&text[at..at + DIGITS], 16).map_err(|_| ());
        (0..text.len()).step_by(DIGITS).map(print).collect::<Result<_, ()>>().map(Ladder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_beginning_is_known_and_no_other_text() {
        let whole = b"one\ntwo\r\n\nthree\n\0four\0five";
        let ladder = Ladder::of(whole);
        assert_eq!(ladder.0.len(), 4);
        for end in 4..=whole.len() {
            assert!(ladder.begins_with(&Ladder::of(&whole[..end])), "{end}");
        }
        // What has no end yet is no line.
        assert!([&b"one\ntw"[..], b"one\nother"].iter().all(|text| ladder.begins_with(&Ladder::of(text))));
        for other in [&b""[..], b"o", b"one", b"\n", b"one\nother\n", b"two\n", b"one\ntwo\r\nthree\n"] {
            assert!(!ladder.begins_with(&Ladder::of(other)), "{other:?}");
        }
        assert!(!ladder.begins_with(&Ladder::of(&[whole, &b"\nsix\n"[..]].concat())));
        assert!(!Ladder::default().begins_with(&Ladder::of(b"one\n")));
        assert_eq!(ladder.common(b"one\ntwo\r\nother\nthree\n"), b"one\ntwo\r\n");
        assert_eq!((ladder.common(b"x\n"), ladder.common(whole)), (&b""[..], &whole[..22]));
    }

    #[test]
    fn text_reads_back_and_others_are_refused() {
        let ladder = Ladder::of(b"one\ntwo\n");
        assert_eq!(ladder.to_string().parse(), Ok(ladder));
        for text in ["", "1", "0123456", "0123456g", "+1234567", "0123456701", "\u{e9}\u{e9}\u{e9}\u{e9}"] {
            assert_eq!(text.parse::<Ladder>(), Err(()), "{text}");
        }
    }
}
