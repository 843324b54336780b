//! What is news and what is not, whose turn it is, and what becomes of a webhook that never answers; by a clock of its own.

use crate::{
    DUE, NewsItem, NewsKind, NewsMeters, NewsRule, Occasion, RecentNews, Webhook,
    finder::Finder,
    hooks::Sender,
    turn::{Turn, seconds},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tallymark_core::{Batch, Day, Entry, Event, Glob, Name, Now, When};
use tallymark_github::Outgoing;
use tallymark_store::{Change, Retention, Store, StoreUrl};
use tallymark_testbed::{FakeWeb, WebReply, wait_until};
use tokio::sync::watch;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that a test sets. Each has its own, because tests run side by side.
macro_rules! clock {
    ($clock:ident, $now:ident) => {
        static $clock: AtomicI64 = AtomicI64::new(1_780_000_000_000);
        fn $now() -> Now {
            Now { unix_ms: $clock.load(Ordering::Relaxed) }
        }
    };
}

async fn store(dir: &tempfile::TempDir) -> Arc<dyn Store> {
    let url = StoreUrl::Sqlite(dir.path().join("t.db"));
    tallymark_store::open(&url, Retention::default()).await.unwrap()
}

fn rules(on: &[&str], hook: Option<Webhook>) -> Arc<[NewsRule]> {
    let on = on.iter().map(|text| Occasion::parse(text).unwrap()).collect();
    Arc::new([NewsRule { names: vec![Glob::new("n/*").unwrap()], on, hook }])
}

async fn count(store: &dyn Store, name: &str, when: When, count: u64) {
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let entry = Entry { event: Event::HIT, name: Name::new(name).unwrap(), when, count };
    store.apply(&claim, &[Batch::of(claim.instance, 1, vec![entry])]).await.unwrap();
}

fn change(name: &str, corrected: bool) -> Change {
    Change { event: Event::HIT, name: Name::new(name).unwrap(), corrected }
}

fn said(found: &[NewsItem]) -> Vec<String> {
    let mut texts: Vec<String> = found.iter().map(NewsItem::text).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn only_what_was_reached_since_yesterday_is_news_and_only_once() {
    clock!(CLOCK, now);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let rules = rules(&["milestones", "every 250"], None);
    let mut turn = Turn::take(&store, Uuid::new_v4(), now).await.unwrap().unwrap();
    let mut finder = Finder::new(store.clone(), rules.clone(), NewsMeters::default(), now);
    let today = now().day();
    let day = |ago: i32| When::Day(Day(today.0 - ago));
    for (name, when, hits) in [
        ("n/imported", day(2), 5000),
        ("n/yesterday", day(1), 120),
        ("n/today", day(0), 260),
        ("n/jumped", day(0), 1999),
        ("n/corrected", day(0), 1000),
        ("n/short", day(0), 99),
        ("other", day(0), 1000),
    ] {
        count(&*store, name, when, hits).await;
    }
    let changes = ["n/imported", "n/yesterday", "n/today", "n/jumped", "n/short", "other"];
    let mut changes: Vec<Change> = changes.map(|name| change(name, false)).into();
    changes.push(change("n/corrected", true));
    let found = finder.among(changes.clone(), &mut turn).await.unwrap();
    let expect = [
        "n/jumped has reached 1,000 hits",
        "n/jumped has reached 1,750 hits",
        "n/today has reached 100 hits",
        "n/today has reached 250 hits",
        "n/yesterday has reached 100 hits",
    ];
    assert_eq!(said(&found), expect);
    for item in &found {
        finder.note(item.id).await.unwrap();
    }
    // Another process, and what an operator has set is no news at the next hit either.
    let mut finder = Finder::new(store.clone(), rules, NewsMeters::default(), now);
    changes.push(change("n/corrected", false));
    changes.retain(|change| !change.corrected);
    assert_eq!(said(&finder.among(changes, &mut turn).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn a_spike_is_much_more_than_usual_and_is_told_once_in_a_day() {
    clock!(CLOCK, now);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let mut turn = Turn::take(&store, Uuid::new_v4(), now).await.unwrap().unwrap();
    let mut finder = Finder::new(store.clone(), rules(&["spikes"], None), NewsMeters::default(), now);
    let minute = When::Minute(now().minute());
    let last_week = When::Day(Day(now().day().0 - 3));
    // 1,680 a week are ten an hour.
    for (name, before, hits) in
        [("n/busy", 1680, 99), ("n/spike", 1680, 100), ("n/usual", 1681, 100), ("n/new", 0, 100)]
    {
        count(&*store, name, last_week, before).await;
        count(&*store, name, minute, hits).await;
    }
    let all = ["n/busy", "n/spike", "n/usual", "n/new"].map(|name| change(name, false)).to_vec();
    finder.among(all.clone(), &mut turn).await.unwrap();
    let found = finder.spikes(&mut turn).await.unwrap();
    let expect = [
        "n/new had 100 hits within an hour; usually there is hardly any",
        "n/spike had 100 hits within an hour; usually there are about 10",
    ];
    assert_eq!(said(&found), expect);
    for item in found.iter().filter(|item| item.name.as_str() == "n/spike") {
        finder.note(item.id).await.unwrap();
    }
    // What was looked at in this minute and has changed since is looked at in the next one; others are looked at now.
    count(&*store, "n/busy", minute, 1).await;
    finder.among(all, &mut turn).await.unwrap();
    let busy = "n/busy had 100 hits within an hour; usually there are about 10";
    assert_eq!(said(&finder.spikes(&mut turn).await.unwrap()), [busy]);
    CLOCK.fetch_add(60_000, Ordering::Relaxed);
    assert_eq!(said(&finder.spikes(&mut turn).await.unwrap()), [expect[0]], "n/spike was told");
}

#[tokio::test]
async fn one_daemon_tells_and_another_takes_over_when_it_is_silent() {
    clock!(CLOCK, now);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
    let mut of_a = Turn::take(&store, a, now).await.unwrap().unwrap();
    of_a.cursor = Some(store.head().await.unwrap());
    CLOCK.fetch_add(31_000, Ordering::Relaxed);
    of_a.hold().await.unwrap();
    assert!(Turn::take(&store, b, now).await.unwrap().is_none());
    // The same daemon after a restart continues at once, and where it was.
    let again = Turn::take(&store, a, now).await.unwrap().unwrap();
    assert_eq!(again.cursor, of_a.cursor);
    CLOCK.fetch_add(91_000, Ordering::Relaxed);
    let of_b = Turn::take(&store, b, now).await.unwrap().unwrap();
    assert_eq!(of_b.cursor, of_a.cursor);
    for _ in 0..2 {
        assert!(of_a.hold().await.is_err(), "it does not take the lost turn for its own");
    }
    // A daemon that lost the turn cannot give it away; one that stops gives it away at once.
    of_a.leave().await.unwrap();
    assert!(Turn::take(&store, a, now).await.unwrap().is_none());
    of_b.leave().await.unwrap();
    let again = Turn::take(&store, a, now).await.unwrap().unwrap();
    assert_eq!(again.cursor, Some(store.head().await.unwrap()));
}

#[tokio::test]
async fn only_so_many_names_wait_to_be_looked_at_for_a_spike() {
    fn now() -> Now {
        Now { unix_ms: 1_780_000_000_000 }
    }
    let dir = tempfile::tempdir().unwrap();
    let meters = NewsMeters::default();
    let mut finder = Finder::new(store(&dir).await, rules(&["spikes"], None), meters.clone(), now);
    for n in (0..10_003).chain([5]) {
        finder.look_again(Event::HIT, Name::new(&format!("n/{n}")).unwrap(), now().day());
    }
    assert_eq!(meters.skipped.get(), 3, "one that waits already is not one more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_taken_by_one_and_not_held_by_a_clock_that_was_ahead() {
    clock!(CLOCK, now);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    for _ in 0..20 {
        let [a, b] = [Uuid::new_v4(), Uuid::new_v4()];
        let taken = tokio::join!(Turn::take(&store, a, now), Turn::take(&store, b, now));
        let taken = [taken.0.unwrap(), taken.1.unwrap()];
        assert_eq!(taken.iter().flatten().count(), 1);
        CLOCK.fetch_add(91_000, Ordering::Relaxed);
    }
    CLOCK.fetch_add(5 * 86_400_000, Ordering::Relaxed);
    let mut ahead = Turn::take(&store, Uuid::new_v4(), now).await.unwrap().unwrap();
    CLOCK.fetch_sub(5 * 86_400_000, Ordering::Relaxed);
    assert!(Turn::take(&store, Uuid::new_v4(), now).await.unwrap().is_some());
    assert!(ahead.hold().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_taken_is_given_up_and_what_is_unwanted_at_once() {
    clock!(CLOCK, now);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let server = FakeWeb::start(|request| match &*request.target {
        "/gone" => WebReply::status(410, "text/plain", ""),
        _ => WebReply::status(500, "text/plain", ""),
    });
    let hook = |path: &str| Webhook {
        url: format!("{}{path}", server.url()).parse().unwrap(),
        secret: "a secret of the test".to_owned(),
    };
    let meters = NewsMeters::default();
    let sender = Arc::new(Sender {
        store: store.clone(),
        outgoing: Outgoing::default(),
        page: Box::new(|_, name| name.to_string()),
        meters: meters.clone(),
        now,
    });
    let name = Name::new("n/a").unwrap();
    let id = NewsItem::id_of_milestone(Event::HIT, &name, 100);
    let kind = NewsKind::Milestone(100);
    let item = NewsItem { id, at: seconds(now()), event: Event::HIT, name, kind, total: 100 };
    let (has_turn, turns) = watch::channel(true);
    let (bell, rings) = watch::channel(());
    let hooks = [hook("/gone"), hook("/dead")];
    for hook in hooks.clone() {
        sender.owe(&hook, &item).await.unwrap();
        let (sender, turns, rings) = (sender.clone(), turns.clone(), rings.clone());
        tokio::spawn(async move { sender.serve(&hook, turns, rings).await });
    }
    assert_eq!(store.kept_count(DUE).await.unwrap(), 2);
    let asked = |path: &str| server.requests().iter().filter(|request| request.target == path).count();
    wait_until("it is tried again", PATIENCE, || asked("/dead") >= 2);
    assert_eq!(asked("/gone"), 1);
    CLOCK.fetch_add(3 * 86_400_000, Ordering::Relaxed);
    wait_until("both are given up", PATIENCE, || meters.waiting.get() == 0);
    assert_eq!(store.kept_count(DUE).await.unwrap(), 0);
    // What is for a webhook that is configured no more is not sent.
    sender.owe(&hook("/other"), &item).await.unwrap();
    sender.sweep(&hooks).await.unwrap();
    assert_eq!(store.kept_count(DUE).await.unwrap(), 0);
    drop((has_turn, bell));
}

#[tokio::test]
async fn the_latest_news_come_first() {
    clock!(CLOCK, now);
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let news = RecentNews::new(store.clone(), rules(&["milestones"], None));
    assert!(news.covers("n/a") && !news.covers("m/a"));
    for at in [5, 7, 6] {
        let name = Name::new(&format!("n/{at}")).unwrap();
        let id = NewsItem::id_of_milestone(Event::HIT, &name, 100);
        let kind = NewsKind::Milestone(100);
        let item = NewsItem { id, at: seconds(now()) + at, event: Event::HIT, name, kind, total: 100 };
        let thing = tallymark_store::Shelved { at: item.at, value: item.to_bytes() };
        store.keep(crate::NEWS, &id.to_string(), thing, None).await.unwrap();
        news.list(9, |_| true).await.unwrap();
    }
    let names = |items: Vec<NewsItem>| items.iter().map(|item| item.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(news.list(2, |_| true).await.unwrap()), ["n/7", "n/6"]);
    assert_eq!(names(news.list(9, |item| item.name.as_str() == "n/5").await.unwrap()), ["n/5"]);
}
