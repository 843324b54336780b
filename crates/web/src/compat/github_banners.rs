//! GitHub Banners' addresses: `GET /banners/preview?username=NAME&type=default|dark`, `POST /banners`, and the banners
//! that were created there, at `GET /banners/NAME-TYPE`; with its statuses and bodies.
//!
//! The statistics come from `tallymark-github`, which keeps and refreshes them; here they are drawn. Whatever fails, a
//! picture with the last numbers stays. A banner is not a badge: nothing is counted.

use crate::{
    auth::{
        Peer,
        near::{self, OwnPages},
    },
    body,
    error::{Problem, report},
    headers,
    limited::limited,
    query::Query,
    state::{App, GithubFront},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware,
    response::Response,
    routing::any,
};
use serde_json::Value;
use std::sync::Arc;
use tallymark_badge::banner::{self, BannerType};
use tallymark_github::{AccountName, NoStats, NotTracked, Statistics, UnknownAccount};

/// Says why nothing was counted.
const UNCOUNTED: &str = "not counted: a banner";
/// The body of a request that creates one has two words.
const LARGEST: usize = 4096;

/// What the handlers of this module share.
struct Banners {
    statistics: Arc<Statistics>,
    front: GithubFront,
    app: Arc<App>,
}

/// The routes, if statistics can be fetched.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let Some(front) = app.github.clone() else { return Router::new() };
    let statistics = front.statistics.clone();
    let banners = Arc::new(Banners { statistics, front, app: app.clone() });
    Router::new()
        .route("/banners", any(create))
        .route("/banners/preview", any(preview))
        .route("/banners/", any(created))
        .route("/banners/{*name}", any(created))
        .layer(middleware::from_fn_with_state(app.clone(), limited))
        .with_state(banners)
}

async fn preview(State(banners): State<Arc<Banners>>, method: Method, uri: Uri, sent: HeaderMap) -> Response {
    let mut answer = if method == Method::GET {
        asked(&banners.statistics, &uri, &sent).await
    } else {
        wrong_method("GET")
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    answer
}

/// The type is checked before the name, as in the original.
async fn asked(github: &Statistics, uri: &Uri, sent: &HeaderMap) -> Response {
    let query = Query::of(uri);
    let theme = query.text("type").as_deref().and_then(BannerType::from_word);
    let name = query.form_text("username").unwrap_or_default();
    let Some(theme) = theme else {
        let what = "type is default or dark";
        return refused(sent, (StatusCode::BAD_REQUEST, "invalid banner type"), (what, BannerType::Default));
    };
    let nobody = || {
        let what = if name.is_empty() {
            "username is missing".to_owned()
        } else {
            format!("GitHub has no account {name}")
        };
        refused(sent, (StatusCode::NOT_FOUND, "user not found on github"), (&what, theme))
    };
    // A name that no account can have is not looked up.
    let Ok(login) = AccountName::new(&name) else { return nobody() };
    match github.of(&login).await {
        // The name is shown as this caller writes it.
        Ok(aged) => picture(aged.banner(&name).render(theme)),
        Err(NoStats::Nobody) => nobody(),
        // A broken image stays in Camo; this is replaced by the next view.
        Err(NoStats::NotYet) if headers::wants_picture(sent) => picture(banner::coming(&name, theme)),
        Err(NoStats::NotYet) => said(StatusCode::INTERNAL_SERVER_ERROR, "can't get preview"),
    }
}

/// `POST /banners`: creates a banner, or finds it.
async fn create(State(banners): State<Arc<Banners>>, peer: Peer, request: Request) -> Response {
    let is_post = request.method() == Method::POST;
    let mut answer = if is_post { posted(&banners, peer, request).await } else { wrong_method("POST") };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    answer
}

async fn posted(banners: &Banners, peer: Peer, request: Request) -> Response {
    let body = match allowed(banners, peer, request).await {
        Ok(body) => body,
        Err(problem) => return problem.json(headers::json),
    };
    let Some(Wanted { username, kind }) = Wanted::read(&body) else {
        return said(StatusCode::BAD_REQUEST, "invalid json");
    };
    let Some(kind) = BannerType::from_word(&kind) else {
        return said(StatusCode::BAD_REQUEST, "invalid banner type");
    };
    let nobody = || said(StatusCode::NOT_FOUND, "user doesn't exist");
    let Ok(login) = AccountName::new(&username) else { return nobody() };
    match banners.create(&username, &login, kind).await {
        // The original's answer, with its line end.
        Ok(path) => headers::json(StatusCode::OK, format!("{{\"url\":\"/banners/{path}\"}}\n")),
        Err(Uncreated::Nobody) => nobody(),
        Err(Uncreated::NotNow) => said(StatusCode::INTERNAL_SERVER_ERROR, "can't create banner"),
    }
}

/// The body of a request, if its client can create banners.
async fn allowed(banners: &Banners, peer: Peer, request: Request) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    let GithubFront { signatures, origins, .. } = &banners.front;
    if signatures.is_none() {
        near::check(peer, &head.headers, &OwnPages { base_url: banners.app.base_url.as_str(), origins })?;
    }
    let body = body::read(&head.headers, body, LARGEST, None).await?;
    match signatures {
        Some(signatures) => signatures.check(&head, &body).map(|()| body),
        None => Ok(body),
    }
}

