//! Charts over HTTP: what their addresses mean, and how invalid ones are answered.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod site;

use axum::http::StatusCode;
use site::Site;
use tallymark_web::Visibility;

#[tokio::test]
async fn every_period_has_a_chart_that_ends_now() {
    let site = Site::new(Visibility::Public).await;
    for (period, title) in [
        ("24h", "you/repo: 1,234 hits, 19 Nov, 13:00 to 20 Nov 2026, 12:00"),
        ("7d", "you/repo: 1,334 hits, 14 Nov to 20 Nov 2026"),
        ("30d", "you/repo: 51,334 hits, 22 Oct to 20 Nov 2026"),
        ("90d", "you/repo: 51,334 hits, 23 Aug to 20 Nov 2026"),
        ("12mo", "you/repo: 51,334 hits, December 2025 to November 2026"),
        ("all", "you/repo: 1,051,334 hits, December 2015 to November 2026"),
    ] {
        let (code, headers, svg) = site.get(&format!("/graph/you/repo.svg?period={period}"), None).await;
        assert_eq!(code, StatusCode::OK);
        assert!(svg.contains(&format!("<title>{title}</title>")), "{period}: {svg}");
        assert_eq!(headers["x-tallymark"], "not counted: a chart");
    }
    assert_eq!(
        site.get("/graph/you/repo.svg", None).await,
        site.get("/graph/you/repo.svg?period=30d", None).await
    );
}

#[tokio::test]
async fn both_spellings_of_the_slash_and_the_query_are_one_chart() {
    let site = Site::new(Visibility::Public).await;
    let wanted = site.get("/graph/you/repo.svg", None).await;
    for path in [
        "/graph/you%2Frepo.svg",
        "/graph/you%2frepo.svg",
        "/graph.svg?name=you/repo",
        "/graph.svg?name=you%2Frepo",
    ] {
        assert_eq!(site.get(path, None).await, wanted, "{path}");
    }
}

#[tokio::test]
async fn several_names_are_one_chart() {
    let site = Site::new(Visibility::Public).await;
    let (code, _, svg) = site.get("/graph.svg?name=you/repo&name=new&name=you/repo&period=7d", None).await;
    assert_eq!(code, StatusCode::OK);
    assert!(svg.contains("<title>Hits per day of you/repo, new, 14 Nov to 20 Nov 2026</title>"), "{svg}");
    assert!(svg.contains("Totals: you/repo: 1,334. new: 0."), "{svg}");
}

#[tokio::test]
async fn a_title_is_in_one_language() {
    let site = Site::new(Visibility::Public).await;
    for (query, expect) in [
        ("lang=zh", "<title>总计浏览 1,051,334。you/repo："),
        ("lang=zh&show=today,total&label=me", "<title>me：今天浏览 1,234，总计浏览 1,051,334。you/repo："),
        ("lang=en", "<title>hits: 1,051,334. you/repo: "),
    ] {
        let (_, _, svg) = site.get(&format!("/graph/you/repo.svg?style=spark&{query}"), None).await;
        assert!(svg.contains(expect), "{query}: {svg}");
    }
}

#[tokio::test]
async fn sparkline_is_a_badge_with_the_total() {
    let site = Site::new(Visibility::Public).await;
    let (code, _, svg) = site.get("/graph/you/repo.svg?style=spark&label=views", None).await;
    assert_eq!(code, StatusCode::OK);
    let title = "views: 1,051,334. you/repo: 51,334 hits, 22 Oct to 20 Nov 2026";
    assert!(svg.contains(&format!("<title>{title}</title>")), "{svg}");
    let (_, _, svg) = site.get("/graph/you/repo.svg?style=spark&format=short", None).await;
    assert!(svg.contains(">1.1M</text>"), "{svg}");
}

#[tokio::test]
async fn charts_are_public_and_have_the_headers_of_pictures() {
    let site = Site::new(Visibility::Off).await;
    let (code, mut chart, _) = site.get("/graph/you/repo.svg", None).await;
    assert_eq!(code, StatusCode::OK);
    let (_, mut badge, _) = site.get("/badge.svg?repo=you/repo&count=false", None).await;
    for own in ["x-tallymark", "content-length"] {
        assert!(chart.remove(own).is_some() && badge.remove(own).is_some());
    }
    assert_eq!(chart, badge);
}

#[tokio::test]
async fn never_counted_name_has_a_chart() {
    let site = Site::new(Visibility::Public).await;
    let (code, _, svg) = site.get("/graph/new.svg?period=all", None).await;
    assert_eq!(code, StatusCode::OK);
    assert!(svg.contains(">No hits in this period</text>"), "{svg}");
    assert!(svg.contains("14 Nov to 20 Nov 2026"), "{svg}");
}

