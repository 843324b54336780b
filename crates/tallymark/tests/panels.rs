//! Panels over HTTP on both stores: snow-trace's addresses, what a view and a like count, and what neither must do.

use crate::common::{
    Kind, PATIENCE, Place,
    pictures::{hostile_names, picture},
    stop,
};
use std::time::Duration;
use tallymark_testbed::{http, wait_until};

const PERSON: (&str, &str) =
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
const NAVIGATES: [(&str, &str); 3] =
    [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-User", "?1")];

/// A daemon that has met its store.
fn ready(place: &Place) -> tallymark_testbed::Daemon {
    let daemon = place.serve();
    wait_until("it is ready", PATIENCE, || get(place, "/readyz", &[]).status == 200);
    daemon
}

fn get(place: &Place, path: &str, more: &[(&str, &str)]) -> http::Response {
    http::request("GET", place.addr(), path, more, b"")
}

/// The totals of a name once the store has them: visits, likes and likes taken back.
#[track_caller]
fn totals(place: &Place, name: &str, expect: [u64; 3]) {
    let total = |event: &str| -> u64 {
        let answer = get(place, &format!("/api/v1/counters/{name}?event={event}"), &[]);
        let json: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        json["total"].as_u64().unwrap()
    };
    let all = || ["visit", "like", "unlike"].map(total);
    wait_until(&format!("{name} has {expect:?}"), PATIENCE, || all() == expect);
}

#[test]
fn addresses_are_snow_traces_and_only_views_of_visits_count() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[http]\ntrusted-proxies = [\"127.0.0.0/8\"]\n");
        let mut daemon = ready(&place);
        // The first view shows itself, in number and row.
        let first = picture(&get(&place, "/v1/octo/hello", &[PERSON]));
        assert!(first.contains("1 次访问 · 1 visit"), "{first}");
        assert!(first.contains("#1") && first.contains("刚刚"), "{first}");
        // Within the cooldown it is the same visit.
        assert!(picture(&get(&place, "/v1/octo/hello", &[PERSON])).contains("1 visit"));
        for (at, (path, shows)) in [
            ("/v1/badge/octo/hello?t=123", "2 visits"),
            ("/v1/visit/octo/hello", "3 visits"),
            ("/v1/octo/hello/and/more", "4 visits"),
            ("/v1/octo/hello?count=false", "4 visits"),
            ("/v1/like/octo/hello", "0 likes"),
            ("/v1/button/octo/hello?lang=en", "0 likes"),
            ("/v1/promo", "Powered by Visitor Badge"),
            ("/v1/like/octo/hello/add/", "0 likes"),
            ("/v1/badge/visit/x", "1 visit"),
            ("/v1/visit/foo", "1 visit"),
            ("/v1/visit/octo/hello?theme=dark&layout=stacked", "5 visits"),
        ]
        .into_iter()
        .enumerate()
        {
            // Each is somebody else.
            let answer = get(&place, path, &[PERSON, ("X-Forwarded-For", &format!("192.0.2.{at}"))]);
            assert_eq!(answer.status, 200, "{path}");
            assert!(picture(&answer).contains(shows), "{path}: {}", answer.text());
        }
        let head = http::request("HEAD", place.addr(), "/v1/octo/hello", &[PERSON], b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        let prefetch = get(&place, "/v1/octo/hello", &[PERSON, ("Sec-Purpose", "prefetch")]);
        assert_eq!(prefetch.header("x-tallymark"), Some("ignored: prefetch"));
        for path in ["/v1/", "/v1/octo", "/v1/octo/", "/v1//octo", "/v1/promo/"] {
            let answer = get(&place, path, &[PERSON]);
            assert_eq!((answer.status, answer.text()), (404, "Not found"), "{path}");
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        }
        for method in ["POST", "DELETE", "OPTIONS", "PUT"] {
            let answer = http::request(method, place.addr(), "/v1/octo/hello", &[PERSON], b"");
            assert_eq!(answer.status, 405, "{method}");
        }
        for (query, says) in [
            ("theme=blue", "theme is auto, light or dark"),
            ("lang=fr", "lang is zh, en or both"),
            ("layout=x", "layout is wide or stacked"),
            ("count=nope", "count is true or false"),
        ] {
            let answer = get(&place, &format!("/v1/octo/hello?{query}"), &[PERSON]);
            assert_eq!(answer.status, 400);
            assert!(picture(&answer).contains(says), "{}", answer.text());
        }
        // In the size and the language of the panel.
        let wrong = get(&place, "/v1/octo/hello?theme=blue&lang=zh&layout=stacked", &[PERSON]);
        let svg = picture(&wrong);
        assert!(svg.contains("width=\"380\"") && svg.contains("theme 可为 auto、light 或 dark"), "{svg}");
        assert!(!svg.contains("is auto"), "{svg}");
        assert_eq!(get(&place, "/health", &[]).text(), r#"{"status":"ok"}"#);
        totals(&place, "octo/hello", [5, 0, 0]);
        totals(&place, "visit/x", [1, 0, 0]);
        // A picture that was shown is a hit as well.
        wait_until("the views are hits", PATIENCE, || place.total("octo/hello") == 6);
        stop(&mut daemon);
    }
}

#[test]
fn a_persons_click_likes_once_a_day_and_can_be_taken_back() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = ready(&place);
        let origin = format!("http://{}", place.addr());
        let (add, remove) = ("/v1/like/octo/hello/add", "/v1/like/octo/hello/remove");
        let click = || get(&place, add, &[&[PERSON], &NAVIGATES[..]].concat());
        let post =
            |path: &str| http::request("POST", place.addr(), path, &[PERSON, ("Origin", &origin)], b"");
        let says = |answer: &http::Response, what: &str| {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text().contains(what), "{what}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(answer.header("cache-control"), Some("no-cache, no-store, must-revalidate"));
        };
        let leads_on = |answer: &http::Response| answer.text().contains("http-equiv=\"refresh\"");
        says(&post(remove), "There is no like of yours to take back today");
        let liked = click();
        says(&liked, "点赞成功！");
        assert!(
            leads_on(&liked) && liked.text().contains("Going on to the numbers in 4 seconds"),
            "{}",
            liked.text()
        );
        let again = click();
        says(&again, "You already liked this today");
        assert!(!leads_on(&again) && again.text().contains("Unlike"), "{}", again.text());
        says(
            &get(&place, "/v1/like/octo/hello/add?x=1", &[&[PERSON], &NAVIGATES[..]].concat()),
            "You already liked this today",
        );
        totals(&place, "octo/hello", [0, 1, 0]);
        let card = picture(&get(&place, "/v1/like/octo/hello", &[]));
        assert!(card.contains("1 like") && card.contains("#1"), "{card}");
        says(&post(remove), "Your like was taken back");
        says(&post(remove), "There is no like of yours to take back today");
        totals(&place, "octo/hello", [0, 0, 1]);
        assert!(picture(&get(&place, "/v1/like/octo/hello", &[])).contains("0 likes"));
        let badge: serde_json::Value =
            serde_json::from_str(get(&place, "/badge/octo/hello.json?event=like", &[]).text()).unwrap();
        assert_eq!(badge["total"], 0);
        says(&post(add), "点赞成功！");
        totals(&place, "octo/hello", [0, 1, 1]);
        // The same visitor and another name, and a restart in between.
        stop(&mut daemon);
        let mut daemon = ready(&place);
        says(&click(), "You already liked this today");
        says(&get(&place, "/v1/like/octo/other/add", &[&[PERSON], &NAVIGATES[..]].concat()), "点赞成功！");
        totals(&place, "octo/other", [0, 1, 0]);
        stop(&mut daemon);
    }
}

