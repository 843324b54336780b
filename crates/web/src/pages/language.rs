//! The language of a page: the one chosen with `?lang=`, which a cookie keeps, or else the first that a browser asks
//! for. Pages are in English and in Chinese.
//!
//! It is known to whatever draws a page for a request ([`of_request`]), also to errors, without being handed on: a
//! layer sets it. A task that does not answer a request has English. Panels have a `lang` of their own.

use super::{
    login::{cookie, is_ours},
    texts::TEXTS,
};
use crate::{
    headers::{self, language_of},
    name::push,
    query::Query,
    state::App,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    middleware::Next,
    response::Response,
};
use minijinja::{Value, context};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tallymark_badge::{chart::ChartWords, number::group, panel::Lang};
use tallymark_core::Event;

/// The name of the cookie.
const COOKIE: &str = "tallymark_lang";
/// How long a choice is kept.
const KEPT: Duration = Duration::from_secs(365 * 86_400);
/// What may decide about the language of a page.
const VARY: HeaderValue = HeaderValue::from_static("Accept-Language, Cookie");

tokio::task_local! {
    static PAGE_LANGUAGE: PageLanguage;
}

/// What a request says about its language, and where it was sent.
struct PageLanguage {
    lang: Lang,
    uri: Uri,
    is_safe: bool,
}

impl PageLanguage {
    fn of(request: &Request) -> PageLanguage {
        let lang = chosen(request.uri())
            .or_else(|| kept(request.headers()))
            .or_else(|| headers::language(request.headers()))
            .unwrap_or(Lang::En);
        PageLanguage { lang, uri: request.uri().clone(), is_safe: request.method().is_safe() }
    }
}

/// The languages that a page may be in, and what each is called in itself.
const LANGUAGES: [(Lang, &str); 2] = [(Lang::En, "English"), (Lang::Zh, "中文")];

/// The language of the request that this task answers.
pub(crate) fn of_request() -> Lang {
    PAGE_LANGUAGE.try_with(|asked| asked.lang).unwrap_or(Lang::En)
}

/// As `<html lang>` has it.
pub(crate) fn tag(lang: Lang) -> &'static str {
    if lang == Lang::Zh { "zh-Hans" } else { "en" }
}

/// The same page in the other language.
pub(super) fn switch() -> Value {
    let other = if of_request() == Lang::Zh { LANGUAGES[0] } else { LANGUAGES[1] };
    let place = PAGE_LANGUAGE.try_with(|asked| place(&asked.uri, asked.is_safe));
    let place = place.unwrap_or_else(|_| "/".to_owned());
    let link = format!("{place}{}lang={}", if place.contains('?') { '&' } else { '?' }, other.0.word());
    context! { link, lang => tag(other.0), word => other.1 }
}

/// Sets the language, and no cookie: for routes whose `lang` is that of a picture.
pub(crate) async fn of_reader(request: Request, next: Next) -> Response {
    let mut answer = PAGE_LANGUAGE.scope(PageLanguage::of(&request), next.run(request)).await;
    if is_page(&answer) {
        answer.headers_mut().append(header::VARY, VARY);
    }
    answer
}

fn is_page(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// The layer of routes that have pages.
pub(crate) async fn choose(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let chosen = chosen(request.uri());
    let sent = chosen.map(|lang| (lang, request.headers().clone()));
    let mut answer = of_reader(request, next).await;
    if is_page(&answer) {
        let cookie =
            sent.and_then(|(lang, sent)| cookie(&app.access, &sent, (COOKIE, lang.word()), KEPT, "Lax"));
        if let Some(cookie) = cookie {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    answer
}

/// `lang=en` or `lang=zh`. Another language is not ours to show, so the browser's choice remains.
pub(crate) fn chosen(uri: &Uri) -> Option<Lang> {
    language_of(&Query::of(uri).text("lang")?)
}

/// An address to go on to, in the language that was chosen.
pub(super) fn with_chosen(mut place: String, uri: &Uri) -> String {
    if let Some(lang) = chosen(uri) {
        push(&mut place, "lang", lang.word());
    }
    place
}

fn kept(sent: &HeaderMap) -> Option<Lang> {
    headers::cookies(sent, COOKIE).find_map(|value| language_of(std::str::from_utf8(value).ok()?))
}

/// The path and query of a page without its language. What was posted has no address to come back to, and a path that
/// leads to another host is not linked.
fn place(uri: &Uri, is_safe: bool) -> String {
    if !is_ours(uri.path()) {
        return "/".to_owned();
    }
    let rest: Vec<String> = Query::of(uri)
        .raw()
        .filter(|(key, value)| {
            is_safe && !(key.is_empty() && value.is_empty()) && !key.eq_ignore_ascii_case("lang")
        })
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let path = uri.path();
    if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) }
}

static CHINESE: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| TEXTS.iter().copied().collect());

/// A text of the code in the language of the request.
pub(super) fn tr(text: &str) -> &str {
    in_language(of_request(), text)
}

