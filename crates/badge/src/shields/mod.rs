//! Badges in the five styles of shields.io, drawn exactly as badge-maker 6 draws them.
//!
//! The same elements with the same lengths, so that a README can change the host name and keep its look. What differs:
//! a `viewBox`, ids that differ between badges (badge-maker's collide when two are inlined into one page), texts cut at
//! 400 px, and no links, because a badge is an `<img>`. [`render`](crate::render) draws ghit.me's look instead, with
//! text measured in a common font. The HTTP server reads the parameters.

mod boxes;
mod for_the_badge;
mod logo;
mod logo_css;
mod logo_file;
mod logo_hint;
mod logo_svg;
mod measure;
mod own_logos;
mod social;
mod widths;

pub use logo::{Logo, MAX_LOGO, NotALogo};
pub use logo_file::LogoFile;
pub use logo_hint::logo_hint;
pub use own_logos::{MOST_LOGOS, OwnLogos};

use crate::{
    color::Color,
    id,
    text::{Fitted, XmlText, has_joined_letters},
};
use std::fmt::{self, Display, Formatter, Write};

/// Widest text in pixels, measured as a badge's; the rest is cut.
const MAX_TEXT: u32 = 400;

/// A style of shields.io.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Style {
    /// A shade over both boxes; 20 px high.
    #[default]
    Flat,
    /// No shade and no round corners; 20 px high.
    FlatSquare,
    /// A strong shade; 18 px high.
    Plastic,
    /// Capitals, 28 px high.
    ForTheBadge,
    /// GitHub's old buttons: a bubble at the right; 20 px high.
    Social,
}

impl Style {
    /// All of them.
    pub const EVERY: [Style; 5] =
        [Style::Flat, Style::FlatSquare, Style::Plastic, Style::ForTheBadge, Style::Social];

    /// The name in the parameter `style`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Style::Flat => "flat",
            Style::FlatSquare => "flat-square",
            Style::Plastic => "plastic",
            Style::ForTheBadge => "for-the-badge",
            Style::Social => "social",
        }
    }

    /// What is behind a logo: the label's colour, or the value's if there is no left box. [`Style::Social`] has a light
    /// button whatever the colours are.
    #[must_use]
    pub fn behind_logo(self, box_color: Color) -> Color {
        if self == Style::Social { Color::rgb(0xfc, 0xfc, 0xfc) } else { box_color }
    }

    /// The style with a name; case does not matter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Style> {
        Style::EVERY.into_iter().find(|style| style.name().eq_ignore_ascii_case(name))
    }
}

/// Everything that is visible on a badge of shields.io.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shield<'a> {
    /// How it is drawn.
    pub style: Style,
    /// Text of the left box. Without a label, a colour for it and a logo there is no left box.
    pub label: &'a str,
    /// Text of the right box: the value.
    pub message: &'a str,
    /// Colour of the right box. [`Style::Social`] has no colours.
    pub color: Color,
    /// Colour of the left box; the default is `#555`.
    pub label_color: Option<Color>,
    /// The text for screen readers and the tooltip; `None` is `label: message`.
    pub title: Option<&'a str>,
    /// Left of the label.
    pub logo: Option<Logo<'a>>,
}

