//! `/api/v1/corrections` up to whoever corrects: what is read, what is refused and with which words.

use crate::site::{Got, Site, TOKEN};
use axum::{body::Body, http::Request};
use serde_json::json;
use tallymark_web::Visibility;

async fn post(site: &Site, headers: &[(&str, &str)], body: &str) -> Got {
    let mut request = Request::post("/api/v1/corrections").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.ask(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_correction_is_read_and_its_answer_is_that_of_the_command() {
    let site = Site::new().await;
    let token = ("authorization", &*format!("Bearer {TOKEN}"));
    for (body, action) in [
        (r#"{"action":"set","name":"o/r","count":5}"#, "Set(5)"),
        (r#"{"action":"add","name":"o/r","count":-5,"event":"like"}"#, "Add(-5)"),
        (r#"{"action":"reset","name":"o/r"}"#, "Reset(None)"),
        (r#"{"action":"delete","name":"o/r"}"#, "Delete"),
        (r#"{"action":"rename","name":"o/r","to":"p/r"}"#, "Rename(Name(\"p/r\"))"),
        (r#"{"action":"merge","name":"o/r","to":"p/r"}"#, "Merge(Name(\"p/r\"))"),
    ] {
        let got = post(&site, &[token], body).await;
        assert_eq!(got.status, 200, "{body}: {}", got.body);
        assert!(!got.headers.contains_key("access-control-allow-origin"));
        let got = got.json();
        let part = &got["parts"][0];
        assert_eq!(
            (&part["action"], &part["by"], &got["duplicate"]),
            (&json!(action), &json!("API token 1"), &json!(false))
        );
    }
    let stretch =
        r#"{"action":"reset","name":"o/r","from":"2026-11-20","until":"2026-11-21","reason":"spam"}"#;
    let got = post(&site, &[token], stretch).await.json();
    assert!(got["parts"][0]["action"].as_str().unwrap().contains("2026-11-20..2026-11-21"), "{got}");
    assert_eq!(got["parts"][0]["reason"], "spam");
    let set = r#"{"action":"set","name":"o/r","count":5}"#;
    assert_eq!(post(&site, &[token, ("idempotency-key", "before")], set).await.json()["duplicate"], true);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_reason() {
    let site = Site::new().await;
    let token = ("authorization", &*format!("Bearer {TOKEN}"));
    let id = r#""id":"00000000-0000-0000-0000-000000000000""#;
    for (body, status, part) in [
        ("", 400, "it ends in the middle"),
        ("[]", 400, "not a correction"),
        ("{}", 400, "missing field `action`"),
        (r#"{"action":"sett"}"#, 400, "action is set, add,"),
        (r#"{"action":"set","name":"o/r"}"#, 400, "needs a count"),
        (r#"{"action":"set","name":"o/r","count":-1}"#, 400, "not negative"),
        (r#"{"action":"set","count":1}"#, 400, "needs a name"),
        (r#"{"action":"set","name":"","count":1}"#, 400, "name: "),
        (r#"{"action":"set","name":"o/r","count":1,"event":"Hit"}"#, 400, "event: "),
        (r#"{"action":"set","name":"o/r","count":1,"to":"x"}"#, 400, "no to"),
        (r#"{"action":"set","name":"o/r","cuont":1}"#, 400, "cuont"),
        (r#"{"action":"rename","name":"o/r"}"#, 400, "needs to"),
        (r#"{"action":"reset","name":"o/r","until":"2026-11-20"}"#, 400, "it needs a beginning"),
        (r#"{"action":"undo"}"#, 400, "needs the id"),
        (r#"{"action":"delete","name":"o/r","reason":"a\nb"}"#, 400, "reason is one line"),
        (r#"{"action":"delete","name":"none"}"#, 404, "no such name"),
        (&format!(r#"{{"action":"undo",{id}}}"#), 422, "undone already"),
    ] {
        let got = post(&site, &[token], body).await;
        assert_eq!(got.status, status, "{body}: {}", got.body);
        assert!(got.error().contains(part), "{part}: {}", got.body);
    }
    let set = r#"{"action":"set","name":"o/r","count":5}"#;
    assert_eq!(post(&site, &[], set).await.status, 401);
    assert_eq!(
        post(&site, &[token, ("content-type", "text/plain")], set).await.status,
        200,
        "the first one counts"
    );
    assert_eq!(site.get("/api/v1/corrections").await.status, 401);
    let closed = Site::with(Visibility::Public, &[]).await;
    assert_eq!(post(&closed, &[token], set).await.status, 403);
}
