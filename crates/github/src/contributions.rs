//! The activity of an account: commits, pull requests, reviews, issues, and the days with contributions. Only the
//! GraphQL API provides it, and only with a token.
//!
//! A past year does not change, so it is fetched once and kept. Streaks are computed from days here.

use crate::{AccountName, api::GithubApi, error::GithubError, graph::GraphQuery, stats::MOST};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write};
use tallymark_core::Day;

/// Commits are pushed later than they are made, so a year is over so many days after its end.
const SETTLED: i32 = 31;
/// How many years are asked for at a time.
const YEARS: usize = 4;
/// GitHub is not older.
const FIRST_YEAR: i32 = 2005;

/// What an account has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributions {
    /// When GitHub said so, in seconds since 1970.
    pub at: u64,
    /// Commits of the last twelve months.
    pub recent_commits: u64,
    /// Reviews of the last twelve months.
    pub recent_reviews: u64,
    /// Commits of each year that has any contribution.
    pub commits: BTreeMap<i32, u64>,
    /// Reviews of all years.
    pub reviews: u64,
    /// Pull requests.
    pub pull_requests: u64,
    /// Those that were merged.
    pub merged: u64,
    /// Issues.
    pub issues: u64,
    /// Discussions that it began.
    pub discussions: u64,
    /// Answers in discussions that were accepted.
    pub answers: u64,
    /// Repositories of others that it contributed to lately.
    pub contributed_to: u64,
    /// Contributions of all years, as GitHub's calendar counts them.
    pub total: u64,
    /// The first day with a contribution, and the days in a row that matter.
    pub days: StreakDays,
    /// Each year; none in what an earlier build kept.
    #[serde(default)]
    pub(crate) years: BTreeMap<i32, WorkYear>,
}

impl Contributions {
    /// Commits of all years.
    #[must_use]
    pub fn all_commits(&self) -> u64 {
        self.commits.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRun {
    first: i32,
    last: i32,
}

impl DayRun {
    pub(crate) fn of(first: Day, last: Day) -> DayRun {
        DayRun { first: first.0, last: last.0 }
    }

    /// Its first day.
    #[must_use]
    pub fn first(self) -> Day {
        Day(self.first)
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> Day {
        Day(self.last)
    }

    /// How many days it has.
    #[must_use]
    pub fn length(self) -> u64 {
        u64::try_from(self.last - self.first + 1).unwrap_or(0)
    }
}

/// The days with contributions, as far as streaks need them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreakDays {
    /// The first day with a contribution, counted from 1970.
    first: Option<i32>,
    longest: Option<DayRun>,
    latest: Option<DayRun>,
}

impl StreakDays {
    /// The first day with a contribution.
    #[must_use]
    pub fn first(&self) -> Option<Day> {
        self.first.map(Day)
    }

    /// The most days in a row; the latest of several.
    #[must_use]
    pub fn longest(&self) -> Option<DayRun> {
        self.longest
    }

    /// The days in a row that go on today. Today is not over, so nothing is lost yet if the last one was yesterday.
    #[must_use]
    pub fn current(&self, today: Day) -> Option<DayRun> {
        self.latest.filter(|run| run.last >= today.0 - 1)
    }

    fn add(&mut self, day: i32) {
        self.first.get_or_insert(day);
        let run = match self.latest {
            Some(run) if run.last + 1 == day => DayRun { last: day, ..run },
            _ => DayRun { first: day, last: day },
        };
        self.latest = Some(run);
        if self.longest.is_none_or(|longest| run.length() >= longest.length()) {
            self.longest = Some(run);
        }
    }
}

/// One year of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkYear {
    commits: u64,
    reviews: u64,
    pub(crate) contributions: u64,
    /// A bit for each day that has any, from the first of January on.
    active: [u64; 6],
}

impl WorkYear {
    /// The days with contributions, if it is this year.
    pub(crate) fn days(&self, year: i32) -> impl Iterator<Item = Day> {
        let active = |at: &i32| self.active[*at as usize / 64] >> (*at as usize % 64) & 1 == 1;
        let first = Day::from_date(year, 1, 1);
        first.into_iter().flat_map(move |first| (0..366).filter(active).map(move |at| Day(first.0 + at)))
    }

