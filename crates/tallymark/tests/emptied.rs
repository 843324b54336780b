//! The Redis behind a running daemon is emptied or exchanged: nothing over HTTP shows the numbers of a store that is not
//! ours, and no like is answered as if it had never been.

use crate::common::{PATIENCE, Place, stop};
use tallymark_testbed::{FaultProxy, Redis, http, wait_until};

const PERSON: (&str, &str) =
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");

fn get(place: &Place, path: &str) -> (u16, String) {
    let answer = http::request("GET", place.addr(), path, &[PERSON], b"");
    (answer.status, answer.text().to_owned())
}

fn press(place: &Place, action: &str) -> (u16, String) {
    let origin = format!("http://{}", place.addr());
    let path = format!("/v1/like/o/r/{action}?lang=en");
    let answer = http::request("POST", place.addr(), &path, &[PERSON, ("Origin", &origin)], b"");
    (answer.status, answer.text().to_owned())
}

/// A daemon with a hit, a visit and a like of `o/r` in its store.
fn counted(place: &Place) -> tallymark_testbed::Daemon {
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || get(place, "/readyz").0 == 200);
    // The first like of a new store is one like any other.
    let (status, page) = press(place, "add");
    assert!(status == 200 && page.contains("Like Success!"), "{status} {page}");
    get(place, "/v1/o/r");
    wait_until("the view is in the store", PATIENCE, || place.total("o/r") == 1);
    assert!(get(place, "/v1/o/r?count=false&lang=en").1.contains("1 visit"));
    daemon
}

const PAGES: [&str; 3] = ["/", "/repo/o/r", "/name?name=o%2Fr"];
const JSON: [&str; 4] =
    ["/api/v1/counters/o/r", "/api/v1/counters/o/r/visits?event=visit", "/api/v1/summary", "/badge/o/r.json"];

/// What every route answers while the store is not ours: the same as while it is down.
fn shows_no_number_of_another_store(place: &Place) {
    let likes = get(place, "/v1/like/o/r?lang=en");
    let both = get(place, "/v1/o/r?count=false&lang=en");
    for (status, panel) in [likes, both] {
        assert!(status == 200 && panel.contains("No numbers now"), "{panel}");
        assert!(!panel.contains("0 likes") && !panel.contains("0 visits"), "{panel}");
    }
    for path in ["/badge/o/r.svg?count=false", "/badge/o/new.svg?count=false"] {
        let (status, badge) = get(place, path);
        assert!(status == 200 && badge.contains(">counting<"), "{path}: {badge}");
    }
    for path in PAGES {
        assert_eq!(get(place, path).0, 503, "{path}");
    }
    for path in JSON {
        let (status, body) = get(place, path);
        assert_eq!(status, 503, "{path}: {body}");
    }
    for action in ["remove", "add"] {
        let (status, page) = press(place, action);
        assert!(status == 503 && page.contains("Temporarily unavailable"), "{action}: {status} {page}");
    }
}

/// From the first moment on, before anybody has noticed: the last numbers or none, and never a 0.
fn shows_no_zero(place: &Place) {
    wait_until("it is noticed, without a 0", PATIENCE, || {
        for path in [
            "/v1/like/o/r?lang=en",
            "/v1/o/r?count=false&lang=en",
            "/badge/o/r.svg?count=false",
            "/badge/o/r.json",
        ] {
            let (_, shown) = get(place, path);
            for zero in ["0 likes", "0 visits", "hits: 0", "\"total\":0"] {
                assert!(!shown.contains(zero), "{path}: {shown}");
            }
        }
        get(place, "/readyz").0 == 503
    });
}

#[test]
fn an_emptied_redis_is_shown_like_one_that_is_down() {
    let redis = Redis::start();
    let place = Place::with_store(redis.url());
    let mut daemon = counted(&place);
    redis.cli(&["FLUSHALL"]);
    shows_no_zero(&place);
    // It has not been noticed yet: the like was answered, so it is not denied.
    let (status, page) = press(&place, "remove");
    assert_eq!(status, 503, "{page}");
    // A badge that was drawn in between shows none of its numbers later.
    get(&place, "/badge/o/r.svg");
    shows_no_number_of_another_store(&place);
    assert_eq!(redis.cli(&["EXISTS", "repo:o%2Fr"]), "0");
    // The operator decides to go on with it.
    let said = place.run(&["store", "adopt"]).good();
    assert!(said.contains("Likes that this store does not have are lost"), "{said}");
    wait_until("it is ready", PATIENCE, || get(&place, "/readyz").0 == 200);
    assert_eq!(get(&place, "/repo/o/r").0, 200);
    let (status, page) = press(&place, "add");
    assert!(status == 200 && page.contains("Like Success!"), "{status} {page}");
    stop(&mut daemon);
}

#[test]
fn a_foreign_redis_is_not_shown_and_the_right_one_is_shown_again() {
    let (redis, other) = (Redis::start(), Redis::start());
    let proxy = FaultProxy::start(redis.addr());
    let place = Place::with_store(format!("redis://{}", proxy.addr()));
    let mut daemon = counted(&place);
    {
        let stranger = Place::with_store(other.url());
        let mut daemon = counted(&stranger);
        stop(&mut daemon);
    }
    proxy.fail_over(other.addr());
    shows_no_zero(&place);
    shows_no_number_of_another_store(&place);
    proxy.fail_over(redis.addr());
    wait_until("it is ready", PATIENCE, || get(&place, "/readyz").0 == 200);
    assert!(get(&place, "/v1/like/o/r?lang=en").1.contains("1 like"));
    let (status, page) = press(&place, "remove");
    assert!(status == 200 && page.contains("Your like was taken back"), "{status} {page}");
    stop(&mut daemon);
}
