//! The parts that all cards have: the background, the style sheet, the title, and the time at the bottom.

use super::{CardGround, CardLook, CardPaint, CardTime, themes::CardPalette};
use crate::text::{Font, XmlText};
use std::fmt::{self, Formatter};

/// From the edge to a text, in pixels.
pub(super) const PAD: u32 = 25;
/// No card is wider.
pub const WIDEST: u32 = 1000;
pub(super) const TEXT: Font = Font::regular(14);
pub(super) const SMALL: Font = Font::regular(11);
/// A long title is smaller, then cut.
const TITLES: [Font; 3] = [Font::bold(18), Font::bold(16), Font::bold(14)];
const FOOT: Font = Font::regular(10);
/// Narrower letters than those that are measured may be taken, and no wider ones.
const FAMILY: &str = "'Segoe UI',Verdana,'DejaVu Sans',sans-serif";

/// A card without its contents.
pub(super) struct CardFrame<'a> {
    pub(super) look: &'a CardLook,
    /// `None`: there is no title.
    pub(super) title: Option<&'a str>,
    /// The repository that the title names: its owner is cut first.
    pub(super) repository: Option<&'a str>,
    /// For programs that read aloud.
    pub(super) about: &'a str,
    pub(super) width: u32,
    pub(super) time: Option<CardTime>,
    /// At the foot, where there is room.
    pub(super) note: Option<&'a str>,
}

struct DrawnCard<'a, D> {
    frame: &'a CardFrame<'a>,
    height: u32,
    contents: D,
}

impl<'a> CardFrame<'a> {
    /// With a title, and neither a time nor a note.
    pub(super) fn plain(look: &'a CardLook, title: &'a str, about: &'a str, width: u32) -> CardFrame<'a> {
        CardFrame { look, title: Some(title), repository: None, about, width, time: None, note: None }
    }

    /// Draws the card around contents of this height, and passes them the position of their top.
    pub(super) fn draw(
        &self,
        height: u32,
        contents: impl Fn(&mut Formatter<'_>, u32) -> fmt::Result,
    ) -> String {
        let height = self.around() + height;
        DrawnCard { frame: self, height, contents }.to_string()
    }

    /// The height above and below the contents.
    pub(super) fn around(&self) -> u32 {
        self.top() + if self.time.is_some() { 30 } else { 18 }
    }

    fn top(&self) -> u32 {
        if self.look.hide_title || self.title.is_none() { 22 } else { 54 }
    }

    /// The title, cut if it is wider than its room.
    fn title_within(&self, font: Font, room: u32) -> String {
        let title = self.title.unwrap_or_default();
        let repository = self.repository.filter(|_| font.width(title) > room);
        let Some((before, after)) = repository.and_then(|name| title.split_once(name)) else {
            return font.fit(title, room);
        };
        let around = font.width(before) + font.width(after);
        let name = font.fit_name(repository.unwrap_or_default(), room.saturating_sub(around));
        font.fit(&format!("{before}{name}{after}"), room)
    }

    fn sheet(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (light, dark) = self.look.palettes();
        self.rules(f, &light)?;
        if let Some(dark) = &dark {
            f.write_str("@media(prefers-color-scheme:dark){")?;
            self.rules(f, dark)?;
            f.write_str("}")?;
        }
        // These colours are the same for every reader.
        self.look.streak.rules().try_for_each(|(class, rule)| write!(f, ".{class}{{{rule}}}"))
    }

    fn rules(&self, f: &mut Formatter<'_>, palette: &CardPalette) -> fmt::Result {
        let CardLook {
            theme,
            title_color,
            text_color,
            icon_color,
            border_color,
            ring_color,
            ground,
            hide_border,
            ..
        } = self.look;
        let or = |own: &Option<CardPaint>, usual| own.unwrap_or(CardPaint::from(usual)).to_string();
        let ground = match ground {
            None => theme.ground(palette).to_string(),
            Some(CardGround::Plain(paint)) => paint.to_string(),
            Some(CardGround::Gradient(..)) => "url(#tc-ground)".to_owned(),
        };
        let border = if *hide_border { "none".to_owned() } else { or(border_color, palette.border) };
        write!(
            f,
            ".tc-ground{{fill:{ground};stroke:{border}}}.tc-title{{fill:{}}}.tc-text{{fill:{text}}}.tc-icon{{fill:{}}}\
             .tc-track{{fill:{text};fill-opacity:.15}}.tc-edge{{stroke:{text};stroke-opacity:.4}}.tc-ring{{stroke:{}}}",
            or(title_color, palette.title),
            or(icon_color, palette.icon),
            ring_color.or(*title_color).unwrap_or(CardPaint::from(palette.title)),
            text = or(text_color, palette.text),
        )
    }

    fn gradient(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(CardGround::Gradient(angle, paints)) = &self.look.ground else { return Ok(()) };
        write!(f, "<linearGradient id=\"tc-ground\" gradientTransform=\"rotate({angle} .5 .5)\">")?;
        for (at, paint) in paints.iter().enumerate() {
            write!(f, "<stop offset=\"{}%\" stop-color=\"{paint}\"/>", 100 * at / (paints.len() - 1))?;
        }
        f.write_str("</linearGradient>\n")
    }

    fn foot(&self, f: &mut Formatter<'_>, height: u32) -> fmt::Result {
        let Some(time) = self.time else { return Ok(()) };
        let said = FOOT.fit(&self.look.lang.time(time), self.width - 2 * PAD);
        let room = (self.width - 2 * PAD).saturating_sub(FOOT.width(&said) + 20);
        if let Some(note) = self.note.filter(|note| FOOT.width(note) <= room) {
            text(f, ("tc-text", PAD, height - 12), FOOT, note)?;
        }
        writeln!(
            f,
            "<text class=\"tc-text\" x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"end\">{}</text>",
            self.width - PAD,
            height - 12,
            FOOT.size,
            XmlText(&said)
        )
    }
}

impl<D: Fn(&mut Formatter<'_>, u32) -> fmt::Result> fmt::Display for DrawnCard<'_, D> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let DrawnCard { frame, height, contents } = self;
        let (width, look) = (frame.width, frame.look);
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" font-family=\"{FAMILY}\">"
        )?;
        let title = frame.title.unwrap_or_default();
        let age = frame.time.map(|time| format!("; {}", look.lang.time(time))).unwrap_or_default();
        writeln!(
            f,
            "<title>{}{}</title><desc>{}</desc>",
            XmlText(title),
            XmlText(&age),
            XmlText(frame.about)
        )?;
        f.write_str("<style>")?;
        frame.sheet(f)?;
        f.write_str("</style>\n")?;
        frame.gradient(f)?;
        writeln!(
            f,
            "<rect class=\"tc-ground\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            width - 1,
            height - 1,
            look.radius.unwrap_or(5).min(50)
        )?;
        if !look.hide_title && frame.title.is_some() {
            let (room, [.., smallest]) = (width - 2 * PAD, TITLES);
            let font = TITLES.into_iter().find(|font| font.width(title) <= room).unwrap_or(smallest);
            text(f, ("tc-title", PAD, 36), font, &frame.title_within(font, room))?;
        }
        contents(f, frame.top())?;
        frame.foot(f, *height)?;
        f.write_str("</svg>\n")
    }
}

