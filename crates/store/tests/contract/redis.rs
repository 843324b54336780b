//! What only Redis can get wrong: what it says when it refuses, loses or forgets.

use crate::{
    bed::{Bed, Desk, applied, at, named, noon},
    log::read,
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tallymark_core::Event;
use tallymark_store::{
    Class, Outcome, Retention, Standing, StoreError, StoreUrl,
    outbox::Durability::{Logged, Saved},
};
use tallymark_testbed::Redis;
use uuid::Uuid;

async fn claim_error(url: &str) -> StoreError {
    let store = tallymark_store::open(&StoreUrl::Redis(url.to_owned()), Retention::default()).await.unwrap();
    store.claim(Uuid::new_v4()).await.unwrap_err()
}

#[track_caller]
fn assert_says(err: &StoreError, class: Class, words: &[&str]) {
    assert_eq!(err.class(), class, "{err}");
    for word in words {
        assert!(err.to_string().contains(word), "{word:?} is not in: {err}");
    }
}

#[tokio::test]
async fn an_emptied_server_is_foreign() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let cursor = desk.store.head().await.unwrap();
    bed.cli("FLUSHALL");
    assert_eq!(desk.apply(&[desk.batch(2, &[at("a", noon(), 1)])]).await, [Outcome::Foreign]);
    assert_eq!(bed.cli("DBSIZE"), "0");
    assert_eq!(read(&*desk.store, &cursor, 9).await, None);
    // The next reader makes it a store again, and it is still a different one.
    assert_ne!(desk.store.identity().await.unwrap(), desk.claim.store);
    assert_eq!(desk.apply(&[desk.batch(2, &[])]).await, [Outcome::Foreign]);
    assert_eq!(read(&*desk.store, &cursor, 9).await, None);
}

#[tokio::test]
async fn a_claim_that_went_with_a_lost_tail_is_no_second_claim() {
    let bed = Bed::redis();
    let old = Desk::new(&bed).await;
    let mut desk = Desk::of(&bed, old.claim.instance).await;
    desk.count(&[at("a", noon(), 1)]).await;
    for before in [format!("{}:0", old.claim.nonce), String::new()] {
        if before.is_empty() {
            // The first claim of an instance and the memory of it are one write, and go together.
            bed.cli(&format!("HDEL tallymark:applied {}", desk.claim.instance));
            bed.cli(&format!("HDEL tallymark:store claimed:{}", desk.claim.instance));
        } else {
            bed.cli(&format!("HSET tallymark:applied {} {before}", desk.claim.instance));
        }
        assert_eq!(desk.apply(&[desk.batch(2, &[])]).await, [Outcome::Gap { marker: 0 }]);
    }
    assert!(matches!(desk.apply(&[desk.batch(1, &[])]).await[..], [Outcome::Applied { .. }]));
    assert_eq!(old.apply(&[old.batch(2, &[])]).await, [Outcome::Fenced]);
}

#[tokio::test]
async fn a_full_memory_stops_a_batch_before_any_count() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    bed.cli("CONFIG SET maxmemory 1");
    let batch = desk.batch(1, &[at("a", noon(), 1)]);
    let err = desk.store.apply(&desk.claim, std::slice::from_ref(&batch)).await.unwrap_err();
    assert_says(&err, Class::Refused, &["applying batch 1", "OOM", "maxmemory"]);
    bed.cli("CONFIG SET maxmemory 0");
    assert_eq!(desk.total("a").await, 0);
    assert_eq!(desk.count(&batch.entries).await.0, [1]);
}

#[tokio::test]
async fn a_replica_and_a_failed_snapshot_refuse_a_batch_before_any_count() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let batch = desk.batch(1, &[at("a", noon(), 1)]);
    bed.cli("REPLICAOF 127.0.0.1 1");
    let err = desk.store.apply(&desk.claim, std::slice::from_ref(&batch)).await.unwrap_err();
    assert_says(&err, Class::Refused, &["READONLY", "replica"]);
    bed.cli("REPLICAOF NO ONE");
    bed.cli("CONFIG SET min-replicas-to-write 1");
    let err = desk.store.apply(&desk.claim, std::slice::from_ref(&batch)).await.unwrap_err();
    assert_says(&err, Class::Refused, &["NOREPLICAS"]);
    bed.cli("CONFIG SET min-replicas-to-write 0");
    assert_eq!(desk.count(&batch.entries).await.0, [1]);
}

