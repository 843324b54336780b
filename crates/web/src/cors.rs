//! Which pages of other sites can read counts: CORS.
//!
//! A browser lets a page read another site's response only if the response allows the page's origin; for a request with
//! a token it sends a preflight first. No response allows cookies, so private counts need a token that the page itself
//! has. Pictures are open to every page, and no page may write. The binary wraps all routes in this.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use std::{fmt, sync::Arc};

/// The origins whose pages may read counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Any origin.
    Any,
    /// Only these sites, like `https://example.org`.
    Of(Vec<String>),
}

/// An invalid origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnOrigin(String);

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no origin: write it like https://example.org or example.org, without a slash behind it",
            self.0
        )
    }
}

impl std::error::Error for NotAnOrigin {}

impl Origins {
    /// Reads a list of origins; `*` allows any origin. A host without a scheme is two: with https and with http.
    ///
    /// # Errors
    ///
    /// The first that is not an origin.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Origins, NotAnOrigin> {
        let mut origins = Vec::new();
        let mut any = false;
        for text in texts {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
            // Any other word may be a password in the wrong place, or "null", which a page without an origin sends.
            let is_named = |host: &str| host.contains('.') || host.split(':').next() == Some("localhost");
            let is_host = |host: &str| host.starts_with(|c| c != ':') && host.bytes().all(plain);
            match host {
                _ if text == "*" => any = true,
                Some(host) if is_host(host) => origins.push(text.to_owned()),
                None if is_host(text) && is_named(text) => {
                    origins.extend(["https", "http"].map(|scheme| format!("{scheme}://{text}")));
                }
                _ => return Err(NotAnOrigin(text.to_owned())),
            }
        }
        Ok(if any { Origins::Any } else { Origins::Of(origins) })
    }

    /// The origin that the response allows.
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Of(_) => origin.filter(|origin| self.names(origin)).cloned(),
        }
    }

    /// Whether this origin is in the list. `*` names none.
    pub(crate) fn names(&self, origin: &HeaderValue) -> bool {
        matches!(self, Origins::Of(list) if list.iter().any(|one| one.as_bytes() == origin.as_bytes()))
    }

    fn name(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        answer.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        if let Some(allowed) = self.allowed(origin) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        let origin = HeaderValue::from_static("Origin");
        if *self != Origins::Any && !answer.get_all(header::VARY).iter().any(|vary| *vary == origin) {
            answer.append(header::VARY, origin);
        }
    }
}

/// Applies the rules to routes.
pub fn with_origins(routes: Router, origins: Origins) -> Router {
    routes.layer(middleware::from_fn_with_state(Arc::new(origins), answer))
}

/// What pages of other sites may do at an address.
fn methods(path: &str) -> Option<&'static str> {
    match path {
        // Any page can make its visitors send a form there, which counts as well.
        "/hit" => Some("GET, HEAD, POST"),
        "/hits" | "/openapi.json" => Some("GET, HEAD"),
        "/banners/preview" => Some("GET"),
        "/banners" => Some("POST"),
        "/api/v1/hits" => None,
        _ if path.starts_with("/api/v1/") => Some("GET, HEAD"),
        _ if path.starts_with("/badge/") && path.ends_with(".json") => Some("GET, HEAD"),
        _ => None,
    }
}

async fn answer(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let Some(methods) = methods(request.uri().path()) else { return next.run(request).await };
    let sent = request.headers();
    let origin = sent.get(header::ORIGIN).cloned();
    let asks_first = request.method() == Method::OPTIONS
        && origin.is_some()
        && sent.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = if asks_first { preflight(methods).into_response() } else { next.run(request).await };
    origins.name(origin.as_ref(), answer.headers_mut());
    answer
}

fn preflight(methods: &'static str) -> (StatusCode, [(HeaderName, HeaderValue); 4]) {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods)),
        // `*` are all but Authorization: those of a signature, and what GitHub Banners allowed.
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, *")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::NO_CONTENT, headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, routing::get};
    use tower::ServiceExt;

    const STAR: [(HeaderName, &str); 1] = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

    async fn ask(origins: &Origins, method: &str, path: &str, origin: &str) -> (u16, Option<String>, bool) {
        let routes = ["/api/v1/x", "/hits", "/badge/a.json", "/badge/a.svg"];
        let routes =
            routes.into_iter().fold(Router::new(), |all, path| all.route(path, get(|| async { STAR })));
        let request = Request::builder().method(method).uri(path).header("origin", origin);
        let request = request.header("access-control-request-method", "GET").body(Body::empty()).unwrap();
        let answer = with_origins(routes, origins.clone()).oneshot(request).await.unwrap();
        let text = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let allowed = text(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        (answer.status().as_u16(), allowed, text(header::VARY).is_some())
    }

    #[tokio::test]
    async fn counts_are_for_the_pages_that_are_named_and_pictures_for_all() {
        let of = Origins::parse(["https://a.example", "http://b:8080"]).unwrap();
        let (a, star) = (Some("https://a.example".to_owned()), Some("*".to_owned()));
        for path in ["/api/v1/x", "/hits", "/badge/a.json"] {
            for (method, status) in [("GET", 200), ("OPTIONS", 204)] {
                assert_eq!(ask(&of, method, path, "https://a.example").await, (status, a.clone(), true));
                assert_eq!(ask(&of, method, path, "https://a.example.evil").await, (status, None, true));
                assert_eq!(ask(&of, method, path, "null").await, (status, None, true));
                assert_eq!(ask(&Origins::Any, method, path, "null").await, (status, star.clone(), false));
                assert_eq!(ask(&Origins::Of(vec![]), method, path, "null").await, (status, None, true));
            }
        }
        assert_eq!(ask(&of, "GET", "/badge/a.svg", "null").await, (200, star, false));
        assert_eq!(ask(&of, "OPTIONS", "/badge/a.svg", "https://a.example").await.0, 405);
        assert_eq!(ask(&of, "OPTIONS", "/api/v1/hits", "https://a.example").await.0, 404);
    }

    #[test]
    fn origins_are_sites_without_a_path() {
        assert_eq!(Origins::parse(["*", "https://a.example"]), Ok(Origins::Any));
        assert_eq!(Origins::parse([]), Ok(Origins::Of(vec![])));
        let both = ["https://a.example:81".to_owned(), "http://a.example:81".to_owned()];
        assert_eq!(Origins::parse(["a.example:81"]), Ok(Origins::Of(both.to_vec())));
        let both = ["https://localhost".to_owned(), "http://localhost".to_owned()];
        assert_eq!(Origins::parse(["localhost"]), Ok(Origins::Of(both.to_vec())));
        for bad in [
            "example",
            "a:80",
            "A.example",
            "a.example/",
            "a b",
            ":80",
            "https://",
            "https://a/",
            "https://a/b",
            "https://A",
            "ftp://a",
            "null",
            "https://*.a",
            "",
        ] {
            assert!(Origins::parse([bad]).is_err(), "{bad}");
        }
    }
}
