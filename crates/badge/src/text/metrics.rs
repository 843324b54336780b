//! How wide a character is.
//!
//! Three sources, in this order: characters without width, characters whose width follows from what
//! they are (East Asian wide, emoji), and the advances of DejaVu Sans in the generated table. The
//! rest is estimated, rather too wide than too narrow.

use super::widths::BLOCKS;

/// Font units in one em of DejaVu Sans; widths are counted in these.
pub const EM: u32 = 2048;

/// Emoji fonts draw wider than one em: Noto Color Emoji 1.25, Segoe UI Emoji 1.37, Apple 1.25.
const EMOJI: u32 = EM * 13 / 10;

/// What a missing glyph has in a generated block.
pub(super) const MISSING: u16 = u16::MAX;

/// First character that is never part of Latin, Greek, Cyrillic or Armenian.
const FIRST_SHAPED: char = '\u{590}';

/// Width of a text in pixels at a font size, as it would be shown: cleaned, but not cut.
#[must_use]
pub fn width(text: &str, font_size: f64) -> f64 {
    let mut meter = Meter::new();
    let units: u64 = super::clean(text).map(|c| u64::from(meter.advance(c))).sum();
    // Below 2^53 units (a text of terabytes) the conversion is exact.
    units as f64 * font_size / f64::from(EM)
}

/// Advances of printable ASCII that XML takes as it is; zero for every other byte.
pub(super) static PLAIN: [u16; 256] = {
    let mut plain = [0; 256];
    let mut b = b' ' as usize;
    while b < 0x7f {
        if !matches!(b as u8, b'&' | b'<' | b'>' | b'"' | b'\'') {
            plain[b] = BLOCKS[0].1[b - b' ' as usize];
        }
        b += 1;
    }
    plain
};

/// Measures characters one after the other, because an emoji may be several of them.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    joined: bool,
    last: u32,
    half_flag: bool,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { joined: false, last: 0, half_flag: false }
    }

    /// How much wider the text gets by `c`, in font units.
    pub(super) fn advance(&mut self, c: char) -> u32 {
        if (' '..='~').contains(&c) {
            (self.joined, self.half_flag) = (false, false);
            self.last = u32::from(BLOCKS[0].1[c as usize - ' ' as usize]);
            return self.last;
        }
        match c {
            // Zero width joiner: the next emoji becomes one with the one before.
            '\u{200d}' => {
                self.joined = true;
                return 0;
            }
            // Variation selector 16: the character before is drawn as an emoji after all.
            '\u{fe0f}' => {
                let more = EMOJI.saturating_sub(self.last);
                self.last += more;
                return more;
            }
            // Skin tones colour the emoji before.
            '\u{1f3fb}'..='\u{1f3ff}' if self.last == EMOJI => return 0,
            // Two regional indicators are one flag.
            '\u{1f1e6}'..='\u{1f1ff}' if self.half_flag => {
                self.half_flag = false;
                return 0;
            }
            _ => {}
        }
        if is_zero_width(c) {
            return 0;
        }
        // Also a sign like a heart, which is a letter on its own.
        if std::mem::take(&mut self.joined) && self.last == EMOJI {
            return 0;
        }
        self.half_flag = matches!(c, '\u{1f1e6}'..='\u{1f1ff}');
        self.last = single(c);
        self.last
    }
}

/// Which characters make one emoji with those before them, for measures with other widths.
#[derive(Debug, Clone)]
pub(crate) struct OneEmoji(Meter);

impl OneEmoji {
    pub(crate) fn new() -> OneEmoji {
        OneEmoji(Meter::new())
    }

    /// Whether the next character belongs to the emoji before it.
    pub(crate) fn goes_on(&mut self, c: char) -> bool {
        let more = self.0.advance(c);
        let is_sign = matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{20e3}' | '\u{e0020}'..='\u{e007f}');
        is_sign || (more == 0 && !is_zero_width(c))
    }
}

/// Width of a character on its own.
fn single(c: char) -> u32 {
    if contains(EMOJI_RANGES, c) {
        return EMOJI;
    }
    if contains(WIDE, c) {
        return EM;
    }
    if let Some(advance) = table(c) {
        return advance;
    }
    estimate(c)
}

fn table(c: char) -> Option<u32> {
    let code = c as u32;
    let after = BLOCKS.partition_point(|&(first, _)| first <= code);
    let (first, advances) = BLOCKS.get(after.checked_sub(1)?)?;
    let advance = *advances.get((code - first) as usize)?;
    (advance != MISSING).then_some(u32::from(advance))
}