/// Asked again while a connection to a server that was there before is found broken.
async fn standing(desk: &Desk) -> Standing {
    for _ in 0..20 {
        match desk.store.standing(&desk.claim).await {
            Err(err) if err.class() == Class::Unavailable => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer => return answer.unwrap(),
        }
    }
    panic!("no answer")
}

#[tokio::test]
async fn a_snapshot_counts_only_if_it_was_begun_after_a_look() {
    let mut bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let claimed = |marker, saved| Standing::Claimed { marker, durability: Saved(saved) };
    desk.count(&[at("a", noon(), 1)]).await;
    assert_eq!(standing(&desk).await, claimed(1, 0));
    // The time of the last save has seconds; the start was one.
    let mut now = claimed(1, 0);
    for _ in 0..100 {
        bed.cli("SAVE");
        now = standing(&desk).await;
        if now != claimed(1, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(now, claimed(1, 1));
    desk.count(&[at("a", noon(), 1)]).await;
    assert_eq!(standing(&desk).await, claimed(2, 1));
    let redis = bed.redis.as_mut().unwrap();
    redis.kill9();
    redis.restart();
    assert_eq!(standing(&desk).await, claimed(1, 0));
    // A snapshot for a replica goes to no disk here, and INFO counts it all the same.
    let (replica, port) = (Bed::redis(), bed.server().port());
    replica.cli(&format!("REPLICAOF 127.0.0.1 {port}"));
    tallymark_testbed::wait_until("the replica follows", Duration::from_secs(30), || {
        replica.cli("INFO replication").contains("master_link_status:up")
    });
    assert_eq!(standing(&desk).await, claimed(1, 0));
    // It answers like its master: only a claim shows that it is read-only.
    desk.store = replica.open().await;
    assert_eq!(standing(&desk).await, claimed(1, 0));
    assert_says(&desk.store.claim(desk.claim.instance).await.unwrap_err(), Class::Refused, &["READONLY"]);
}

#[tokio::test]
async fn what_an_append_only_file_has_is_logged() {
    let bed = Bed::on(Redis::builder().appendonly().start());
    let desk = Desk::new(&bed).await;
    let standing = desk.store.standing(&desk.claim).await.unwrap();
    assert_eq!(standing, Standing::Claimed { marker: 0, durability: Logged });
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_found_again() {
    let mut bed = Bed::on(Redis::builder().appendonly().config("appendfsync always").start());
    let mut desk = Desk::new(&bed).await;
    desk.count(&[at("a", noon(), 1)]).await;
    let cursor = desk.store.head().await.unwrap();
    bed.redis.as_mut().unwrap().kill9();
    let batch = desk.batch(2, &[at("a", noon(), 1)]);
    for _ in 0..3 {
        let err = desk.store.apply(&desk.claim, std::slice::from_ref(&batch)).await.unwrap_err();
        assert_says(&err, Class::Unavailable, &["applying batch 2", "redis://127.0.0.1:"]);
    }
    assert!(desk.store.totals(Event::HIT, &[]).await.unwrap().is_empty());
    bed.redis.as_mut().unwrap().restart();
    assert_eq!(desk.apply(&[batch]).await, [applied(&[2])]);
    // The reading connection has not noticed; after being idle for a moment, it checks.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(desk.total("a").await, 2);
    // Another run of the server: its tail may be an older one.
    assert_eq!(read(&*desk.store, &cursor, 9).await, None);
}

#[tokio::test]
async fn wrong_passwords_and_denied_keys_show_at_the_claim() {
    let redis = Redis::start();
    let with = |user: &str| redis.url().replace("redis://", &format!("redis://{user}@"));
    redis.cli(&["ACL", "SETUSER", "all", "on", ">pass", "~*", "+@all"]);
    redis.cli(&[
        "ACL",
        "SETUSER",
        "keys",
        "on",
        ">pass",
        "~repo*",
        "~tallymark*",
        "~changes",
        "~count*",
        "+@all",
    ]);
    let mut of_last_version = vec!["ACL", "SETUSER", "nofunnels", "on", ">pass", "+@all"];
    of_last_version.extend(["~repo*", "~tallymark*", "~changes", "~count*", "~track*", "~names*"]);
    redis.cli(&of_last_version);
    redis.cli(&["ACL", "SETUSER", "nohdel", "on", ">pass", "~*", "+@all", "-hdel"]);
    redis.cli(&["ACL", "SETUSER", "noexpire", "on", ">pass", "~*", "+@all", "-expire"]);
    redis.cli(&["ACL", "SETUSER", "noscript", "on", ">pass", "~*", "+@all", "-@scripting"]);
    let err = claim_error(&with("all:secret")).await;
    assert_says(&err, Class::Refused, &["claiming instance", "***@127.0.0.1", "password"]);
    assert!(!format!("{err} {err:?}").contains("secret"));
    assert_says(&claim_error(&with("keys:pass")).await, Class::Refused, &["HINCRBY track:~probe:hit"]);
    assert_says(&claim_error(&with("nofunnels:pass")).await, Class::Refused, &["HINCRBY funnels:~probe:hit"]);
    assert_says(&claim_error(&with("nohdel:pass")).await, Class::Refused, &["HDEL funnels:~probe:hit"]);
    assert_says(&claim_error(&with("noexpire:pass")).await, Class::Refused, &["EXPIRE track:~probe:hit"]);
    assert_says(&claim_error(&with("noscript:pass")).await, Class::Refused, &["NOPERM"]);
    assert_eq!(redis.cli(&["KEYS", "*"]), "");
    redis.cli(&["ACL", "SETUSER", "default", "off"]);
    assert_says(&claim_error(&redis.url()).await, Class::Refused, &["NOAUTH"]);
}

#[tokio::test]
async fn a_newer_schema_and_what_is_not_ours_is_refused() {
    let redis = Redis::start();
    redis.cli(&[
        "HSET",
        "tallymark:store",
        "uuid",
        &Uuid::new_v4().to_string(),
        "schema",
        "2",
        "partitions",
        "1",
    ]);
    assert_says(&claim_error(&redis.url()).await, Class::Schema, &["newer Tallymark (schema 2;"]);
    redis.cli(&["HSET", "tallymark:store", "schema", "1", "partitions", "128"]);
    assert_says(&claim_error(&redis.url()).await, Class::Schema, &["Cluster"]);
    redis.cli(&["HSET", "tallymark:store", "partitions", "1", "uuid", "x"]);
    assert_says(&claim_error(&redis.url()).await, Class::Data, &["tallymark:store", "UUID"]);
    redis.cli(&["DEL", "tallymark:store"]);
    redis.cli(&["SET", "tallymark:store", "x"]);
    assert_says(&claim_error(&redis.url()).await, Class::Data, &["WRONGTYPE"]);
    let away = claim_error("redis://127.0.0.1:1").await;
    assert_says(&away, Class::Unavailable, &["127.0.0.1:1", "Is Redis running"]);
}

#[tokio::test]
async fn a_server_that_hangs_is_waited_for_once() {
    // It accepts, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let accepted = AtomicUsize::new(0);
    let store = tallymark_store::open(&url.parse().unwrap(), Retention::default()).await.unwrap();
    let serve = async {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
            accepted.fetch_add(1, Ordering::Relaxed);
        }
    };
    let ask = async {
        for _ in 0..3 {
            let err = store.totals(Event::HIT, &[named("a")]).await.unwrap_err();
            assert_eq!(err.class(), Class::Unavailable, "{err}");
        }
    };
    tokio::select! { () = serve => {}, () = ask => {} }
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_damaged_marker_is_refused() {
    let bed = Bed::redis();
    let desk = Desk::new(&bed).await;
    bed.cli(&format!("HSET tallymark:applied {} nonsense", desk.claim.instance));
    let err = desk.store.apply(&desk.claim, &[desk.batch(1, &[])]).await.unwrap_err();
    assert_says(&err, Class::Data, &["tallymark:applied", "nonsense"]);
    let err = desk.store.claim(desk.claim.instance).await.unwrap_err();
    assert_says(&err, Class::Data, &["tallymark:applied", "nonsense"]);
}

#[tokio::test]
async fn a_trimmed_log_is_lost_and_a_forgotten_script_is_sent_again() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let empty = desk.store.head().await.unwrap();
    desk.count(&[at("a", noon(), 1)]).await;
    let first = desk.store.head().await.unwrap();
    bed.cli("SCRIPT FLUSH");
    desk.count(&[at("b", noon(), 1)]).await;
    desk.count(&[at("c", noon(), 1)]).await;
    let head = desk.store.head().await.unwrap();
    assert_eq!(read(&*desk.store, &first, 9).await.unwrap().0, ["hit b", "hit c"]);
    bed.cli("XTRIM changes MAXLEN 1");
    assert_eq!(read(&*desk.store, &first, 9).await, None);
    assert_eq!(read(&*desk.store, &empty, 9).await, None);
    assert!(read(&*desk.store, &head, 9).await.is_some());
    bed.cli("XTRIM changes MAXLEN 0");
    assert_eq!(read(&*desk.store, &first, 9).await, None);
    assert!(read(&*desk.store, &head, 9).await.is_some());
    bed.cli("DEL changes");
    assert_eq!(read(&*desk.store, &head, 9).await, None);
}

#[tokio::test]
async fn old_entries_leave_the_log() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    // Full nodes of the stream go as a whole, so it takes some.
    for n in 1..=250 {
        bed.cli(&format!("XADD changes {n}-0 hit old"));
    }
    desk.count(&[at("a", noon(), 1)]).await;
    let left: u64 = bed.cli("XLEN changes").parse().unwrap();
    assert!(left < 100, "{left}");
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_let_the_log_grow_for_ever() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let fill = "for n = 1, 10500 do redis.call('XADD', 'changes', ARGV[1] .. '-' .. n, 'hit', 'old') end";
    bed.server().cli(&["EVAL", fill, "0", "4000000000000"]);
    desk.count(&[at("a", noon(), 1)]).await;
    let left: u64 = bed.cli("XLEN changes").parse().unwrap();
    assert!((10_000..10_200).contains(&left), "{left}");
}

#[tokio::test]
async fn a_page_that_never_was_is_refused() {
    let bed = Bed::redis();
    let err = bed.open().await.names(Event::HIT, Some("x"), 9).await.unwrap_err();
    assert_says(&err, Class::Request, &["listing the names of hit"]);
}

/// Deleted keys differ from a lost tail: the counts are there, so nothing may be sent again.
#[tokio::test]
async fn deleted_markers_and_identities_halt_until_they_are_adopted() {
    let bed = Bed::redis();
    let mut desk = Desk::new(&bed).await;
    let instance = desk.claim.instance;
    desk.count(&[at("a", noon(), 5)]).await;
    let identity = desk.claim.store.to_string();
    for (at_seq, delete) in [
        (1, "DEL tallymark:applied".to_owned()),
        (1, format!("HDEL tallymark:applied {instance}")),
        (1, "DEL tallymark:store".to_owned()),
        (1, "HDEL tallymark:store uuid".to_owned()),
    ] {
        let key = if delete.contains("applied") { "tallymark:applied" } else { "tallymark:store" };
        bed.cli(&delete);
        let says = [key, "deleted or evicted", "tallymark store adopt"];
        for seq in [at_seq, at_seq + 1] {
            let batch = desk.batch(seq, &[at("a", noon(), 1)]);
            assert_says(&desk.store.apply(&desk.claim, &[batch]).await.unwrap_err(), Class::Data, &says);
        }
        assert_says(&desk.store.standing(&desk.claim).await.unwrap_err(), Class::Data, &says);
        assert_says(&desk.store.claim(instance).await.unwrap_err(), Class::Data, &says);
        // Nor does a new instance begin, unless its own marker and the identity are there.
        if !delete.starts_with("HDEL tallymark:applied") {
            assert_says(&desk.store.claim(Uuid::new_v4()).await.unwrap_err(), Class::Data, &says);
        }
        if key == "tallymark:store" {
            assert_says(&desk.store.identity().await.unwrap_err(), Class::Data, &says);
            assert_ne!(desk.store.adopt(Some((instance, 1))).await.unwrap(), desk.claim.store);
            bed.cli(&format!("HSET tallymark:store uuid {identity} claimed:{instance} 1"));
        } else {
            assert_eq!(desk.store.adopt(Some((instance, 1))).await.unwrap(), desk.claim.store, "{delete}");
        }
        // The claim from before is good, and so is a new one.
        let batch = desk.batch(1, &[at("a", noon(), 1)]);
        assert_eq!(desk.apply(&[batch]).await, [Outcome::Duplicate], "{delete}");
        assert_eq!(desk.store.claim(instance).await.unwrap().marker, 1);
        desk.claim = desk.store.claim(instance).await.unwrap();
        assert_eq!(desk.total("a").await, 5);
    }
}

#[tokio::test]
async fn an_eviction_that_is_switched_on_or_off_is_noticed() {
    let bed = Bed::redis();
    let desk = Desk::new(&bed).await;
    for (policy, warns) in
        [("allkeys-lru", true), ("volatile-ttl", true), ("allkeys-random", true), ("noeviction", false)]
    {
        bed.cli(&format!("CONFIG SET maxmemory-policy {policy}"));
        standing(&desk).await;
        let warnings = desk.store.warnings().join("\n");
        assert_eq!(warnings.contains(policy), warns, "{warnings}");
        assert_eq!(
            warnings.contains("redis-cli config set maxmemory-policy noeviction"),
            warns,
            "{warnings}"
        );
    }
}
