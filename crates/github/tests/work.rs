//! What the GraphQL API says, against a fake one: what it costs, and what stays when it fails.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod site;

use site::{Site, TOKEN};
use std::sync::atomic::{AtomicI64, Ordering};
use tallymark_core::{Day, Now};
use tallymark_github::{AccountName, Aged, Statistics};
use tallymark_testbed::{FakeGithub, FakeRepository, FakeWork, WebReply};

/// 2026-11-20T12:00Z. Nothing moves it but a test.
const NOON: i64 = 1_795_176_000_000;

/// Each test has its own clock, because they run at once: a static of its own.
macro_rules! clock {
    () => {{
        static AT: AtomicI64 = AtomicI64::new(NOON);
        fn now() -> Now {
            Now { unix_ms: AT.load(Ordering::Relaxed) }
        }
        (now as fn() -> Now, |hours: i64| {
            AT.fetch_add(hours * 3_600_000, Ordering::Relaxed);
        })
    }};
}

fn octo(github: &FakeGithub) {
    let repository = |id, stars, fork| FakeRepository {
        id,
        fork,
        stars,
        forks: 0,
        language: Some(if id == 2 { "C" } else { "Rust" }.to_owned()),
    };
    github.add("octo", vec![repository(1, 10, false), repository(2, 4000, false), repository(3, 9, true)]);
    github.work("octo", work());
}

/// Six years with contributions, and a streak that goes on.
fn work() -> FakeWork {
    let mut days: Vec<(String, u32)> = (2019..2024).map(|year| (format!("{year}-06-01"), 3)).collect();
    days.extend(
        [("2025-12-31", 4), ("2026-11-18", 2), ("2026-11-19", 1)].map(|(day, count)| (day.to_owned(), count)),
    );
    FakeWork {
        days,
        recent_commits: 5,
        reviews: 2,
        pull_requests: 30,
        merged: 20,
        issues: 7,
        discussions: 3,
        answers: 1,
        contributed_to: 4,
    }
}

async fn of(statistics: &Statistics, login: &str) -> Aged {
    statistics.of(&AccountName::new(login).unwrap()).await.unwrap()
}

/// A clock, and what moves it by hours.
type TestClock = (fn() -> Now, fn(i64));

