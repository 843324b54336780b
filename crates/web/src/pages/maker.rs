//! The badge maker on the page of a name: a form with the parameters of a badge, the badge that they make, and the text
//! to copy in six notations.
//!
//! The page reads the parameters from its own address, so it works as a plain form, and the script only asks for the page
//! again. The preview does not count.

use crate::{
    badges::{AnswerKind, DigitDress, Dress, Figures, check},
    name::{badge_path, encoded_text, event_page_path, graph_path, page_path, push, push_event, push_scale},
    query::Query,
    state::App,
};
use minijinja::{Value, context};
use tallymark_badge::{
    Look,
    chart::AxisScale,
    shields::Style,
    text::{XmlText, clean},
};
use tallymark_core::{Event, Name};

/// What a badge can show of every event, with the words of the form; the total is called by its event.
const NUMBERS: [(&str, &str); 6] = [
    ("today", "today"),
    ("24h", "the last 24 hours"),
    ("7d", "the last 7 × 24 hours"),
    ("30d", "the last 30 × 24 hours"),
    ("month", "this month"),
    ("year", "this year"),
];
const TOTAL: &str = "total";
/// A badge of hits can show these in their place.
const INSTEAD_OF_HITS: [(&str, &str); 3] =
    [("visits", "visits"), ("visitors", "visitors today"), ("likes", "likes")];

const FORMATS: [(&str, &str); 4] =
    [("comma", "1,234"), ("plain", "1234"), ("short", "1.2k"), ("padded", "0001234")];

const FILES: [(&str, &str); 2] = [("", "SVG"), (PNG, "PNG")];
const PNG: &str = "png";

/// The texts that are typed, with their hints.
const FIELDS: [(&str, &str, &str); 7] = [
    ("label", "Label", ""),
    ("color", "Colour", "#13b28a, blue ..."),
    ("labelColor", "Label colour", "#555"),
    ("logo", "Logo", "github, rust ..."),
    ("logoColor", "Logo colour", "white"),
    ("locale", "Numbers as in", "de, fr, hi ..."),
    ("base", "Added to the total", "0"),
];

/// What the form calls a parameter.
fn label_of(key: &str) -> &'static str {
    let field = FIELDS.iter().find(|(known, ..)| *known == key).map(|(_, label, _)| *label);
    field.unwrap_or(if key == "show" { "Number" } else { "Format" })
}

/// The picture that is made. The form has it among the styles.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Made {
    Badge,
    /// A badge with a line of the last 30 days.
    Spark,
    /// A chart of the last 30 days.
    Chart(AxisScale),
    /// The number in image digits of this theme.
    Digits(String),
}

impl Made {
    const SPARK: &str = "spark";
    const CHART: &str = "chart";
    const LOG_CHART: &str = "chart.log";
    const DIGITS: &str = "digits.";

    fn of(style: &str) -> Made {
        let style = style.to_ascii_lowercase();
        match style.as_str() {
            Made::SPARK => Made::Spark,
            Made::CHART => Made::Chart(AxisScale::Linear),
            Made::LOG_CHART => Made::Chart(AxisScale::Log),
            _ => match style.strip_prefix(Made::DIGITS) {
                Some(theme) => Made::Digits(theme.to_owned()),
                None => Made::Badge,
            },
        }
    }

    /// Which parameters it has; the others of the form are left out, and the page says so.
    fn has(&self, key: &str) -> bool {
        match self {
            Made::Badge => true,
            Made::Spark => !key.starts_with("logo"),
            Made::Chart(_) => false,
            Made::Digits(_) => matches!(key, "label" | "show" | "base"),
        }
    }

