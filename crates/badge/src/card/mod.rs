//! Cards with a GitHub account's statistics: what its repositories add up to and what it has done, its days in a row, its
//! languages, one repository, the visitors of one.
//!
//! They take the place of github-readme-stats' pictures and look like relatives of them. Colours are in a style sheet, so
//! that one address is light for one reader and dark for another; nothing moves. A number that is not known is not there.
//! The HTTP server calls this with statistics that it has, whatever their age.

mod frame;
mod language_card;
mod repository_card;
mod stats_card;
mod streak_card;
#[cfg(test)]
mod tests;
mod theme;
mod traffic_card;
mod words;

pub use language_card::{LanguageCard, LanguageLayout, LanguageMeasure};
pub use repository_card::RepositoryCard;
pub use stats_card::{CardRank, CommitYears, StatsCard, StatsRow};
pub use streak_card::{Streak, StreakCard};
pub use theme::{CardGround, CardPaint, CardTheme};
pub use traffic_card::TrafficCard;
pub use words::CardLang;

use crate::number::Format;
use tallymark_core::Minute;

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
}

/// When what a card shows was true.
#[derive(Clone, Copy, Debug)]
pub struct CardTime {
    /// When.
    pub at: Minute,
    /// Nobody knows whether it still is.
    pub is_old: bool,
}

/// A card that says something in place of statistics.
#[must_use]
pub fn notice(title: &str, text: &str, look: &CardLook) -> String {
    let width = look.width.unwrap_or(420).clamp(280, frame::WIDEST);
    let lines = frame::wrapped(text, frame::TEXT, width - 2 * frame::PAD, 3);
    let frame = frame::CardFrame { look, title: Some(title), about: text, width, time: None, note: None };
    frame.draw(22 * lines.len() as u32, |f, top| {
        for (at, line) in lines.iter().enumerate() {
            frame::text(f, ("tc-text", frame::PAD, top + 15 + 22 * at as u32), frame::TEXT, line)?;
        }
        Ok(())
    })
}
