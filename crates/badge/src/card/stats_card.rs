//! What the repositories of an account add up to, a row for each number.

use super::{
    CardLook, CardTime,
    frame::{CardFrame, PAD, SMALL, TEXT, WIDEST, text, text_to},
    words::written,
};
use crate::{icon::Icon, text::Font};
use std::fmt::{self, Formatter};

const ROW: u32 = 25;
const VALUE: Font = Font::bold(14);
/// The room of an icon.
const ICON: u32 = 25;

/// A number of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsRow {
    /// Stars of the originals.
    Stars,
    /// Repositories, split into originals and forks.
    Repositories,
    /// Forks of the originals.
    Forks,
    /// Followers.
    Followers,
}

impl StatsRow {
    fn icon(self) -> Icon {
        match self {
            StatsRow::Stars => Icon::Star,
            StatsRow::Repositories => Icon::Book,
            StatsRow::Forks => Icon::Fork,
            StatsRow::Followers => Icon::Person,
        }
    }
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub struct StatsCard<'a> {
    /// The name of the account.
    pub login: &'a str,
    /// The numbers that are shown, in this order.
    pub rows: &'a [(StatsRow, u64)],
    /// Originals and forks.
    pub split: (u64, u64),
    /// When they were true.
    pub time: CardTime,
}

impl StatsCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        let width = look.width.unwrap_or(450).clamp(287, WIDEST);
        let title = look.title.clone().unwrap_or_else(|| look.lang.stats_of(self.login));
        let said: Vec<String> = self.rows.iter().map(|&(row, count)| self.said(row, count, look)).collect();
        let about = said.join(", ");
        let frame = CardFrame { look, title: Some(&title), about: &about, width, time: Some(self.time) };
        let rows = self.rows.len() as u32;
        frame.draw(ROW * rows, |f, top| {
            self.rows
                .iter()
                .enumerate()
                .try_for_each(|(at, &row)| self.row(f, look, row, (width, top + ROW * at as u32)))
        })
    }

    fn said(&self, row: StatsRow, count: u64, look: &CardLook) -> String {
        let (label, count) = (look.lang.row(row), written(count, look.numbers));
        match row {
            StatsRow::Repositories => format!("{label}: {count} ({})", self.split_of(look)),
            _ => format!("{label}: {count}"),
        }
    }

    fn split_of(&self, look: &CardLook) -> String {
        look.lang.split(self.split.0, self.split.1, look.numbers)
    }

    fn row(
        &self,
        f: &mut Formatter<'_>,
        look: &CardLook,
        (row, count): (StatsRow, u64),
        (width, top): (u32, u32),
    ) -> fmt::Result {
        let base = top + 15;
        let left = PAD + if look.icons { ICON } else { 0 };
        if look.icons {
            row.icon()
                .at(10 * (PAD + 8), 10 * (top + 10), 160)
                .draw(f, "class=\"tc-icon\" fill-rule=\"evenodd\"")?;
        }
        let value = VALUE.fit(&written(count, look.numbers), width - left - PAD);
        text_to(f, ("tc-text", width - PAD, base), VALUE, &value)?;
        let room = (width - left - PAD).saturating_sub(VALUE.width(&value) + 10);
        let label = TEXT.fit(&look.lang.row(row), room);
        text(f, ("tc-text", left, base), TEXT, &label)?;
        if row == StatsRow::Repositories {
            let used = TEXT.width(&label) + 10;
            let split = self.split_of(look);
            // All of it, or none.
            if used + SMALL.width(&split) <= room {
                text(f, ("tc-text", left + used, base), SMALL, &split)?;
            }
        }
        Ok(())
    }
}
