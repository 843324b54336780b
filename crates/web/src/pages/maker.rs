//! The badge maker on the page of a name: a form with the parameters of a badge, the badge that they make, and the text
//! to copy in six notations.
//!
//! The page reads the parameters from its own address, so it works as a plain form, and the script only asks for the page
//! again. The preview does not count.

use crate::{
    badges::{AnswerKind, Dress, Figures, check},
    name::{badge_path, encoded_text, graph_path, page_path, push},
    query::Query,
    state::App,
};
use minijinja::{Value, context};
use tallymark_badge::{
    Look,
    shields::Style,
    text::{XmlText, clean},
};
use tallymark_core::{Event, Name};

/// A badge with a line of the last 30 days; the address of a chart with this style.
const SPARK: &str = "spark";

/// What a badge can show, with the words of the form.
const NUMBERS: [(&str, &str); 10] = [
    ("total", "all hits"),
    ("today", "today"),
    ("24h", "the last 24 hours"),
    ("7d", "the last 7 × 24 hours"),
    ("30d", "the last 30 × 24 hours"),
    ("month", "this month"),
    ("year", "this year"),
    ("visits", "visits"),
    ("visitors", "visitors today"),
    ("likes", "likes"),
];

const FORMATS: [(&str, &str); 4] =
    [("comma", "1,234"), ("plain", "1234"), ("short", "1.2k"), ("padded", "0001234")];

/// The texts that are typed, with their hints.
const FIELDS: [(&str, &str, &str); 5] = [
    ("label", "Label", "hits"),
    ("color", "Colour", "#13b28a, blue ..."),
    ("labelColor", "Label colour", "#555"),
    ("logo", "Logo", "github, rust ..."),
    ("logoColor", "Logo colour", "white"),
];

/// One control of the form.
fn select(key: &str, label: &str, chosen: &str, options: &[(&str, &str)]) -> Value {
    let options: Vec<Value> = options
        .iter()
        .map(|&(value, text)| context! { value, text, chosen => value.eq_ignore_ascii_case(chosen) })
        .collect();
    context! { id => format!("make-{label}").to_lowercase().replace(' ', "-"), key, label, options }
}

/// What the address of the page asks for.
struct Making {
    /// Parameters with a value that is not the default, in the order of the badge's address.
    given: Vec<(&'static str, String)>,
    spark: bool,
}

impl Making {
    fn read(query: Query<'_>) -> Making {
        let text = |key: &str| query.form_text(key).map(|text| text.trim().to_owned()).unwrap_or_default();
        let style = text("style");
        let spark = style.eq_ignore_ascii_case(SPARK);
        let mut given = vec![("style", style)];
        // An empty label is one; a form that is sent without one asks for the default.
        given.extend(FIELDS.iter().map(|&(key, ..)| (key, text(key))));
        let shown: Vec<String> =
            query.all_of_form("show").map(|word| String::from_utf8_lossy(&word).trim().to_owned()).collect();
        let shown: Vec<&str> =
            shown.iter().flat_map(|words| words.split(',')).filter(|word| !word.is_empty()).collect();
        given.push(("show", if shown == ["total"] || spark { String::new() } else { shown.join(",") }));
        let format = text("format");
        given.push(("format", if format == "comma" { String::new() } else { format }));
        given.retain(|(key, value)| !(value.is_empty() || spark && key.starts_with("logo")));
        Making { given, spark }
    }

    fn of(&self, key: &str) -> &str {
        self.given.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value)
    }

    /// The path and query of the picture.
    fn path(&self, name: &Name) -> String {
        let mut path = match self.spark {
            true => graph_path(std::slice::from_ref(name), Event::HIT, "30d"),
            false => badge_path(name.as_ref()),
        };
        for (key, value) in &self.given {
            // A comma needs no escape, and is easier to read.
            push(&mut path, key, &encoded_text(value, true).replace("%2C", ","));
        }
        path
    }

    /// What the badge would answer to a mistake, and the text for those who do not see it.
    fn alt(&self, name: &Name, look: &Look) -> Result<String, String> {
        let path = self.path(name);
        let query = Query::in_form(path.split_once('?').map_or("", |(_, query)| query));
        if self.spark {
            check(query, AnswerKind::Chart)?;
            let (dress, figures) = (Dress::of_spark(query)?, Figures::of_spark(query, Event::HIT)?);
            return Ok(dress.label().map_or_else(|| figures.label(&look.label), str::to_owned));
        }
        check(query, AnswerKind::Badge)?;
        let dress = Dress::read(query, look)?;
        let figures = Figures::read(query, Event::HIT)?;
        Ok(dress.label().map_or_else(|| figures.label(&look.label), str::to_owned))
    }

