//! A card: a face and three lines in the header, and the latest traces below.

use super::{Panel, Trace, ago, avatar, draw::Ids, palette::Tone};
use crate::{
    icon::Icon,
    number,
    px::Px,
    text::{Font, XmlText},
};
use std::fmt::{self, Formatter};
use tallymark_core::Event;

/// Where the header ends, and the height of a trace below it.
const HEAD: u32 = 80;
const LINE: u32 = 24;
/// The height left over after the traces.
const FOOT: u32 = 40;
/// Padding above the first trace and below the last one.
const INSET: u32 = 12;
/// Padding at the sides, and between adjacent elements.
const MARGIN: u32 = 20;
const BETWEEN: u32 = 12;
/// Left edge of the texts of the head.
const TEXTS: u32 = 70;
/// Widest number of a trace; beyond it all numbers are cut.
const WIDEST_NUMBER: u32 = 110;
/// Narrowest column of numbers: those of the first hundred traces do not move the others.
const LEAST_NUMBER: u32 = 24;

const COUNT: Font = Font::regular(14);
const SMALL: Font = Font::regular(11);

/// A card with its position.
pub(super) struct Card<'a> {
    pub(super) panel: &'a Panel<'a>,
    pub(super) event: Event,
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    /// How many traces there is room for.
    pub(super) lines: usize,
}

/// When and whence a trace came, in words that fit.
struct TraceWords {
    time: String,
    whence: String,
}

impl Card<'_> {
    pub(super) fn height(&self) -> u32 {
        HEAD + FOOT + LINE * self.lines as u32
    }

    fn tone(&self) -> &'static Tone {
        Tone::of(self.event)
    }

    /// Right edge of the contents of the card.
    fn right(&self) -> u32 {
        self.x + self.width - MARGIN
    }

    pub(super) fn draw(&self, f: &mut Formatter<'_>, ids: &Ids) -> fmt::Result {
        self.frame(f, ids)?;
        self.face(f, ids)?;
        self.head(f)?;
        match self.panel.tallied(self.event).shown() {
            [] => self.nothing(f),
            traces => self.traces(f, traces),
        }
    }

    /// The background, its tint, the border and the dashed line below the header.
    fn frame(&self, f: &mut Formatter<'_>, ids: &Ids) -> fmt::Result {
        let (tone, line) = (self.tone(), self.tone().line);
        ground(f, [self.x, self.y, self.width, self.height()], "tp-card", tone, ids)?;
        writeln!(
            f,
            "<path stroke=\"{line}\" stroke-opacity=\".5\" stroke-dasharray=\"5 5\" d=\"M{} {}.5H{}\"/>",
            self.x + MARGIN,
            self.y + HEAD,
            self.right(),
        )
    }

    /// The avatar, or the initials, or an icon.
    fn face(&self, f: &mut Formatter<'_>, ids: &Ids) -> fmt::Result {
        let (x, y, tone) = (self.x + MARGIN, self.y + 20, self.tone());
        if self.panel.avatar.is_some() {
            return writeln!(f, "<use href=\"#{}\" x=\"{x}\" y=\"{y}\"/>", ids.avatar());
        }
        let (middle_x, middle_y) = (x + 20, y + 20);
        writeln!(
            f,
            "<circle cx=\"{middle_x}\" cy=\"{middle_y}\" r=\"20\" fill=\"url(#{})\"/>",
            ids.face(tone)
        )?;
        match avatar::initials(self.panel.name.as_str()).filter(|_| !self.panel.name.is_aggregate()) {
            Some(initials) => {
                let size = if initials.chars().count() > 1 { 16 } else { 19 };
                let initials = Font::bold(size).fit(&initials, 38);
                writeln!(
                    f,
                    "<text x=\"{middle_x}\" y=\"{}\" font-size=\"{size}\" font-weight=\"bold\" fill=\"#fff\" \
                     text-anchor=\"middle\">{}</text>",
                    Px(middle_y * 10 + size * 36 / 10),
                    XmlText(&initials),
                )
            }
            None => self.icon().at(middle_x * 10, middle_y * 10, 220).draw(f, "fill=\"#fff\""),
        }
    }

    fn icon(&self) -> Icon {
        if self.event == Event::LIKE { Icon::Heart } else { Icon::Pin }
    }

    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (x, y, room) = (self.x + TEXTS, self.y, self.width - TEXTS - MARGIN);
        let (lang, word, total) =
            (self.panel.options.lang, self.tone().word, self.panel.tallied(self.event).total);
        let heading = lang.heading(self.event);
        // The largest count takes a little of the margin.
        let count = match self.panel.is_away {
            true => lang.counting(),
            false => lang.count(self.event, total, COUNT, room + 4),
        };
        write!(
            f,
            "<text class=\"tp-{word}\" x=\"{x}\" y=\"{}\" font-size=\"16\" font-weight=\"bold\">{heading}</text>\n\
             <text class=\"tp-{word}\" x=\"{x}\" y=\"{}\" font-size=\"14\">{count}</text>\n",
            y + 32,
            y + 51,
        )?;
        let latest = lang.latest();
        let name_room = room.saturating_sub(SMALL.width(&latest) + BETWEEN);
        let y = y + 69;
        writeln!(f, "<g class=\"tp-soft\" font-size=\"11\">\n<text x=\"{x}\" y=\"{y}\">{latest}</text>")?;
        if !self.panel.name.is_aggregate() {
            writeln!(
                f,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
                self.right(),
                XmlText(&SMALL.fit_name(self.panel.name.as_str(), name_room)),
            )?;
        }
        f.write_str("</g>\n")
    }

    /// Middle of the line of a trace, in tenths of a pixel.
    fn middle(&self, line: usize) -> u32 {
        let room = (self.height() - HEAD - 2 * INSET) * 10;
        let (line, lines) = (line as u32, self.lines.max(1) as u32);
        (self.y + HEAD + INSET) * 10 + room * (2 * line + 1) / (2 * lines)
    }

    fn traces(&self, f: &mut Formatter<'_>, traces: &[Trace<'_>]) -> fmt::Result {
        let numbers = numbers(traces);
        let widest = numbers.iter().flatten().map(|number| SMALL.width(number)).max();
        let column = self.x + MARGIN + 10;
        // Without numbers there is no column of them.
        let number_end = widest.map_or(column, |widest| column + widest.max(LEAST_NUMBER));
        let time_start = if widest.is_some() { number_end + BETWEEN } else { column };
        writeln!(f, "<g font-size=\"11\">")?;
        let mut before: Option<(&Trace<'_>, TraceWords)> = None;
        for (line, (trace, number)) in traces.iter().zip(&numbers).enumerate() {
            let middle = self.middle(line);
            let baseline = Px(middle + 40);
            // Traces of a busy name are often alike but for their number, and measuring texts is most of the work.
            let said = match before.take() {
                Some((alike, said)) if *trace == Trace { number: trace.number, ..*alike } => said,
                _ => self.said(trace, time_start),
            };
            let TraceWords { time, whence } = &said;
            let word = self.tone().word;
            let (x, y) = (self.x + MARGIN + 3, Px(middle));
            write!(f, "<circle class=\"tp-{word}\" cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/>")?;
            if let Some(number) = number {
                let place = format_args!("x=\"{number_end}\" y=\"{baseline}\" text-anchor=\"end\"");
                write!(f, "<text class=\"tp-{word}\" {place}>{number}</text>")?;
            }
            writeln!(f, "<text class=\"tp-text\" x=\"{time_start}\" y=\"{baseline}\">{time}</text>")?;
            if !whence.is_empty() {
                writeln!(
                    f,
                    "<text class=\"tp-soft\" x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{}</text>",
                    self.right(),
                    XmlText(whence),
                )?;
            }
            before = Some((trace, said));
        }
        f.write_str("</g>\n")
    }

    fn said(&self, trace: &Trace<'_>, time_start: u32) -> TraceWords {
        let lang = self.panel.options.lang;
        let time = ago::text(trace.minute, self.panel.now, lang);
        let room = self.right().saturating_sub(time_start + SMALL.width(&time) + BETWEEN);
        let whence = lang.whence(trace, SMALL, room);
        TraceWords { time, whence }
    }

    fn nothing(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lang = self.panel.options.lang;
        let said = match self.panel.is_away {
            true => lang.later(),
            false => lang.nothing(self.panel.tallied(self.event).total),
        };
        let x = self.x + self.width / 2;
        let mut middle = (self.y + (HEAD + self.height()) / 2) * 10;
        if self.lines > 1 {
            let attributes = format!("class=\"tp-{}\" opacity=\".35\"", self.tone().word);
            self.icon().at(x * 10, middle - 160, 320).draw(f, &attributes)?;
            middle += 200;
        }
        writeln!(
            f,
            "<text class=\"tp-soft\" x=\"{x}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\">{}</text>",
            Px(middle + 40),
            said,
        )
    }
}

