//! The values of the badge maker's form: the kind of picture and its parameters, read from the page's address, and
//! written into the address of the picture.

use super::others::OtherPicture;
use crate::pages::{
    language::{fill, noun, of_request, tr},
    reasons::reason,
};
use crate::{
    badges::{AnswerKind, Dress, Figures, check},
    history::window,
    name::{badge_path, encoded_text, graph_path, push, push_choices, push_event, push_scale},
    query::Query,
};
use minijinja::{Value, context};
use tallymark_badge::{
    Look, Snippet, Spark,
    card::CardTheme,
    chart::{AxisScale, DEFAULT_WIDTH},
    render,
    shields::Style,
};
use tallymark_core::{Event, Name, Window};

/// What a badge can show of every event, with the words of the form; the total is called by its event.
const NUMBERS: [(&str, &str); 6] = [
    ("today", "today"),
    ("24h", "the last 24 hours"),
    ("7d", "the last 7 days"),
    ("30d", "the last 30 days"),
    ("month", "this month"),
    ("year", "this year"),
];
const TOTAL: &str = "total";
/// A badge of hits can show these in their place.
const INSTEAD_OF_HITS: [(&str, &str); 3] =
    [("visits", "visits"), ("visitors", "visitors today"), ("likes", "likes")];

const FORMATS: [(&str, &str); 4] =
    [("comma", "1,234"), ("plain", "1234"), ("short", "1.2k"), ("padded", "0001234")];

/// A card calls it `locale`, and a page has a language of its own.
const LANGUAGES: [(&str, &str); 3] = [("", "default"), ("en", "English"), ("zh", "中文")];
const THEMES: [(&str, &str); 3] = [("", "as the reader’s"), ("light", "light"), ("dark", "dark")];

const FILES: [(&str, &str); 2] = [("", "SVG"), (PNG, "PNG")];
const PNG: &str = "png";

/// The texts that are typed, with their hints.
const FIELDS: [(&str, &str, &str); 7] = [
    ("label", "Label", ""),
    ("color", "Colour", "#13b28a, blue ..."),
    ("labelColor", "Label colour", "#555"),
    ("logo", "Logo", "github, rust ..."),
    ("logoColor", "Logo colour", "white"),
    ("locale", "Number language", "de, fr, hi ..."),
    ("base", "Added to the total", "0"),
];

const SECOND: &str = "Second number";

/// The choices, as the form calls them.
const SELECTS: [(&str, &str); 6] = [
    ("style", "Style"),
    ("show", "Number"),
    ("format", "Number format"),
    ("theme", "Theme"),
    ("words", "Language"),
    ("file", "File"),
];

/// What the form calls a parameter.
fn label_of(key: &str) -> Option<&'static str> {
    let fields = FIELDS.iter().map(|&(known, label, _)| (known, label));
    SELECTS.into_iter().chain(fields).find(|(known, _)| *known == key).map(|(_, label)| label)
}

/// What the address of a page says of the form, without what is as usual: the page's links keep it.
pub(in crate::pages) fn kept(query: Query<'_>) -> Vec<(&'static str, String)> {
    let keys = SELECTS.iter().map(|(key, _)| *key).chain(FIELDS.iter().map(|(key, ..)| *key));
    let values = keys.flat_map(|key| query.all_of_form(key).map(move |value| (key, value)));
    let texts = values.map(|(key, value)| (key, String::from_utf8_lossy(&value).trim().to_owned()));
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

/// The picture that is made. The form has it among the styles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Badge,
    /// A badge with a line of the page's period.
    Spark,
    /// A chart of the page's period.
    Chart(AxisScale),
    /// The number in image digits of this theme.
    Digits(String),
    /// A panel or a card.
    Other(OtherPicture),
}

impl Made {
    pub(super) const SPARK: &str = "spark";
    const CHART: &str = "chart";
    const LOG_CHART: &str = "chart.log";
    pub(super) const DIGITS: &str = "digits.";

