//! Many questions against a GitHub that answers slowly: who gets a turn, who is turned away, and who is forgotten.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod site;

use prometheus_client::{encoding::text::encode, registry::Registry};
use site::{Site, TOKEN};
use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::Now;
use tallymark_github::{AccountName, NoStats, Statistics};
use tallymark_testbed::FakeRepository;

fn now() -> Now {
    Now { unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 }
}

fn login(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

/// Holds every answer about a made-up name until it is opened: whether it is, and how many came.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(bool, usize)>, Condvar)>);

impl Gate {
    fn close(&self, site: &Site) {
        let gate = self.clone();
        site.github.answer_instead(move |request| {
            if request.target.contains("made-up") {
                let (state, opened) = &*gate.0;
                let mut state = state.lock().unwrap();
                state.1 += 1;
                drop(opened.wait_while(state, |state| !state.0).unwrap());
            }
            None
        });
    }

    fn open(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }

    fn count(&self) -> usize {
        self.0.0.lock().unwrap().1
    }
}

fn unasked(statistics: &Arc<Statistics>, reason: &str) -> u64 {
    let (mut registry, mut text) = (Registry::default(), String::new());
    statistics.register(&mut registry);
    encode(&mut text, &registry).unwrap();
    let start = format!("github_unasked_total{{reason=\"{reason}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().unwrap())
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_names_is_bounded_with_sqlite() {
    a_flood_of_names_is_bounded(Site::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_names_is_bounded_with_redis() {
    a_flood_of_names_is_bounded(Site::on_redis().await).await;
}

/// And tracked accounts do not wait for it.
async fn a_flood_of_names_is_bounded(site: Site) {
    site.github.token(TOKEN, "owner", 5000);
    let one = FakeRepository { id: 1, fork: false, stars: 7, forks: 0, language: None };
    for name in ["tracked", "other"] {
        site.github.add(name, vec![one.clone()]);
    }
    let statistics = site.statistics(&[TOKEN], now);
    statistics.tracked().add(&login("tracked")).await.unwrap();
    let gate = Gate::default();
    gate.close(&site);
    let all: Vec<_> = (0..1000)
        .map(|n| {
            let statistics = statistics.clone();
            tokio::spawn(async move { statistics.of(&login(&format!("made-up-{n}"))).await })
        })
        .collect();
    until("800 find no place", || unasked(&statistics, "full") == 800).await;
    assert_eq!(all.iter().filter(|one| one.is_finished()).count(), 800, "they are answered at once");
    // One of an account that was never seen is turned away as well, and the tracked one is not.
    assert_eq!(statistics.of(&login("other")).await, Err(NoStats::NotYet));
    assert_eq!(statistics.of(&login("tracked")).await.unwrap().stats.stars, 7);
    // Their clients leave: what was not begun is forgotten, and makes room.
    until("four are asked", || gate.count() == 4).await;
    all.iter().for_each(tokio::task::JoinHandle::abort);
    until("the others are forgotten", || unasked(&statistics, "left") == 196).await;
    gate.open();
    assert_eq!(statistics.of(&login("other")).await.unwrap().stats.stars, 7);
    // Those that were begun went on, and no others were asked for.
    until("four are answered", || {
        let calls = site.github.calls();
        calls.iter().filter(|call| call.target.contains("made-up")).count() == 4
    })
    .await;
    assert_eq!(gate.count(), 4);
}