/// Why no banner was created.
enum Uncreated {
    Nobody,
    NotNow,
}

/// What a body asks for.
struct Wanted {
    username: String,
    kind: String,
}

impl Wanted {
    /// As the original read it: what follows the object does not matter, nor do other keys and the case of a key, and
    /// what is missing is empty.
    fn read(body: &[u8]) -> Option<Wanted> {
        let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
        let object = match values.next()?.ok()? {
            Value::Null => return Some(Wanted { username: String::new(), kind: String::new() }),
            Value::Object(object) => object,
            _ => return None,
        };
        let text = |key: &str| match object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            None | Some((_, Value::Null)) => Some(String::new()),
            Some((_, Value::String(text))) => Some(text.clone()),
            Some(_) => None,
        };
        Some(Wanted { username: text("username")?, kind: text("type")? })
    }
}

impl Banners {
    /// The path of the banner. An existing one keeps its spelling.
    async fn create(&self, name: &str, login: &AccountName, kind: BannerType) -> Result<String, Uncreated> {
        let failed = |error: NotTracked| {
            report::broken("a banner could not be created", login, &error);
            Uncreated::NotNow
        };
        let tracked = self.statistics.tracked();
        let found = tracked.find(login).await.map_err(|error| failed(error.into()))?;
        let account = found.unwrap_or_default();
        let spelt = account.banners.get(kind.word());
        let path = |spelt: &str| format!("{spelt}-{}", kind.word());
        let is_gone = self.statistics.is_gone(login).await;
        if let (Some(spelt), false) = (spelt, is_gone) {
            return Ok(path(spelt));
        }
        // Creating a banner for an account that was gone says that it is back.
        let found = if is_gone { self.statistics.ask(login).await } else { self.statistics.of(login).await };
        match found {
            Ok(_) => {}
            Err(NoStats::Nobody) => return Err(Uncreated::Nobody),
            Err(NoStats::NotYet) => return Err(Uncreated::NotNow),
        }
        let spelt = tracked.add_banner(login, kind.word(), name).await.map_err(failed)?;
        Ok(path(&spelt))
    }

    /// The created banner at a path, or the original's picture for all others.
    async fn at(&self, path: &str) -> String {
        let Some((spelt, login, kind)) = self.find(path).await else { return banner::not_created() };
        match self.statistics.of(&login).await {
            Ok(aged) => aged.banner(&spelt).render(kind),
            Err(NoStats::Nobody) => banner::not_created(),
            Err(NoStats::NotYet) => banner::coming(&spelt, kind),
        }
    }

    async fn find(&self, path: &str) -> Option<(String, AccountName, BannerType)> {
        let (spelt, kind) = path.rsplit_once('-')?;
        let (login, kind) = (AccountName::new(spelt).ok()?, BannerType::from_word(kind)?);
        // Nothing is known while the store does not answer, after a restart. It may have been created, and is shown so.
        let is_created = match self.statistics.tracked().last_known(&login).await {
            Ok(account) => account?.banners.get(kind.word())? == spelt,
            Err(UnknownAccount) => true,
        };
        is_created.then(|| (spelt.to_owned(), login, kind))
    }
}

/// `GET /banners/NAME-TYPE`. It was a file, so it answers HEAD, and is of no origin.
async fn created(State(banners): State<Arc<Banners>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return wrong_method("GET, HEAD");
    }
    picture(banners.at(uri.path().strip_prefix("/banners/").unwrap_or_default()).await)
}

fn picture(svg: String) -> Response {
    headers::picture(StatusCode::OK, svg, UNCOUNTED)
}

/// The original's error, or a picture of it for clients that show only pictures.
fn refused(
    sent: &HeaderMap,
    (status, error): (StatusCode, &str),
    (what, theme): (&str, BannerType),
) -> Response {
    match headers::wants_picture(sent) {
        true => headers::picture(status, banner::notice(what, theme), UNCOUNTED),
        false => said(status, error),
    }
}

/// The original's form of an error.
fn said(status: StatusCode, what: &str) -> Response {
    Problem::new(status, what).json(headers::json)
}

fn wrong_method(allowed: &'static str) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}
