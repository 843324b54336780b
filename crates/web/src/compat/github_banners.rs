//! GitHub Banners' address: `GET /banners/preview?username=NAME&type=default|dark`, with its statuses and bodies.
//!
//! The statistics come from `tallymark-github`, which keeps them; here they are drawn. Whatever fails, a picture of what
//! was known stays. A banner is no badge: nothing is counted.

use crate::{error::Problem, headers, query::Query, state::App};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
    routing::any,
};
use std::sync::Arc;
use tallymark_badge::banner::{self, Banner, BannerType};
use tallymark_core::Minute;
use tallymark_github::{AccountName, Aged, NoStats, Statistics};

/// Says why nothing was counted.
const UNCOUNTED: &str = "ignored: a banner counts nothing";

/// The route, if there is anybody to ask.
pub(crate) fn routes(app: &App) -> Router {
    match &app.github {
        Some(github) => Router::new().route("/banners/preview", any(preview)).with_state(github.clone()),
        None => Router::new(),
    }
}

async fn preview(
    State(github): State<Arc<Statistics>>,
    method: Method,
    uri: Uri,
    sent: HeaderMap,
) -> Response {
    let mut answer = if method == Method::GET { asked(&github, &uri, &sent).await } else { only_get() };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    answer
}

/// The type is checked before the name, as in the original.
async fn asked(github: &Statistics, uri: &Uri, sent: &HeaderMap) -> Response {
    let query = Query::of(uri);
    let theme = query.text("type").as_deref().and_then(BannerType::from_word);
    let Some(theme) = theme else { return said(StatusCode::BAD_REQUEST, "invalid banner type") };
    let name = query.form_text("username").unwrap_or_default();
    // Who cannot be anybody is not asked for.
    let Ok(login) = AccountName::new(&name) else { return nobody() };
    match github.of(&login).await {
        Ok(aged) => picture(draw(&name, &aged, theme)),
        Err(NoStats::Nobody) => nobody(),
        // A broken image stays in Camo; this is replaced by the next view.
        Err(NoStats::NotYet) if wants_picture(sent) => picture(banner::coming(&name, theme)),
        Err(NoStats::NotYet) => said(StatusCode::INTERNAL_SERVER_ERROR, "can't get preview"),
    }
}

/// The name is shown as this caller writes it.
fn draw(name: &str, aged: &Aged, theme: BannerType) -> String {
    let stats = &aged.stats;
    let banner = Banner {
        login: name,
        is_organization: stats.is_organization,
        originals: stats.originals,
        forked: stats.forked,
        stars: stats.stars,
        forks: stats.forks,
        followers: stats.followers,
        languages: &stats.languages,
        at: Minute(i32::try_from(aged.at / 60).unwrap_or(i32::MAX)),
        is_old: aged.is_old,
    };
    banner.render(theme)
}

fn picture(svg: String) -> Response {
    headers::picture(StatusCode::OK, svg, UNCOUNTED)
}

fn nobody() -> Response {
    said(StatusCode::NOT_FOUND, "user not found on github")
}

/// The original's form of an error.
fn said(status: StatusCode, what: &str) -> Response {
    Problem::new(status, what).json(headers::json)
}

fn only_get() -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    answer
}

/// Whether it is an `<img>` that asks: it says so, and `*/*` alone does not.
fn wants_picture(sent: &HeaderMap) -> bool {
    let kinds = sent.get_all(header::ACCEPT).into_iter().filter_map(|kinds| kinds.to_str().ok());
    kinds.flat_map(|kinds| kinds.split(',')).any(|kind| kind.trim_start().starts_with("image/"))
}
