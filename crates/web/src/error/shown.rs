//! Errors as pictures, for clients that show only pictures.
//!
//! GitHub's image proxy does not show the picture of a 4xx, so its text would never be read. A client that wants an
//! image and not a page gets the picture with 200, and the status in a header; all others get the status itself. This
//! is a layer around all routes, so it is the same for badges, charts, panels, banners and cards. None of these
//! responses count.

use crate::{
    headers,
    query::{Query, count_wanted},
};
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};

/// The status of a picture that is sent with 200.
const STATUS: HeaderName = HeaderName::from_static("x-tallymark-status");
/// A proxy whose log counts what the daemon does not (`count=false`) says with it that the log knows [`STATUS`]. The
/// log of any other counts by status.
const KNOWS_STATUS: HeaderName = HeaderName::from_static("x-tallymark-knows-status");

/// Passes a request on, and shows what is wrong with it.
pub(crate) async fn show(request: Request, next: Next) -> Response {
    let sent = request.headers();
    let is_counted_elsewhere =
        count_wanted(Query::of(request.uri())) == Ok(false) && !sent.contains_key(KNOWS_STATUS);
    let shows_pictures = headers::wants_picture(sent) && !is_counted_elsewhere;
    let mut answer = next.run(request).await;
    let status = answer.status();
    if shows_pictures
        && explains(status)
        && answer.headers().get(header::CONTENT_TYPE).is_some_and(headers::is_picture)
    {
        answer.headers_mut().insert(STATUS, HeaderValue::from(status.as_u16()));
        *answer.status_mut() = StatusCode::OK;
    }
    answer
}

/// Whether asking again is of no use. A proxy keeps what it had while the daemon is busy, or shows a picture of its own.
fn explains(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS
}
