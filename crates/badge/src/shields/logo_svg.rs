//! Rewrites SVG logos that strangers send, keeping only what is on a list.
//!
//! Kept: shapes, groups, gradients, clips and masks, with their geometry and paint, also that of simple rules in a
//! `<style>`. Everything else is left out: scripts, texts, links, animations, foreign elements, and every reference that
//! is not to a part of the logo itself. `use` is left out too, because a few nested ones draw a billion shapes. What
//! would be seen is told, for the operator's own files. Called by `LogoFile`.

use super::{
    NotALogo,
    logo_css::{LogoCss, without_comments},
};
use crate::text::XmlText;
use roxmltree::{Document, Node, ParsingOptions};
use std::fmt::Write;

const SVG: &str = "http://www.w3.org/2000/svg";

/// A logo has a few dozen elements.
const MOST_NODES: u32 = 2_000;

/// Drawing programs declare a dozen namespaces. The parser copies all of them for each element that declares another.
const MOST_NAMESPACES: usize = 50;

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

/// Where and how large things are, and what refers to what.
const GEOMETRY: [&str; 30] = [
    "clipPathUnits",
    "cx",
    "cy",
    "d",
    "fx",
    "fy",
    "gradientTransform",
    "gradientUnits",
    "height",
    "id",
    "maskContentUnits",
    "maskUnits",
    "offset",
    "pathLength",
    "points",
    "preserveAspectRatio",
    "r",
    "rx",
    "ry",
    "spreadMethod",
    "style",
    "transform",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

/// How they are painted: the only attributes that a rule of a style sheet may set.
const PAINT: [&str; 22] = [
    "clip-path",
    "clip-rule",
    "color",
    "display",
    "fill",
    "fill-opacity",
    "fill-rule",
    "mask",
    "opacity",
    "paint-order",
    "shape-rendering",
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
    "visibility",
];

/// What draws something.
const SHAPES: [&str; 7] = ["path", "rect", "circle", "ellipse", "line", "polyline", "polygon"];

/// What is left out although it would be seen.
const SEEN: [&str; 7] = ["text", "image", "use", "a", "switch", "foreignObject", "svg"];

/// A logo with nothing but what is allowed.
pub(super) struct CleanLogo {
    pub(super) svg: String,
    pub(super) sides: SvgSides,
    /// An element that was left out although it would be seen, or `style`.
    pub(super) left_out: Option<&'static str>,
    /// Whether there is anything to draw.
    pub(super) has_shapes: bool,
}

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

/// The logo with nothing but what is allowed.
///
/// # Errors
///
/// If it is not an SVG document, has a DTD, or has too many elements.
pub(super) fn clean(text: &str, fill: Option<&str>) -> Result<CleanLogo, NotALogo> {
    if text.matches("xmlns").count() > MOST_NAMESPACES {
        return Err(NotALogo::Svg);
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|_| NotALogo::Svg)?;
    let root = document.root_element();
    if !root.has_tag_name((SVG, "svg")) {
        return Err(NotALogo::Svg);
    }
    let sheets = root.descendants().filter(|node| node.has_tag_name((SVG, "style")));
    let sheets = sheets.flat_map(|style| style.children().filter_map(|child| child.text()));
    let sheets: Vec<String> = sheets.map(without_comments).collect();
    let css = LogoCss::parse(&sheets);
    let left_out = css.is_partial.then_some("style");
    let out = String::with_capacity(text.len());
    let mut pen = CleanPen { out, css, has_fill: fill.is_some(), left_out, has_shapes: false };
    let _ = write!(pen.out, "<svg xmlns=\"{SVG}\"");
    pen.push_attributes(root);
    if let Some(fill) = fill {
        let _ = write!(pen.out, " fill=\"{}\"", XmlText(fill));
    }
    pen.out.push('>');
    pen.push_children(root, 0);
    pen.out.push_str("</svg>");
    let CleanPen { out: svg, left_out, has_shapes, .. } = pen;
    Ok(CleanLogo { svg, sides: sides(root), left_out, has_shapes })
}

/// Writes what is allowed.
struct CleanPen<'a> {
    out: String,
    css: LogoCss<'a>,
    /// One fill for all of it: those of the elements are left out.
    has_fill: bool,
    left_out: Option<&'static str>,
    has_shapes: bool,
}