    /// As the page calls it.
    fn noun(&self) -> &'static str {
        match self {
            Made::Badge => "badge",
            Made::Spark => "badge with a line",
            Made::Chart(_) => "chart",
            Made::Digits(_) => "picture of digits",
        }
    }
}

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
    event: Event,
    made: Made,
    /// As the form has it.
    style: String,
    /// Parameters with a value that is not the default, in the order of the badge's address.
    given: Vec<(&'static str, String)>,
    /// What was chosen and this picture does not have, as the form calls it.
    left_out: Vec<&'static str>,
    is_png: bool,
}

impl Making {
    fn read(event: Event, query: Query<'_>) -> Making {
        let text = |key: &str| query.form_text(key).map(|text| text.trim().to_owned()).unwrap_or_default();
        let style = text("style");
        let made = Made::of(&style);
        let mut given = vec![("style", if made == Made::Badge { style.clone() } else { String::new() })];
        // An empty label is one; a form that is sent without one asks for the default.
        given.extend(FIELDS.iter().map(|&(key, ..)| (key, text(key))));
        let shown: Vec<String> =
            query.all_of_form("show").map(|word| String::from_utf8_lossy(&word).trim().to_owned()).collect();
        let shown: Vec<&str> =
            shown.iter().flat_map(|words| words.split(',')).filter(|word| !word.is_empty()).collect();
        given.push(("show", if shown == [TOTAL] { String::new() } else { shown.join(",") }));
        let format = text("format");
        given.push(("format", if format == "comma" { String::new() } else { format }));
        given.retain(|(_, value)| !value.is_empty());
        let (given, left_out): (Vec<_>, Vec<_>) = given.into_iter().partition(|(key, _)| made.has(key));
        let left_out = left_out.into_iter().map(|(key, _)| label_of(key)).collect();
        let is_png = text("file").eq_ignore_ascii_case(PNG);
        Making { event, made, style, given, left_out, is_png }
    }

    fn of(&self, key: &str) -> &str {
        self.given.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value)
    }

    /// The path and query of the picture.
    fn path(&self, name: &Name) -> String {
        let mut path = match self.made {
            Made::Spark | Made::Chart(_) => graph_path(std::slice::from_ref(name), self.event, "30d"),
            Made::Badge | Made::Digits(_) => badge_path(name.as_ref()),
        };
        match &self.made {
            Made::Spark => push(&mut path, "style", Made::SPARK),
            Made::Chart(scale) => push_scale(&mut path, *scale),
            Made::Badge | Made::Digits(_) => push_event(&mut path, self.event),
        }
        if let Made::Digits(theme) = &self.made {
            push(&mut path, "digits", &encoded_text(theme, true));
        }
        for (key, value) in &self.given {
            // A comma needs no escape, and is easier to read.
            push(&mut path, key, &encoded_text(value, true).replace("%2C", ","));
        }
        if self.is_png
            && let Some(end) =
                path.find('?').and_then(|query| path[..query].strip_suffix(".svg")).map(str::len)
        {
            path.replace_range(end..end + ".svg".len(), ".png");
            // Not every notation can say how large a picture is.
            match self.made {
                Made::Chart(AxisScale::Log) => path.push_str(",1"),
                _ => push(&mut path, "scale", "1"),
            }
        }
        path
    }

    /// What the picture would answer to a mistake, and the text for those who do not see it.
    fn alt(&self, name: &Name, look: &Look) -> Result<String, String> {
        let path = self.path(name);
        let query = Query::in_form(path.split_once('?').map_or("", |(_, query)| query));
        let (dress, figures) = match self.made {
            Made::Chart(_) => return Ok(format!("{} over time", self.event.noun(0))),
            Made::Spark => {
                check(query, AnswerKind::Chart)?;
                (Dress::of_spark(query)?, Figures::of_spark(query, self.event)?)
            }
            Made::Badge | Made::Digits(_) => {
                check(query, AnswerKind::Badge)?;
                DigitDress::read(query, look)?;
                (Dress::read(query, look)?, Figures::read(query, self.event)?)
            }
        };
        Ok(dress.label().map_or_else(|| figures.label(&look.label), str::to_owned))
    }

    fn form(&self, look: &Look) -> Value {
        let digits: Vec<(String, String)> = look
            .digits
            .names()
            .map(|name| (format!("{}{name}", Made::DIGITS), format!("digits: {name}")))
            .collect();
        let styles: Vec<(&str, &str)> = [("", "default")]
            .into_iter()
            .chain(Style::EVERY.map(|style| (style.name(), style.name())))
            .chain([
                (Made::SPARK, "with a line"),
                (Made::CHART, "chart of 30 days"),
                (Made::LOG_CHART, "chart, logarithmic"),
            ])
            .chain(digits.iter().map(|(value, text)| (value.as_str(), text.as_str())))
            .collect();
        let total = format!("all {}", self.event.noun(0));
        let instead = INSTEAD_OF_HITS.iter().filter(|_| self.event == Event::HIT).copied();
        let numbers: Vec<(&str, &str)> =
            [(TOTAL, total.as_str())].into_iter().chain(NUMBERS).chain(instead).collect();
        let second: Vec<(&str, &str)> = [("", "none")].into_iter().chain(numbers.iter().copied()).collect();
        let shown: Vec<&str> = self.of("show").split(',').collect();
        let first = shown.first().copied().filter(|word| !word.is_empty()).unwrap_or(TOTAL);
        let usual_label = self.event.noun(0);
        let fields: Vec<Value> = FIELDS
            .iter()
            .map(|&(key, label, hint)| {
                let id = format!("make-{}", key.to_lowercase());
                let hint = if key == "label" { &*usual_label } else { hint };
                context! { id, key, label, hint, value => self.of(key) }
            })
            .collect();
        let format = Some(self.of("format")).filter(|word| !word.is_empty()).unwrap_or("comma");
        context! {
            selects => vec![
                select("style", "Style", &self.style, &styles),
                select("show", "Number", first, &numbers),
                select("show", "Second number", shown.get(1).copied().unwrap_or_default(), &second),
                select("format", "Format", format, &FORMATS),
                select("file", "File", if self.is_png { PNG } else { "" }, &FILES),
            ],
            fields,
            event => (self.event != Event::HIT).then(|| self.event.to_string()),
        }
    }
}

