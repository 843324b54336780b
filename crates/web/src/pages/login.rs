//! Login with a token, for browsers, which cannot send one in a header.
//!
//! The cookie names a session (`auth::sessions`) and says nothing about the token: logging out ends the session for
//! every copy of the cookie, and a restart ends all sessions. Wrong tokens are counted and limited (`auth::patience`).
//! Works without a script.

use crate::{
    auth::{Access, COOKIE, Hidden, LIFETIME, LOGIN_PATH, Login, Peer, Viewer},
    body,
    error::Problem,
    headers,
    pages::{language::tr, page, problem},
    query::Query,
    state::App,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
    routing::{get, post},
};
use minijinja::context;
use std::{sync::Arc, time::Duration};

/// The largest form: a token, and the address to go on to.
const MOST_BODY: usize = 32 * 1024;

/// The routes. Every page also shows the form to a browser without a session.
pub(crate) fn routes(app: Arc<App>) -> Router {
    Router::new().route(LOGIN_PATH, get(show).post(log_in)).route("/logout", post(log_out)).with_state(app)
}

/// The viewer, if it may see a page; otherwise the response that refuses it. A browser gets the form.
pub(crate) fn visitor(access: &Access, sent: &HeaderMap, uri: &Uri) -> Result<Viewer, Box<Response>> {
    access.visitor(sent).map_err(|hidden| {
        Box::new(match hidden {
            Hidden::Off => headers::text(StatusCode::NOT_FOUND, "pages are switched off here"),
            Hidden::Token => ask(access, sent, uri),
        })
    })
}

fn ask(access: &Access, sent: &HeaderMap, uri: &Uri) -> Response {
    let mut answer = if headers::wants_page(sent) {
        let next = uri.path_and_query().map_or("/", |next| next.as_str());
        form(access, StatusCode::UNAUTHORIZED, next, None)
    } else {
        headers::text(StatusCode::UNAUTHORIZED, access.ask_program(sent))
    };
    // With Basic, a browser would open its own dialog before it shows the form.
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    answer
}

/// The form, which leads on to `next`; with what was wrong, if something was.
pub(crate) fn form(access: &Access, status: StatusCode, next: &str, wrong: Option<&str>) -> Response {
    page(
        access,
        status,
        "login.html",
        context! { title => tr("Log in"), action => LOGIN_PATH, next, wrong => wrong.map(tr) },
    )
}

fn no_login(app: &App, sent: &HeaderMap) -> Response {
    let what = "There is no login here: `visibility` under [http] is not \"token\".";
    if headers::wants_page(sent) {
        problem(app, &Problem::new(StatusCode::NOT_FOUND, what), None)
    } else {
        headers::text(StatusCode::NOT_FOUND, &what.replace('`', ""))
    }
}

/// `GET /login`.
async fn show(State(app): State<Arc<App>>, sent: HeaderMap) -> Response {
    if app.access.has_login() { form(&app.access, StatusCode::OK, "/", None) } else { no_login(&app, &sent) }
}

/// `POST /login`.
async fn log_in(State(app): State<Arc<App>>, peer: Peer, request: Request) -> Response {
    let access = &app.access;
    if !access.has_login() {
        return no_login(&app, request.headers());
    }
    let (head, body) = request.into_parts();
    let body = match body::read(&head.headers, body, MOST_BODY, None).await {
        Ok(body) => body,
        Err(problem) => return headers::text(problem.status, &problem.what),
    };
    let body = String::from_utf8_lossy(&body);
    let field = |name| Query::in_form(&body).form(name).unwrap_or_default();
    let (token, next) = (field("token"), field("next"));
    let next = std::str::from_utf8(&next).ok().filter(|next| is_ours(next)).unwrap_or("/");
    let peer = peer.behind(&head.headers, &access.proxies);
    if let Err(wait) = access.patience.may_try(peer) {
        access.meters.count(Login::Limited);
        let wrong = "Too many wrong tokens came from your address. Wait a little, and try again.";
        let mut answer = form(access, StatusCode::TOO_MANY_REQUESTS, next, Some(wrong));
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        return answer;
    }
    // A token copied from a file or a mail may have spaces around it.
    if !access.is_token(token.trim_ascii()) {
        access.patience.failed(peer);
        access.meters.count(Login::Refused);
        let wrong = "That is not one of the tokens.";
        return form(access, StatusCode::UNAUTHORIZED, next, Some(wrong));
    }
    access.meters.count(Login::Accepted);
    let session = access.sessions.begin();
    go_on(access, &head.headers, next, &session, LIFETIME)
}

/// `POST /logout`. A request from another site has no cookie, so it ends nothing.
async fn log_out(State(app): State<Arc<App>>, sent: HeaderMap) -> Response {
    let access = &app.access;
    if !access.has_login() {
        return no_login(&app, &sent);
    }
    if access.sessions.end(&sent) {
        go_on(access, &sent, LOGIN_PATH, "", Duration::ZERO)
    } else {
        to(access, LOGIN_PATH)
    }
}

/// Redirects to a page of ours, which the browser requests with GET.
fn to(access: &Access, path: &str) -> Response {
    let mut answer = headers::text(StatusCode::SEE_OTHER, "");
    let place = HeaderValue::from_str(&format!("{}{path}", access.base));
    // There are only visible characters here.
    answer.headers_mut().extend(place.ok().map(|place| (header::LOCATION, place)));
    answer
}

/// The same, with the cookie. SameSite=Strict keeps it out of every request that another site causes.
fn go_on(access: &Access, sent: &HeaderMap, path: &str, session: &str, lives: Duration) -> Response {
    let mut answer = to(access, path);
    let cookie = cookie(access, sent, (COOKIE, session), lives, "Strict");
    answer.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    answer
}

/// A cookie for the pages of this site.
pub(super) fn cookie(
    access: &Access,
    sent: &HeaderMap,
    (name, value): (&str, &str),
    lives: Duration,
    same_site: &str,
) -> Option<HeaderValue> {
    let proto = sent.get("x-forwarded-proto").map(HeaderValue::as_bytes);
    let secure = if access.https || proto == Some(b"https") { "; Secure" } else { "" };
    let (place, lives) = (if access.base.is_empty() { "/" } else { &access.base }, lives.as_secs());
    let text =
        format!("{name}={value}; Path={place}; Max-Age={lives}; HttpOnly; SameSite={same_site}{secure}");
    // A base URL has only visible characters.
    HeaderValue::from_str(&text).ok()
}

/// Whether an address is a path on this server, and not another one written like a path.
pub(super) fn is_ours(next: &str) -> bool {
    let visible = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    visible && next.starts_with('/') && !next.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_gone_on_to() {
        for ours in ["/", "/name/a?period=7d&compare=b", "/repo/a//b", "/?search=%5C"] {
            assert!(is_ours(ours), "{ours}");
        }
        for not in ["", "a", "//evil.example", "/\\evil.example", "https://evil.example", "/\r\nA: b", "/é"]
        {
            assert!(!is_ours(not), "{not}");
        }
    }
}
