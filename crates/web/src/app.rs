//! What every request can reach, and which path goes where.

use crate::{
    access::Access,
    api, assets, badge, dashboard, graph, head, headers, health, hitme,
    host::BaseUrl,
    login, name_page, page,
    stats::{self, StatsPrefix},
};
use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
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
use tallymark_badge::Look;
use tallymark_core::{ClientClass, Counter, Ledger, Now, calendar::Zone};
use tallymark_rankings::Rankings;
use tallymark_store::Store;

/// Answers what is wrong; nothing when all is well.
pub type Reasons = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What every request can reach.
pub struct App {
    /// Counts badge requests.
    pub counter: Arc<dyn Counter>,
    /// Takes what is handed in.
    pub ledger: Arc<dyn Ledger>,
    /// Answers what pages show.
    pub store: Arc<dyn Store>,
    /// The busiest names, as far as they are known.
    pub rankings: Arc<Rankings>,
    /// How badges look; exchanged when the configuration is reloaded.
    pub look: Arc<ArcSwap<Look>>,
    /// The address people see.
    pub base_url: BaseUrl,
    /// Who may see pages, and who may write.
    pub access: Access,
    /// The largest body of a request.
    pub body_bytes: usize,
    /// How many of the last visits of a name are kept; 0 for none.
    pub visits: usize,
    /// The zone of HitMe's calendar.
    pub hitme_zone: Zone,
    /// Where Bootic's API lies.
    pub stats_prefix: StatsPrefix,
    /// The clock.
    pub now: fn() -> Now,
}

/// What health and metrics answer from.
pub struct Health {
    /// Why hits do not reach the store at the moment.
    pub waiting: Reasons,
    /// Which sources do not get at their lines, while the others go on.
    pub degraded: Reasons,
    /// For `/metrics`.
    pub registry: Arc<Registry>,
}

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

impl App {
    /// What kind of client a request says it is from, where that is of interest.
    pub(crate) fn client(&self, sent: &HeaderMap) -> Option<ClientClass> {
        let text = || sent.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
        (self.visits > 0).then(|| ClientClass::of(text()))
    }
}

/// Badges, pages and the API.
pub fn router(app: Arc<App>) -> Router {
    let api = api::routes(app.clone()).merge(hitme::routes(app.clone())).merge(stats::routes(app.clone()));
    let api = api.merge(login::routes(app.clone()));
    Router::new()
        .route("/", get(dashboard::show))
        .route("/index.html", get(dashboard::show))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/live.js", get(assets::live))
        .route("/favicon.ico", get(assets::favicon))
        .route("/compare", get(name_page::of_names))
        .route("/badge.svg", get(badge::of_repo))
        .route("/badge/{*name}", get(badge::of_path))
        .route("/graph.svg", get(graph::of_names))
        .route("/graph/{*name}", get(graph::of_path))
        .route("/repo/{owner}/{repo}", get(name_page::of_path))
        .route("/repo/{owner}/{repo}/", get(name_page::without_slash))
        .route("/name", get(name_page::of_form))
        .route("/name/{*name}", get(name_page::of_path))
        .fallback(nothing_here)
        .with_state(app)
        .merge(api)
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

/// Health and metrics, where there is nothing else: what `ingest` serves.
pub fn health_alone(health: Arc<Health>) -> Router {
    let instead = "nothing here: health is at /healthz and /readyz, metrics are at /metrics";
    health_router(health).fallback(async move || headers::text(StatusCode::NOT_FOUND, instead))
}

/// What every request to these routes goes through.
pub fn dressed(routes: Router, meters: WebMeters) -> Router {
    let routes = routes.layer(middleware::from_fn(head::check));
    routes.layer(middleware::from_fn_with_state(meters, count_request))
}

async fn nothing_here(State(app): State<Arc<App>>, sent: HeaderMap) -> Response {
    page::nothing_here(&app, &sent, "badges are at /badge.svg?repo=OWNER/REPO and /badge/NAME.svg")
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