/// A text in a language. Names and numbers are the same in each.
pub(super) fn in_language(lang: Lang, text: &str) -> &str {
    match lang {
        Lang::Zh => CHINESE.get(text).copied().unwrap_or(text),
        _ => text,
    }
}

/// A text of the code with values in the place of each `{}`.
pub(super) fn fill(text: &str, values: &[&str]) -> String {
    put_in(tr(text), values.iter().map(|value| (*value).to_owned()))
}

/// A text with a value in the place of each `{}`. A value may have `{}` in it.
pub(super) fn put_in(text: &str, values: impl IntoIterator<Item = String>) -> String {
    let mut parts = text.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(values) {
        out += &value;
        out += part;
    }
    out
}

/// A template with its `[[texts]]` in a language.
pub(super) fn translated(source: &str, lang: Lang) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("[[") {
        let (text, after) = after.split_once("]]").unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(in_language(lang, text));
        rest = after;
    }
    out + rest
}

/// The word for so many of an event.
pub(super) fn noun(lang: Lang, event: &str, count: i64) -> String {
    let Ok(known) = Event::new(event.as_bytes()) else { return event.to_owned() };
    ChartWords(lang).noun(known, count)
}

/// A large number in short, as a language says it: `1.2G`, `12.3亿`.
pub(super) fn short(lang: Lang, count: i64) -> String {
    if lang != Lang::Zh {
        return tallymark_badge::number::short(count).to_string();
    }
    let tenths = count / 10_000_000;
    let (whole, rest) = (tenths / 10, (tenths % 10).abs());
    if rest == 0 || whole.abs() >= 100 {
        format!("{}亿", group(whole))
    } else {
        format!("{whole}.{rest}亿")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    fn sent(name: header::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_choice_is_kept_in_a_cookie() {
        assert_eq!(kept(&sent(header::COOKIE, "a=b; tallymark_lang=zh")), Some(Lang::Zh));
        assert_eq!(kept(&sent(header::COOKIE, "tallymark_lang=de")), None);
    }

    #[test]
    fn the_switch_keeps_the_rest_of_the_address() {
        let of = |text: &str| place(&text.parse().unwrap(), true);
        assert_eq!(of("/repo/o/r?period=7d&lang=zh&compare=a%20b"), "/repo/o/r?period=7d&compare=a%20b");
        assert_eq!(of("/?lang=en"), "/");
        assert_eq!(place(&"/login?a=b".parse().unwrap(), false), "/login");
        for elsewhere in ["//evil.example/x?a=b", "///evil.example", "/\\evil.example"] {
            let uri = Uri::builder().path_and_query(elsewhere).build();
            assert!(uri.is_err() || uri.is_ok_and(|uri| place(&uri, true) == "/"), "{elsewhere}");
        }
    }

    #[test]
    fn numbers_are_as_the_language_writes_them() {
        assert_eq!(short(Lang::Zh, 1_234_567_890), "12.3亿");
        assert_eq!(short(Lang::Zh, i64::MIN), "-92,233,720,368亿");
    }

    /// Every file of the pages, with what it has between quotes or brackets.
    fn sources(dir: &Path, out: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|end| end == "rs" || end == "html")
                && !["texts.rs", "reasons.rs", "language.rs"].iter().any(|file| path.ends_with(file))
            {
                out.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }

    #[test]
    fn every_text_is_in_both_languages_and_none_is_left_over() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages"), &mut files);
        let mut used = BTreeSet::new();
        for (file, text) in &files {
            if file.ends_with(".html") {
                let parts = text.split("[[").skip(1).map(|part| part.split_once("]]").unwrap().0);
                used.extend(parts.map(str::to_owned));
            } else {
                // Those that are written where they are used.
                let of_other = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
                for call in ["tr(\"", "fill(\""] {
                    let found = text.match_indices(call).filter(|(at, _)| !of_other(&text[..*at]));
                    let texts = found.filter_map(|(at, _)| text[at + call.len()..].split_once('"'));
                    used.extend(texts.map(|(text, _)| text.to_owned()));
                }
            }
        }
        let known: BTreeSet<String> = TEXTS.iter().map(|(english, _)| (*english).to_owned()).collect();
        assert_eq!(known.len(), TEXTS.len(), "a text is there twice");
        let missing: Vec<_> = used.difference(&known).collect();
        assert!(missing.is_empty(), "without Chinese: {missing:#?}");
        // The widths of buckets have their words from the calendar.
        for word in ["minute", "Minute", "hour", "Hour", "day", "Day", "month", "Month"] {
            assert!(known.contains(word), "{word}");
            used.insert(word.to_owned());
        }
        for english in known.difference(&used) {
            let quoted = format!("{english:?}");
            assert!(files.iter().any(|(_, text)| text.contains(&quoted)), "no page has {english:?}");
        }
        for (english, chinese) in TEXTS {
            assert!(
                !chinese.is_empty() && english.matches("{}").count() >= chinese.matches("{}").count(),
                "{english}"
            );
        }
    }
}
