//! `/api/v1` of the running daemon, on both stores: what is sent is counted once and can be read back.

use crate::common::{Kind, PATIENCE, Place, stop};
use serde_json::{Value, json};
use std::{sync::atomic::AtomicU64, sync::atomic::Ordering, thread, time::Duration};
use tallymark_testbed::{Fault, FaultProxy, Redis, http, wait_until};

const CONFIG: &str = "[http]\ntokens = [\"a-token-of-sixteen\"]\n";

/// Sends items, and returns status and body.
fn post(place: &Place, key: Option<&str>, items: &Value) -> (u16, Value) {
    let mut headers =
        vec![("Authorization", "Bearer a-token-of-sixteen"), ("Content-Type", "application/json")];
    headers.extend(key.map(|key| ("Idempotency-Key", key)));
    let answer = http::request("POST", place.addr(), "/api/v1/hits", &headers, items.to_string().as_bytes());
    (answer.status, serde_json::from_str(answer.text()).unwrap())
}

fn get(place: &Place, path: &str) -> Value {
    let answer = http::get(place.addr(), path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

fn ready(place: &Place) {
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
}

fn configured(kind: &Kind) -> Place {
    let mut place = kind.place();
    place.configure(CONFIG);
    place
}

#[test]
fn a_key_counts_once_over_repetition_crowd_and_kill() {
    for kind in Kind::both() {
        let place = configured(&kind);
        let mut daemon = place.serve();
        ready(&place);
        // More names than a batch has.
        let items: Vec<Value> = (0..2500).map(|n| json!({"name": format!("n/{n:04}"), "count": 2})).collect();
        let items = Value::from(items);
        let counted = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    // They take turns, so none gives up.
                    let (status, answer) = post(&place, Some("crowd"), &items);
                    assert_eq!(status, 200, "{answer}");
                    counted.fetch_add(u64::from(answer["duplicate"] == false), Ordering::Relaxed);
                });
            }
        });
        assert!(counted.into_inner() <= 1);
        assert_eq!(post(&place, Some("crowd"), &json!([{"name": "other"}])).0, 422);
        daemon.kill9();
        let mut daemon = place.serve();
        ready(&place);
        let (status, answer) = post(&place, Some("crowd"), &items);
        assert_eq!((status, &answer["duplicate"], &answer["accepted"]), (200, &json!(true), &json!(2500)));
        // Another body under this key is refused, by a process that never saw the first one too, however long it is.
        let other = |from: usize, to: usize| {
            Value::from((from..to).map(|n| json!({"name": format!("o/{n:04}")})).collect::<Vec<_>>())
        };
        for body in [other(0, 1), other(0, 2500), other(0, 3500)] {
            assert_eq!(post(&place, Some("crowd"), &body).0, 422, "{kind:?}");
        }
        let summary = get(&place, "/api/v1/summary");
        assert_eq!((&summary["total"], &summary["names"]), (&json!(5000), &json!(2500)), "{kind:?}");
        assert_eq!(get(&place, "/api/v1/counters/n%2F2499")["total"], 2);
        stop(&mut daemon);
        assert_eq!(place.total("n/0000"), 2);
    }
}

#[test]
fn two_daemons_on_one_redis_know_the_body_of_each_others_keys() {
    let redis = Redis::start();
    let places = [0, 1].map(|_| {
        let mut place = Place::with_store(redis.url());
        place.configure(CONFIG);
        place
    });
    let mut daemons = places.each_ref().map(Place::serve);
    places.iter().for_each(ready);
    let (one, other) = (json!([{"name": "a/a"}]), json!([{"name": "b/b"}]));
    assert_eq!(post(&places[0], Some("k"), &one).0, 200);
    assert_eq!(post(&places[1], Some("k"), &other).0, 422);
    let (status, answer) = post(&places[1], Some("k"), &one);
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)));
    daemons.iter_mut().for_each(stop);
    assert_eq!((places[0].total("a/a"), places[0].total("~all")), (1, 1));
}

