//! Badges of shields.io: what they look like, and that they are badge-maker's, element by element and pixel by pixel.
//!
//! Two tests need badge-maker 6 and run only on request:
//!
//! ```text
//! npm install --ignore-scripts --prefix target/badge-maker badge-maker@6.0.0
//! TALLYMARK_BADGE_MAKER=$PWD/target/badge-maker/node_modules cargo test -p tallymark-badge --test shields -- --ignored
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod drawn;

use proptest::prelude::*;
use roxmltree::{Document, Node};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};
use tallymark_badge::{
    Color,
    shields::{Logo, Shield, Style},
};

/// A square in red.
const LOGO: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyIDIiPjxwYXRoIGZpbGw9InJlZCIgZD0iTTAgMGgydjJIMHoiLz48L3N2Zz4=";

#[test]
fn every_style_has_its_look() {
    for style in Style::EVERY {
        let name = style.name().replace('-', "_");
        insta::assert_snapshot!(name.clone(), Shield::new(style, "hits", "1,234").render());
        let logo = Some(Logo::new(LOGO).unwrap());
        let all = Shield { logo, label_color: Some(Color::WHITE), ..Shield::new(style, "", "1,234") };
        insta::assert_snapshot!(name + "_logo", all.render());
    }
}

#[test]
fn styles_are_found_by_their_names() {
    for style in Style::EVERY {
        assert_eq!(Style::from_name(style.name()), Some(style));
    }
    assert_eq!(Style::from_name("flt"), None);
}

#[test]
fn logo_is_a_picture_in_base64_and_nothing_else() {
    for uri in [
        "",
        "https://example.org/x.svg",
        "data:image/svg+xml,<svg/>",
        "data:text/html;base64,AAAA",
        "data:image/png;base64,A\"==",
    ] {
        assert!(Logo::new(uri).is_err(), "{uri}");
    }
    let large = format!("data:image/png;base64,{}", "A".repeat(64 * 1024));
    assert!(Logo::new(&large).is_err());
}

/// All that such a badge consists of. Anything else got in through a text.
const KNOWN: [(&str, &[&str]); 12] = [
    ("svg", &["width", "height", "viewBox", "role", "aria-label"]),
    ("title", &[]),
    ("filter", &["id"]),
    ("feGaussianBlur", &["stdDeviation"]),
    ("linearGradient", &["id", "x2", "y2"]),
    ("stop", &["offset", "stop-color", "stop-opacity"]),
    ("clipPath", &["id"]),
    ("rect", &["x", "y", "width", "height", "rx", "fill", "stroke"]),
    ("path", &["d", "fill"]),
    ("image", &["x", "y", "width", "height", "href"]),
    (
        "g",
        &[
            "aria-hidden",
            "clip-path",
            "fill",
            "font-family",
            "font-size",
            "font-weight",
            "shape-rendering",
            "stroke",
            "text-anchor",
            "text-rendering",
            "transform",
        ],
    ),
    (
        "text",
        &[
            "aria-hidden",
            "x",
            "y",
            "fill",
            "fill-opacity",
            "filter",
            "font-weight",
            "textLength",
            "transform",
        ],
    ),
];

fn well_made(shield: &Shield<'_>) {
    let svg = shield.render();
    assert!(svg.len() < 32 * 1024 + shield.logo.map_or(0, |_| LOGO.len()), "{} bytes", svg.len());
    let document = Document::parse(&svg).unwrap();
    let ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let number = |node: Node<'_, '_>, name: &str| node.attribute(name).unwrap_or("0").parse::<f64>().unwrap();
    let width = number(document.root_element(), "width");
    for element in document.descendants().filter(Node::is_element) {
        let tag = element.tag_name().name();
        let (_, attributes) = KNOWN.iter().find(|(known, _)| *known == tag).unwrap();
        for attribute in element.attributes() {
            assert!(attributes.contains(&attribute.name()), "{tag} {}", attribute.name());
            match attribute.value().strip_prefix("url(#").and_then(|id| id.strip_suffix(')')) {
                Some(id) if attribute.name() != "aria-label" => assert!(ids.contains(&id)),
                _ => assert!(attribute.name() != "href" || attribute.value() == LOGO),
            }
        }
        if tag == "text" {
            let (middle, half) = (number(element, "x") / 10.0, number(element, "textLength") / 20.0);
            assert!(middle - half >= 0.0 && middle + half <= width, "{svg}");
        }
    }
}

proptest! {
    #[test]
    fn any_texts_and_colours_make_a_badge(
        style in prop::sample::select(Style::EVERY.to_vec()),
        label in "\\PC{0,80}|[\u{300}-\u{36f}\u{200b}-\u{200f}<>&\"'\u{0}-\u{1f}]{0,600}",
        message in "\\PC{0,80}|[\u{4e00}-\u{4fff}\u{1f300}-\u{1f6ff}]{0,600}",
        colors: [u8; 6],
        has_color: bool,
        has_logo: bool,
    ) {
        let [r, g, b, r2, g2, b2] = colors;
        let label_color = has_color.then_some(Color::rgb(r2, g2, b2));
        let logo = has_logo.then(|| Logo::new(LOGO).unwrap());
        well_made(&Shield {
            color: Color::rgb(r, g, b),
            label_color,
            logo,
            ..Shield::new(style, &label, &message)
        });
    }
}