    fn of(style: &str) -> Made {
        let style = style.to_ascii_lowercase();
        match style.as_str() {
            Made::SPARK => Made::Spark,
            Made::CHART => Made::Chart(AxisScale::Linear),
            Made::LOG_CHART => Made::Chart(AxisScale::Log),
            _ => match (style.strip_prefix(Made::DIGITS), OtherPicture::of(&style)) {
                (Some(theme), _) => Made::Digits(theme.to_owned()),
                (None, Some(other)) => Made::Other(other),
                (None, None) => Made::Badge,
            },
        }
    }

    /// Which parameters it has. The form has no field of the others; one that has a value is left out of the picture, and
    /// the page says so.
    fn has(&self, key: &str) -> bool {
        let is_of_page = matches!(key, "theme" | "words");
        match self {
            Made::Other(other) => other.has(key),
            Made::Chart(_) => is_of_page,
            Made::Badge => !is_of_page,
            Made::Spark => !is_of_page && !key.starts_with("logo"),
            Made::Digits(_) => matches!(key, "label" | "show" | "base"),
        }
    }

    /// Whether it draws this value of a parameter that it has.
    fn draws(&self, key: &str, value: &str) -> bool {
        let is_plain = matches!(value, "light" | "dark");
        match (key, self) {
            ("theme", Made::Other(other)) => other.has_theme(value),
            ("theme", _) => is_plain,
            ("words", _) => LANGUAGES.iter().any(|(known, _)| *known == value),
            _ => true,
        }
    }

    /// How many numbers it shows at most.
    fn most_numbers(&self) -> usize {
        match self {
            Made::Chart(_) | Made::Other(_) => 0,
            Made::Digits(_) => 1,
            Made::Badge | Made::Spark => 2,
        }
    }

    /// The words of `show` that it can draw, and what the form calls the others.
    fn numbers<'a>(&self, event: Event, words: &[&'a str]) -> (Vec<&'a str>, Vec<&'static str>) {
        let (mut kept, mut left) = (words.to_vec(), Vec::new());
        let most = self.most_numbers();
        if most == 0 {
            return (kept, left);
        }
        // A line is of one event, and so is a badge of another event than hits.
        if *self == Made::Spark || event != Event::HIT {
            let other =
                |word: &str| INSTEAD_OF_HITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
            kept.retain(|word| other(word).is_none());
            left.extend(words.iter().filter_map(|word| other(word)).map(|(_, text)| *text));
        }
        if most == 1 && kept.len() > 1 {
            kept.truncate(1);
            left.push(SECOND);
        }
        (kept, left)
    }

    /// As the page calls it, behind "not drawn".
    pub(super) fn place(&self) -> &'static str {
        match self {
            Made::Badge => "on a badge",
            Made::Spark => "on a sparkline badge",
            Made::Chart(_) => "on a chart",
            Made::Digits(_) => "in image digits",
            Made::Other(other) => other.place(),
        }
    }
}

/// Options that belong together, and what they are called; the first ones of a control need no name.
type OptionGroup<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// One control of the form.
fn select(
    (key, label, shown): (&str, &str, bool),
    chosen: &str,
    groups: &[OptionGroup<'_>],
    wrong: &str,
) -> Value {
    let option = |&(value, text): &(&str, &str)| context! { value, text, chosen => value.eq_ignore_ascii_case(chosen) };
    let groups: Vec<Value> = groups
        .iter()
        .map(|(label, options)| context! { label => *label, options => options.iter().map(option).collect::<Vec<_>>() })
        .collect();
    context! { id => format!("make-{label}").to_lowercase().replace(' ', "-"), key, label, shown, groups, wrong }
}

fn ungrouped<'a>(options: &[(&'a str, &'a str)]) -> [OptionGroup<'a>; 1] {
    [("", options.to_vec())]
}

/// As wide as a phone: a chart for a desktop would have texts of five pixels there.
pub(in crate::pages) const NARROW_CHART: &str = "width=400";

