//! Text cut to the box it is drawn in.

use super::{
    clean::clean,
    escape::XmlText,
    metrics::{EM, Meter, PLAIN, is_shaped},
};
use std::{borrow::Cow, fmt::Write};
use unicode_segmentation::UnicodeSegmentation;

/// Font size of a badge in pixels; widths below are for this size.
pub(super) const FONT_SIZE: u32 = 11;

/// Most characters of one text, shown or not. Keeps a picture of any text under 64 KiB.
const MAX_CHARS: usize = 512;

pub(super) const ELLIPSIS: char = '…';
/// They would look like a part of it.
pub(crate) const BEFORE_ELLIPSIS: [char; 8] = [' ', '.', ',', ';', '，', '。', '、', '；'];

/// A text measured at 11 px and cut, with an ellipsis, where it would be wider than its limit.
///
/// Never more than 512 characters, whatever the limit. Borrows: measuring and writing walk over the original text and
/// allocate nothing unless the text is cut.
#[derive(Debug, Clone, Copy)]
pub struct Fitted<'a> {
    text: &'a str,
    /// Every byte is printable ASCII that needs no escaping, nothing is cut or cleaned away.
    plain: bool,
    /// How many clean characters are shown.
    chars: usize,
    cut: bool,
    /// Sum of advances, in font units.
    units: u32,
    shaped: bool,
}

impl<'a> Fitted<'a> {
    /// Measures `text`, and cuts it if it is wider than `limit` pixels.
    #[must_use]
    pub fn new(text: &'a str, limit: u32) -> Self {
        let limit = limit.saturating_mul(EM) / FONT_SIZE;
        match plain_units(text, limit) {
            Some(units) => Self { text, plain: true, chars: text.len(), cut: false, units, shaped: false },
            None => Self::any(text, limit),
        }
    }

    fn any(text: &'a str, limit: u32) -> Self {
        let mut meter = Meter::new();
        let mut shaped = false;
        let (mut units, mut chars) = (0, 0);
        for c in clean(text) {
            units += meter.advance(c);
            chars += 1;
            shaped |= is_shaped(c);
            if units > limit || chars > MAX_CHARS {
                return Self::cut(text, limit);
            }
        }
        Self { text, plain: false, chars, cut: false, units, shaped }
    }

    /// The longest beginning that leaves room for the ellipsis, in whole graphemes: half a syllable or half an emoji is
    /// another one.
    fn cut(text: &'a str, limit: u32) -> Self {
        let room = limit.saturating_sub(Meter::new().advance(ELLIPSIS));
        let start: String = clean(text).take(MAX_CHARS).collect();
        let mut meter = Meter::new();
        let mut shown = Self { text, plain: false, chars: 0, cut: true, units: limit - room, shaped: false };
        let mut units = 0;
        for grapheme in start.graphemes(true) {
            units += grapheme.chars().map(|c| meter.advance(c)).sum::<u32>();
            if units > room {
                break;
            }
            shown.chars += grapheme.chars().count();
            shown.units = units + (limit - room);
            shown.shaped |= grapheme.chars().any(is_shaped);
        }
        shown.without_end(&start, limit - room)
    }

    /// Without the space, the full stop or the comma that would be before the ellipsis.
    fn without_end(self, start: &str, ellipsis: u32) -> Self {
        let kept: String = start.chars().take(self.chars).collect();
        let end = kept.trim_end_matches(BEFORE_ELLIPSIS);
        if end.is_empty() || end.len() == kept.len() {
            return self;
        }
        let mut meter = Meter::new();
        let units: u32 = end.chars().map(|c| meter.advance(c)).sum();
        Self { chars: end.chars().count(), units: units + ellipsis, ..self }
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chars == 0 && !self.cut
    }

    /// Width in tenths of a pixel, rounded up.
    #[must_use]
    pub fn tenths(&self) -> u32 {
        (self.units * FONT_SIZE * 10).div_ceil(EM)
    }