#[test]
fn joined_letters_are_not_stretched() {
    for style in Style::EVERY {
        for text in ["الزيارات", "दृश्य", "ผู้เข้าชม", "ביקורים", "views الزيارات"]
        {
            let svg = Shield::new(style, text, "1,234").render();
            let document = Document::parse(&svg).unwrap();
            let texts = document.descendants().filter(|node| node.has_tag_name("text"));
            for node in texts {
                let number = node.text() == Some("1,234");
                assert_eq!(node.has_attribute("textLength"), number, "{style:?} {text}: {svg}");
            }
        }
        let svg = Shield::new(style, "点击次数", "🎉").render();
        assert!(!svg.contains("<text x=\"0\"") && svg.matches("textLength").count() >= 2, "{svg}");
    }
}

const TEXTS: [&str; 20] = [
    "",
    "hits",
    "1,234",
    "9,223,372,036,854,775,807",
    "0",
    "build passing",
    "ßtraße é ñ",
    "点击次数",
    "ヒット",
    "조회",
    "🎉 party",
    "★★★☆☆",
    "Привет мир",
    "αβγδε",
    "שלום",
    "مرحبا",
    "a < b & \"c\"",
    "100%",
    "…–—→",
    "i",
];

const COLORS: [&str; 6] = ["#4488cc", "#ffffff", "#000000", "#b0b0b0", "#b2b2b2", "#ffd700"];

/// Every text as a label and as a message, with changing colours and logos, in every style: 200 badges.
fn inputs()
-> impl Iterator<Item = (Style, &'static str, &'static str, &'static str, Option<&'static str>, bool)> {
    Style::EVERY.into_iter().flat_map(|style| {
        (0..40).map(move |i| {
            let (label, message) = (TEXTS[i % 20], TEXTS[(i * 7 + 1 + i / 20) % 20]);
            let label_color = (i % 3 == 1).then_some(COLORS[(i + 2) % 6]);
            (style, label, message, COLORS[i % 6], label_color, i % 4 == 3 || i == 20)
        })
    })
}

fn badge_maker() -> String {
    std::env::var("TALLYMARK_BADGE_MAKER")
        .expect("TALLYMARK_BADGE_MAKER is the node_modules that has badge-maker 6")
}

/// What badge-maker draws for each of these.
fn drawn_there(inputs: &[Value]) -> Vec<String> {
    let program = format!(
        "import make from {:?}; let text = ''; for await (const part of process.stdin) text += part; \
         console.log(JSON.stringify(JSON.parse(text).map(input => make(input))))",
        format!("{}/badge-maker/lib/make-badge.js", badge_maker())
    );
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-e", &program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().unwrap();
    node.stdin.take().unwrap().write_all(json!(inputs).to_string().as_bytes()).unwrap();
    serde_json::from_slice(&node.wait_with_output().unwrap().stdout).unwrap()
}

/// A badge as a list of what is drawn: names, attributes and texts, without what cannot be seen.
fn seen(svg: &str) -> Vec<(String, BTreeMap<String, String>, String)> {
    let document = Document::parse(svg).unwrap();
    // What the pointer does to a link.
    let hover = |node: &Node<'_, '_>| node.has_tag_name("style") || node.attribute("id") == Some("b");
    let drawn = document
        .descendants()
        .filter(Node::is_element)
        .filter(|node| !node.ancestors().any(|node| hover(&node)));
    drawn
        .map(|node| {
            let attributes =
                node.attributes().filter(|attribute| !matches!(attribute.name(), "viewBox" | "line-height"));
            // Joined letters keep their own width here.
            let joined = node.text().is_some_and(has_joined_letters);
            let attributes = attributes.filter(|attribute| !joined || attribute.name() != "textLength");
            let attributes = attributes.filter_map(|attribute| {
                Some((attribute.name().to_owned(), plain(attribute.name(), attribute.value())?))
            });
            let text = node.text().unwrap_or_default().trim().to_owned();
            (node.tag_name().name().to_owned(), attributes.collect(), text)
        })
        .collect()
}

/// Numbers, colours and ids in one form.
fn plain(name: &str, value: &str) -> Option<String> {
    let id = |id: &str| match id.trim_start_matches("tm-").split('-').next() {
        Some("shade") => "s".to_owned(),
        Some("round") => "r".to_owned(),
        Some("button") => "a".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    };
    if name == "id" {
        return Some(id(value)).filter(|id| !id.ends_with("link"));
    }
    if let Some(reference) = value.strip_prefix("url(#").and_then(|value| value.strip_suffix(')')) {
        return Some(id(reference));
    }
    if value.starts_with('#') {
        return Some(Color::parse(value).unwrap().to_string());
    }
    Some(value.parse::<f64>().map_or(value.to_owned(), |number| number.to_string()))
}

