//! Every page and every answer with a body of its own, as a golden file: drawn from a real embedded store with known
//! counts, on a known day.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod site;

use axum::http::StatusCode;
use site::Site;
use tallymark_web::Visibility;

#[tokio::test]
async fn pages_are_as_drawn() {
    let site = Site::new(Visibility::Public).await;
    for (golden, path, status) in [
        ("home", "/", 200),
        ("name_counted", "/repo/you/repo", 200),
        ("name_never_counted", "/name/new", 200),
        ("name_with_markup_in_it", "/name/%E6%97%A5%E6%9C%AC/%3Cb%3E&%22'", 200),
        ("name_from_the_form", "/name?name=a+b%2Bc", 200),
        (
            "name_compared",
            "/repo/you/repo?period=7d&compare=new&compare=%E6%97%A5%E6%9C%AC/%3Cb%3E%26%22%27",
            200,
        ),
        ("name_in_the_query", "/name?name=..&compare=you%2Frepo&period=12mo", 200),
        ("problem", "/name/~all", 400),
        ("problem_period", "/repo/you/repo?period=31d", 400),
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
    for path in ["/", "/repo/you/repo", "/repo/you/repo?compare=a/b&compare=%22%3E", "/name/~all"] {
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

#[tokio::test]
async fn page_without_a_store_says_so() {
    let (code, _, body) = Site::without_store().await.get("/repo/you/repo", None).await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("The store does not answer at the moment."), "{body}");
}
