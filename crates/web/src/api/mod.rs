//! Our own API under `/api/v1`, and its description at `/openapi.json`.
//!
//! Every answer is JSON, errors included (`{"error": "..."}`), except the CSV downloads. Reading follows `visibility`;
//! writing requires a token in the `Authorization` header. `openapi.json` is written by hand; a test checks every answer
//! against it.

mod busiest;
mod counters;
mod csv;
mod hits;
mod item;
mod range;
mod series;
mod summary;
mod visits;

use crate::{error::Problem, headers, query::Query, state::App};
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{any, get, post},
};
use serde::Serialize;
use std::sync::Arc;
use tallymark_core::Event;

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
        .route("/openapi.json", get(openapi))
        .route("/api/v1/summary", get(summary::show))
        .route("/api/v1/counters", get(counters::list))
        .route("/api/v1/counters.csv", get(counters::list))
        .route("/api/v1/counters/{*name}", get(counters::one))
        .route("/api/v1/hits", post(hits::take))
        .route("/api/v1", any(nothing_here))
        .route("/api/v1/", any(nothing_here))
        .route("/api/v1/{*rest}", any(nothing_here))
        .with_state(Arc::new(api))
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
        self.app.access.may_read(sent)
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
    value.map_err(|_| Problem::bad_request(format!("{name} is not UTF-8")))
}

fn event(query: Query<'_>) -> Result<Event, Problem> {
    query.event().map_err(|why| Problem::bad_request(format!("event: {why}")))
}
