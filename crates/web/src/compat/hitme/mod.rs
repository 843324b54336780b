//! HitMe's API: `POST /hit`, `GET /hit` and `GET /hits`, with HitMe's own answers.
//!
//! What is counted is an address, whole, as a name of event `url`. Ranges are those of the calendar, in one zone for
//! all, and hold the time that was asked for. Counting goes the way of a counted badge and asks no store; reading
//! answers 503 and a reason where HitMe answered 500.

mod asked;
mod buckets;
mod hit;
mod hits;

use crate::state::App;
use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use std::sync::Arc;

/// The routes of HitMe.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let hit = get(hit::show).post(hit::count).fallback(|| async { wrong_method("GET,HEAD,POST") });
    let hits = get(hits::list).fallback(|| async { wrong_method("GET,HEAD") });
    let lists = Arc::new(hits::Lists::new());
    Router::new()
        .route("/hit", hit)
        .with_state(app.clone())
        .merge(Router::new().route("/hits", hits).with_state((app, lists)))
}

/// Exactly express's.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The answer holds what somebody sent, and is another one soon.
const FRESH: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
}

/// What is answered instead, and why.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    error: String,
}

impl Problem {
    fn new(status: StatusCode, error: impl Into<String>) -> Problem {
        Problem { status, error: error.into() }
    }

    fn mistake(error: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, error)
    }

    fn unavailable() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; try again")
    }
}

#[derive(Serialize)]
struct Said<'a> {
    error: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of text always serializes.
        let body = serde_json::to_string(&Said { error: &self.error }).unwrap_or_default();
        let mut answer = answer(self.status, body);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

fn wrong_method(allowed: &'static str) -> Response {
    let error = format!("this address takes {allowed}");
    let mut answer = Problem::new(StatusCode::METHOD_NOT_ALLOWED, error).into_response();
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}
