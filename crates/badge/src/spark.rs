//! A badge with a sparkline of the last days: label, line, count.
//!
//! The look is the flat badge's, with its boxes, shade and texts; the line is in the label's box, in the colour of the
//! label's text. It has no numbers: the title has them.

use crate::badge::{Badge, Layout, Parts, push_boxes, push_head, push_shade, push_tenths, push_texts};

/// Room for the line, in pixels, and to its sides.
const LINE: u32 = 60;
const BESIDE: u32 = 6;
/// Where the line runs, in tenths of a pixel from the top of the badge.
const TOP: u32 = 45;
const HIGH: u32 = 105;
/// How many counts there are at most: with more, several would share a pixel.
const MOST_COUNTS: usize = 120;

/// A badge with a line in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spark<'a> {
    /// Texts and colours. Its title should tell the counts in words.
    pub badge: Badge<'a>,
    /// From the oldest to the newest; the newest 120 are drawn. Negative counts are drawn as zero.
    pub counts: &'a [i64],
}

impl Spark<'_> {
    /// Draws the badge.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(2048);
        let parts = Parts::of(&self.badge);
        let text = parts.layout();
        // Without a label the line has its own box.
        let start = text.label_width.max(BESIDE);
        let layout = Layout { label_width: start + LINE + BESIDE, ..text };
        push_head(&self.badge, &parts, layout.width(), &mut out);
        let shade = push_shade(&self.badge, &mut out);
        push_boxes(&self.badge, layout, shade, &mut out);
        self.push_line(start, &mut out);
        push_texts(&self.badge, &parts, text.label_width, layout, &mut out);
        out.push_str("</svg>\n");
        out
    }

    fn push_line(&self, start: u32, out: &mut String) {
        let counts = &self.counts[self.counts.len().saturating_sub(MOST_COUNTS)..];
        let points = Points { counts, start: start * 10 };
        let (color, _) = self.badge.label_color.text_and_shadow();
        out.push_str("<path fill-opacity=\".25\" fill=\"");
        color.push_to(out);
        out.push_str("\" d=\"M");
        push_tenths(points.start, out);
        out.push_str(" 16");
        points.push_to("L", out);
        out.push_str(
            "V16z\"/>\n<path fill=\"none\" stroke-width=\"1.2\" stroke-linejoin=\"round\" stroke=\"",
        );
        color.push_to(out);
        out.push_str("\" d=\"");
        points.push_to("M", out);
        out.push_str("\"/>\n");
    }
}

struct Points<'a> {
    counts: &'a [i64],
    /// In tenths, as all lengths here.
    start: u32,
}

impl Points<'_> {
    fn push_to(&self, command: &str, out: &mut String) {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1).unsigned_abs();
        let high = |count: i64| {
            (u128::from(count.max(0).unsigned_abs()) * u128::from(HIGH) / u128::from(most)) as u32
        };
        let ends = match *self.counts {
            [] => [0, 0],
            [one] => [one, one],
            _ => {
                let last = self.counts.len() - 1;
                for (at, &count) in self.counts.iter().enumerate() {
                    let x = self.start + (LINE * 10) * at as u32 / last as u32;
                    push_point(if at == 0 { command } else { "L" }, x, TOP + HIGH - high(count), out);
                }
                return;
            }
        };
        push_point(command, self.start, TOP + HIGH - high(ends[0]), out);
        push_point("L", self.start + LINE * 10, TOP + HIGH - high(ends[1]), out);
    }
}

fn push_point(command: &str, x: u32, y: u32, out: &mut String) {
    out.push_str(command);
    push_tenths(x, out);
    out.push(' ');
    push_tenths(y, out);
}
