//! `/api?username=`: the requested rows, as far as they are known, and the rank.

use super::{
    CardAddress, CardNotes, CardSource, NoCard,
    values::{deciding_flag, flag, word, words, year},
};
use crate::{Contributions, Stats, rank::AccountRank};
use tallymark_badge::card::{CardLang, CardRank, CommitYears, StatsCard, StatsRow};

/// Rows, as `hide` and `show` name them, in the order in which they are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowWord {
    Stars,
    Commits,
    PullRequests,
    Merged,
    MergedShare,
    Reviews,
    Issues,
    Discussions,
    Answers,
    ContributedTo,
    Repositories,
    Forks,
    Followers,
    Rank,
}

const WORDS: [(&str, RowWord); 14] = [
    ("stars", RowWord::Stars),
    ("commits", RowWord::Commits),
    ("prs", RowWord::PullRequests),
    ("prs_merged", RowWord::Merged),
    ("prs_merged_percentage", RowWord::MergedShare),
    ("reviews", RowWord::Reviews),
    ("issues", RowWord::Issues),
    ("discussions_started", RowWord::Discussions),
    ("discussions_answered", RowWord::Answers),
    ("contribs", RowWord::ContributedTo),
    ("repos", RowWord::Repositories),
    ("forks", RowWord::Forks),
    ("followers", RowWord::Followers),
    ("rank", RowWord::Rank),
];

/// The rows that are shown by default: github-readme-stats' own, or, if the activity of an account is not known, all
/// numbers of its repositories.
const WITH_WORK: [RowWord; 5] =
    [RowWord::Stars, RowWord::Commits, RowWord::PullRequests, RowWord::Issues, RowWord::ContributedTo];
const WITHOUT: [RowWord; 4] = [RowWord::Stars, RowWord::Repositories, RowWord::Forks, RowWord::Followers];

/// What the ring shows. The original's third one, `github`, is a brand's sign in place of the level.
const RINGS: [(&str, bool); 3] = [("default", false), ("github", false), ("percentile", true)];

pub(super) fn draw(source: &CardSource<'_>, notes: &mut CardNotes) -> Result<String, NoCard> {
    let CardSource { address, aged, .. } = *source;
    let (hidden, more) = (words(address, "hide", &WORDS, notes), words(address, "show", &WORDS, notes));
    let shows_top = word(address, "rank_icon", &RINGS, notes).unwrap_or_default();
    let hides_rank = flag(address, "hide_rank", notes) || hidden.contains(&RowWord::Rank);
    let years = years(address, source.look.lang)?;
    let stats = aged.stats.without(&source.excluded(notes));
    let done = aged.work.contributions.as_ref();
    if !source.terms.has_tokens {
        notes.add("commits, pull requests, issues and the rank need a token, so they are left out");
    }
    let usual = if done.is_some() { &WITH_WORK[..] } else { &WITHOUT };
    let rows: Vec<(StatsRow, u64)> = WORDS
        .iter()
        .map(|(_, word)| *word)
        .filter(|word| (usual.contains(word) || more.contains(word)) && !hidden.contains(word))
        .filter_map(|word| of_repositories(word, &stats).or_else(|| of_work(word, done?, years)))
        .collect();
    let rank = done
        .filter(|_| !hides_rank)
        .map(|done| AccountRank::of(&aged.stats, done, years == CommitYears::All));
    if rows.is_empty() && rank.is_none() {
        return Err(source.say("hide leaves nothing to show", "hide 把所有内容都隐藏了").into());
    }
    let parts: Vec<(StatsRow, u64, u64)> =
        rank.iter().flat_map(|rank| rank.parts).map(|part| (part.what, part.count, part.median)).collect();
    let shown = rank.as_ref().map(|rank| CardRank {
        level: rank.level,
        top: (rank.top * 10.0).round() as u32,
        shows_top,
        parts: &parts,
    });
    let card = StatsCard {
        login: &stats.login,
        rows: &rows,
        split: (stats.originals, stats.forked),
        rank: shown,
        time: source.time(done.map(|done| done.at)),
    };
    Ok(card.render(source.look))
}

/// Of which years commits are shown.
fn years(address: &CardAddress, lang: CardLang) -> Result<CommitYears, String> {
    let all = deciding_flag(address, "include_all_commits", lang)?;
    Ok(match (year(address, "commits_year", lang)?, all) {
        (Some(year), _) => CommitYears::One(year),
        (None, true) => CommitYears::All,
        (None, false) => CommitYears::Last,
    })
}

fn of_repositories(word: RowWord, stats: &Stats) -> Option<(StatsRow, u64)> {
    match word {
        RowWord::Stars => Some((StatsRow::Stars, stats.stars)),
        RowWord::Repositories => Some((StatsRow::Repositories, stats.repositories())),
        RowWord::Forks => Some((StatsRow::Forks, stats.forks)),
        RowWord::Followers => Some((StatsRow::Followers, stats.followers)),
        _ => None,
    }
}

fn of_work(word: RowWord, done: &Contributions, years: CommitYears) -> Option<(StatsRow, u64)> {
    let commits = match years {
        CommitYears::Last => done.recent_commits,
        CommitYears::All => done.all_commits(),
        CommitYears::One(year) => done.commits.get(&year).copied().unwrap_or(0),
    };
    // In hundredths of a percent, rounded.
    let merged = (done.merged.saturating_mul(20_000).saturating_add(done.pull_requests))
        .checked_div(done.pull_requests.saturating_mul(2))
        .unwrap_or(0)
        .min(10_000);
    Some(match word {
        RowWord::Commits => (StatsRow::Commits(years), commits),
        RowWord::PullRequests => (StatsRow::PullRequests, done.pull_requests),
        RowWord::Merged => (StatsRow::Merged, done.merged),
        RowWord::MergedShare => (StatsRow::MergedShare, merged),
        RowWord::Reviews => (StatsRow::Reviews, done.reviews),
        RowWord::Issues => (StatsRow::Issues, done.issues),
        RowWord::Discussions => (StatsRow::Discussions, done.discussions),
        RowWord::Answers => (StatsRow::Answers, done.answers),
        RowWord::ContributedTo => (StatsRow::ContributedTo, done.contributed_to),
        _ => return None,
    })
}
