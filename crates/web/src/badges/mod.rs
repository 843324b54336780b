//! Pictures of counts: badges, in image digits too, and charts; and the count as JSON.

pub(crate) mod badge;
mod digits;
pub(crate) mod dress;
mod figures;
pub(crate) mod graph;
pub(crate) mod parameters;
mod shields;
pub(crate) mod sum;

pub(crate) use dress::Dress;
pub(crate) use figures::Figures;
pub(crate) use parameters::{AnswerKind, check};

use crate::{auth::Peer, name::from_path, pages, query::Query, state::App};
use axum::{
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// `/badge/NAME.svg`, `/badge/NAME.json` and `/badge/NAME.shields.json`.
pub(crate) async fn of_path(
    State(app): State<Arc<App>>,
    peer: Peer,
    method: Method,
    uri: Uri,
    sent: HeaderMap,
) -> Response {
    // The path as it was sent: `a/b` and `a%2Fb` are decoded once, here.
    let raw = uri.path().strip_prefix("/badge/").unwrap_or_default();
    if let Some(raw) = raw.strip_suffix(".svg") {
        badge::show(&app, from_path(raw), &method, Query::of(&uri), (peer, &sent)).await
    } else if let Some(raw) = raw.strip_suffix(".shields.json") {
        shields::show(&app, from_path(raw), &uri).await.into_response()
    } else if let Some(raw) = raw.strip_suffix(".json") {
        badge::json(&app, from_path(raw), &uri).await.into_response()
    } else {
        pages::nothing_here(&app, &sent, "Badges are at `/badge/NAME.svg`, and counts at `/badge/NAME.json`")
    }
}