#[test]
fn the_page_of_a_like_speaks_the_language_of_its_panel_or_reader() {
    let mut place = Place::new();
    place.configure("[http]\ntrusted-proxies = [\"127.0.0.0/8\"]\n");
    let mut daemon = ready(&place);
    let origin = format!("http://{}", place.addr());
    let german = ("Accept-Language", "de-DE,de;q=0.9");
    for (at, (query, reader, lang)) in [
        ("", ("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8"), "zh"),
        ("", ("Accept-Language", "en-US,en;q=0.9"), "en"),
        ("", german, "both"),
        ("?lang=en", ("Accept-Language", "zh-CN"), "en"),
        ("?lang=zh", ("Accept-Language", "en"), "zh"),
        ("?lang=both", ("Accept-Language", "en"), "both"),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("198.51.100.{at}");
        let post = |action: &str, origin: &str| {
            let headers = [PERSON, reader, ("Origin", origin), ("X-Forwarded-For", &address)];
            let path = format!("/v1/like/octo/hello/{action}{query}");
            http::request("POST", place.addr(), &path, &headers, b"").text().replace("&#x2f;", "/")
        };
        let asked =
            get(&place, &format!("/v1/like/octo/hello/add{query}"), &[("User-Agent", "curl/8"), reader]);
        let loaded = get(&place, &format!("/v1/like/octo/hello/remove{query}"), &[PERSON, reader]);
        for (page, zh, en) in [
            (asked.text().to_owned(), "给我点赞", "Give a Like"),
            (loaded.text().to_owned(), "未能取消点赞", "Your like was not taken back"),
            (post("add", &origin), "点赞成功！", "Like Success!"),
            (post("add", &origin), "今天已点过赞", "You already liked this today"),
            (post("add", "http://evil.example"), "未处理", "not from another site"),
            (post("remove", &origin), "已取消点赞", "Your like was taken back"),
            (post("remove", &origin), "今天没有可取消的点赞", "There is no like of yours"),
        ] {
            let page = page.replace("&#x2f;", "/");
            assert_eq!(
                (page.contains(zh), page.contains(en)),
                (lang != "en", lang != "zh"),
                "{lang}: {page}"
            );
            let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
            assert_eq!(page.chars().any(is_chinese), lang != "en", "{page}");
            let tag = if lang == "en" { "en" } else { "zh-Hans" };
            assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{page}");
            assert!(page.trim_start().starts_with("<!doctype html>"), "{page}");
            for action in ["add", "remove"] {
                let form = format!("action=\"/v1/like/octo/hello/{action}\"");
                assert!(query.is_empty() || !page.contains(&form), "{page}");
            }
        }
    }
    let answer = get(&place, "/v1/like/octo/hello/add?lang=fr", &[PERSON]);
    assert!(answer.status == 400 && answer.text().contains("lang is zh, en or both"), "{}", answer.text());
    stop(&mut daemon);
}