/// A line of text, which fits already, at the left.
pub(super) fn text(f: &mut Formatter<'_>, place: (&str, u32, u32), font: Font, line: &str) -> fmt::Result {
    placed(f, place, font, "", line)
}

/// The same at the right.
pub(super) fn text_to(f: &mut Formatter<'_>, place: (&str, u32, u32), font: Font, line: &str) -> fmt::Result {
    placed(f, place, font, " text-anchor=\"end\"", line)
}

/// The same around a point.
pub(super) fn text_at(f: &mut Formatter<'_>, place: (&str, u32, u32), font: Font, line: &str) -> fmt::Result {
    placed(f, place, font, " text-anchor=\"middle\"", line)
}

/// So many thousandths of a circle, in whole hundredths of a pixel, so that no rounding differs between machines. Not every
/// renderer knows `pathLength`.
pub(super) fn arc(thousandths: u64, radius: u32) -> String {
    // 2 π is 710/113.
    let hundredths = thousandths * u64::from(radius) * 71 / 113;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A ring that is filled from the top, in thousandths of it. It is open there by so many degrees.
pub(super) fn gauge(
    f: &mut Formatter<'_>,
    (x, y): (u32, u32),
    radius: u32,
    thousandths: u64,
    open: u32,
) -> fmt::Result {
    let circle = format!("cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"none\" stroke-width=\"6\"");
    let of_ring = |part: u64| arc(part * u64::from(360 - open) / 360, radius);
    let from = i64::from(open / 2) - 90;
    let dashes = |part: u64| {
        format!(
            "transform=\"rotate({from} {x} {y})\" stroke-dasharray=\"{} {}\"",
            of_ring(part),
            arc(1000, radius)
        )
    };
    match open {
        0 => writeln!(f, "<circle class=\"tc-edge\" opacity=\".4\" {circle}/>")?,
        _ => writeln!(f, "<circle class=\"tc-edge\" opacity=\".4\" {circle} {}/>", dashes(1000))?,
    }
    if thousandths == 0 {
        return Ok(());
    }
    writeln!(f, "<circle class=\"tc-ring\" {circle} stroke-linecap=\"round\" {}/>", dashes(thousandths))
}

fn placed(
    f: &mut Formatter<'_>,
    (class, x, y): (&str, u32, u32),
    font: Font,
    more: &str,
    line: &str,
) -> fmt::Result {
    let weight = if font.bold { " font-weight=\"600\"" } else { "" };
    writeln!(
        f,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" font-size=\"{}\"{weight}{more}>{}</text>",
        font.size,
        XmlText(line)
    )
}
