//! Badges over HTTP: `/badge.svg?repo=` as ghit.me had it, `/badge/NAME.svg`, and the count as JSON.
//!
//! Only a GET that shows hits as a picture counts. HEAD, JSON, errors, prefetches and `count=false` do not; nor does a
//! badge of another event, or looking at likes would make them.

use crate::{
    auth::Peer,
    error::{Problem, report},
    headers,
    name::from_bytes,
    query::{Query, count_wanted},
    state::App,
};
use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use std::sync::Arc;
use tallymark_badge::{Badge, Color, Format, Look, number::Number, render};
use tallymark_core::{Event, Name, NotAName, Now};
use tallymark_store::Step;

/// `/badge.svg?repo=OWNER/REPO`.
pub(crate) async fn of_repo(
    State(app): State<Arc<App>>,
    peer: Peer,
    method: Method,
    uri: Uri,
    sent: HeaderMap,
) -> Response {
    match Query::of(&uri).get("repo") {
        None => mistake("add ?repo=OWNER/REPO to the address"),
        Some(repo) => show(&app, from_bytes(&repo), &method, &uri, (peer, &sent)).await,
    }
}

/// An error picture that says what to change.
pub(crate) fn mistake(what: &str) -> Response {
    Problem::bad_request(what).picture("ignored: bad request")
}

/// What the parameters of a request ask for.
pub(crate) struct Wish {
    pub(crate) event: Event,
    count: bool,
    label: Option<String>,
    color: Option<Color>,
    label_color: Option<Color>,
    format: Format,
}

impl Wish {
    pub(crate) fn read(query: Query<'_>) -> Result<Wish, String> {
        let color = |name: &str| match query.text(name) {
            None => Ok(None),
            Some(text) => Color::parse(&text).map(Some).map_err(|why| format!("{name}: {why}")),
        };
        let count = count_wanted(query)?;
        let mut format = Format::Comma;
        for (key, value) in query.raw() {
            if let Some(wanted) = Format::from_query(key, value).map_err(|why| format!("{key}: {why}"))? {
                format = wanted;
            }
        }
        let (color, label_color) = (color("color")?, color("labelColor")?);
        Ok(Wish { event: query.event()?, count, label: query.form_text("label"), color, label_color, format })
    }

    fn draw(&self, look: &Look, name: &Name, total: i64, today: i64) -> Result<String, String> {
        let value = self.format.apply(total);
        let mut badge = look.badge(&value);
        self.dress(&mut badge);
        let mut picture = String::with_capacity(1200);
        look.draw_badge(&badge, name.as_str(), total, today, &mut picture).map_err(|why| why.to_string())?;
        Ok(picture)
    }

    /// The number as it was asked for.
    pub(crate) fn format(&self, total: i64) -> Number {
        self.format.apply(total)
    }

    /// Another event than `hit` is called by its own name, because the configured label is that of hits.
    pub(crate) fn dress<'a>(&'a self, badge: &mut Badge<'a>) {
        let usual = if self.event == Event::HIT { badge.label } else { self.event.noun(0) };
        badge.label = self.label.as_deref().unwrap_or(usual);
        badge.color = self.color.unwrap_or(badge.color);
        badge.label_color = self.label_color.unwrap_or(badge.label_color);
    }
}

pub(super) async fn show(
    app: &App,
    name: Result<Name, NotAName>,
    method: &Method,
    uri: &Uri,
    (peer, sent): (Peer, &HeaderMap),
) -> Response {
    let name = match name {
        Ok(name) => name,
        Err(why) => return mistake(&why.to_string()),
    };
    let wish = match Wish::read(Query::of(uri)) {
        Ok(wish) => wish,
        Err(why) => return mistake(&why),
    };
    let now = (app.now)();
    let (total, why) = match uncounted(&wish, method, sent) {
        Some(why) => (app.shown_total(wish.event, name.as_ref()).await, why),
        None => {
            let hit = app.hit(Event::HIT, name.as_ref(), now, (peer, sent));
            (app.counter.count(&hit).get().await, "counted")
        }
    };
    let look = app.look.load();
    // Only a template shows it.
    let today = if look.template.is_some() { today(app, wish.event, &name, now).await } else { Ok(0) };
    let (Ok(total), Ok(today)) = (total, today) else {
        // The hit is kept; only its numbers are not known yet. A broken image would help nobody.
        let mut badge = look.badge("counting");
        wish.dress(&mut badge);
        return headers::picture(StatusCode::OK, render(&badge), why);
    };
    match wish.draw(&look, &name, total, today) {
        Ok(picture) => headers::picture(StatusCode::OK, picture, why),
        Err(error) => {
            report::broken("the badge template failed", &name, &error);
            let value = wish.format.apply(total);
            let mut badge = look.badge(&value);
            wish.dress(&mut badge);
            headers::picture(StatusCode::OK, render(&badge), why)
        }
    }
}

/// Why a request is not counted, if it is not.
fn uncounted(wish: &Wish, method: &Method, sent: &HeaderMap) -> Option<&'static str> {
    let other = (wish.count && wish.event != Event::HIT).then_some("ignored: another event than hit");
    other.or_else(|| not_shown(wish.count, method, sent))
}

/// Why a picture was not shown to anybody, or is not to count.
pub(crate) fn not_shown(count: bool, method: &Method, sent: &HeaderMap) -> Option<&'static str> {
    if !count {
        Some("ignored: count=false")
    } else if method != Method::GET {
        Some("ignored: not a GET")
    } else if reads_ahead(sent) {
        Some("ignored: prefetch")
    } else {
        None
    }
}

/// A browser that reads ahead says so in one of these. nginx's configuration has the same rule.
pub(crate) fn reads_ahead(sent: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().filter_map(|header| sent.get(*header)).any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        value.contains("prefetch") || value.contains("preview")
    })
}

async fn today(app: &App, event: Event, name: &Name, now: Now) -> Result<i64, tallymark_store::StoreError> {
    let day = now.day().0;
    let series = app.store.series(event, name, Step::Day, day, day + 1).await?;
    Ok(series.first().map_or(0, |&(_, count)| count))
}

#[derive(Serialize)]
struct BadgeJson<'a> {
    name: &'a str,
    event: &'a str,
    total: i64,
    today: i64,
    formatted: &'a str,
    /// Where programs of JavaScript would round it.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_text: Option<String>,
}

pub(super) async fn json(app: &App, name: Result<Name, NotAName>, uri: &Uri) -> Result<Response, Problem> {
    let name = name?;
    let event = Query::of(uri).event().map_err(Problem::bad_request)?;
    // Hits that are not in the store yet are of today. Asked in this order, a tick that is applied in between shows them
    // in the total a moment earlier, and never twice.
    let in_store_today = today(app, event, &name, (app.now)()).await;
    let in_store = app.store.total(event, &name).await;
    let total = app.shown_total(event, name.as_ref()).await;
    let today = in_store_today.and_then(|today| {
        let pending = total.unwrap_or(0).saturating_sub(in_store?);
        Ok(today.saturating_add(pending.max(0)))
    });
    let today = today.map_err(|error| Problem::store("reading the counts of a badge", &error))?;
    let total = total?;
    let formatted = Format::Comma.apply(total);
    let counts = BadgeJson {
        name: name.as_str(),
        event: event.as_str(),
        total,
        today,
        formatted: &formatted,
        total_text: (total > 1 << 53).then(|| total.to_string()),
    };
    // Text and numbers always serialize.
    Ok(headers::json(StatusCode::OK, serde_json::to_string(&counts).unwrap_or_default()))
}
