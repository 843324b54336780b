//! Corrections while hits come in, by the command and the API at once: every hit is counted, or taken away by a correction
//! that says so, on every level of time.

use crate::{
    common::{Kind, PATIENCE, Place, stop},
    corrections::post,
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};
use tallymark_core::{Event, Name};
use tallymark_ingest::source::now;
use tallymark_store::{Retention, Step, StoreUrl};
use tallymark_testbed::{Redis, http, wait_until};

const TOKEN: &str = "[http]\ntokens = [\"a-token-of-sixteen\"]\n";

/// What the store has of a name: its total, and the sums of its last days, hours and minutes.
fn levels(place: &Place, redis: Option<&Redis>, name: &str) -> [i64; 4] {
    let url = match redis {
        Some(redis) => StoreUrl::Redis(redis.url()),
        None => StoreUrl::Sqlite(place.data_dir().join("tallymark.db")),
    };
    let name = if name == "~all" { Name::all() } else { Name::new(name).unwrap() };
    let read = async {
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        let mut levels = [store.total(Event::HIT, &name).await.unwrap(), 0, 0, 0];
        let today = now().day().0;
        for (at, (step, width)) in
            [(Step::Day, 1), (Step::Hour, 24), (Step::Minute, 1440)].into_iter().enumerate()
        {
            let (from, to) = ((today - 1) * width, (today + 1) * width);
            let series = store.series(Event::HIT, &name, step, from, to).await.unwrap();
            levels[at + 1] = series.iter().map(|(_, count)| count).sum();
        }
        levels
    };
    tokio::runtime::Runtime::new().unwrap().block_on(read)
}

/// By how much all corrections have changed the totals of hits.
fn corrected(place: &Place) -> i64 {
    let past = place.run(&["corrections", "--limit", "1000", "--json"]).json();
    let parts = past.as_array().unwrap().iter().flat_map(|past| past["parts"].as_array().unwrap());
    let changed = parts.flat_map(|part| part["changed"].as_array().unwrap());
    changed.map(|of| of["after"].as_i64().unwrap_or(0) - of["before"].as_i64().unwrap_or(0)).sum()
}

fn nothing_is_lost_or_taken_twice(kind: &Kind) {
    let mut place = kind.place();
    place.configure(TOKEN);
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    for _ in 0..200 {
        place.hit("hot");
    }
    wait_until("the hits are in the store", PATIENCE, || place.total("hot") >= 200);
    let (done, place_of) = (AtomicBool::new(false), &place);
    let sent = thread::scope(|scope| {
        let hits = scope.spawn(|| {
            let mut sent = 200;
            while !done.load(Ordering::Acquire) {
                place_of.hit("hot");
                sent += 1;
                thread::sleep(Duration::from_millis(2));
            }
            sent
        });
        let api: Vec<_> = (0..4)
            .map(|n| {
                scope.spawn(move || {
                    let add = json!({"action": "add", "name": "hot", "count": -7});
                    let (status, answer) = post(place_of, &format!("key {n}"), &add);
                    assert_eq!(status, 200, "{answer}");
                })
            })
            .collect();
        for _ in 0..3 {
            place.run(&["add", "hot", "-1"]).good();
        }
        api.into_iter().for_each(|one| one.join().unwrap());
        place.run(&["set", "hot", "50"]).good();
        let (status, answer) = post(place_of, "reset", &json!({"action": "reset", "name": "hot"}));
        assert_eq!(status, 200, "{answer}");
        place.run(&["rename", "hot", "cold"]).good();
        done.store(true, Ordering::Release);
        hits.join().unwrap()
    });
    stop(&mut daemon);
    let redis = match kind {
        Kind::Sqlite => None,
        Kind::Redis(redis) => Some(&**redis),
    };
    let [hot, cold, all] = ["hot", "cold", "~all"].map(|name| levels(&place, redis, name));
    assert_eq!((hot, cold, all), ([hot[0]; 4], [cold[0]; 4], [hot[0] + cold[0]; 4]));
    assert_eq!(all[0] - sent, corrected(&place));
}

#[test]
fn nothing_is_lost_or_taken_twice_in_both_stores() {
    for kind in Kind::both() {
        nothing_is_lost_or_taken_twice(&kind);
    }
}

/// Hours and minutes reach Redis up to a minute after the total.
#[test]
fn no_minute_comes_behind_the_correction_of_its_name() {
    let redis = Redis::start();
    let mut place = Place::with_store(redis.url());
    place.configure(TOKEN);
    let mut daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    for name in ["gh/del", "gh/ren", "gh/api"] {
        (0..20).for_each(|_| _ = place.hit(name));
        wait_until("the hits are in the store", PATIENCE, || place.total(name) == 20);
    }
    let (status, answer) = post(&place, "one", &json!({"action": "delete", "name": "gh/api"}));
    assert_eq!(status, 200, "{answer}");
    place.run(&["delete", "gh/del"]).good();
    place.run(&["rename", "gh/ren", "gh/new"]).good();
    stop(&mut daemon);
    assert_eq!(redis.cli(&["KEYS", "track:gh%2F[dra]*"]).trim(), "");
    for name in ["gh/new", "~all"] {
        assert_eq!(levels(&place, Some(&redis), name), [20; 4]);
    }
    assert_eq!(redis.cli(&["EXISTS", "tallymark:owed"]).trim(), "0", "a stop writes what is there");
}

/// What a killed daemon has held back is not corrected, and that is said.
#[test]
fn a_daemon_that_was_killed_is_not_waited_for_for_ever() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    // What is counted before goes to Redis whole.
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    place.hit("o/r");
    wait_until("the hit is in the store", PATIENCE, || place.total("o/r") == 1);
    daemon.kill9();
    let ran = place.run(&["delete", "o/r"]);
    assert!(ran.stderr.contains("holds back hours and minutes"), "{ran:?}");
    assert_eq!(place.total("o/r"), 0);
}
