//! One repository: its name, what it is, its language, stars and forks.

use super::{
    CardLook, CardTime,
    frame::{CardFrame, PAD, SMALL, TEXT, WIDEST, text},
    words::{written, written_within},
};
use crate::{icon::Icon, shares::language_color};
use std::fmt::{self, Formatter};

/// The lines that a description may have.
const LINES: usize = 3;

/// The card.
#[derive(Clone, Copy, Debug)]
pub struct RepositoryCard<'a> {
    /// Whose it is, if that is shown.
    pub owner: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// What its owner says of it.
    pub description: Option<&'a str>,
    /// Its main language.
    pub language: Option<&'a str>,
    /// Its stars.
    pub stars: u64,
    /// Its forks.
    pub forks: u64,
    /// It is a fork itself.
    pub is_fork: bool,
    /// Its owner has ended work on it.
    pub is_archived: bool,
    /// How many lines the description may have; three without a word.
    pub lines: Option<usize>,
    /// When this was true.
    pub time: CardTime,
}

impl RepositoryCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        let width = look.width.unwrap_or(400).clamp(280, WIDEST);
        let name = match self.owner {
            Some(owner) => format!("{owner}/{}", self.name),
            None => self.name.to_owned(),
        };
        let title = look.title.clone().unwrap_or_else(|| name.clone());
        let nothing = look.lang.no_description();
        let description = self.description.unwrap_or(&nothing);
        let most = self.lines.unwrap_or(LINES).clamp(1, LINES);
        let lines = TEXT.wrap(description, width - 2 * PAD, most);
        let about = format!(
            "{description} ({}: {}, {}: {})",
            look.lang.row(super::StatsRow::Stars),
            written(self.stars, look.numbers),
            look.lang.row(super::StatsRow::Forks),
            written(self.forks, look.numbers)
        );
        let frame = CardFrame {
            repository: Some(&name),
            time: Some(self.time),
            ..CardFrame::plain(look, &title, &about, width)
        };
        frame.draw(20 * lines.len() as u32 + 26, |f, top| {
            for (at, line) in lines.iter().enumerate() {
                text(f, ("tc-text", PAD, top + 13 + 20 * at as u32), TEXT, line)?;
            }
            self.facts(f, look, (width, top + 20 * lines.len() as u32 + 8))
        })
    }

    /// In one line, as far as there is room.
    fn facts(&self, f: &mut Formatter<'_>, look: &CardLook, (width, top): (u32, u32)) -> fmt::Result {
        let mut x = PAD;
        let room = |x: u32| (width - PAD).saturating_sub(x);
        if let Some(language) = self.language {
            let shown = SMALL.fit(language, 130);
            writeln!(
                f,
                "<circle class=\"tc-edge\" cx=\"{}\" cy=\"{}\" r=\"6\" fill=\"{}\"/>",
                x + 6,
                top + 8,
                language_color(language)
            )?;
            text(f, ("tc-text", x + 17, top + 12), SMALL, &shown)?;
            x += 17 + SMALL.width(&shown) + 18;
        }
        for (icon, count) in [(Icon::Star, self.stars), (Icon::Fork, self.forks)] {
            let shown = written_within(count, look.numbers, |shown| 20 + SMALL.width(shown) <= room(x));
            let wide = 20 + SMALL.width(&shown);
            if count == 0 || wide > room(x) {
                continue;
            }
            icon.at(10 * (x + 7), 10 * (top + 8), 140).draw(f, "class=\"tc-icon\" fill-rule=\"evenodd\"")?;
            text(f, ("tc-text", x + 20, top + 12), SMALL, &shown)?;
            x += wide + 18;
        }
        let notes = [(self.is_archived, look.lang.archived()), (self.is_fork, look.lang.fork())];
        for (_, note) in notes.into_iter().filter(|(is, _)| *is) {
            let wide = SMALL.width(&note);
            if wide <= room(x) {
                text(f, ("tc-text", x, top + 12), SMALL, &note)?;
                x += wide + 18;
            }
        }
        Ok(())
    }
}
