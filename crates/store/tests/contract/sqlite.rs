//! What only the embedded store can get wrong: its file, and other processes in it.

use crate::{
    bed::{Bed, Desk, at, event, named, noon, on, present},
    log::read,
};
use std::fs;
use tallymark_core::{ALL, Entry, Event, Minute};
use tallymark_store::{Class, Retention, Step, StoreError, StoreUrl};

async fn open_error(bed: &Bed) -> StoreError {
    let url = StoreUrl::Sqlite(bed.path());
    tallymark_store::open(&url, Retention::default()).await.err().unwrap()
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let bed = Bed::sqlite();
    fs::create_dir_all(bed.path().parent().unwrap()).unwrap();
    let text = "precious ".repeat(1000);
    fs::write(bed.path(), &text).unwrap();
    let err = open_error(&bed).await;
    assert_eq!(err.class(), Class::Data, "{err}");
    assert!(
        err.to_string().contains(bed.path().to_str().unwrap()) && err.to_string().contains("backup"),
        "{err}"
    );
    assert_eq!(fs::read_to_string(bed.path()).unwrap(), text);

    fs::remove_file(bed.path()).unwrap();
    bed.sql().execute_batch("CREATE TABLE other (a); INSERT INTO other VALUES (1)").unwrap();
    let err = open_error(&bed).await;
    assert!(err.class() == Class::Data && err.to_string().contains("not Tallymark's"), "{err}");
    assert_eq!(bed.sql().query_row("SELECT count(*) FROM other", [], |row| row.get(0)), Ok(1));
    let mode: String = bed.sql().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_keep_the_log_from_being_trimmed() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    bed.sql()
        .execute_batch(
            "INSERT INTO change (at, event, names) VALUES (4000000000, 'hit', 'ahead');
             INSERT INTO change (at, event, names) VALUES (1000000000, 'hit', 'old')",
        )
        .unwrap();
    desk.count(&[at("a", noon(), 1)]).await;
    let left: String =
        bed.sql().query_row("SELECT group_concat(names) FROM change", [], |row| row.get(0)).unwrap();
    assert_eq!(left, "a");
}

#[tokio::test]
async fn an_older_schema_is_upgraded_after_a_copy_was_put_aside() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 3)]).await;
    drop(desk);
    bed.sql().execute_batch("DROP TABLE correction; PRAGMA user_version = 3").unwrap();
    let version = |db: &rusqlite::Connection| -> i32 {
        db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };

    let store = bed.open().await;
    assert_eq!(store.total(Event::HIT, &named("a")).await.unwrap(), 3);
    assert_eq!(version(&bed.sql()), 4);
    drop(store);
    let aside = bed.path().with_file_name("tallymark.db.schema-3");
    let facts = tallymark_store::sqlite::examine(&aside).unwrap();
    assert_eq!((facts.schema, facts.total, facts.names), (3, 3, 1));

    // A copy that cannot be made does not prevent the upgrade: one transaction is complete or absent.
    bed.sql().execute_batch("DROP TABLE correction; PRAGMA user_version = 3").unwrap();
    fs::remove_file(&aside).unwrap();
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("in the way"), "").unwrap();
    let store = bed.open().await;
    assert_eq!(store.total(Event::HIT, &named("a")).await.unwrap(), 3);
    assert_eq!(version(&bed.sql()), 4);
    let unfinished = fs::read_dir(bed.path().parent().unwrap()).unwrap();
    let unfinished =
        unfinished.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(unfinished.count(), 0);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let bed = Bed::sqlite();
    bed.open().await;
    bed.sql().pragma_update(None, "user_version", 99).unwrap();
    let err = open_error(&bed).await;
    assert_eq!(err.class(), Class::Schema, "{err}");
    assert!(err.to_string().contains("newer Tallymark (schema 99"), "{err}");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_not_an_empty_store() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    let entries: Vec<_> = (0..2000).map(|n| on(&format!("n{n}"), noon().day(), 1)).collect();
    desk.count(&entries).await;
    drop(desk);
    let mut bytes = fs::read(bed.path()).unwrap();
    bytes[8192..].fill(0x5a);
    fs::write(bed.path(), &bytes).unwrap();
    let err = match tallymark_store::open(&StoreUrl::Sqlite(bed.path()), Retention::default()).await {
        Err(err) => err,
        Ok(store) => store.totals(Event::HIT, &[named("n1")]).await.unwrap_err(),
    };
    assert_eq!(err.class(), Class::Data, "{err}");
    assert_eq!(fs::read(bed.path()).unwrap().len(), bytes.len());
}