async fn past_years_are_asked_for_once(site: Site, (now, later): TestClock) {
    site.github.token(TOKEN, "owner", 5000);
    octo(&site.github);
    let statistics = site.statistics(&[TOKEN], now);
    let aged = of(&statistics, "octo").await;
    let done = aged.work.contributions.as_ref().unwrap();
    assert_eq!((done.at, done.at), (aged.at, NOON as u64 / 1000));
    assert_eq!((done.recent_commits, done.all_commits(), done.total), (5, 22, 22));
    assert_eq!(done.commits.get(&2025), Some(&4));
    assert_eq!((done.recent_reviews, done.reviews, done.pull_requests, done.merged), (2, 14, 30, 20));
    assert_eq!((done.issues, done.discussions, done.answers, done.contributed_to), (7, 3, 1, 4));
    assert_eq!(done.days.first(), Day::parse(b"2019-06-01"));
    let today = Day::parse(b"2026-11-20").unwrap();
    assert_eq!(done.days.current(today).unwrap().length(), 2);
    // One question of all, two of past years, one of code.
    assert_eq!(site.github.queries().len(), 4);
    let code = aged.work.code.as_ref().unwrap();
    let languages =
        [("Shell", 4010), ("C", 1000), ("Rust", 1000)].map(|(name, bytes)| (name.to_owned(), bytes));
    assert_eq!(code.weighed(&[], (1.0, 0.0)), languages, "of forks nothing counts");
    // Nobody has pushed, and past years are known: one point, also after a restart.
    for (statistics, queries) in [(statistics, 5), (site.statistics(&[TOKEN], now), 6)] {
        later(25);
        let again = of(&statistics, "octo").await;
        assert_eq!(site.github.queries().len(), queries);
        assert_eq!(
            (again.work.code.as_ref().unwrap().at, again.work.contributions.as_ref().unwrap().at),
            (again.at, again.at)
        );
        assert_eq!(again.work.contributions.as_ref().unwrap().total, 22);
    }
    // After New Year the old one may still change, and is asked for with the new one until February.
    later(24 * 45);
    let mut more = work();
    more.days.push(("2026-12-24".to_owned(), 9));
    more.days.push(("2027-01-02".to_owned(), 1));
    site.github.work("octo", more);
    let statistics = site.statistics(&[TOKEN], now);
    assert_eq!(of(&statistics, "octo").await.work.contributions.as_ref().unwrap().total, 32);
    assert_eq!(site.github.queries().len(), 7);
    let query = String::from_utf8(site.github.queries()[6].body.clone()).unwrap();
    assert!(query.contains("y2026:") && query.contains("y2027:") && !query.contains("y2025:"), "{query}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_years_are_asked_for_once_with_sqlite() {
    past_years_are_asked_for_once(Site::new().await, clock!()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_years_are_asked_for_once_with_redis() {
    past_years_are_asked_for_once(Site::on_redis().await, clock!()).await;
}

async fn a_year_that_a_wrong_clock_took_for_over_is_asked_for_again(site: Site, (now, later): TestClock) {
    site.github.token(TOKEN, "owner", 5000);
    octo(&site.github);
    later(24 * 80);
    assert_eq!(
        of(&site.statistics(&[TOKEN], now), "octo").await.work.contributions.as_ref().unwrap().total,
        22
    );
    later(-24 * 80);
    let mut more = work();
    more.days.push(("2026-11-20".to_owned(), 9));
    site.github.work("octo", more);
    let total = |aged: &Aged| aged.work.contributions.as_ref().unwrap().total;
    assert_eq!(total(&of(&site.statistics(&[TOKEN], now), "octo").await), 31);
    // It was not kept either: once the year is over, it is asked for.
    let mut most = work();
    most.days.extend([("2026-11-20", 9), ("2026-12-24", 5)].map(|(day, count)| (day.to_owned(), count)));
    site.github.work("octo", most);
    later(24 * 80);
    assert_eq!(total(&of(&site.statistics(&[TOKEN], now), "octo").await), 36);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_that_a_wrong_clock_took_for_over_is_asked_for_again_with_sqlite() {
    a_year_that_a_wrong_clock_took_for_over_is_asked_for_again(Site::new().await, clock!()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_that_a_wrong_clock_took_for_over_is_asked_for_again_with_redis() {
    a_year_that_a_wrong_clock_took_for_over_is_asked_for_again(Site::on_redis().await, clock!()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_and_for_organizations_nobody_is_asked_what_they_have_done() {
    let (now, _) = clock!();
    let site = Site::new().await;
    octo(&site.github);
    let aged = of(&site.statistics(&[], now), "octo").await;
    assert_eq!((&*aged.work, site.github.queries().len()), (&Default::default(), 0));
    site.github.token(TOKEN, "owner", 5000);
    let many = |id| FakeRepository { id, fork: false, stars: 0, forks: 0, language: Some("Go".to_owned()) };
    site.github.add_organization("acme", (0..250).map(many).collect());
    let aged = of(&site.statistics(&[TOKEN], now), "acme").await;
    assert!(aged.work.contributions.is_none());
    let languages = aged.work.code.as_ref().unwrap().weighed(&[], (1.0, 0.0));
    assert_eq!(
        (languages, site.github.queries().len()),
        (vec![("Go".to_owned(), 250_000)], 3),
        "three pages"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_has_done_goes_when_the_account_becomes_an_organization() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    octo(&site.github);
    let statistics = site.statistics(&[TOKEN], now);
    assert!(of(&statistics, "octo").await.work.contributions.is_some());
    let one = FakeRepository { id: 1, fork: false, stars: 1, forks: 0, language: None };
    site.github.add_organization("octo", vec![one]);
    later(25);
    let aged = of(&statistics, "octo").await;
    assert!(aged.stats.is_organization && aged.work.contributions.is_none());
    octo(&site.github);
    later(25);
    assert!(of(&statistics, "octo").await.work.contributions.is_some(), "and back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_what_was_known_stays_with_its_age() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    octo(&site.github);
    let statistics = site.statistics(&[TOKEN], now);
    let first = of(&statistics, "octo").await;
    let json = |body: &str| WebReply::of("application/json", body);
    let user = |calendar: &str| {
        let count = "{\"totalCount\":1}";
        json(&format!(
            "{{\"data\":{{\"user\":{{\"recent\":{{\"totalCommitContributions\":1,\"totalPullRequestReviewContributions\":1,\
             \"contributionYears\":[2026]}},\"repositoriesContributedTo\":{count},\"pullRequests\":{count},\"merged\":{count},\
             \"issues\":{count},\"repositoryDiscussions\":{count},\"answers\":{count},\"y2026\":{{\
             \"totalCommitContributions\":1,\"totalPullRequestReviewContributions\":0,\"contributionCalendar\":{calendar}}}}}}}}}"
        ))
    };
    let faults = vec![
        WebReply::status(500, "text/plain", ""),
        WebReply::status(502, "text/html", "<html>"),
        WebReply::status(403, "text/plain", "").header("Retry-After", "1"),
        WebReply::status(404, "text/plain", ""),
        WebReply::status(200, "text/html", "<!doctype html>"),
        WebReply::redirect("http://169.254.169.254/graphql"),
        json(""),
        json("null"),
        json("{}"),
        json("{\"data\":null}"),
        json("{\"data\":{\"user\":null,\"repositoryOwner\":null}}"),
        json("{\"data\":{\"user\":{}}}"),
        json("{\"data\":{\"user\":null},\"errors\":[{\"type\":\"RATE_LIMITED\"}]}"),
        json("{\"data\":{}").header("Content-Length", "5000"),
        json(&"[".repeat(100_000)),
        json(&" ".repeat(5 << 20)),
        json("{\"data\":{\"user\":null},\"errors\":[{\"type\":\"NOT_FOUND\"}]}"),
        WebReply::status(429, "application/json", "{\"message\":\"rate limit\"}").header("Retry-After", "1"),
        user("{\"weeks\":[]}"),
        user("{\"weeks\":[]},\"y1999\":{}"),
        user("{\"weeks\":[{\"contributionDays\":[{\"date\":\"2026-01-01\",\"contributionCount\":-1}]}]}"),
        user("{\"weeks\":[{\"contributionDays\":[{\"date\":\"2025-01-01\",\"contributionCount\":1}]}]}"),
        user(
            "{\"weeks\":[{\"contributionDays\":[{\"date\":\"2026-01-01\",\"contributionCount\":5000000000}]}]}",
        ),
    ];
    let count = faults.len();
    for (at, fault) in faults.into_iter().enumerate() {
        site.github.answer_instead(move |request| (request.target == "/graphql").then(|| fault.clone()));
        later(26);
        let aged = of(&statistics, "octo").await;
        let (done, was) =
            (aged.work.contributions.as_ref().unwrap(), first.work.contributions.as_ref().unwrap());
        assert_eq!((done, done.at), (was, first.at), "fault {at} of {count}");
        assert!(!aged.is_old && aged.at > first.at, "the rest is fresh, fault {at}");
    }
    site.github.answer_well();
    later(26);
    let aged = of(&statistics, "octo").await;
    assert_eq!(aged.work.contributions.as_ref().unwrap().at, aged.at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_failed_are_forgotten_when_everything_fails() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    octo(&site.github);
    let (statistics, login) = (site.statistics(&[TOKEN], now), AccountName::new("octo").unwrap());
    for (fails, parts, is_why_known) in [("/graphql", 2, false), ("/", 0, true)] {
        let fault = WebReply::status(500, "text/plain", "");
        site.github.answer_instead(move |request| request.target.starts_with(fails).then(|| fault.clone()));
        later(26);
        of(&statistics, "octo").await;
        assert_eq!(statistics.unread(&login).len(), parts, "{fails}");
        assert_eq!(statistics.why_not(&login).is_some(), is_why_known, "{fails}");
    }
}

/// The round in which the sizes failed is not taken for one in which they were measured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_that_failed_after_a_push_are_asked_for_again() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    octo(&site.github);
    let statistics = site.statistics(&[TOKEN], now);
    let sizes = |aged: &tallymark_github::Aged| aged.work.code.as_ref().unwrap().weighed(&[], (1.0, 0.0));
    let first = sizes(&of(&statistics, "octo").await);
    let pushed =
        FakeRepository { id: 1, fork: false, stars: 70, forks: 0, language: Some("Rust".to_owned()) };
    site.github.add("octo", vec![pushed]);
    let fault = WebReply::status(500, "text/plain", "");
    site.github.answer_instead(move |request| (request.target == "/graphql").then(|| fault.clone()));
    later(26);
    assert_eq!(sizes(&of(&statistics, "octo").await), first);
    site.github.answer_well();
    later(26);
    let aged = of(&statistics, "octo").await;
    assert_ne!(sizes(&aged), first);
    assert_eq!(aged.work.code.as_ref().unwrap().at, aged.at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_and_calls_are_counted_apart() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    site.github.points(TOKEN, 0);
    octo(&site.github);
    let statistics = site.statistics(&[TOKEN], now);
    assert_eq!(*of(&statistics, "octo").await.work, Default::default());
    site.github.add("other", Vec::new());
    assert!(!of(&statistics, "other").await.is_old, "calls are left");
    assert_eq!(site.github.queries().len(), 1, "and points are not, which was said once");
    later(25);
    site.github.points(TOKEN, 5000);
    assert!(of(&statistics, "octo").await.work.contributions.is_some());
}
