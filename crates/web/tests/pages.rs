//! Every page and every answer with a body of its own, as a golden file: drawn from a real embedded store with known
//! counts, on a known day.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use std::sync::Arc;
use tallymark_badge::Look;
use tallymark_core::{
    Batch, Counter, Day, Entry, Event, Hit, Minute, Name, NameRef, Now, Total, Unavailable, When,
};
use tallymark_store::{Retention, Store, StoreUrl};
use tallymark_web::{App, Visibility, router};
use tower::ServiceExt;
use uuid::Uuid;

/// 2026-11-20T12:00:30Z.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

/// Knows what the store knows; counting is not tested here.
struct Stored(Arc<dyn Store>);

impl Counter for Stored {
    fn count<'a>(&'a self, hit: &Hit<'_>) -> Total<'a> {
        self.total(hit.event, hit.name)
    }

    fn total<'a>(&'a self, event: Event, name: NameRef<'_>) -> Total<'a> {
        let name = Name::from(name);
        Total::Asked(Box::pin(async move {
            let totals = self.0.totals(event, &[name]).await.map_err(|_| Unavailable)?;
            totals.first().copied().ok_or(Unavailable)
        }))
    }
}

struct Site {
    _dir: tempfile::TempDir,
    routes: Router,
}

impl Site {
    async fn new(visibility: Visibility) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(dir.path().join("t.db"));
        let store = tallymark_store::open(&url, Retention::default()).await.unwrap();
        fill(&*store).await;
        let app = App {
            counter: Arc::new(Stored(store.clone())),
            store,
            look: Arc::new(ArcSwap::from_pointee(Look::default())),
            base_url: "https://hits.example.org".to_owned(),
            visibility,
            tokens: vec!["a-token-of-sixteen".to_owned()],
            now: || NOW,
        };
        Site { _dir: dir, routes: router(Arc::new(app)) }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = self.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// 1,234 today, 100 three days ago, 50,000 twenty days ago, and a million in 2015.
async fn fill(store: &dyn Store) {
    let claim = store.claim(Uuid::new_v4()).await.unwrap();
    let today = NOW.day().0;
    let name = Name::new("you/repo").unwrap();
    let entry = |when, count| Entry { event: Event::HIT, name: name.clone(), when, count };
    let mut entries = vec![
        entry(When::Minute(Minute(today * 1440 + 600)), 1234),
        entry(When::Day(Day(today - 3)), 100),
        entry(When::Day(Day(today - 20)), 50_000),
        entry(When::Day(Day::parse(b"2015-12-25").unwrap()), 1_000_000),
        Entry { name: Name::new("日本/<b>&\"'").unwrap(), ..entry(When::Day(Day(today)), 1) },
    ];
    entries.sort();
    let batch = Batch { instance: claim.instance, seq: 1, entries };
    store.apply(&claim, &[batch], &[]).await.unwrap();
}

#[tokio::test]
async fn pages_are_as_drawn() {
    let site = Site::new(Visibility::Public).await;
    for (golden, path, status) in [
        ("home", "/", 200),
        ("name_counted", "/repo/you/repo", 200),
        ("name_never_counted", "/name/new", 200),
        ("name_with_markup_in_it", "/name/%E6%97%A5%E6%9C%AC/%3Cb%3E&%22'", 200),
        ("name_from_the_form", "/name?name=a+b%2Bc", 200),
        ("problem", "/name/~all", 400),
        ("json", "/badge/you/repo.json", 200),
        ("json_mistake", "/badge/~all.json", 400),
        ("mistake_badge", "/badge.svg?repo=", 400),
        ("mistake_color", "/badge.svg?repo=a&color=red;x", 400),
    ] {
        let (code, headers, body) = site.get(path, None).await;
        assert_eq!(code, status, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        insta::assert_snapshot!(golden, body);
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_nothing() {
    let site = Site::new(Visibility::Public).await;
    for path in ["/", "/repo/you/repo", "/name/~all"] {
        let (_, headers, body) = site.get(path, None).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'"), "{policy}");
        assert!(!body.contains("<script") && !body.contains("javascript:"), "{path}");
        let outside = body.split('"').filter(|word| word.starts_with("http") || word.starts_with("//"));
        assert_eq!(outside.count(), 0, "{path}: {body}");
    }
}

#[tokio::test]
async fn pages_are_for_whom_the_operator_says_and_badges_for_everybody() {
    let token = Some("a-token-of-sixteen");
    let site = Site::new(Visibility::Token).await;
    assert_eq!(site.get("/", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(site.get("/repo/you/repo", Some("another-token-here")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(site.get("/repo/you/repo", token).await.0, StatusCode::OK);
    assert_eq!(site.get("/badge.svg?repo=you/repo", None).await.0, StatusCode::OK);
    let site = Site::new(Visibility::Off).await;
    assert_eq!(site.get("/repo/you/repo", token).await.0, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/badge.svg?repo=you/repo", None).await.0, StatusCode::OK);
}