#[test]
#[ignore = "needs badge-maker 6: see the top of this file"]
fn badges_are_drawn_as_badge_maker_draws_them() {
    let inputs: Vec<_> = inputs().collect();
    let asked: Vec<Value> = inputs
        .iter()
        .map(|&(style, label, message, color, label_color, logo)| {
            let mut asked =
                json!({ "style": style.name(), "label": label, "message": message, "color": color });
            let optional = [("labelColor", label_color), ("logo", logo.then_some(LOGO))];
            for (key, value) in optional.into_iter().filter_map(|(key, value)| Some((key, value?))) {
                asked[key] = json!(value);
            }
            asked
        })
        .collect();
    let theirs = drawn_there(&asked);
    assert_eq!(theirs.len(), 200);
    for ((&(style, label, message, color, label_color, logo), asked), theirs) in
        inputs.iter().zip(&asked).zip(&theirs)
    {
        let shield = Shield {
            color: Color::parse(color).unwrap(),
            label_color: label_color.map(|color| Color::parse(color).unwrap()),
            logo: logo.then(|| Logo::new(LOGO).unwrap()),
            ..Shield::new(style, label, message)
        };
        let ours = shield.render();
        for (ours, theirs) in seen(&ours).iter().zip(&seen(theirs)) {
            assert_eq!(ours, theirs, "{asked}");
        }
        assert_eq!(seen(&ours).len(), seen(theirs).len(), "{asked}\n{ours}\n{theirs}");
        // Joined letters are not stretched here.
        if !has_joined_letters(label) && !has_joined_letters(message) {
            assert_eq!(difference(&ours, theirs), 0, "{asked}\n{ours}\n{theirs}");
        }
    }
}

fn has_joined_letters(text: &str) -> bool {
    text.chars().any(|c| ('\u{590}'..='\u{109f}').contains(&c))
}

/// How many pixels of two badges differ by more than rounding, at twice their size.
fn difference(ours: &str, theirs: &str) -> usize {
    let (ours, theirs) = (drawn::pixels(ours, 2.0), drawn::pixels(theirs, 2.0));
    assert_eq!((ours.width(), ours.height()), (theirs.width(), theirs.height()));
    let pairs = ours.data().chunks_exact(4).zip(theirs.data().chunks_exact(4));
    pairs.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > 2)).count()
}

/// Latin, Greek and Cyrillic; dashes and quotes; currencies; letter-like; arrows; shapes, dingbats; Chinese punctuation.
const RANGES: [(u32, u32); 8] = [
    (0x20, 0x24f),
    (0x370, 0x52f),
    (0x2010, 0x2044),
    (0x20a0, 0x20bf),
    (0x2100, 0x214f),
    (0x2190, 0x21ff),
    (0x25a0, 0x27bf),
    (0x3000, 0x303e),
];

const PATH: &str = "src/shields/widths.rs";

/// To write the table: `TALLYMARK_WRITE_WIDTHS=1` beside the variable above.
#[test]
#[ignore = "needs badge-maker 6: see the top of this file"]
fn table_agrees_with_badge_makers() {
    let tables = ["verdana-11px-normal", "verdana-10px-normal", "verdana-10px-bold", "helvetica-11px-bold"];
    let tables = tables.map(|table| {
        let path = format!("{}/anafanafo/data/{table}.json", badge_maker());
        serde_json::from_slice::<Vec<(u32, u32, f64)>>(&std::fs::read(path).unwrap()).unwrap()
    });
    let width = |table: &[(u32, u32, f64)], code: u32| {
        let range = table.iter().find(|(first, last, _)| (*first..=*last).contains(&code));
        range.map_or("XX".to_owned(), |(_, _, width)| (width * 100.0).round().to_string())
    };
    let mut wanted = String::from(
        "//! Widths of characters in hundredths of a pixel: Verdana at 11 px, at 10 px, bold at 10 px; Helvetica bold at 11 px.\n\
         //! Generated by `tests/shields.rs` from the tables of anafanafo 2.0.0 (MIT licence), which also says how to do it\n\
         //! again; do not edit. What they lack has `MISSING`.\n\n\
         /// What a character that was not measured has.\npub(super) const MISSING: u16 = u16::MAX;\n\n\
         use MISSING as XX;\n\n\
         /// First character of a block, and the widths from there on.\n#[rustfmt::skip]\n\
         pub(super) static BLOCKS: &[(u32, &[[u16; 4]])] = &[\n",
    );
    for (first, last) in RANGES {
        writeln!(wanted, "    (0x{first:x}, &[").unwrap();
        for row in (first..=last).collect::<Vec<_>>().chunks(5) {
            let cells = row
                .iter()
                .map(|&code| format!("[{}]", tables.each_ref().map(|table| width(table, code)).join(", ")));
            writeln!(wanted, "        {},", cells.collect::<Vec<_>>().join(", ")).unwrap();
        }
        wanted.push_str("    ]),\n");
    }
    wanted.push_str("];\n");
    if std::env::var_os("TALLYMARK_WRITE_WIDTHS").is_some() {
        std::fs::write(PATH, &wanted).unwrap();
    }
    assert!(std::fs::read_to_string(PATH).unwrap() == wanted, "{PATH} is not what badge-maker says");
}
