//! Text written into XML.

use std::fmt::{self, Write};

use super::{
    clean::clean,
    fit::{ELLIPSIS, is_plain},
};

/// Invisible. Characters before it belong to text that is written from right to left.
const RIGHT_TO_LEFT_MARK: char = '\u{200f}';

/// A text as XML, safe between tags and inside quoted attributes.
///
/// Cleaned as [`clean`](fn@super::clean) does, then `& < > " '` are escaped. Nothing is cut. An ellipsis behind letters that
/// are written from right to left stays on their left, where they go on.
///
/// ```
/// # use tallymark_badge::text::XmlText;
/// assert_eq!(XmlText("</text>\0").to_string(), "&lt;/text&gt;");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct XmlText<'a>(
    /// The text as it came.
    pub &'a str,
);

impl fmt::Display for XmlText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nearly every text is.
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        let mut last = ' ';
        for c in clean(self.0) {
            write_char(f, c)?;
            if c == ELLIPSIS && is_right_to_left(last) {
                f.write_char(RIGHT_TO_LEFT_MARK)?;
            }
            last = c;
        }
        Ok(())
    }
}

/// Invisible. Text after it continues to the right.
const LEFT_TO_RIGHT_MARK: char = '\u{200e}';

/// A name as XML in front of a number, which stays behind it, even if the name is written from right to left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeforeNumber<'a>(pub(crate) &'a str);

impl fmt::Display for BeforeNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        XmlText(self.0).fmt(f)?;
        if self.0.chars().any(is_right_to_left) { f.write_char(LEFT_TO_RIGHT_MARK) } else { Ok(()) }
    }
}

/// Letters of Hebrew, Arabic and their relatives.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1eeff}')
}

fn write_char(out: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '&' => out.write_str("&amp;"),
        '<' => out.write_str("&lt;"),
        '>' => out.write_str("&gt;"),
        '"' => out.write_str("&quot;"),
        '\'' => out.write_str("&#39;"),
        c => out.write_char(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_behind_a_name() {
        assert_eq!(BeforeNumber("C++ <1>").to_string(), "C++ &lt;1&gt;");
        assert_eq!(BeforeNumber("قلب").to_string(), "قلب\u{200e}");
    }

    #[test]
    fn five_characters_are_escaped() {
        assert_eq!(XmlText("&<>\"'").to_string(), "&amp;&lt;&gt;&quot;&#39;");
        assert_eq!(XmlText("]]>").to_string(), "]]&gt;");
        assert_eq!(XmlText("&#x0;").to_string(), "&amp;#x0;");
    }

    #[test]
    fn ellipsis_stays_at_the_end_of_what_was_cut() {
        assert_eq!(XmlText("\u{645}\u{634}…/hello").to_string(), "\u{645}\u{634}…\u{200f}/hello");
        assert_eq!(XmlText("hello/\u{5d0}…").to_string(), "hello/\u{5d0}…\u{200f}");
        assert_eq!(XmlText("\u{645}/hell…").to_string(), "\u{645}/hell…");
    }
}