/// A picture in a page of HTML.
pub(super) struct InPage {
    pub(super) path: String,
    pub(super) size: String,
    pub(super) themes: Option<[&'static str; 2]>,
    pub(super) phone: Option<&'static str>,
}

/// What the address of the page asks for.
pub(super) struct Making {
    event: Event,
    /// Of charts.
    window: Window,
    pub(super) made: Made,
    /// As the form has it.
    style: String,
    /// Parameters with a value that is not the default, in the order of the badge's address. The form keeps all of them:
    /// another kind of picture may have what this one lacks.
    chosen: Vec<(&'static str, String)>,
    /// Of these, what this picture has.
    given: Vec<(&'static str, String)>,
    /// What was chosen and this picture does not have, as the form calls it.
    pub(super) left_out: Vec<&'static str>,
    pub(super) is_png: bool,
    /// Whether this server has cards.
    with_cards: bool,
}

impl Making {
    pub(super) fn read(event: Event, query: Query<'_>) -> Making {
        let text = |key: &str| query.form_text(key).map(|text| text.trim().to_owned()).unwrap_or_default();
        let style = text("style");
        let made = Made::of(&style);
        let mut chosen = vec![("style", if made == Made::Badge { style.clone() } else { String::new() })];
        // An empty label is one; a form that is sent without one asks for the default.
        chosen.extend(FIELDS.iter().map(|&(key, ..)| (key, text(key))));
        let shown: Vec<String> =
            query.all_of_form("show").map(|word| String::from_utf8_lossy(&word).trim().to_owned()).collect();
        let shown: Vec<&str> =
            shown.iter().flat_map(|words| words.split(',')).filter(|word| !word.is_empty()).collect();
        let (drawn, undrawn) = made.numbers(event, &shown);
        chosen.push(("show", joined(&shown)));
        let format = text("format");
        chosen.push(("format", if format == "comma" { String::new() } else { format }));
        let theme = text("theme").to_ascii_lowercase();
        // The word that pictures have for it.
        chosen.push(("theme", if theme == "auto" { String::new() } else { theme }));
        chosen.push(("words", text("words").to_ascii_lowercase()));
        chosen.retain(|(_, value)| !value.is_empty());
        let (mut given, left_out): (Vec<_>, Vec<_>) =
            chosen.iter().cloned().partition(|(key, _)| made.has(key));
        let mut left_out: Vec<_> = left_out.into_iter().filter_map(|(key, _)| label_of(key)).collect();
        let draws = |(key, value): &(&str, String)| made.draws(key, value);
        left_out.extend(given.iter().filter(|given| !draws(given)).filter_map(|(key, _)| label_of(key)));
        given.retain(draws);
        if let Some((_, show)) = given.iter_mut().find(|(key, _)| *key == "show") {
            *show = joined(&drawn);
        }
        given.retain(|(_, value)| !value.is_empty());
        left_out.extend(undrawn);
        let is_png = text("file").eq_ignore_ascii_case(PNG);
        // On the front page it is another one, which no picture of the form has.
        let window = window(query.text("period").as_deref()).unwrap_or(Window::Days30);
        Making { event, window, made, style, chosen, given, left_out, is_png, with_cards: false }
    }

    /// The same where there are cards, or none.
    pub(super) fn with_cards(self, with_cards: bool) -> Making {
        Making { with_cards, ..self }
    }

    /// The panel or card that is made, and what is wrong with it for this name.
    pub(super) fn other(&self, name: &Name) -> Option<(OtherPicture, Option<&'static str>)> {
        let Made::Other(other) = self.made else { return None };
        let wrong = match other.path(name, &self.given, None) {
            _ if !(other.is_panel() || self.with_cards) => Some(tr("cards are off on this server")),
            None => Some(other.needs()),
            Some(_) => None,
        };
        Some((other, wrong))
    }

    /// Whether anything was chosen.
    pub(super) fn is_dressed(&self) -> bool {
        !self.style.is_empty() || !self.chosen.is_empty() || self.is_png
    }

    /// What the picture has of it.
    pub(super) fn of(&self, key: &str) -> &str {
        value_of(&self.given, key)
    }

    /// The path and query of the picture.
    pub(super) fn path(&self, name: &Name) -> String {
        // Not every notation can say how large a picture is.
        self.path_in(name, 1)
    }

    fn path_in(&self, name: &Name, scale: u8) -> String {
        if let Made::Other(other) = self.made {
            return other.path(name, &self.given, self.is_png.then_some(scale)).unwrap_or_default();
        }
        let mut path = match self.made {
            Made::Spark | Made::Chart(_) => {
                graph_path(std::slice::from_ref(name), self.event, self.window.word())
            }
            Made::Badge | Made::Digits(_) | Made::Other(_) => badge_path(name.as_ref()),
        };
        match &self.made {
            Made::Spark => push(&mut path, "style", Made::SPARK),
            Made::Chart(scale) => push_scale(&mut path, *scale),
            Made::Badge | Made::Digits(_) | Made::Other(_) => push_event(&mut path, self.event),
        }
        if let Made::Digits(theme) = &self.made {
            push(&mut path, "digits", &encoded_text(theme, true));
        }
        // A page has a language of its own, so the form calls that of a picture otherwise.
        let in_address = |key: &'static str| if key == "words" { "lang" } else { key };
        let given: Vec<_> = self.given.iter().map(|(key, value)| (in_address(key), value.clone())).collect();
        push_choices(&mut path, &given);
        if self.is_png
            && let Some(end) =
                path.find('?').and_then(|query| path[..query].strip_suffix(".svg")).map(str::len)
        {
            path.replace_range(end..end + ".svg".len(), ".png");
            match self.made {
                Made::Chart(AxisScale::Log) => path.push_str(&format!(",{scale}")),
                _ => push(&mut path, "scale", &scale.to_string()),
            }
        }
        path
    }

    /// How the picture is shown in a page of HTML.
    pub(super) fn in_page(&self, name: &Name, look: &Look) -> InPage {
        let themes = match &self.made {
            _ if !self.of("theme").is_empty() => None,
            Made::Other(other) => Some(other.themes()),
            Made::Chart(_) => Some(Snippet::THEMES),
            Made::Badge | Made::Spark | Made::Digits(_) => None,
        };
        let (path, size) = match self.made {
            Made::Other(other) if themes.is_some() => {
                let path = other.path_of_any_theme(name, &self.given, self.is_png.then_some(1));
                (path.unwrap_or_default(), String::new())
            }
            _ => self.sharp(name, look).unwrap_or_else(|| (self.path(name), String::new())),
        };
        let phone = match self.made {
            Made::Other(other) => other.phone(),
            // A picture of pixels has one size in the page.
            Made::Chart(_) if !self.is_png => Some(NARROW_CHART),
            _ => None,
        };
        InPage { path, size, themes, phone }
    }

    /// The path of a PNG for sharp screens, and the attribute of HTML that shows it as large as the SVG. The width of a
    /// badge grows with its number, and a browser finds it by the height.
    fn sharp(&self, name: &Name, look: &Look) -> Option<(String, String)> {
        let size = match &self.made {
            _ if !self.is_png => return None,
            Made::Chart(_) => format!("width=\"{DEFAULT_WIDTH}\""),
            Made::Digits(_) | Made::Other(_) => return None,
            Made::Spark => {
                format!("height=\"{}\"", height(&Spark { badge: look.badge("1"), counts: &[1, 1] }.render())?)
            }
            Made::Badge => {
                let mut badge = look.badge("1");
                badge.style = Style::from_name(&self.style).or(badge.style);
                // What an operator's template draws has any height.
                if look.template.is_some() && self.style.is_empty() && self.of("logo").is_empty() {
                    return None;
                }
                format!("height=\"{}\"", height(&render(&badge))?)
            }
        };
        Some((self.path_in(name, 2), size))
    }

    /// The text for those who do not see the picture, or its mistakes.
    pub(super) fn alt(&self, name: &Name, look: &Look) -> Result<String, Vec<String>> {
        if let Some((other, wrong)) = self.other(name) {
            return wrong.map_or_else(|| Ok(other.alt(name)), |wrong| Err(vec![format!("style: {wrong}")]));
        }
        let path = self.path(name);
        let query = Query::in_form(path.split_once('?').map_or("", |(_, query)| query));
        let mut mistakes = Vec::new();
        let (figures, dress) = match self.made {
            Made::Chart(_) => return Ok(format!("{} over time", self.event.noun(0))),
            Made::Spark => {
                check(query, AnswerKind::Chart).map_err(|why| vec![why])?;
                let figures = Figures::of_spark(query, self.event);
                note(&figures, query, &mut mistakes);
                (figures, Dress::of_spark_noting(query, &mut mistakes))
            }
            Made::Badge | Made::Digits(_) | Made::Other(_) => {
                check(query, AnswerKind::Badge).map_err(|why| vec![why])?;
                let figures = Figures::read(query, self.event);
                note(&figures, query, &mut mistakes);
                (figures, Dress::read_noting(query, look, &mut mistakes))
            }
        };
        // The picture has room for one; each field has its own.
        match figures {
            Ok(figures) if mistakes.is_empty() => {
                Ok(dress.label().map_or_else(|| figures.label(&look.label), str::to_owned))
            }
            _ => Err(mistakes),
        }
    }

    /// The controls of the form, with each mistake beside the one that it is about.
    pub(super) fn form(&self, look: &Look, mistakes: &[String]) -> Value {
        let wrong = |key: &str| {
            let found = mistakes.iter().find(|text| field_of(text) == Some(key));
            found.map(|text| reason(text)).unwrap_or_default()
        };
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
                (Made::CHART, "chart"),
                (Made::LOG_CHART, "chart, logarithmic"),
            ])
            .chain(digits.iter().map(|(value, text)| (value.as_str(), text.as_str())))
            .collect();
        let mut groups = vec![("", styles)];
        groups.extend(OtherPicture::groups(self.with_cards));
        let total = fill("all {}", &[&noun(of_request(), self.event.as_str(), 0)]);
        let instead = INSTEAD_OF_HITS.iter().filter(|_| self.event == Event::HIT).copied();
        let numbers: Vec<(&str, &str)> =
            [(TOTAL, total.as_str())].into_iter().chain(NUMBERS).chain(instead).collect();
        let second: Vec<(&str, &str)> = [("", "none")].into_iter().chain(numbers.iter().copied()).collect();
        let shown: Vec<&str> = value_of(&self.chosen, "show").split(',').collect();
        let first = shown.first().copied().filter(|word| !word.is_empty()).unwrap_or(TOTAL);
        let usual_label = self.event.noun(0);
        let fields: Vec<Value> = FIELDS
            .iter()
            .map(|&(key, label, hint)| {
                let id = format!("make-{}", key.to_lowercase());
                let hint = if key == "label" { &*usual_label } else { hint };
                let shown = self.has_field(key);
                context! { id, key, label, hint, shown, wrong => wrong(key), value => value_of(&self.chosen, key) }
            })
            .collect();
        let format =
            Some(value_of(&self.chosen, "format")).filter(|word| !word.is_empty()).unwrap_or("comma");
        let field = |key: &'static str, label: &'static str| (key, label, self.has_field(key));
        let value = |key: &str| value_of(&self.chosen, key);
        let has_second = self.made.most_numbers() > 1 || shown.len() > 1;
        context! {
            selects => vec![
                select(field("style", "Style"), &self.style, &groups, &wrong("style")),
                select(field("show", "Number"), first, &ungrouped(&numbers), &wrong("show")),
                select(
                    ("show", SECOND, has_second),
                    shown.get(1).copied().unwrap_or_default(),
                    &ungrouped(&second),
                    "",
                ),
                select(field("format", "Number format"), format, &ungrouped(&FORMATS), &wrong("format")),
                select(field("theme", "Theme"), value("theme"), &self.themes(), &wrong("theme")),
                select(field("words", "Language"), value("words"), &ungrouped(&LANGUAGES), ""),
                select(field("file", "File"), if self.is_png { PNG } else { "" }, &ungrouped(&FILES), ""),
            ],
            fields,
            event => (self.event != Event::HIT).then(|| self.event.to_string()),
        }
    }
}

impl Making {
    /// Whether the form shows the field of a parameter: the picture has it, or it has a value, which the page says is not
    /// drawn. A field that is not shown is sent all the same.
    fn has_field(&self, key: &str) -> bool {
        matches!(key, "style" | "file") || self.made.has(key) || !value_of(&self.chosen, key).is_empty()
    }

