//! The flat badge: a grey box with the label, a coloured box with the value, 20 px high.
//!
//! The look is ghit.me's (and shields.io's flat): 11 px text, a shade over both boxes, corners of 3 px.
//! What ghit.me lacked: boxes as wide as their text, a title, and text that is always legible.
//! A badge with a style or a logo is drawn by [`shields`](crate::shields) instead. Called through [`render`] and
//! [`render_into`].

use crate::{
    color::Color,
    id,
    shields::{Logo, Shield, Style},
    text::Fitted,
};

/// The default text of the left box.
pub const DEFAULT_LABEL: &str = "hits";
/// The default colour of the left box.
pub const DEFAULT_LABEL_COLOR: Color = Color::rgb(0x55, 0x55, 0x55);
/// The default colour of the right box: ghit.me's green.
pub const DEFAULT_VALUE_COLOR: Color = Color::rgb(0x13, 0xb2, 0x8a);

/// Label of an error badge: it names the program, because a README may have many badges.
const ERROR_LABEL: &str = "tallymark";

/// Widest text of a box in pixels, the rest is cut. A README column on GitHub is about 830 px wide.
const MAX_TEXT: u32 = 400;

/// Widest text of an error. The author of the address has to be able to read all of it.
const MAX_ERROR: u32 = 2000;

/// A title has no box: only its number of characters is limited, see [`Fitted`].
const MAX_TITLE: u32 = 100_000;

/// Padding on both sides of a text together.
const PADDING: u32 = 10;

/// A usual badge has 1,000 bytes; one growth of the buffer, not five.
const USUAL_SIZE: usize = 1280;

/// Everything that is visible on a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge<'a> {
    /// Text of the left box; without one there is no left box. Cut at 400 px.
    pub label: &'a str,
    /// Text of the right box. Cut at `widest`.
    pub value: &'a str,
    /// Colour of the right box. Default: `#13b28a`.
    pub color: Color,
    /// Colour of the left box. Default: `#555`.
    pub label_color: Color,
    /// The text for screen readers and the tooltip; `None` is `label: value`, with what the boxes cut. At most 512
    /// characters of each text.
    pub title: Option<&'a str>,
    /// Widest text of the right box in pixels, the rest is cut. Default: 400. A badge with a style ignores it.
    pub widest: u32,
    /// A style of shields.io. `None` is our own look; with a logo it is [`Style::Flat`].
    pub style: Option<Style>,
    /// Left of the label.
    pub logo: Option<Logo<'a>>,
}

impl<'a> Badge<'a> {
    /// A badge in the default colours.
    #[must_use]
    pub const fn new(label: &'a str, value: &'a str) -> Self {
        Self {
            label,
            value,
            color: DEFAULT_VALUE_COLOR,
            label_color: DEFAULT_LABEL_COLOR,
            title: None,
            widest: MAX_TEXT,
            style: None,
            logo: None,
        }
    }

    /// A badge in the default colours with the default label.
    #[must_use]
    pub const fn hits(value: &'a str) -> Self {
        Self::new(DEFAULT_LABEL, value)
    }

    /// A red badge that says what is wrong, uncut: `tallymark | name too long`.
    #[must_use]
    pub const fn error(text: &'a str) -> Self {
        Self { color: Color::RED, widest: MAX_ERROR, ..Self::new(ERROR_LABEL, text) }
    }

    /// The same as a badge of shields.io, if it has a style or a logo.
    fn shield(&self) -> Option<Shield<'a>> {
        let style = self.style.or(self.logo.map(|_| Style::Flat))?;
        // Without a label, the default colour asks for no left box.
        let label_color = Some(self.label_color).filter(|color| *color != DEFAULT_LABEL_COLOR);
        let Badge { label, value: message, color, title, logo, .. } = *self;
        Some(Shield { style, label, message, color, label_color, title, logo })
    }

    /// Widths of the boxes in our own look.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Parts::of(self).layout()
    }
}

/// Widths of the boxes of a badge, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Left box; 0 when there is no label.
    pub label_width: u32,
    /// Right box.
    pub value_width: u32,
}

impl Layout {
    /// Width of the picture.
    #[must_use]
    pub fn width(self) -> u32 {
        self.label_width + self.value_width
    }
}

/// Draws a badge.
#[must_use]
pub fn render(badge: &Badge<'_>) -> String {
    let mut out = String::with_capacity(USUAL_SIZE);
    render_into(badge, &mut out);
    out
}

