//! The change log, as the publisher reads it.

use crate::bed::{Bed, Desk, at, event, noon};
use tallymark_core::{Entry, Name};
use tallymark_store::{Changes, Cursor, Shelf, Shelved, Store, Written};
use uuid::Uuid;

/// What changed, as `event name`, and where to continue.
pub(crate) async fn read(
    store: &dyn Store,
    after: &Cursor,
    limit: usize,
) -> Option<(Vec<String>, Cursor, bool)> {
    match store.changes(after, limit).await.unwrap() {
        Changes::Lost => None,
        Changes::Since { names, cursor, more } => {
            let names = names.iter().map(|change| format!("{} {}", change.event, change.name)).collect();
            Some((names, cursor, more))
        }
    }
}

pub(crate) async fn changes_are_found_behind_a_cursor(bed: Bed) {
    let reader = bed.open().await;
    let empty = reader.head().await.unwrap();
    let mut desk = Desk::new(&bed).await;
    let (names, cursor, more) = read(&*reader, &empty, 100).await.unwrap();
    assert_eq!((names.len(), more), (0, false));
    assert_eq!(cursor, empty);

    desk.count(&[
        at("b", noon(), 1),
        at("!a b", noon(), 1),
        Entry { event: event("like"), ..at("b", noon(), 1) },
    ])
    .await;
    desk.count(&[at("b", noon(), 1)]).await;
    let (names, cursor, more) = read(&*reader, &empty, 100).await.unwrap();
    assert_eq!((names, more), (["hit !a b", "hit b", "like b", "hit b"].map(str::to_owned).to_vec(), false));
    assert_eq!(cursor, reader.head().await.unwrap());
    assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));

    assert_eq!(read(&*reader, &cursor, 100).await.unwrap().0.len(), 0);
    desk.count(&[at("c", noon(), 1)]).await;
    assert_eq!(read(&*reader, &cursor, 100).await.unwrap().0, ["hit c"]);
    // A batch that counts nothing changes nothing.
    let cursor = reader.head().await.unwrap();
    desk.apply(&[desk.batch(1, &[at("d", noon(), 1)])]).await;
    assert_eq!(read(&*reader, &cursor, 100).await.unwrap(), (vec![], cursor, false));
}

pub(crate) async fn changes_come_in_pieces(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let mut cursor = desk.store.head().await.unwrap();
    let mut expected = Vec::new();
    for n in 0..130 {
        desk.count(&[at(&format!("a{n:03}"), noon(), 1), at(&format!("b{n:03}"), noon(), 1)]).await;
        expected.extend([format!("hit a{n:03}"), format!("hit b{n:03}")]);
    }
    let (mut all, mut pieces) = (Vec::new(), 0);
    loop {
        let (names, next, more) = read(&*desk.store, &cursor, 7).await.unwrap();
        all.extend(names);
        pieces += 1;
        cursor = next;
        if !more {
            break;
        }
    }
    assert_eq!((all, pieces > 1), (expected, true));
    assert_eq!(cursor, desk.store.head().await.unwrap());
}

pub(crate) async fn aggregates_do_not_change(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    let cursor = desk.store.head().await.unwrap();
    desk.count(&[Entry { name: Name::overflow(), ..at("x", noon(), 1) }]).await;
    assert_eq!(read(&*desk.store, &cursor, 9).await, Some((vec![], cursor, false)));
}

pub(crate) async fn a_cursor_of_the_future_of_another_store_or_of_nonsense_is_lost(bed: Bed) {
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let head = desk.store.head().await.unwrap();
    let future = if head.entry.contains('-') { "9999999999999-0" } else { "99" };
    for cursor in [
        Cursor { store: Uuid::new_v4(), ..head.clone() },
        Cursor { run: "another".to_owned(), ..head.clone() },
        Cursor { entry: future.to_owned(), ..head.clone() },
        Cursor { entry: "nonsense".to_owned(), ..head.clone() },
        Cursor { entry: "-1".to_owned(), ..head.clone() },
    ] {
        assert_eq!(read(&*desk.store, &cursor, 9).await, None, "{cursor:?}");
    }
    assert!(read(&*desk.store, &head, 9).await.is_some());
}

const SEEN: Shelf = Shelf { name: "seen", most: 10 };
const UNSEEN: Shelf = Shelf { name: "unseen", most: 10 };

pub(crate) async fn a_look_sees_what_another_process_has_counted_and_kept(bed: Bed) {
    let reader = bed.open().await;
    let mut desk = Desk::new(&bed).await;
    let mut before = reader.sight(SEEN).await.unwrap();
    let mut is_another = async || {
        let now = reader.sight(SEEN).await.unwrap();
        now != std::mem::replace(&mut before, now.clone())
    };
    assert!(!is_another().await);
    desk.count(&[at("a", noon(), 1)]).await;
    assert!(is_another().await && !is_another().await);
    let keep = async |shelf, at, until| {
        bed.open().await.keep(shelf, "k", Shelved { at, value: vec![1] }, until).await.unwrap();
    };
    let now = 1_800_000_000;
    for (shelf, at, until, is_seen) in [
        (SEEN, now, Some(now + 90_000_000), true),
        (SEEN, now + 1, Some(now + 90_000_001), true),
        (SEEN, now + 2, Some(now + 90_000_001), false),
        (UNSEEN, now, Some(now + 90_000_000), false),
        (SEEN, now, None, true),
    ] {
        keep(shelf, at, until).await;
        assert_eq!(is_another().await, is_seen, "{} {until:?}", shelf.name);
    }
    assert!(bed.open().await.discard(SEEN, "k").await.unwrap());
    assert!(is_another().await && !is_another().await);
}

pub(crate) async fn followers_are_told_of_what_another_process_writes(bed: Bed) {
    let reader = bed.open().await;
    let mut desk = Desk::new(&bed).await;
    let looking = Written::default();
    let mut written = looking.clone();
    let looks = tokio::spawn(async move { looking.look_for_others(&*reader, SEEN).await });
    // The first look has nothing to compare with.
    written.hear().await;
    desk.count(&[at("a", noon(), 1)]).await;
    written.hear().await;
    bed.open().await.keep(SEEN, "k", Shelved { at: 1, value: vec![1] }, None).await.unwrap();
    written.hear().await;
    looks.abort();
}
