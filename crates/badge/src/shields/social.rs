//! `social`: a button, and its number in a bubble.

use super::{Pixels, Shield, TextLength, Title, head, measure::Face};
use crate::text::XmlText;
use std::fmt::{self, Display, Formatter};

const HEIGHT: u32 = 20;
/// Of the boxes, without their lines.
const INSIDE: u32 = 19;
const LABEL_PADDING: f64 = 5.0;
const MESSAGE_PADDING: f64 = 4.0;
/// Between button and bubble.
const GUTTER: f64 = 6.0;

/// A badge with a bubble, measured.
pub(super) struct Bubble<'a> {
    badge: &'a Shield<'a>,
    label: String,
    label_width: f64,
    message_width: f64,
    /// Of the boxes.
    left: f64,
    right: f64,
}

impl<'a> Bubble<'a> {
    pub(super) fn of(badge: &'a Shield<'a>) -> Bubble<'a> {
        let mut letters = badge.label.chars();
        let label: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        let (label_width, message_width) =
            (Face::Helvetica11Bold.odd_width(&label), Face::Helvetica11Bold.odd_width(badge.message));
        let left = label_width + badge.logo_width() + 2.0 * LABEL_PADDING;
        let right = message_width + 2.0 * MESSAGE_PADDING;
        Bubble { badge, label, label_width, message_width, left, right }
    }

    fn grounds(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let badge = self.badge;
        let (left, right) = (Pixels(self.left), Pixels(self.right));
        write!(
            f,
            "<g stroke=\"#d5d5d5\">\n\
             <rect stroke=\"none\" fill=\"#fcfcfc\" x=\".5\" y=\".5\" width=\"{left}\" height=\"{INSIDE}\" rx=\"2\"/>\n"
        )?;
        if !badge.message.is_empty() {
            let notch = Pixels(self.left + GUTTER);
            let main = Pixels(self.left + GUTTER + 0.5);
            write!(
                f,
                "<rect x=\"{main}\" y=\".5\" width=\"{right}\" height=\"{INSIDE}\" rx=\"2\" fill=\"#fafafa\"/>\n\
                 <rect x=\"{notch}\" y=\"7.5\" width=\".5\" height=\"5\" stroke=\"#fafafa\"/>\n\
                 <path d=\"M{main} 6.5 l-3 3v1 l3 3\" fill=\"#fafafa\"/>\n"
            )?;
        }
        f.write_str("</g>\n")
    }
}

/// Its shadow, one pixel lower, then the text.
fn text(f: &mut Formatter<'_>, text: &str, middle: f64, width: f64) -> fmt::Result {
    let (x, long, text) = (Pixels(10.0 * middle), TextLength(text, 10.0 * width), XmlText(text));
    write!(
        f,
        "<text aria-hidden=\"true\" x=\"{x}\" y=\"150\" fill=\"#fff\" transform=\"scale(.1)\"{long}>{text}</text>\n\
         <text x=\"{x}\" y=\"140\" transform=\"scale(.1)\"{long}>{text}</text>\n"
    )
}

impl Display for Bubble<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Bubble { badge, left, right, .. } = self;
        let id = badge.id();
        let bubble = if badge.message.is_empty() { 0.0 } else { GUTTER + right };
        head(
            f,
            Title { own: badge.title, label: &self.label, message: badge.message },
            left + 1.0 + bubble,
            HEIGHT,
        )?;
        writeln!(
            f,
            "<linearGradient id=\"tm-button-{id}\" x2=\"0\" y2=\"100%\">\
             <stop offset=\"0\" stop-color=\"#fcfcfc\" stop-opacity=\"0\"/><stop offset=\"1\" stop-opacity=\".1\"/>\
             </linearGradient>"
        )?;
        self.grounds(f)?;
        if let Some(logo) = badge.logo {
            f.write_str(&logo.element(LABEL_PADDING as u32, HEIGHT))?;
        }
        let inside = Pixels(*left);
        write!(
            f,
            "<g aria-hidden=\"true\" fill=\"#333\" text-anchor=\"middle\" \
             font-family=\"Helvetica Neue,Helvetica,Arial,sans-serif\" text-rendering=\"geometricPrecision\" \
             font-weight=\"700\" font-size=\"110px\">\n\
             <rect stroke=\"#d5d5d5\" fill=\"url(#tm-button-{id})\" x=\".5\" y=\".5\" width=\"{inside}\" \
             height=\"{INSIDE}\" rx=\"2\"/>\n"
        )?;
        let label_middle = badge.logo_width() + self.label_width / 2.0 + LABEL_PADDING;
        text(f, &self.label, label_middle, self.label_width)?;
        if !badge.message.is_empty() {
            text(f, badge.message, left + GUTTER + right / 2.0, self.message_width)?;
        }
        f.write_str("</g>\n</svg>\n")
    }
}
