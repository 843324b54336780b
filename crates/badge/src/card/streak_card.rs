//! The streaks of an account: all contributions, the current streak, and the longest one.

use super::{
    CardLook, CardTime, StreakPaints,
    frame::{CardFrame, PAD, SMALL, WIDEST, gauge, text_at},
    words::{written, written_within},
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
/// By how many degrees it is open for the flame.
const OPEN: u32 = 44;
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

/// What a streak is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreakUnit {
    /// Days in a row.
    #[default]
    Days,
    /// Weeks in a row, from Sunday to Saturday, with one day at least.
    Weeks,
}

impl Streak {
    fn length(self, unit: StreakUnit) -> u64 {
        let days = u64::try_from(i64::from(self.last.0) - i64::from(self.first.0) + 1).unwrap_or(0);
        match unit {
            StreakUnit::Days => days,
            StreakUnit::Weeks => days.div_ceil(7),
        }
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
    /// What the last two are counted in.
    pub unit: StreakUnit,
    /// Days of the week that do not interrupt a streak, 0 for Sunday.
    pub days_off: &'a [u8],
    /// Which of the three are not shown.
    pub hidden: [bool; 3],
    /// When this was true.
    pub time: CardTime,
}

/// All contributions, the days that go on, and the most.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StreakPart {
    Total,
    Current,
    Longest,
}

/// One of the three numbers.
struct StreakColumn {
    label: String,
    count: u64,
    dates: Vec<String>,
    /// Which of the three it is.
    of: StreakPart,
}

impl StreakCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        let width = look.width.unwrap_or(495).clamp(420, WIDEST);
        let title = look.title.clone().unwrap_or_else(|| look.lang.streak_of(self.login));
        let shown = self.hidden.iter().filter(|hidden| !**hidden).count().max(1) as u32;
        let step = (width - 2 * PAD) / shown;
        let columns = self.columns(look, step - GAP);
        let notes = self.notes(look);
        let about = self.about(look, &columns, &notes);
        let note = notes.iter().find(|note| !note.is_empty()).map_or("", String::as_str);
        let frame = CardFrame {
            time: Some(self.time),
            note: Some(note),
            ..CardFrame::plain(look, &title, &about, width)
        };
        let lines = columns.iter().map(|column| column.dates.len()).max().unwrap_or(0) as u32;
        frame.draw(DATES - 6 + LINE * lines, |f, top| {
            let fits = |font: &Font| columns.iter().all(|column| font.width(&column.label) <= step - GAP);
            let label = LABEL_FONTS.into_iter().find(fits).unwrap_or(SMALL);
            for (at, column) in columns.iter().enumerate() {
                column.draw(f, look, (PAD + step * at as u32 + step / 2, top), (step - GAP, label))?;
            }
            let stroke = match look.streak.stroke {
                Some(_) => "class=\"tc-edge tc-stroke\"",
                None => "class=\"tc-edge\" opacity=\".6\"",
            };
            (1..shown).try_for_each(|at| {
                let (x, top, height) = (PAD + step * at, top + 4, DATES - 10 + LINE * lines);
                writeln!(f, "<path {stroke} d=\"M{x}.5 {top}v{height}\"/>")
            })
        })
    }

    fn columns(&self, look: &CardLook, room: u32) -> Vec<StreakColumn> {
        let [total, current, longest] = look.lang.streak_columns(self.unit);
        let length = |streak: Option<Streak>| streak.map_or(0, |streak| streak.length(self.unit));
        let today = self.today.0;
        let since = self.since.map(|first| Streak { first, last: today.max(first) });
        let column = |of, label, count, streak: Option<Streak>| StreakColumn {
            label,
            count,
            dates: streak.map_or(Vec::new(), |streak| self.dates(streak, look, room)),
            of,
        };
        let columns = [
            column(StreakPart::Total, total, self.total, since),
            column(StreakPart::Current, current, length(self.current), self.current),
            column(StreakPart::Longest, longest, length(self.longest), self.longest),
        ];
        columns.into_iter().zip(self.hidden).filter(|(_, hidden)| !hidden).map(|(column, _)| column).collect()
    }

    /// What has to be known of the numbers: the weightiest first, which is there if there is no room for both.
    fn notes(&self, look: &CardLook) -> [String; 2] {
        let off = match self.days_off {
            [] => String::new(),
            days => look.lang.days_off(days),
        };
        [off, look.lang.days_of_zone(self.today.1)]
    }

    fn about(&self, look: &CardLook, columns: &[StreakColumn], notes: &[String]) -> String {
        let mut about = String::new();
        for StreakColumn { label, count, dates, of } in columns {
            let number = written(*count, look.numbers);
            let number = match of {
                StreakPart::Total => number,
                _ => look.lang.streak(&number, self.unit),
            };
            let _ = write!(about, "{label}: {number} ({}); ", dates.join(" "));
        }
        let notes: Vec<&str> = notes.iter().map(String::as_str).filter(|note| !note.is_empty()).collect();
        about.replace(" ()", "") + &notes.join("; ")
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
        look: &CardLook,
        (x, top): (u32, u32),
        (room, label): (u32, Font),
    ) -> fmt::Result {
        let is_current = self.of == StreakPart::Current;
        let within = if is_current { 2 * RADIUS - 14 } else { room };
        let [.., smallest] = NUMBERS;
        let number = written_within(self.count, look.numbers, |number| smallest.width(number) <= within);
        let font = NUMBERS.into_iter().find(|font| font.width(&number) <= within).unwrap_or(smallest);
        let middle = top + MIDDLE;
        if is_current {
            gauge(f, (x, middle), RADIUS, if self.count == 0 { 0 } else { 1000 }, OPEN)?;
            Icon::Flame.at(10 * x, 10 * (middle - RADIUS), 200).draw(f, "class=\"tc-icon\"")?;
        }
        let [of_number, of_label, of_dates] = self.classes(look.streak);
        text_at(f, (of_number, x, middle + font.size * 2 / 5), font, &font.fit(&number, within))?;
        text_at(f, (of_label, x, top + LABELS), label, &label.fit(&self.label, room))?;
        for (at, line) in self.dates.iter().enumerate() {
            text_at(f, (of_dates, x, top + DATES + LINE * at as u32), SMALL, line)?;
        }
        Ok(())
    }

    /// Of its number, its label and its dates.
    fn classes(&self, paints: StreakPaints) -> [&'static str; 3] {
        let [number, label] = match self.of {
            StreakPart::Current => [
                paints.current_number.map_or("tc-text", |_| "tc-current"),
                paints.current_label.map_or("tc-title", |_| "tc-current-label"),
            ],
            _ => [
                paints.side_numbers.map_or("tc-text", |_| "tc-sides"),
                paints.side_labels.map_or("tc-text", |_| "tc-side-labels"),
            ],
        };
        [number, label, paints.dates.map_or("tc-text", |_| "tc-dates")]
    }
}
