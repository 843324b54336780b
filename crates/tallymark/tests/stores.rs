//! The store goes wrong under a daemon, or is another one at its next start: nothing is counted twice, begun again from
//! zero or lost without a word.

mod common;

use common::{PATIENCE, Place, line, stop};
use tallymark_testbed::{Redis, http, wait_until};

fn readyz(place: &Place) -> (u16, String) {
    let answer = http::get(place.addr(), "/readyz");
    (answer.status, answer.text().to_owned())
}

#[track_caller]
fn wait_ready(place: &Place) {
    wait_until("it is ready", PATIENCE, || readyz(place).0 == 200);
}

#[track_caller]
fn wait_says(place: &Place, words: &[&str]) {
    wait_until(&format!("readyz says {words:?}"), PATIENCE, || {
        let (_, text) = readyz(place);
        words.iter().all(|word| text.contains(word))
    });
}

/// Sends hits, and waits until they are accepted.
fn send(place: &Place, hits: u64) {
    let before = place.metrics().lines("syslog-udp")[1];
    let mut syslog = place.syslog();
    for _ in 0..hits {
        syslog.send(line("a%2Fa").as_bytes());
    }
    wait_until("they are accepted", PATIENCE, || place.metrics().lines("syslog-udp")[1] >= before + hits);
}

#[track_caller]
fn wait_total(place: &Place, total: u64) {
    wait_until("they are in the store", PATIENCE, || place.total("a/a") >= total);
    assert_eq!(place.total("a/a"), total);
}

#[test]
fn deleted_keys_of_ours_halt_the_daemon_and_adopting_counts_each_hit_once() {
    let redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    let mut sent = 0;
    for (key, restart) in [("applied", false), ("store", false), ("applied", true), ("store", true)] {
        send(&place, 500);
        sent += 500;
        wait_total(&place, sent);
        redis.cli(&["DEL", &format!("tallymark:{key}")]);
        wait_says(&place, &[&format!("tallymark:{key} was deleted or evicted"), "tallymark store adopt"]);
        send(&place, 7);
        sent += 7;
        if restart {
            stop(&mut daemon);
            daemon = place.serve();
            wait_says(&place, &[&format!("tallymark:{key} was deleted or evicted")]);
        }
        assert_eq!(redis.cli(&["GET", "repo:a%2Fa"]), (sent - 7).to_string());
        place.run(&["store", "adopt"]).good();
        wait_ready(&place);
        wait_total(&place, sent);
    }
    stop(&mut daemon);
    assert_eq!(place.total("~all"), sent);
}

#[test]
fn eviction_that_is_switched_on_under_a_daemon_is_told_with_what_helps() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = place.serve();
    wait_ready(&place);
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let helps = "redis-cli config set maxmemory-policy noeviction";
    wait_says(&place, &["degraded", "allkeys-lru", helps]);
    assert_eq!(readyz(&place).0, 200, "it counts all the same");
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    wait_until("it is well again", PATIENCE, || !readyz(&place).1.contains("maxmemory"));
    stop(&mut daemon);
    assert!(daemon.stderr().contains(helps), "{}", daemon.stderr());
}