/// The list has the likes that stand, numbered up to the total, from the daemon and on disk.
#[test]
fn a_like_that_was_taken_back_is_not_in_the_list() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure(
            "[http]\ntrusted-proxies = [\"127.0.0.0/8\"]\n[badges]\npanels = [\"like\"]\n[visits]\navatars = \"off\"\n",
        );
        let mut daemon = ready(&place);
        let origin = format!("http://{}", place.addr());
        let post = |path: &str, address: &str| {
            let headers = [PERSON, ("Origin", origin.as_str()), ("X-Forwarded-For", address)];
            let path = format!("/v1/like/octo/hello/{path}");
            assert_eq!(http::request("POST", place.addr(), &path, &headers, b"").status, 200);
        };
        let (american, chinese) = ("8.8.8.8", "114.114.114.114");
        post("add", american);
        post("add", chinese);
        post("remove", chinese);
        let file = place.badges_dir().join(".panels/like/octo%2Fhello.svg");
        let shows = |what: &[&str], not: &[&str]| {
            let fits = |svg: &str| {
                what.iter().all(|what| svg.contains(what)) && !not.iter().any(|not| svg.contains(not))
            };
            let card = picture(&get(&place, "/v1/like/octo/hello", &[]));
            assert!(fits(&card), "{card}");
            wait_until("the file shows the same", PATIENCE, || {
                std::fs::read_to_string(&file).is_ok_and(|svg| fits(&svg))
            });
        };
        shows(&["1 like<", "#1<", "US"], &["#2", "CN"]);
        // Setting their number leaves the list as it was. Which number the one in it made is not known any more.
        place.run(&["set", "octo/hello", "2", "--event", "like"]).good();
        wait_until("the card follows", PATIENCE, || {
            picture(&get(&place, "/v1/like/octo/hello", &[])).contains("2 likes")
        });
        shows(&["2 likes<", "US"], &[">#", "CN"]);
        post("add", chinese);
        shows(&["3 likes<", "US", "CN"], &[">#"]);
        stop(&mut daemon);
    }
}

