//! Prints of a content up to the end of each of its first lines.
//!
//! They tell whether a text of any length is the beginning of that content. So an older copy, with fewer lines than
//! were read, is recognised too. A single print of the first bytes cannot do that for a text with fewer bytes.

use super::record::{ENOUGH, Print};
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
        hex(&self.0, f)
    }
}

impl FromStr for Ladder {
    type Err = ();

    fn from_str(text: &str) -> Result<Ladder, ()> {
        unhex(text).map(Ladder).ok_or(())
    }
}

fn hex(prints: &[u32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    prints.iter().try_for_each(|print| write!(f, "{print:08x}"))
}

fn unhex(text: &str) -> Option<Vec<u32>> {
    let whole = !text.is_empty() && text.len().is_multiple_of(DIGITS);
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let print = |at: usize| u32::from_str_radix(&text[at..at + DIGITS], 16).ok();
    (whole && hex).then(|| (0..text.len()).step_by(DIGITS).map(print).collect())?
}

/// Prints of the last lines of a content, each for itself: they are found again where lines before them were removed.
///
/// Four together have 128 bits. The last bytes would not do: of an access log, 256 bytes are one line. More than four are
/// kept, because the last ones may be those that were removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastLines(Vec<u32>);

/// How many of the last lines are known.
const KEPT: usize = 32;

impl LastLines {
    /// Goes on with more of the content, which ends with a line. If it does not, nothing is known.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let mut lines: Vec<&[u8]> = Vec::new();
        let mut rest = text;
        while let Some((&end, _)) = rest.split_last().filter(|_| lines.len() < KEPT) {
            if !matches!(end, b'\n' | 0) {
                self.0.clear();
                return;
            }
            let start = memchr::memrchr2(b'\n', 0, &rest[..rest.len() - 1]).map_or(0, |at| at + 1);
            // Empty ones are none.
            lines.extend(Some(&rest[start..]).filter(|line| line.len() > 1));
            rest = &rest[..start];
        }
        for line in lines.iter().rev() {
            self.line(line);
        }
    }

    /// Goes on with one line, its end included.
    pub(crate) fn line(&mut self, line: &[u8]) {
        if line.len() > 1 {
            self.0.push(LastLines::print(line));
        }
        let over = self.0.len().saturating_sub(KEPT);
        self.0.drain(..over);
    }

    /// The last four of them, or all if they are fewer.
    pub(crate) fn end(&self) -> &[u32] {
        &self.0[self.0.len().saturating_sub(ENOUGH)..]
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[u32] {
        &self.0
    }

    /// Whether there were no others before them in a content that has these first lines.
    pub(crate) fn are_all(&self, first: &Ladder, is_longer: bool) -> bool {
        !self.0.is_empty() && self.0.len() < KEPT && (is_longer || first.0.len() <= self.0.len())
    }

    /// What is known of one line.
    pub(crate) fn print(line: &[u8]) -> u32 {
        (Print::of(line).0 >> 96) as u32
    }

    /// Whether the last four are known, and no two alike, so that another content does not have them by chance.
    pub(crate) fn are_distinct(&self) -> bool {
        is_run(self.end())
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn made_up(mut prints: Vec<u32>) -> LastLines {
        prints.truncate(KEPT);
        LastLines(prints)
    }
}

/// Whether these are the prints of enough lines, no two of them alike.
pub(crate) fn is_run(prints: &[u32]) -> bool {
    let others = |at: usize| &prints[at + 1..];
    prints.len() == ENOUGH && prints.iter().enumerate().all(|(at, print)| !others(at).contains(print))
}

impl fmt::Display for LastLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl FromStr for LastLines {
    type Err = ();

    fn from_str(text: &str) -> Result<LastLines, ()> {
        unhex(text).filter(|prints| prints.len() <= KEPT).map(LastLines).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However it is read, the last lines are the same.
        #[test]
        fn last_lines_do_not_depend_on_the_portions(
            lines in prop::collection::vec("[ab]{0,3}", 0..12),
            cuts in prop::collection::vec(any::<bool>(), 12),
        ) {
            let mut in_portions = LastLines::default();
            let mut portion = String::new();
            for (line, cut) in lines.iter().zip(cuts) {
                portion += &format!("{line}\n");
                if cut {
                    in_portions.push(std::mem::take(&mut portion).as_bytes());
                }
            }
            in_portions.push(portion.as_bytes());
            let mut at_once = LastLines::default();
            at_once.push(lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes());
            prop_assert_eq!(&in_portions, &at_once);
            let mut one_by_one = LastLines::default();
            lines.iter().for_each(|line| one_by_one.line(format!("{line}\n").as_bytes()));
            prop_assert_eq!(&one_by_one, &at_once);
        }
    }

    #[test]
    fn four_different_lines_are_enough() {
        for (text, enough) in [
            ("a\nb\nc\n", false),
            ("a\nb\nc\nd\n", true),
            ("a\nb\n\nc\nd\n", true),
            ("a\nb\nc\na\n", false),
            ("a\na\nb\nc\nd\n", true),
            ("a\nb\nc\nd\ne", false),
        ] {
            let mut last = LastLines::default();
            last.push(text.as_bytes());
            assert_eq!(last.are_distinct(), enough, "{text:?}");
        }
    }

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