    fn form(&self) -> Value {
        let styles: Vec<(&str, &str)> = [("", "default")]
            .into_iter()
            .chain(Style::EVERY.map(|style| (style.name(), style.name())))
            .chain([(SPARK, "with a line")])
            .collect();
        let shown: Vec<&str> = self.of("show").split(',').collect();
        let second: Vec<(&str, &str)> = [("", "none")].into_iter().chain(NUMBERS).collect();
        let first = shown.first().copied().filter(|word| !word.is_empty()).unwrap_or("total");
        let fields: Vec<Value> = FIELDS
            .iter()
            .map(|&(key, label, hint)| {
                let id = format!("make-{}", key.to_lowercase());
                context! { id, key, label, hint, value => self.of(key) }
            })
            .collect();
        context! {
            selects => vec![
                select("style", "Style", self.of("style"), &styles),
                select("show", "Number", first, &NUMBERS),
                select("show", "Second number", shown.get(1).copied().unwrap_or_default(), &second),
                select("format", "Format", Some(self.of("format")).filter(|word| !word.is_empty()).unwrap_or("comma"), &FORMATS),
            ],
            fields,
        }
    }
}

/// The form, the badge and the texts.
pub(super) fn values(app: &App, name: &Name, query: Query<'_>) -> Value {
    let making = Making::read(query);
    let look = app.look.load();
    let (alt, mistake) = match making.alt(name, &look) {
        Ok(alt) => (alt, None),
        Err(mistake) => (look.label.clone(), Some(mistake)),
    };
    let path = making.path(name);
    let mut preview = path.clone();
    push(&mut preview, "count", "false");
    let base = app.base_url.as_str();
    let (url, page) = (format!("{base}{path}"), format!("{base}{}", page_path(name.as_ref())));
    context! { preview, mistake, form => making.form(), texts => texts(&url, &page, &alt), alt => &alt }
}

/// The picture with a link to the page, in every notation.
fn texts(url: &str, page: &str, alt: &str) -> Vec<Value> {
    // These would end the text in one of the notations.
    let alt: String = clean(alt).filter(|c| !"[]()<>\"'\\`*_{}|".contains(*c)).collect();
    let html =
        format!("<a href=\"{}\"><img src=\"{}\" alt=\"{}\"></a>", XmlText(page), XmlText(url), XmlText(&alt));
    let all = [
        ("markdown", "Markdown", 2, format!("[![{alt}]({url})]({page})")),
        ("html", "HTML", 2, html),
        ("url", "URL", 1, url.to_owned()),
        ("rst", "reStructuredText", 3, format!(".. image:: {url}\n   :target: {page}\n   :alt: {alt}")),
        ("asciidoc", "AsciiDoc", 2, format!("image:{url}[{alt},link={page}]")),
        ("bbcode", "BBCode", 2, format!("[url={page}][img]{url}[/img][/url]")),
    ];
    all.into_iter().map(|(id, label, rows, text)| context! { id, label, rows, text }).collect()
}

/// `octo/hello` of `https://github.com/octo/hello`, for a name that somebody has pasted.
pub(super) fn repository(name: &Name) -> Option<Name> {
    let text = name.as_str();
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let path = text.strip_prefix("www.").unwrap_or(text).strip_prefix("github.com/")?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let (owner, repo) = (parts.next()?, parts.next()?);
    Name::new(&format!("{owner}/{}", repo.strip_suffix(".git").unwrap_or(repo))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(query: &str) -> String {
        Making::read(Query::in_form(query)).path(&Name::new("o/r").unwrap())
    }

    #[test]
    fn only_what_is_not_the_default_is_in_the_address() {
        for (query, expect) in [
            ("", "/badge.svg?repo=o/r"),
            ("style=&label=&color=&show=total&show=&format=comma", "/badge.svg?repo=o/r"),
            ("show=today&show=total", "/badge.svg?repo=o/r&show=today,total"),
            ("label=Profile+views&style=flat", "/badge.svg?repo=o/r&style=flat&label=Profile%20views"),
            ("color=%23f00&period=7d&event=like", "/badge.svg?repo=o/r&color=%23f00"),
            ("style=spark&logo=github&show=today", "/graph/o/r.svg?period=30d&style=spark"),
        ] {
            assert_eq!(made(query), expect, "{query}");
        }
    }

    #[test]
    fn mistake_is_the_one_that_the_badge_answers() {
        let name = Name::new("o/r").unwrap();
        let alt = |query: &str| Making::read(Query::in_form(query)).alt(&name, &Look::default());
        assert_eq!(alt("style=flt"), Err("style=flt: did you mean flat?".to_owned()));
        assert_eq!(alt("show=today"), Ok("hits today".to_owned()));
        assert_eq!(alt("style=spark&label=a%26b"), Ok("a&b".to_owned()));
    }

    #[test]
    fn text_of_a_picture_ends_no_notation() {
        for text in texts("https://h/b", "https://h/p", "a](x) \"<b>`|") {
            let text = text.get_attr("text").unwrap().to_string();
            assert!(!text.contains("a]") && !text.contains("<b>") && !text.contains('`'), "{text}");
        }
    }

    #[test]
    fn pasted_address_is_a_repository() {
        for (pasted, expect) in [
            ("https://github.com/octo/hello", Some("octo/hello")),
            ("http://www.github.com/octo/hello.git", Some("octo/hello")),
            ("github.com/octo/hello/tree/main?x#y", Some("octo/hello")),
            ("https://github.com/octo", None),
            ("https://gitlab.com/octo/hello", None),
            ("octo/hello", None),
        ] {
            let found = repository(&Name::new(pasted).unwrap());
            assert_eq!(found.as_ref().map(Name::as_str), expect, "{pasted}");
        }
    }
}