/// A page in both languages, with the way back.
#[track_caller]
fn refuses(answer: &http::Response, why: &str) {
    let page = answer.text().replace("&#x2f;", "/");
    let ways = page.contains("数据 · ") && page.contains("/repo/octo/hello\"");
    let head = page.contains("未处理") || page.contains("未能取消点赞");
    assert!(page.contains(why) && head && ways, "{why}: {page}");
}

/// Its form carries the way back on, because the page before a button is the like page itself.
#[test]
fn way_back_outlives_the_buttons() {
    let place = Place::new();
    let mut daemon = ready(&place);
    let origin = format!("http://{}", place.addr());
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [PERSON, ("Origin", origin.as_str()), form];
    let post = |what: &str, body: &str| {
        let path = format!("/v1/like/octo/hello/{what}");
        let answer = http::request("POST", place.addr(), &path, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().replace("&#x2f;", "/")
    };
    for what in ["add", "remove", "add"] {
        let page = post(what, "back=https%3A%2F%2Fgithub.com%2Focto%2Fhello");
        assert!(page.contains("href=\"https://github.com/octo/hello\""), "{page}");
        assert!(page.contains("name=\"back\" value=\"https://github.com/octo/hello\""), "{page}");
    }
    for hostile in [
        "https://evil.example/",
        "javascript:alert(1)",
        "//github.com/octo/hello",
        "https://github.com@evil.example/a/b",
    ] {
        let page = post("remove", &format!("back={}", hostile.replace(':', "%3A").replace('/', "%2F")));
        assert!(
            !page.contains("evil") && !page.contains("javascript") && !page.contains("name=\"back\""),
            "{page}"
        );
    }
    stop(&mut daemon);
}

#[test]
fn a_page_that_was_opened_over_http_is_told_so() {
    let mut place = Place::new();
    place.configure("[http]\nbase-url = \"https://hits.example.org\"\n");
    let mut daemon = ready(&place);
    let headers = [PERSON, ("Origin", "http://hits.example.org")];
    let answer = http::request("POST", place.addr(), "/v1/like/octo/hello/add", &headers, b"");
    assert_eq!(answer.status, 403);
    refuses(
        &answer,
        "This page was opened at <bdi>http://hits.example.org</bdi>, and this site is at <bdi>https://hits.example.org</bdi>",
    );
    stop(&mut daemon);
}

#[test]
fn programs_prefetches_and_other_sites_like_nothing() {
    let place = Place::new();
    let mut daemon = ready(&place);
    let add = "/v1/like/octo/hello/add";
    for headers in [
        &[("User-Agent", "curl/8.5.0")][..],
        &[("User-Agent", "Slackbot-LinkExpanding 1.0")],
        &[("User-Agent", "github-camo (876de43e)")],
        &[PERSON, ("Sec-Purpose", "prefetch")],
        &[PERSON, ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
        &[PERSON, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")],
        &[PERSON, NAVIGATES[0], NAVIGATES[1]],
        // Over plain HTTP browsers say nothing else of a picture.
        &[PERSON, ("Accept", "image/avif,image/webp,image/*,*/*;q=0.8")],
        &[PERSON, ("X-Purpose", "preview")],
        &[],
    ] {
        let answer = get(&place, add, headers);
        assert_eq!(answer.status, 200);
        let form = "<form action=\"/v1/like/octo/hello/add\" method=\"post\">";
        assert!(answer.text().replace("&#x2f;", "/").contains(form), "{}", answer.text());
        assert!(!answer.text().contains("http-equiv=\"refresh\""), "{}", answer.text());
    }
    assert_eq!(http::request("HEAD", place.addr(), add, &[PERSON], b"").status, 200);
    assert_eq!(get(&place, &format!("{add}?count=false"), &[PERSON]).status, 200);
    assert_eq!(get(&place, &format!("{add}?count=nope"), &[PERSON]).status, 400);
    for origin in [&[][..], &[("Origin", "https://evil.example")], &[("Origin", "null")]] {
        let headers = [&[PERSON], origin].concat();
        let refused = http::request("POST", place.addr(), add, &headers, b"");
        assert_eq!(refused.status, 403);
        refuses(&refused, "and not from another site");
    }
    let own = format!("http://{}", place.addr());
    for program in [
        [("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"), ("Origin", own.as_str())].as_slice(),
        &[PERSON, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "empty")],
    ] {
        let refused = http::request("POST", place.addr(), add, program, b"");
        assert_eq!(refused.status, 403);
        refuses(&refused, "This request looks like a program");
    }
    for method in ["PUT", "DELETE", "OPTIONS"] {
        assert_eq!(http::request(method, place.addr(), add, &[PERSON], b"").status, 405);
    }
    let loaded = get(&place, "/v1/like/octo/hello/remove", &[PERSON]);
    assert_eq!((loaded.status, loaded.header("allow")), (405, Some("POST")));
    refuses(&loaded, "with the button on its page");
    totals(&place, "octo/hello", [0, 0, 0]);
    stop(&mut daemon);
}

/// kill -9 right behind the answer.
fn an_answered_like_is_in_the_store(kind: &Kind) {
    const ROUNDS: u64 = 50;
    let mut place = kind.place();
    place.configure("[http]\ntrusted-proxies = [\"127.0.0.0/8\"]\n");
    for round in 1..=ROUNDS {
        // Not ready yet: a like waits for the store.
        let mut daemon = place.serve();
        let address = format!("198.51.100.{round}");
        let headers = [&NAVIGATES[..], &[PERSON, ("X-Forwarded-For", &address)]].concat();
        let answer = get(&place, "/v1/like/octo/hello/add", &headers);
        daemon.kill9();
        assert!(answer.status == 200 && answer.text().contains("点赞成功！"), "{}", answer.text());
        let shown = place.run(&["show", "octo/hello", "--event", "like", "--json"]).json();
        assert_eq!(shown["total"], round);
    }
}

#[test]
fn an_answered_like_is_in_sqlite() {
    an_answered_like_is_in_the_store(&Kind::Sqlite);
}

#[test]
fn an_answered_like_is_in_redis() {
    an_answered_like_is_in_the_store(&Kind::both()[1]);
}

#[test]
fn names_of_every_kind_stay_text() {
    let place = Place::new();
    let mut daemon = ready(&place);
    let hostile = hostile_names();
    let long = format!("{}/{}", "n".repeat(99), "k".repeat(100));
    for name in hostile.iter().copied().chain([long.as_str()]) {
        for kind in ["", "badge/", "visit/", "like/", "button/"] {
            let answer = get(&place, &format!("/v1/{kind}{name}"), &[PERSON]);
            // Without a second part there is nothing.
            if kind.is_empty() && !name.split('?').next().unwrap().contains('/') {
                assert_eq!((answer.status, answer.text()), (404, "Not found"), "{name}");
                continue;
            }
            assert!([200, 400].contains(&answer.status), "{kind}{name}: {}", answer.status);
            picture(&answer);
        }
        let origin = format!("http://{}", place.addr());
        let from_here = [PERSON, ("Origin", &origin)];
        let like = |method: &str, action: &str, headers: &[(&str, &str)]| {
            http::request(method, place.addr(), &format!("/v1/like/{name}/{action}"), headers, b"")
        };
        for page in [
            like("GET", "add", &[("User-Agent", "curl/8")]),
            like("POST", "add", &from_here),
            like("POST", "remove", &from_here),
        ] {
            let text = page.text();
            // With more parts than two, or a query, it is the address of a picture.
            let is_like = name.matches('/').count() == 1 && !name.contains('?');
            let fits = [200, 400].contains(&page.status) || page.status == 405 && !is_like;
            assert!(fits, "{name}: {} {text}", page.status);
            assert!(
                !text.contains("alert(1)</") && !text.contains("<script>") && !text.contains("onload=\""),
                "{name}: {text}"
            );
        }
    }
    let too_long = get(&place, &format!("/v1/{}/x", "n".repeat(250)), &[PERSON]);
    assert_eq!(too_long.status, 400);
    assert!(picture(&too_long).contains("252"), "{}", too_long.text());
    stop(&mut daemon);
}

/// Where a `Referer` must not lead: the page goes on to the name's page, and nowhere else.
#[test]
fn a_like_leads_to_no_hostile_address() {
    let mut place = Place::new();
    place.configure("[http]\nbase-url = \"https://hits.example.org\"\ntrusted-proxies = [\"127.0.0.0/8\"]\n");
    let mut daemon = ready(&place);
    let hostile = include_str!("../../web/src/panels/hostile_referers.txt");
    let hostile: Vec<&str> = hostile.lines().filter(|line| !line.is_empty() && line.is_ascii()).collect();
    assert!(hostile.len() >= 60, "{}", hostile.len());
    let (own, good) = ("https://hits.example.org/repo/octo/hello", "https://github.com/octo/hello");
    for (at, referer) in hostile.into_iter().chain([good]).enumerate() {
        // Only a new like leads on.
        let address = format!("198.51.100.{at}");
        let headers = [("Referer", referer), ("X-Forwarded-For", &address), PERSON];
        let headers = [&headers, &NAVIGATES[..]].concat();
        let answer = get(&place, "/v1/like/octo/hello/add", &headers);
        assert_eq!((answer.status, answer.header("location"), answer.header("refresh")), (200, None, None));
        let page = answer.text().replace("&#x2f;", "/");
        let (_, target) = page.split_once("url=").unwrap_or_else(|| panic!("{referer}: {page}"));
        let target = target.split('"').next().unwrap();
        assert_eq!(target, if referer == good { good } else { own }, "{referer}");
    }
    stop(&mut daemon);
}

#[test]
fn a_like_that_a_correction_took_away_costs_no_other_like() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure("[http]\ntrusted-proxies = [\"127.0.0.0/8\"]\n");
        let mut daemon = ready(&place);
        let origin = format!("http://{}", place.addr());
        let click = |word: &str, address: &str| {
            let headers = [PERSON, ("Origin", &origin), ("X-Forwarded-For", address)];
            let path = format!("/v1/like/octo/hello/{word}");
            http::request("POST", place.addr(), &path, &headers, b"").text().to_owned()
        };
        assert!(click("add", "198.51.100.1").contains("点赞成功！"));
        totals(&place, "octo/hello", [0, 1, 0]);
        place.run(&["reset", "octo/hello", "--event", "like"]).good();
        totals(&place, "octo/hello", [0, 0, 0]);
        assert!(click("remove", "198.51.100.1").contains("The likes of this project were corrected today"));
        let again = click("add", "198.51.100.1");
        assert!(again.contains("neither be taken back nor given again today"), "{again}");
        assert!(!again.contains("<button"), "what is always refused is not offered: {again}");
        assert!(click("add", "198.51.100.2").contains("点赞成功！"));
        totals(&place, "octo/hello", [0, 1, 0]);
        for path in ["/badge/octo/hello.json?event=like", "/api/v1/counters/octo/hello?event=like"] {
            let counts: serde_json::Value = serde_json::from_str(get(&place, path, &[]).text()).unwrap();
            assert_eq!(counts["total"], 1, "{path}: {counts}");
        }
        // Whose like of this day it is cannot be told any more.
        assert!(click("remove", "198.51.100.1").contains("The likes of this project were corrected today"));
        totals(&place, "octo/hello", [0, 1, 0]);
        stop(&mut daemon);
    }
}

