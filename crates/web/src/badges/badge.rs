//! Badges over HTTP: `/badge.svg?repo=` as ghit.me had it, `/badge/NAME.svg`, and the count as JSON.
//!
//! Only a GET that shows hits as a picture counts. HEAD, JSON, errors, prefetches and `count=false` do not; nor does a
//! badge of another event, or viewing likes would create likes.

use super::{
    dress::Dress,
    figures::{self, Figures, Reach},
    parameters::{AnswerKind, check},
};
use crate::{
    auth::Peer,
    error::{Problem, report},
    event, headers,
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
use tallymark_badge::{Look, render};
use tallymark_core::{CountedHit, Event, Name, NameRef, NotAName, Now, Reject, Unavailable, Uncounted};

/// `/badge.svg?repo=OWNER/REPO`. The first of several counts, as in the original and in nginx: its `$arg_repo` is the first.
pub(crate) async fn of_repo(
    State(app): State<Arc<App>>,
    peer: Peer,
    method: Method,
    uri: Uri,
    sent: HeaderMap,
) -> Response {
    let query = Query::of(&uri);
    match query.get("repo") {
        None => mistake("add ?repo=OWNER/REPO to the address"),
        Some(repo) => show(&app, from_bytes(&repo), &method, query, (peer, &sent)).await,
    }
}

/// A number that is given, and not counted, in image digits.
pub(crate) fn of_number(app: &App, number: i64, query: Query<'_>) -> Response {
    match Dress::read(query, &app.look.load()) {
        Ok(dress) => {
            let title = dress.format(number);
            let picture = dress.digits().map_or_else(
                || render(&app.look.load().badge(&title)),
                |digits| digits.picture(number, &title),
            );
            headers::picture(StatusCode::OK, picture, "not counted: the number of the address")
        }
        Err(why) => mistake(&why),
    }
}

/// Why a request with a mistake in it does not count.
pub(crate) const BAD_REQUEST: &str = "ignored: bad request";

/// An error picture that says what to change.
pub(crate) fn mistake(what: &str) -> Response {
    Problem::bad_request(what).picture(BAD_REQUEST)
}

/// What is wrong with the parameters of a badge.
pub(crate) async fn mistake_in(app: &App, query: Query<'_>) -> Option<String> {
    Wish::read(app, query, &app.look.load()).await.err()
}

/// What the parameters of a badge ask for.
struct Wish {
    event: Event,
    count: bool,
    figures: Figures,
    dress: Dress,
}

impl Wish {
    async fn read(app: &App, query: Query<'_>, look: &Look) -> Result<Wish, String> {
        check(query, AnswerKind::Badge)?;
        let event = event::asked(app, query).await?;
        Ok(Wish {
            event,
            count: count_wanted(query)?,
            figures: Figures::read(query, event)?,
            dress: Dress::read(query, look)?,
        })
    }

    /// Why a request is not counted, if it is not.
    fn uncounted(&self, method: &Method, sent: &HeaderMap) -> Option<&'static str> {
        let other = (self.count && self.event != Event::HIT).then_some("ignored: another event than hit");
        other.or_else(|| not_shown(self.count, method, sent))
    }
}

/// A name's badge, as a query asks for it. Counts.
pub(crate) async fn show(
    app: &App,
    name: Result<Name, NotAName>,
    method: &Method,
    query: Query<'_>,
    (peer, sent): (Peer, &HeaderMap),
) -> Response {
    let name = match name {
        Ok(name) => name,
        Err(why) => return mistake(&why.to_string()),
    };
    let look = app.look.load();
    let wish = match Wish::read(app, query, &look).await {
        Ok(wish) => wish,
        Err(why) => return mistake(&why),
    };
    let now = (app.now)();
    let (counted, why, has_room) = match wish.uncounted(method, sent) {
        Some(why) => (None, why, true),
        None => {
            let (total, uncounted) = count(app, name.as_ref(), now, (peer, sent)).await;
            let has_room = !matches!(uncounted, Some(Uncounted::Overflow));
            (Some(total), uncounted.map_or("counted", why_uncounted), has_room)
        }
    };
    // Counting answers the total of hits. A name without room has nothing at all.
    let counts = match counted.filter(|_| wish.figures.is_total_of(Event::HIT)) {
        Some(total) => total.map(|total| vec![total]).map_err(Problem::from),
        None if has_room => wish.figures.counts(app, &name, now).await,
        None => Ok(wish.figures.nothing()),
    };
    let drawn = match counts {
        Ok(counts) => draw(app, &look, &wish, &name, &counts, now).await,
        Err(unknown) => Err(unknown),
    };
    let picture = drawn.unwrap_or_else(|_| {
        // The hit is kept; only its numbers are not known yet. A broken image would not help.
        let said = wish.figures.unknown(&look.label);
        let mut badge = look.badge(&said.value);
        wish.dress.put_on(&mut badge, &said.label);
        render(&badge)
    });
    headers::picture(StatusCode::OK, picture, why)
}

