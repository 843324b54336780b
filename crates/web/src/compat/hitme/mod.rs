//! HitMe's API: `POST /hit`, `GET /hit` and `GET /hits`, with HitMe's own answers.
//!
//! The whole address is counted, as a name of event `url`. Ranges follow the calendar of one configured zone. Counting
//! takes the path of a counted badge and does not ask the store; reading answers 503 and a reason where HitMe answered
//! 500.

mod asked;
mod buckets;
mod hit;
mod hits;

use crate::{error::Problem, state::App};
use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;

/// The routes of HitMe.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let hit = get(hit::show).post(hit::count);
    let hits = get(hits::list);
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

/// A problem with the headers of every answer here.
struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.json(answer)
    }
}