#[test]
fn what_was_answered_is_there_for_everybody() {
    for kind in Kind::both() {
        let place = configured(&kind);
        let mut daemon = place.serve();
        ready(&place);
        assert_eq!(place.hit("o/r"), 1);
        for sent in 1..=3 {
            let old = json!({"name": "o/r", "time": "2001-09-09T01:46:40Z", "count": 10});
            assert_eq!(post(&place, None, &json!([{"name": "o/r"}, old])).0, 200);
            let counter = get(&place, "/api/v1/counters/o/r");
            assert_eq!(counter["total"], 1 + 11 * sent, "{kind:?}");
            assert_eq!(counter["today"], 1 + sent);
            assert_eq!(place.hit("o/r&count=false"), 1 + 11 * sent);
        }
        // Whatever is counted is kept from now on, however old it is.
        let path = "/api/v1/counters/o/r/series?step=hour&from=2001-09-09T01:00:00Z&to=2001-09-09T01:59:00Z";
        assert_eq!(get(&place, path)["count"], 30, "{kind:?}");
        let path = "/api/v1/counters/o/r/series?from=2001-09-09&to=2001-09-09T12:00:00Z";
        assert_eq!(get(&place, path)["count"], 30);
        assert_eq!(
            get(&place, "/api/v1/counters/o/r/series?step=month&from=2001-01-01&to=2001-12-31")["count"],
            30
        );
        wait_until("the badge is published", PATIENCE, || place.published("o/r") == Some(34));
        // Every name once, in whatever order the store has.
        let mut names = Vec::new();
        assert_eq!(
            post(&place, None, &Value::from_iter((0..300).map(|n| json!({"name": format!("m{n}")})))).0,
            200
        );
        assert_eq!(place.metrics().get("tallymark_names"), 301);
        let mut path = "/api/v1/counters?limit=50&prefix=m".to_owned();
        loop {
            let page = get(&place, &path);
            assert!(page["counters"].as_array().unwrap().len() <= 50, "{kind:?}");
            names.extend(page["counters"].as_array().unwrap().iter().map(|row| row["name"].to_string()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/counters?limit=50&prefix=m&after={next}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 300, "{kind:?}");
        assert_eq!(
            http::get(place.addr(), "/api/v1/counters?after=00").status,
            if matches!(kind, Kind::Redis(_)) { 400 } else { 200 }
        );
        stop(&mut daemon);
    }
}

#[test]
fn limits_refuse_the_whole_request() {
    let mut place = Place::new();
    place.configure(&format!("{CONFIG}[limits]\nnames = 10\nbody-bytes = \"512KiB\"\n"));
    let mut daemon = place.serve();
    ready(&place);
    let names = |count: usize| Value::from_iter((0..count).map(|n| json!({"name": format!("{n}")})));
    assert_eq!(post(&place, Some("a"), &names(11)).0, 422);
    assert_eq!(post(&place, None, &names(11)).0, 422);
    assert_eq!(post(&place, None, &names(10)).0, 200);
    assert_eq!(post(&place, None, &names(10)).0, 200);
    assert_eq!(post(&place, None, &names(10_001)).0, 400);
    assert_eq!(post(&place, None, &names(40_000)).0, 413);
    assert_eq!(get(&place, "/api/v1/summary")["total"], 20);
    let answer = http::request("POST", place.addr(), "/api/v1/hits", &[], b"[]");
    assert_eq!(answer.status, 401);
    stop(&mut daemon);
}

/// The store counts and its answer is lost: the outcome is unknown, and with the key it is still counted once.
#[test]
fn a_lost_answer_of_redis_is_found_again() {
    let redis = Redis::builder().appendonly().start();
    let proxy = FaultProxy::start(redis.addr());
    let mut place = Place::with_store(format!("redis://{}/0", proxy.addr()));
    place.configure(CONFIG);
    let mut daemon = place.serve();
    ready(&place);
    for round in 0..5 {
        let key = format!("round {round}");
        proxy.set(Fault::CutReplies { after: round });
        let first = post(&place, Some(&key), &json!([{"name": "x"}]));
        proxy.set(Fault::Pass);
        proxy.cut();
        assert!(matches!(first.0, 200 | 503), "{first:?}");
        wait_until("it is counted", PATIENCE, || {
            thread::sleep(Duration::from_millis(100));
            post(&place, Some(&key), &json!([{"name": "x"}])).0 == 200
        });
    }
    wait_until("it reads again", PATIENCE, || http::get(place.addr(), "/api/v1/counters/x").status == 200);
    assert_eq!(get(&place, "/api/v1/counters/x")["total"], 5);
    stop(&mut daemon);
}

/// Between two ticks the writer does not ask the store, so it has not noticed the emptied one yet.
#[test]
fn an_emptied_redis_is_handed_nothing() {
    let kind = Kind::Redis(Box::new(Redis::builder().appendonly().start()));
    let Kind::Redis(redis) = &kind else { unreachable!() };
    let place = configured(&kind);
    let mut daemon = place.serve();
    ready(&place);
    assert_eq!(post(&place, None, &json!([{"name": "a/b"}])).0, 200);
    redis.cli(&["FLUSHALL"]);
    for key in [None, Some("one"), Some("one")] {
        let (status, answer) = post(&place, key, &json!([{"name": "a/b"}]));
        assert_eq!(status, 503, "{answer}");
        assert!(answer.to_string().contains("nothing was counted"), "{answer}");
    }
    assert_eq!(redis.cli(&["EXISTS", "repo:a%2Fb"]), "0");
    let said = daemon.stderr();
    assert!(said.contains("not the store that the counts of this daemon belong to"), "{said}");
    stop(&mut daemon);
}

#[test]
fn statuses_are_in_the_store_with_their_hits_and_the_lines_add_up() {
    let redis = Redis::start();
    let mut place = Place::with_store(redis.url());
    place.configure(CONFIG);
    let mut daemon = place.serve();
    ready(&place);
    let order = |status: &str| json!({"name": "acme", "event": "order", "status": status, "time": "2026-01-31T12:00:00Z"});
    let items = json!([order("closed"), order("closed"), order("draft"), order("~overflow"), {"name": ""}]);
    for duplicate in [false, true] {
        let (status, answer) = post(&place, Some("orders"), &items);
        assert_eq!((status, &answer["duplicate"]), (200, &json!(duplicate)), "{answer}");
    }
    assert_eq!(redis.cli(&["HMGET", "funnels:acme:order:2026:1", "closed", "draft"]), "2\n1");
    assert_eq!(redis.cli(&["HGET", "funnels:~all:order:2026", "closed"]), "2");
    let metrics = place.metrics();
    assert_eq!(metrics.lines("api"), [10, 3, 7, 0]);
    let reasons =
        [("duplicate", 3), ("noname", 2), ("status", 2)].map(|(reason, count)| (reason.to_owned(), count));
    assert_eq!(metrics.rejected("api"), reasons.into());
    stop(&mut daemon);
}