#[tokio::test]
async fn a_path_that_cannot_be_is_said() {
    let bed = Bed::sqlite();
    let dir = bed.path().parent().unwrap().parent().unwrap().to_owned();
    fs::create_dir_all(&dir).unwrap();
    fs::write(bed.path().parent().unwrap(), "a file").unwrap();
    let err = open_error(&bed).await;
    assert_eq!(err.class(), Class::Refused, "{err}");
    assert!(err.to_string().contains("creating the directory"), "{err}");
    let url = StoreUrl::Sqlite(dir);
    let err = tallymark_store::open(&url, Retention::default()).await.err().unwrap();
    assert_eq!(err.class(), Class::Data, "{err}");
    assert!(err.to_string().contains("this is a directory"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_a_new_file_at_once_and_find_one_store() {
    let bed = Bed::sqlite();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = bed.path();
            std::thread::spawn(move || {
                tallymark_store::sqlite::Sqlite::open(&path, Retention::default()).unwrap()
            })
        })
        .collect();
    let stores: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let expected = bed.open().await.identity().await.unwrap();
    for store in stores {
        assert_eq!(tallymark_store::StoreWrite::identity(&store).await.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_of_one_file_lose_nothing() {
    let bed = Bed::sqlite();
    let write = async || {
        let mut desk = Desk::new(&bed).await;
        for n in 0..40 {
            desk.count(&[at("same", noon(), 1), at(&format!("{}-{n}", desk.claim.instance), noon(), 1)])
                .await;
        }
    };
    tokio::join!(write(), write());
    let desk = Desk::new(&bed).await;
    assert_eq!((desk.total("same").await, desk.total(ALL).await), (80, 160));
    assert_eq!(desk.store.name_count(Event::HIT).await.unwrap(), 81);
}

#[tokio::test]
async fn a_file_locked_by_another_process_is_unavailable() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    let other = bed.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let err = desk.store.apply(&desk.claim, &[desk.batch(1, &[at("a", noon(), 1)])]).await.unwrap_err();
    assert_eq!(err.class(), Class::Unavailable, "{err}");
    assert!(err.to_string().contains("Another process"), "{err}");
    assert_eq!(desk.total("a").await, 0);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(desk.count(&[at("a", noon(), 1)]).await.0, [1]);
}

#[tokio::test]
async fn a_failure_in_the_middle_counts_nothing_by_half() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    // Fails at the last table, when everything else has been written: a trigger simulates a full disk.
    bed.sql()
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON minute WHEN new.id > 2 BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    let entries = [at("a", noon(), 1), at("b", noon(), 1)];
    let batch = desk.batch(2, &entries);
    desk.store.apply(&desk.claim, &[batch]).await.unwrap_err();
    assert_eq!((desk.total("a").await, desk.total("b").await, desk.total(ALL).await), (1, 0, 1));
    bed.sql().execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(desk.count(&entries).await.0, [2, 1]);
}

#[tokio::test]
async fn names_that_another_process_deletes_or_renames_are_found_again() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 5), at("b", noon(), 5)]).await;
    bed.sql()
        .execute_batch("DELETE FROM name WHERE name = 'a'; UPDATE name SET name = 'c' WHERE name = 'b'")
        .unwrap();
    assert_eq!(desk.count(&[at("a", noon(), 1), at("b", noon(), 1), at("c", noon(), 1)]).await.0, [1, 1, 6]);
    assert_eq!(desk.count(&[at("a", noon(), 1), at("b", noon(), 1), at("c", noon(), 1)]).await.0, [2, 2, 7]);
}

