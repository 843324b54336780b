//! What is kept beside the counts.

use crate::bed::Bed;
use rusqlite::Connection;
use std::time::{SystemTime, UNIX_EPOCH};
use tallymark_store::{Retention, Shelf, Shelved, Store, StoreUrl};

const PICTURES: Shelf = Shelf { name: "pictures", most: 3 };
const LISTS: Shelf = Shelf { name: "lists", most: 3 };

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn thing(at: u64, value: &[u8]) -> Shelved {
    Shelved { at, value: value.to_vec() }
}

async fn keys(store: &dyn Store, shelf: Shelf) -> Vec<String> {
    let mut keys = store.kept_keys(shelf).await.unwrap();
    keys.sort();
    assert_eq!(store.kept_count(shelf).await.unwrap(), keys.len() as u64);
    keys
}

pub(crate) async fn what_is_kept_is_there_with_its_age(bed: Bed) {
    let (store, at) = (bed.open().await, now());
    assert_eq!(store.kept(PICTURES, "octo").await.unwrap(), None);
    assert_eq!(store.kept_count(PICTURES).await.unwrap(), 0);
    let bytes: Vec<u8> = (0..=255).collect();
    for (key, value) in [("octo", &b"first"[..]), ("octo", &bytes), ("empty", b""), ("a:b c/\u{1f600}", b"x")]
    {
        store.keep(PICTURES, key, thing(at, value), Some(at + 3600)).await.unwrap();
    }
    store.keep(LISTS, "octo", thing(at + 1, b"listed"), None).await.unwrap();
    drop(store);
    // Another process, after a restart.
    let store = bed.open().await;
    assert_eq!(store.kept(PICTURES, "octo").await.unwrap(), Some(thing(at, &bytes)));
    assert_eq!(store.kept(PICTURES, "empty").await.unwrap(), Some(thing(at, b"")));
    assert_eq!(store.kept(LISTS, "octo").await.unwrap(), Some(thing(at + 1, b"listed")));
    assert_eq!(keys(&*store, PICTURES).await, ["a:b c/\u{1f600}", "empty", "octo"]);
    assert_eq!(keys(&*store, LISTS).await, ["octo"]);
    assert!(store.discard(PICTURES, "octo").await.unwrap());
    assert!(!store.discard(PICTURES, "octo").await.unwrap());
    assert_eq!(store.kept(PICTURES, "octo").await.unwrap(), None);
    assert_eq!(keys(&*store, PICTURES).await, ["a:b c/\u{1f600}", "empty"]);
    assert_eq!(store.kept(LISTS, "octo").await.unwrap(), Some(thing(at + 1, b"listed")));
    // No name, and nothing for readers of the counts.
    assert_eq!(store.events().await.unwrap(), []);
}

pub(crate) async fn what_expires_first_makes_room(bed: Bed) {
    let (store, at) = (bed.open().await, now());
    for (key, until) in [("late", Some(at + 900)), ("never", None), ("soon", Some(at + 100))] {
        store.keep(PICTURES, key, thing(at, b"x"), until).await.unwrap();
    }
    store.keep(PICTURES, "new", thing(at, b"x"), Some(at + 50)).await.unwrap();
    assert_eq!(keys(&*store, PICTURES).await, ["late", "never", "new"], "the new one stays");
    assert_eq!(store.kept(PICTURES, "soon").await.unwrap(), None);
    // What has expired goes with the next that is kept; what never expires stays.
    store.keep(PICTURES, "later", thing(at + 5000, b"x"), Some(at + 6000)).await.unwrap();
    assert_eq!(keys(&*store, PICTURES).await, ["later", "never"]);
    // A shelf has its own room.
    for n in 0..5 {
        store.keep(LISTS, &n.to_string(), thing(at, b"x"), Some(at + 100 + n)).await.unwrap();
    }
    assert_eq!(keys(&*store, LISTS).await, ["2", "3", "4"]);
    assert_eq!(keys(&*store, PICTURES).await, ["later", "never"]);
}

/// SQLite only: a file of the first version.
#[tokio::test]
async fn a_file_without_shelves_gets_them() {
    let bed = Bed::sqlite();
    drop(bed.open().await);
    let old: Connection = bed.sql();
    old.execute_batch("DROP TABLE correction; DROP TABLE shelf; PRAGMA user_version = 2").unwrap();
    drop(old);
    let identity = StoreUrl::Sqlite(bed.path());
    for _ in 0..2 {
        let store = tallymark_store::open(&identity, Retention::default()).await.unwrap();
        store.keep(PICTURES, "a", thing(now(), b"x"), None).await.unwrap();
        assert_eq!(keys(&*store, PICTURES).await, ["a"]);
    }
}
