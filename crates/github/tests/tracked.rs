//! The list of tracked accounts, changed by several processes at once.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

use std::sync::Arc;
use tallymark_github::{AccountName, CardAddress, CardKind, MOST_TRACKED, NotTracked, TrackedAccounts};
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_testbed::{Redis, temp_dir};

fn card(name: &str, n: usize) -> String {
    let radius = n.to_string();
    let parameter = |parameter: &str| match parameter {
        "username" => Some(name),
        "border_radius" => Some(&*radius),
        _ => None,
    };
    CardAddress::read(CardKind::Stats, parameter).file().unwrap()
}

async fn banners_and_cards_that_come_at_once_are_all_there(url: StoreUrl) {
    let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
    // Each has locks and memory of its own, as processes have.
    let [a, b, c] = [0, 1, 2].map(|_| TrackedAccounts::new(store.clone()));
    for n in 0..20 {
        let name = &AccountName::new(&format!("u{n}")).unwrap();
        a.add(name).await.unwrap();
        let all = tokio::join!(
            a.add_banner(name, "dark", "U-a"),
            b.add_banner(name, "default", "U-b"),
            c.add_banner(name, "dark", "U-c"),
            c.add(name),
            b.show_card(name, card(name.as_str(), 1)),
            c.show_card(name, card(name.as_str(), 2)),
        );
        let spelt = all.0.unwrap();
        assert_eq!(all.2.unwrap(), spelt, "the first has decided");
        for done in [all.3, all.4, all.5] {
            done.unwrap();
        }
        let account = b.find(name).await.unwrap().unwrap();
        assert_eq!((&account.banners["dark"], &*account.banners["default"]), (&spelt, "U-b"));
        assert_eq!(account.cards.len(), 2, "{:?}", account.cards);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn banners_and_cards_that_come_at_once_are_all_there_with_sqlite() {
    let dir = temp_dir();
    banners_and_cards_that_come_at_once_are_all_there(StoreUrl::Sqlite(dir.path().join("t.db"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn banners_and_cards_that_come_at_once_are_all_there_with_redis() {
    let redis = Redis::start();
    banners_and_cards_that_come_at_once_are_all_there(StoreUrl::Redis(redis.url())).await;
}

#[tokio::test]
async fn the_cards_viewed_last_are_files() {
    let dir = temp_dir();
    let url = StoreUrl::Sqlite(dir.path().join("t.db"));
    let store: Arc<dyn Store> = tallymark_store::open(&url, Retention::default()).await.unwrap();
    let (tracked, name) = (TrackedAccounts::new(store.clone()), AccountName::new("octo").unwrap());
    let cards = async || tracked.find(&name).await.unwrap().unwrap().cards;
    let card = |n: usize| card("octo", n);
    let view = async |n: usize| tracked.show_card(&name, card(n)).await.unwrap();
    view(0).await;
    assert_eq!(tracked.find(&name).await.unwrap(), None, "a view tracks no account");
    tracked.add(&name).await.unwrap();
    for n in 0..25 {
        view(n).await;
    }
    assert_eq!(cards().await, (5..25).map(card).collect::<Vec<_>>());
    view(3).await;
    assert_eq!(cards().await, (6..25).chain([3]).map(card).collect::<Vec<_>>());
    // Another process, in which it was not viewed lately.
    TrackedAccounts::new(store.clone()).show_card(&name, card(6)).await.unwrap();
    assert_eq!(cards().await, (7..25).chain([3, 6]).map(card).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_new_account_needs_room_and_a_view_reads_its_account_twice() {
    let redis = Redis::start();
    let store = tallymark_store::open(&StoreUrl::Redis(redis.url()), Retention::default()).await.unwrap();
    let tracked = TrackedAccounts::new(store);
    let [known, new] = ["octo", "other"].map(|name| AccountName::new(name).unwrap());
    tracked.add(&known).await.unwrap();
    // The list is full. These are its keys alone.
    let list = redis.cli(&["--scan", "--pattern", "*github-tracked"]);
    let fill = "for n = 2, ARGV[1] do redis.call('ZADD', KEYS[1], '+inf', 'u' .. n) end";
    redis.cli(&["EVAL", fill, "1", &list, &MOST_TRACKED.to_string()]);
    redis.cli(&["CONFIG", "SET", "slowlog-max-len", "100000"]);
    redis.cli(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    tracked.show_card(&known, card("octo", 1)).await.unwrap();
    let log = redis.cli(&["SLOWLOG", "GET", "100000"]);
    let (commands, keys) = (log.lines(), log.lines().skip(1));
    let is_read = |(command, key): &(&str, &str)| *command == "GET" && key.ends_with("octo");
    // The script that writes it looks once more.
    assert_eq!(commands.zip(keys).filter(is_read).count(), 2 + 1, "{log}");
    tracked.add(&known).await.unwrap();
    tracked.add_banner(&known, "dark", "octo").await.unwrap();
    for refused in [tracked.add(&new).await, tracked.add_banner(&new, "dark", "other").await.map(drop)] {
        assert!(matches!(refused, Err(NotTracked::TooMany)), "{refused:?}");
    }
    assert_eq!(tracked.find(&new).await.unwrap(), None);
}