#[test]
fn every_number_of_likes_is_of_those_that_stand() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = ready(&place);
        let origin = format!("http://{}", place.addr());
        for (word, says) in
            [("add", "点赞成功！"), ("remove", "Your like was taken back"), ("add", "点赞成功！")]
        {
            let path = format!("/v1/like/octo/hello/{word}");
            let page = http::request("POST", place.addr(), &path, &[PERSON, ("Origin", &origin)], b"");
            assert!(page.text().contains(says), "{}", page.text());
        }
        totals(&place, "octo/hello", [0, 1, 1]);
        for (path, fields) in [
            ("/badge/octo/hello.json?event=like", &["total", "today"][..]),
            ("/api/v1/counters/octo/hello?event=like", &["total"]),
        ] {
            let counts: serde_json::Value = serde_json::from_str(get(&place, path, &[]).text()).unwrap();
            for field in fields {
                assert_eq!(counts[field], 1, "{path}: {counts}");
            }
        }
        for command in [["show", "octo/hello"].as_slice(), &["top"]] {
            let said = place.run(&[command, &["--event", "like", "--json"]].concat()).json().to_string();
            assert!(said.contains(":1") && !said.contains(":2"), "{said}");
        }
        let page = get(&place, "/name/octo/hello?event=like", &[]).text().to_owned();
        assert!(page.contains("Likes <span class=\"much\">1</span>") && !page.contains("nlike"), "{page}");
        stop(&mut daemon);
    }
}

