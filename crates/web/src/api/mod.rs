//! The API of our own under `/api/v1`, and its description at `/openapi.json`.
//!
//! Every answer is JSON, mistakes too (`{"error": "..."}`), but for the CSV of a series. Reading follows `visibility`; writing
//! takes a token in a header of its own.
//! `openapi.json` is written by hand; a test compares it with what the routes answer.

mod busiest;
mod counters;
mod csv;
mod hits;
mod item;
mod range;
mod series;
mod summary;
mod visits;

use crate::{error::report, headers, query::Query, state::App};
use axum::{
    Router,
    handler::Handler,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get, post},
};
use serde::Serialize;
use std::sync::Arc;
use tallymark_core::Event;
use tallymark_store::{Class, StoreError};

/// What the handlers of the API reach.
struct Api {
    app: Arc<App>,
    counted: summary::Counted,
}

type Answer = Result<Response, Problem>;

/// The routes of the API.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let api = Api { app, counted: summary::Counted::default() };
    Router::new()
        .route("/openapi.json", read(openapi))
        .route("/api/v1/summary", read(summary::show))
        .route("/api/v1/counters", read(counters::list))
        .route("/api/v1/counters.csv", read(counters::list))
        .route("/api/v1/counters/{*name}", read(counters::one))
        .route("/api/v1/hits", post(hits::take).fallback(|| async { wrong_method("POST") }))
        .route("/api/v1", any(nothing_here))
        .route("/api/v1/", any(nothing_here))
        .route("/api/v1/{*rest}", any(nothing_here))
        .with_state(Arc::new(api))
}

fn read<H: Handler<T, Arc<Api>>, T: 'static>(handler: H) -> MethodRouter<Arc<Api>> {
    get(handler).fallback(|| async { wrong_method("GET,HEAD") })
}

fn wrong_method(allowed: &'static str) -> Response {
    let mut answer =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this address takes {allowed}")).into_response();
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "nothing here: /openapi.json says what there is")
}

async fn openapi() -> Response {
    headers::json(StatusCode::OK, include_str!("openapi.json").to_owned())
}

impl Api {
    /// Whether the request may read counts.
    fn may_read(&self, sent: &HeaderMap) -> Result<(), Problem> {
        self.app.access.may_read(sent).map_err(|(status, why)| Problem::new(status, why))
    }
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
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        if error.class() == Class::Request {
            return Problem::mistake("after: no such page");
        }
        let reason = report::store("reading counts for the API", &error);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }
}

#[derive(Serialize)]
struct Said<'a> {
    error: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = json(self.status, &Said { error: &self.error });
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Structs of text and numbers always serialize.
    headers::json(status, serde_json::to_string(body).unwrap_or_default())
}

/// A number as text too, where programs of JavaScript would round it.
fn exact(number: i64) -> Option<String> {
    (number > 1 << 53).then(|| number.to_string())
}

/// The value of a parameter as text.
fn text(query: Query<'_>, name: &str) -> Result<Option<String>, Problem> {
    let value = query.get(name).map(String::from_utf8).transpose();
    value.map_err(|_| Problem::mistake(format!("{name} is not UTF-8")))
}

fn event(query: Query<'_>) -> Result<Event, Problem> {
    query.event().map_err(|why| Problem::mistake(format!("event: {why}")))
}
