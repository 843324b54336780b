//! Pages for people, and what they share: the templates, which are part of the binary, and the error page.
//!
//! Pages are rendered on the server, load nothing from other sites, and work without a script. They never count.

pub(crate) mod assets;
mod chart;
pub(crate) mod dashboard;
pub(crate) mod language;
pub(crate) mod login;
mod maker;
mod name_events;
pub(crate) mod name_page;
mod rank;
pub(crate) mod reasons;
pub(crate) mod seen;
mod texts;
mod trend;
mod who_asks;

use crate::{
    auth::{Access, Viewer},
    badges::badge::BAD_REQUEST,
    error::{Problem, report},
    headers,
    state::App,
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use language::tr;
use minijinja::{Environment, HtmlEscape, Value, context};
use std::sync::{Arc, LazyLock};
use tallymark_badge::{number::group, panel::Lang};
use tallymark_core::{NotOtherBadge, OtherBadge, OtherCounter, read_other_badge};
use tallymark_store::{Class, StoreError};

/// What a period of the front page may be.
pub(crate) const NOT_A_PERIOD: &str = "period is all, month, week, day, hour or minute";

/// The templates in each language.
static ENGLISH: LazyLock<Environment<'static>> = LazyLock::new(|| pages_in(Lang::En));
static CHINESE: LazyLock<Environment<'static>> = LazyLock::new(|| pages_in(Lang::Zh));

fn pages_in(lang: Lang) -> Environment<'static> {
    let mut pages = Environment::new();
    pages.add_filter("seen", seen::seen);
    pages.add_filter("noun", move |event: &str, count: Option<i64>| {
        language::noun(lang, event, count.unwrap_or_default())
    });
    pages.add_filter("coded", coded);
    pages.add_filter("upper_first", upper_first);
    pages.add_filter("grouped", |count: i64| group(count).to_string());
    pages.add_filter("brief", move |count: i64| brief(lang, count));
    // Labels that the code has; names and numbers pass through.
    pages.add_filter("tr", move |text: &str| language::in_language(lang, text).to_owned());
    pages.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for (name, source) in [
        ("add.html", include_str!("add.html")),
        ("frame.html", include_str!("frame.html")),
        ("bar.html", include_str!("bar.html")),
        ("builder.html", include_str!("builder.html")),
        ("controls.html", include_str!("controls.html")),
        ("chart.html", include_str!("chart.html")),
        ("choose.html", include_str!("choose.html")),
        ("compare.html", include_str!("compare.html")),
        ("compared.html", include_str!("compared.html")),
        ("dashboard.html", include_str!("dashboard.html")),
        ("empty.html", include_str!("empty.html")),
        ("found.html", include_str!("found.html")),
        ("like.html", include_str!("like.html")),
        ("login.html", include_str!("login.html")),
        ("maker.html", include_str!("maker.html")),
        ("name.html", include_str!("name.html")),
        ("problem.html", include_str!("problem.html")),
        ("rank.html", include_str!("rank.html")),
        ("row.html", include_str!("row.html")),
        ("swatch.html", include_str!("swatch.html")),
        ("trend.html", include_str!("trend.html")),
        ("who_asks.html", include_str!("who_asks.html")),
    ] {
        // A test renders every page, so a template that does not parse does not ship.
        let source = language::translated(source, lang);
        if let Err(error) = pages.add_template_owned(name, source) {
            tracing::error!(name, %error, "a page of the binary is broken");
        }
    }
    pages
}

