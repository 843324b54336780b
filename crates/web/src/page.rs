//! Pages: the front page, and one for every name with its badge, its counts, its chart and the text to copy.
//!
//! They are drawn on the server from templates that are part of the binary, load nothing from anywhere else, and work
//! without a script. They never count.

use crate::{
    app::App,
    headers,
    name::{badge_path, from_bytes, from_path, graph_path, page_path},
    query::Query,
    trend::{self, View},
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use minijinja::{Environment, context};
use std::sync::{Arc, LazyLock};
use tallymark_badge::number::group;
use tallymark_core::{Event, Name, NotAName};
use tallymark_store::{Step, StoreError};

/// How far back the page of a name looks.
const DAYS: i32 = 30;

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for (name, source) in [
        ("frame.html", include_str!("pages/frame.html")),
        ("home.html", include_str!("pages/home.html")),
        ("name.html", include_str!("pages/name.html")),
        ("problem.html", include_str!("pages/problem.html")),
    ] {
        // A test renders every page, so a template that does not parse does not ship.
        if let Err(error) = pages.add_template(name, source) {
            tracing::error!(name, %error, "a page of the binary is broken");
        }
    }
    pages
});

fn page(status: StatusCode, name: &str, values: minijinja::Value) -> Response {
    match PAGES.get_template(name).and_then(|template| template.render(values)) {
        Ok(body) => headers::html(status, body),
        Err(error) => {
            tracing::error!(name, %error, "a page could not be drawn");
            headers::text(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be drawn; the log says why")
        }
    }
}

fn problem(status: StatusCode, what: &str) -> Response {
    page(status, "problem.html", context! { title => "Not this way", what })
}

/// `/`.
pub(crate) async fn home(State(app): State<Arc<App>>, sent: HeaderMap) -> Response {
    if let Err(answer) = app.may_see(&sent) {
        return *answer;
    }
    let names = app.store.name_count(Event::HIT).await;
    let total = app.store.totals(Event::HIT, &[Name::all()]).await;
    let number = |count: Option<i64>| count.map(|count| group(count).to_string());
    let total = total.ok().and_then(|totals| totals.first().copied());
    let names = names.ok().and_then(|names| i64::try_from(names).ok());
    let values = context! {
        title => "Tallymark",
        base_url => &app.base_url,
        total => number(total),
        names => number(names),
    };
    page(StatusCode::OK, "home.html", values)
}

/// `/style.css`.
pub(crate) async fn style() -> Response {
    let mut answer = headers::text(StatusCode::OK, "");
    let set = answer.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    *answer.body_mut() = include_str!("pages/style.css").into();
    answer
}

/// `/favicon.ico`: there is none, which is no error.
pub(crate) async fn favicon() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `/name/NAME` and `/repo/OWNER/REPO`.
pub(crate) async fn of_path(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let path = uri.path();
    let raw = path.strip_prefix("/name/").or_else(|| path.strip_prefix("/repo/")).unwrap_or_default();
    of_name(&app, from_path(raw), &uri, &sent).await
}

/// `/name?name=NAME`: what the form on the front page sends.
pub(crate) async fn of_form(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let name = Query::of(&uri).form("name").unwrap_or_default();
    of_name(&app, from_bytes(name.trim_ascii()), &uri, &sent).await
}

async fn of_name(app: &App, name: Result<Name, NotAName>, uri: &Uri, sent: &HeaderMap) -> Response {
    if let Err(answer) = app.may_see(sent) {
        return *answer;
    }
    let name = match name {
        Ok(name) => name,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &format!("That cannot be counted: {why}.")),
    };
    let view = match View::read(&name, Query::of(uri)) {
        Ok(view) => view,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &format!("That cannot be shown: {why}.")),
    };
    match tokio::try_join!(counts(app, &name), trend::values(app, &view)) {
        Ok((counts, trend)) => page(StatusCode::OK, "name.html", context! { trend, ..counts }),
        Err(error) => {
            tracing::warn!(%name, %error, "reading the counts of a page");
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "The store does not answer at the moment. Hits are kept meanwhile.",
            )
        }
    }
}

async fn counts(app: &App, name: &Name) -> Result<minijinja::Value, StoreError> {
    let today = (app.now)().day().0;
    let days = app.store.series(Event::HIT, name, Step::Day, today - DAYS + 1, today + 1).await?;
    let in_store =
        app.store.totals(Event::HIT, std::slice::from_ref(name)).await?.first().copied().unwrap_or(0);
    let total = app.counter.total(Event::HIT, name.as_ref()).get().await.unwrap_or(in_store);
    // Hits that are not in the store yet are of today.
    let pending = total.saturating_sub(in_store).max(0);
    let since = |first: i32| {
        let counted = days.iter().filter(|&&(day, _)| day >= first);
        group(counted.fold(pending, |sum, &(_, count)| sum.saturating_add(count))).to_string()
    };
    let (badge, link) = (badge_path(name.as_ref()), page_path(name.as_ref()));
    let graph = graph_path(std::slice::from_ref(name), "30d");
    let base = &app.base_url;
    Ok(context! {
        title => name.as_str(),
        name => name.as_str(),
        badge => format!("{badge}&count=false"),
        total => group(total).to_string(),
        today => since(today),
        week => since(today - 6),
        month => since(today - DAYS + 1),
        markdown => format!("[![hits]({base}{badge})]({base}{link})"),
        html => format!("<a href=\"{base}{link}\"><img src=\"{base}{badge}\" alt=\"hits\"></a>"),
        url => format!("{base}{badge}"),
        chart => format!("[![hits over time]({base}{graph})]({base}{link})"),
        never => total == 0,
    })
}
