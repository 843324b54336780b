//! The width of a text according to badge-maker.
//!
//! Its tables (from anafanafo) have the widths of Verdana and Helvetica; missing characters count as an `m`. That is a
//! guess for emoji and for most scripts, but a badge is as wide as badge-maker's only if the guess is the same. An emoji that
//! is several characters is one here, and combining marks have no width: badge-maker makes room for each of them, and
//! browsers spread the rest of the text.

use super::widths::{BLOCKS, MISSING};
use crate::text::{OneEmoji, is_zero_width, phrase};

/// A font that badge-maker measures with.
#[derive(Clone, Copy)]
pub(super) enum Face {
    Verdana11,
    Verdana10,
    Verdana10Bold,
    Helvetica11Bold,
}

impl Face {
    /// Width of a text in pixels.
    pub(super) fn width(self, text: &str) -> f64 {
        let hundredths: u32 = if text.is_ascii() {
            // All of it is in the first block.
            let (first, widths) = &BLOCKS[0];
            let of = |b: u8| widths.get((u32::from(b) - first) as usize).map_or(0, |of| of[self as usize]);
            text.bytes().filter(|b| u32::from(*b) >= *first).map(|b| u32::from(of(b))).sum()
        } else {
            let mut emoji = OneEmoji::new();
            text.chars().filter(|&c| !emoji.goes_on(c)).map(|c| self.advance(c)).sum()
        };
        f64::from(hundredths) / 100.0
    }

    /// Rounded down, and then up to an odd number: the middle is on a whole pixel more often.
    pub(super) fn odd_width(self, text: &str) -> f64 {
        let whole = self.width(text).floor();
        if whole % 2.0 == 0.0 { whole + 1.0 } else { whole }
    }

    fn size(self) -> u32 {
        match self {
            Face::Verdana11 | Face::Helvetica11Bold => 1100,
            Face::Verdana10 | Face::Verdana10Bold => 1000,
        }
    }

    /// In hundredths of a pixel.
    fn advance(self, c: char) -> u32 {
        // badge-maker makes room for an `m`, and browsers spread the rest of the text.
        if is_zero_width(c) {
            return 0;
        }
        // badge-maker has one letter's width for them, and they cover what is beside them.
        if let Some(sizes) = phrase(c) {
            return sizes * self.size();
        }
        let measured = self.measured(c).or_else(|| is_ideograph(c).then(|| self.size()));
        measured.or_else(|| self.measured('m')).unwrap_or_default()
    }

    fn measured(self, c: char) -> Option<u32> {
        let code = c as u32;
        let after = BLOCKS.partition_point(|&(first, _)| first <= code);
        let (first, widths) = BLOCKS.get(after.checked_sub(1)?)?;
        let width = widths.get((code - first) as usize)?[self as usize];
        (width != MISSING).then_some(u32::from(width))
    }
}

/// What the tables have at the full size of the font.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbe}' | '\u{4e00}'..='\u{9ffe}' | '\u{f900}'..='\u{fafe}' | '\u{ff01}'..='\u{ff60}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_in_one_character_is_no_letter() {
        assert_eq!(Face::Verdana11.width("\u{fdfd}"), 110.0);
        assert_eq!(Face::Helvetica11Bold.width("\u{fdfa}"), 44.0);
    }

    #[test]
    fn an_emoji_of_many_characters_is_as_wide_as_its_first() {
        let width = |text: &str| Face::Verdana11.width(text);
        for text in [
            "👨\u{200d}👩\u{200d}👧",
            "👍🏽",
            "🇩🇪",
            "❤\u{fe0f}",
            "👩\u{200d}❤\u{fe0f}\u{200d}👨",
            "🏴\u{e0067}\u{e007f}",
        ] {
            let first: String = text.chars().take(1).collect();
            assert_eq!(width(text), width(&first), "{text}");
        }
        assert_eq!(width("1\u{fe0f}\u{20e3}"), width("1"));
        assert_eq!(width("🎉🎉"), 2.0 * width("🎉"));
        // As macOS writes it: a letter and its accent.
        assert_eq!(width("e\u{301}te\u{301}"), width("ete"));
    }
}
