//! How far sources have been read: kept with the counts that came from there.

use crate::bed::{Bed, Desk, applied, at, noon};
use tallymark_core::{Batch, Position};
use tallymark_store::{Class, Outcome, StoreError};
use uuid::Uuid;

fn position(source: &str, state: &str) -> Position {
    Position { source: source.to_owned(), state: state.to_owned() }
}

fn brings(desk: &Desk, seq: u64, positions: Vec<Position>) -> Batch {
    Batch { positions, ..desk.batch(seq, &[at("a", noon(), 1)]) }
}

/// Those of one instance, sorted.
async fn of(desk: &Desk, instance: Uuid) -> Vec<Position> {
    let mut found = desk.store.positions(Some(instance)).await.unwrap();
    assert!(found.iter().all(|(of, _)| *of == instance));
    found.sort_by(|(_, a), (_, b)| a.source.cmp(&b.source));
    found.into_iter().map(|(_, position)| position).collect()
}

pub(crate) async fn positions_are_committed_with_their_batch_alone(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let own = || of(&desk, desk.claim.instance);
    assert_eq!(own().await, []);
    let one = brings(&desk, 1, vec![position("file:/log a", "10:é"), position("z", "1")]);
    let gap = brings(&desk, 3, vec![position("z", "3")]);
    let list = [one.clone(), gap];
    assert_eq!(desk.apply(&list).await, [applied(&[1]), Outcome::Gap { marker: 1 }]);
    assert_eq!(own().await, [position("file:/log a", "10:é"), position("z", "1")]);
    // Positions alone are a batch like any other; an empty state deletes.
    let alone =
        Batch { positions: vec![position("file:/log a", "20"), position("z", "")], ..desk.batch(2, &[]) };
    assert_eq!(desk.apply(&[alone]).await, [applied(&[])]);
    assert_eq!(own().await, [position("file:/log a", "20")]);
    // Repeated batches must not bring them back.
    assert_eq!(desk.apply(&[one]).await, [Outcome::Duplicate]);
    assert_eq!(own().await, [position("file:/log a", "20")]);
    let new = Desk::of(&bed, desk.claim.instance).await;
    assert_eq!(desk.apply(&[brings(&desk, 3, vec![position("z", "3")])]).await, [Outcome::Fenced]);
    assert_eq!(of(&new, desk.claim.instance).await, [position("file:/log a", "20")]);
    let last = [brings(&new, 3, vec![position("z", "3")]), brings(&new, 4, vec![position("z", "4")])];
    new.apply(&last).await;
    assert_eq!(of(&new, desk.claim.instance).await, [position("file:/log a", "20"), position("z", "4")]);
}

pub(crate) async fn positions_of_instances_are_apart(bed: Bed) {
    let (one, two) = (Desk::new(&bed).await, Desk::new(&bed).await);
    one.apply(&[brings(&one, 1, vec![position("x", "1")])]).await;
    two.apply(&[brings(&two, 1, vec![position("x", "2"), position("y", "2")])]).await;
    assert_eq!(of(&one, one.claim.instance).await, [position("x", "1")]);
    assert_eq!(of(&one, two.claim.instance).await, [position("x", "2"), position("y", "2")]);
    assert_eq!(of(&one, Uuid::new_v4()).await, []);
    let mut all = one.store.positions(None).await.unwrap();
    all.sort_by(|(_, a), (_, b)| (&a.state, &a.source).cmp(&(&b.state, &b.source)));
    let (a, b) = (one.claim.instance, two.claim.instance);
    assert_eq!(all, [(a, position("x", "1")), (b, position("x", "2")), (b, position("y", "2"))]);
}

pub(crate) async fn a_thousand_positions_come_and_go(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let state = "s".repeat(300);
    let many: Vec<Position> = (0..2000).map(|n| position(&format!("file:/log#{n:04}"), &state)).collect();
    desk.apply(&[brings(&desk, 1, many.clone())]).await;
    assert_eq!(of(&desk, desk.claim.instance).await, many);
    let gone = many[1..].iter().map(|one| position(&one.source, "")).collect();
    desk.apply(&[brings(&desk, 2, gone)]).await;
    assert_eq!(of(&desk, desk.claim.instance).await, many[..1]);
}

/// A key of another type, or one that an ACL denies, stops a batch before anything of it is counted.
#[tokio::test]
async fn a_hash_of_positions_that_cannot_be_written_stops_the_batch() {
    let bed = Bed::redis();
    let desk = Desk::new(&bed).await;
    bed.cli("SET tallymark:positions x");
    let batch = [brings(&desk, 1, vec![position("x", "1")])];
    let error = desk.store.apply(&desk.claim, &batch).await.unwrap_err();
    assert_eq!(error.class(), Class::Data, "{error}");
    bed.cli("DEL tallymark:positions");
    bed.cli("ACL SETUSER default -hdel");
    let error = desk.store.apply(&desk.claim, &batch).await.unwrap_err();
    assert_eq!(error.class(), Class::Refused, "{error}");
    assert!(error.to_string().contains("HDEL tallymark:positions"), "{error}");
    bed.cli("ACL SETUSER default +hdel");
    assert_eq!((desk.total("a").await, bed.cli("EXISTS tallymark:positions").as_str()), (0, "0"));
    assert_eq!(desk.apply(&batch).await, [applied(&[1])]);
}

/// A deletion is noticed wherever a position would be used, and before another one is written.
#[tokio::test]
async fn deleted_positions_halt_until_they_are_adopted() {
    let bed = Bed::redis();
    let desk = Desk::new(&bed).await;
    let three = ["x", "y", "z"].map(|source| position(source, "1")).to_vec();
    desk.apply(&[brings(&desk, 1, three.clone())]).await;
    // One of its fields has a space in its name.
    let one = format!(
        "EVAL return(redis.call('HDEL',KEYS[1],ARGV[1]..string.char(32)..'x')) 1 tallymark:positions {}",
        desk.claim.instance
    );
    for (delete, left) in [(one.as_str(), 2), ("DEL tallymark:positions", 0)] {
        assert_eq!(bed.cli(delete), "1");
        let gone = |error: StoreError| {
            assert_eq!(error.class(), Class::Data, "{error}");
            for says in ["tallymark:positions was deleted or evicted", "tallymark store adopt"] {
                assert!(error.to_string().contains(says), "{error}");
            }
        };
        gone(desk.store.positions(None).await.unwrap_err());
        gone(desk.store.positions(Some(desk.claim.instance)).await.unwrap_err());
        gone(desk.store.standing(&desk.claim).await.unwrap_err());
        let next = desk.store.applied(desk.claim.instance).await.unwrap() + 1;
        gone(desk.store.apply(&desk.claim, &[brings(&desk, next, three.clone())]).await.unwrap_err());
        // Hits without positions are still counted.
        assert_eq!(desk.apply(&[desk.batch(next, &[at("b", noon(), 1)])]).await.len(), 1);
        assert_eq!(desk.store.adopt(None).await.unwrap(), desk.claim.store);
        assert_eq!(of(&desk, desk.claim.instance).await.len(), left);
        desk.apply(&[brings(&desk, next + 1, three.clone())]).await;
        assert_eq!(of(&desk, desk.claim.instance).await, three);
    }
    assert_eq!((desk.total("a").await, desk.total("b").await), (3, 2));
}
