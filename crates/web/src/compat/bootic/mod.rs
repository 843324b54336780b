//! Bootic's statistics API: the counts of accounts by year, month, day and hour, and the final statuses of their
//! orders.
//!
//! Paths, field order and headers are Bootic's (`path`, `shown`). The counts come from the store (`track`, `funnels`),
//! never from a search through its keys. `all` is the sum over every account. An invalid date, name or callback is
//! refused with a reason, and a store that does not answer is a 503; Bootic sent an empty answer.

mod funnels;
mod path;
mod shown;
mod track;

use crate::{
    error::{Problem, only},
    query::Query,
    state::App,
    stats_prefix::USUAL,
};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::Response,
    routing::{MethodRouter, get},
};
use path::{Path, StatsPath};
use shown::{StatsAnswer, is_callback};
use std::{sync::Arc, time::Duration};
use tallymark_store::StoreError;

/// How long the store may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

const FRESH: [(HeaderName, HeaderValue); 4] = [
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache, must-revalidate, private, proxy-revalidate"),
    ),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
    (header::EXPIRES, HeaderValue::from_static("Fri, 24 Nov 2000 01:00:00 GMT")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// The routes under the configured prefix, and under `/api/stats`.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let prefix = app.stats_prefix.as_str().to_owned();
    let usual = (prefix != USUAL).then_some(USUAL);
    let mut routes = Router::new();
    for prefix in [&*prefix].into_iter().chain(usual) {
        let prefix: Arc<str> = prefix.into();
        let route: MethodRouter<(Arc<App>, Arc<str>)> = only("GET,HEAD", get(show));
        let under = [prefix.to_string(), format!("{prefix}/"), format!("{prefix}/{{*rest}}")];
        let some = under.iter().fold(Router::new(), |routes, path| routes.route(path, route.clone()));
        routes = routes.merge(some.with_state((app.clone(), prefix)));
    }
    routes
}

fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().extend(FRESH);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

async fn show(State((app, prefix)): State<(Arc<App>, Arc<str>)>, uri: Uri, sent: HeaderMap) -> Response {
    let shown = stats(&app, &prefix, &uri, &sent).await;
    shown.unwrap_or_else(|problem| problem.json(|status, body| answer(status, JSON, body)))
}

async fn stats(app: &App, prefix: &str, uri: &Uri, sent: &HeaderMap) -> Result<Response, Problem> {
    let path = uri.path().strip_prefix(prefix).unwrap_or_default();
    let asked = match Path::read(path)? {
        Path::Favicon => return Ok(plain(StatusCode::OK, "")),
        Path::Nothing => return Ok(plain(StatusCode::NOT_FOUND, "404 page not found\n")),
        Path::Stats(asked) => asked,
    };
    let callback = Query::of(uri).form("callback").unwrap_or_default();
    if !callback.is_empty() && !is_callback(&callback) {
        return Err(Problem::bad_request("callback is a name of JavaScript, like a.b, of at most 64 bytes"));
    }
    if asked.chart.is_some() {
        app.access.may_list(sent)?;
    }
    let shown = tokio::time::timeout(PATIENCE, read(app, asked)).await;
    let shown = shown.unwrap_or_else(|_| Err(Problem::unavailable()))?;
    let body = shown.json(&format!("{}{prefix}", app.base_url.as_asked(sent)));
    Ok(match std::str::from_utf8(&callback) {
        Ok(callback) if !callback.is_empty() => answer(StatusCode::OK, SCRIPT, format!("{callback}({body})")),
        _ => answer(StatusCode::OK, JSON, body),
    })
}

/// Without Bootic's headers, as in the original.
fn plain(status: StatusCode, body: &'static str) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Logged under this API, so that its errors do not suppress those of others.
fn unread(error: StoreError) -> Problem {
    Problem::store("reading counts for Bootic's API", &error)
}

async fn read(app: &App, asked: StatsPath) -> Result<StatsAnswer, Problem> {
    let found = match asked.chart.as_deref() {
        None => shown::StatsFound::links(["track", "funnels"].map(str::to_owned)),
        Some("track") => track::read(app, &asked).await.map_err(unread)?,
        Some("funnels") => funnels::read(app, &asked).await.map_err(unread)?,
        // Nothing is stored under any other word; Bootic searched for it, and found nothing.
        Some(_) => shown::StatsFound::nothing(&asked),
    };
    Ok(StatsAnswer { asked, found })
}
