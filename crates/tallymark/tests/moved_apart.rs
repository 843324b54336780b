//! `store copy` when a store goes away meanwhile, when a daemon will never write what it holds back, and when two copies want
//! the same store.

use crate::common::{PATIENCE, Place, Ran, program, run, stop};
use serde_json::Value;
use std::thread;
use tallymark_testbed::{Daemon, Redis, wait_until};

fn args(place: &Place, from: &str, to: &str, more: &[&str]) -> Vec<String> {
    let dir = place.data_dir().display().to_string();
    let all = [&["store", "copy", from, to, "--data-dir", &dir][..], more].concat();
    all.into_iter().map(str::to_owned).collect()
}

fn copy(place: &Place, from: &str, to: &str, more: &[&str]) -> Ran {
    run(&args(place, from, to, more).iter().map(String::as_str).collect::<Vec<_>>())
}

/// A copy that has caught up with a daemon that counts.
fn following(place: &Place, from: &str, to: &str) -> Daemon {
    let mut copy = Daemon::builder(program()).args(args(place, from, to, &[])).start();
    copy.wait_for_line(|line| line.contains("caught up"), PATIENCE);
    copy
}

/// The names of a store and their totals, as another data directory sees it.
fn totals(url: &str) -> Vec<(String, u64)> {
    let elsewhere = Place::new();
    let said = elsewhere.run(&["export", "jsonl", "-", "--store", url]).good();
    let records = said.lines().filter_map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        (record["event"] == "hit")
            .then(|| (record["name"].as_str().unwrap().to_owned(), record["total"].as_u64().unwrap()))
    });
    records.collect()
}

/// Redis to Redis, each of which is stopped for a moment.
#[test]
fn a_redis_that_is_restarted_does_not_end_a_copy() {
    let (mut old, mut new) = (Redis::builder().appendonly().start(), Redis::builder().appendonly().start());
    let mut place = Place::with_store(old.url());
    let mut daemon = place.serve();
    for n in 0..30 {
        place.hit(&format!("o/{n}"));
    }
    wait_until("all is in the store", PATIENCE, || place.total("~all") == 30);
    let mut copy = following(&place, &old.url(), &new.url());
    let told = |copy: &Daemon, what: &str| copy.stderr().matches(what).count();
    old.stop();
    wait_until("it waits", PATIENCE, || told(&copy, "does not answer: the copy goes on") == 1);
    old.restart();
    wait_until("it goes on", PATIENCE, || told(&copy, "answers again") == 1);
    place.hit("o/1");
    wait_until("that is in the store", PATIENCE, || place.total("o/1") == 2);
    new.stop();
    place.hit("o/2");
    wait_until("this, too", PATIENCE, || place.total("o/2") == 2);
    new.restart();
    place.store_at(&new.url());
    stop(&mut daemon);
    let mut daemon = place.serve();
    assert!(copy.wait(PATIENCE).success(), "{}", copy.stderr());
    place.hit("o/3");
    stop(&mut daemon);
    let all = totals(&new.url());
    let twice: Vec<&str> =
        all.iter().filter(|(_, total)| *total == 2).map(|(name, _)| name.as_str()).collect();
    assert_eq!((all.len(), twice), (31, vec!["o/1", "o/2", "o/3"]));
    assert_eq!(all.last(), Some(&("~all".to_owned(), 33)));
}

/// An emptied store is no store whose names were deleted.
#[test]
fn a_redis_that_is_emptied_takes_nothing_away_from_its_copy() {
    let redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    for n in 0..30 {
        place.hit(&format!("o/{n}"));
    }
    wait_until("all is in the store", PATIENCE, || place.total("~all") == 30);
    let to = format!("sqlite:{}", place.dir().join("copy.db").display());
    let mut copy = following(&place, &redis.url(), &to);
    redis.cli(&["FLUSHALL"]);
    wait_until("it is noticed", PATIENCE, || copy.stderr().contains("it was emptied"));
    copy.kill9();
    assert_eq!(totals(&to).iter().filter(|(name, _)| name.starts_with("o/")).count(), 30);
    daemon.kill9();
}

#[test]
fn a_daemon_that_is_gone_for_good_holds_no_copy_up() {
    let redis = Redis::builder().appendonly().start();
    let (gone, place) = (Place::with_store(redis.url()), Place::with_store(redis.url()));
    let mut daemon = gone.serve();
    gone.hit("o/r");
    // What it holds back is in its data directory alone.
    wait_until("it is in the store", PATIENCE, || gone.total("o/r") == 1);
    daemon.kill9();
    let to = format!("sqlite:{}", place.dir().join("copy.db").display());
    if redis.cli(&["HLEN", "tallymark:owed"]).trim() == "0" {
        // The minute was over just then, and it was written.
        return;
    }
    copy(&place, &redis.url(), &to, &[])
        .refused(1, &["1 daemon held back hours and minutes", "--without-held-back copies the rest"]);
    let said = copy(&place, &redis.url(), &to, &["--without-held-back"]).good();
    assert!(said.contains("copied 1 counter with 1 in all"), "{said}");
    assert_eq!(totals(&to), [("o/r".to_owned(), 1), ("~all".to_owned(), 1)]);
    let shown = Place::new().run(&["show", "o/r", "--json", "--store", &to]).json();
    assert_eq!((&shown["total"], &shown["today"]), (&1.into(), &1.into()));
}

#[test]
fn of_two_copies_into_one_store_at_most_one_ends_well_and_is_whole() {
    let redis = Redis::builder().appendonly().start();
    let places = [Place::new(), Place::new()];
    let urls =
        places.each_ref().map(|place| format!("sqlite:{}", place.data_dir().join("tallymark.db").display()));
    for (at, place) in places.iter().enumerate() {
        for n in 1..8 {
            place.run(&["import", "badge", &n.to_string(), "--name", &format!("place{at}/{n}")]).good();
        }
    }
    let before = urls.each_ref().map(|url| totals(url));
    let ran = thread::scope(|threads| {
        let copies = [0, 1].map(|at| {
            let (place, from, to) = (&places[at], &urls[at], redis.url());
            threads.spawn(move || copy(place, from, &to, &[]))
        });
        copies.map(|copy| copy.join().unwrap())
    });
    let well: Vec<usize> = [0, 1].into_iter().filter(|&at| ran[at].code == Some(0)).collect();
    assert!(well.len() <= 1, "both say that all is there");
    for (at, ran) in ran.iter().enumerate().filter(|(at, _)| !well.contains(at)) {
        ran.refused(1, &["mpty store"]);
        assert_eq!(totals(&urls[at]), before[at], "the old store is as it was");
    }
    if let [at] = well[..] {
        assert_eq!(totals(&redis.url()), before[at]);
    }
}
