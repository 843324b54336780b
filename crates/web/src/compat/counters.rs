//! The badge addresses of komarev's counter, hits.seeyoufarm.com, hits.sh, visitor-badge, dwyl's hits and Moe-Counter,
//! if the operator has switched them on, so that users who move only change a host name.
//!
//! Their parameters are translated into ours, with the defaults of that counter, and the badge is drawn and counted
//! like any other. `tallymark_core::read_other_badge` decides which name an address counts. Values that affect only the
//! look and that the original ignored are ignored here too.

use super::moe_counter;
use crate::{
    auth::Peer,
    badges::{badge, parameters::escaped},
    name::{encoded_text, from_bytes, page_path},
    pages::{self, name_page::redirect},
    query::Query,
    state::App,
};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
    routing::get,
};
use std::sync::Arc;
use tallymark_badge::{
    Color, Look,
    shields::{LogoFile, NotALogo, Style},
};
use tallymark_core::{NotOtherBadge, OtherBadge, OtherCounter, hits_sh_page, misspelt, read_other_badge};

/// The routes of those that are on.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let others = app.others;
    let mut routes = Router::new();
    for counter in others.iter() {
        for path in paths(counter) {
            routes = routes.route(path, get(show));
        }
    }
    if others.has(OtherCounter::HitsSh) || others.has(OtherCounter::Dwyl) {
        routes = routes.route("/{*path}", get(show).fallback(pages::no_badge_here));
    }
    routes.with_state(app)
}

/// The addresses that are one path each.
fn paths(counter: OtherCounter) -> &'static [&'static str] {
    match counter {
        OtherCounter::Komarev => &["/ghpvc", "/ghpvc/"],
        OtherCounter::Seeyoufarm => &["/api/count/incr/badge.svg", "/api/count/keep/badge.svg"],
        OtherCounter::VisitorBadge => &["/badge"],
        OtherCounter::MoeCounter => &["/@{name}", "/get/@{name}"],
        OtherCounter::HitsSh | OtherCounter::Dwyl => &[],
    }
}

async fn show(
    State(app): State<Arc<App>>,
    peer: Peer,
    method: Method,
    uri: Uri,
    sent: HeaderMap,
) -> Response {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let mut name = Vec::new();
    match read_other_badge(target.as_bytes(), &mut name) {
        Ok(other) if app.others.has(other.counter) => {
            if let Some(why) = other_number(other.counter, Query::of(&uri)) {
                return badge::mistake(&why);
            }
            let asked = Query::of(&uri);
            let ours = translated(other, &name, asked, &app.look.load());
            let ours = Query::in_form(&ours);
            let given = match other.counter {
                OtherCounter::MoeCounter => moe_counter::given_number(&name, asked),
                _ => Ok(None),
            };
            match given {
                Ok(Some(number)) => badge::of_number(&app, number, ours),
                Ok(None) => match badge::mistake_in(&app, ours).await {
                    Some(why) => badge::mistake(&in_their_words(other.counter, why)),
                    None => badge::show(&app, from_bytes(&name), &method, ours, (peer, &sent)).await,
                },
                Err(why) => badge::mistake(&why),
            }
        }
        Err(NotOtherBadge::Unnamed(counter)) if app.others.has(counter) => badge::mistake(counter.wants()),
        Ok(_) | Err(_) => match page_of(&app, uri.path()) {
            Some(page) => redirect(StatusCode::PERMANENT_REDIRECT, &page),
            None => pages::no_badge_here(State(app), uri, sent).await,
        },
    }
}

/// The page of a name at hits.sh's address.
fn page_of(app: &App, path: &str) -> Option<String> {
    let name = hits_sh_page(path.as_bytes()).filter(|_| app.others.has(OtherCounter::HitsSh))?;
    let name = from_bytes(&name).ok()?;
    Some(format!("{}{}", app.access.base, page_path(name.as_ref())))
}

/// What is wrong with a parameter, by the name that it has in the address.
fn in_their_words(counter: OtherCounter, why: String) -> String {
    let of_ours = |(_, ours): &&(&str, &str)| {
        why.strip_prefix(ours).is_some_and(|rest| rest.starts_with([' ', '=', ':']))
    };
    match renamed(counter).iter().find(of_ours) {
        Some((theirs, ours)) => why.replacen(ours, theirs, 1),
        None => why,
    }
}

/// Why an address would show another number than was meant.
fn other_number(counter: OtherCounter, query: Query<'_>) -> Option<String> {
    let given = |key: &str| {
        let is_it = |(known, value): &(&str, &str)| known.eq_ignore_ascii_case(key) && !value.is_empty();
        query.raw().filter(is_it).count()
    };
    let (theirs, words): (&[&str], &[(&str, &[&str])]) = match counter {
        OtherCounter::Komarev => (&["username", "base"], &[]),
        OtherCounter::Seeyoufarm => (&["url"], &[]),
        OtherCounter::HitsSh => (&["extraCount", "view"], &[("view", &["today-total", "total"])]),
        OtherCounter::VisitorBadge => (&["page_id"], &[]),
        OtherCounter::Dwyl => (&["show"], &[("show", &["unique"])]),
        OtherCounter::MoeCounter => (&["num"], &[]),
    };
    let all: Vec<&str> =
        theirs.iter().chain(renamed(counter).iter().map(|(theirs, _)| theirs)).copied().collect();
    if let Some(key) = all.iter().find(|key| given(key) > 1) {
        return Some(format!("{key} is given twice: leave one out"));
    }
    if let Some(why) = query.raw().find_map(|(key, _)| escaped(key, &all)) {
        return Some(why);
    }
    let slip = |key| Some((key, misspelt(key, theirs).filter(|_| !all.contains(&key))?));
    if let Some((key, meant)) = query.raw().find_map(|(key, _)| slip(key)) {
        return Some(format!("{key}: did you mean {meant}?"));
    }
    let unknown = |(key, known): &&(&str, &[&str])| {
        query.text(key).is_some_and(|value| !value.is_empty() && !known.contains(&&*value))
    };
    if let Some((key, known)) = words.iter().find(unknown) {
        return Some(format!("{key} is {}, or left out", known.join(" or ")));
    }
    let ours = ["base", "event", "period", "show"]
        .into_iter()
        .find(|key| !theirs.iter().any(|known| known.eq_ignore_ascii_case(key)) && given(key) > 0);
    ours.map(|key| format!("this address has no {key}: use /badge/NAME.svg"))
}

