//! The embedded store's file, or its log, is removed or replaced while it is open.

use crate::bed::{Bed, Desk, applied, at, noon};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tallymark_core::Event;
use tallymark_store::Class;

fn beside(bed: &Bed, end: &str) -> PathBuf {
    bed.path().with_extension(format!("db{end}"))
}

async fn one_more(desk: &mut Desk, total: i64) {
    assert_eq!(desk.count(&[at("a", noon(), 1)]).await.0, [total]);
    assert_eq!(desk.total("a").await, total);
}

/// Nothing is written, read or created, and every answer says why.
async fn halted(desk: &Desk, why: &str) {
    let batch = desk.batch(desk.seq + 1, &[at("a", noon(), 1)]);
    let wrote = desk.store.apply(&desk.claim, &[batch]).await.unwrap_err();
    let read = desk.store.names(Event::HIT, None, 1).await.unwrap_err();
    let claimed = desk.store.claim(desk.claim.instance).await.unwrap_err();
    for err in [&wrote, &read, &claimed] {
        assert_eq!(err.class(), Class::Refused, "{err}");
        assert!(
            err.to_string().contains(why) && err.to_string().contains("Move the right file back"),
            "{err}"
        );
    }
    assert!(desk.store.warnings()[0].contains(why));
}

fn backup(bed: &Bed, to: &Path) {
    bed.sql().execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
}

/// What another process finds there.
async fn settled(bed: &Bed, total: i64) {
    let desk = Desk::new(bed).await;
    assert_eq!(desk.total("a").await, total);
    let sound: String = bed.sql().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_halts_until_it_is_back() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    one_more(&mut desk, 1).await;
    let away = bed.path().with_extension("away");
    fs::rename(bed.path(), &away).unwrap();
    halted(&desk, "was removed").await;
    assert!(!bed.path().exists());
    fs::rename(&away, bed.path()).unwrap();
    assert!(desk.store.warnings().is_empty());
    one_more(&mut desk, 2).await;
    drop(desk);
    settled(&bed, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_moved_over_the_file_halts_and_is_left_alone() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    one_more(&mut desk, 1).await;
    let (old, away) = (bed.path().with_extension("backup"), bed.path().with_extension("away"));
    backup(&bed, &old);
    one_more(&mut desk, 2).await;
    fs::hard_link(bed.path(), &away).unwrap();
    fs::rename(&old, bed.path()).unwrap();
    halted(&desk, "was replaced").await;
    fs::rename(bed.path(), &old).unwrap();
    fs::rename(&away, bed.path()).unwrap();
    one_more(&mut desk, 3).await;
    // The log of the one is not read into the other.
    fs::rename(&old, bed.path()).unwrap();
    halted(&desk, "was replaced").await;
    drop(desk);
    settled(&bed, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_and_another_store_halt_and_are_left_alone() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    one_more(&mut desk, 1).await;
    let away = bed.path().with_extension("away");
    fs::rename(bed.path(), &away).unwrap();
    fs::write(bed.path(), "").unwrap();
    halted(&desk, "was replaced").await;
    assert_eq!(fs::metadata(bed.path()).unwrap().len(), 0);
    let other = Bed::sqlite();
    let mut others = Desk::new(&other).await;
    one_more(&mut others, 1).await;
    one_more(&mut others, 2).await;
    fs::remove_file(bed.path()).unwrap();
    backup(&other, &bed.path());
    halted(&desk, "was replaced").await;
    fs::rename(&away, bed.path()).unwrap();
    one_more(&mut desk, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_nothing_is_gone_on_with() {
    let bed = Bed::sqlite();
    let mut desk = Desk::new(&bed).await;
    one_more(&mut desk, 1).await;
    let copy = bed.path().with_extension("copy");
    backup(&bed, &copy);
    fs::rename(&copy, bed.path()).unwrap();
    assert_eq!(desk.total("a").await, 1);
    let again = desk.batch(1, &[at("a", noon(), 1)]);
    let next = desk.batch(2, &[at("a", noon(), 1)]);
    assert!(matches!(desk.apply(&[again, next]).await[..], [_, ref second] if *second == applied(&[2])));
    drop(desk);
    settled(&bed, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_log_costs_no_hit() {
    for gone in [&["-wal"][..], &["-shm"], &["-wal", "-shm"]] {
        let bed = Bed::sqlite();
        let mut desk = Desk::new(&bed).await;
        for total in [1, 2] {
            one_more(&mut desk, total).await;
        }
        for end in gone {
            fs::remove_file(beside(&bed, end)).unwrap();
        }
        one_more(&mut desk, 3).await;
        one_more(&mut desk, 4).await;
        settled(&bed, 4).await;
        one_more(&mut desk, 5).await;
        drop(desk);
        settled(&bed, 5).await;
    }
}