/// Counts a hit. Answers what its name shows from now on, and why the hit is no part of it.
async fn count(
    app: &App,
    name: NameRef<'_>,
    now: Now,
    from: (Peer, &HeaderMap),
) -> (Result<i64, Unavailable>, Option<Uncounted>) {
    let CountedHit { total, uncounted, is_crowded } =
        app.counter.count(&app.hit(Event::HIT, name, now, from));
    let total = total.get().await;
    match uncounted {
        // A new name without room has nothing; its hit is of ~overflow.
        None if is_crowded && app.counter.is_over(Event::HIT, name) => (Ok(0), Some(Uncounted::Overflow)),
        uncounted => (total, uncounted),
    }
}

/// What `X-Tallymark` says of a hit that is no part of what its name shows.
pub(crate) fn why_uncounted(why: Uncounted) -> &'static str {
    match why {
        Uncounted::Overflow => "overflow: counted under ~overflow, there is no room for another name",
        Uncounted::Refused(Reject::DeniedName) => "ignored: denied_name",
        Uncounted::Refused(Reject::DeniedNetwork) => "ignored: denied_network",
        Uncounted::Refused(Reject::DeniedAgent) => "ignored: denied_agent",
        Uncounted::Refused(Reject::Paused) => "ignored: paused",
        Uncounted::Refused(_) => "ignored: refused",
    }
}

/// # Errors
///
/// A template needs the count of today, and it is not known.
async fn draw(
    app: &App,
    look: &Look,
    wish: &Wish,
    name: &Name,
    counts: &[i64],
    now: Now,
) -> Result<String, Problem> {
    let said = wish.figures.say(counts, &wish.dress, &look.label);
    if let Some(digits) = wish.dress.digits() {
        return Ok(digits.draw(&wish.figures, counts, &said, wish.dress.label()));
    }
    let mut badge = look.badge(&said.value);
    wish.dress.put_on(&mut badge, &said.label);
    badge.title = said.title.as_deref();
    if look.template.is_none() || wish.dress.is_special() {
        return Ok(render(&badge));
    }
    let today = figures::counted(app, wish.event, name, Reach::Today, now).await?;
    let total = wish.figures.first(counts);
    let mut picture = String::with_capacity(1200);
    match look.draw_badge(&badge, name.as_str(), total, today, &mut picture) {
        Ok(()) => Ok(picture),
        Err(error) => {
            report::broken("the badge template failed", name, &error.to_string());
            Ok(render(&badge))
        }
    }
}

/// Why a request does not show a picture to a person, or must not count.
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
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().filter_map(|header| sent.get(*header)).any(
        |value| {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            value.contains("prefetch") || value.contains("preview")
        },
    )
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
    let query = Query::of(uri);
    check(query, AnswerKind::Json).map_err(Problem::bad_request)?;
    let event = event::asked(app, query).await.map_err(Problem::bad_request)?;
    let numbers = Dress::of_numbers(query).map_err(Problem::bad_request)?;
    let today = figures::counted(app, event, &name, Reach::Today, (app.now)()).await?;
    let total = app.shown_total(event, name.as_ref()).await?;
    let formatted = numbers.format(total);
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