/// How many rows a table has.
fn rows(bed: &Bed, table: &str) -> i64 {
    bed.sql().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn minutes_and_hours_expire_and_days_stay() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    // The first of an hour to come, so that nothing of it is late however long this takes.
    let old = Minute((present().0 / 60 + 2) * 60);
    desk.count(&[at("a", old, 1), at("a", Minute(old.0 + 1), 1)]).await;
    let left = || {
        let minutes = rows(&bed, &format!("minute WHERE minute < {}", old.0 + 60));
        (minutes, rows(&bed, &format!("hour WHERE hour = {}", old.hour().0)))
    };
    // Ten minutes more than the 26 hours: a hit may have been as old as that when it was written.
    let kept = 26 * 60 + 10;
    for later in [1000, kept] {
        desk.count(&[at("b", Minute(old.0 + later), 1)]).await;
        assert_eq!(left(), (4, 2));
    }
    desk.count(&[at("b", Minute(old.0 + kept + 1), 1)]).await;
    assert_eq!(left(), (2, 2));
    for day in 2..=90 {
        desk.count(&[at("b", Minute(old.0 + day * 1440 + 69), 1)]).await;
        assert_eq!(left(), (0, 2));
    }
    desk.count(&[at("b", Minute(old.0 + 90 * 1440 + 70), 1)]).await;
    assert_eq!(left(), (0, 0));
    let days =
        desk.store.series(Event::HIT, &named("a"), Step::Day, old.day().0, old.day().0 + 1).await.unwrap();
    assert_eq!(days, [(old.day().0, 2)]);
}

#[tokio::test]
async fn expiry_goes_in_slices() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    let entries: Vec<_> = (0..3000).map(|n| at(&format!("n{n}"), present(), 1)).collect();
    desk.count(&entries).await;
    assert_eq!(rows(&bed, "minute"), 3001);
    desk.count(&[at("x", Minute(present().0 + 1000), 1)]).await;
    let mut before = 3003;
    for n in 0..4 {
        desk.count(&[at("x", Minute(present().0 + 2000 + n), 1)]).await;
        assert!(before - rows(&bed, "minute") < 1100);
        before = rows(&bed, "minute");
    }
    assert_eq!(before, 10);
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_one_start_expires_nothing() {
    let bed = Bed::sqlite();
    let now = Minute((present().0 / 60 + 2) * 60);
    // The file is of a version that did not keep how far its counts had come.
    Desk::new(&bed).await.count(&[at("a", now, 1)]).await;
    bed.sql().execute("DELETE FROM meta WHERE key = 'reached'", []).unwrap();
    let year = 365 * 1440;
    for (later, wrong) in [(1, 5 * year), (2, 5 * year + 3000), (3, year)] {
        let mut desk = Desk::new(&bed).await;
        desk.count(&[at("b", Minute(now.0 + wrong), 1)]).await;
        desk.count(&[at("b", Minute(now.0 + wrong + 10), 1)]).await;
        drop(desk);
        Desk::new(&bed).await.count(&[at("a", Minute(now.0 + later), 1)]).await;
    }
    let desk = Desk::new(&bed).await;
    for (step, from, to) in [(Step::Hour, now.hour().0, now.hour().0 + 1), (Step::Minute, now.0, now.0 + 60)]
    {
        let series = desk.store.series(Event::HIT, &named("a"), step, from, to).await.unwrap();
        assert_eq!(series.iter().map(|(_, n)| n).sum::<i64>(), 4);
    }
}

