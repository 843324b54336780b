//! Errors of requests: one type for every form of response.
//!
//! A [`Problem`] is JSON by default (`{"error": "..."}`). Badges and charts draw it as a picture, `pages` as a page,
//! and `compat` adds the headers that its clients know. `report` logs what the operator should know.

pub(crate) mod not_json;
pub(crate) mod report;
pub(crate) mod shown;

use crate::headers;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use serde::Serialize;
use tallymark_badge::{Badge, render};
use tallymark_core::{NotAName, Unavailable};
use tallymark_store::{Class, StoreError};

/// The error response and its reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) what: String,
}

#[derive(Serialize)]
struct Said<'a> {
    error: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, what: impl Into<String>) -> Problem {
        Problem { status, what: what.into() }
    }

    /// The request is wrong.
    pub(crate) fn bad_request(what: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, what)
    }

    /// The store took too long.
    pub(crate) fn unavailable() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; try again")
    }

    /// The store did not answer, or has no count there. The log has the details.
    pub(crate) fn store(doing: &'static str, error: &StoreError) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, report::store(doing, error))
    }

    /// The answer as JSON, made of its status and its text by `answer`.
    pub(crate) fn json(&self, answer: impl FnOnce(StatusCode, String) -> Response) -> Response {
        // A struct of text always serializes.
        let mut answer =
            answer(self.status, serde_json::to_string(&Said { error: &self.what }).unwrap_or_default());
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }

    /// The answer as a picture that says what to change. `why` goes into `X-Tallymark`. Clients that show pictures alone get
    /// it with 200: see [`shown`].
    pub(crate) fn picture(&self, why: &'static str) -> Response {
        headers::picture(self.status, render(&Badge::error(&self.what)), why)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.json(headers::json)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error.class() {
            // Only the cursor of a next page can be invented by a client.
            Class::Request => Problem::bad_request("after: no such page"),
            _ => Problem::store("reading counts for an API", &error),
        }
    }
}

impl From<NotAName> for Problem {
    fn from(why: NotAName) -> Problem {
        Problem::bad_request(why.to_string())
    }
}

impl From<Unavailable> for Problem {
    fn from(_: Unavailable) -> Problem {
        Problem::unavailable()
    }
}

/// The handlers of an address that accepts only these methods, and answers others with an error.
pub(crate) fn only<S>(allowed: &'static str, handlers: MethodRouter<S>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    handlers.fallback(move || async move {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this address takes {allowed}"));
        ([(header::ALLOW, allowed)], problem)
    })
}
