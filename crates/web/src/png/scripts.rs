//! Texts with letters that the shipped font lacks, such as Chinese ones.
//!
//! The renderer draws all of a text with one font if that has every letter of it. A Chinese font has Latin letters and
//! marks too, so a single Chinese letter would change all others, and the spaces between them. So letters that the
//! shipped font lacks are put into a `<tspan>` of their own, whose family names the first of them, and `fonts` takes a
//! font of this machine for it. `draw` calls this before a picture is read.

use super::fonts;
use resvg::usvg::roxmltree::{Document, Node, ParsingOptions};
use std::{borrow::Cow, ops::Range};

/// A picture with such letters apart from the others.
pub(super) fn apart(svg: &str) -> Cow<'_, str> {
    if svg.chars().all(fonts::is_shipped) {
        return Cow::Borrowed(svg);
    }
    // As the renderer reads it.
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let Ok(document) = Document::parse_with_options(svg, options) else { return Cow::Borrowed(svg) };
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let is_drawn = |node: &Node<'_, '_>| node.ancestors().any(|node| node.tag_name().name() == "text");
    for node in document.descendants().filter(|node| node.is_text() && is_drawn(node)) {
        let text = node.text().unwrap_or_default();
        if text.chars().all(fonts::is_shipped) {
            continue;
        }
        edits.push((node.range(), in_runs(text)));
        // It would stretch each part to the length of the whole.
        let lengths = node.ancestors().filter_map(|node| node.attribute_node("textLength"));
        edits.extend(lengths.map(|length| (length.range(), String::new())));
    }
    edits.sort_by_key(|(range, _)| range.start);
    edits.dedup();
    let (mut out, mut from) = (String::with_capacity(svg.len() * 2), 0);
    for (range, text) in edits {
        out += &svg[from..range.start];
        out += &text;
        from = range.end;
    }
    Cow::Owned(out + &svg[from..])
}

/// A text as XML, with its runs of one font.
fn in_runs(text: &str) -> String {
    let (mut out, mut run, mut font) = (String::new(), String::new(), None);
    let mut end = |run: &mut String, font: Option<char>| {
        let inside = escaped(&std::mem::take(run));
        match font {
            _ if inside.is_empty() => {}
            None => out += &inside,
            Some(letter) => {
                out += &format!("<tspan font-family=\"{}\">{inside}</tspan>", fonts::family_of(letter));
            }
        }
    };
    for letter in text.chars() {
        let goes_on = joins(letter) || run.ends_with('\u{200d}');
        if !goes_on {
            let own = Some(letter).filter(|letter| !fonts::is_shipped(*letter));
            let is_same = match (font, own) {
                (Some(first), Some(letter)) => fonts::are_of_one(first, letter),
                (first, letter) => first == letter,
            };
            if !is_same {
                end(&mut run, font);
                font = own;
            }
        }
        run.push(letter);
    }
    end(&mut run, font);
    out
}

/// What belongs to the letter before it: marks, the choice of a form, the colour of a skin, and what joins two.
fn joins(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_other_scripts_are_apart() {
        let svg = "<svg><title>文</title><text textLength=\"9\" x=\"1\">a &lt; 文字 · b<tspan>é</tspan></text></svg>";
        let out = apart(svg);
        assert!(out.contains("<title>文</title>"), "{out}");
        assert!(
            out.contains("a &lt; <tspan font-family=\"tallymark-letter-6587\">文字</tspan> · b<tspan>é"),
            "{out}"
        );
        assert!(!out.contains("textLength") && out.contains("x=\"1\""), "{out}");
        for same in ["<svg><text>a · é – “Ω”</text></svg>", "no picture 文"] {
            assert_eq!(apart(same), same);
        }
        let joined = in_runs("👨\u{200d}👩\u{200d}👧!");
        assert_eq!((joined.matches("<tspan").count(), joined.ends_with("</tspan>!")), (1, true), "{joined}");
    }
}
