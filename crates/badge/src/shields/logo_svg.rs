//! Rewrites SVG logos that strangers send, keeping only what is on a list.
//!
//! Kept: shapes, groups, gradients, clips and masks, with their geometry and paint. Everything else is left out:
//! scripts, styles, texts, links, animations, foreign elements, and every reference that is not to a part of the logo
//! itself. `use` is left out too, because a few nested ones draw a billion shapes. Called by `LogoFile`.

use super::NotALogo;
use crate::text::XmlText;
use roxmltree::{Document, Node, ParsingOptions};
use std::fmt::Write;

const SVG: &str = "http://www.w3.org/2000/svg";

/// A logo has a few dozen elements.
const MOST_NODES: u32 = 2_000;

/// Deeper elements are left out.
const DEEPEST: usize = 32;

const ELEMENTS: [&str; 15] = [
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "title",
];

const ATTRIBUTES: [&str; 52] = [
    "clip-path",
    "clip-rule",
    "clipPathUnits",
    "color",
    "cx",
    "cy",
    "d",
    "display",
    "fill",
    "fill-opacity",
    "fill-rule",
    "fx",
    "fy",
    "gradientTransform",
    "gradientUnits",
    "height",
    "id",
    "mask",
    "maskContentUnits",
    "maskUnits",
    "offset",
    "opacity",
    "paint-order",
    "pathLength",
    "points",
    "preserveAspectRatio",
    "r",
    "rx",
    "ry",
    "shape-rendering",
    "spreadMethod",
    "stop-color",
    "stop-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
    "style",
    "transform",
    "viewBox",
    "visibility",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

/// The sides that a file says it has.
pub(super) struct SvgSides {
    view_box: Option<(f64, f64)>,
    attributes: Option<(f64, f64)>,
}

impl SvgSides {
    /// Width divided by height; 1 if the file does not say.
    pub(super) fn proportion(&self) -> f64 {
        self.view_box.or(self.attributes).map_or(1.0, |(width, height)| width / height)
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> Option<(f64, f64)> {
        self.attributes.or(self.view_box)
    }
}

/// The logo with nothing but what is allowed, and its sides.
///
/// # Errors
///
/// If it is not an SVG document, has a DTD, or has too many elements.
pub(super) fn clean(text: &str, fill: Option<&str>) -> Result<(String, SvgSides), NotALogo> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|_| NotALogo::Svg)?;
    let root = document.root_element();
    if !root.has_tag_name((SVG, "svg")) {
        return Err(NotALogo::Svg);
    }
    let mut out = String::with_capacity(text.len());
    let _ = write!(out, "<svg xmlns=\"{SVG}\"");
    push_attributes(&mut out, root, fill.is_some());
    if let Some(fill) = fill {
        let _ = write!(out, " fill=\"{}\"", XmlText(fill));
    }
    out.push('>');
    push_children(&mut out, root, 0);
    out.push_str("</svg>");
    Ok((out, sides(root)))
}

fn push_children(out: &mut String, parent: Node<'_, '_>, depth: usize) {
    if depth == DEEPEST {
        return;
    }
    for child in parent.children().filter(|child| child.is_element()) {
        let tag = child.tag_name();
        let Some(name) = ELEMENTS.iter().find(|name| tag.namespace() == Some(SVG) && tag.name() == **name)
        else {
            continue;
        };
        let _ = write!(out, "<{name}");
        push_attributes(out, child, false);
        out.push('>');
        if *name == "title" {
            let _ = write!(out, "{}", XmlText(child.text().unwrap_or_default()));
        }
        push_children(out, child, depth + 1);
        let _ = write!(out, "</{name}>");
    }
}

fn push_attributes(out: &mut String, element: Node<'_, '_>, has_fill: bool) {
    let plain = element.attributes().filter(|attribute| attribute.namespace().is_none());
    for attribute in plain {
        let (name, value) = (attribute.name(), attribute.value());
        let known = ATTRIBUTES.contains(&name);
        if known && is_harmless(value) && !(has_fill && name == "fill") {
            let _ = write!(out, " {name}=\"{}\"", XmlText(value));
        }
    }
}

/// Refers to nothing but parts of the logo: `url(#gradient)`.
fn is_harmless(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let inside = lower.split("url").skip(1).all(|rest| {
        let reference =
            rest.trim_start().strip_prefix('(').map(|rest| rest.trim_start_matches([' ', '"', '\'']));
        reference.is_some_and(|reference| reference.starts_with('#'))
    });
    // A backslash escapes letters in CSS, so it could hide any of these.
    inside
        && !["\\", "@", "image", "expression", "javascript:", "data:", "//"]
            .iter()
            .any(|word| lower.contains(word))
}

