//! The common part of requests that write: who can write, the type of the body, and who can read the answer. Called by
//! `hits` and `corrections`.

use super::answer::{Answer, Api};
use crate::error::Problem;
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

/// The answer without the permission for pages of other sites to read it.
pub(super) fn for_the_writer_alone(answer: Answer) -> Response {
    let mut answer = answer.unwrap_or_else(IntoResponse::into_response);
    answer.headers_mut().remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    answer
}

/// The type of the body, in lower case and without parameters; empty if there is none.
pub(super) fn media_type(sent: &HeaderMap) -> String {
    let kind = sent.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn may_write(api: &Api, sent: &HeaderMap) -> Result<(), Problem> {
    if !api.app.access.has_writers() {
        let error = "writing is not allowed here, because no token is configured: set tokens = [\"...\"] under [http], or \
                     TALLYMARK_TOKENS, and send Authorization: Bearer TOKEN";
        return Err(Problem::new(StatusCode::FORBIDDEN, error));
    }
    let access = &api.app.access;
    let no_token = || Problem::new(StatusCode::UNAUTHORIZED, access.ask_program(sent));
    access.has_token(sent).then_some(()).ok_or_else(no_token)
}

pub(super) fn key(sent: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = sent.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let printable =
        |key: &&str| (1..=128).contains(&key.len()) && key.bytes().all(|b| (0x20..0x7f).contains(&b));
    let key = key.to_str().ok().filter(printable).filter(|_| keys.next().is_none());
    let mistake = || Problem::bad_request("Idempotency-Key is 1 to 128 printable ASCII characters, once");
    key.map(Some).ok_or_else(mistake)
}