/// The form, the badge and the texts.
pub(super) fn values(app: &App, name: &Name, event: Event, query: Query<'_>) -> Value {
    let making = Making::read(event, query);
    let look = app.look.load();
    let (alt, mistake) = match making.alt(name, &look) {
        Ok(alt) => (alt, None),
        Err(mistake) => (event.noun(0).to_string(), Some(mistake)),
    };
    let path = making.path(name);
    let preview = uncounted(&path);
    let base = app.base_url.as_str();
    let (url, page) = (format!("{base}{path}"), format!("{base}{}", event_page_path(name.as_ref(), event)));
    let counts = event == Event::HIT && matches!(making.made, Made::Badge | Made::Digits(_));
    context! {
        preview,
        mistake,
        left_out => (!making.left_out.is_empty()).then(|| making.left_out.join(", ").to_lowercase()),
        made => making.made.noun(),
        counts,
        // Visits have to be told apart, which not every set-up does.
        visits => event == Event::VISIT || event == Event::HIT && making.of("show").contains("visit"),
        form => making.form(&look),
        texts => texts(&url, &page, &alt),
        alt => &alt,
    }
}

/// The form without a name, on the front page.
pub(super) fn empty_form(app: &App) -> Value {
    Making::read(Event::HIT, Query::in_form("")).form(&app.look.load())
}

fn uncounted(path: &str) -> String {
    let mut path = path.to_owned();
    push(&mut path, "count", "false");
    path
}

