//! Answers with the headers of HitMe's express.

use crate::error::Problem;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Exactly as express writes it.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer changes with every hit, and echoes text of the request.
pub(super) const FRESH: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

pub(super) fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
}

/// A [`Problem`] with these headers.
pub(super) struct HitmeProblem(Problem);

impl From<Problem> for HitmeProblem {
    fn from(problem: Problem) -> HitmeProblem {
        HitmeProblem(problem)
    }
}

impl IntoResponse for HitmeProblem {
    fn into_response(self) -> Response {
        self.0.json(answer)
    }
}