#[tokio::test]
async fn what_came_late_goes_a_retention_after_its_last_write_in_slices() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    let (now, old) = (present(), Minute(present().0 - 25 * 60));
    desk.count(&[at("x", now, 1)]).await;
    let entries: Vec<_> = (0..3000).map(|n| at(&format!("n{n}"), old, 1)).collect();
    desk.count(&entries).await;
    // Of the same minute, but as if it had been written in its time.
    bed.sql().execute_batch("UPDATE minute SET until = NULL WHERE id = 7").unwrap();
    // The retention of the minute itself is over, also for one that starts now.
    desk.count(&[at("x", Minute(now.0 + 120), 1)]).await;
    let mut desk = Desk::new(&bed).await;
    for n in 1..8 {
        desk.count(&[at("x", Minute(now.0 + 120 + n), 1)]).await;
    }
    assert_eq!(rows(&bed, "minute WHERE minute < (SELECT max(minute) FROM minute) - 1000"), 3000);
    desk.count(&[at("x", Minute(now.0 + 1000), 1)]).await;
    let mut before = rows(&bed, "minute");
    for n in 0..5 {
        desk.count(&[at("x", Minute(now.0 + 26 * 60 + 10 + n), 1)]).await;
        assert!(before - rows(&bed, "minute") < 1100);
        before = rows(&bed, "minute");
    }
    assert_eq!(rows(&bed, "minute WHERE until IS NOT NULL"), 0);
}

#[tokio::test]
async fn the_log_is_cut_after_an_hour_and_says_so() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    let empty = desk.store.head().await.unwrap();
    desk.count(&[at("a", noon(), 1)]).await;
    let first = desk.store.head().await.unwrap();
    desk.count(&[at("b", noon(), 1)]).await;
    bed.sql().execute_batch("UPDATE change SET at = at - 3700").unwrap();
    assert_eq!(read(&*desk.store, &empty, 9).await.unwrap().0, ["hit a", "hit b"]);
    let second = desk.store.head().await.unwrap();
    desk.count(&[Entry { event: event("like"), ..at("c", noon(), 1) }]).await;
    assert_eq!(read(&*desk.store, &empty, 9).await, None);
    assert_eq!(read(&*desk.store, &first, 9).await, None);
    assert_eq!(read(&*desk.store, &second, 9).await.unwrap().0, ["like c"]);
}

/// Another process holds the file when ours has to be done. What is given up is told as lost, so nothing may write it
/// afterwards: the call has ended before the file is free again, though it would have waited for longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_to_be_done_does_not_wait_for_a_locked_file() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let lock = bed.sql();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    desk.store.finish_by(std::time::Instant::now());
    let free = std::thread::spawn(move || {
        // Shorter than calls wait that have all the time.
        std::thread::sleep(std::time::Duration::from_secs(3));
        drop(lock);
    });
    let batch = desk.batch(2, &[at("a", noon(), 1)]);
    let err = desk.store.apply(&desk.claim, &[batch]).await.unwrap_err();
    assert_eq!(err.class(), Class::Unavailable, "{err}");
    free.join().unwrap();
    assert_eq!(desk.total("a").await, 1);
}

/// The same where the file was replaced by a copy of itself, which has to be opened again.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_to_be_done_does_not_wait_for_a_locked_file_that_it_opens_again() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let copy = bed.path().with_extension("copy");
    bed.sql().execute("VACUUM INTO ?1", [copy.to_string_lossy()]).unwrap();
    let lock = rusqlite::Connection::open(&copy).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    std::fs::rename(&copy, bed.path()).unwrap();
    desk.store.finish_by(std::time::Instant::now());
    let free = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(3));
        drop(lock);
    });
    desk.store.totals(Event::HIT, &[named("a")]).await.unwrap_err();
    let batch = desk.batch(2, &[at("a", noon(), 1)]);
    desk.store.apply(&desk.claim, &[batch]).await.unwrap_err();
    free.join().unwrap();
    assert_eq!(desk.total("a").await, 1);
}

/// What is not in the file when this process has to be done is told as lost, so it must not get there afterwards.
#[tokio::test]
async fn nothing_is_committed_behind_the_deadline_and_it_may_be_moved() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let batch = desk.batch(2, &[at("a", noon(), 1)]);
    desk.store.finish_by(std::time::Instant::now());
    desk.store.apply(&desk.claim, std::slice::from_ref(&batch)).await.unwrap_err();
    assert_eq!((desk.total("a").await, desk.store.applied(desk.claim.instance).await.unwrap()), (1, 1));
    desk.store.finish_by(std::time::Instant::now() + std::time::Duration::from_secs(60));
    desk.apply(&[batch]).await;
    assert_eq!((desk.total("a").await, desk.store.applied(desk.claim.instance).await.unwrap()), (2, 2));
}
