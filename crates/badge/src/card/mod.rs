//! Cards with a GitHub account's statistics: the totals of its repositories and its activity, its days in a row, its
//! languages, one repository, the visitors of one.
//!
//! They take the place of github-readme-stats' pictures and look like relatives of them. Colours are in a style sheet,
//! so that one address is light for one reader and dark for another; nothing is animated. Unknown numbers are left out.
//! The HTTP server calls this with statistics that it has, whatever their age.

mod frame;
mod language_card;
mod repository_card;
mod stats_card;
mod streak_card;
#[cfg(test)]
mod tests;
mod theme;
mod themes;
mod traffic_card;
mod words;

pub use frame::WIDEST;
pub use language_card::{LanguageCard, LanguageLayout, LanguageMeasure, LanguageValues, NoLanguages};
pub use repository_card::RepositoryCard;
pub use stats_card::{CardRank, CommitYears, StatsCard, StatsRow};
pub use streak_card::{Streak, StreakCard, StreakUnit};
pub use theme::{CardGround, CardPaint};
pub use themes::CardTheme;
pub use traffic_card::TrafficCard;
pub use words::CardLang;

use crate::number::Format;
use tallymark_core::Minute;
use themes::CardPalette;

/// How a card looks, whatever it shows.
#[derive(Clone, Debug, Default)]
pub struct CardLook {
    /// Its colours, where no other is given.
    pub theme: CardTheme,
    /// Of the title.
    pub title_color: Option<CardPaint>,
    /// Of all other texts.
    pub text_color: Option<CardPaint>,
    /// Of icons.
    pub icon_color: Option<CardPaint>,
    /// Of rings; that of the title without a word.
    pub ring_color: Option<CardPaint>,
    /// Of the border.
    pub border_color: Option<CardPaint>,
    /// Behind all of it.
    pub ground: Option<CardGround>,
    /// There is no border.
    pub hide_border: bool,
    /// There is no title to be seen; programs that read aloud have it.
    pub hide_title: bool,
    /// In place of the usual title.
    pub title: Option<String>,
    /// In pixels; each card has a least and a usual one.
    pub width: Option<u32>,
    /// Of the corners, in pixels.
    pub radius: Option<u32>,
    /// There are icons before the rows.
    pub icons: bool,
    /// How numbers are written.
    pub numbers: Format,
    /// In which language.
    pub lang: CardLang,
    /// Of the parts of the card of days in a row.
    pub streak: StreakPaints,
}

/// Colours of the parts of the card of days in a row, where they are not those of texts, titles and edges.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreakPaints {
    /// Of the lines between the columns.
    pub stroke: Option<CardPaint>,
    /// Of the number in the ring.
    pub current_number: Option<CardPaint>,
    /// Of the others.
    pub side_numbers: Option<CardPaint>,
    /// Of the label below the ring.
    pub current_label: Option<CardPaint>,
    /// Of the others.
    pub side_labels: Option<CardPaint>,
    /// Of all dates.
    pub dates: Option<CardPaint>,
}

impl StreakPaints {
    fn texts(&self) -> [(&'static str, Option<CardPaint>); 5] {
        [
            ("tc-current", self.current_number),
            ("tc-sides", self.side_numbers),
            ("tc-current-label", self.current_label),
            ("tc-side-labels", self.side_labels),
            ("tc-dates", self.dates),
        ]
    }

    /// Classes that the style sheet has, with what is in them.
    fn rules(&self) -> impl Iterator<Item = (&'static str, String)> {
        let stroke = self.stroke.map(|paint| ("tc-stroke", format!("stroke:{paint};stroke-opacity:1")));
        let texts =
            self.texts().into_iter().filter_map(|(class, paint)| Some((class, format!("fill:{}", paint?))));
        texts.chain(stroke)
    }

    fn fix_texts(&self) -> bool {
        self.texts().iter().any(|(_, paint)| paint.is_some())
    }
}

impl CardLook {
    /// The colours for all readers, or for those in the light and those in the dark.
    ///
    /// A background that the address sets is the same for everyone, and so are the texts on it: those that are more
    /// readable there. Text colours that are set without a background are meant for a light card.
    fn palettes(&self) -> (CardPalette, Option<CardPalette>) {
        let CardTheme { light, dark, is_clear, .. } = self.theme;
        let Some(dark) = dark else { return (light, None) };
        let one = match &self.ground {
            Some(ground) => ground.better(&light, &dark).copied(),
            None => Some(light).filter(|_| self.fixes_texts() && !is_clear),
        };
        one.map_or((light, Some(dark)), |one| (one, None))
    }

    fn fixes_texts(&self) -> bool {
        let paints = [self.title_color, self.text_color, self.icon_color, self.ring_color];
        paints.iter().any(Option::is_some) || self.streak.fix_texts()
    }
}

/// When what a card shows was true.
#[derive(Clone, Copy, Debug)]
pub struct CardTime {
    /// When.
    pub at: Minute,
    /// It may have changed since.
    pub is_old: bool,
}

/// An empty card of this size, for nginx to show while the daemon is down.
#[must_use]
pub fn away((width, height): (u32, u32), look: &CardLook) -> String {
    let text = look.lang.coming();
    let frame = frame::CardFrame::plain(look, "GitHub", &text, width);
    frame.draw(height.saturating_sub(frame.around()), |f, top| {
        frame::text(
            f,
            ("tc-text", frame::PAD, top + 15),
            frame::TEXT,
            &frame::TEXT.fit(&text, width - 2 * frame::PAD),
        )
    })
}

/// The most lines that a notice has.
const LINES: usize = 6;

/// A card that says something in place of statistics.
#[must_use]
pub fn notice(title: &str, text: &str, look: &CardLook) -> String {
    let width = look.width.unwrap_or(420).clamp(280, frame::WIDEST);
    let lines = frame::TEXT.wrap(text, width - 2 * frame::PAD, LINES);
    let frame = frame::CardFrame::plain(look, title, text, width);
    frame.draw(22 * lines.len() as u32, |f, top| {
        for (at, line) in lines.iter().enumerate() {
            frame::text(f, ("tc-text", frame::PAD, top + 15 + 22 * at as u32), frame::TEXT, line)?;
        }
        Ok(())
    })
}
