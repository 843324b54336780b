//! The rank of an account among others: github-readme-stats' formula, number by number, so that users who move from
//! there keep their rank, and so that a page can show how it is computed.
//!
//! Each number is compared with a median. At the median an account earns half of the weight, and it never earns all of
//! it.

use crate::{Contributions, Stats};
use tallymark_badge::card::{CommitYears, StatsRow};

/// The levels, and up to which percent each goes.
pub const LEVELS: [(&str, f64); 9] = [
    ("S", 1.0),
    ("A+", 12.5),
    ("A", 25.0),
    ("A-", 37.5),
    ("B+", 50.0),
    ("B", 62.5),
    ("B-", 75.0),
    ("C+", 87.5),
    ("C", 100.0),
];

/// One number of a rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankPart {
    /// What it counts.
    pub what: StatsRow,
    /// How many there are.
    pub count: u64,
    /// With so many, half of the weight is reached.
    pub median: u64,
    /// How much it matters.
    pub weight: u32,
    /// What is reached of the weight, from 0 to 1.
    pub reached: f64,
}

impl RankPart {
    /// What is reached of the weight, in points.
    #[must_use]
    pub fn points(&self) -> f64 {
        f64::from(self.weight) * self.reached
    }
}

/// The rank of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRank {
    /// `S`, `A+` to `C`.
    pub level: &'static str,
    /// How many percent of all points are missing: the percentile of github-readme-stats.
    pub top: f64,
    /// What it is made of.
    pub parts: [RankPart; 6],
}

impl AccountRank {
    /// The points of all six numbers together.
    #[must_use]
    pub fn all_points(&self) -> f64 {
        self.parts.iter().map(|part| f64::from(part.weight)).sum()
    }

    /// The points that are reached.
    #[must_use]
    pub fn points(&self) -> f64 {
        self.parts.iter().map(RankPart::points).sum()
    }

    /// Of an account, by its commits of the last year or of all years.
    #[must_use]
    pub fn of(stats: &Stats, done: &Contributions, all_commits: bool) -> AccountRank {
        let (years, commits, median) = match all_commits {
            true => (CommitYears::All, done.all_commits(), 1000),
            false => (CommitYears::Last, done.recent_commits, 250),
        };
        // Half at the median, three quarters at twice the median.
        let halved = |what, count: u64, median: u64, weight| {
            let reached = 1.0 - (-(count as f64) / median as f64).exp2();
            RankPart { what, count, median, weight, reached }
        };
        // Half at the median, two thirds at twice the median: a few accounts have very many.
        let slow = |what, count: u64, median: u64, weight| {
            let times = count as f64 / median as f64;
            RankPart { what, count, median, weight, reached: times / (1.0 + times) }
        };
        let parts = [
            halved(StatsRow::Commits(years), commits, median, 2),
            halved(StatsRow::PullRequests, done.pull_requests, 50, 3),
            halved(StatsRow::Issues, done.issues, 25, 1),
            halved(StatsRow::RecentReviews, done.recent_reviews, 2, 1),
            slow(StatsRow::Stars, stats.stars, 50, 4),
            slow(StatsRow::Followers, stats.followers, 10, 1),
        ];
        let rank = AccountRank { level: "C", top: 100.0, parts };
        let top = (100.0 * (1.0 - rank.points() / rank.all_points())).clamp(0.0, 100.0);
        let level = LEVELS.iter().find(|(_, most)| top <= *most).map_or("C", |(level, _)| level);
        AccountRank { level, top, ..rank }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(commits: u64, prs: u64, issues: u64, reviews: u64, stars: u64, followers: u64) -> (String, f64) {
        let done = Contributions {
            recent_commits: commits,
            pull_requests: prs,
            issues,
            recent_reviews: reviews,
            ..Contributions::default()
        };
        let rank = AccountRank::of(&Stats { stars, followers, ..Stats::default() }, &done, false);
        (rank.level.to_owned(), (rank.top * 1000.0).round() / 1000.0)
    }

    /// The expectations of the original's tests.
    #[test]
    fn it_is_the_originals() {
        assert_eq!(rank(0, 0, 0, 0, 0, 0), ("C".to_owned(), 100.0));
        assert_eq!(rank(125, 25, 10, 5, 25, 5), ("B-".to_owned(), 65.029));
        assert_eq!(rank(250, 50, 25, 10, 50, 10), ("B+".to_owned(), 46.094));
        assert_eq!(rank(500, 100, 50, 20, 200, 40), ("A".to_owned(), 20.841));
        assert_eq!(
            rank(1_000_000, 1_000_000, 1_000_000, 1_000_000, u64::MAX, u64::MAX),
            ("S".to_owned(), 0.0)
        );
    }

    #[test]
    fn all_commits_are_compared_with_another_median() {
        let done = Contributions { commits: [(2020, 600), (2021, 400)].into(), ..Contributions::default() };
        let rank = AccountRank::of(&Stats::default(), &done, true);
        assert_eq!((rank.parts[0].count, rank.parts[0].median, rank.parts[0].reached), (1000, 1000, 0.5));
    }
}
