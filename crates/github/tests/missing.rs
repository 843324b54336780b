//! Accounts that GitHub says it does not have, and what another process has asked meanwhile, against a fake GitHub.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod site;

use site::{Site, TOKEN};
use std::sync::atomic::{AtomicI64, Ordering};
use tallymark_core::Now;
use tallymark_github::{AccountName, NoStats, Statistics};
use tallymark_testbed::{FakeRepository, WebReply};

/// Each test has its own clock, because they run at once: a static of its own.
macro_rules! clock {
    () => {{
        static AT: AtomicI64 = AtomicI64::new(1_795_176_000_000);
        fn now() -> Now {
            Now { unix_ms: AT.load(Ordering::Relaxed) }
        }
        (now as fn() -> Now, |seconds: i64| {
            AT.fetch_add(seconds * 1000, Ordering::Relaxed);
        })
    }};
}

/// A clock, and what moves it by seconds.
type TestClock = (fn() -> Now, fn(i64));

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn octo() -> AccountName {
    AccountName::new("octo").unwrap()
}

fn stars(count: u64) -> Vec<FakeRepository> {
    vec![FakeRepository { id: 1, fork: false, stars: count, forks: 0, language: None }]
}

/// Waits until a refresh behind an answer has its result.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if is().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{what} never came");
}

/// Stars, and whether they are the last that are known.
async fn asked(statistics: &Statistics) -> Result<(u64, bool), NoStats> {
    statistics.ask(&octo()).await.map(|aged| (aged.stats.stars, aged.is_old))
}

async fn an_account_is_gone_after_a_day_and_comes_back(site: Site, (now, later): TestClock) {
    site.github.add("octo", stars(7));
    let statistics = site.statistics(&[], now);
    assert_eq!(asked(&statistics).await, Ok((7, false)));
    let first = statistics.stored(&octo()).await.unwrap().at;
    site.github.remove("octo");
    for hour in 0..24 {
        later(HOUR);
        assert_eq!(asked(&statistics).await, Ok((7, true)), "hour {hour}");
        let missing = statistics.missing(&octo()).await.unwrap();
        assert_eq!((missing.is_gone(), missing.since()), (false, first + HOUR as u64));
    }
    // What was said so far is in the store.
    let statistics = site.statistics(&[], now);
    later(HOUR);
    assert_eq!(asked(&statistics).await, Err(NoStats::Nobody));
    let calls = site.github.calls().len();
    site.github.add("octo", stars(8));
    for statistics in [&statistics, &site.statistics(&[], now)] {
        assert_eq!(statistics.of(&octo()).await, Err(NoStats::Nobody));
        assert!(statistics.is_gone(&octo()).await);
        let last = statistics.stored(&octo()).await.unwrap();
        assert_eq!((last.stats.stars, last.at), (7, first), "the last numbers are beside it");
    }
    assert_eq!(site.github.calls().len(), calls, "nobody asks within a day");
    later(DAY);
    until("the account", async || statistics.of(&octo()).await.is_ok_and(|aged| aged.stats.stars == 8)).await;
    assert_eq!(statistics.missing(&octo()).await, None);
    // It is there again, so the next refusal is the first one.
    site.github.remove("octo");
    later(2 * DAY);
    // A question that has just been answered may still be under way.
    until("the refusal", async || asked(&statistics).await == Ok((8, true))).await;
    assert!(!statistics.is_gone(&octo()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_gone_after_a_day_and_comes_back_with_sqlite() {
    an_account_is_gone_after_a_day_and_comes_back(Site::new().await, clock!()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_gone_after_a_day_and_comes_back_with_redis() {
    an_account_is_gone_after_a_day_and_comes_back(Site::on_redis().await, clock!()).await;
}

/// GitHub itself answers so at a path that its API does not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_address_takes_no_numbers_away() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.token(TOKEN, "owner", 5000);
    site.github.add("octo", stars(7));
    let right = site.statistics(&[TOKEN], now);
    assert_eq!(asked(&right).await, Ok((7, false)));
    right.tracked().add(&octo()).await.unwrap();
    let wrong = site.statistics_at("/api/v3", &[TOKEN], now);
    for _ in 0..5 {
        later(DAY);
        assert_eq!(asked(&wrong).await, Ok((7, true)));
        assert_eq!(wrong.of(&octo()).await.unwrap().stats.stars, 7);
        assert_eq!(wrong.missing(&octo()).await, None);
    }
    // The address is mended, and everything is as it was.
    site.github.add("octo", stars(9));
    assert_eq!(asked(&site.statistics(&[TOKEN], now)).await, Ok((9, false)));
    // An account that was never known is taken as missing for an hour, as a page or a person who asks needs an answer.
    let unseen = AccountName::new("unseen").unwrap();
    assert_eq!(wrong.of(&unseen).await, Err(NoStats::Nobody));
}

/// An Enterprise Server that counts no calls answers 404 to what asks for limits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_limits_is_believed() {
    let (now, later) = clock!();
    let site = Site::new().await;
    site.github.add("octo", stars(7));
    let statistics = site.statistics(&[], now);
    assert_eq!(asked(&statistics).await, Ok((7, false)));
    site.github.remove("octo");
    site.github.answer_instead(|request| {
        let body = "{\"message\":\"Rate limiting is not enabled.\",\"documentation_url\":\"x\"}";
        (request.target == "/rate_limit").then(|| WebReply::status(404, "application/json", body))
    });
    for _ in 0..2 {
        assert_eq!(asked(&statistics).await, Ok((7, true)));
        later(DAY);
    }
    assert_eq!(asked(&statistics).await, Err(NoStats::Nobody));
}

async fn what_another_process_asked_is_seen(site: Site, (now, later): TestClock) {
    let (daemon, command) = (site.statistics(&[], now), site.statistics(&[], now));
    let shown = async || daemon.of(&octo()).await.map(|aged| aged.stats.stars);
    assert_eq!(shown().await, Err(NoStats::Nobody));
    site.github.add("octo", stars(7));
    // In the same second, too.
    assert_eq!(asked(&command).await, Ok((7, false)));
    later(2);
    assert_eq!(shown().await, Ok(7));
    site.github.add("octo", stars(8));
    assert_eq!(asked(&command).await, Ok((8, false)));
    later(2);
    assert_eq!(shown().await, Ok(8));
    // What the daemon has is newer than what it finds.
    let calls = site.github.calls().len();
    later(60);
    assert_eq!((shown().await, site.github.calls().len()), (Ok(8), calls));
    // A failure is over as soon as another process had none.
    site.github.answer_instead(|_| Some(WebReply::status(500, "text/plain", "")));
    later(2 * DAY);
    assert_eq!(asked(&daemon).await, Ok((8, true)));
    site.github.answer_well();
    site.github.add("octo", stars(9));
    assert_eq!(asked(&command).await, Ok((9, false)));
    later(2);
    let aged = daemon.of(&octo()).await.unwrap();
    assert_eq!((aged.stats.stars, aged.is_old), (9, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_asked_is_seen_with_sqlite() {
    what_another_process_asked_is_seen(Site::new().await, clock!()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_asked_is_seen_with_redis() {
    what_another_process_asked_is_seen(Site::on_redis().await, clock!()).await;
}
