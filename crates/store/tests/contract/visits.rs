//! The last visits of names, where they are kept.

use crate::bed::{Bed, Desk, at, event, named, noon};
use tallymark_core::{
    Asker, AskerDetails, Batch, ClientClass, Country, Counts, Entry, Event, Minute, Visit, Visits, kept_text,
};
use tallymark_store::{Class, Outcome};
use uuid::Uuid;

/// Visits N minutes after noon.
fn seen(name: &str, minutes: std::ops::Range<i32>) -> Visits {
    let class = |at: i32| ClientClass::EVERY[at as usize % ClientClass::EVERY.len()];
    let asker = |at: i32| match at % 3 {
        0 => Asker::default(),
        1 => Asker::new(Country::parse("DE"), AskerDetails::default()),
        _ => {
            let details =
                AskerDetails { city: kept_text("Köln \"x\"".as_bytes()), ..AskerDetails::default() };
            Asker::new(Country::parse("LOCAL"), details)
        }
    };
    let visit = |at: i32| Visit { minute: Minute(noon().0 + at), class: class(at), asker: asker(at) };
    Visits { event: Event::HIT, name: named(name), last: minutes.map(visit).collect() }
}

fn latest_first(minutes: std::ops::Range<i32>) -> Vec<Visit> {
    seen("a", minutes).last.into_iter().rev().collect()
}

fn batch(desk: &Desk, seq: u64, entries: &[Entry], visits: Vec<Visits>) -> Batch {
    Batch { visits, ..desk.batch(seq, entries) }
}

impl Desk {
    async fn visits(&self, name: &str, limit: usize) -> Vec<Visit> {
        self.store.visits(Event::HIT, &named(name), limit).await.unwrap()
    }
}

pub(crate) async fn last_visits_stay_and_come_the_latest_first(mut bed: Bed) {
    bed.retention.visits = 5;
    let desk = Desk::new(&bed).await;
    let like = Visits { event: event("like"), ..seen("a", 9..10) };
    let liked = Entry { event: event("like"), ..at("a", noon(), 1) };
    let weird = "a:b/*?[x]\"";
    let first = batch(
        &desk,
        1,
        &[at("a", noon(), 3), at(weird, noon(), 1), liked],
        vec![seen("a", 0..3), seen(weird, 0..1), like],
    );
    assert_eq!(desk.apply(&[first]).await, [Outcome::Applied { totals: vec![3, 1, 1], quarantined: 0 }]);
    assert_eq!(desk.visits("a", 100).await, latest_first(0..3));
    assert_eq!(desk.visits(weird, 100).await, latest_first(0..1));
    assert_eq!(desk.store.visits(event("like"), &named("a"), 9).await.unwrap(), latest_first(9..10));
    // Two batches of one call; the oldest visits over the limit are deleted.
    let more = [
        batch(&desk, 2, &[at("a", noon(), 2)], vec![seen("a", 3..5)]),
        batch(&desk, 3, &[at("a", noon(), 3)], vec![seen("a", 5..8)]),
    ];
    assert!(desk.apply(&more).await.iter().all(|outcome| matches!(outcome, Outcome::Applied { .. })));
    assert_eq!(desk.visits("a", 100).await, latest_first(3..8));
    assert_eq!(desk.visits("a", 2).await, latest_first(6..8));
    assert_eq!(desk.visits("a", 0).await, []);
    // More than are kept, in one batch.
    desk.apply(&[batch(&desk, 4, &[at("a", noon(), 9)], vec![seen("a", 8..17)])]).await;
    assert_eq!(desk.visits("a", 100).await, latest_first(12..17));
    assert_eq!(desk.visits("never", 100).await, []);
    // If fewer are kept, the rest is deleted with the next visit.
    drop(desk);
    bed.retention.visits = 2;
    let mut desk = Desk::new(&bed).await;
    assert_eq!(desk.visits("a", 100).await.len(), 5);
    desk.count(&[at("a", noon(), 1)]).await;
    assert_eq!(desk.visits("a", 100).await.len(), 5, "a hit without a visit changes none");
    let next = batch(&desk, desk.seq + 1, &[at("a", noon(), 1)], vec![seen("a", 20..21)]);
    desk.apply(&[next]).await;
    assert_eq!(desk.visits("a", 100).await, [latest_first(20..21), latest_first(16..17)].concat());
}