/// Scripts DejaVu Sans lacks, by the widest of their common letters in Noto Sans.
fn estimate(c: char) -> u32 {
    if let Some(sizes) = phrase(c) {
        return EM * sizes;
    }
    match c {
        '\u{900}'..='\u{97f}' | '\u{a80}'..='\u{aff}' => EM * 8 / 10, // Devanagari, Gujarati
        '\u{980}'..='\u{a7f}' => EM * 8 / 10,                         // Bengali, Gurmukhi
        '\u{e00}'..='\u{eff}' => EM * 7 / 10,                         // Thai, Lao
        '\u{ff61}'..='\u{ffdc}' => EM / 2,                            // half-width forms
        // Tamil, Malayalam, Myanmar and everything unheard of: the widest letters are about this.
        _ => EM * 12 / 10,
    }
}

/// A whole phrase in one character: how many times the size of the font it is wide.
pub(crate) fn phrase(c: char) -> Option<u32> {
    match c {
        '\u{fdfa}'..='\u{fdfb}' => Some(4),
        '\u{fdfd}' => Some(10),
        _ => None,
    }
}

/// Whether stretching the gaps between letters would tear `c` from its neighbours, or its width is
/// known only roughly.
pub(super) fn is_shaped(c: char) -> bool {
    c >= FIRST_SHAPED && !matches!(c, '\u{1e00}'..='\u{206f}')
}

/// Whether letters of a text join, stack or carry marks, so that wider gaps between them make it hard to read: Hebrew,
/// Arabic, the scripts of India and South East Asia, Mongolian.
pub(crate) fn has_joined_letters(text: &str) -> bool {
    let joined = |c| {
        matches!(c, '\u{590}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{1900}'..='\u{1cff}'
            | '\u{a800}'..='\u{abff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
            | '\u{10a00}'..='\u{11fff}' | '\u{1e800}'..='\u{1eeff}')
    };
    !text.is_ascii() && text.chars().any(joined)
}

/// Whether `c` takes no room of its own: combining marks, joiners, selectors, tags.
pub(crate) fn is_zero_width(c: char) -> bool {
    c == '\u{ad}' || (c >= '\u{300}' && contains(ZERO_WIDTH, c))
}

fn contains(ranges: &[(char, char)], c: char) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= c);
    after > 0 && c <= ranges[after - 1].1
}

