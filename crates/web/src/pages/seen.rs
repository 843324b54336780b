//! Makes names visible: characters without a glyph, or that change the direction of text, are written out. Anyone can
//! send a name, and one that looks like another deceives readers.
//!
//! For display only: form values, links and text to copy contain the name itself.

use std::fmt::Write;

/// A visible form of a name: characters without a glyph as `[U+202E]`, and quotes if there are spaces at the ends.
pub(crate) fn seen(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut before = None;
    for c in name.chars() {
        if is_seen(c, before) {
            out.push(c);
        } else {
            // `write!` to a String cannot fail.
            let _ = write!(out, "[U+{:04X}]", u32::from(c));
        }
        before = is_seen(c, before).then_some(c);
    }
    if out.starts_with(' ') || out.ends_with(' ') { format!("“{out}”") } else { out }
}

/// Whether a character is visible, given the one before it.
fn is_seen(c: char, before: Option<char>) -> bool {
    match c {
        // The space, and the wide one of Chinese and Japanese text. All other white space looks like them.
        ' ' => true,
        '\u{3000}' => before.is_some_and(|before| before > '\u{2e7f}'),
        // They join letters of the scripts that join letters, and emoji; elsewhere they are hidden.
        '\u{200c}' | '\u{200d}' => before.is_some_and(joins),
        // They spell the region of a flag; elsewhere they are hidden text.
        '\u{e0020}'..='\u{e007f}' => matches!(before, Some('\u{1f3f4}' | '\u{e0020}'..='\u{e007f}')),
        // Directions, spaces of no width, invisible operators, fillers, tags, and no characters at all.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => false,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => false,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => false,
        '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => false,
        c => !c.is_control() && !c.is_whitespace() && u32::from(c) & 0xfffe != 0xfffe,
    }
}

/// Arabic and what is written like it, the scripts of India and their neighbours, and emoji with what follows them.
fn joins(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}'
        | '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out_and_the_rest_stays() {
        for (name, expect) in [
            ("o/r", "o/r"),
            ("日本語/リポジトリ", "日本語/リポジトリ"),
            ("日本\u{3000}語", "日本\u{3000}語"),
            ("عربي/مستودع", "عربي/مستودع"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("👩\u{200d}💻 ❤\u{fe0f}", "👩\u{200d}💻 ❤\u{fe0f}"),
            ("🏴\u{e0067}\u{e007f}", "🏴\u{e0067}\u{e007f}"),
            ("x\u{e0067}\u{e007f}", "x[U+E0067][U+E007F]"),
            ("e\u{301}", "e\u{301}"),
            ("a\u{202e}cod.exe", "a[U+202E]cod.exe"),
            ("pay\u{200b}pal", "pay[U+200B]pal"),
            ("pay\u{200d}pal\u{feff}", "pay[U+200D]pal[U+FEFF]"),
            ("\u{ad}x\u{e0041}", "[U+00AD]x[U+E0041]"),
            (" ", "“ ”"),
            ("   ", "“   ”"),
            (" a b", "“ a b”"),
            ("\u{2028}", "[U+2028]"),
            ("\u{3000}", "[U+3000]"),
            ("a\u{a0}b", "a[U+00A0]b"),
            ("\u{3164}", "[U+3164]"),
            ("\u{2800}", "[U+2800]"),
        ] {
            assert_eq!(seen(name), expect, "{name:?}");
        }
    }
}
