//! The page of a name, with its badge, its counts, its chart and the text to copy; and the page that compares names.

use crate::{
    app::App,
    name::{badge_path, event_page_path, from_bytes_of, from_path_of, graph_path, page_path},
    page::{no_store, page_for, problem},
    query::Query,
    trend::{self, View},
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use minijinja::context;
use std::sync::Arc;
use tallymark_badge::number::group;
use tallymark_core::{Event, Name, NotAName};
use tallymark_store::{Step, StoreError};

/// How far back the page of a name looks.
const DAYS: i32 = 30;

/// `/name/NAME` and `/repo/OWNER/REPO`.
pub(crate) async fn of_path(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let path = uri.path();
    let raw = path.strip_prefix("/name/").or_else(|| path.strip_prefix("/repo/")).unwrap_or_default();
    of_name(&app, from_path_of(event(&uri), raw), &uri, &sent).await
}

/// `/name?name=NAME`: what the form on the front page sends.
pub(crate) async fn of_form(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let name = Query::of(&uri).form("name").unwrap_or_default();
    of_name(&app, from_bytes_of(event(&uri), name.trim_ascii()), &uri, &sent).await
}

/// `/compare?name=NAME&name=NAME`.
pub(crate) async fn of_names(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let visitor = match app.access.may_see(&sent, &uri) {
        Ok(visitor) => visitor,
        Err(answer) => return *answer,
    };
    let view = match View::of_names(Query::of(&uri)) {
        Ok(view) => view,
        Err(why) => return problem(&app, StatusCode::BAD_REQUEST, &format!("That cannot be shown: {why}.")),
    };
    match trend::values(&app, &view).await {
        Ok(trend) => page_for(&app, &visitor, "compare.html", context! { title => "Comparison", trend }),
        Err(error) => no_store(&app, &error),
    }
}

/// The event that says how long a name may be. What is none is refused where the rest of the query is read.
fn event(uri: &Uri) -> Event {
    Query::of(uri).event().unwrap_or(Event::HIT)
}

async fn of_name(app: &App, name: Result<Name, NotAName>, uri: &Uri, sent: &HeaderMap) -> Response {
    let visitor = match app.access.may_see(sent, uri) {
        Ok(visitor) => visitor,
        Err(answer) => return *answer,
    };
    let name = match name {
        Ok(name) => name,
        Err(why) => return problem(app, StatusCode::BAD_REQUEST, &format!("That cannot be counted: {why}.")),
    };
    let view = match View::of_name(&name, Query::of(uri)) {
        Ok(view) => view,
        Err(why) => return problem(app, StatusCode::BAD_REQUEST, &format!("That cannot be shown: {why}.")),
    };
    match tokio::try_join!(counts(app, view.event, &name), trend::values(app, &view)) {
        Ok((counts, trend)) => page_for(app, &visitor, "name.html", context! { trend, ..counts }),
        Err(error) => no_store(app, &error),
    }
}

async fn counts(app: &App, event: Event, name: &Name) -> Result<minijinja::Value, StoreError> {
    let today = (app.now)().day().0;
    let days = app.store.series(event, name, Step::Day, today - DAYS + 1, today + 1).await?;
    let in_store = app.store.total(event, name).await?;
    let total = app.counter.total(event, name.as_ref()).get().await.unwrap_or(in_store);
    // Hits that are not in the store yet are of today.
    let pending = total.saturating_sub(in_store).max(0);
    let since = |first: i32| {
        let counted = days.iter().filter(|&&(day, _)| day >= first);
        group(counted.fold(pending, |sum, &(_, count)| sum.saturating_add(count))).to_string()
    };
    let (badge, link) = (badge_path(name.as_ref()), page_path(name.as_ref()));
    let graph = graph_path(std::slice::from_ref(name), event, "30d");
    let base = app.base_url.as_str();
    let linked = event_page_path(name.as_ref(), event);
    Ok(context! {
        title => name.as_str(),
        name => name.as_str(),
        // Only what is shown by a badge has one.
        event => (event != Event::HIT).then(|| event.to_string()),
        badge => format!("{badge}&count=false"),
        total => group(total).to_string(),
        today => since(today),
        week => since(today - 6),
        month => since(today - DAYS + 1),
        markdown => format!("[![hits]({base}{badge})]({base}{link})"),
        html => format!("<a href=\"{base}{link}\"><img src=\"{base}{badge}\" alt=\"hits\"></a>"),
        url => format!("{base}{badge}"),
        chart => format!("[![hits over time]({base}{graph})]({base}{linked})"),
        never => total == 0,
    })
}