/// Like, unlike and like again, in two minutes: every bucket says the same. It takes until the minute is over.
#[test]
fn an_unlike_counts_in_the_minute_of_its_like() {
    // A like is taken back on its own day.
    wait_until("a day does not end", Duration::from_secs(70), || minute_now() % 1440 != 1439);
    let kinds = Kind::both();
    let places = [kinds[0].place(), kinds[1].place()];
    let daemons = [ready(&places[0]), ready(&places[1])];
    let click = |place: &Place, word: &str, says: &str| {
        let origin = format!("http://{}", place.addr());
        let path = format!("/v1/like/octo/hello/{word}");
        let page = http::request("POST", place.addr(), &path, &[PERSON, ("Origin", &origin)], b"");
        assert!(page.text().contains(says), "{}", page.text());
    };
    let buckets = |place: &Place, event: &str, step: &str| -> Vec<(String, u64)> {
        let path = format!("/api/v1/counters/octo/hello/series?step={step}&event={event}");
        let series: serde_json::Value = serde_json::from_str(get(place, &path, &[]).text()).unwrap();
        let point = |point: &serde_json::Value| {
            (point["time"].as_str().unwrap().to_owned(), point["count"].as_u64().unwrap())
        };
        series["points"].as_array().unwrap().iter().map(point).filter(|(_, count)| *count > 0).collect()
    };
    for place in &places {
        click(place, "add", "点赞成功！");
    }
    let first = minute_now();
    wait_until("a minute is over", Duration::from_secs(70), || minute_now() > first);
    for place in &places {
        let given = buckets(place, "like", "minute");
        click(place, "remove", "Your like was taken back");
        assert_eq!(buckets(place, "unlike", "minute"), given);
        for step in ["minute", "hour", "day"] {
            assert_eq!(buckets(place, "like", step), [], "{step}");
        }
        click(place, "add", "点赞成功！");
        let again = buckets(place, "like", "minute");
        assert!(again.len() == 1 && again[0].1 == 1 && again != given, "{given:?} {again:?}");
        for step in ["hour", "day"] {
            let bucket = buckets(place, "like", step);
            assert!(bucket.len() == 1 && bucket[0].1 == 1, "{step}: {bucket:?}");
        }
        totals(place, "octo/hello", [0, 1, 1]);
    }
    for mut daemon in daemons {
        stop(&mut daemon);
    }
}

