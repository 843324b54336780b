//! `flat`, `flat-square` and `plastic`: two boxes with text.

use super::{LABEL_COLOR, Pixels, Shield, Style, TextFill, TextLength, Title, head, measure::Face};
use crate::{color::Color, text::XmlText};
use std::fmt::{self, Display, Formatter};

/// Free room on either side of a text.
const PADDING: f64 = 5.0;

/// A badge of two boxes, measured.
pub(super) struct Boxes<'a> {
    badge: &'a Shield<'a>,
    /// The end of its ids.
    id: String,
    label_color: Color,
    label_width: f64,
    message_width: f64,
    /// Of the boxes.
    left: f64,
    right: f64,
    /// Where the message begins, without its padding.
    message_start: f64,
}

impl<'a> Boxes<'a> {
    pub(super) fn of(badge: &'a Shield<'a>) -> Boxes<'a> {
        let logo = badge.logo_width();
        let has_left = badge.has_label() || badge.label_color.is_some();
        let label_width = if badge.has_label() { Face::Verdana11.odd_width(badge.label) } else { 0.0 };
        let left = if has_left { label_width + 2.0 * PADDING + logo } else { 0.0 };
        let message_width = Face::Verdana11.odd_width(badge.message);
        let has_message = !badge.message.is_empty();
        let mut message_start = left - if has_message { 1.0 } else { 0.0 };
        let mut right = message_width + 2.0 * PADDING;
        match (has_left, badge.logo) {
            (true, _) => {}
            (false, Some(_)) => {
                message_start += logo + PADDING;
                right += logo + if has_message { PADDING - 1.0 } else { 0.0 };
            }
            (false, None) => message_start += 1.0,
        }
        // A box of no width has the colour of the other.
        let has_color = has_left || badge.logo.is_some();
        let label_color = if has_color { badge.label_color.unwrap_or(LABEL_COLOR) } else { badge.color };
        // Nothing in it is referred to.
        let id = if badge.style == Style::FlatSquare { String::new() } else { badge.id() };
        Boxes { badge, id, label_color, label_width, message_width, left, right, message_start }
    }

    fn height(&self) -> u32 {
        if self.badge.style == Style::Plastic { 18 } else { 20 }
    }

    fn grounds(&self, f: &mut Formatter<'_>, attribute: fmt::Arguments<'_>) -> fmt::Result {
        let (left, right) = (Pixels(self.left), Pixels(self.right));
        let (label_color, height) = (self.label_color, self.height());
        write!(
            f,
            "<g {attribute}>\n<rect width=\"{left}\" height=\"{height}\" fill=\"{label_color}\"/>\n\
             <rect x=\"{left}\" width=\"{right}\" height=\"{height}\" fill=\"{}\"/>\n",
            self.badge.color,
        )
    }

    /// What the shade and the round corners need, and the boxes with both.
    fn shaded(&self, f: &mut Formatter<'_>, stops: &str, radius: u32) -> fmt::Result {
        let (id, width, height) = (&self.id, Pixels(self.left + self.right), self.height());
        write!(
            f,
            "<filter id=\"tm-blur-{id}\"><feGaussianBlur stdDeviation=\"16\"/></filter>\n\
             <linearGradient id=\"tm-shade-{id}\" x2=\"0\" y2=\"100%\">{stops}</linearGradient>\n\
             <clipPath id=\"tm-round-{id}\"><rect width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/></clipPath>\n",
        )?;
        self.grounds(f, format_args!("clip-path=\"url(#tm-round-{id})\""))?;
        writeln!(f, "<rect width=\"{width}\" height=\"{height}\" fill=\"url(#tm-shade-{id})\"/>\n</g>")
    }

    fn text(&self, f: &mut Formatter<'_>, text: &str, start: f64, width: f64, behind: Color) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        let (color, shadow) = behind.text_and_shadow();
        let x = Pixels(10.0 * (start + 0.5 * width + PADDING));
        let (long, text, fill) = (TextLength(text, 10.0 * width), XmlText(text), TextFill(color));
        let y = if self.badge.style == Style::Plastic { 130 } else { 140 };
        if self.badge.style == Style::FlatSquare {
            return writeln!(
                f,
                "<text x=\"{x}\" y=\"{y}\"{long} transform=\"scale(.1)\"{fill}>{text}</text>"
            );
        }
        let (id, below) = (&self.id, y + 10);
        writeln!(
            f,
            "<g transform=\"scale(.1)\"><g aria-hidden=\"true\" fill=\"{shadow}\">\
             <text x=\"{x}\" y=\"{below}\" fill-opacity=\".8\" filter=\"url(#tm-blur-{id})\"{long}>{text}</text>\
             <text x=\"{x}\" y=\"{below}\" fill-opacity=\".3\"{long}>{text}</text></g>\
             <text x=\"{x}\" y=\"{y}\"{long}{fill}>{text}</text></g>"
        )
    }
}

impl Display for Boxes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let badge = self.badge;
        head(
            f,
            Title { own: badge.title, label: badge.label, message: badge.message },
            self.left + self.right,
            self.height(),
        )?;
        match badge.style {
            Style::Plastic => self.shaded(f, PLASTIC, 4)?,
            Style::FlatSquare => {
                self.grounds(f, format_args!("shape-rendering=\"crispEdges\""))?;
                f.write_str("</g>\n")?;
            }
            _ => self.shaded(f, FLAT, 3)?,
        }
        f.write_str(
            "<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,Geneva,DejaVu Sans,sans-serif\" \
             text-rendering=\"geometricPrecision\" font-size=\"110\">\n",
        )?;
        if let Some(logo) = badge.logo {
            f.write_str(&logo.element(PADDING as u32, self.height()))?;
        }
        self.text(f, badge.label, badge.logo_width() + 1.0, self.label_width, self.label_color)?;
        self.text(f, badge.message, self.message_start, self.message_width, badge.color)?;
        f.write_str("</g>\n</svg>\n")
    }
}

const FLAT: &str =
    "<stop offset=\"0\" stop-color=\"#bbb\" stop-opacity=\".1\"/><stop offset=\"1\" stop-opacity=\".1\"/>";

const PLASTIC: &str = "<stop offset=\"0\" stop-color=\"#fff\" stop-opacity=\".7\"/>\
                       <stop offset=\".1\" stop-color=\"#aaa\" stop-opacity=\".1\"/>\
                       <stop offset=\".9\" stop-color=\"#000\" stop-opacity=\".3\"/>\
                       <stop offset=\"1\" stop-color=\"#000\" stop-opacity=\".5\"/>";
