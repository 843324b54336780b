//! Routes, and the layers that every request passes through.

use crate::{
    api,
    badges::{self, badge, graph, sum},
    cards,
    compat::{bootic, counters, github_banners, hitme},
    error::shown,
    feed, head, headers, health,
    pages::{self, assets, dashboard, language, login, name_page},
    panels,
    png::{self, PngDrawing},
    state::{App, Health},
};
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter as Count, family::Family},
    registry::Registry,
};
use std::sync::Arc;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabel {
    route: String,
    status: u16,
}

/// The counters behind `/metrics` that belong to HTTP.
#[derive(Clone, Default)]
pub struct WebMeters {
    requests: Family<RequestLabel, Count>,
}

impl WebMeters {
    /// Registers everything. The registry adds the prefix `tallymark_`.
    pub fn register(registry: &mut Registry) -> WebMeters {
        let meters = WebMeters::default();
        registry.register("http_requests", "Requests answered, by route and status", meters.requests.clone());
        meters
    }
}

/// Badges, pages and the API. Without a place to draw them, there are no PNG pictures.
pub fn router(app: Arc<App>, drawing: Option<PngDrawing>) -> Router {
    let language = middleware::from_fn_with_state(app.clone(), language::choose);
    let api = api::routes(app.clone()).merge(hitme::routes(app.clone())).merge(bootic::routes(app.clone()));
    let of_reader = middleware::from_fn(language::of_reader);
    let api = api.merge(login::routes(app.clone()).layer(language.clone()));
    let api = api.merge(panels::routes(app.clone()).layer(of_reader));
    let api = api.merge(github_banners::routes(&app)).merge(cards::routes(&app));
    let api = api.merge(counters::routes(app.clone()).layer(language.clone()));
    let api = api.merge(sum::routes(app.clone()));
    let routes = Router::new()
        .route("/", get(dashboard::show))
        .route("/index.html", get(dashboard::show))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/like.css", get(assets::like))
        .route("/assets/live.js", get(assets::live))
        .route("/assets/icon.svg", get(assets::icon))
        .route("/assets/maker.js", get(assets::maker))
        .route("/favicon.ico", get(assets::favicon))
        .route("/compare", get(name_page::of_names))
        .route("/compare/series.csv", get(name_page::csv_of_names))
        .route("/badge.svg", get(badge::of_repo))
        .route("/badge/{*name}", get(badges::of_path))
        .route("/graph.svg", get(graph::of_names))
        .route("/graph/{*name}", get(graph::of_path))
        .route("/feed.atom", get(feed::of_all))
        .route("/feed/{*name}", get(feed::of_path))
        .route("/repo/{owner}/{repo}", get(name_page::of_path))
        .route("/repo/{owner}/{repo}/", get(name_page::without_slash))
        .route("/name", get(name_page::of_form))
        .route("/name/{*name}", get(name_page::of_path))
        .fallback(pages::no_badge_here)
        .layer(language)
        .with_state(app)
        .merge(api);
    match drawing {
        Some(drawing) => png::with_png(routes, drawing),
        None => routes,
    }
}

/// Health and metrics.
pub fn health_router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/health", get(health::alive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(health)
}

/// Only health and metrics: what `ingest` serves.
pub fn health_alone(health: Arc<Health>) -> Router {
    let instead = "nothing here: health is at /healthz and /readyz, metrics are at /metrics";
    health_router(health).fallback(async move || headers::text(StatusCode::NOT_FOUND, instead))
}

/// The layers around these routes.
pub fn dressed(routes: Router, meters: WebMeters) -> Router {
    let routes = routes.layer(middleware::from_fn(head::check));
    // The metrics have the status that it is.
    let routes = routes.layer(middleware::from_fn_with_state(meters, count_request));
    routes.layer(middleware::from_fn(shown::show))
}

/// Routes are a closed set, so the label is the pattern and never the path.
async fn count_request(
    State(meters): State<WebMeters>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await.into_response();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str).to_owned();
    meters.requests.get_or_create(&RequestLabel { route, status: answer.status().as_u16() }).inc();
    answer
}
