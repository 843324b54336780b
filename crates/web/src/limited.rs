//! The limit on how often one client can request pictures of GitHub accounts, as a layer around their routes.

use crate::{auth::Peer, error::Problem, headers, state::App};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{sync::Arc, time::Duration};

/// Lets a request through, or answers that it is one too many.
pub(crate) async fn limited(
    State(app): State<Arc<App>>,
    peer: Peer,
    request: Request,
    next: Next,
) -> Response {
    let sent = request.headers();
    let client = peer.behind(sent, &app.access.proxies);
    let taken = app.github.as_ref().map_or(Ok(()), |front| front.limit.take(client, sent));
    match taken {
        Ok(()) => next.run(request).await.into_response(),
        Err(wait) => too_often(sent, wait),
    }
}

fn too_often(sent: &HeaderMap, wait: Duration) -> Response {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    let why = "not counted: too many requests";
    let mut answer =
        if headers::wants_picture(sent) { problem.picture(why) } else { problem.json(headers::json) };
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    answer
}