/// One badge of a name in each style, each with a link to the form that makes it.
pub(super) fn samples(app: &App, name: &Name) -> Vec<Value> {
    let look = app.look.load();
    let digits = look.digits.names().map(|theme| format!("{}{theme}", Made::DIGITS));
    let styles = Style::EVERY.map(|style| style.name().to_owned()).into_iter();
    styles
        .chain([Made::SPARK.to_owned()])
        .chain(digits.take(2))
        .map(|style| {
            let query = format!("style={style}");
            let making = Making::read(Event::HIT, Query::in_form(&query));
            let mut link = page_path(name.as_ref());
            push(&mut link, "style", &style);
            context! { style, link => format!("{link}#make"), preview => uncounted(&making.path(name)) }
        })
        .collect()
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

    fn made(event: Event, query: &str) -> String {
        Making::read(event, Query::in_form(query)).path(&Name::new("o/r").unwrap())
    }

    #[test]
    fn only_what_is_not_the_default_is_in_the_address() {
        for (query, expect) in [
            ("", "/badge.svg?repo=o/r"),
            ("style=&label=&color=&show=total&show=&format=comma", "/badge.svg?repo=o/r"),
            ("show=today&show=total", "/badge.svg?repo=o/r&show=today,total"),
            ("label=Profile+views&style=flat", "/badge.svg?repo=o/r&style=flat&label=Profile%20views"),
            ("color=%23f00&period=7d", "/badge.svg?repo=o/r&color=%23f00"),
            ("style=spark&logo=github&show=today", "/graph/o/r.svg?period=30d&style=spark&show=today"),
            ("style=chart&label=x&logo=github&show=today", "/graph/o/r.svg?period=30d"),
            (
                "style=digits.nixie&color=red&show=today&format=short",
                "/badge.svg?repo=o/r&digits=nixie&show=today",
            ),
            ("file=png&label=a.svg", "/badge.png?repo=o/r&label=a.svg&scale=1"),
            ("file=PNG&style=Chart", "/graph/o/r.png?period=30d&scale=1"),
            ("style=chart.log&color=red", "/graph/o/r.svg?period=30d&scale=log"),
            ("file=PNG&style=chart.log", "/graph/o/r.png?period=30d&scale=log,1"),
            ("base=5&style=digits.nixie", "/badge.svg?repo=o/r&digits=nixie&base=5"),
            ("locale=de", "/badge.svg?repo=o/r&locale=de"),
        ] {
            assert_eq!(made(Event::HIT, query), expect, "{query}");
        }
        let order = Event::new(b"order").unwrap();
        for (query, expect) in [
            ("label=x", "/badge.svg?repo=o/r&event=order&label=x"),
            ("style=spark", "/graph/o/r.svg?event=order&period=30d&style=spark"),
        ] {
            assert_eq!(made(order, query), expect, "{query}");
        }
    }

    #[test]
    fn what_a_picture_does_not_have_is_told() {
        let left_out = |query: &str| Making::read(Event::HIT, Query::in_form(query)).left_out.join(", ");
        assert_eq!(left_out("style=flat&logo=github&show=today&format=short"), "");
        assert_eq!(left_out("style=spark&logo=github&show=today"), "Logo");
        assert_eq!(left_out("style=chart&label=a&show=likes&format=comma"), "Label, Number");
        assert_eq!(left_out("style=digits.nixie&format=short&locale=de"), "Numbers as in, Format");
    }

    #[test]
    fn mistake_is_the_one_that_the_badge_answers() {
        let name = Name::new("o/r").unwrap();
        let alt = |query: &str| Making::read(Event::HIT, Query::in_form(query)).alt(&name, &Look::default());
        assert_eq!(alt("style=flt"), Err("style=flt: did you mean flat?".to_owned()));
        assert_eq!(alt("show=today"), Ok("hits today".to_owned()));
        assert_eq!(alt("style=spark&label=a%26b"), Ok("a&b".to_owned()));
        assert_eq!(alt("style=chart"), Ok("hits over time".to_owned()));
        assert!(alt("style=digits.nixy").unwrap_err().starts_with("digits=nixy"));
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