/// Appends a badge to `out`; only `out` may be reallocated.
///
/// Never more than 64 KiB, whatever the texts are.
///
/// A logo of up to 32 KiB is not included in that.
pub fn render_into(badge: &Badge<'_>, out: &mut String) {
    if let Some(shield) = badge.shield() {
        return shield.push_to(out);
    }
    let parts = Parts::of(badge);
    let layout = parts.layout();
    out.reserve(USUAL_SIZE);
    push_head(badge, &parts, layout.width(), out);
    let shade = push_shade(badge, out);
    push_boxes(badge, layout, shade, out);
    push_texts(badge, &parts, layout.label_width, layout, out);
    out.push_str("</svg>\n");
}

/// The texts of a badge, measured.
pub(crate) struct Parts<'a> {
    label: Fitted<'a>,
    value: Fitted<'a>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(badge: &Badge<'a>) -> Self {
        Self {
            label: Fitted::new(badge.label, MAX_TEXT),
            value: Fitted::new(badge.value, badge.widest.min(MAX_ERROR)),
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        let label_width = if self.label.is_empty() { 0 } else { box_width(&self.label) };
        Layout { label_width, value_width: box_width(&self.value) }
    }
}

/// Rounded up, because half a pixel too little is an overflow.
fn box_width(text: &Fitted<'_>) -> u32 {
    text.tenths().div_ceil(10) + PADDING
}