    /// Adds so many contributions on a day, counted from the first of January.
    pub(crate) fn mark(&mut self, at: usize, count: u64) {
        self.contributions = self.contributions.saturating_add(count);
        self.active[at / 64] |= u64::from(count > 0) << (at % 64);
    }
}

/// The years of an account that are known.
pub(crate) type WorkYears = BTreeMap<i32, WorkYear>;

#[derive(Deserialize)]
struct UserJson<T> {
    user: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkJson {
    recent: RecentJson,
    repositories_contributed_to: CountJson,
    pull_requests: CountJson,
    merged: CountJson,
    issues: CountJson,
    repository_discussions: CountJson,
    answers: CountJson,
    /// The years that were asked for.
    #[serde(flatten)]
    years: BTreeMap<String, YearJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecentJson {
    total_commit_contributions: u64,
    total_pull_request_review_contributions: u64,
    contribution_years: Vec<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountJson {
    total_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct YearJson {
    total_commit_contributions: u64,
    total_pull_request_review_contributions: u64,
    contribution_calendar: CalendarJson,
}

#[derive(Deserialize)]
struct CalendarJson {
    weeks: Vec<WeekJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WeekJson {
    contribution_days: Vec<DayJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DayJson {
    date: String,
    contribution_count: u64,
}

/// The part of the query in addition to the years.
const WORK: &str = "recent:contributionsCollection{totalCommitContributions \
                    totalPullRequestReviewContributions contributionYears}\
                    repositoriesContributedTo(first:1,contributionTypes:[COMMIT,ISSUE,PULL_REQUEST,REPOSITORY])\
                    {totalCount}pullRequests(first:1){totalCount}merged:pullRequests(first:1,states:MERGED)\
                    {totalCount}issues(first:1){totalCount}repositoryDiscussions(first:1){totalCount}\
                    answers:repositoryDiscussionComments(first:1,onlyAnswers:true){totalCount}";

/// Asks GitHub, on a day. Of the years in `kept` those that were over are not asked for again; the others are added, also if
/// it fails in the end.
pub(crate) async fn measure(
    api: &GithubApi,
    login: &AccountName,
    kept: &mut WorkYears,
    now: u64,
) -> Result<Contributions, GithubError> {
    let today = day_of(now);
    let work = ask::<WorkJson>(api, login, WORK, &open_years(today)).await?;
    let mut years = read_years(work.years, &open_years(today))?;
    let known = |year: &i32| kept.contains_key(year) || years.contains_key(year);
    let this_year = today.date().0;
    let missing: Vec<i32> = work
        .recent
        .contribution_years
        .iter()
        .copied()
        .filter(|year| (FIRST_YEAR..=this_year).contains(year) && !known(year))
        .collect();
    for some in missing.chunks(YEARS) {
        let read = read_years(ask::<BTreeMap<String, YearJson>>(api, login, "", some).await?, some)?;
        if read.len() < some.len() {
            return Err(GithubError::Absurd("fewer years than were asked for"));
        }
        kept.extend(read);
    }
    years.extend(kept.iter().map(|(year, of)| (*year, of.clone())));
    let counts = [
        work.recent.total_commit_contributions,
        work.recent.total_pull_request_review_contributions,
        work.pull_requests.total_count,
        work.merged.total_count,
        work.issues.total_count,
        work.repository_discussions.total_count,
        work.answers.total_count,
        work.repositories_contributed_to.total_count,
    ];
    if counts.iter().any(|count| *count > MOST) {
        return Err(GithubError::Absurd("a number of contributions"));
    }
    let [recent_commits, recent_reviews, pull_requests, merged, issues, discussions, answers, contributed_to] =
        counts;
    let sum = |of: fn(&WorkYear) -> u64| years.values().map(of).fold(0, u64::saturating_add);
    Ok(Contributions {
        at: now,
        recent_commits,
        recent_reviews,
        commits: years.iter().map(|(year, of)| (*year, of.commits)).collect(),
        reviews: sum(|of| of.reviews),
        pull_requests,
        merged,
        issues,
        discussions,
        answers,
        contributed_to,
        total: sum(|of| of.contributions),
        days: days_of(&years),
        years,
    })
}

/// This year, and the one before as long as it may still change.
fn open_years(today: Day) -> Vec<i32> {
    let this = today.date().0;
    [this - 1, this].into_iter().filter(|year| !is_over(*year, today)).collect()
}

/// The others may still change.
pub(crate) fn keep_those_over(years: &mut WorkYears, now: u64) {
    let today = day_of(now);
    years.retain(|year, _| is_over(*year, today));
}

fn day_of(now: u64) -> Day {
    Day(i32::try_from(now / 86_400).unwrap_or(i32::MAX))
}

fn is_over(year: i32, today: Day) -> bool {
    Day::from_date(year + 1, 1, 1).is_some_and(|next| today.0 - next.0 >= SETTLED)
}

async fn ask<T: serde::de::DeserializeOwned>(
    api: &GithubApi,
    login: &AccountName,
    fields: &str,
    years: &[i32],
) -> Result<T, GithubError> {
    let mut text = format!("user(login:$login){{{fields}");
    for year in years {
        let _ = write!(
            text,
            " y{year}:contributionsCollection(from:\"{year}-01-01T00:00:00Z\",to:\"{year}-12-31T23:59:59Z\")\
             {{totalCommitContributions totalPullRequestReviewContributions \
             contributionCalendar{{weeks{{contributionDays{{date contributionCount}}}}}}}}"
        );
    }
    text.push('}');
    let answer: UserJson<T> = api.query(login, &GraphQuery::of(login.as_str(), &text, None)).await?;
    // The account is there, so this is a failure and no news.
    answer.user.ok_or(GithubError::Status(StatusCode::NOT_FOUND))
}

fn read_years(answered: BTreeMap<String, YearJson>, asked: &[i32]) -> Result<WorkYears, GithubError> {
    let mut years = WorkYears::new();
    for (name, year) in answered {
        let number = asked.iter().copied().find(|year| name.strip_prefix('y') == Some(&year.to_string()));
        let number = number.ok_or(GithubError::Absurd("a year that was not asked for"))?;
        years.insert(number, read_year(number, year)?);
    }
    Ok(years)
}

fn read_year(number: i32, year: YearJson) -> Result<WorkYear, GithubError> {
    let absurd = || GithubError::Absurd("a day of the calendar");
    let first = Day::from_date(number, 1, 1).ok_or_else(absurd)?;
    let (commits, reviews) = (year.total_commit_contributions, year.total_pull_request_review_contributions);
    let mut work = WorkYear { commits, reviews, ..WorkYear::default() };
    let mut is_empty = true;
    for day in year.contribution_calendar.weeks.into_iter().flat_map(|week| week.contribution_days) {
        let at = Day::parse(day.date.as_bytes()).filter(|day| day.date().0 == number).ok_or_else(absurd)?;
        let at = usize::try_from(at.0 - first.0).map_err(|_| absurd())?;
        is_empty = false;
        if day.contribution_count > MOST {
            return Err(absurd());
        }
        work.mark(at, day.contribution_count);
    }
    if is_empty || work.commits > MOST || work.reviews > MOST || work.contributions > MOST {
        return Err(GithubError::Absurd("a year of contributions"));
    }
    Ok(work)
}

fn days_of(years: &WorkYears) -> StreakDays {
    let mut days = StreakDays::default();
    for (year, work) in years {
        work.days(*year).for_each(|day| days.add(day.0));
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(number: i32, days: &[(u32, u32)]) -> WorkYear {
        let dates = days.iter().map(|(month, day)| DayJson {
            date: format!("{number}-{month:02}-{day:02}"),
            contribution_count: 2,
        });
        let weeks = vec![WeekJson { contribution_days: dates.collect() }];
        read_year(
            number,
            YearJson {
                total_commit_contributions: 1,
                total_pull_request_review_contributions: 0,
                contribution_calendar: CalendarJson { weeks },
            },
        )
        .unwrap()
    }

    fn day(year: i32, month: u32, day: u32) -> Day {
        Day::from_date(year, month, day).unwrap()
    }

    #[test]
    fn streaks_go_on_over_new_year_and_end_a_day_after_the_last() {
        let years = WorkYears::from([
            (2023, year(2023, &[(3, 1), (3, 2), (12, 30), (12, 31)])),
            (2024, year(2024, &[(1, 1), (2, 28), (2, 29), (3, 1), (12, 30), (12, 31)])),
            (2025, year(2025, &[(1, 1)])),
        ]);
        let days = days_of(&years);
        assert_eq!(days.first(), Some(day(2023, 3, 1)));
        let longest = days.longest().unwrap();
        // Three times three days, and the latest counts.
        assert_eq!(
            (longest.first(), longest.last(), longest.length()),
            (day(2024, 12, 30), day(2025, 1, 1), 3)
        );
        for (today, length) in [
            (day(2024, 12, 31), Some(3)),
            (day(2025, 1, 1), Some(3)),
            (day(2025, 1, 2), Some(3)),
            (day(2025, 1, 3), None),
        ] {
            assert_eq!(days.current(today).map(DayRun::length), length, "{today}");
        }
        assert_eq!(days_of(&WorkYears::new()), StreakDays::default());
    }

    #[test]
    fn a_year_is_final_a_month_after_its_end() {
        assert_eq!(open_years(day(2026, 1, 31)), [2025, 2026]);
        assert_eq!(open_years(day(2026, 2, 1)), [2026]);
        assert!(is_over(2024, day(2026, 1, 1)) && !is_over(2026, day(2026, 12, 31)));
    }

    #[test]
    fn calendars_that_cannot_be_true_are_refused() {
        let of = |date: &str, count| {
            let days = vec![DayJson { date: date.to_owned(), contribution_count: count }];
            let calendar = CalendarJson { weeks: vec![WeekJson { contribution_days: days }] };
            let year = YearJson {
                total_commit_contributions: 0,
                total_pull_request_review_contributions: 0,
                contribution_calendar: calendar,
            };
            read_year(2024, year)
        };
        assert!(of("2024-12-31", 1).is_ok_and(|work| work.active[5] == 1 << 45));
        assert!(
            of("2025-01-01", 1).is_err()
                && of("yesterday", 1).is_err()
                && of("2024-01-01", MOST + 1).is_err()
        );
        let none = CalendarJson { weeks: Vec::new() };
        let year = YearJson {
            total_commit_contributions: 0,
            total_pull_request_review_contributions: 0,
            contribution_calendar: none,
        };
        assert!(read_year(2024, year).is_err());
    }
}
