//! Which characters of a text may be shown.
//!
//! Works on characters, before escaping and before measuring, so that both see the same text.

use std::{iter::Peekable, str::Chars};

use super::metrics::is_zero_width;

/// Most combining marks in a row that are kept: a flag of a region needs six, stacked marks that
/// climb out of the badge need more.
const MARKS_IN_A_ROW: u8 = 8;

/// The characters of `text` that may be shown, in order.
///
/// Dropped: what XML 1.0 (section 2.2) forbids, C1 controls, and the marks that turn the direction
/// of the text around them, because `1,234` must not read `432,1` behind a hostile label. White space
/// becomes one space, and none at the ends, as an SVG reader would show it.
#[must_use]
pub fn clean(text: &str) -> Clean<'_> {
    Clean { chars: text.chars().peekable(), started: false, marks: 0 }
}

/// Iterator of [`clean`](fn@clean).
#[derive(Debug, Clone)]
pub struct Clean<'a> {
    chars: Peekable<Chars<'a>>,
    started: bool,
    marks: u8,
}

impl Iterator for Clean<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut space = false;
        loop {
            let c = *self.chars.peek()?;
            if c.is_whitespace() {
                space = true;
            } else if self.may_be_shown(c) {
                if space && self.started {
                    // The character itself is left for the next call.
                    self.marks = 0;
                    return Some(' ');
                }
                self.started = true;
                self.marks = if is_zero_width(c) { self.marks + 1 } else { 0 };
                self.chars.next();
                return Some(c);
            }
            self.chars.next();
        }
    }
}

impl Clean<'_> {
    fn may_be_shown(&self, c: char) -> bool {
        let forbidden = match c {
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => true,
            '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
            // U+1FFFE, U+1FFFF and so on: legal XML 1.0, but no characters.
            _ => c as u32 & 0xfffe == 0xfffe,
        };
        !forbidden && (self.marks < MARKS_IN_A_ROW || !is_zero_width(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(clean(text).collect::<String>(), expect, "{text:?}");
    }

    #[test]
    fn white_space_is_one_space_inside_and_none_outside() {
        check("  a \t\n b\r\n", "a b");
        check("a\u{3000}b\u{a0}c", "a b c");
        check(" \n ", "");
        check("", "");
    }

    #[test]
    fn characters_xml_forbids_are_dropped() {
        check("a\0b\u{1}c\u{fffe}d\u{ffff}e\u{7f}f\u{85}g", "abcdef g");
        check("a\u{1fffe}b", "ab");
    }

    #[test]
    fn direction_marks_are_dropped() {
        check("\u{202e}1,234\u{202c}", "1,234");
        check("\u{2067}a\u{2069}", "a");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let tower = format!("a{}b", "\u{301}".repeat(100));
        assert_eq!(clean(&tower).count(), 2 + usize::from(MARKS_IN_A_ROW));
    }

    #[test]
    fn cleaning_twice_changes_nothing() {
        for text in ["  a \u{202e} b\u{301}  ", " \u{301} ", "a \0 b"] {
            let once: String = clean(text).collect();
            check(&once, &once);
        }
    }
}
