//! Statistics against a fake GitHub: what they are, when they are asked for, and what stays when it fails.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod site;

use site::{Site, TOKEN};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tallymark_core::Now;
use tallymark_github::{AccountName, Aged, NoStats};
use tallymark_testbed::{FakeRepository, WebReply, WebRequest};

/// Each test has its own clock, because they run at once: a static of its own.
macro_rules! clock {
    () => {{
        static LATER: AtomicI64 = AtomicI64::new(0);
        fn now() -> Now {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            Now { unix_ms: since.as_millis() as i64 + LATER.load(Ordering::Relaxed) }
        }
        (now as fn() -> Now, |seconds: i64| {
            LATER.fetch_add(seconds * 1000, Ordering::Relaxed);
        })
    }};
}

/// A clock, and what moves it by seconds.
type TestClock = (fn() -> Now, fn(i64));

const OTHER: &str = "canary-token-0002";

fn call_count(site: &Site) -> usize {
    site.github.calls().len()
}

fn login(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn repository(id: u64, language: &str, stars: u64) -> FakeRepository {
    FakeRepository { id, fork: false, stars, forks: 1, language: Some(language.to_owned()) }
}

fn some() -> Vec<FakeRepository> {
    vec![
        repository(1, "Rust", 10),
        repository(2, "Go", 5),
        FakeRepository { fork: true, ..repository(3, "C", 900) },
    ]
}

/// Waits until a refresh behind an answer has its result.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_counted_once_and_forks_apart() {
    let (now, _) = clock!();
    let site = Site::new().await;
    let mut many: Vec<FakeRepository> =
        (0..250).map(|id| repository(id, ["Rust", "Go", "C"][id as usize % 3], 2)).collect();
    // It moved to the next page while the pages were read.
    many.push(repository(7, "Rust", 2));
    many.push(FakeRepository { fork: true, ..repository(900, "Zig", 77) });
    many.push(FakeRepository { language: None, ..repository(901, "", 1) });
    site.github.add("Octo-Cat", many);
    site.github.add_organization("acme", Vec::new());
    let statistics = site.statistics(&[], now);
    let Aged { stats, is_old, .. } = statistics.of(&login("octo-CAT")).await.unwrap();
    assert!(!is_old);
    assert_eq!((stats.login.as_str(), stats.is_organization, stats.followers), ("Octo-Cat", false, 7));
    assert_eq!((stats.originals, stats.forked, stats.stars, stats.forks), (251, 1, 501, 251));
    assert_eq!(stats.repositories(), 252);
    let languages = [("Rust", 84), ("C", 83), ("Go", 83)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(stats.languages, languages, "the same number: by name");
    assert_eq!(call_count(&site), 4, "an account and three pages");
    let acme = statistics.of(&login("acme")).await.unwrap().stats;
    assert!(acme.is_organization && acme.repositories() == 0 && acme.languages.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_are_one_question_and_who_goes_away_ends_none() {
    let (now, _) = clock!();
    let site = Site::new().await;
    site.github.add("octo", some());
    site.github.answer_instead(|_| {
        std::thread::sleep(Duration::from_millis(200));
        None
    });
    let statistics = site.statistics(&[], now);
    // The first goes away before anybody answers.
    let first = tokio::spawn({
        let statistics = statistics.clone();
        async move { statistics.of(&login("octo")).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.abort();
    let all: Vec<_> = (0..1000)
        .map(|_| {
            let statistics = statistics.clone();
            tokio::spawn(async move { statistics.of(&login("octo")).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap().unwrap().stats.stars, 15);
    }
    assert_eq!(call_count(&site), 2);
}

async fn a_restart_costs_no_call(site: Site, now: fn() -> Now) {
    site.github.add("octo", some());
    assert!(site.statistics(&[], now).of(&login("octo")).await.is_ok());
    assert_eq!(site.statistics(&[], now).of(&login("nobody")).await, Err(NoStats::Nobody));
    let calls = call_count(&site);
    let again = site.statistics(&[], now);
    assert_eq!(again.of(&login("octo")).await.unwrap().stats.stars, 15);
    assert_eq!(again.of(&login("nobody")).await, Err(NoStats::Nobody));
    assert_eq!(call_count(&site), calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_costs_no_call_with_sqlite() {
    a_restart_costs_no_call(Site::new().await, clock!().0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_costs_no_call_with_redis() {
    a_restart_costs_no_call(Site::on_redis().await, clock!().0).await;
}

async fn a_clock_that_was_ahead_freezes_nothing(site: Site, (now, later): TestClock) {
    const AHEAD: i64 = 5 * 24 * 3600;
    site.github.add("octo", some());
    later(AHEAD);
    let [here, there] = [0, 1].map(|_| site.statistics(&[], now));
    for statistics in [&here, &there] {
        assert_eq!(statistics.of(&login("octo")).await.unwrap().stats.stars, 15);
    }
    site.github.answer_instead(|_| Some(WebReply::status(500, "text/plain", "")));
    assert_eq!(here.of(&login("late")).await, Err(NoStats::NotYet));
    site.github.answer_well();
    later(-AHEAD);
    site.github.add("octo", vec![repository(1, "Rust", 99)]);
    site.github.add("late", some());
    // It is asked for first, and the answer is newer than the one from the future, here and in another process.
    let shown = here.of(&login("octo")).await.unwrap();
    assert_eq!((shown.stats.stars, shown.is_old), (99, false));
    let calls = call_count(&site);
    assert_eq!(there.of(&login("octo")).await.unwrap().stats.stars, 99);
    assert_eq!(call_count(&site), calls);
    assert!(here.of(&login("late")).await.is_ok(), "no rest lasts until then");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_ahead_freezes_nothing_with_sqlite() {
    a_clock_that_was_ahead_freezes_nothing(Site::new().await, clock!()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_ahead_freezes_nothing_with_redis() {
    a_clock_that_was_ahead_freezes_nothing(Site::on_redis().await, clock!()).await;
}

/// The refresh of tracked accounts asks at once, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tracked_account_with_statistics_from_the_future_is_refreshed() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.add("octo", some());
    later(5 * 24 * 3600);
    let statistics = site.statistics(&[], now);
    statistics.tracked().add(&login("octo")).await.unwrap();
    assert_eq!(statistics.of(&login("octo")).await.unwrap().stats.stars, 15);
    later(-5 * 24 * 3600);
    site.github.add("octo", vec![repository(1, "Rust", 99)]);
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(tallymark_github::refresh(statistics.clone(), Duration::from_secs(3600), stop.clone()));
    let refreshed =
        async || statistics.stored(&login("octo")).await.is_some_and(|aged| aged.stats.stars == 99);
    until("the refresh", refreshed).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_ones_are_shown_and_refreshed_behind_and_very_old_ones_asked_for_first() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.add("octo", some());
    let statistics = site.statistics(&[], now);
    let stars = async || statistics.of(&login("octo")).await.unwrap().stats.stars;
    assert_eq!(stars().await, 15);
    site.github.add("octo", vec![repository(1, "Rust", 99)]);
    later(530);
    assert_eq!((stars().await, call_count(&site)), (15, 2), "it is young");
    later(80);
    assert_eq!(stars().await, 15, "nobody waits");
    until("the refresh", async || stars().await == 99).await;
    assert_eq!(call_count(&site), 4);
    // Until it is in the store, the question is not over, and whoever asks waits for it.
    let stored = async || site.statistics(&[], now).of(&login("octo")).await.unwrap().stats.stars == 99;
    until("the refresh in the store", stored).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    site.github.add("octo", vec![repository(1, "Rust", 100)]);
    later(25 * 3600);
    assert_eq!(stars().await, 100, "it is too old to be shown first");
    // A user who comes later than the refusal.
    assert_eq!(statistics.of(&login("new")).await, Err(NoStats::Nobody));
    site.github.add("new", some());
    assert_eq!(statistics.of(&login("new")).await, Err(NoStats::Nobody));
    later(3700);
    assert!(statistics.of(&login("new")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_the_last_good_ones_stay() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.add("octo", some());
    let statistics = site.statistics(&[], now);
    assert!(statistics.of(&login("octo")).await.is_ok());
    let on_user = |reply: WebReply| -> Vec<(&'static str, WebReply)> { vec![("/users/octo", reply)] };
    let on_list = |reply: WebReply| -> Vec<(&'static str, WebReply)> { vec![("/users/octo/repos", reply)] };
    let json = |body: &str| WebReply::of("application/json", body);
    let row = |stars: &str| {
        json(&format!(
            "[{{\"id\":1,\"fork\":false,\"stargazers_count\":{stars},\"forks_count\":0,\"language\":null}}]"
        ))
    };
    let account = |more: &str| json(&format!("{{\"login\":\"octo\",\"type\":\"User\",{more}}}"));
    let faults: Vec<Vec<(&str, WebReply)>> = vec![
        on_user(WebReply::status(500, "text/plain", "")),
        on_user(WebReply::status(502, "text/html", "<html>")),
        on_user(WebReply::status(403, "text/plain", "")),
        on_user(WebReply::status(403, "text/plain", "").header("Retry-After", "1")),
        on_user(WebReply::status(429, "text/plain", "").header("Retry-After", "1")),
        on_user(WebReply::status(451, "text/plain", "")),
        on_user(WebReply::status(404, "application/json", "{\"message\":\"Not Found\"}")),
        on_user(WebReply::status(404, "application/json", "{\"message\":\"no route\"}")),
        on_user(WebReply::status(404, "text/html", "<html>Not Found</html>")),
        on_user(WebReply::status(410, "text/plain", "")),
        on_user(WebReply::status(401, "text/plain", "")),
        on_user(json("")),
        on_user(json("null")),
        on_user(json("[]")),
        on_user(WebReply::of("text/html", "<!doctype html><title>Sign in</title>")),
        on_user(json("{\"login\":\"octo\"").header("Content-Length", "5000")),
        on_user(account("\"public_repos\":-1,\"followers\":0")),
        on_user(account("\"public_repos\":0,\"followers\":18446744073709551616")),
        on_user(account("\"public_repos\":2000000000,\"followers\":0")),
        on_user(json(&"[".repeat(100_000))),
        on_user(json(&" ".repeat(5 << 20))),
        on_user(WebReply::redirect("http://169.254.169.254/latest/meta-data/")),
        on_user(WebReply::redirect("http://127.0.0.1:1/users/octo")),
        on_user(WebReply::redirect("/users/octo")),
        on_list(json("")),
        on_list(json("null")),
        on_list(json("[]")),
        on_list(json("{}")),
        on_list(row("-1")),
        on_list(row("null")),
        on_list(row("\"5\"")),
        on_list(row("5000000000")),
        on_list(row("1.5")),
        on_list(WebReply::status(404, "application/json", "{}")),
    ];
    let count = faults.len();
    for (at, fault) in faults.into_iter().enumerate() {
        site.github.answer_instead(move |request| {
            let path = request.target.split('?').next().unwrap();
            fault.iter().find(|(of, _)| *of == path).map(|(_, reply)| reply.clone())
        });
        // Past the hard age, so that GitHub is asked first, and past every rest.
        later(26 * 3600);
        let shown = statistics.of(&login("octo")).await.unwrap();
        assert_eq!((shown.stats.stars, shown.stats.originals), (15, 2), "fault {at} of {count}");
        assert!(shown.is_old, "fault {at}");
    }
    site.github.answer_well();
    later(26 * 3600);
    let shown = statistics.of(&login("octo")).await.unwrap();
    assert!(!shown.is_old);
    // Nobody has ever seen this one, so there is nothing to show, and nothing that says that it does not exist.
    site.github.answer_instead(|_| Some(WebReply::status(500, "text/plain", "")));
    assert_eq!(statistics.of(&login("unseen")).await, Err(NoStats::NotYet));
    let calls = call_count(&site);
    assert_eq!(statistics.of(&login("unseen")).await, Err(NoStats::NotYet));
    assert_eq!(call_count(&site), calls, "not again at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_costs_nothing_with_a_token() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    site.github.add("octo", (0..150).map(|id| repository(id, "Rust", 1)).collect());
    let statistics = site.statistics(&[TOKEN], now);
    let ask = async || {
        later(25 * 3600);
        statistics.of(&login("octo")).await.unwrap().stats
    };
    assert_eq!(ask().await.stars, 150);
    let paid = call_count(&site);
    assert_eq!(ask().await.stars, 150);
    let asked = site.github.calls();
    assert!(
        asked[paid..].len() == 3 && asked[paid..].iter().all(|call| call.header("if-none-match").is_some())
    );
    // One page changed: all of them are read.
    site.github
        .add("octo", (0..150).map(|id| repository(id, "Go", if id == 149 { 11 } else { 1 })).collect());
    let stats = ask().await;
    assert_eq!((stats.stars, stats.languages[0].clone()), (160, ("Go".to_owned(), 150)));
    assert!(asked.iter().all(|call| call.header("authorization") == Some(&format!("Bearer {TOKEN}"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_repository_more_is_seen_behind_a_page_that_did_not_change() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    let many = |count| (0..count).map(|id| repository(id, "Rust", 1)).collect::<Vec<_>>();
    site.github.add("octo", many(100));
    let statistics = site.statistics(&[TOKEN], now);
    let ask = async || {
        later(25 * 3600);
        statistics.of(&login("octo")).await.unwrap().stats.originals
    };
    assert_eq!(ask().await, 100);
    site.github.add("octo", many(101));
    assert_eq!(ask().await, 101, "the account says so");
    site.github.add("octo", many(201));
    let unchanged = WebReply::status(304, "application/json", "");
    site.github.answer_instead(move |request| (request.target == "/users/octo").then(|| unchanged.clone()));
    assert_eq!(ask().await, 201, "the list of pages says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_lost_is_a_failure() {
    let (now, later) = clock!();
    let site = Site::new().await;
    let many = |count| (0..count).map(|id| repository(id, "Rust", 1)).collect::<Vec<_>>();
    let statistics = site.statistics(&[], now);
    for (account, count, lost) in [("big", 1000, 5), ("last", 1000, 10), ("short", 250, 2), ("few", 4, 1)] {
        site.github.add(account, many(count));
        assert_eq!(statistics.of(&login(account)).await.unwrap().stats.originals, count);
        // One page has nothing, or half of what it has.
        let path = format!("/users/{account}/repos?");
        let (page, has_next) = (format!("&page={lost}"), lost * 100 < count);
        site.github.answer_instead(move |request| {
            let is_lost = request.target.starts_with(&path) && request.target.ends_with(&page);
            let half = "[{\"id\":1,\"name\":\"r\",\"description\":null,\"fork\":false,\"stargazers_count\":1,\"forks_count\":0,\"language\":null}]";
            let reply = WebReply::of("application/json", if path.contains("big") { "[]" } else { half });
            let link = "<http://elsewhere.invalid/>; rel=\"next\"";
            is_lost.then(|| if has_next { reply.header("Link", link) } else { reply })
        });
        later(26 * 3600);
        let shown = statistics.of(&login(account)).await.unwrap();
        assert_eq!((shown.stats.originals, shown.is_old), (count, true), "{account}");
        site.github.answer_well();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_calls_are_for_tracked_accounts() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 40);
    for n in 0..30 {
        site.github.add(&format!("u{n}"), some());
    }
    let statistics = site.statistics(&[TOKEN], now);
    statistics.tracked().add(&login("u29")).await.unwrap();
    let mut shown = 0;
    for n in 0..29 {
        shown += u32::from(statistics.of(&login(&format!("u{n}"))).await.is_ok());
    }
    assert_eq!((shown, call_count(&site)), (15, 30), "a quarter of 40 is left");
    assert!(statistics.of(&login("u29")).await.is_ok());
    assert_eq!(call_count(&site), 32);
    // In the next hour there are calls for all, and whoever waited longer than a minute is asked for.
    later(3700);
    site.github.token(TOKEN, "owner", 40);
    assert!(statistics.of(&login("u28")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_revoked_in_the_middle_gives_way_to_the_other() {
    let (now, later) = clock!();
    let site = Site::new().await;
    for token in [TOKEN, OTHER] {
        site.github.token(token, token, 5000);
    }
    for n in 0..20 {
        site.github.add(&format!("u{n}"), some());
    }
    let statistics = site.statistics(&[TOKEN, OTHER], now);
    for n in 0..10 {
        assert!(statistics.of(&login(&format!("u{n}"))).await.is_ok());
    }
    site.github.revoke(TOKEN);
    for n in 10..20 {
        assert!(statistics.of(&login(&format!("u{n}"))).await.is_ok(), "u{n}");
    }
    let with = |token: &str| {
        let header = format!("Bearer {token}");
        site.github.calls().iter().filter(|call| call.header("authorization") == Some(&header)).count()
    };
    assert!(with(TOKEN) > 2 && with(OTHER) > 2, "both were asked with");
    let before = with(TOKEN);
    later(60);
    assert!(statistics.ask(&login("u0")).await.is_ok());
    assert_eq!(with(TOKEN), before, "it rests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_two_tokens_share_is_one_and_is_waited_for() {
    let (now, later) = clock!();
    let site = Site::new().await;
    for token in [TOKEN, OTHER] {
        site.github.token(token, "one-account", 5000);
    }
    for n in 0..4 {
        site.github.add(&format!("u{n}"), some());
    }
    let statistics = site.statistics(&[TOKEN, OTHER], now);
    // Until each was asked with, whose it is is not known.
    for n in 0..4 {
        assert!(statistics.of(&login(&format!("u{n}"))).await.is_ok());
    }
    let of_each = |calls: &[WebRequest]| {
        [TOKEN, OTHER].map(|token| {
            let header = format!("Bearer {token}");
            calls.iter().filter(|call| call.header("authorization") == Some(&header)).count()
        })
    };
    assert!(of_each(&site.github.calls()).iter().all(|count| *count > 1), "both were asked with");
    for (status, more) in [(403, ("X-RateLimit-Remaining", "0")), (429, ("Retry-After", "30"))] {
        let reset = (now().unix_ms / 1000 + 30).to_string();
        let refusal =
            WebReply::status(status, "application/json", "{\"message\":\"API rate limit exceeded\"}")
                .header(more.0, more.1)
                .header("X-RateLimit-Reset", &reset);
        site.github.answer_instead(move |_| Some(refusal.clone()));
        let calls = call_count(&site);
        for n in 0..4 {
            assert!(statistics.ask(&login(&format!("u{n}"))).await.unwrap().is_old, "the last numbers");
        }
        assert_eq!(call_count(&site), calls + 1, "{status}: one refusal is enough for both");
        site.github.answer_well();
        later(31);
        for n in 0..4 {
            assert!(!statistics.ask(&login(&format!("u{n}"))).await.unwrap().is_old, "{status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_any_length_are_cut() {
    let (now, _) = clock!();
    let site = Site::new().await;
    site.github.add("octo", some());
    let rows: Vec<String> = ["x".repeat(200), "易".repeat(200)]
        .iter()
        .zip(1..)
        .map(|(name, id)| {
            format!(
                "{{\"id\":{id},\"name\":{name:?},\"description\":{name:?},\"fork\":false,\"stargazers_count\":1,\
                 \"forks_count\":0,\"language\":{name:?}}}"
            )
        })
        .collect();
    let list = WebReply::of("application/json", format!("[{}]", rows.join(",")));
    site.github.answer_instead(move |request| request.target.contains("/repos?").then(|| list.clone()));
    let stats = site.statistics(&[], now).of(&login("octo")).await.unwrap().stats;
    let lengths: Vec<usize> = stats.known.iter().map(|known| known.name.len()).collect();
    assert_eq!((lengths, stats.languages.len(), stats.stars), (vec![100, 99], 0, 2));
}
