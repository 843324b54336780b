//! Reads the body of a request, within a limit of bytes and of time.

use crate::error::Problem;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use std::time::Duration;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads at most `limit` bytes. `setting` is the part of the configuration that sets the limit, if one does.
pub(crate) async fn read(
    sent: &HeaderMap,
    body: Body,
    limit: usize,
    setting: Option<&str>,
) -> Result<Bytes, Problem> {
    let large = || {
        let setting = setting.map(|setting| format!(" ({setting})")).unwrap_or_default();
        let what = format!("the body is larger than {limit} bytes{setting}");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, what)
    };
    let length = sent.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return Err(large());
    }
    match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        // Too long, or cut off: a client that has gone reads no answer, so only the first matters.
        Ok(Err(_)) => Err(large()),
        Err(_) => {
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body took more than {PATIENCE:?}")))
        }
    }
}
