//! The headers of responses. Pictures must pass through GitHub's Camo without being cached, and must be harmless when
//! opened directly; pages cannot load anything from other sites.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use tallymark_badge::panel::Lang;

/// For every picture, including error pictures. `no-cache` alone does not stop Camo; `no-store` does.
const PICTURE: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml; charset=utf-8")),
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache, no-store, must-revalidate, max-age=0, s-maxage=0"),
    ),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
    (header::EXPIRES, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
    ),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
];

const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Says whether a request was counted, for debugging.
const COUNTED: HeaderName = HeaderName::from_static("x-tallymark");

fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer
}

/// A picture. `why` goes into `X-Tallymark`.
pub(crate) fn picture(status: StatusCode, svg: impl Into<Body>, why: &'static str) -> Response {
    let mut answer = answer(status, svg);
    let headers = answer.headers_mut();
    headers.extend(PICTURE);
    headers.insert(COUNTED, HeaderValue::from_static(why));
    answer
}

/// The same with more to say than is known beforehand.
pub(crate) fn picture_noted(status: StatusCode, svg: impl Into<Body>, why: HeaderValue) -> Response {
    let mut answer = picture(status, svg, "");
    answer.headers_mut().insert(COUNTED, why);
    answer
}

/// JSON that any page may read, and no cache keeps.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    let mut answer = answer(status, body);
    let headers = answer.headers_mut();
    headers.extend(PICTURE);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_SECURITY_POLICY);
    answer
}

/// Whether an answer of this type is a picture, drawn as what it may be.
pub(crate) fn is_picture(kind: &HeaderValue) -> bool {
    kind.as_bytes().starts_with(b"image/")
}

/// Whether an answer of this type is a picture of ours.
pub(crate) fn is_svg(kind: &HeaderValue) -> bool {
    kind.as_bytes().starts_with(b"image/svg+xml")
}

/// Whether a person will see the response, and not a program.
pub(crate) fn wants_page(sent: &HeaderMap) -> bool {
    let html = b"text/html";
    let kinds = sent.get_all(header::ACCEPT).iter();
    kinds
        .into_iter()
        .any(|kind| kind.as_bytes().windows(html.len()).any(|part| part.eq_ignore_ascii_case(html)))
}

/// Whether a client shows pictures and no page: GitHub's image proxy, and images in pages. `*/*` alone does not say so.
pub(crate) fn wants_picture(sent: &HeaderMap) -> bool {
    let kinds = sent.get_all(header::ACCEPT).into_iter().filter_map(|kinds| kinds.to_str().ok());
    let is_picture =
        |kind: &str| kind.trim_start().get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case("image/"));
    kinds.flat_map(|kinds| kinds.split(',')).any(is_picture) && !wants_page(sent)
}

/// The language that the reader likes best of those that we have, if there is one.
pub(crate) fn language(sent: &HeaderMap) -> Option<Lang> {
    let said = sent.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|said| said.to_str().ok());
    let mut best: Option<(f32, Lang)> = None;
    for choice in said.flat_map(|said| said.split(',')) {
        let (tag, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let Some(lang) = language_of(tag) else { continue };
        let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok());
        let weight: f32 = weight.unwrap_or(0.0);
        // Of equals the first.
        if weight > best.map_or(0.0, |(weight, _)| weight) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// The language of a tag like `zh-CN`, if we have it.
pub(crate) fn language_of(tag: &str) -> Option<Lang> {
    let word = tag.trim().split('-').next().unwrap_or_default();
    [Lang::Zh, Lang::En].into_iter().find(|lang| lang.word().eq_ignore_ascii_case(word))
}

/// The values of the cookies of a name. Another path may have one of the same name.
pub(crate) fn cookies<'a>(sent: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let cookies = sent.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';'));
    cookies.filter_map(move |cookie| {
        let (key, value) = cookie.trim_ascii().split_at_checked(name.len())?;
        value.strip_prefix(b"=").filter(|_| key == name.as_bytes())
    })
}

/// A page.
pub(crate) fn html(status: StatusCode, body: String) -> Response {
    let mut answer = answer(status, body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    answer
}

/// A line of text.
pub(crate) fn text(status: StatusCode, line: &str) -> Response {
    let mut answer = answer(status, format!("{line}\n"));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