/// Unicode categories Mn, Me and Cf, and Hangul vowels that fall into the syllable before.
const ZERO_WIDTH: &[(char, char)] = &[
    ('\u{300}', '\u{36f}'),
    ('\u{483}', '\u{489}'),
    ('\u{591}', '\u{5bd}'),
    ('\u{5bf}', '\u{5bf}'),
    ('\u{5c1}', '\u{5c2}'),
    ('\u{5c4}', '\u{5c5}'),
    ('\u{5c7}', '\u{5c7}'),
    ('\u{610}', '\u{61a}'),
    ('\u{64b}', '\u{65f}'),
    ('\u{670}', '\u{670}'),
    ('\u{6d6}', '\u{6dc}'),
    ('\u{6df}', '\u{6e4}'),
    ('\u{6e7}', '\u{6e8}'),
    ('\u{6ea}', '\u{6ed}'),
    ('\u{900}', '\u{902}'),
    ('\u{93a}', '\u{93a}'),
    ('\u{93c}', '\u{93c}'),
    ('\u{941}', '\u{948}'),
    ('\u{94d}', '\u{94d}'),
    ('\u{951}', '\u{957}'),
    ('\u{981}', '\u{981}'),
    ('\u{9bc}', '\u{9bc}'),
    ('\u{9c1}', '\u{9c4}'),
    ('\u{9cd}', '\u{9cd}'),
    ('\u{a3c}', '\u{a3c}'),
    ('\u{a41}', '\u{a51}'),
    ('\u{abc}', '\u{abc}'),
    ('\u{ac1}', '\u{ac8}'),
    ('\u{acd}', '\u{acd}'),
    ('\u{bcd}', '\u{bcd}'),
    ('\u{e31}', '\u{e31}'),
    ('\u{e34}', '\u{e3a}'),
    ('\u{e47}', '\u{e4e}'),
    ('\u{eb1}', '\u{eb1}'),
    ('\u{eb4}', '\u{ebc}'),
    ('\u{ec8}', '\u{ece}'),
    ('\u{102d}', '\u{1030}'),
    ('\u{1032}', '\u{1037}'),
    ('\u{1039}', '\u{103a}'),
    ('\u{1160}', '\u{11ff}'),
    ('\u{1ab0}', '\u{1aff}'),
    ('\u{1dc0}', '\u{1dff}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{20d0}', '\u{20f0}'),
    ('\u{302a}', '\u{302d}'),
    ('\u{3099}', '\u{309a}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{fe20}', '\u{fe2f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Unicode `East_Asian_Width` W and F, as far as they are no emoji.
const WIDE: &[(char, char)] = &[
    ('\u{1100}', '\u{115f}'),
    ('\u{2e80}', '\u{303e}'),
    ('\u{3041}', '\u{a4cf}'),
    ('\u{a960}', '\u{a97f}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe30}', '\u{fe6f}'),
    ('\u{ff01}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{16fe0}', '\u{18d08}'),
    ('\u{1b000}', '\u{1b2ff}'),
    ('\u{20000}', '\u{3fffd}'),
];

/// Unicode `Emoji_Presentation`: drawn as an emoji without being asked.
const EMOJI_RANGES: &[(char, char)] = &[
    ('\u{231a}', '\u{231b}'),
    ('\u{23e9}', '\u{23ec}'),
    ('\u{23f0}', '\u{23f0}'),
    ('\u{23f3}', '\u{23f3}'),
    ('\u{25fd}', '\u{25fe}'),
    ('\u{2614}', '\u{2615}'),
    ('\u{2648}', '\u{2653}'),
    ('\u{267f}', '\u{267f}'),
    ('\u{2693}', '\u{2693}'),
    ('\u{26a1}', '\u{26a1}'),
    ('\u{26aa}', '\u{26ab}'),
    ('\u{26bd}', '\u{26be}'),
    ('\u{26c4}', '\u{26c5}'),
    ('\u{26ce}', '\u{26ce}'),
    ('\u{26d4}', '\u{26d4}'),
    ('\u{26ea}', '\u{26ea}'),
    ('\u{26f2}', '\u{26f3}'),
    ('\u{26f5}', '\u{26f5}'),
    ('\u{26fa}', '\u{26fa}'),
    ('\u{26fd}', '\u{26fd}'),
    ('\u{2705}', '\u{2705}'),
    ('\u{270a}', '\u{270b}'),
    ('\u{2728}', '\u{2728}'),
    ('\u{274c}', '\u{274c}'),
    ('\u{274e}', '\u{274e}'),
    ('\u{2753}', '\u{2755}'),
    ('\u{2757}', '\u{2757}'),
    ('\u{2795}', '\u{2797}'),
    ('\u{27b0}', '\u{27b0}'),
    ('\u{27bf}', '\u{27bf}'),
    ('\u{2b1b}', '\u{2b1c}'),
    ('\u{2b50}', '\u{2b50}'),
    ('\u{2b55}', '\u{2b55}'),
    ('\u{1f000}', '\u{1faff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ems: f64) {
        let got = width(text, 1.0);
        assert!((got - ems).abs() < 0.005, "{text:?}: {got} em, expected {ems}");
    }

    #[test]
    fn latin_has_the_widths_of_the_font() {
        check("0", 1303.0 / 2048.0);
        check("1,234,567", (7.0 * 1303.0 + 2.0 * 651.0) / 2048.0);
        check("", 0.0);
    }

    #[test]
    fn east_asian_characters_are_one_em() {
        check("点击", 2.0);
        check("ヒット", 3.0);
        check("조회", 2.0);
        check("，", 1.0);
    }

    #[test]
    fn marks_take_no_room() {
        check("e\u{301}", width("e", 1.0));
        check("\u{feff}a\u{200b}b", width("ab", 1.0));
    }

    #[test]
    fn one_emoji_of_many_characters_is_one_emoji_wide() {
        check("🎉", 1.3);
        check("👨\u{200d}👩\u{200d}👧", 1.3);
        check("👍🏽", 1.3);
        check("🇩🇪", 1.3);
        check("🇩🇪🇫🇷", 2.6);
        check("❤\u{fe0f}", 1.3);
        check("👩\u{200d}❤\u{fe0f}\u{200d}👨", 1.3);
        check("🏃🏽\u{200d}♀\u{fe0f}a", 1.3 + width("a", 1.0));
        check("⭐✅", 2.6);
    }

    #[test]
    fn every_range_is_sorted() {
        for ranges in [ZERO_WIDTH, WIDE, EMOJI_RANGES] {
            assert!(ranges.iter().all(|(first, last)| first <= last));
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
        assert!(BLOCKS.windows(2).all(|pair| pair[0].0 + pair[0].1.len() as u32 <= pair[1].0));
    }
}