fn minute_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 60
}

#[test]
fn likes_keep_no_address() {
    let mut place = Place::new();
    place.configure("[http]\ntrusted-proxies = [\"127.0.0.0/8\"]\n");
    let mut daemon = ready(&place);
    let canary = "203.0.113.77";
    for path in ["/v1/octo/hello", "/v1/like/octo/hello/add"] {
        let headers = [&NAVIGATES[..], &[PERSON, ("X-Forwarded-For", canary)]].concat();
        assert_eq!(get(&place, path, &headers).status, 200);
    }
    totals(&place, "octo/hello", [1, 1, 0]);
    assert!(!get(&place, "/metrics", &[]).text().contains(canary));
    stop(&mut daemon);
    assert!(!daemon.stderr().contains(canary) && !daemon.stdout().contains(canary));
    let mut dirs = vec![place.dir().to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                let has = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
                assert!(!has, "{}", path.display());
            }
        }
    }
}

#[test]
fn env_file_in_the_working_directory_is_read() {
    let dir = tallymark_testbed::temp_dir();
    let show = |more: &[(&str, &str)]| {
        let mut command = std::process::Command::new(crate::common::program());
        command.args(["check-config", "--json"]).env_clear().envs(more.iter().copied());
        command.current_dir(dir.path()).output().unwrap()
    };
    std::fs::write(dir.path().join(".env"), "PORT=eighty\nBASE_URL=https://hits.example.org\n").unwrap();
    let said = String::from_utf8(show(&[]).stderr).unwrap();
    assert!(said.contains("is not a port number"), "{said}");
    // What is set already wins.
    assert!(show(&[("PORT", "8080")]).status.success());
    std::fs::write(dir.path().join(".env"), "PORT=8080\nTALLYMARK_TOKENS=a b s3cret\n").unwrap();
    let refused = show(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains(".env: a line is not NAME=VALUE") && !said.contains("s3cret"), "{said}");
}