    /// Whether the width is an estimate, or letters join: then the text must not be stretched to it.
    #[must_use]
    pub fn is_shaped(&self) -> bool {
        self.shaped
    }

    /// The text that is shown, not escaped: for a reader that escapes by itself.
    #[must_use]
    pub fn shown(&self) -> Cow<'a, str> {
        match self.plain {
            true => Cow::Borrowed(self.text),
            false => clean(self.text).take(self.chars).chain(self.cut.then_some(ELLIPSIS)).collect(),
        }
    }

    /// Appends the text as XML.
    pub fn push_to(&self, out: &mut String) {
        if self.plain {
            out.push_str(self.text);
            return;
        }
        let shown = self.shown();
        // A String does not fail to grow in a way that could be reported.
        let _ = write!(out, "{}", XmlText(&shown));
    }
}

/// Whether a text is shown exactly as it is, also in XML. A long one may be, and is not said to be.
pub(super) fn is_plain(text: &str) -> bool {
    plain_units(text, u32::MAX).is_some()
}

/// Width of a text that is shown exactly as it is, which nearly every text is; `None` if it is not.
fn plain_units(text: &str, limit: u32) -> Option<u32> {
    if text.len() > MAX_CHARS {
        return None;
    }
    let mut units = 0;
    let mut before = b' ';
    for &b in text.as_bytes() {
        let advance = PLAIN[usize::from(b)];
        if advance == 0 || (b == b' ' && before == b' ') {
            return None;
        }
        units += u32::from(advance);
        if units > limit {
            return None;
        }
        before = b;
    }
    (before != b' ' || text.is_empty()).then_some(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, limit: u32, expect: &str) {
        let fitted = Fitted::new(text, limit);
        let mut out = String::new();
        fitted.push_to(&mut out);
        assert_eq!(out, expect, "{text:?}");
        assert!(fitted.tenths() <= limit * 10, "{text:?}: {} tenths", fitted.tenths());
        assert_eq!(fitted.is_empty(), expect.is_empty());
    }

    #[test]
    fn short_text_is_whole() {
        check("hits", 400, "hits");
        check("", 400, "");
        check(" a  b ", 400, "a b");
        check("a<b", 400, "a&lt;b");
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        check("1234567890", 40, "1234…");
        check("点击次数统计", 40, "点击…");
        check("abc .NET Framework", 45, "abc…");
        check("......................", 40, "........…");
    }

    #[test]
    fn cut_keeps_marks_with_their_letter() {
        check("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", 30, "e\u{301}e\u{301}…");
    }

    #[test]
    fn cut_leaves_graphemes_whole() {
        // A family, a flag, a coloured hand, a Devanagari syllable, an emoji by selector, Korean letters.
        for whole in ["👨\u{200d}👩\u{200d}👧", "🇩🇪", "👍🏽", "की", "❤\u{fe0f}", "\u{1112}\u{1161}\u{11ab}"]
        {
            let text = whole.repeat(12);
            for limit in 11..120 {
                let shown = Fitted::new(&text, limit).shown();
                let kept = shown.trim_end_matches(ELLIPSIS);
                assert_eq!(kept.replace(whole, ""), "", "{shown:?} at {limit}");
            }
        }
    }

    #[test]
    fn invisible_text_is_bounded_too() {
        let endless = "\u{200b}".repeat(8) + &"\u{200b}a\u{200b}".repeat(10_000);
        let mut out = String::new();
        Fitted::new(&endless, 400).push_to(&mut out);
        assert!(out.chars().count() <= MAX_CHARS + 1);
    }

    #[test]
    fn ascii_shortcut_measures_what_the_long_way_measures() {
        let text = "The quick-brown_fox/jumps.over 1,234,567 dogs!";
        assert_eq!(Fitted::new(text, 400).units, Fitted::any(text, u32::MAX).units);
        assert!(Fitted::new(text, 400).plain);
    }
}
