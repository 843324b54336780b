//! Panels over HTTP, at snow-trace's addresses under `/v1`: pictures of visits and likes for a README, and the like
//! itself.
//!
//! `address` says which of them a path is, `picture` counts a view and draws, `like` handles a click on the picture,
//! `person` tells people's clicks from programs, `back` decides where a reader is sent afterwards, and `speech` in
//! which language.

pub(crate) mod address;
mod back;
mod like;
mod person;
mod picture;
mod speech;

use crate::{
    auth::Peer,
    error::{Problem, only},
    headers,
    state::App,
};
use address::Address;
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;

/// The routes. Paths are read as they were sent: see [`Address`].
pub(crate) fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/", get(async || not_found()))
        .route("/v1/{*path}", only("GET, HEAD, POST", get(show).post(change)))
        .with_state(app)
}

async fn show(State(app): State<Arc<App>>, peer: Peer, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match Address::of(head.uri.path()) {
        None => not_found(),
        Some(Address::Picture(picture, name)) => {
            picture::show(&app, picture, name, &head.method, &head.uri, (peer, &head.headers)).await
        }
        Some(Address::Like(name)) => like::asked(&app, name, peer, &head).await,
        Some(Address::Unlike(Ok(name))) => {
            ([(header::ALLOW, "POST")], like::not_posted(&app, &name, &head)).into_response()
        }
        Some(Address::Unlike(Err(why))) => like::not_a_name(&app, why),
    }
}

async fn change(State(app): State<Arc<App>>, peer: Peer, request: Request) -> Response {
    match Address::of(request.uri().path()) {
        None => not_found(),
        Some(Address::Picture(..)) => wrong_method("GET, HEAD"),
        Some(Address::Like(name)) => like::posted(&app, name, like::Click::Like, peer, request).await,
        Some(Address::Unlike(name)) => like::posted(&app, name, like::Click::Unlike, peer, request).await,
    }
}

/// snow-trace's answer, to the byte.
fn not_found() -> Response {
    let mut answer = headers::text(StatusCode::NOT_FOUND, "");
    *answer.body_mut() = "Not found".into();
    answer
}

fn wrong_method(allowed: &'static str) -> Response {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this address takes {allowed}"));
    ([(header::ALLOW, allowed)], problem).into_response()
}
