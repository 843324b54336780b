//! The totals of an account's repositories, and its activity: a row for each number, and a rank.

use super::{
    CardLook, CardTime,
    frame::{CardFrame, PAD, SMALL, TEXT, WIDEST, gauge, text, text_at, text_to},
    words::{written, written_within},
};
use crate::{icon::Icon, text::Font};
use std::fmt::{self, Formatter};

const ROW: u32 = 25;
const VALUE: Font = Font::bold(14);
/// The room of an icon.
const ICON: u32 = 25;
/// The room of the ring at the right, its radius, and its texts.
const RING: u32 = 130;
const RADIUS: u32 = 42;
const LEVEL: Font = Font::bold(24);
const TOP: Font = Font::bold(16);

/// Of which years commits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitYears {
    /// The last twelve months.
    Last,
    /// Every year.
    All,
    /// One.
    One(i32),
}

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
    /// Commits.
    Commits(CommitYears),
    /// Pull requests.
    PullRequests,
    /// Those that were merged.
    Merged,
    /// How many of them were merged, in hundredths of a percent.
    MergedShare,
    /// Reviews of pull requests.
    Reviews,
    /// Those of the last twelve months.
    RecentReviews,
    /// Issues.
    Issues,
    /// Discussions that it began.
    Discussions,
    /// Answers that were accepted.
    Answers,
    /// Repositories of others.
    ContributedTo,
}

impl StatsRow {
    fn icon(self) -> Icon {
        match self {
            StatsRow::Stars => Icon::Star,
            StatsRow::Repositories | StatsRow::ContributedTo => Icon::Book,
            StatsRow::Commits(_) => Icon::Commit,
            StatsRow::PullRequests | StatsRow::Merged | StatsRow::MergedShare => Icon::PullRequest,
            StatsRow::Reviews | StatsRow::RecentReviews => Icon::Eye,
            StatsRow::Issues => Icon::Issue,
            StatsRow::Discussions | StatsRow::Answers => Icon::Speech,
            StatsRow::Forks => Icon::Fork,
            StatsRow::Followers => Icon::Person,
        }
    }
}

/// The rank of an account among others, by github-readme-stats' formula.
#[derive(Clone, Copy, Debug)]
pub struct CardRank<'a> {
    /// `S`, `A+` to `C`.
    pub level: &'a str,
    /// Among the best so many, in tenths of a percent.
    pub top: u32,
    /// The ring shows how many, and not the level.
    pub shows_top: bool,
    /// What it is made of: numbers, and the median that each is compared with. For programs that read aloud.
    pub parts: &'a [(StatsRow, u64, u64)],
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
    /// The ring at the right.
    pub rank: Option<CardRank<'a>>,
    /// When they were true.
    pub time: CardTime,
}

impl StatsCard<'_> {
    /// Draws it.
    #[must_use]
    pub fn render(&self, look: &CardLook) -> String {
        let least = if self.rank.is_some() { 420 } else { 287 };
        // As in the original, icons make the usual card wider.
        let usual = 450 + if look.icons { ICON } else { 0 };
        let width = look.width.unwrap_or(usual).clamp(least, WIDEST);
        let title = look.title.clone().unwrap_or_else(|| look.lang.stats_of(self.login));
        let said = self.rows.iter().map(|&(row, count)| self.said(row, count, look));
        let rank = self.rank.map(|rank| {
            let parts = rank.parts.iter().map(|&(row, count, median)| {
                let [count, median] = [count, median].map(|count| written(count, look.numbers));
                look.lang.rank_part(row, &count, &median)
            });
            let parts: Vec<String> = parts.collect();
            look.lang.rank(rank.level, &percent(rank.top), &parts.join(", "))
        });
        let about = said.chain(rank).collect::<Vec<String>>().join(", ");
        let frame = CardFrame { time: Some(self.time), ..CardFrame::plain(look, &title, &about, width) };
        let rows = ROW * self.rows.len() as u32;
        let height = if self.rank.is_some() { rows.max(2 * RADIUS + 10) } else { rows };
        let right = width - PAD - self.rank.map_or(0, |_| RING);
        frame.draw(height, |f, top| {
            // If there are few rows, they are centred on the ring.
            let first = top + (height - rows) / 2;
            self.rows
                .iter()
                .enumerate()
                .try_for_each(|(at, &row)| self.row(f, look, row, (right, first + ROW * at as u32)))?;
            self.rank
                .map_or(Ok(()), |rank| ring(f, look, rank, (width - PAD - RADIUS - 8, top + height / 2 - 3)))
        })
    }

    fn said(&self, row: StatsRow, count: u64, look: &CardLook) -> String {
        let (label, count) = (look.lang.row(row), value(row, count, look));
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
        (right, top): (u32, u32),
    ) -> fmt::Result {
        let base = top + 15;
        let left = PAD + if look.icons { ICON } else { 0 };
        if look.icons {
            row.icon()
                .at(10 * (PAD + 8), 10 * (top + 10), 160)
                .draw(f, "class=\"tc-icon\" fill-rule=\"evenodd\"")?;
        }
        let label = look.lang.row(row);
        let beside = |value: &str| VALUE.width(value) + 10 + TEXT.width(&label) <= right - left;
        let value = match row {
            StatsRow::MergedShare => value(row, count, look),
            _ => written_within(count, look.numbers, beside),
        };
        let value = VALUE.fit(&value, right - left);
        text_to(f, ("tc-text", right, base), VALUE, &value)?;
        let room = (right - left).saturating_sub(VALUE.width(&value) + 10);
        let label = TEXT.fit(&label, room);
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

fn value(row: StatsRow, count: u64, look: &CardLook) -> String {
    match row {
        StatsRow::MergedShare => format!("{}.{:02}%", count / 100, count % 100),
        _ => written(count, look.numbers),
    }
}

/// Tenths of a percent.
fn percent(tenths: u32) -> String {
    format!("{}.{}%", tenths / 10, tenths % 10)
}

fn ring(f: &mut Formatter<'_>, look: &CardLook, rank: CardRank<'_>, (x, y): (u32, u32)) -> fmt::Result {
    gauge(f, (x, y), RADIUS, 1000u64.saturating_sub(rank.top.into()), 0)?;
    if rank.shows_top {
        text_at(f, ("tc-text", x, y - 6), SMALL, &look.lang.top())?;
        return text_at(f, ("tc-text", x, y + 13), TOP, &TOP.fit(&percent(rank.top), 2 * RADIUS - 10));
    }
    text_at(f, ("tc-text", x, y + 9), LEVEL, &LEVEL.fit(rank.level, 2 * RADIUS - 10))
}