/// A text as a sentence begins. What follows is left as it is: names have capitals, too.
fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A count where there is little room: from ten digits on in short, with all of it as the title.
fn brief(lang: Lang, count: i64) -> Value {
    let all = group(count);
    Value::from_safe_string(if count.unsigned_abs() < 1_000_000_000 {
        all.to_string()
    } else {
        format!(r#"<abbr title="{all}">{}</abbr>"#, language::short(lang, count))
    })
}

/// A part of a whole, for people. What is not nothing is not called so, and what is not all neither.
fn percent(part: i64, whole: i64) -> String {
    let (part, whole) = (i128::from(part.max(0)), i128::from(whole.max(1)));
    let unit = tr(" %");
    match (part * 200 + whole) / (whole * 2) {
        0 | 1 if part > 0 && part * 100 < whole => format!("<1{unit}"),
        100.. if part < whole => format!(">99{unit}"),
        percent => format!("{percent}{unit}"),
    }
}

/// How long a bar is, in percent of the longest: at least a hairline, so that a missing bar does not look like an
/// error.
fn bar(part: i64, whole: i64) -> String {
    let tenths = (i128::from(part.max(0)) * 1000 / i128::from(whole.max(1))).max(5);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A text whose parts between backticks are code.
fn coded(text: &str) -> Value {
    let parts = text.split('`').enumerate().map(|(at, part)| {
        let part = HtmlEscape(part);
        if at % 2 == 0 { part.to_string() } else { format!("<code>{part}</code>") }
    });
    Value::from_safe_string(parts.collect())
}

/// Draws a page, whose links begin with the path of the site.
pub(crate) fn page(access: &Access, status: StatusCode, name: &str, values: Value) -> Response {
    let lang = language::of_request();
    let pages = if lang == Lang::Zh { &CHINESE } else { &ENGLISH };
    let values = context! {
        base => &access.base,
        version => env!("CARGO_PKG_VERSION"),
        lang => language::tag(lang),
        switch => language::switch(),
        ..values
    };
    match pages.get_template(name).and_then(|template| template.render(values)) {
        Ok(body) => headers::html(status, body),
        Err(error) => {
            report::broken("a page could not be drawn", &name, &error);
            headers::text(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be drawn; the log says why")
        }
    }
}

/// Draws a page for a viewer, with a logout button if logged in.
pub(crate) fn page_for(
    app: &App,
    visitor: &Viewer,
    status: StatusCode,
    name: &str,
    values: Value,
) -> Response {
    page(&app.access, status, name, context! { logout => visitor.has_session, ..values })
}

/// The answer for an unknown address, which says where to look instead: a page, or one line of text for a program.
pub(crate) fn nothing_here(app: &App, sent: &HeaderMap, instead: &str) -> Response {
    let mut answer = if headers::wants_page(sent) {
        let what = format!("There is nothing at this address. {instead}.");
        problem(app, &Problem::new(StatusCode::NOT_FOUND, what), None)
    } else {
        headers::text(StatusCode::NOT_FOUND, &format!("nothing here. {}", instead.replace('`', "")))
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    answer
}

/// The same for an address that nothing else takes.
pub(crate) async fn no_badge_here(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let counter = match read_other_badge(target.as_bytes(), &mut Vec::new()) {
        Ok(OtherBadge { counter, .. }) | Err(NotOtherBadge::Unnamed(counter)) => Some(counter),
        Err(NotOtherBadge::Elsewhere) => None,
    };
    let counter = counter.filter(|counter| !app.others.has(*counter));
    match OtherCounter::EVERY.into_iter().find(|(known, _)| counter == Some(*known)) {
        Some((counter, key)) => {
            let whose = counter.title();
            if headers::wants_picture(&sent) {
                // An image in a README cannot show a page, so the answer is a picture.
                let what = format!("badges of {whose} are off here: set {key} = true under [compat]");
                let mut answer = Problem::new(StatusCode::NOT_FOUND, what).picture(BAD_REQUEST);
                answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
                return answer;
            }
            let what = format!(
                "This is how {whose} names badges. To serve this address, set `{key} = true` under `[compat]`: `tallymark help moving`"
            );
            nothing_here(&app, &sent, &what)
        }
        None => nothing_here(&app, &sent, "Badges are at `/badge.svg?repo=OWNER/REPO` and `/badge/NAME.svg`"),
    }
}

/// A way out of a problem: one of our addresses, and its title.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Back {
    pub(crate) link: String,
    pub(crate) to: String,
    /// It is another page than the one that was asked for.
    pub(crate) is_ahead: bool,
}

/// A page that says what is wrong with a request.
pub(crate) fn problem(app: &App, problem: &Problem, back: Option<Back>) -> Response {
    let back = back.map(|Back { link, to, is_ahead }| context! { link, to, is_ahead });
    let title = tr(title(problem.status));
    page(
        &app.access,
        problem.status,
        "problem.html",
        context! { title, what => reasons::reason(&problem.what), back },
    )
}

/// The page while the store is down.
pub(crate) fn no_store(app: &App, error: &StoreError) -> Response {
    report::store("reading the counts of a page", error);
    let what = match error.class() {
        Class::Key => "A key of this counter has the wrong type in the store. The log says which.",
        _ => "The store is not responding. Hits are being kept in the meantime.",
    };
    problem(app, &Problem::new(StatusCode::SERVICE_UNAVAILABLE, tr(what)), None)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        status if status.is_server_error() => "Temporarily unavailable",
        _ => "Bad request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_never_nothing_nor_all() {
        for (part, whole, expect) in [
            (0, 0, "0 %"),
            (0, 5, "0 %"),
            (1, 1_000_000, "<1 %"),
            (9, 1000, "<1 %"),
            (1, 100, "1 %"),
            (1, 3, "33 %"),
            (999, 1000, ">99 %"),
            (5, 5, "100 %"),
            (i64::MAX, i64::MAX, "100 %"),
            (-3, 5, "0 %"),
        ] {
            assert_eq!(percent(part, whole), expect, "{part} of {whole}");
        }
    }

    #[test]
    fn only_the_first_letter_is_raised() {
        for (text, expect) in
            [("", ""), ("hits", "Hits"), ("views on GitHub", "Views on GitHub"), ("浏览", "浏览")]
        {
            assert_eq!(upper_first(text), expect);
        }
    }

    #[test]
    fn a_number_of_ten_digits_is_short_and_whole_in_its_title() {
        let brief = |count| brief(Lang::En, count);
        assert_eq!(brief(999_999_999).to_string(), "999,999,999");
        assert_eq!(brief(1_000_000_000).to_string(), r#"<abbr title="1,000,000,000">1G</abbr>"#);
        assert_eq!(brief(i64::MIN).to_string(), r#"<abbr title="-9,223,372,036,854,775,808">-9.2E</abbr>"#);
    }
}
