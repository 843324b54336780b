//! `POST /api/v1/hits` up to the store: who may write, what is read, what is refused and with which words.

use crate::site::{Got, Site, TOKEN};
use axum::{body::Body, http::Request};
use serde_json::json;
use tallymark_core::{Committed, NotCommitted};
use tallymark_web::Visibility;

const JSON: (&str, &str) = ("content-type", "application/json");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson; charset=utf-8");

async fn post(site: &Site, headers: &[(&str, &str)], body: impl Into<Body>) -> Got {
    let mut request = Request::post("/api/v1/hits").header("authorization", format!("Bearer {TOKEN}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.ask(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn items_are_folded_and_each_gets_its_result() {
    let site = Site::new().await;
    let body = r#"[
        {"name": "b"}, {"name": "a", "count": 3.0}, {"name": "b", "count": 2},
        {"name": "a%2Fb", "event": "like", "time": "1999-12-31T23:59:59.5+01:00"},
        {"name": "b", "time": "2026-11-20T12:10:30Z"},
        {"name": "b", "time": "2026-11-20T12:10:31Z"},
        {"name": "~all"}, {"name": ""}, {"name": "a\u0000"}, {"name": "a", "event": "Like"}, {"name": "a", "count": 0},
        {"name": "a", "count": 1000001}, {"name": "a", "count": -1}, {"name": "a", "count": "1"}, {"name": "a", "time": "today"},
        {"name": "a", "time": null}, {"name": "a", "cuont": 1}, {"nam": "a"}, 7
    ]"#;
    let got = post(&site, &[JSON], body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert!(!got.headers.contains_key("access-control-allow-origin"));
    let got = got.json();
    assert_eq!(
        (&got["accepted"], &got["rejected"], &got["duplicate"]),
        (&json!(5), &json!(14), &json!(false))
    );
    let results = got["results"].as_array().unwrap();
    assert!(results[..5].iter().all(|result| *result == json!({"ok": true})));
    let parts = [
        "10 minutes",
        "cannot begin",
        "empty",
        "control",
        "an event is",
        "1 to 1000000",
        "1 to 1000000",
        "1 to 1000000",
        "\"1\"",
        "RFC 3339",
        "null",
        "cuont",
        "nam",
        "7",
    ];
    for (result, part) in results[5..].iter().zip(parts) {
        assert_eq!(result["ok"], false);
        assert!(result["error"].as_str().unwrap().contains(part), "{part}: {result}");
    }
    let entries = [
        "hit a 2026-11-20 720 3",
        "hit b 2026-11-20 720 3",
        "hit b 2026-11-20 730 1",
        "like a%2Fb 1999-12-31 1379 1",
    ];
    assert_eq!(*site.book.handed.lock().unwrap(), [(None, entries.map(str::to_owned).to_vec())]);
}

#[tokio::test]
async fn lines_are_items_too() {
    let site = Site::new().await;
    let body = "{\"name\": \"a\"}\r\n\n{\"name\": \"b\"\n{\"name\": \"c\"}";
    let got = post(&site, &[LINES, ("idempotency-key", "k 1")], body).await.json();
    assert_eq!((&got["accepted"], &got["rejected"]), (&json!(2), &json!(1)));
    assert_eq!(got["results"][1], json!({"ok": false, "error": "it ends in the middle, in line 3"}));
    assert_eq!(site.book.handed.lock().unwrap()[0].0.as_deref(), Some("k 1"));
    assert_eq!(post(&site, &[LINES], "").await.json()["accepted"], 0);
    assert_eq!(post(&site, &[JSON], "[]").await.json()["accepted"], 0);
}

#[tokio::test]
async fn nobody_writes_without_a_token() {
    let site = Site::with(Visibility::Public, &[]).await;
    let got = post(&site, &[JSON], "[]").await;
    assert_eq!(got.status, 403);
    assert!(got.error().contains("set tokens"));
    let site = Site::new().await;
    for token in ["", "Bearer", "Bearer a-token-of-sixtee", "Basic a-token-of-sixteen"] {
        let request = Request::post("/api/v1/hits").header("authorization", token).header(JSON.0, JSON.1);
        let got = site.ask(request.body(Body::from("[{\"name\":\"a\"}]")).unwrap()).await;
        assert_eq!(
            (got.status.as_u16(), &got.headers["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
    }
    assert!(site.book.handed.lock().unwrap().is_empty());
    // A token allows writing even if no client may read.
    let site = Site::with(Visibility::Off, &[TOKEN]).await;
    assert_eq!(post(&site, &[JSON], "[{\"name\":\"a\"}]").await.status, 200);
}

#[tokio::test]
async fn refusals_say_why() {
    let site = Site::new().await;
    let key = |key: &'static str| [JSON, ("idempotency-key", key)];
    let long: &'static str = Box::leak("k".repeat(129).into_boxed_str());
    let many = "{}\n".repeat(1300);
    let empty = "\n".repeat(4097);
    for (headers, body, status, part) in [
        (&[][..], "[]", 415, "Content-Type"),
        (&[("content-type", "text/plain")], "[]", 415, "Content-Type"),
        (&[("content-type", "application/x-www-form-urlencoded")], "[]", 415, "Content-Type"),
        (&[JSON], "", 400, "not a JSON array"),
        (&[JSON], "{\"name\":\"a\"}", 400, "not a JSON array: put even a single item into [ ]"),
        (&[JSON], "[{\"name\":\"a\"}", 400, "not a JSON array: it ends in the middle, in line 1"),
        (&[JSON], "[\n{\"name\":a}]", 400, "not a JSON array: line 2 is not JSON at column 9"),
        (&[JSON], "[{\"name\":\"\"}]", 400, "no item"),
        (&[LINES], &many[..3900], 400, "no item"),
        (&[LINES], &empty[..], 413, "4096 bytes"),
        (&[JSON, ("content-length", "5000")], "[]", 413, "4096 bytes"),
        (&key(""), "[]", 400, "Idempotency-Key"),
        (&key(long), "[]", 400, "Idempotency-Key"),
        (&key("a\tb"), "[]", 400, "Idempotency-Key"),
        (&[JSON, ("idempotency-key", "a"), ("idempotency-key", "b")], "[]", 400, "Idempotency-Key"),
    ] {
        let got = post(&site, headers, body.to_owned()).await;
        assert_eq!(got.status, status, "{part}: {}", got.body);
        assert!(got.error().contains(part), "{part}: {}", got.body);
    }
    assert!(site.book.handed.lock().unwrap().is_empty());
    for method in ["GET", "PUT", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/api/v1/hits").body(Body::empty()).unwrap();
        let got = site.ask(request).await;
        assert_eq!((got.status.as_u16(), &got.headers["allow"]), (405, &"POST".parse().unwrap()));
    }
}

#[tokio::test]
async fn what_the_store_says_is_passed_on_without_its_address() {
    let site = Site::new().await;
    let secret = "redis://user:secret@host".to_owned();
    for (answer, status, part) in [
        (Err(NotCommitted::OtherBody), 422, "another body"),
        (Err(NotCommitted::NoRoom), 422, "no room"),
        (Err(NotCommitted::Unavailable(secret.clone())), 503, "nothing was counted"),
        (Err(NotCommitted::Unknown(secret)), 503, "same Idempotency-Key"),
    ] {
        *site.book.answer.lock().unwrap() = answer;
        let got = post(&site, &[JSON], "[{\"name\":\"a\"}]").await;
        assert_eq!(got.status, status);
        assert!(got.error().contains(part) && !got.body.contains("secret"), "{}", got.body);
    }
    *site.book.answer.lock().unwrap() = Ok(Committed::Before);
    assert_eq!(post(&site, &[JSON], "[{\"name\":\"a\"}]").await.json()["duplicate"], true);
}

#[tokio::test]
async fn statuses_are_handed_in_beside_their_hits() {
    let site = Site::new().await;
    let body = r#"[
        {"name": "acme", "event": "order", "status": "closed", "count": 2},
        {"name": "acme", "event": "order", "status": "closed", "time": "2025-01-31T23:59:59Z"},
        {"name": "acme", "event": "order", "status": "in transit"}, {"name": "acme", "event": "order"},
        {"name": "a", "status": ""}, {"name": "a", "status": "~overflow"}, {"name": "a", "status": "a\nb"},
        {"name": "a", "status": 7}, {"name": "a", "status": null}
    ]"#;
    let got = post(&site, &[JSON], body).await.json();
    assert_eq!((&got["accepted"], &got["rejected"]), (&json!(4), &json!(5)));
    assert!(got["results"][5]["error"].as_str().unwrap().contains("a status is 1 to 64 bytes"));
    let expected = [
        "order acme 2025-01-31 1439 1",
        "order acme 2026-11-20 720 4",
        "order acme 2025-1 \"closed\" 1",
        "order acme 2026-11 \"closed\" 2",
        "order acme 2026-11 \"in transit\" 1",
    ];
    assert_eq!(site.book.handed.lock().unwrap()[0].1, expected);
}

#[tokio::test]
async fn an_item_with_a_user_agent_is_one_visit_where_visits_are_kept() {
    let body = r#"[
        {"name": "a", "user_agent": "curl/8.5.0", "count": 9}, {"name": "a", "user_agent": ""}, {"name": "b"},
        {"name": "a", "user_agent": "github-camo (876de43e)", "time": "2025-01-31T23:59:59Z"}, {"name": "a", "user_agent": 7},
        {"name": "", "user_agent": "curl/8.5.0"}, {"name": "a", "event": "like", "user_agent": "\u0000\"<Mozilla"}
    ]"#;
    for (keep, visits) in [
        (
            2,
            &[
                r#"hit a ["2026-11-20T12:00:00Z program", "2026-11-20T12:00:00Z unknown"]"#,
                r#"like a ["2026-11-20T12:00:00Z unknown"]"#,
            ][..],
        ),
        (0, &[]),
    ] {
        let site = Site::keeping_visits(keep).await;
        let got = post(&site, &[JSON], body).await.json();
        assert_eq!((&got["accepted"], &got["rejected"]), (&json!(5), &json!(2)));
        let handed = &site.book.handed.lock().unwrap()[0].1;
        assert_eq!(
            &handed[..4],
            [
                "hit a 2025-01-31 1439 1",
                "hit a 2026-11-20 720 10",
                "hit b 2026-11-20 720 1",
                "like a 2026-11-20 720 1",
            ][..]
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        );
        assert_eq!(handed[4..], visits.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn every_item_is_accepted_or_rejected_with_its_reason() {
    let site = Site::new().await;
    let told = |site: &Site| std::mem::take(&mut *site.book.told.lock().unwrap());
    let all = r#"[{"name": "a"}, {"name": ""}, {"name": "~a"}, {"name": "a", "event": "A"}, {"name": "a", "count": 0},
        {"name": "a", "time": "x"}, {"name": "a", "time": "2199-01-01T00:00:00Z"}, {"name": "a", "status": "~"}, 7]"#;
    post(&site, &[JSON], all).await;
    let rejects = ["noname", "name", "event", "weight", "time", "date", "status", "json"];
    assert_eq!(told(&site), [&["accepted"], &rejects[..]].concat());
    post(&site, &[JSON], "{").await;
    post(&site, &[LINES], "{\"name\": \"\"}").await;
    assert_eq!(told(&site), ["json", "noname"]);
    *site.book.answer.lock().unwrap() = Ok(Committed::Before);
    post(&site, &[LINES], "{\"name\": \"a\"}\n7").await;
    *site.book.answer.lock().unwrap() = Err(NotCommitted::NoRoom);
    post(&site, &[LINES], "{\"name\": \"a\"}\n7").await;
    assert_eq!(told(&site), ["duplicate", "json", "uncommitted", "json"]);
}
