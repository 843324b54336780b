//! `for-the-badge`: capitals with room between them.

use super::{LABEL_COLOR, Pixels, Shield, TextFill, TextLength, Title, head, measure::Face};
use crate::{color::Color, text::XmlText};
use std::fmt::{self, Display, Formatter};

const HEIGHT: u32 = 28;
/// Free room on either side of a text.
const TEXT_MARGIN: f64 = 12.0;
const LOGO_MARGIN: f64 = 9.0;
/// Between the logo and the text.
const GUTTER: f64 = 6.0;
/// Between two letters, and behind the last.
const SPACING: f64 = 1.25;

/// A badge in capitals, measured.
pub(super) struct Capitals<'a> {
    badge: &'a Shield<'a>,
    label: String,
    message: String,
    label_start: f64,
    label_width: f64,
    message_start: f64,
    message_width: f64,
    /// Of the boxes; the left one may be missing.
    left: Option<f64>,
    right: f64,
}

fn width(face: Face, text: &str) -> f64 {
    // badge-maker counts letters as JavaScript does.
    face.width(text).floor() + SPACING * text.encode_utf16().count() as f64
}

impl<'a> Capitals<'a> {
    pub(super) fn of(badge: &'a Shield<'a>) -> Capitals<'a> {
        let (label, message) = (badge.label.to_uppercase(), badge.message.to_uppercase());
        let (label_width, message_width) =
            (width(Face::Verdana10, &label), width(Face::Verdana10Bold, &message));
        let no_text = label.is_empty() && message.is_empty();
        let gutter = if no_text { GUTTER - LOGO_MARGIN } else { GUTTER };
        let logo = badge.logo.map(|logo| f64::from(logo.width));
        let label_start = logo.map_or(TEXT_MARGIN, |logo| LOGO_MARGIN + logo + gutter);
        let left = match logo {
            _ if !label.is_empty() => Some(label_start + label_width + TEXT_MARGIN),
            Some(logo) if badge.label_color.is_some() => Some(2.0 * LOGO_MARGIN + logo),
            _ => None,
        };
        let beside = if left.is_some() { 0.0 } else { logo.map_or(0.0, |logo| logo + gutter) };
        let message_start = left.unwrap_or(0.0) + TEXT_MARGIN + beside;
        let right = 2.0 * TEXT_MARGIN + beside + message_width;
        Capitals {
            badge,
            label,
            message,
            label_start,
            label_width,
            message_start,
            message_width,
            left,
            right,
        }
    }

    fn grounds(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (right, color) = (Pixels(self.right), self.badge.color);
        f.write_str("<g shape-rendering=\"crispEdges\">\n")?;
        if let Some(left) = self.left.map(Pixels) {
            write!(
                f,
                "<rect width=\"{left}\" height=\"{HEIGHT}\" fill=\"{}\"/>\n<rect x=\"{left}\"",
                self.label_color()
            )?;
        } else {
            f.write_str("<rect")?;
        }
        writeln!(f, " width=\"{right}\" height=\"{HEIGHT}\" fill=\"{color}\"/>\n</g>")
    }

    fn label_color(&self) -> Color {
        self.badge.label_color.unwrap_or(LABEL_COLOR)
    }
}

fn text(
    f: &mut Formatter<'_>,
    text: &str,
    start: f64,
    width: f64,
    attribute: &str,
    behind: Color,
) -> fmt::Result {
    let (x, long) = (Pixels(10.0 * (start + 0.5 * width)), TextLength(text, 10.0 * width));
    let fill = TextFill(behind.text_and_shadow().0);
    writeln!(
        f,
        "<text transform=\"scale(.1)\" x=\"{x}\" y=\"175\"{long}{attribute}{fill}>{}</text>",
        XmlText(text)
    )
}

impl Display for Capitals<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(
            f,
            Title { own: self.badge.title, label: &self.label, message: &self.message },
            self.left.unwrap_or(0.0) + self.right,
            HEIGHT,
        )?;
        self.grounds(f)?;
        f.write_str(
            "<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,Geneva,DejaVu Sans,sans-serif\" \
             text-rendering=\"geometricPrecision\" font-size=\"100\">\n",
        )?;
        if let Some(logo) = self.badge.logo {
            f.write_str(&logo.element(LOGO_MARGIN as u32, HEIGHT))?;
        }
        if !self.label.is_empty() {
            text(f, &self.label, self.label_start, self.label_width, "", self.label_color())?;
        }
        let bold = " font-weight=\"bold\"";
        text(f, &self.message, self.message_start, self.message_width, bold, self.badge.color)?;
        f.write_str("</g>\n</svg>\n")
    }
}
