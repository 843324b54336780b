//! Shared by the handlers of the API: their state, the form of responses, and common parameters.

use super::names::NameCountCache;
use crate::{error::Problem, headers, query::Query, state::App};
use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Serialize;
use std::sync::Arc;
use tallymark_core::Event;

/// How many rows a list has without `limit`, and the maximum.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// The state of the API handlers.
pub(super) struct Api {
    pub(super) app: Arc<App>,
    pub(super) counted: NameCountCache,
}

pub(super) type Answer = Result<Response, Problem>;

impl Api {
    /// Whether the request may read counts.
    pub(super) fn may_read(&self, sent: &HeaderMap) -> Result<(), Problem> {
        self.app.access.may_read(sent)
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Structs of text and numbers always serialize.
    headers::json(status, serde_json::to_string(body).unwrap_or_default())
}

/// A number also as text, if JavaScript programs would round it.
pub(super) fn exact(number: i64) -> Option<String> {
    (number > 1 << 53).then(|| number.to_string())
}

/// The value of a parameter as text.
pub(super) fn text(query: Query<'_>, name: &str) -> Result<Option<String>, Problem> {
    let value = query.get(name).map(String::from_utf8).transpose();
    value.map_err(|_| Problem::bad_request(format!("{name} is not UTF-8")))
}

pub(super) fn event(query: Query<'_>) -> Result<Event, Problem> {
    query.event().map_err(|why| Problem::bad_request(format!("event: {why}")))
}

/// The value of `limit`.
pub(super) fn limit(value: Option<String>) -> Result<usize, Problem> {
    let Some(value) = value else { return Ok(USUAL) };
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let limit = value.parse().ok().filter(|limit| digits && (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::bad_request(format!("limit is a number from 1 to {MOST}")))
}
