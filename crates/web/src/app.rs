//! What every request can reach, and which path goes where.

use crate::{
    api, assets, badge, dashboard, graph, headers, health,
    hitme::{self, Zone},
    name_page,
    rankings::Rankings,
    stats::{self, StatsPrefix},
};
use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header},
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
use subtle::ConstantTimeEq;
use tallymark_badge::Look;
use tallymark_core::{Counter, Ledger, Now};
use tallymark_store::Store;

/// Who may see pages and lists. Badges are always public: that is what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Visibility {
    /// Everybody.
    #[default]
    Public,
    /// Whoever brings one of the tokens as `Authorization: Bearer`.
    Token,
    /// Nobody.
    Off,
}

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
    /// The address people see, without a slash at its end: `https://hits.example.org`.
    pub base_url: String,
    /// Who may see pages.
    pub visibility: Visibility,
    /// The tokens for [`Visibility::Token`], and for writing; without any nobody writes.
    pub tokens: Vec<String>,
    /// The largest body of a request.
    pub body_bytes: usize,
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
    /// Whether the request may see pages; if not, the answer that says so.
    pub(crate) fn may_see(&self, request: &axum::http::HeaderMap) -> Result<(), Box<Response>> {
        match self.visibility {
            Visibility::Public => Ok(()),
            Visibility::Off => {
                Err(Box::new(headers::text(StatusCode::NOT_FOUND, "pages are switched off here")))
            }
            Visibility::Token if self.has_token(request) => Ok(()),
            Visibility::Token => {
                let mut answer =
                    headers::text(StatusCode::UNAUTHORIZED, "send a token: Authorization: Bearer TOKEN");
                let ask = header::HeaderValue::from_static("Bearer");
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
                Err(Box::new(answer))
            }
        }
    }

    /// Whether the request may read lists; if not, what to answer.
    pub(crate) fn may_list(&self, request: &axum::http::HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        match self.visibility {
            Visibility::Public => Ok(()),
            Visibility::Token if self.has_token(request) => Ok(()),
            Visibility::Token => Err((StatusCode::UNAUTHORIZED, "send a token: Authorization: Bearer TOKEN")),
            Visibility::Off => Err((StatusCode::NOT_FOUND, "lists are switched off here")),
        }
    }

    /// Whether a request brings one of the tokens.
    pub(crate) fn has_token(&self, request: &axum::http::HeaderMap) -> bool {
        let sent =
            request.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        // Every token is compared, in constant time, so that the time says nothing about any of them.
        let matches = |sent: &[u8]| {
            self.tokens.iter().fold(0, |any, token| any | token.as_bytes().ct_eq(sent).unwrap_u8())
        };
        sent.is_some_and(|sent| matches(sent) == 1)
    }
}

/// Badges, pages and the API.
pub fn router(app: Arc<App>) -> Router {
    let api = api::routes(app.clone()).merge(hitme::routes(app.clone())).merge(stats::routes(app.clone()));
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
        .route("/name", get(name_page::of_form))
        .route("/name/{*name}", get(name_page::of_path))
        .with_state(app)
        .merge(api)
}

/// Health and metrics: all that `ingest` serves.
pub fn health_router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/health", get(health::alive))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(health)
}

/// What every request to these routes goes through, and the answer to every other.
pub fn dressed(routes: Router, meters: WebMeters) -> Router {
    routes.fallback(nothing_here).layer(middleware::from_fn_with_state(meters, count_request))
}

async fn nothing_here() -> Response {
    headers::text(
        StatusCode::NOT_FOUND,
        "nothing here: badges are at /badge.svg?repo=OWNER/REPO and /badge/NAME.svg",
    )
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
