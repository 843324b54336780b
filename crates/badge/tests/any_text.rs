//! Whatever the texts are, the picture is a badge and nothing else, and the texts stay in their boxes.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use proptest::prelude::*;
use roxmltree::{Document, Node};
use tallymark_badge::{Badge, Color, render, text};

const SVG: &str = "http://www.w3.org/2000/svg";

/// All that a badge consists of. Anything else got in through a text.
const KNOWN: [(&str, &[&str]); 8] = [
    ("svg", &["width", "height", "viewBox", "role", "aria-label"]),
    ("title", &[]),
    ("linearGradient", &["id", "x2", "y2"]),
    ("stop", &["offset", "stop-color", "stop-opacity"]),
    ("path", &["fill", "d"]),
    ("rect", &["width", "height", "rx", "fill"]),
    ("g", &["aria-hidden", "fill", "text-anchor", "font-family", "font-size", "text-rendering"]),
    ("text", &["x", "y", "fill", "fill-opacity", "textLength"]),
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        4 => "[ -~]{1,20}",
        1 => "[\u{300}-\u{36f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{fe0f}]{1,40}",
        1 => "[\u{4e00}-\u{4fff}\u{1f300}-\u{1f6ff}\u{1f1e6}-\u{1f1ff}]{1,40}",
        1 => prop::sample::select(vec![
            "</text><script>alert(1)</script>", "]]>", "<![CDATA[", "&#x0;", "&amp;", "\"/><g onload=\"x\"",
            "\0", "\u{fffe}", "\u{85}", "\r\n", "<!--", "<?xml?>", "url(#x)", "\u{1fffe}", "\u{feff}",
        ]).prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn check(badge: &Badge<'_>) {
    let svg = render(badge);
    assert!(svg.len() < 64 * 1024, "{} bytes", svg.len());
    assert!(svg.ends_with("</svg>\n"));
    let document = Document::parse(&svg).unwrap();
    let elements: Vec<Node> = document.descendants().filter(Node::is_element).collect();
    for element in &elements {
        check_element(*element);
    }
    // One element per line: the texts bring no line of their own.
    assert!(svg.lines().count() <= elements.len() + 3, "{svg}");

    let layout = badge.layout();
    let number = |node: &Node, name| node.attribute(name).map(|n| n.parse::<f64>().unwrap());
    assert_eq!(number(&document.root_element(), "width"), Some(f64::from(layout.width())));
    for drawn in elements.iter().filter(|node| node.has_tag_name("text")) {
        let (left, right) = match number(drawn, "x").unwrap() {
            x if x < f64::from(layout.label_width) => (0, layout.label_width),
            _ => (layout.label_width, layout.width()),
        };
        let middle = number(drawn, "x").unwrap();
        let measured = text::width(drawn.text().unwrap(), 11.0);
        let half = f64::max(number(drawn, "textLength").unwrap_or(0.0), measured) / 2.0;
        assert!(middle - half >= f64::from(left) + 5.0 && middle + half <= f64::from(right) - 5.0, "{svg}");
    }
}

fn check_element(element: Node<'_, '_>) {
    let name = element.tag_name();
    assert_eq!(name.namespace(), Some(SVG));
    let (_, attributes) = KNOWN.iter().find(|(known, _)| *known == name.name()).unwrap();
    for attribute in element.attributes() {
        assert!(attributes.contains(&attribute.name()), "{} {}", name.name(), attribute.name());
    }
}

proptest! {
    #[test]
    fn any_text_makes_a_badge(label in hostile(), value in hostile(), title in prop::option::of(hostile())) {
        check(&Badge { title: title.as_deref(), ..Badge::new(&label, &value) });
    }

    #[test]
    fn any_colour_makes_a_badge(r: u8, g: u8, b: u8) {
        let color = Color::rgb(r, g, b);
        prop_assert_eq!(Color::parse(&color.to_string()), Ok(color));
        check(&Badge { color, label_color: color, ..Badge::hits("1,234") });
    }

    #[test]
    fn any_text_that_is_a_colour_is_six_digits(text in "\\PC{0,12}") {
        if let Ok(color) = Color::parse(&text) {
            let written = color.to_string();
            prop_assert!(written[1..].bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn cleaning_twice_changes_nothing(text in hostile()) {
        let once: String = text::clean(&text).collect();
        prop_assert_eq!(text::clean(&once).collect::<String>(), once);
    }
}

#[test]
fn texts_of_ten_kibibytes_make_a_small_badge() {
    for piece in ["i", "'", "\u{200b}", "a\u{301}", "\0", " ", "🎉", "\u{10ffff}", "ﷺ"] {
        let long = piece.repeat(10 * 1024);
        check(&Badge { title: Some(&long), ..Badge::new(&long, &long) });
        assert!(Badge::new(&long, &long).layout().width() <= 820);
    }
}

#[test]
fn title_has_what_the_box_cuts() {
    let label = "owner-".repeat(30);
    let svg = render(&Badge::new(&label, "1"));
    assert!(svg.contains(&format!("<title>{label}: 1</title>")));
    assert!(svg.contains("…</text>"));
}

#[test]
fn inlined_badges_do_not_share_ids() {
    let ids = ["1", "2", "3"].map(|value| {
        let svg = render(&Badge::hits(value));
        let document = Document::parse(&svg).unwrap();
        let id = document.descendants().find_map(|node| node.attribute("id")).unwrap().to_owned();
        assert!(svg.contains(&format!("url(#{id})")));
        id
    });
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

/// The author of the address has to be able to read all of it.
#[test]
fn errors_are_shown_whole() {
    use tallymark_core::NotAName;
    let colours =
        ["", "#12", "rgb(1)", "no such colour"].map(|text| Color::parse(text).unwrap_err().to_string());
    assert!(colours[3].contains("rgb(R, G, B)"), "{}", colours[3]);
    let names = [
        NotAName::TooLong(123_456),
        NotAName::TooLongEscaped(123_456),
        NotAName::TooLongForAny(123_456),
        NotAName::Control,
        NotAName::Reserved,
    ];
    let names = names.map(|why| why.to_string());
    for text in colours.iter().map(|why| format!("labelColor: {why}")).chain(names) {
        let badge = Badge::error(&text);
        check(&badge);
        let svg = render(&badge);
        assert_eq!(svg.matches(&format!(">{text}</text>")).count(), 2, "{svg}");
    }
    let endless = "wide ".repeat(10_000);
    assert!(Badge::error(&endless).layout().width() <= 2100);
}