pub(crate) async fn visits_that_come_late_are_in_the_order_of_their_time(mut bed: Bed) {
    bed.retention.visits = 6;
    let desk = Desk::new(&bed).await;
    let apply = async |seq, visits: Vec<Visits>| {
        let outcomes = desk.apply(&[batch(&desk, seq, &[at("a", noon(), 1)], visits)]).await;
        assert!(matches!(outcomes[..], [Outcome::Applied { quarantined: 0, .. }]), "{outcomes:?}");
    };
    apply(1, vec![seen("a", 5..8)]).await;
    // An import of what was before, and a little of what came in between.
    apply(2, vec![seen("a", 0..2)]).await;
    assert_eq!(desk.visits("a", 100).await, [latest_first(5..8), latest_first(0..2)].concat());
    apply(3, vec![seen("a", 2..4)]).await;
    assert_eq!(desk.visits("a", 100).await, [latest_first(5..8), latest_first(1..4)].concat());
    let mut both = seen("a", 9..10);
    both.last.splice(0..0, seen("a", 4..5).last);
    apply(4, vec![both]).await;
    let six = [latest_first(9..10), latest_first(5..8), latest_first(3..5)].concat();
    assert_eq!(desk.visits("a", 100).await, six);
    // Nothing of it is new enough.
    apply(5, vec![seen("a", 0..1)]).await;
    assert_eq!(desk.visits("a", 100).await, six);
    apply(6, vec![seen("a", 10..11)]).await;
    assert_eq!(
        desk.visits("a", 100).await,
        [latest_first(9..11), latest_first(5..8), latest_first(4..5)].concat()
    );
}

/// As lines come from several hosts: also in an empty list, and where the oldest do not stay.
pub(crate) async fn visits_of_a_batch_that_are_not_in_order_are_put_in_order(mut bed: Bed) {
    bed.retention.visits = 4;
    let desk = Desk::new(&bed).await;
    let mixed = |minutes: &[i32]| {
        let of = |&minute: &i32| seen("a", minute..minute + 1).last;
        Visits { last: minutes.iter().flat_map(of).collect(), ..seen("a", 0..0) }
    };
    desk.apply(&[batch(&desk, 1, &[at("a", noon(), 1)], vec![mixed(&[2, 0, 1])])]).await;
    assert_eq!(desk.visits("a", 100).await, latest_first(0..3));
    // All of it is newer than what is there; then more than stays.
    desk.apply(&[batch(&desk, 2, &[at("a", noon(), 1)], vec![mixed(&[4, 3])])]).await;
    assert_eq!(desk.visits("a", 100).await, latest_first(1..5));
    desk.apply(&[batch(&desk, 3, &[at("a", noon(), 1)], vec![mixed(&[9, 10, 5, 8, 6, 7])])]).await;
    assert_eq!(desk.visits("a", 100).await, latest_first(7..11));
    // Two batches of one call, and the second is older.
    let first = batch(&desk, 4, &[at("a", noon(), 1)], vec![mixed(&[13, 11])]);
    desk.apply(&[first, batch(&desk, 5, &[at("a", noon(), 1)], vec![mixed(&[12, 6])])]).await;
    assert_eq!(desk.visits("a", 100).await, latest_first(10..14));
}

pub(crate) async fn a_batch_with_visits_that_comes_again_adds_nothing(mut bed: Bed) {
    bed.retention.visits = 10;
    let desk = Desk::new(&bed).await;
    let one = batch(&desk, 1, &[at("a", noon(), 2)], vec![seen("a", 0..2)]);
    for expected in [Outcome::Applied { totals: vec![2], quarantined: 0 }, Outcome::Duplicate] {
        assert_eq!(desk.apply(std::slice::from_ref(&one)).await, [expected]);
        assert_eq!(desk.visits("a", 100).await, latest_first(0..2));
    }
    // A gap, a fenced claim: nothing of the batch is there.
    let gap = batch(&desk, 3, &[at("a", noon(), 1)], vec![seen("a", 5..6)]);
    assert_eq!(desk.apply(&[gap]).await, [Outcome::Gap { marker: 1 }]);
    let other = Desk::of(&bed, desk.claim.instance).await;
    let late = batch(&desk, 2, &[at("a", noon(), 1)], vec![seen("a", 5..6)]);
    assert_eq!(desk.apply(&[late]).await, [Outcome::Fenced]);
    assert_eq!(other.visits("a", 100).await, latest_first(0..2));
}

pub(crate) async fn visits_are_left_out_where_none_are_kept(bed: Bed) {
    let desk = Desk::new(&bed).await;
    let one = batch(&desk, 1, &[at("a", noon(), 1)], vec![seen("a", 0..2)]);
    assert_eq!(desk.apply(&[one]).await, [Outcome::Applied { totals: vec![1], quarantined: 0 }]);
    assert_eq!(desk.visits("a", 100).await, []);
}