/// The parameters that only rename one of ours.
fn renamed(counter: OtherCounter) -> &'static [(&'static str, &'static str)] {
    match counter {
        OtherCounter::Komarev => &[
            ("style", "style"),
            ("label", "label"),
            ("color", "color"),
            ("base", "base"),
            ("abbreviated", "abbreviated"),
            ("withAbbreviation", "abbreviated"),
        ],
        OtherCounter::Seeyoufarm => &[
            ("title", "label"),
            ("title_bg", "labelColor"),
            ("count_bg", "color"),
            ("icon_color", "logoColor"),
        ],
        OtherCounter::HitsSh => &[
            ("style", "style"),
            ("label", "label"),
            ("color", "color"),
            ("labelColor", "labelColor"),
            ("logo", "logo"),
            ("extraCount", "base"),
        ],
        OtherCounter::VisitorBadge => &[
            ("left_text", "label"),
            ("title", "label"),
            ("left_color", "labelColor"),
            ("right_color", "color"),
        ],
        OtherCounter::Dwyl => &[("style", "style")],
        OtherCounter::MoeCounter => moe_counter::RENAMED,
    }
}

/// How a badge of that counter looks without parameters.
fn usual(counter: OtherCounter) -> &'static str {
    match counter {
        OtherCounter::Komarev => "style=flat&label=Profile%20views&labelColor=555&color=007ec6",
        OtherCounter::Seeyoufarm => {
            "style=flat&label=hits&labelColor=555&color=79c83d&show=today,total&format=plain"
        }
        OtherCounter::HitsSh => "style=flat&label=hits&labelColor=555&color=4c1",
        OtherCounter::VisitorBadge => "style=flat&label=visitors&labelColor=595959&color=1283c3&format=plain",
        OtherCounter::Dwyl => "style=flat&labelColor=555&color=4c1&format=plain",
        OtherCounter::MoeCounter => "padding=7",
    }
}

/// The same badge in our own parameters, each of them once: the first one, and what is usual where there is none.
fn translated(other: OtherBadge, name: &[u8], query: Query<'_>, look: &Look) -> String {
    let mut ours: Vec<(String, String)> = Vec::new();
    let mut put = |key: &str, value: &str| {
        if !ours.iter().any(|(known, _)| known == key) {
            ours.push((key.to_owned(), encoded_text(value, false)));
        }
    };
    match query.text("count") {
        Some(count) => put("count", &count),
        None if !other.counts => put("count", "false"),
        None => {}
    }
    for (theirs, key) in renamed(other.counter) {
        if let Some(value) = query.form_text(theirs).filter(|value| is_drawable(key, value, look)) {
            put(key, &value);
        }
    }
    match other.counter {
        OtherCounter::Seeyoufarm => {
            if query.text("edge_flat").is_some_and(|flat| flat.eq_ignore_ascii_case("true")) {
                put("style", "flat-square");
            }
            let icon = query.text("icon").unwrap_or_default();
            let icon = icon.strip_suffix(".svg").unwrap_or(&icon);
            if is_drawable("logo", icon, look) {
                put("logo", icon);
            }
        }
        OtherCounter::HitsSh if query.text("view").is_some_and(|view| view == "today-total") => {
            put("show", "today,total");
        }
        OtherCounter::VisitorBadge if query.get("format").is_some() => put("format", "short"),
        // Visitors of all time are not known. The label says which are shown.
        OtherCounter::Dwyl if query.text("show").is_some_and(|show| show == "unique") => {
            put("show", "visitors");
        }
        OtherCounter::Dwyl => put("label", "hits"),
        OtherCounter::MoeCounter => moe_counter::put_theme(name, query, look, &mut put),
        OtherCounter::Komarev | OtherCounter::HitsSh | OtherCounter::VisitorBadge => {}
    }
    let usual = usual(other.counter).split('&').filter_map(|pair| pair.split_once('='));
    for (key, value) in usual {
        // Already as it is in an address.
        if !ours.iter().any(|(known, _)| known == key) {
            ours.push((key.to_owned(), value.to_owned()));
        }
    }
    let pairs: Vec<String> = ours.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join("&")
}

/// Whether a parameter of the look can be drawn; the number's are always passed on.
fn is_drawable(key: &str, value: &str, look: &Look) -> bool {
    match key {
        "label" => !value.trim().is_empty(),
        "style" => Style::from_name(value).is_some(),
        "color" | "labelColor" | "logoColor" => Color::parse(value).is_ok(),
        "logo" => {
            let read = LogoFile::read_with(&look.logos, value, None, Color::WHITE);
            // A broken one is a mistake of this site, and told.
            matches!(read, Ok(_) | Err(NotALogo::Broken))
        }
        _ => true,
    }
}