impl<'a> Shield<'a> {
    /// A badge in badge-maker's colours, without a logo.
    #[must_use]
    pub const fn new(style: Style, label: &'a str, message: &'a str) -> Shield<'a> {
        Shield {
            style,
            label,
            message,
            color: Color::BRIGHT_GREEN,
            label_color: None,
            title: None,
            logo: None,
        }
    }

    /// Draws the badge. Less than 32 KiB without the logo, whatever the texts are.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(USUAL);
        self.push_to(&mut out);
        out
    }

    /// Appends it.
    pub(crate) fn push_to(&self, out: &mut String) {
        let shown = |text| Fitted::new(text, MAX_TEXT).shown();
        let (label, message) = (shown(self.label), shown(self.message));
        let badge = Shield { label: &label, message: &message, ..*self };
        // A String does not fail to grow in a way that could be reported.
        let _ = match self.style {
            Style::Flat | Style::FlatSquare | Style::Plastic => write!(out, "{}", boxes::Boxes::of(&badge)),
            Style::ForTheBadge => write!(out, "{}", for_the_badge::Capitals::of(&badge)),
            Style::Social => write!(out, "{}", social::Bubble::of(&badge)),
        };
    }

    fn has_label(&self) -> bool {
        !self.label.is_empty()
    }

    /// Room of the logo and what is between it and the label.
    fn logo_width(&self) -> f64 {
        let padding = if self.has_label() { 3.0 } else { 0.0 };
        self.logo.map_or(0.0, |logo| f64::from(logo.width) + padding)
    }

    /// The end of the ids in this badge: a hash of all that its boxes depend on.
    fn id(&self) -> String {
        let colors = [Some(self.color), self.label_color];
        let bytes =
            colors.into_iter().flat_map(|color| color.map_or([0; 4], |Color { r, g, b, .. }| [1, r, g, b]));
        let texts = [self.style.name(), self.label, self.message];
        // A byte UTF-8 does not have: "ab" + "c" is not "a" + "bc".
        let texts = texts.into_iter().flat_map(|text| text.bytes().chain([0xff]));
        let logo = self.logo.map_or(0, |logo| logo.width as u8);
        // Both, so that it shows whose they are.
        let alphas = colors.map(|color| color.map_or(u8::MAX, |color| color.a));
        let clear = alphas.into_iter().filter(|_| alphas != [u8::MAX; 2]);
        id::suffix(texts.chain(bytes).chain([logo]).chain(clear)).map(char::from).iter().collect()
    }
}

/// Bytes of a badge without a logo, roughly.
const USUAL: usize = 2048;
/// The default left colour.
const LABEL_COLOR: Color = Color::rgb(0x55, 0x55, 0x55);

/// The beginning of every style: size, and what a screen reader says.
fn head(f: &mut Formatter<'_>, title: Title<'_>, width: f64, height: u32) -> fmt::Result {
    let width = Pixels(width);
    write!(
        f,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n",
    )
}

/// A length. Nearly all are whole, or have quarters, and are written much faster than other fractions.
#[derive(Clone, Copy)]
struct Pixels(f64);

impl Display for Pixels {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const QUARTERS: [&str; 4] = ["", ".25", ".5", ".75"];
        let quarters = self.0 * 4.0;
        if quarters.fract() != 0.0 || !(0.0..4e9).contains(&quarters) {
            return self.0.fmt(f);
        }
        let quarters = quarters as u32;
        (quarters / 4).fmt(f)?;
        f.write_str(QUARTERS[quarters as usize % 4])
    }
}

/// A badge's own title, or its texts.
#[derive(Clone, Copy)]
struct Title<'a> {
    own: Option<&'a str>,
    label: &'a str,
    message: &'a str,
}

impl Display for Title<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(own) = self.own {
            return XmlText(own).fmt(f);
        }
        if !self.label.is_empty() {
            XmlText(self.label).fmt(f)?;
            f.write_str(": ")?;
        }
        XmlText(self.message).fmt(f)
    }
}

/// ` textLength="..."` of a text, which keeps it in its box whatever the font is. badge-maker sets it always; here a text
/// with joined letters keeps its own width in the middle of the box, because stretching tears it apart.
struct TextLength<'a>(&'a str, f64);

impl Display for TextLength<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if has_joined_letters(self.0) { Ok(()) } else { write!(f, " textLength=\"{}\"", Pixels(self.1)) }
    }
}

/// ` fill="..."` of a text, unless it is the white of the group around it.
struct TextFill(Color);

impl Display for TextFill {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == Color::WHITE { Ok(()) } else { write!(f, " fill=\"{}\"", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_which_colour_is_seen_through() {
        let (red, half) = (Color::RED, Color { a: 0x80, ..Color::RED });
        let id = |color, label_color| {
            Shield { color, label_color: Some(label_color), ..Shield::new(Style::Flat, "hits", "1") }.id()
        };
        let all = [id(red, red), id(half, red), id(red, half), id(half, half)];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len(), "{all:?}");
    }
}
