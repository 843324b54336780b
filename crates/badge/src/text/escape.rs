//! Text written into XML.

use std::fmt::{self, Write};

use super::clean::clean;

/// A text as XML, safe between tags and inside quoted attributes.
///
/// Cleaned as [`clean`](fn@super::clean) does, then `& < > " '` are escaped. Nothing is cut.
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
        clean(self.0).try_for_each(|c| write_char(f, c))
    }
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

/// Appends one character, escaped.
pub(super) fn push_char(out: &mut String, c: char) {
    // A String does not fail to grow in a way that could be reported.
    let _ = write_char(out, c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_characters_are_escaped() {
        assert_eq!(XmlText("&<>\"'").to_string(), "&amp;&lt;&gt;&quot;&#39;");
        assert_eq!(XmlText("]]>").to_string(), "]]&gt;");
        assert_eq!(XmlText("&#x0;").to_string(), "&amp;#x0;");
    }
}
