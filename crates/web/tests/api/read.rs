//! Lists, counters and series.

use crate::{
    schema::Document,
    site::{Site, TOKEN},
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;
use tallymark_web::Visibility;

#[tokio::test]
async fn one_counter_has_its_total_today_and_windows() {
    let site = Site::new().await;
    let got = site.get("/api/v1/counters/you/repo").await;
    assert_eq!(got.headers["access-control-allow-origin"], "*");
    let windows = json!({
        "last_60_minutes": {"count": 12, "from": "2026-11-20T11:01:00Z", "resolution": "minute"},
        "last_24_hours": {"count": 1246, "from": "2026-11-19T13:00:00Z", "resolution": "hour"},
        "last_7_days": {"count": 1306, "from": "2026-11-13T13:00:00Z", "resolution": "hour"},
        "last_30_days": {"count": 51_456, "from": "2026-10-21T13:00:00Z", "resolution": "hour"},
    });
    let expect = json!({
        "name": "you/repo", "event": "hit", "total": 1_051_456, "today": 1246, "formatted": "1,051,456",
        "visitors_today": 3, "windows": windows,
    });
    assert_eq!(got.json(), expect);
    assert_eq!(site.get("/api/v1/counters/you%2Frepo").await.json(), expect);
    let likes = site.get("/api/v1/counters/you/repo?event=like").await.json();
    assert_eq!((&likes["total"], likes.get("visitors_today")), (&json!(3), None));
    assert_eq!(site.get("/api/v1/counters/never").await.json()["total"], 0);
    // What this process has counted and not written yet is part of every number.
    let pending = site.get("/api/v1/counters/pending").await.json();
    assert_eq!((&pending["total"], &pending["today"]), (&json!(2), &json!(2)));
    assert_eq!(pending["windows"]["last_60_minutes"]["count"], 2);
}

#[tokio::test]
async fn names_come_in_pages_and_by_what_is_looked_for() {
    let site = Site::new().await;
    let mut names = Vec::new();
    let mut path = "/api/v1/counters?limit=3".to_owned();
    loop {
        let page = site.get(&path).await.json();
        let rows = page["counters"].as_array().unwrap();
        assert!(rows.len() <= 3);
        names.extend(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/counters?limit=3&after={next}");
    }
    let all = [
        "</script><script>\u{2028}",
        "=cmd|' /C calc'!A0",
        "A/b",
        "a",
        "a/series",
        "pending",
        "you/repo",
        "日本/é",
    ];
    assert_eq!(names, all);
    for (query, expect) in [
        ("prefix=a", &["a", "a/series"][..]),
        ("prefix=%E6%97%A5", &["日本/é"]),
        ("search=REPO", &["you/repo"]),
        ("search=/&prefix=a", &["a/series"]),
        ("prefix=~", &[]),
        ("event=like&sorry=1", &["you/repo"]),
        ("event=other", &[]),
    ] {
        let page = site.get(&format!("/api/v1/counters?{query}")).await.json();
        let rows = page["counters"].as_array().unwrap();
        let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, expect, "{query}");
    }
}

#[tokio::test]
async fn series_are_whole_and_zero_filled() {
    let site = Site::new().await;
    let path = "/api/v1/counters/you/repo/series";
    let counts = async |query: &str| {
        let got = site.get(&format!("{path}?{query}")).await.json();
        let points = got["points"].as_array().unwrap().clone();
        let sum: i64 = points.iter().map(|point| point["count"].as_i64().unwrap()).sum();
        assert_eq!(got["count"], sum, "{query}");
        assert_eq!((&got["from"], &got["to"]), (&points[0]["time"], &points.last().unwrap()["time"]));
        (points.len(), points[0]["time"].as_str().unwrap().to_owned(), sum)
    };
    for (query, expect) in [
        ("", (30, "2026-10-22", 51_456)),
        ("step=hour", (24, "2026-11-19T13:00:00Z", 1246)),
        ("step=minute", (60, "2026-11-20T11:01:00Z", 12)),
        ("step=month", (12, "2025-12", 51_456)),
        ("step=month&from=2015-12-01&to=2026-11-20", (132, "2015-12", 1_051_456)),
        ("from=2015-12-25&to=2015-12-25", (1, "2015-12-25", 1_000_000)),
        ("step=month&from=1970-01-01&to=2199-12-31", (2760, "1970-01", 1_051_456)),
        ("step=hour&from=2026-11-13&to=2026-11-13", (24, "2026-11-13T00:00:00Z", 110)),
        ("event=like", (30, "2026-10-22", 3)),
    ] {
        let (points, first, sum) = expect;
        assert_eq!(counts(query).await, (points, first.to_owned(), sum), "{query}");
    }
    // A name that ends like the route.
    assert_eq!(site.get("/api/v1/counters/a%2Fseries/series").await.json()["count"], 1);
    assert_eq!(site.get("/api/v1/counters/a%2Fseries").await.json()["total"], 1);
}

#[tokio::test]
async fn lists_come_as_csv_with_the_address_of_the_next_page() {
    let site = Site::new().await;
    let got = site.get("/api/v1/counters.csv?limit=2&search=a").await;
    assert_eq!(got.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(got.body, "name,event,total\r\n'=cmd|' /C calc'!A0,hit,1\r\nA/b,hit,1\r\n");
    let next = got.headers["link"].to_str().unwrap();
    let next = next.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let got = site.get(next).await;
    assert_eq!(got.body, "name,event,total\r\na,hit,1\r\na/series,hit,1\r\n");
    let accept = Request::get("/api/v1/counters?sort=count&limit=1").header("accept", "text/csv");
    let got = site.ask(accept.body(Body::empty()).unwrap()).await;
    assert_eq!(got.body, "name,event,total,count,today\r\nyou/repo,hit,1051456,1051456,1246\r\n");
    assert!(!got.headers.contains_key("link"));
}

#[tokio::test]
async fn number_that_javascript_would_round_comes_as_text_too() {
    let site = Site::new().await;
    for path in ["/api/v1/counters/huge?event=many", "/api/v1/counters?event=many&prefix=huge"] {
        let got = site.get(path).await.json();
        let got = got["counters"].get(0).unwrap_or(&got);
        assert_eq!((&got["total"], &got["total_text"]), (&json!(i64::MAX), &json!(i64::MAX.to_string())));
    }
    assert!(site.get("/api/v1/counters/you/repo").await.json().get("total_text").is_none());
}

#[tokio::test]
async fn csv_runs_in_no_spreadsheet() {
    let site = Site::new().await;
    let got = site.get("/api/v1/counters/%3Dcmd%7C'%20%2FC%20calc'!A0/series.csv?from=2026-11-20").await;
    assert_eq!(got.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(got.body, "name,event,time,count\r\n'=cmd|' /C calc'!A0,hit,2026-11-20,1\r\n");
    let ask = |accept: &str| {
        let request = Request::get("/api/v1/counters/a/series?from=2026-11-20").header("accept", accept);
        site.ask(request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask("text/csv;q=0.9, */*").await.body, "name,event,time,count\r\na,hit,2026-11-20,1\r\n");
    assert!(ask("*/*").await.body.starts_with('{'));
    // JSON is not markup either: it is never taken for a page, and its headers say so.
    let got = site.get("/api/v1/counters?search=script").await;
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(got.json()["counters"][0]["name"], "</script><script>\u{2028}");
}

#[tokio::test]
async fn summary_is_over_all_names() {
    let site = Site::new().await;
    let got = site.get("/api/v1/summary").await.json();
    assert_eq!((&got["total"], &got["names"], &got["today"]), (&json!(1_051_463), &json!(8), &json!(1253)));
    assert_eq!(got["last_minute"], json!({"from": "2026-11-20T11:59:00Z", "count": 7}));
    assert_eq!(site.get("/api/v1/summary?event=like").await.json()["names"], 1);
}

#[tokio::test]
async fn mistakes_are_answered_with_their_reason() {
    let site = Site::new().await;
    let list = "/api/v1/counters";
    for (path, status, part) in [
        // Paging.
        (format!("{list}?limit=-1"), 400, "1 to 1000"),
        (format!("{list}?limit=0"), 400, "1 to 1000"),
        (format!("{list}?limit=+5"), 400, "1 to 1000"),
        (format!("{list}?limit=1001"), 400, "1 to 1000"),
        (format!("{list}?limit=1000000000"), 400, "1 to 1000"),
        (format!("{list}?limit=99999999999999999999"), 400, "1 to 1000"),
        (format!("{list}?after=garbage"), 400, "no such page"),
        (format!("{list}?after="), 400, "no such page"),
        (format!("{list}?after=abc"), 400, "no such page"),
        (format!("{list}?after=ff"), 400, "no such page"),
        (format!("{list}?sort=colour"), 400, "sort"),
        (format!("{list}?sort=count&period=year"), 400, "period"),
        (format!("{list}?period=year"), 400, "period"),
        (format!("{list}?sort=count&search=a"), 400, "search"),
        (format!("{list}?sort=count&limit=1001"), 400, "limit"),
        // Odd addresses.
        (format!("{list}?search={}", "a".repeat(60_000)), 200, ""),
        (format!("{list}?{}", "a=1&".repeat(1000)), 200, ""),
        (format!("{list}?event=Hit"), 400, "event"),
        (format!("{list}?prefix=%ff"), 400, "UTF-8"),
        (format!("{list}/{}", "a".repeat(60_000)), 400, "too long"),
        (format!("{list}/a//b"), 200, ""),
        (format!("{list}/a;b=c"), 200, ""),
        (format!("{list}/%2F"), 200, ""),
        (format!("{list}/"), 404, "nothing here"),
        (format!("{list}//series"), 400, "empty"),
        (format!("{list}/~other"), 400, "cannot begin"),
        (format!("{list}/~all"), 200, ""),
        (format!("{list}/%00"), 400, "control"),
        (format!("{list}/a/series?step=week"), 400, "step is"),
        (format!("{list}/a/series.csv?step=minute&from=2020-01-01"), 400, "at most 5000"),
        ("/api/v1/nothing".to_owned(), 404, "openapi"),
    ] {
        let got = site.get(&path).await;
        let shown = &path[..path.len().min(80)];
        assert_eq!(got.status, status, "{shown}: {}", got.body);
        if status != 200 {
            assert!(got.error().contains(part), "{shown}: {}", got.body);
        }
    }
}

#[tokio::test]
async fn other_methods_are_told_which_ones_there_are() {
    let site = Site::new().await;
    for path in ["/api/v1/counters", "/api/v1/counters/a", "/api/v1/summary", "/openapi.json"] {
        for method in ["POST", "DELETE", "OPTIONS"] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let got = site.ask(request).await;
            assert_eq!(
                (got.status, &got.headers["allow"]),
                (StatusCode::METHOD_NOT_ALLOWED, &"GET,HEAD".parse().unwrap())
            );
            assert!(got.error().contains("GET"));
        }
        let head = Request::head(path).body(Body::empty()).unwrap();
        let got = site.ask(head).await;
        assert_eq!((got.status, got.body.as_str()), (StatusCode::OK, ""));
    }
}

#[tokio::test]
async fn counts_are_for_whom_the_operator_says() {
    let paths = ["/api/v1/counters", "/api/v1/counters/a", "/api/v1/counters/a/series", "/api/v1/summary"];
    let site = Site::with(Visibility::Token, &[TOKEN]).await;
    for path in paths {
        let got = site.get(path).await;
        assert_eq!(
            (got.status, &got.headers["www-authenticate"]),
            (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
        );
        let request = Request::get(path).header("authorization", format!("Bearer {TOKEN}"));
        assert_eq!(site.ask(request.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
    }
    let site = Site::with(Visibility::Off, &[TOKEN]).await;
    for path in paths {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(site.get("/openapi.json").await.status, StatusCode::OK);
}

/// Every operation of the document exists, and its successful response has the fields that it names.
#[tokio::test]
async fn whatever_the_document_says_is_there() {
    let site = Site::keeping_visits(9).await;
    assert_eq!(site.get("/openapi.json").await.json()["openapi"], "3.1.0");
    for (method, path) in Document::read().operations() {
        if method != "get" {
            continue;
        }
        let mut asked = path.clone();
        for (part, value) in [
            ("{name}", "you%2Frepo"),
            ("{chart}", "track"),
            ("{account}", "all"),
            ("{event}", "hit"),
            ("{year}", "2026"),
            ("{month}", "11"),
            ("{day}", "20"),
            ("{hour}", "0"),
        ] {
            asked = asked.replace(part, value);
        }
        if path == "/hit" {
            asked += "?url=you";
        }
        // Some need a token, whatever the visibility.
        let request = Request::get(&asked).header("authorization", format!("Bearer {TOKEN}"));
        let got = site.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(got.status, StatusCode::OK, "{method} {path}");
    }
}

#[tokio::test]
async fn busiest_names_come_with_their_counts_and_the_age_of_the_ranking() {
    let site = Site::new().await;
    let got = site.get("/api/v1/counters?sort=count&limit=2").await.json();
    let expect = json!({
        "counters": [
            {"name": "you/repo", "event": "hit", "total": 1_051_456, "count": 1_051_456, "today": 1246},
            {"name": "</script><script>\u{2028}", "event": "hit", "total": 1, "count": 1, "today": 1},
        ],
        "next": null,
        "ranking": {"period": "all", "from": null, "age_seconds": 0},
    });
    assert_eq!(got, expect);
    for (period, from, count) in [
        ("month", "2026-11-01T00:00:00Z", 1456),
        ("week", "2026-11-15T00:00:00Z", 1246),
        ("day", "2026-11-20T00:00:00Z", 1246),
        ("hour", "2026-11-20T11:01:00Z", 12),
        ("minute", "2026-11-20T11:59:00Z", 5),
    ] {
        let got = site.get(&format!("/api/v1/counters?sort=count&period={period}")).await.json();
        assert_eq!(got["ranking"], json!({"period": period, "from": from, "age_seconds": 0}));
        assert_eq!(
            (&got["counters"][0]["name"], &got["counters"][0]["count"]),
            (&json!("you/repo"), &json!(count))
        );
    }
    let like = site.get("/api/v1/counters?sort=count&event=like&period=day").await.json();
    assert_eq!(like["counters"].as_array().unwrap().len(), 1);
    let none = site.get("/api/v1/counters?sort=count&event=never").await.json();
    assert_eq!(none["counters"], json!([]));
}

#[tokio::test]
async fn visitors_of_each_day_come_without_a_gap_and_their_sum_says_what_it_is() {
    let site = Site::new().await;
    let day = |date: &str, visitors: i32| json!({"date": date, "visitors": visitors});
    let days = [("2026-11-18", 4), ("2026-11-19", 0), ("2026-11-20", 3)].map(|(date, n)| day(date, n));
    let got = site.get("/api/v1/counters/you/repo/visitors?from=2026-11-18").await.json();
    assert_eq!(
        got,
        json!({"name": "you/repo", "from": "2026-11-18", "to": "2026-11-20", "sum_of_daily_visitors": 7, "days": days})
    );
    let got = site.get("/api/v1/counters/you%2Frepo/visitors?from=2026-11-19&to=2026-11-19").await.json();
    assert_eq!(got["days"], json!([days[1]]));
    let got = site.get("/api/v1/counters/never/visitors?from=2026-11-20&to=2026-12-20").await.json();
    let dates: Vec<_> = got["days"].as_array().unwrap().iter().map(|day| day["date"].clone()).collect();
    assert_eq!(
        (dates.len(), &dates[30], &got["sum_of_daily_visitors"]),
        (31, &json!("2026-12-20"), &json!(0))
    );
    assert_eq!(site.get("/api/v1/counters/you%2Frepo%2Fvisitors").await.json()["name"], "you/repo/visitors");
    for (query, part) in [("step=hour", "by day"), ("from=2026-11-21", "behind"), ("from=x", "date")] {
        let got = site.get(&format!("/api/v1/counters/a/visitors?{query}")).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(got.error().contains(part), "{query}: {}", got.error());
    }
}

#[tokio::test]
async fn last_visits_have_their_minute_and_class() {
    let site = Site::keeping_visits(2).await;
    let of = |name: &str, visits: serde_json::Value, classes: [(&str, i32); 2]| {
        let mut all = json!({
            "browser": 0, "github-camo": 0, "image-proxy": 0, "bot": 0, "feed-reader": 0, "program": 0, "unknown": 0
        });
        classes.into_iter().for_each(|(class, count)| all[class] = json!(count));
        json!({"name": name, "event": "hit", "kept": 2, "classes": all, "visits": visits})
    };
    let last = json!({"time": "2026-11-20T11:59:00Z", "class": "github-camo"});
    let before = json!({"time": "2026-11-20T11:58:00Z", "class": "bot"});
    let got = site.get("/api/v1/counters/you/repo/visits").await.json();
    assert_eq!(got, of("you/repo", json!([last, before]), [("github-camo", 1), ("bot", 1)]));
    let got = site.get("/api/v1/counters/you%2Frepo/visits?limit=1").await.json();
    assert_eq!(got, of("you/repo", json!([last]), [("github-camo", 1), ("bot", 0)]));
    let got = site.get("/api/v1/counters/never/visits").await.json();
    assert_eq!(got, of("never", json!([]), [("github-camo", 0), ("bot", 0)]));
    assert_eq!(site.get("/api/v1/counters/you%2Frepo%2Fvisits").await.json()["name"], "you/repo/visits");
    for (path, part) in [
        ("~other/visits", "~"),
        ("a/visits?limit=0", "limit"),
        ("a/visits?limit=1001", "limit"),
        ("a/visits?event=A", "event"),
    ] {
        let got = site.get(&format!("/api/v1/counters/{path}")).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(got.error().contains(part), "{path}: {}", got.error());
    }
    let off = Site::new().await.get("/api/v1/counters/you/repo/visits").await;
    assert_eq!(off.status, StatusCode::NOT_FOUND);
    assert_eq!(off.error(), "visits are not kept here: keep under [visits] is 0");
    let closed = Site::with(Visibility::Token, &[TOKEN]).await;
    assert_eq!(closed.get("/api/v1/counters/a/visits").await.status, StatusCode::UNAUTHORIZED);
}
