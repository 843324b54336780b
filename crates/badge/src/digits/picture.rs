//! A number in the images of a theme.

use super::{DigitTheme, theme::DigitImage};
use crate::{id, text::XmlText};
use std::{
    fmt::{self, Display, Formatter},
    ops::RangeInclusive,
};

/// How much larger or smaller a theme may be drawn.
pub const SIZES: RangeInclusive<f64> = 0.1..=2.0;

/// How images of different heights are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// On a common upper edge.
    #[default]
    Top,
    /// On a common middle line.
    Center,
    /// On a common base line.
    Bottom,
}

/// Whether a picture is dimmed, for themes that are too bright on a dark page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dimming {
    /// Never.
    #[default]
    Off,
    /// Always.
    On,
    /// Where the reader prefers dark pages.
    Auto,
}

/// A number, and how it is drawn.
#[derive(Debug, Clone, Copy)]
pub struct DigitPicture<'a> {
    /// Its images.
    pub theme: &'a DigitTheme,
    /// The number; a negative one is drawn as 0.
    pub number: i64,
    /// The text for screen readers and the tooltip.
    pub title: &'a str,
    /// Digits in front of it.
    pub prefix: Option<u32>,
    /// The least number of digits; zeros fill it up.
    pub padding: usize,
    /// Pixels between two images; a negative number lets them overlap.
    pub offset: f64,
    /// How images of different heights are aligned.
    pub align: Align,
    /// How much larger than its images, within [`SIZES`].
    pub size: f64,
    /// Whether pixels of enlarged images have sharp edges.
    pub pixelated: bool,
    /// Whether it is dimmed.
    pub dimming: Dimming,
}

impl<'a> DigitPicture<'a> {
    /// A number as it is, at the size of its images.
    #[must_use]
    pub fn new(theme: &'a DigitTheme, number: i64, title: &'a str) -> DigitPicture<'a> {
        DigitPicture {
            theme,
            number,
            title,
            prefix: None,
            padding: 0,
            offset: 0.0,
            align: Align::Top,
            size: 1.0,
            pixelated: false,
            dimming: Dimming::Off,
        }
    }

    /// Draws it.
    #[must_use]
    pub fn render(&self) -> String {
        let images = self.images();
        let ids = ImageIds::of(self.title, &images);
        let height = images.iter().map(|image| image.height).fold(0.0, f64::max);
        let mut x = 0.0;
        let (mut under, mut places) = (String::new(), String::new());
        // Where a picture is not scaled by a whole number, the page would show between two images: each goes on for half
        // a pixel below the next.
        let has_seams = self.theme.is_opaque && self.offset == 0.0 && self.align == Align::Top;
        for (at, image) in images.iter().enumerate() {
            let y = match self.align {
                Align::Top => 0.0,
                Align::Center => (height - image.height) / 2.0,
                Align::Bottom => height - image.height,
            };
            places.push_str(&format!(
                "<use href=\"#{}\" x=\"{}\" y=\"{}\"/>\n",
                ids.id(at),
                Hundredths(x),
                Hundredths(y)
            ));
            if has_seams && at + 1 < images.len() {
                under.push_str(&format!("<use href=\"#{}\" x=\"{}\"/>\n", ids.id(at), Hundredths(x + 0.5)));
            }
            x += image.width;
            if at + 1 < images.len() {
                x += self.offset / self.size;
            }
        }
        // Images that overlap completely leave nothing to see.
        let width = x.max(1.0);
        let title = XmlText(self.title);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-label=\"{title}\">\n<title>{title}</title>\n",
            Hundredths(width * self.size),
            Hundredths(height * self.size),
            Hundredths(width),
            Hundredths(height),
        );
        svg.push_str(&self.style());
        svg.push_str("<defs>\n");
        for (at, image) in ids.images() {
            svg.push_str(&format!(
                "<image id=\"{}\" width=\"{}\" height=\"{}\" href=\"{}\"/>\n",
                ids.id(at),
                Hundredths(image.width),
                Hundredths(image.height),
                image.uri
            ));
        }
        svg.push_str("</defs>\n");
        svg.push_str(&under);
        svg.push_str(&places);
        svg.push_str("</svg>\n");
        svg
    }

    fn images(&self) -> Vec<&'a DigitImage> {
        let prefix = self.prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        let digits = format!("{prefix}{:0>padding$}", self.number.max(0), padding = self.padding);
        let digits = digits.bytes().map(|digit| self.theme.digit(digit - b'0'));
        self.theme.start.iter().chain(digits).chain(&self.theme.end).collect()
    }

    fn style(&self) -> String {
        let mut rules = String::new();
        if self.pixelated {
            rules.push_str("svg{image-rendering:pixelated}");
        }
        rules.push_str(match self.dimming {
            Dimming::Off => "",
            Dimming::On => "svg{filter:brightness(.6)}",
            Dimming::Auto => "@media(prefers-color-scheme:dark){svg{filter:brightness(.6)}}",
        });
        if rules.is_empty() { String::new() } else { format!("<style>{rules}</style>\n") }
    }
}

/// The ids of the images in one picture: each image is in it once.
struct ImageIds<'a> {
    suffix: String,
    /// For each place, the first place with the same image.
    firsts: Vec<usize>,
    images: Vec<&'a DigitImage>,
}

impl<'a> ImageIds<'a> {
    fn of(title: &str, images: &[&'a DigitImage]) -> ImageIds<'a> {
        let same = |image: &DigitImage| images.iter().position(|first| std::ptr::eq(*first, image));
        let firsts: Vec<usize> = images.iter().map(|image| same(image).unwrap_or_default()).collect();
        let drawn = firsts.iter().map(|&at| at as u8).chain(title.bytes());
        let suffix = id::suffix(drawn).map(char::from).iter().collect();
        ImageIds { suffix, firsts, images: images.to_vec() }
    }

    fn id(&self, at: usize) -> String {
        format!("d{}-{}", self.firsts[at], self.suffix)
    }

    fn images(&self) -> impl Iterator<Item = (usize, &'a DigitImage)> + '_ {
        let firsts = self.firsts.iter().enumerate().filter(|(at, first)| at == *first);
        firsts.map(|(at, _)| (at, self.images[at]))
    }
}

/// A length with at most two digits behind the point.
struct Hundredths(f64);

impl Display for Hundredths {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 100.0).round() / 100.0)
    }
}
