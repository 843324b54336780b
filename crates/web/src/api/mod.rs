//! Our own API under `/api/v1`, and its description at `/openapi.json`.
//!
//! Every response is JSON, including errors (`{"error": "..."}`), except the CSV downloads. Reading follows
//! `visibility`; writing requires a token in the `Authorization` header. `openapi.json` is written by hand; a test
//! checks every response against it.

mod answer;
mod busiest;
mod corrections;
mod counters;
mod hits;
mod item;
mod names;
mod range;
mod series;
mod summary;
mod visitors;
mod visits;
mod writing;

use crate::{
    error::{Problem, only},
    headers,
    state::App,
};
use answer::Api;
use axum::{
    Router,
    http::StatusCode,
    response::Response,
    routing::{any, get, post},
};
use std::sync::Arc;

/// The methods of every read-only address.
const READ: &str = "GET,HEAD";

/// The routes of the API.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let api = Api { app, counted: Default::default() };
    Router::new()
        .route("/openapi.json", only(READ, get(openapi)))
        .route("/api/v1/summary", only(READ, get(summary::show)))
        .route("/api/v1/counters", only(READ, get(counters::list)))
        .route("/api/v1/counters.csv", only(READ, get(counters::list)))
        .route("/api/v1/counters/{*name}", only(READ, get(counters::one)))
        .route("/api/v1/hits", only("POST", post(hits::take)))
        .route("/api/v1/corrections", only("GET,HEAD,POST", get(corrections::list).post(corrections::take)))
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