/// `#1,234`; if one would be too wide, the last six digits of all, which tell them apart: `#…775,807`. Those that are known.
fn numbers(traces: &[Trace<'_>]) -> Vec<Option<String>> {
    let grouped: Vec<_> = traces.iter().map(|trace| trace.number.map(number::group)).collect();
    let written = |write: &dyn Fn(&str) -> String| -> Vec<Option<String>> {
        grouped.iter().map(|number| number.as_ref().map(|number| write(number))).collect()
    };
    let whole = written(&|number| format!("#{number}"));
    if whole.iter().flatten().all(|number| SMALL.width(number) <= WIDEST_NUMBER) {
        return whole;
    }
    written(&|number| {
        number.len().checked_sub(7).map_or(format!("#{number}"), |at| format!("#…{}", &number[at..]))
    })
}

/// A tinted background with a border of two pixels, all of it inside the box.
pub(super) fn ground(
    f: &mut Formatter<'_>,
    [x, y, width, height]: [u32; 4],
    class: &str,
    tone: &Tone,
    ids: &Ids,
) -> fmt::Result {
    let line = tone.line;
    let (x, y, width, height) = (x + 1, y + 1, width - 2, height - 2);
    let rect = format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"9\"");
    write!(
        f,
        "<rect class=\"tp-ground\" {rect}/>\n\
         <rect class=\"{class}\" {rect} fill=\"url(#{})\" stroke=\"{line}\" stroke-width=\"2\"/>\n",
        ids.tint(tone),
    )
}
