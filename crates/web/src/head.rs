//! Checks the head of every request: its size, and that it names one host.

use crate::headers;
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};

/// The largest head of a request: line and headers. hyper answers 431 if it exceeds its buffer, but accepts larger
/// heads that arrive in one piece.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// Passes a request on, or says what is wrong with its head.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if size(headers) + request.uri().path_and_query().map_or(0, |path| path.as_str().len()) > MAX_HEAD {
        let error = "the head of this request is larger than 64 KiB";
        return headers::text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, error);
    }
    // RFC 9112, section 3.2: a request without one, or with two, may mean something else to a proxy than to us.
    if request.version() == Version::HTTP_11 && headers.get_all(header::HOST).iter().count() != 1 {
        return headers::text(StatusCode::BAD_REQUEST, "a request of HTTP/1.1 names its host, once");
    }
    next.run(request).await
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    async fn status(version: Version, headers: &[(&str, &str)]) -> u16 {
        let routes = Router::new().route("/", get(|| async {})).layer(middleware::from_fn(check));
        let mut request = Request::get("/").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn head_names_one_host_and_has_64_kib() {
        let host = ("host", "a");
        let (fits, large) = ("x".repeat(MAX_HEAD - 20), "x".repeat(MAX_HEAD));
        for (version, headers, expect) in [
            (Version::HTTP_11, &[host][..], 200),
            (Version::HTTP_11, &[], 400),
            (Version::HTTP_11, &[host, host], 400),
            (Version::HTTP_11, &[("host", "")], 200),
            (Version::HTTP_10, &[], 200),
            (Version::HTTP_11, &[host, ("x", &fits)], 200),
            (Version::HTTP_11, &[host, ("x", &large)], 431),
        ] {
            assert_eq!(status(version, headers).await, expect, "{version:?} {}", headers.len());
        }
    }
}