    /// Of panels and cards, and those that only cards have.
    fn themes(&self) -> Vec<OptionGroup<'static>> {
        let of_all = ("", THEMES.to_vec());
        let names = CardTheme::every().iter().map(|theme| theme.name());
        let more: Vec<_> = names
            .filter(|name| {
                *name != CardTheme::default().name() && !THEMES.iter().any(|(known, _)| known == name)
            })
            .map(|name| (name, name))
            .collect();
        [of_all].into_iter().chain(self.with_cards.then_some(("GitHub card", more))).collect()
    }
}

pub(super) fn value_of<'a>(values: &'a [(&str, String)], key: &str) -> &'a str {
    values.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value)
}

/// Notes what is wrong with the numbers. They are read until the first mistake, and a wrong base comes after `show`.
fn note(figures: &Result<Figures, String>, query: Query<'_>, mistakes: &mut Vec<String>) {
    if let Err(why) = figures {
        mistakes.push(why.clone());
        mistakes.extend(Figures::wrong_base(query).filter(|other| other != why));
    }
}

/// The numbers as an address has them. The total alone is the default.
fn joined(shown: &[&str]) -> String {
    if shown == [TOTAL] { String::new() } else { shown.join(",") }
}

/// Which field of the form a mistake is about: a picture begins with the parameter.
pub(super) fn field_of(mistake: &str) -> Option<&'static str> {
    let end = mistake.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(mistake.len());
    let key = &mistake[..end];
    // The form has the themes among the styles.
    let key = if key == "digits" { "style" } else { key };
    let fields = SELECTS.iter().map(|(known, _)| *known).chain(FIELDS.iter().map(|(known, ..)| *known));
    fields.into_iter().find(|known| *known == key)
}