pub(crate) async fn very_many_visits_of_many_names_are_bounded(mut bed: Bed) {
    bed.retention.visits = 1000;
    let desk = Desk::new(&bed).await;
    let names: Vec<String> = (0..1000).map(|n| format!("n{n:04}")).collect();
    let entries: Vec<Entry> = names.iter().map(|name| at(name, noon(), 40)).collect();
    let visits = names.iter().enumerate().map(|(n, name)| seen(name, 0..if n == 7 { 1000 } else { 40 }));
    let counts = Counts { visits: visits.collect(), ..Counts::from(entries) };
    let batches = tallymark_core::batches(desk.claim.instance, 1, counts);
    assert!(batches.len() > 3, "{}", batches.len());
    for outcome in desk.apply(&batches).await {
        assert!(matches!(outcome, Outcome::Applied { quarantined: 0, .. }), "{outcome:?}");
    }
    assert_eq!(desk.visits("n0007", 2000).await, latest_first(0..1000));
    assert_eq!(desk.visits("n0999", 2000).await, latest_first(0..40));
}

/// Redis only: existing data under the key, data lost with its tail, and what an ACL denies.
#[tokio::test]
async fn a_key_that_is_no_list_is_left_alone_and_counted() {
    let mut bed = Bed::redis();
    bed.retention.visits = 3;
    let desk = Desk::new(&bed).await;
    bed.cli("SET recent:hit:a text");
    bed.cli("RPUSH recent:hit:b nonsense {\"time\":\"2026-11-20T12:00:00Z\",\"class\":\"bot\",\"country\":\"DE\"}");
    let entries = [at("a", noon(), 1), at("b", noon(), 1)];
    let one = batch(&desk, 1, &entries, vec![seen("a", 0..1), seen("b", 0..1)]);
    assert_eq!(desk.apply(&[one]).await, [Outcome::Applied { totals: vec![1, 1], quarantined: 1 }]);
    assert_eq!(bed.cli("GET recent:hit:a"), "text");
    let err = desk.store.visits(Event::HIT, &named("a"), 9).await.unwrap_err();
    assert!(err.class() == Class::Key && err.to_string().contains("recent:hit:a"), "{err}");
    let read = desk.visits("b", 9).await;
    let classes: Vec<&str> = read.iter().map(|visit| visit.class.word()).collect();
    assert_eq!(classes, [latest_first(0..1)[0].class.word(), "bot"]);
    assert_eq!(bed.cli("EXISTS recent:hit:~probe"), "0");
}

#[tokio::test]
async fn visits_go_and_come_with_the_counts_of_a_lost_tail() {
    let mut bed = Bed::redis();
    bed.retention.visits = 3;
    let desk = Desk::new(&bed).await;
    let made = [0, 2, 4].map(|n| {
        let seq = n as u64 / 2 + 1;
        batch(&desk, seq, &[at("a", noon(), 2)], vec![seen("a", n..n + 2)])
    });
    desk.apply(&made[..1]).await;
    let kept = bed.cli("LRANGE recent:hit:a 0 -1");
    desk.apply(&made[1..2]).await;
    assert_eq!(desk.visits("a", 9).await, latest_first(1..4));
    // What a restart from an older file does: counts, visits and marker are those of the first batch again.
    bed.cli("DEL recent:hit:a");
    for visit in kept.lines() {
        bed.server().cli(&["RPUSH", "recent:hit:a", visit]);
    }
    bed.cli("SET repo:a 2");
    let marker = format!("{}:1", desk.claim.nonce);
    bed.server().cli(&["HSET", "tallymark:applied", &desk.claim.instance.to_string(), &marker]);
    assert_eq!(desk.apply(&made[2..]).await, [Outcome::Gap { marker: 1 }]);
    desk.apply(&made[1..]).await;
    assert_eq!((desk.total("a").await, desk.visits("a", 9).await), (6, latest_first(3..6)));
}

#[tokio::test]
async fn an_acl_that_denies_visits_shows_at_the_claim_and_only_where_they_are_kept() {
    let mut bed = Bed::redis();
    let redis = bed.server();
    let user = |name: &str, rules: &[&str]| {
        redis.cli(&[&["ACL", "SETUSER", name, "on", ">pass", "+@all"], rules].concat());
        redis.url().replace("redis://", &format!("redis://{name}:pass@"))
    };
    let nolists = user(
        "nolists",
        &["~repo*", "~tallymark*", "~changes", "~count*", "~track*", "~names*", "~funnels*", "~uniques*"],
    );
    let nopush = user("nopush", &["~*", "-lpush"]);
    let notrim = user("notrim", &["~*", "-ltrim"]);
    for (url, says) in
        [(nolists, "LTRIM recent:hit:~probe"), (nopush, "LPUSH recent"), (notrim, "LTRIM recent")]
    {
        for (visits, refused) in [(0, false), (3, true)] {
            bed.retention.visits = visits;
            let store = tallymark_store::open(&url.parse().unwrap(), bed.retention).await.unwrap();
            match store.claim(Uuid::new_v4()).await {
                Ok(_) => assert!(!refused, "{says}"),
                Err(err) => assert!(refused && err.to_string().contains(says), "{err}"),
            }
        }
    }
    assert_eq!(bed.cli("KEYS recent*"), "");
}
