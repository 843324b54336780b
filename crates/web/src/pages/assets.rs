//! The style sheets, the scripts and the icon, which are part of the binary.
//!
//! A browser revalidates them with a tag made of their contents, so after an upgrade no page runs an old script.

use crate::headers;
use axum::{
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
const ICON: &str = include_str!("icon.svg");
const MAKER: &str = include_str!("maker.js");

/// `/assets/style.css`.
pub(crate) async fn style(sent: HeaderMap) -> Response {
    asset(&sent, &STYLE, HeaderValue::from_static("text/css; charset=utf-8"))
}

/// `/assets/like.css`.
pub(crate) async fn like(sent: HeaderMap) -> Response {
    asset(&sent, LIKE, HeaderValue::from_static("text/css; charset=utf-8"))
}

/// `/assets/live.js`.
pub(crate) async fn live(sent: HeaderMap) -> Response {
    asset(&sent, LIVE, HeaderValue::from_static("text/javascript; charset=utf-8"))
}

/// `/assets/maker.js`.
pub(crate) async fn maker(sent: HeaderMap) -> Response {
    asset(&sent, MAKER, HeaderValue::from_static("text/javascript; charset=utf-8"))
}

/// `/assets/icon.svg`: the mark in a browser's tab.
pub(crate) async fn icon(sent: HeaderMap) -> Response {
    asset(&sent, ICON, HeaderValue::from_static("image/svg+xml"))
}

/// `/favicon.ico`: there is none, which is not an error; pages name their icon.
pub(crate) async fn favicon() -> StatusCode {
    StatusCode::NO_CONTENT
}

fn asset(sent: &HeaderMap, text: &'static str, kind: HeaderValue) -> Response {
    let tag = tag(text);
    let known = sent.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same =
        known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = headers::text(if same { StatusCode::NOT_MODIFIED } else { StatusCode::OK }, "");
    let set = answer.headers_mut();
    set.insert(header::CONTENT_TYPE, kind);
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // A tag of hexadecimal digits is a valid value.
    set.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
    *answer.body_mut() = if same { "".into() } else { text.into() };
    answer
}

fn tag(text: &str) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(text.as_bytes());
    format!("\"{:016x}\"", hash.finish())
}