pub(crate) fn push_head(badge: &Badge<'_>, parts: &Parts<'_>, width: u32, out: &mut String) {
    out.push_str("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"");
    push_int(width, out);
    // Without a viewBox, height="30" in a README would add empty space instead of scaling.
    out.push_str("\" height=\"20\" viewBox=\"0 0 ");
    push_int(width, out);
    out.push_str(" 20\" role=\"img\" aria-label=\"");
    push_title(badge, parts, out);
    out.push_str("\">\n<title>");
    push_title(badge, parts, out);
    out.push_str("</title>\n");
}

fn push_title(badge: &Badge<'_>, parts: &Parts<'_>, out: &mut String) {
    let push_whole = |text, out: &mut String| Fitted::new(text, MAX_TITLE).push_to(out);
    if let Some(title) = badge.title {
        push_whole(title, out);
        return;
    }
    if !parts.label.is_empty() {
        push_whole(badge.label, out);
        out.push_str(": ");
    }
    push_whole(badge.value, out);
}

/// The shade over both boxes. Returns the suffix of its id.
///
/// Two badges inlined into one page share their ids. The suffix comes from what the badge shows, so only equal badges
/// share it; and as every badge defines the same shade without a size in it, even a collision of the hash is not seen.
/// Corners are drawn as paths, not clipped, to need no further id.
pub(crate) fn push_shade(badge: &Badge<'_>, out: &mut String) -> [u8; 8] {
    let id = id_suffix(badge);
    out.push_str("<linearGradient id=\"tallymark-");
    push_ascii(&id, out);
    out.push_str(
        "\" x2=\"0\" y2=\"100%\">\n\
         <stop offset=\"0\" stop-color=\"#bbb\" stop-opacity=\".1\"/>\n\
         <stop offset=\"1\" stop-opacity=\".1\"/>\n\
         </linearGradient>\n",
    );
    id
}

pub(crate) fn push_boxes(badge: &Badge<'_>, layout: Layout, shade: [u8; 8], out: &mut String) {
    let Layout { label_width, value_width } = layout;
    if label_width > 0 {
        out.push_str("<path fill=\"");
        badge.label_color.push_to(out);
        out.push_str("\" d=\"M3 0h");
        push_int(label_width - 3, out);
        out.push_str("v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z\"/>\n<path fill=\"");
        badge.color.push_to(out);
        out.push_str("\" d=\"M");
        push_int(label_width, out);
        out.push_str(" 0h");
        push_int(value_width - 3, out);
        out.push_str("a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-");
        push_int(value_width - 3, out);
        out.push_str("z\"/>\n");
    } else {
        push_rect(value_width, out);
        badge.color.push_to(out);
        out.push_str("\"/>\n");
    }
    push_rect(layout.width(), out);
    out.push_str("url(#tallymark-");
    push_ascii(&shade, out);
    out.push_str(")\"/>\n");
}

fn push_rect(width: u32, out: &mut String) {
    out.push_str("<rect width=\"");
    push_int(width, out);
    out.push_str("\" height=\"20\" rx=\"3\" fill=\"");
}

/// The label is in the first `label_room` pixels; a sparkline may follow in the same box.
pub(crate) fn push_texts(
    badge: &Badge<'_>,
    parts: &Parts<'_>,
    label_room: u32,
    layout: Layout,
    out: &mut String,
) {
    // Hidden from screen readers, which have the aria-label and would read each text twice.
    out.push_str(
        "<g aria-hidden=\"true\" fill=\"#fff\" text-anchor=\"middle\" \
         font-family=\"DejaVu Sans,Verdana,Geneva,sans-serif\" font-size=\"11\" \
         text-rendering=\"geometricPrecision\">\n",
    );
    push_text(&parts.label, label_room, badge.label_color, out);
    push_text(&parts.value, 2 * layout.label_width + layout.value_width, badge.color, out);
    out.push_str("</g>\n");
}

/// One text: its shadow, one pixel lower, then itself. `twice_x` is the middle, in half pixels.
fn push_text(text: &Fitted<'_>, twice_x: u32, background: Color, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let (color, shadow) = background.text_and_shadow();
    for is_shadow in [true, false] {
        out.push_str("<text x=\"");
        push_tenths(twice_x * 5, out);
        if is_shadow {
            out.push_str("\" y=\"15\" fill=\"");
            shadow.push_to(out);
            out.push_str("\" fill-opacity=\".3");
        } else {
            out.push_str("\" y=\"14");
            if color != Color::WHITE {
                out.push_str("\" fill=\"");
                color.push_to(out);
            }
        }
        // With another font than DejaVu Sans the text still ends where the box does. Where the width is a guess, the
        // box has room for it, and the text keeps its own width in the middle.
        if text.tenths() > 0 && !text.is_shaped() {
            out.push_str("\" textLength=\"");
            push_tenths(text.tenths(), out);
        }
        out.push_str("\">");
        text.push_to(out);
        out.push_str("</text>\n");
    }
}

fn id_suffix(badge: &Badge<'_>) -> [u8; 8] {
    let colors = [badge.label_color, badge.color].map(|color| [color.r, color.g, color.b]);
    // A byte UTF-8 does not have: "ab" + "c" is not "a" + "bc".
    let texts = badge.label.bytes().chain([0xff]).chain(badge.value.bytes());
    // Both, so that it shows whose they are.
    let alphas = [badge.label_color.a, badge.color.a];
    let clear = alphas.into_iter().filter(|_| alphas != [u8::MAX; 2]);
    id::suffix(texts.chain(colors.into_iter().flatten()).chain(clear))
}

/// Appends a number of at most four digits, as every width is. `write!` would take longer than everything else.
fn push_int(n: u32, out: &mut String) {
    debug_assert!(n < 10_000);
    let mut divisor = if n >= 1000 {
        1000
    } else if n >= 100 {
        100
    } else if n >= 10 {
        10
    } else {
        1
    };
    while divisor > 0 {
        out.push(char::from(b'0' + (n / divisor % 10) as u8));
        divisor /= 10;
    }
}

/// Appends tenths as a decimal number without a useless `.0`.
pub(crate) fn push_tenths(tenths: u32, out: &mut String) {
    push_int(tenths / 10, out);
    if !tenths.is_multiple_of(10) {
        out.push('.');
        push_int(tenths % 10, out);
    }
}

fn push_ascii(bytes: &[u8], out: &mut String) {
    out.extend(bytes.iter().map(|&b| char::from(b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_between_badges_that_differ() {
        let red = Badge { color: Color::RED, ..Badge::hits("1") };
        let half = Color { a: 0x80, ..Color::RED };
        let both = Badge { label_color: Color::RED, ..red };
        let all = [
            Badge::hits("1"),
            Badge::hits("2"),
            Badge::new("h", "its1"),
            Badge::new("hi", "ts1"),
            red,
            both,
            Badge { color: half, ..both },
            Badge { label_color: half, ..both },
            Badge { color: half, label_color: half, ..both },
        ];
        let ids: std::collections::HashSet<_> = all.iter().map(id_suffix).collect();
        assert_eq!(ids.len(), all.len());
    }

    #[test]
    fn numbers_are_written_without_leading_or_trailing_zeros() {
        let written = |tenths| {
            let mut out = String::new();
            push_tenths(tenths, &mut out);
            out
        };
        assert_eq!([0, 5, 10, 265, 730, 9999].map(written), ["0", "0.5", "1", "26.5", "73", "999.9"]);
    }

    #[test]
    fn label_and_thousand_have_the_width_ghit_me_gave_them() {
        let layout = Badge::new("ghit.me", "1,000").layout();
        assert_eq!((layout.label_width, layout.value_width, layout.width()), (53, 42, 95));
    }
}