fn sides(root: Node<'_, '_>) -> SvgSides {
    let number = |text: &str| text.trim().trim_end_matches("px").parse::<f64>().ok();
    let view_box = root.attribute("viewBox").map(|text| {
        text.split([' ', ',']).filter(|part| !part.is_empty()).filter_map(number).collect::<Vec<_>>()
    });
    let view_box = match view_box.as_deref() {
        Some(&[_, _, width, height]) => Some((width, height)),
        _ => None,
    };
    let attributes = root.attribute("width").and_then(number).zip(root.attribute("height").and_then(number));
    let some = |&(width, height): &(f64, f64)| width > 0.0 && height > 0.0;
    SvgSides { view_box: view_box.filter(some), attributes: attributes.filter(some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(inside: &str) -> String {
        let text =
            format!("<svg xmlns=\"{SVG}\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">{inside}</svg>");
        let (svg, _) = clean(&text, None).unwrap();
        let document = Document::parse(&svg).unwrap();
        let body = svg.strip_prefix(&format!("<svg xmlns=\"{SVG}\">")).unwrap();
        assert!(document.root_element().has_tag_name((SVG, "svg")));
        body.strip_suffix("</svg>").unwrap().to_owned()
    }

    #[test]
    fn shapes_and_their_paint_are_kept() {
        for kept in [
            "<path d=\"M0 0h2v2H0z\" fill=\"#f00\"></path>",
            "<defs><linearGradient id=\"a\"><stop offset=\"0\" stop-color=\"red\"></stop></linearGradient></defs>",
            "<g style=\"fill:url(#a);opacity:.5\"><circle r=\"1\"></circle></g>",
            "<title>a &lt; b</title>",
        ] {
            assert_eq!(cleaned(kept), kept);
        }
    }

    #[test]
    fn everything_else_is_left_out() {
        for hostile in [
            "<script>alert(1)</script>",
            "<style>*{background:url(https://example.org)}</style>",
            "<image href=\"https://example.org/x.png\"/>",
            "<use href=\"#a\"/>",
            "<foreignObject><p xmlns=\"http://www.w3.org/1999/xhtml\">x</p></foreignObject>",
            "<a xlink:href=\"javascript:alert(1)\"><path d=\"M0 0\"/></a>",
            "<text>free text</text>",
            "<animate attributeName=\"x\"/>",
            "<x:path xmlns:x=\"urn:x\" d=\"M0 0\"/>",
        ] {
            assert_eq!(cleaned(hostile), "", "{hostile}");
        }
        for attribute in [
            "onload=\"alert(1)\"",
            "fill=\"url(https://example.org/#a)\"",
            "style=\"fill:url('//example.org')\"",
            "style=\"background:u\\72l(x)\"",
            "style=\"fill:url(data:text/html,x)\"",
            "href=\"#a\"",
            "xlink:href=\"https://example.org\"",
        ] {
            let path = format!("<path d=\"M0 0\" {attribute}/>");
            assert_eq!(cleaned(&path), "<path d=\"M0 0\"></path>", "{attribute}");
        }
    }

    #[test]
    fn what_is_not_svg_is_refused() {
        let bomb = "<!DOCTYPE svg [<!ENTITY a \"aaaa\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>";
        let many = format!("<svg xmlns=\"{SVG}\">{}</svg>", "<g/>".repeat(3_000));
        for text in ["", "<svg>", "<svg/>", "<html xmlns=\"http://www.w3.org/1999/xhtml\"/>", bomb, &many] {
            assert!(clean(text, None).is_err(), "{text:.60}");
        }
        let deep = format!("<svg xmlns=\"{SVG}\">{}{}</svg>", "<g>".repeat(900), "</g>".repeat(900));
        assert_eq!(clean(&deep, None).unwrap().0.matches("<g>").count(), DEEPEST);
    }

    #[test]
    fn proportion_is_that_of_the_view_box() {
        for (attributes, expect) in [
            ("viewBox=\"0 0 48 24\"", 2.0),
            ("viewBox=\"0,0,12,24\" width=\"99\" height=\"1\"", 0.5),
            ("width=\"30px\" height=\"10\"", 3.0),
            ("viewBox=\"0 0 0 0\"", 1.0),
            ("", 1.0),
        ] {
            let text = format!("<svg xmlns=\"{SVG}\" {attributes}/>");
            assert_eq!(clean(&text, None).unwrap().1.proportion(), expect, "{attributes}");
        }
    }
}