impl CleanPen<'_> {
    fn push_children(&mut self, parent: Node<'_, '_>, depth: usize) {
        if depth == DEEPEST {
            return;
        }
        for child in parent.children().filter(|child| child.is_element()) {
            let tag = child.tag_name();
            let one_of = |names: &[&'static str]| {
                names.iter().copied().find(|name| tag.namespace() == Some(SVG) && tag.name() == *name)
            };
            let Some(name) = one_of(&ELEMENTS) else {
                self.left_out = self.left_out.or(one_of(&SEEN));
                continue;
            };
            self.has_shapes |= SHAPES.contains(&name);
            let _ = write!(self.out, "<{name}");
            self.push_attributes(child);
            self.out.push('>');
            if name == "title" {
                let _ = write!(self.out, "{}", XmlText(child.text().unwrap_or_default()));
            }
            self.push_children(child, depth + 1);
            let _ = write!(self.out, "</{name}>");
        }
    }

    fn push_attributes(&mut self, element: Node<'_, '_>) {
        let mut rules = self.css.of(element);
        rules.retain(|(name, value)| PAINT.contains(name) && is_harmless(value));
        // A rule of a style sheet goes before an attribute.
        let by_rule = |name: &str| rules.iter().any(|(known, _)| *known == name);
        let plain = element.attributes().filter(|attribute| attribute.namespace().is_none());
        let plain = plain.map(|attribute| (attribute.name(), attribute.value()));
        let plain = plain.filter(|(name, value)| {
            (GEOMETRY.contains(name) || PAINT.contains(name)) && is_harmless(value) && !by_rule(name)
        });
        for (name, value) in plain.chain(rules.iter().copied()) {
            if !(self.has_fill && name == "fill") {
                let _ = write!(self.out, " {name}=\"{}\"", XmlText(value));
            }
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
        let svg = clean(&text, None).unwrap().svg;
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
    fn simple_rules_of_a_style_sheet_are_resolved() {
        let styled =
            |css: &str| cleaned(&format!("<style>{css}</style><path class=\"a b\" id=\"i\" fill=\"red\"/>"));
        for (css, expect) in [
            (".a{fill:#fc0}", "id=\"i\" fill=\"#fc0\""),
            ("/* x{ */ .x,.b{fill : #fc0 !important;stroke:none}", "id=\"i\" fill=\"#fc0\" stroke=\"none\""),
            (
                "#i{fill:blue}path.a{fill:lime}.b{fill:#fc0}path{opacity:.5}",
                "id=\"i\" opacity=\".5\" fill=\"blue\"",
            ),
            (".a{fill:#fc0}.a{fill:url(https://example.org)}", "id=\"i\" fill=\"red\""),
            (".a{d:none;id:x}.c{fill:#fc0}", "id=\"i\" fill=\"red\""),
            ("g .a{fill:#fc0}@media print{.a{fill:#fc0}}.a{fill:lime}", "id=\"i\" fill=\"red\""),
        ] {
            assert_eq!(styled(css), format!("<path {expect}></path>"), "{css}");
        }
        let logo = |text: &str| clean(&format!("<svg xmlns=\"{SVG}\">{text}</svg>"), None).unwrap();
        for (text, left_out, has_shapes) in [
            ("<path d=\"M0 0\"/><style>.a{fill:red}</style>", None, true),
            ("<path d=\"M0 0\"/><style>g .a{fill:red}</style>", Some("style"), true),
            ("<path d=\"M0 0\"/><style>@import url(x);</style>", Some("style"), true),
            ("<g><text>8</text></g>", Some("text"), false),
            ("<defs/><script/>", None, false),
        ] {
            let logo = logo(text);
            assert_eq!((logo.left_out, logo.has_shapes), (left_out, has_shapes), "{text}");
        }
    }

    #[test]
    fn what_is_not_svg_is_refused() {
        let bomb = "<!DOCTYPE svg [<!ENTITY a \"aaaa\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>";
        let many = format!("<svg xmlns=\"{SVG}\">{}</svg>", "<g/>".repeat(3_000));
        let spaces: String = (0..1_000).map(|n| format!(" xmlns:n{n}=\"u\"")).collect();
        let spaces = format!("<svg xmlns=\"{SVG}\"{spaces}>{}</svg>", "<g xmlns:q=\"z\"/>".repeat(900));
        for text in
            ["", "<svg>", "<svg/>", "<html xmlns=\"http://www.w3.org/1999/xhtml\"/>", bomb, &many, &spaces]
        {
            assert!(clean(text, None).is_err(), "{text:.60}");
        }
        let deep = format!("<svg xmlns=\"{SVG}\">{}{}</svg>", "<g>".repeat(900), "</g>".repeat(900));
        assert_eq!(clean(&deep, None).unwrap().svg.matches("<g>").count(), DEEPEST);
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
            assert_eq!(clean(&text, None).unwrap().sides.proportion(), expect, "{attributes}");
        }
    }
}
