//! The style sheets, the scripts and the icon, which are part of the binary.
//!
//! A browser revalidates them with a tag made of their contents, so after an upgrade no page runs an old script.

use crate::headers;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use std::{
    hash::{DefaultHasher, Hasher},
    sync::LazyLock,
};

/// With the style sheet of charts, for the swatches next to names.
static STYLE: LazyLock<String> =
    LazyLock::new(|| include_str!("style.css").to_owned() + &tallymark_badge::chart::style_sheet());
const LIKE: &str = include_str!("like.css");
const LIVE: &str = include_str!("live.js");
/// The mark in a browser's tab, which no other counter has.
pub const ICON: &str = include_str!("icon.svg");
const MAKER: &str = include_str!("maker.js");

/// `/assets/style.css`.
pub(crate) async fn style(sent: HeaderMap) -> Response {
    tagged(&sent, STYLE.as_str(), HeaderValue::from_static("text/css; charset=utf-8"))
}

/// `/assets/like.css`.
pub(crate) async fn like(sent: HeaderMap) -> Response {
    tagged(&sent, LIKE, HeaderValue::from_static("text/css; charset=utf-8"))
}

/// `/assets/live.js`.
pub(crate) async fn live(sent: HeaderMap) -> Response {
    tagged(&sent, LIVE, HeaderValue::from_static("text/javascript; charset=utf-8"))
}

/// `/assets/maker.js`.
pub(crate) async fn maker(sent: HeaderMap) -> Response {
    tagged(&sent, MAKER, HeaderValue::from_static("text/javascript; charset=utf-8"))
}

/// `/assets/icon.svg`: the mark in a browser's tab.
pub(crate) async fn icon(sent: HeaderMap) -> Response {
    tagged(&sent, ICON, HeaderValue::from_static("image/svg+xml"))
}

/// `/favicon.ico`: there is none, which is not an error; pages name their icon.
pub(crate) async fn favicon() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// A text with a tag made of its contents; without it, if the client has the same.
pub(crate) fn tagged(sent: &HeaderMap, text: impl Into<Body> + AsRef<str>, kind: HeaderValue) -> Response {
    let tag = tag(text.as_ref());
    let known = sent.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same =
        known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = headers::text(if same { StatusCode::NOT_MODIFIED } else { StatusCode::OK }, "");
    let set = answer.headers_mut();
    set.insert(header::CONTENT_TYPE, kind);
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // A tag of hexadecimal digits is a valid value.
    set.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
    *answer.body_mut() = if same { Body::empty() } else { text.into() };
    answer
}

fn tag(text: &str) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(text.as_bytes());
    format!("\"{:016x}\"", hash.finish())
}
