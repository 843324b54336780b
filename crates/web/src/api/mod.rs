//! Our own API under `/api/v1`, and its description at `/openapi.json`.
//!
//! Every answer is JSON, errors included (`{"error": "..."}`), except the CSV downloads. Reading follows `visibility`;
//! writing requires a token in the `Authorization` header. `openapi.json` is written by hand; a test checks every answer
//! against it.

mod answer;
mod busiest;
mod counters;
mod csv;
mod hits;
mod item;
mod names;
mod range;
mod series;
mod summary;
mod visits;

use crate::{error::Problem, headers, state::App};
use answer::Api;
use axum::{
    Router,
    http::StatusCode,
    response::Response,
    routing::{any, get, post},
};
use std::sync::Arc;

/// The routes of the API.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let api = Api { app, counted: Default::default() };
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
