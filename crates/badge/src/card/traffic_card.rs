//! GitHub's numbers about a repository: views, visitors and clones of the last days, with a bar for each day. Someone
//! who visits on two days counts twice, because GitHub does not say that it was the same visitor.

use super::{
    CardLook,
    frame::{CardFrame, PAD, SMALL, WIDEST, text, text_at, text_to},
    words::{written, written_within},
};
use crate::text::Font;
use std::fmt::{self, Formatter, Write};
use tallymark_core::Day;

/// With a long number, all are smaller; then it is cut.
const NUMBERS: [Font; 4] = [Font::bold(24), Font::bold(18), Font::bold(14), Font::bold(11)];
const LABEL: Font = Font::regular(12);
/// Between columns.
const GAP: u32 = 14;
/// From the top to the numbers, to their labels, to the bars and to their foot.
const NUMBER: u32 = 20;
const LABELS: u32 = 40;
const BARS: u32 = 54;
const FOOT: u32 = 114;
/// With so many days or more, the bars of a card of the least width are a pixel wide.
const MOST_DAYS: usize = 90;
/// How bars and their keys are filled: visitors are a part of the views behind them.
const OF_VIEWS: &str = "class=\"tc-icon\" fill-opacity=\".65\"";
const OF_VISITORS: &str = "class=\"tc-icon\"";

/// The card.
#[derive(Clone, Copy, Debug)]
pub struct TrafficCard<'a> {
    /// The repository, with its owner.
    pub repository: &'a str,
    /// The last day.
    pub last: Day,
    /// Views of each day up to the last one, the oldest first. The newest 90 are drawn.
    pub views: &'a [u64],
    /// Visitors of the same days.
    pub visitors: &'a [u64],
    /// Clones of the same days.
    pub clones: &'a [u64],
}

impl TrafficCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        let width = look.width.unwrap_or(420).clamp(280, WIDEST);
        let title = look.title.clone().unwrap_or_else(|| look.lang.traffic_of(self.repository));
        let (views, visitors) = (newest(self.views), newest(self.visitors));
        let sums = [views, visitors, newest(self.clones)]
            .map(|counts| counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)));
        let labels = look.lang.traffic_columns();
        let days = i32::try_from(views.len()).unwrap_or(i32::MAX).max(1);
        let [first, last] = [Day(self.last.0.saturating_sub(days - 1)), self.last]
            .map(|day| look.lang.date(day, day.date().0 != self.last.date().0 || day == self.last));
        let mut about = format!("{first} – {last}: ");
        for (label, sum) in labels.iter().zip(sums) {
            let _ = write!(about, "{label}: {}; ", written(sum, look.numbers));
        }
        about += &look.lang.visitors_by_day();
        let frame =
            CardFrame { repository: Some(self.repository), ..CardFrame::plain(look, &title, &about, width) };
        frame.draw(FOOT + 14, |f, top| {
            let step = (width - 2 * PAD) / 3;
            let [.., smallest] = NUMBERS;
            let columns = sums
                .map(|sum| written_within(sum, look.numbers, |number| smallest.width(number) <= step - GAP));
            let fits = |font: &Font| columns.iter().all(|number| font.width(number) <= step - GAP);
            let font = NUMBERS.into_iter().find(fits).unwrap_or(smallest);
            for (at, (label, number)) in labels.iter().zip(&columns).enumerate() {
                number_over_label(f, (PAD + step * at as u32, top), (step - GAP, font), (number, label), at)?;
            }
            bars(f, OF_VIEWS, (width, top), views, views)?;
            bars(f, OF_VISITORS, (width, top), views, visitors)?;
            writeln!(
                f,
                "<path class=\"tc-edge\" d=\"M{PAD} {foot}.5H{}\"/>",
                width - PAD,
                foot = top + FOOT - 1
            )?;
            self.dates(f, look, (width, top + FOOT + 14), [&first, &last])
        })
    }

    /// The first and the last day below the bars, and between them what the visitors are.
    fn dates(
        &self,
        f: &mut Formatter<'_>,
        look: &CardLook,
        (width, y): (u32, u32),
        [first, last]: [&str; 2],
    ) -> fmt::Result {
        text(f, ("tc-text", PAD, y), SMALL, first)?;
        text_to(f, ("tc-text", width - PAD, y), SMALL, last)?;
        let note = look.lang.visitors_by_day();
        let beside = SMALL.width(first).max(SMALL.width(last)) + GAP;
        if SMALL.width(&note) + 2 * beside <= width - 2 * PAD {
            text_at(f, ("tc-text", width / 2, y), SMALL, &note)?;
        }
        Ok(())
    }
}

fn newest(counts: &[u64]) -> &[u64] {
    &counts[counts.len().saturating_sub(MOST_DAYS)..]
}

/// The first two have the colour of their bars next to their label.
fn number_over_label(
    f: &mut Formatter<'_>,
    (x, top): (u32, u32),
    (room, font): (u32, Font),
    (number, label): (&str, &str),
    at: usize,
) -> fmt::Result {
    text(f, ("tc-text", x, top + NUMBER), font, &font.fit(number, room))?;
    let key = match at {
        0 => Some(OF_VIEWS),
        1 => Some(OF_VISITORS),
        _ => None,
    };
    let mut left = x;
    if let Some(fill) = key {
        writeln!(f, "<rect {fill} x=\"{x}\" y=\"{}\" width=\"9\" height=\"9\" rx=\"2\"/>", top + LABELS - 9)?;
        left += 14;
    }
    text(f, ("tc-text", left, top + LABELS), LABEL, &LABEL.fit(label, room.saturating_sub(left - x)))
}

/// One bar for each day, with its height in proportion to the largest count of `scale`. Lengths are in tenths of a
/// pixel.
fn bars(
    f: &mut Formatter<'_>,
    fill: &str,
    (width, top): (u32, u32),
    scale: &[u64],
    counts: &[u64],
) -> fmt::Result {
    let most = scale.iter().chain(counts).copied().max().unwrap_or(0).max(1);
    let (room, high) = (10 * u64::from(width - 2 * PAD), u64::from(10 * (FOOT - BARS)));
    let days = counts.len().max(1) as u64;
    let wide = (room / days * 7 / 10).clamp(5, 240);
    let tenths = |length: u64| format!("{}.{}", length / 10, length % 10);
    let mut path = String::new();
    for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tall = ((u128::from(count) * u128::from(high) / u128::from(most)) as u64).max(10);
        let left = u64::from(10 * PAD) + (room * (2 * at as u64 + 1) / (2 * days)).saturating_sub(wide / 2);
        let foot = u64::from(10 * (top + FOOT)) - 10;
        let _ = write!(
            path,
            "M{} {}v-{}h{}v{}z",
            tenths(left),
            tenths(foot),
            tenths(tall),
            tenths(wide),
            tenths(tall)
        );
    }
    if path.is_empty() { Ok(()) } else { writeln!(f, "<path {fill} d=\"{path}\"/>") }
}
