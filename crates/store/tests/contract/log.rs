//! The change log, as the publisher reads it.

use crate::bed::{Bed, Desk, at, event, noon};
use tallymark_core::{Entry, Name};
use tallymark_store::{Changes, Cursor, Store};
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
