//! What is kept beside the counts.

use crate::bed::Bed;
use rusqlite::Connection;
use std::time::{SystemTime, UNIX_EPOCH};
use tallymark_store::{Retention, Shelf, Shelved, Store, StoreUrl, change_kept};

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

pub(crate) async fn a_thing_is_exchanged_only_for_the_one_that_was_read(bed: Bed) {
    let (store, other, at) = (bed.open().await, bed.open().await, now());
    let [one, two, later] = [thing(at, b"1"), thing(at, &[0, 255, b'2']), thing(at + 1, b"1")];
    let put = async |before: Option<&Shelved>, thing: &Shelved| {
        store.exchange(PICTURES, "a", before, thing.clone(), Some(at + 3600)).await.unwrap()
    };
    assert!(!put(Some(&one), &two).await, "nothing is there");
    assert!(put(None, &one).await && !put(None, &two).await);
    assert!(!put(Some(&later), &two).await, "the time is a part of it");
    assert_eq!(other.kept(PICTURES, "a").await.unwrap().as_ref(), Some(&one));
    assert!(put(Some(&one), &two).await && !put(Some(&one), &later).await && put(Some(&two), &later).await);
    assert_eq!(other.kept(PICTURES, "a").await.unwrap(), Some(later));
    // It makes room as others do.
    for key in ["b", "c", "d"] {
        assert!(store.exchange(PICTURES, key, None, one.clone(), None).await.unwrap());
    }
    assert_eq!(keys(&*store, PICTURES).await, ["b", "c", "d"]);
}

pub(crate) async fn what_several_change_at_once_has_every_change(bed: Bed) {
    const EACH: u8 = 25;
    let stores = [bed.open().await, bed.open().await, bed.open().await];
    let changes = async |n: u8| {
        for change in 0..EACH {
            let add = |kept: Option<&Shelved>| {
                let mut value = kept.map_or_else(Vec::new, |kept| kept.value.clone());
                value.push(n * EACH + change);
                Some((thing(0, &value), None))
            };
            assert!(change_kept(&*stores[usize::from(n)], LISTS, "all", add).await.unwrap());
        }
    };
    tokio::join!(changes(0), changes(1), changes(2));
    let mut value = stores[0].kept(LISTS, "all").await.unwrap().unwrap().value;
    value.sort_unstable();
    assert_eq!(value, (0..3 * EACH).collect::<Vec<u8>>());
    assert!(!change_kept(&*stores[0], LISTS, "none", |_| None).await.unwrap());
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
