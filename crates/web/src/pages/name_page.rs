//! The page of a name, with its badge, counts, chart and the text to copy; and the page that compares names.

use super::{
    Back,
    language::{self, tr},
    login, maker, name_events, no_store, page_for, problem, rank,
    trend::{self, CannotShow, View},
    who_asks,
};
use crate::{
    daily_visitors,
    error::Problem,
    event, feed, headers,
    name::{badge_path, event_page_path, from_bytes_of, graph_path, push_scale},
    query::{Query, decoded},
    state::App,
    windows,
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use minijinja::{Value, context};
use std::sync::Arc;
use tallymark_badge::Snippet;
use tallymark_core::{Day, Event, Name};
use tallymark_store::StoreError;

/// `/name/NAME` and `/repo/OWNER/REPO`.
pub(crate) async fn of_path(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let path = uri.path();
    let raw = path.strip_prefix("/name/").or_else(|| path.strip_prefix("/repo/")).unwrap_or_default();
    of_name(&app, &decoded(raw), &uri, &sent).await
}

/// `/repo/OWNER/REPO/`, because GitHub's own addresses may end like this: redirects to the page.
pub(crate) async fn without_slash(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let place = format!("{}{}{query}", app.access.base, uri.path().trim_end_matches('/'));
    // An address that arrived in a request is a valid value.
    redirect(StatusCode::PERMANENT_REDIRECT, &place)
}

/// Leads to another address.
pub(crate) fn redirect(status: StatusCode, place: &str) -> Response {
    let mut answer = headers::text(status, "");
    answer.headers_mut().extend(HeaderValue::from_str(place).ok().map(|place| (header::LOCATION, place)));
    answer
}

/// `/name?name=NAME`: what the form on the front page sends.
pub(crate) async fn of_form(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let name = Query::of(&uri).form("name").unwrap_or_default();
    of_name(&app, name.trim_ascii(), &uri, &sent).await
}

/// `/compare?name=NAME&name=NAME`.
pub(crate) async fn of_names(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let visitor = match login::visitor(&app.access, &sent, &uri) {
        Ok(visitor) => visitor,
        Err(answer) => return *answer,
    };
    let choose = |status, view: &View| {
        let values = context! { title => tr("Comparison"), choose => trend::choose(&app, view) };
        page_for(&app, &visitor, status, "choose.html", values)
    };
    let view = match View::of_names(Query::of(&uri)) {
        Ok(view) => view,
        Err(CannotShow { too_many: Some(view), .. }) => return choose(StatusCode::BAD_REQUEST, &view),
        Err(refused) => return not_shown(&app, refused),
    };
    if let Err(why) = event::asked(&app, Query::of(&uri)).await {
        return not_shown(&app, CannotShow { why, back: view.back_to_hits(), too_many: None });
    }
    if view.is_empty() {
        return choose(StatusCode::OK, &view);
    }
    match trend::values(&app, &view).await {
        Ok(trend) => {
            let values = context! { title => tr("Comparison"), trend };
            page_for(&app, &visitor, StatusCode::OK, "compare.html", values)
        }
        Err(error) => no_store(&app, &error),
    }
}

/// `/compare/series.csv?name=NAME&name=NAME`.
pub(crate) async fn csv_of_names(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    if let Err(answer) = login::visitor(&app.access, &sent, &uri) {
        return *answer;
    }
    if let Err(why) = event::asked(&app, Query::of(&uri)).await {
        return headers::text(StatusCode::BAD_REQUEST, &why);
    }
    match View::of_names(Query::of(&uri)) {
        Ok(view) if view.is_empty() => {
            headers::text(StatusCode::BAD_REQUEST, "add ?name=NAME to the address, once for each name")
        }
        Ok(view) => trend::as_csv(&app, &view).await.unwrap_or_else(|error| no_store(&app, &error)),
        Err(refused) => headers::text(StatusCode::BAD_REQUEST, &refused.why),
    }
}

fn not_shown(app: &App, refused: CannotShow) -> Response {
    let what = format!("This cannot be shown: {}.", refused.why);
    problem(app, &Problem::bad_request(what), refused.back)
}

async fn of_name(app: &App, asked: &[u8], uri: &Uri, sent: &HeaderMap) -> Response {
    let visitor = match login::visitor(&app.access, sent, uri) {
        Ok(visitor) => visitor,
        Err(answer) => return *answer,
    };
    let name = match from_bytes_of(event::of_name(uri), asked) {
        Ok(name) => name,
        Err(why) => {
            // Too long for a name, and yet it may have one in it.
            let usual = maker::usual_name(&String::from_utf8_lossy(asked), app.base_url.as_str());
            let ahead = usual.map(|name| Back {
                link: maker::page_with_choices(&name, Query::of(uri), "") + "#make",
                to: name.to_string(),
                is_ahead: true,
            });
            return problem(app, &Problem::bad_request(format!("This cannot be counted: {why}.")), ahead);
        }
    };
    // An address that says no more than the name.
    let is_plain = Query::of(uri)
        .raw()
        .all(|(key, _)| ["", "name", "lang"].iter().any(|plain| key.eq_ignore_ascii_case(plain)));
    if is_plain && let Some(event) = name_events::instead_of_hits(app, &name).await {
        let place = format!("{}{}", app.access.base, event_page_path(name.as_ref(), event));
        let place = language::with_chosen(place, uri);
        return redirect(StatusCode::TEMPORARY_REDIRECT, &place);
    }
    if let Err(why) = event::asked(app, Query::of(uri)).await {
        let link = maker::page_with_choices(&name, Query::of(uri), "event");
        let back = Back { link, to: name.to_string(), is_ahead: false };
        return not_shown(app, CannotShow { why, back: Some(back), too_many: None });
    }
    let view = match View::of_name(&name, Query::of(uri)) {
        Ok(view) => view,
        Err(refused) => return not_shown(app, refused),
    };
    let event = view.event;
    let read = tokio::try_join!(
        counts(app, event, &name),
        trend::values(app, &view),
        name_events::links(app, &view, &name),
        name_events::statuses(app, event, &name),
        who_asks::values(app, event, &name),
        async {
            Ok(match event {
                Event::HIT => rank::values(app, name.as_str()).await,
                _ => None,
            })
        },
    );
    match read {
        Ok((counts, trend, events, statuses, who, rank)) => {
            let maker = maker::values(app, &name, event, Query::of(uri));
            let values =
                context! { trend, events, statuses, who, maker, rank, ..about(app, &view, &name, counts) };
            page_for(app, &visitor, StatusCode::OK, "name.html", values)
        }
        Err(error) => no_store(app, &error),
    }
}

async fn counts(app: &App, event: Event, name: &Name) -> Result<Value, StoreError> {
    // Hits that are not in the store yet belong to the last minute. In this order, a tick that is applied in between
    // shows them in the total a moment earlier, and never twice.
    let mut windows = windows::read(&*app.store, event, name, (app.now)()).await?;
    let in_store = app.store.totals(event, std::slice::from_ref(name)).await?.first().copied().unwrap_or(0);
    let total = app.shown_total(event, name.as_ref()).await.unwrap_or(in_store);
    windows.add(total.saturating_sub(in_store).max(0));
    let visitors = match daily_visitors::belong_to(event) {
        true => {
            let today = (app.now)().day();
            let days = daily_visitors::read(&*app.store, name, Day(today.0 - 29), today).await?;
            let of_today = days.last().map_or(0, |(_, visitors)| *visitors);
            // If clients are not known, there are none, and a 0 would be a wrong number.
            let month = daily_visitors::sum(&days);
            (month > 0).then(|| context! { today => of_today, month })
        }
        false => None,
    };
    Ok(context! {
        visitors,
        total,
        today => windows.today,
        hour => windows.last_60_minutes.count,
        day => windows.last_24_hours.count,
        week => windows.last_7_days.count,
        month => windows.last_30_days.count,
        never => total == 0,
    })
}

/// The counts, the name itself, and the text to copy.
fn about(app: &App, view: &View, name: &Name, counts: Value) -> Value {
    let (badge, event) = (badge_path(name.as_ref()), view.event);
    let mut graph = graph_path(std::slice::from_ref(name), event, view.period());
    push_scale(&mut graph, view.scale);
    let base = app.base_url.as_str();
    let linked = event_page_path(name.as_ref(), event);
    context! {
        title => name.as_str(),
        name => name.as_str(),
        // Only events that a badge shows have one.
        event => (event != Event::HIT).then(|| event.to_string()),
        feed => feed::path_of(app, name.as_ref()),
        badge => format!("{badge}&count=false"),
        panels => maker::has_panels(name),
        chart => themed(&format!("{base}{graph}"), &format!("{base}{linked}"), event),
        ..counts
    }
}

/// A chart in the colours of the page around it: GitHub's theme is not that of the reader's system.
fn themed(graph: &str, page: &str, event: Event) -> String {
    let alt = format!("{} over time", event.noun(0));
    let chart = Snippet {
        link: Some(page),
        themes: Some(Snippet::THEMES),
        phone: Some(maker::NARROW_CHART),
        ..Snippet::plain(graph, &alt)
    };
    chart.to_string()
}
