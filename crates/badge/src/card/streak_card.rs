//! The days in a row on which an account has done something: all contributions, the days that go on, and the most.

use super::{
    CardLook, CardTime,
    frame::{CardFrame, PAD, SMALL, WIDEST, gauge, text_at},
    words::written,
};
use crate::{icon::Icon, text::Font};
use std::fmt::{self, Formatter, Write};
use tallymark_core::Day;

/// A long number is smaller, then cut.
const NUMBERS: [Font; 4] = [Font::bold(28), Font::bold(22), Font::bold(16), Font::bold(12)];
/// All three labels have the same size.
const LABEL_FONTS: [Font; 3] = [Font::bold(14), Font::bold(12), SMALL];
/// Between columns.
const GAP: u32 = 14;
/// The ring around the days that go on.
const RADIUS: u32 = 36;
/// From the top to the middle of the ring, to the labels and to the dates; between two lines of dates.
const MIDDLE: u32 = 46;
const LABELS: u32 = 106;
const DATES: u32 = 126;
const LINE: u32 = 14;

/// Days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// The first one.
    pub first: Day,
    /// The last one.
    pub last: Day,
}

impl Streak {
    fn length(self) -> u64 {
        u64::try_from(i64::from(self.last.0) - i64::from(self.first.0) + 1).unwrap_or(0)
    }
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub struct StreakCard<'a> {
    /// The name of the account.
    pub login: &'a str,
    /// Contributions of all years.
    pub total: u64,
    /// The first day with one.
    pub since: Option<Day>,
    /// The days that go on.
    pub current: Option<Streak>,
    /// The most days.
    pub longest: Option<Streak>,
    /// Today, and the zone in which it is.
    pub today: (Day, &'a str),
    /// When this was true.
    pub time: CardTime,
}

/// One of the three numbers.
struct StreakColumn {
    label: String,
    number: String,
    dates: Vec<String>,
}

impl StreakCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        let width = look.width.unwrap_or(495).clamp(420, WIDEST);
        let title = look.title.clone().unwrap_or_else(|| look.lang.streak_of(self.login));
        let columns = self.columns(look, (width - 2 * PAD) / 3 - GAP);
        let mut about = String::new();
        for (at, StreakColumn { label, number, dates }) in columns.iter().enumerate() {
            let number = if at == 0 { number.clone() } else { look.lang.days(number) };
            let _ = write!(about, "{label}: {number} ({}); ", dates.join(" "));
        }
        let note = look.lang.days_of_zone(self.today.1);
        about += &note;
        let frame = CardFrame {
            look,
            title: Some(&title),
            about: &about.replace(" ()", ""),
            width,
            time: Some(self.time),
            note: Some(&note),
        };
        let lines = columns.iter().map(|column| column.dates.len()).max().unwrap_or(0) as u32;
        frame.draw(DATES - 6 + LINE * lines, |f, top| {
            let step = (width - 2 * PAD) / 3;
            let fits = |font: &Font| columns.iter().all(|column| font.width(&column.label) <= step - GAP);
            let label = LABEL_FONTS.into_iter().find(fits).unwrap_or(SMALL);
            for (at, column) in columns.iter().enumerate() {
                column.draw(f, (PAD + step * at as u32 + step / 2, top), (step - GAP, label), at == 1)?;
            }
            for x in [PAD + step, PAD + 2 * step] {
                writeln!(
                    f,
                    "<path class=\"tc-edge\" opacity=\".6\" d=\"M{x}.5 {}v{}\"/>",
                    top + 4,
                    DATES - 10 + LINE * lines
                )?;
            }
            Ok(())
        })
    }

    fn columns(&self, look: &CardLook, room: u32) -> [StreakColumn; 3] {
        let [total, current, longest] = look.lang.streak_columns();
        let days = |streak: Option<Streak>| written(streak.map_or(0, Streak::length), look.numbers);
        let of = |streak: Option<Streak>| streak.map_or(Vec::new(), |streak| self.dates(streak, look, room));
        let today = self.today.0;
        let since = self.since.map(|first| Streak { first, last: today.max(first) });
        [
            StreakColumn { label: total, number: written(self.total, look.numbers), dates: of(since) },
            StreakColumn { label: current, number: days(self.current), dates: of(self.current) },
            StreakColumn { label: longest, number: days(self.longest), dates: of(self.longest) },
        ]
    }

    /// In one line or two.
    fn dates(&self, Streak { first, last }: Streak, look: &CardLook, room: u32) -> Vec<String> {
        let (lang, today) = (look.lang, self.today.0);
        // A day of this year needs none, and two of one year need it once.
        let of_today = last.date().0 == today.date().0;
        let same = first.date().0 == last.date().0;
        let to = if last >= today { lang.present() } else { lang.date(last, !of_today) };
        let from = lang.date(first, if same { false } else { first.date().0 != today.date().0 });
        if first == last {
            return vec![SMALL.fit(&to, room)];
        }
        let line = format!("{from} – {to}");
        if SMALL.width(&line) <= room {
            return vec![line];
        }
        vec![SMALL.fit(&format!("{from} –"), room), SMALL.fit(&to, room)]
    }
}

impl StreakColumn {
    fn draw(
        &self,
        f: &mut Formatter<'_>,
        (x, top): (u32, u32),
        (room, label): (u32, Font),
        is_ringed: bool,
    ) -> fmt::Result {
        let within = if is_ringed { 2 * RADIUS - 14 } else { room };
        let [.., smallest] = NUMBERS;
        let font = NUMBERS.into_iter().find(|font| font.width(&self.number) <= within).unwrap_or(smallest);
        let middle = top + MIDDLE;
        if is_ringed {
            gauge(f, (x, middle), RADIUS, if self.number == "0" { 0 } else { 1000 })?;
            // The flame interrupts the ring.
            writeln!(
                f,
                "<circle class=\"tc-ground\" stroke=\"none\" style=\"stroke:none\" cx=\"{x}\" cy=\"{}\" r=\"13\"/>",
                middle - RADIUS
            )?;
            Icon::Flame.at(10 * x, 10 * (middle - RADIUS), 200).draw(f, "class=\"tc-icon\"")?;
        }
        text_at(f, ("tc-text", x, middle + font.size * 2 / 5), font, &font.fit(&self.number, within))?;
        text_at(
            f,
            (if is_ringed { "tc-title" } else { "tc-text" }, x, top + LABELS),
            label,
            &label.fit(&self.label, room),
        )?;
        for (at, line) in self.dates.iter().enumerate() {
            text_at(f, ("tc-text", x, top + DATES + LINE * at as u32), SMALL, line)?;
        }
        Ok(())
    }
}
