//! The languages of an account: bars, one bar with a legend, a ring, or a disc.

use super::{
    CardLook, CardTime,
    frame::{CardFrame, PAD, SMALL, TEXT, WIDEST, arc, text, text_to},
};
use crate::{shares::Shares, text::BeforeNumber};
use std::fmt::{self, Formatter};

/// The room of a language's colour in the legend, and of the gap behind its text.
const KEY: u32 = 28;

/// How languages are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LanguageLayout {
    /// A bar for each.
    #[default]
    Bars,
    /// One bar, and a legend in two columns.
    Compact,
    /// A ring next to the legend.
    Donut,
    /// A ring above the legend.
    DonutVertical,
    /// A disc above the legend.
    Pie,
}

impl LanguageLayout {
    /// As an address has it.
    pub const EVERY: [(&str, LanguageLayout); 6] = [
        ("normal", LanguageLayout::Bars),
        ("bar", LanguageLayout::Bars),
        ("compact", LanguageLayout::Compact),
        ("donut", LanguageLayout::Donut),
        ("donut-vertical", LanguageLayout::DonutVertical),
        ("pie", LanguageLayout::Pie),
    ];

    /// How many languages are shown without a word.
    #[must_use]
    pub fn usual_count(self) -> usize {
        match self {
            LanguageLayout::Bars | LanguageLayout::Donut => 5,
            _ => 6,
        }
    }
}

/// What languages are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LanguageMeasure {
    /// How many repositories are mainly in each.
    #[default]
    Repositories,
    /// How much code there is of each.
    Bytes,
    /// Something of both.
    Both,
}

/// What is behind each language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LanguageValues {
    /// Its share.
    #[default]
    Percents,
    /// Its weight, which is a size of code.
    Bytes,
    /// Nothing.
    Hidden,
}

/// Why there are no languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLanguages {
    /// There is nothing that could be in one.
    NoRepositories,
    /// GitHub says of no repository which it is in.
    Unknown,
    /// All of them are left out.
    Hidden,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub struct LanguageCard<'a> {
    /// The name of the account.
    pub login: &'a str,
    /// Languages and the weight of each, the most first.
    pub languages: &'a [(String, u64)],
    /// What the weights are.
    pub measure: LanguageMeasure,
    /// Why there are none, if there are none.
    pub nothing: NoLanguages,
    /// How many are shown; the others are one.
    pub count: usize,
    /// How.
    pub layout: LanguageLayout,
    /// What is behind each.
    pub values: LanguageValues,
    /// When they were true.
    pub time: CardTime,
}

struct LanguageDrawing<'a> {
    card: &'a LanguageCard<'a>,
    shares: Shares<'a>,
    width: u32,
    top: u32,
}

impl LanguageCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        // The legend beside a ring has the names of languages on a narrow card, too.
        let (usual, least) = if self.layout == LanguageLayout::Donut { (400, 340) } else { (340, 280) };
        let width = look.width.unwrap_or(usual).clamp(least, WIDEST);
        let title = look.title.clone().unwrap_or_else(|| look.lang.most_used_languages());
        let other = look.lang.other();
        let shares = Shares::of(self.languages, self.count, &other);
        let named = |at: usize| format!("{} {}", shares.rows()[at].0, shares.percent(at));
        let about: Vec<String> = (0..shares.rows().len()).map(named).collect();
        let nothing = look.lang.no_languages(self.nothing);
        let about = if about.is_empty() { nothing.clone() } else { about.join(", ") };
        let note = look.lang.measured_by(self.measure);
        let about = format!("{}, {note}: {about}", self.login);
        let frame = CardFrame {
            time: Some(self.time),
            note: Some(&note).filter(|_| !shares.rows().is_empty()).map(String::as_str),
            ..CardFrame::plain(look, &title, &about, width)
        };
        if shares.rows().is_empty() {
            return frame.draw(22, |f, top| {
                text(f, ("tc-text", PAD, top + 15), TEXT, &TEXT.fit(&nothing, width - 2 * PAD))
            });
        }
        let rows = shares.rows().len() as u32;
        let height = match self.layout {
            LanguageLayout::Bars => 40 * rows,
            LanguageLayout::Compact => 20 + 22 * rows.div_ceil(2),
            LanguageLayout::Donut => (24 * rows).max(150),
            LanguageLayout::DonutVertical | LanguageLayout::Pie => 170 + 22 * rows.div_ceil(2),
        };
        frame.draw(height, |f, top| {
            let drawing = LanguageDrawing {
                card: self,
                shares: Shares::of(self.languages, self.count, &other),
                width,
                top,
            };
            drawing.draw(f)
        })
    }
}

/// A size with one digit behind the point, rounded down.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut tenths, mut unit) = (u128::from(count) * 10, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1000, unit + 1);
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

