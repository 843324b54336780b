//! GitHub's GraphQL API, as far as statistics need it: it looks for the names of what is asked for, and answers those.

use super::{FakeAccount, FakeWork};
use std::{collections::HashMap, fmt::Write};

/// Repositories on a page.
const PAGE: usize = 100;

/// What is answered to a query, by the accounts that there are.
pub(super) fn answer(accounts: &HashMap<String, FakeAccount>, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    // The query is one line of JSON, whose only escapes are those of quotes.
    let query = body.replace("\\\"", "\"");
    let login = text_after(&body, "\"login\":\"").unwrap_or_default().to_lowercase();
    let account = accounts.get(&login);
    if query.contains("repositoryOwner(") {
        let after = text_after(&body, "\"after\":\"").and_then(|after| after.parse().ok()).unwrap_or(0);
        return account
            .map_or("{\"data\":{\"repositoryOwner\":null}}".to_owned(), |account| code(account, after));
    }
    match account.filter(|account| account.kind == "User") {
        Some(account) => format!("{{\"data\":{{\"user\":{}}}}}", user(&account.work, &query)),
        None => "{\"data\":{\"user\":null},\"errors\":[{\"type\":\"NOT_FOUND\",\"message\":\"nobody\"}]}"
            .to_owned(),
    }
}

fn text_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split('"').next()
}

fn user(work: &FakeWork, query: &str) -> String {
    let mut fields = Vec::new();
    if query.contains("recent:") {
        let mut years: Vec<&str> = work.days.iter().filter_map(|(date, _)| date.get(..4)).collect();
        years.sort_unstable();
        years.dedup();
        let mut one = |name: &str, count: u64| fields.push(format!("\"{name}\":{{\"totalCount\":{count}}}"));
        one("repositoriesContributedTo", work.contributed_to);
        one("pullRequests", work.pull_requests);
        one("merged", work.merged);
        one("issues", work.issues);
        one("repositoryDiscussions", work.discussions);
        one("answers", work.answers);
        fields.push(format!(
            "\"recent\":{{\"totalCommitContributions\":{},\"totalPullRequestReviewContributions\":{},\
             \"contributionYears\":[{}]}}",
            work.recent_commits,
            work.reviews,
            years.join(",")
        ));
    }
    for year in query
        .match_indices("contributionsCollection(from:")
        .filter_map(|(at, _)| query[..at].get(at - 6..at - 1))
    {
        fields.push(format!("\"{year}\":{}", year_of(work, &year[1..])));
    }
    format!("{{{}}}", fields.join(","))
}

/// Each day that is known, and the first of January, so that no year is empty.
fn year_of(work: &FakeWork, year: &str) -> String {
    let mut days = vec![(format!("{year}-01-01"), 0)];
    days.extend(work.days.iter().filter(|(date, _)| date.starts_with(year)).cloned());
    let mut shown = String::new();
    for (date, count) in &days {
        let comma = if shown.is_empty() { "" } else { "," };
        let _ = write!(shown, "{comma}{{\"date\":\"{date}\",\"contributionCount\":{count}}}");
    }
    let commits: u64 = days.iter().map(|(_, count)| u64::from(*count)).sum();
    format!(
        "{{\"totalCommitContributions\":{commits},\"totalPullRequestReviewContributions\":{},\
         \"contributionCalendar\":{{\"weeks\":[{{\"contributionDays\":[{shown}]}}]}}}}",
        work.reviews
    )
}

/// A thousand bytes in each repository's language, and as many in Shell as it has stars.
fn code(account: &FakeAccount, after: usize) -> String {
    let originals: Vec<_> = account.repositories.iter().filter(|one| !one.fork).collect();
    let nodes: Vec<String> = originals
        .iter()
        .skip(after)
        .take(PAGE)
        .map(|one| {
            let edge = |size: u64, name: &str| format!("{{\"size\":{size},\"node\":{{\"name\":{name:?}}}}}");
            let mut edges: Vec<String> = one.language.iter().map(|language| edge(1000, language)).collect();
            if one.stars > 0 {
                edges.push(edge(one.stars, "Shell"));
            }
            format!("{{\"name\":\"r{}\",\"languages\":{{\"edges\":[{}]}}}}", one.id, edges.join(","))
        })
        .collect();
    let has_next = after + PAGE < originals.len();
    format!(
        "{{\"data\":{{\"repositoryOwner\":{{\"repositories\":{{\"nodes\":[{}],\"pageInfo\":\
         {{\"hasNextPage\":{has_next},\"endCursor\":\"{}\"}}}}}}}}}}",
        nodes.join(","),
        after + PAGE
    )
}
