//! What a reader of Chinese sees has no English words in it, on any page and in the pictures of its charts.

use crate::site::Site;
use std::collections::BTreeSet;
use tallymark_web::Visibility;

/// Names of programs and formats, and of the other language.
#[rustfmt::skip]
const KEPT: &[&str] = &[
    "API", "AsciiDoc", "BBCode", "CSV", "Cookie", "English", "GitHub", "HTML", "Markdown", "Org", "PNG", "README", "SVG",
    "Tallymark", "URL", "UTC", "nginx", "reStructuredText",
];

/// What is typed as it is: parameters of addresses, values to choose from, and the label of a badge, which has the
/// language that its address says.
#[rustfmt::skip]
const TYPED: &[&str] = &[
    "all", "badge", "blue", "digits", "event", "flat", "for", "github", "hit", "hits", "likes", "linear", "log", "name",
    "nixie", "odometer", "period", "plastic", "rust", "scale", "social", "sort", "spark", "square", "the", "white",
];

/// Text between tags, and the attributes that are read aloud. What is code, typed or a name has no language.
fn seen_texts(page: &str) -> Vec<String> {
    const SILENT: [&str; 11] = [
        "script", "style", "code", "pre", "textarea", "bdi", "option", "kbd", "output", "datalist", "select",
    ];
    let (mut texts, mut rest, mut silent) = (Vec::new(), page, Vec::<&str>::new());
    while let Some((text, after)) = rest.split_once('<') {
        if silent.is_empty() {
            texts.push(text.to_owned());
        }
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        let word = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        if SILENT.contains(&word) {
            match tag.starts_with('/') {
                true => _ = silent.pop(),
                false => silent.push(word),
            }
        }
        for attribute in ["alt=\"", "title=\"", "aria-label=\"", "placeholder=\""] {
            let value = tag.split_once(&format!(" {attribute}")).and_then(|(_, value)| value.split_once('"'));
            texts.extend(value.filter(|_| silent.is_empty()).map(|(value, _)| value.to_owned()));
        }
        rest = after;
    }
    texts
}

/// The words of a text, but for its names.
fn english_words(text: &str, names: &[&str]) -> BTreeSet<String> {
    let mut text = text.replace("&#x2f;", "/").replace("&quot;", "\"").replace("&#x27;", "'");
    for name in names {
        text = text.replace(name, " ");
    }
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    words
        .filter(|word| word.len() > 2 && !KEPT.contains(word) && !TYPED.contains(word))
        .map(str::to_owned)
        .collect()
}

/// What the store of these tests has, what is asked for, and entities.
const NAMES: &[&str] = &["you/repo", "owner/repo", "wide", "new", "&lt;", "&gt;", "&amp;"];

#[tokio::test]
async fn pages_and_their_charts_have_no_english_words() {
    let site = Site::new(Visibility::Public).await;
    let keeping = Site::keeping_visits().await;
    let (empty, closed) = (Site::empty().await, Site::new(Visibility::Token).await);
    let mut found = Vec::new();
    for (site, path) in [
        (&site, "/"),
        (&site, "/?period=hour"),
        (&site, "/?event=like&period=minute"),
        (&site, "/?search=you"),
        (&site, "/?search=nothing"),
        (&site, "/?sort=colour"),
        (&site, "/?event=hits"),
        (&site, "/repo/you/repo"),
        (&site, "/repo/you/repo?period=12mo&scale=log"),
        (&site, "/repo/you/repo?event=like"),
        (&site, "/repo/you/repo?period=31d"),
        (&site, "/name/new"),
        (&site, "/name/~all"),
        (&site, "/name/%01"),
        (&site, "/compare"),
        (&site, "/compare?name=you%2Frepo&name=new&period=7d"),
        (&site, "/compare?name=you%2Frepo&scale=colour"),
        (&site, "/no/such/page"),
        (&site, "/graph/x"),
        (&site, "/badge/x"),
        (&site, "/feed/x"),
        (&site, "/v1/like/you/repo/add"),
        (&keeping, "/repo/you/repo"),
        (&empty, "/"),
        (&closed, "/"),
    ] {
        let sent = [("accept-language", "zh-CN"), ("accept", "text/html")];
        let (_, _, page) = site.get_with_all(path, &sent).await;
        let mut told: BTreeSet<String> =
            seen_texts(&page).iter().flat_map(|text| english_words(text, NAMES)).collect();
        for picture in page.split("srcset=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)) {
            let picture = picture.replace("&#x2f;", "/").replace("&amp;", "&");
            let (status, _, svg) = site.get(picture.split(' ').next().unwrap(), None).await;
            assert_eq!(status, 200, "{picture}");
            told.extend(seen_texts(&svg).iter().flat_map(|text| english_words(text, NAMES)));
        }
        if !told.is_empty() {
            found.push((path, told));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