impl LanguageDrawing<'_> {
    fn draw(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rows = self.shares.rows().len() as u32;
        match self.card.layout {
            LanguageLayout::Bars => (0..self.shares.rows().len()).try_for_each(|at| self.bar(f, at)),
            LanguageLayout::Compact => {
                self.one_bar(f)?;
                self.legend(f, self.top + 20, 2, 22)
            }
            LanguageLayout::Donut => {
                let height = (24 * rows).max(150);
                self.ring(f, (self.width - PAD - 70, self.top + height / 2), 55, 26)?;
                self.legend(f, self.top + (height - 24 * rows) / 2, 1, 24)
            }
            LanguageLayout::DonutVertical => {
                self.ring(f, (self.width / 2, self.top + 78), 60, 30)?;
                self.legend(f, self.top + 170, 2, 22)
            }
            LanguageLayout::Pie => {
                self.ring(f, (self.width / 2, self.top + 78), 38, 76)?;
                self.legend(f, self.top + 170, 2, 22)
            }
        }
    }

    fn value(&self, at: usize) -> String {
        match self.card.values {
            LanguageValues::Percents => self.shares.percent(at),
            LanguageValues::Bytes => bytes(self.shares.rows()[at].1),
            LanguageValues::Hidden => String::new(),
        }
    }

    fn bar(&self, f: &mut Formatter<'_>, at: usize) -> fmt::Result {
        let (top, full) = (self.top + 40 * at as u32, self.width - 2 * PAD);
        let value = self.value(at);
        text_to(f, ("tc-text", self.width - PAD, top + 13), SMALL, &value)?;
        let room = full.saturating_sub(SMALL.width(&value) + 10);
        text(f, ("tc-text", PAD, top + 13), TEXT, &TEXT.fit(self.shares.rows()[at].0, room))?;
        let filled = self.shares.part(at, full.into()).max(2);
        writeln!(
            f,
            "<rect class=\"tc-track\" x=\"{PAD}\" y=\"{y}\" width=\"{full}\" height=\"8\" rx=\"4\"/>\
             <rect class=\"tc-edge\" x=\"{PAD}\" y=\"{y}\" width=\"{filled}\" height=\"8\" rx=\"{rx}\" fill=\"{color}\"/>",
            y = top + 20,
            rx = (filled / 2).min(4),
            color = self.shares.color(at)
        )
    }

    fn one_bar(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let full = self.width - 2 * PAD;
        writeln!(
            f,
            "<clipPath id=\"tc-bar\"><rect x=\"{PAD}\" y=\"{top}\" width=\"{full}\" height=\"8\" rx=\"4\"/></clipPath>\
             <g clip-path=\"url(#tc-bar)\">",
            top = self.top
        )?;
        let mut x = u64::from(PAD);
        for (at, width) in self.shares.widths(full.into()).into_iter().enumerate() {
            let color = self.shares.color(at);
            write!(
                f,
                "<rect x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"8\" fill=\"{color}\"/>",
                self.top
            )?;
            x += width;
        }
        writeln!(
            f,
            "</g><rect class=\"tc-edge\" x=\"{PAD}\" y=\"{}\" width=\"{full}\" height=\"8\" rx=\"4\" fill=\"none\"/>",
            self.top
        )
    }

    /// In whole thousandths of the circle.
    fn ring(&self, f: &mut Formatter<'_>, (x, y): (u32, u32), radius: u32, thick: u32) -> fmt::Result {
        writeln!(f, "<g fill=\"none\" stroke-width=\"{thick}\" transform=\"rotate(-90 {x} {y})\">")?;
        let length = |thousandths: u64| arc(thousandths, radius);
        let mut from = 0;
        for (at, part) in self.shares.widths(1000).into_iter().enumerate() {
            writeln!(
                f,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" stroke=\"{}\" stroke-dasharray=\"0 {} {} {}\"/>",
                self.shares.color(at),
                length(from),
                length(part),
                length(1000)
            )?;
            from += part;
        }
        f.write_str("</g>")?;
        let (outer, inner) = (radius + thick / 2, radius - thick / 2);
        for edge in [outer, inner].into_iter().filter(|edge| *edge > 0) {
            write!(f, "<circle class=\"tc-edge\" cx=\"{x}\" cy=\"{y}\" r=\"{edge}\" fill=\"none\"/>")?;
        }
        f.write_str("\n")
    }

    fn legend(&self, f: &mut Formatter<'_>, top: u32, columns: usize, row: u32) -> fmt::Result {
        let full = if columns == 1 { self.width - 2 * PAD - 155 } else { self.width - 2 * PAD };
        let widths = self.columns(full, columns);
        for at in 0..self.shares.rows().len() {
            let column = at % columns;
            let (x, y) = (PAD + column as u32 * widths[0], top + row * (at / columns) as u32);
            let value = self.value_behind(at);
            let room = (widths[column] - KEY).saturating_sub(SMALL.width(&value));
            writeln!(
                f,
                "<circle class=\"tc-edge\" cx=\"{}\" cy=\"{}\" r=\"5\" fill=\"{}\"/>",
                x + 5,
                y + 7,
                self.shares.color(at)
            )?;
            let name = SMALL.fit(self.shares.rows()[at].0, room);
            writeln!(
                f,
                "<text class=\"tc-text\" x=\"{}\" y=\"{}\" font-size=\"{}\">{}{value}</text>",
                x + 15,
                y + 11,
                SMALL.size,
                BeforeNumber(&name)
            )?;
        }
        Ok(())
    }

    /// Behind a name.
    fn value_behind(&self, at: usize) -> String {
        let value = self.value(at);
        if value.is_empty() { value } else { format!(" {value}") }
    }

    /// How wide the columns of the legend are: as wide as each other, unless one of two needs more and the other has it.
    fn columns(&self, full: u32, columns: usize) -> [u32; 2] {
        let rows = self.shares.rows().len();
        if columns == 1 || rows == 1 {
            return [full, 0];
        }
        let needs = |first: usize| {
            let widths = (first..rows)
                .step_by(2)
                .map(|at| KEY + SMALL.width(self.shares.rows()[at].0) + SMALL.width(&self.value_behind(at)));
            widths.max().unwrap_or(0)
        };
        let (half, needed) = (full / 2, [needs(0), needs(1)]);
        let left = match needed {
            [left, right] if left + right <= full => half.clamp(left, full - right),
            [left, _] if left < half => left,
            [_, right] if right < half => full - right,
            _ => half,
        };
        [left, full - left]
    }
}