/// How high a picture is.
fn height(svg: &str) -> Option<&str> {
    let (_, rest) = svg.split_once(" height=\"")?;
    rest.split('"').next()
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
            ("theme=dark&words=zh", "/badge.svg?repo=o/r"),
            ("style=chart&theme=dark&words=zh&period=12mo", "/graph/o/r.svg?period=12mo&theme=dark&lang=zh"),
            ("style=chart&theme=vue&words=fr&period=day", "/graph/o/r.svg?period=30d"),
            ("style=spark&period=7d", "/graph/o/r.svg?period=7d&style=spark"),
            ("style=Panel.Badge&theme=dark&words=zh&label=x&show=today", "/v1/badge/o/r?lang=zh&theme=dark"),
            ("style=panel.badge&theme=auto", "/v1/badge/o/r"),
            ("style=card.pin&theme=Dracula&file=png", "/api/pin.png?username=o&repo=r&scale=1&theme=dracula"),
        ] {
            assert_eq!(made(Event::HIT, query), expect, "{query}");
        }
        let order = Event::new(b"order").unwrap();
        for (query, expect) in [
            ("label=x", "/badge.svg?repo=o/r&event=order&label=x"),
            ("style=spark", "/graph/o/r.svg?event=order&period=30d&style=spark"),
            // Of hits alone, from whose page the address may come.
            ("show=visits&show=today", "/badge.svg?repo=o/r&event=order&show=today"),
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
        assert_eq!(left_out("style=digits.nixie&format=short&locale=de"), "Number language, Number format");
        assert_eq!(left_out("style=digits.nixie&show=total&show=today"), "Second number");
        assert_eq!(left_out("style=spark&show=visitors&show=today"), "visitors today");
        assert_eq!(left_out("style=panel.badge&show=likes&show=today&theme=vue&words=zh"), "Number, Theme");
        assert_eq!(left_out("style=card.pin&theme=vue&words=zh"), "");
        assert_eq!(left_out("style=flat&theme=dark"), "Theme");
        assert_eq!(left_out("style=chart&theme=dark&words=zh"), "");
        assert_eq!(left_out("style=chart.log&theme=vue&words=fr"), "Theme, Language");
        assert_eq!(
            made(Event::HIT, "style=spark&show=likes&show=visits"),
            "/graph/o/r.svg?period=30d&style=spark"
        );
    }

    #[test]
    fn the_form_shows_what_the_picture_has_and_what_has_a_value() {
        let shown = |query: &str| {
            let form = Making::read(Event::HIT, Query::in_form(query)).form(&Look::default(), &[]);
            let all = |key: &str| form.get_attr(key).unwrap().try_iter().unwrap().collect::<Vec<_>>();
            let fields = [all("selects"), all("fields")].concat().into_iter();
            let shown = fields.filter(|field| field.get_attr("shown").unwrap().is_true());
            shown.map(|field| field.get_attr("label").unwrap().to_string()).collect::<Vec<_>>().join(", ")
        };
        let of_badge = "Style, Number, Second number, Number format, File, Label, Colour, Label colour, Logo, \
                        Logo colour, Number language, Added to the total";
        assert_eq!(shown(""), of_badge);
        assert_eq!(shown("style=social"), of_badge);
        for style in ["panel.badge", "card.stats", "chart", "chart.log"] {
            assert_eq!(shown(&format!("style={style}")), "Style, Theme, Language, File", "{style}");
        }
        for (query, fields) in [
            ("style=card.banner", "Style, Theme, File"),
            ("style=digits.nixie", "Style, Number, File, Label, Added to the total"),
            (
                "style=spark",
                "Style, Number, Second number, Number format, File, Label, Colour, Label colour, Number language, \
                 Added to the total",
            ),
            // What has a value is said not to be drawn.
            ("style=chart&logo=rust&show=today", "Style, Number, Theme, Language, File, Logo"),
            ("style=card.banner&words=zh", "Style, Theme, Language, File"),
            (
                "style=digits.nixie&show=total&show=today",
                "Style, Number, Second number, File, Label, Added to the total",
            ),
        ] {
            assert_eq!(shown(query), fields, "{query}");
        }
    }

    #[test]
    fn the_form_keeps_what_the_picture_does_not_have() {
        let kept = |query: &str| {
            let making = Making::read(Event::HIT, Query::in_form(query));
            let form = making.form(&Look::default(), &[]);
            let all = |key: &str| -> Vec<Value> { form.get_attr(key).unwrap().try_iter().unwrap().collect() };
            let text = |of: &Value, key: &str| of.get_attr(key).unwrap().to_string();
            let chosen = all("selects").into_iter().filter_map(|select| {
                let groups = select.get_attr("groups").unwrap().try_iter().unwrap();
                let mut options =
                    groups.flat_map(|group| group.get_attr("options").unwrap().try_iter().unwrap());
                let one = options.find(|one| one.get_attr("chosen").unwrap().is_true())?;
                Some((text(&select, "key"), text(&one, "value")))
            });
            let typed = all("fields").into_iter().map(|field| (text(&field, "key"), text(&field, "value")));
            let all = chosen.chain(typed).filter(|(_, value)| !value.is_empty());
            all.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
        };
        for style in
            ["", "style=social&", "style=spark&", "style=chart&", "style=chart.log&", "style=panel.like&"]
        {
            // In the order of the form.
            for rest in [
                "show=total&format=comma",
                "show=visitors&show=likes&format=short&label=a&color=red&labelColor=blue&logo=rust&locale=de&base=5",
                "show=today&show=total&format=padded&theme=dark&words=zh&file=png&logo=rust&logoColor=white",
            ] {
                assert_eq!(kept(&format!("{style}{rest}")), format!("{style}{rest}"));
            }
        }
    }

    #[test]
    fn mistake_is_the_one_that_the_badge_answers() {
        let name = Name::new("o/r").unwrap();
        let alt = |query: &str| Making::read(Event::HIT, Query::in_form(query)).alt(&name, &Look::default());
        assert_eq!(alt("style=flt"), Err(vec!["style=flt: did you mean flat?".to_owned()]));
        assert_eq!(alt("show=today"), Ok("hits today".to_owned()));
        assert_eq!(alt("style=spark&label=a%26b"), Ok("a&b".to_owned()));
        assert_eq!(alt("style=chart"), Ok("hits over time".to_owned()));
        assert!(alt("style=digits.nixi").unwrap_err()[0].starts_with("digits=nixi"));
        assert_eq!(alt("color=bleu&base=x").unwrap_err().len(), 2);
        assert_eq!(alt("style=spark&show=likes"), Ok("hits".to_owned()));
        assert_eq!(
            alt("show=total&show=total"),
            Err(vec!["show has the same number twice: leave one out".to_owned()])
        );
    }

    #[test]
    fn a_name_that_has_no_such_picture_is_told_at_the_style() {
        let alt = |style: &str, name: &str, with_cards| {
            let making = Making::read(Event::HIT, Query::in_form(style)).with_cards(with_cards);
            making.alt(&Name::new(name).unwrap(), &Look::default())
        };
        assert_eq!(alt("style=panel.like", "o/r", false), Ok("likes; a click gives a like".to_owned()));
        assert_eq!(alt("style=card.stats", "octo/r", true), Ok("GitHub statistics of octo".to_owned()));
        for (style, name, with_cards, why) in [
            ("style=card.stats", "octo", false, "style: cards are off"),
            ("style=panel.badge", "octo", true, "style: a panel needs a name of two parts"),
            ("style=card.pin", "octo", true, "style: this card needs the name of a repository"),
            ("style=card.langs", "example.org", true, "style: this card needs a name that begins with"),
        ] {
            let mistakes = alt(style, name, with_cards).unwrap_err();
            assert!(mistakes[0].starts_with(why), "{mistakes:?}");
            assert_eq!(field_of(&mistakes[0]), Some("style"));
        }
    }

    #[test]
    fn each_mistake_is_shown_at_its_field() {
        let at = |query: &str| {
            let making = Making::read(Event::HIT, Query::in_form(query));
            let mistakes = making.alt(&Name::new("o/r").unwrap(), &Look::default()).unwrap_err();
            let mut fields: Vec<_> = mistakes.iter().filter_map(|text| field_of(text)).collect();
            fields.sort_unstable();
            fields.join(" ")
        };
        assert_eq!(
            at("color=bleu&labelColor=nope&logo=githb&logoColor=whit"),
            "color labelColor logo logoColor"
        );
        assert_eq!(
            at("format=roman&locale=xx&show=todya&base=many&style=flt"),
            "base format locale show style"
        );
        assert_eq!(at("style=spark&color=bleu&format=roman"), "color format");
    }

    #[test]
    fn a_mistake_is_shown_at_its_field() {
        for (query, field) in [
            ("style=flt", "style"),
            ("style=digits.nixi", "style"),
            ("color=%23zz", "color"),
            ("color=bleu", "color"),
            ("labelColor=rgb(1)", "labelColor"),
            ("logo=nothing-of-that-name", "logo"),
            ("logo=data:x", "logo"),
            ("logo=rust&logoColor=whit", "logoColor"),
            ("locale=xx", "locale"),
            ("base=many", "base"),
            ("base=-1", "base"),
            ("format=roman", "format"),
            ("show=todya", "show"),
            ("show=total&show=total", "show"),
            ("show=total&show=today&show=7d", "show"),
        ] {
            let making = Making::read(Event::HIT, Query::in_form(query));
            let mistakes = making.alt(&Name::new("o/r").unwrap(), &Look::default()).unwrap_err();
            assert_eq!(field_of(&mistakes[0]), Some(field), "{query}: {mistakes:?}");
        }
        assert_eq!(field_of("there is no such theme"), None);
    }

    #[test]
    fn a_sharp_png_is_shown_as_large_as_the_svg() {
        let (name, look) = (Name::new("o/r").unwrap(), Look::default());
        let sharp = |query: &str| Making::read(Event::HIT, Query::in_form(query)).sharp(&name, &look);
        for (query, path, size) in [
            ("file=png", "/badge.png?repo=o/r&scale=2", "height=\"20\""),
            (
                "file=png&style=for-the-badge",
                "/badge.png?repo=o/r&style=for-the-badge&scale=2",
                "height=\"28\"",
            ),
            ("file=png&style=plastic", "/badge.png?repo=o/r&style=plastic&scale=2", "height=\"18\""),
            ("file=png&style=spark", "/graph/o/r.png?period=30d&style=spark&scale=2", "height=\"20\""),
            ("file=png&style=chart", "/graph/o/r.png?period=30d&scale=2", "width=\"720\""),
        ] {
            assert_eq!(sharp(query), Some((path.to_owned(), size.to_owned())), "{query}");
        }
        assert_eq!((sharp(""), sharp("file=png&style=digits.nixie")), (None, None));
    }
}