#[tokio::test]
async fn a_theme_decides_in_place_of_the_reader() {
    let site = Site::new(Visibility::Public).await;
    let (_, _, auto) = site.get("/graph/you/repo.svg?theme=auto", None).await;
    assert!(auto.contains("prefers-color-scheme"), "{auto}");
    for path in ["/graph/you/repo.svg?", "/graph/~all.svg?", "/graph/you/repo.svg?event=hit,like&"] {
        let (_, _, light) = site.get(&format!("{path}theme=light"), None).await;
        let (_, _, dark) = site.get(&format!("{path}theme=Dark"), None).await;
        for svg in [&light, &dark] {
            assert!(!svg.contains("prefers-color-scheme"), "{path}: {svg}");
        }
        assert!(light.contains(".tm-ground{fill:#fff") && dark.contains(".tm-ground{fill:#0d1117"), "{path}");
    }
}

#[tokio::test]
async fn a_logarithmic_scale_is_one_of_every_chart_and_says_so() {
    let site = Site::new(Visibility::Public).await;
    for path in [
        "/graph/you/repo.svg?",
        "/graph/~all.svg?",
        "/graph/you/repo.svg?event=hit,like&",
        "/graph.svg?name=you/repo&name=new&",
    ] {
        let (_, _, plain) = site.get(path.trim_end_matches(['?', '&']), None).await;
        let (code, _, log) = site.get(&format!("{path}scale=log"), None).await;
        assert_eq!(code, StatusCode::OK);
        assert!(log.contains(">logarithmic scale<") && !plain.contains("logarithmic"), "{path}: {log}");
        for same in ["scale=linear", "scale=", "scale=2", "SCALE=Linear,3"] {
            assert_eq!(site.get(&format!("{path}{same}"), None).await.2, plain, "{path}{same}");
        }
    }
}

#[tokio::test]
async fn address_that_makes_no_sense_is_a_picture_that_says_so() {
    let site = Site::new(Visibility::Public).await;
    for (path, says) in [
        ("/graph/a.svg?period=31d", "period is 24h, 7d, 30d, 90d, 12mo or all"),
        ("/graph/a.svg?period=", "period is 24h, 7d, 30d, 90d, 12mo or all"),
        ("/graph/a.svg?style=flat", "style is one of chart, spark"),
        ("/graph/a.svg?scale=logarithmic", "scale is linear or log, of a PNG also 1 to 4: scale=log,2"),
        ("/graph.svg?name=a&name=b&scale=log,log", "scale is linear or log"),
        ("/graph/~all.svg?scale=sqrt", "scale is linear or log"),
        ("/graph/a.svg?style=spark&scale=log", "a sparkline badge has no scale=log: leave it out"),
        ("/graph/a.svg?scale=log&scale=linear", "scale is given twice: leave one out"),
        ("/graph/a.svg?width=9", "width is 320 to 1600"),
        ("/graph/a.svg?width=-1", "width is 320 to 1600"),
        ("/graph/a.svg?style=spark&color=red;x", "color=red;x: did you mean red?"),
        ("/graph.svg?name=a&name=b&style=spark", "style=spark shows one name"),
        ("/graph.svg?name=a&name=b&name=c&name=d&name=e&name=f&name=g", "at most 6 names in one chart"),
        ("/graph.svg?name=a&amp;name=b", "write &amp;name in place of &amp;amp;name"),
        ("/graph.svg", "add ?name=NAME to the address"),
        ("/graph/~overflow.svg", ""),
    ] {
        let (code, headers, svg) = site.get(path, None).await;
        assert_eq!(code, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(headers["content-type"], "image/svg+xml; charset=utf-8", "{path}");
        assert!(svg.contains(&format!("<title>tallymark: {says}")), "{path}: {svg}");
    }
    assert_eq!(site.get("/graph/a.gif", None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn chart_without_a_store_is_a_picture_that_says_so() {
    let site = Site::without_store().await;
    for path in ["/graph/a.svg", "/graph/a.svg?style=spark"] {
        let (code, headers, svg) = site.get(path, None).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(headers["content-type"], "image/svg+xml; charset=utf-8", "{path}");
        assert!(headers["cache-control"].to_str().unwrap().contains("no-store"), "{path}");
        assert!(svg.contains("<title>tallymark: the store does not answer; try again</title>"), "{svg}");
    }
}

#[tokio::test]
async fn long_addresses_have_pages_and_charts_of_their_event_alone() {
    let site = Site::new(Visibility::Public).await;
    let long = format!("https%3A%2F%2Fexample.org%2F{}", "x".repeat(1900));
    for page in ["/name?name=", "/compare?name=", "/graph.svg?name="] {
        assert_eq!(site.get(&format!("{page}{long}&event=url"), None).await.0, StatusCode::OK, "{page}");
        assert_eq!(site.get(&format!("{page}{long}"), None).await.0, StatusCode::BAD_REQUEST, "{page}");
    }
    for page in ["/name/", "/graph/"] {
        let svg = if page == "/graph/" { ".svg" } else { "" };
        assert_eq!(site.get(&format!("{page}{long}{svg}?event=url"), None).await.0, StatusCode::OK, "{page}");
    }
}
