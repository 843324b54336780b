//! The badge maker on the page of a name: a form with the parameters of a badge, a panel or a card, the picture that they
//! make, and the text to copy in six notations; and the form and the samples on the front page.
//!
//! The page reads the parameters from its own address, so it works as a plain form, and the script only asks for the page
//! again. The preview does not count.

mod making;
mod notation;
mod others;
mod pasted;

use crate::pages::{language::tr, reasons::reason};
use crate::{
    name::{event_page_path, page_path, push},
    query::Query,
    state::App,
};
pub(super) use making::NARROW_CHART;
pub(super) use making::kept;
use making::{Made, Making, field_of};
use minijinja::{Value, context};
use notation::LinkedPicture;
pub(super) use others::CARD;
use others::{OtherPicture, push_pair};
pub(super) use pasted::usual_name;
use tallymark_badge::{Snippet, shields::Style};
use tallymark_core::{Event, Name};
use tallymark_github::is_public_site;

/// The form, the badge and the texts.
pub(super) fn values(app: &App, name: &Name, event: Event, query: Query<'_>) -> Value {
    let making = Making::read(event, query).with_cards(app.github.is_some());
    let look = app.look.load();
    let (alt, mistakes) = match making.alt(name, &look) {
        Ok(alt) => (alt, Vec::new()),
        Err(mistakes) => (mistakes.join("; "), mistakes),
    };
    let path = making.path(name);
    let other = making.other(name);
    let shown = making.in_page(name, &look);
    // A name that has no such picture has nothing to show.
    let has_preview = other.is_none_or(|(_, wrong)| wrong.is_none());
    let preview = has_preview.then(|| uncounted(&path));
    // As its HTML shows it.
    let on_phones = shown.phone.filter(|_| has_preview).map(|phone| {
        let mut path = path.clone();
        push_pair(&mut path, phone);
        uncounted(&path)
    });
    let other = other.map(|(other, _)| other);
    let base = app.base_url.as_str();
    let page = other
        .map_or_else(|| event_page_path(name.as_ref(), event), |other| other.link(name, making.of("words")));
    let (url, page) = (format!("{base}{path}"), format!("{base}{page}"));
    let html_url = format!("{base}{}", shown.path);
    let html = Snippet {
        themes: shown.themes,
        phone: shown.phone,
        size: &shown.size,
        ..Snippet::plain(&html_url, &alt)
    };
    let picture = LinkedPicture { url: &url, page: &page, alt: &alt, html };
    let counts = match other {
        Some(other) => other.counts(),
        None => event == Event::HIT && matches!(making.made, Made::Badge | Made::Digits(_)),
    };
    let ways = OtherPicture::of_name(name, app.github.is_some());
    context! {
        preview,
        on_phones,
        phones => Snippet::PHONE,
        // Said at its field, if it has one.
        elsewhere => mistakes.iter().filter(|text| field_of(text).is_none()).map(|text| reason(text)).collect::<Vec<_>>(),
        is_wrong => !mistakes.is_empty(),
        // GitHub's image proxy is outside.
        not_public => (!is_public_site(base)).then_some(base),
        left_out => (!making.left_out.is_empty()).then(|| making.left_out.iter().map(|label| tr(label)).collect::<Vec<_>>().join(tr(", ")).to_lowercase()),
        place => making.made.place(),
        counts,
        is_panel => other.is_some_and(OtherPicture::is_panel),
        html_has_themes => shown.themes.is_some(),
        html_fits_phones => shown.phone.is_some(),
        ways => ways.into_iter().map(|(style, text)| {
            context! { style, text => tr(text), link => with(&page_with_choices(name, query, "style"), "style", style) }
        }).collect::<Vec<_>>(),
        // Visits have to be told apart, which not every set-up does.
        visits => event == Event::VISIT || event == Event::HIT && making.of("show").contains("visit"),
        form => making.form(&look, &mistakes),
        texts => picture.texts(mistakes.is_empty()),
        forum => notation::BBCODE,
        as_png => (!making.is_png).then(|| with(&page_with_choices(name, query, "file"), "file", "png")),
        usual => usual_name(name.as_str(), base).map(|usual| {
            context! { name => usual.as_str(), link => page_with_choices(&usual, query, "") + "#make" }
        }),
        alt => &alt,
    }
}

/// Whether panels can be made of a name.
pub(super) fn has_panels(name: &Name) -> bool {
    others::panel_name(name).is_some()
}

/// The page of a name with all that the address of this one asks for, except one parameter.
pub(super) fn page_with_choices(name: &Name, query: Query<'_>, except: &str) -> String {
    with_choices(page_path(name.as_ref()), query, &["name", except])
}

/// An address with all that another one asks for, except some parameters.
pub(super) fn with_choices(mut path: String, query: Query<'_>, except: &[&str]) -> String {
    let is_kept = |key: &str| !key.is_empty() && !except.iter().any(|other| key.eq_ignore_ascii_case(other));
    for (key, value) in query.raw().filter(|(key, _)| is_kept(key)) {
        push(&mut path, key, value);
    }
    path
}

fn with(path: &str, key: &str, value: &str) -> String {
    let mut path = path.to_owned();
    push(&mut path, key, value);
    path + "#make"
}

/// The form without a name, on the front page, with samples of what it makes. `name` is one that has been counted.
pub(super) fn front(app: &App, query: Query<'_>, name: Option<&Name>) -> Value {
    let making = Making::read(Event::HIT, query).with_cards(app.github.is_some());
    let typed = query.form_text("name").unwrap_or_default();
    let example = Name::new(EXAMPLE).ok();
    let samples = name.or(example.as_ref()).map(|shown| samples(app, query, shown, name.is_none()));
    let look = app.look.load();
    let judged = example.as_ref().filter(|_| making.is_dressed()).map(|name| making.alt(name, &look));
    let mistakes = judged.and_then(Result::err).unwrap_or_default();
    context! {
        form => making.form(&look, &mistakes),
        samples => samples.unwrap_or_default(),
        example => name.is_none(),
        typed,
        is_open => making.is_dressed(),
        cards => app.github.is_some(),
    }
}

/// Shown while nothing is counted.
const EXAMPLE: &str = "owner/repo";
const EXAMPLE_NUMBER: &str = "base=1234";

fn uncounted(path: &str) -> String {
    let mut path = path.to_owned();
    push(&mut path, "count", "false");
    path
}

/// The front page with all that its address asks for, except the style.
fn front_in_style(query: Query<'_>, style: &str) -> String {
    with(&with_choices("/".to_owned(), query, &["style"]), "style", style)
}

/// One badge of a name in each style, each with a link to the form that makes it.
fn samples(app: &App, query: Query<'_>, name: &Name, is_example: bool) -> Vec<Value> {
    let look = app.look.load();
    let digits = look.digits.names().map(|theme| format!("{}{theme}", Made::DIGITS));
    let styles = Style::EVERY.map(|style| style.name().to_owned()).into_iter();
    styles
        .chain([Made::SPARK.to_owned()])
        .chain(digits.take(2))
        .map(|style| {
            let number = if is_example { EXAMPLE_NUMBER } else { "" };
            let making = Making::read(Event::HIT, Query::in_form(&format!("style={style}&{number}")));
            context! {
                link => front_in_style(query, &style), style, preview => uncounted(&making.path(name))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_keeps_what_was_chosen() {
        let link = |query: &str| front_in_style(Query::in_form(query), "flat");
        assert_eq!(link(""), "/?style=flat#make");
        assert_eq!(
            link("style=social&label=a%20b&color=red&period=day"),
            "/?label=a%20b&color=red&period=day&style=flat#make"
        );
    }
}
