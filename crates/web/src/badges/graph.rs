//! Charts over HTTP: `/graph/NAME.svg?period=30d`, several names with `/graph.svg?name=A&name=B`, several events of one
//! name with `event=hit,gh-views`, and a badge with a sparkline (`style=spark`).
//!
//! They are public and never cached, and an error is a picture that says what to change. They never count.

use super::{
    badge::mistake,
    dress::Dress,
    figures::{Figures, titled},
    parameters::{AnswerKind, check},
};
use crate::{
    error::Problem,
    event, headers,
    history::{self, History},
    name::{from_bytes_of, from_path_of},
    pages::{self, NOT_A_PERIOD, login},
    query::{Query, choice, switch},
    scale::ChartScale,
    state::App,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use std::sync::Arc;
use tallymark_badge::{
    Spark,
    chart::{AxisScale, Chart, ChartTheme, ChartWords, DEFAULT_WIDTH, MOST_SERIES, Series, WIDTHS},
    panel::Lang,
};
use tallymark_core::{Event, Name, NotAName, Period, Window};
use tallymark_store::StoreError;

const LANGUAGES: [(&str, Lang); 2] = [("en", Lang::En), ("zh", Lang::Zh)];
const NOT_COUNTED: &str = "not counted: a chart";

/// `/graph/NAME.svg`.
pub(crate) async fn of_path(State(app): State<Arc<App>>, uri: Uri, sent: HeaderMap) -> Response {
    // The path as it was sent: `a/b` and `a%2Fb` are decoded once, here.
    let raw = uri.path().strip_prefix("/graph/").unwrap_or_default();
    if raw.strip_suffix(".svg") == Some(Name::all().as_str()) {
        return of_all(&app, &uri, &sent).await;
    }
    match raw.strip_suffix(".svg") {
        Some(raw) => show(&app, from_path_of(event::of_name(&uri), raw).map(|name| vec![name]), &uri).await,
        None => pages::nothing_here(&app, &sent, "Charts are at `/graph/NAME.svg`"),
    }
}

/// `/graph/~all.svg`: all names together, for who may see pages, in the periods of the front page.
async fn of_all(app: &App, uri: &Uri, sent: &HeaderMap) -> Response {
    if let Err(answer) = login::visitor(&app.access, sent, uri) {
        // In an image, only a picture can say why.
        return match app.access.may_read(sent) {
            Err(why) if !headers::wants_page(sent) => why.picture(NOT_COUNTED),
            _ => *answer,
        };
    }
    let query = Query::of(uri);
    let read = async {
        check(query, AnswerKind::Chart)?;
        let period = query.text("period");
        let period = period.map_or(Some(Period::All), |word| Period::read(&word));
        let scale = ChartScale::read(query)?.axis;
        Ok((
            event::asked(app, query).await?,
            period.ok_or(NOT_A_PERIOD)?,
            width(query)?,
            theme(query)?,
            scale,
            lang(query)?,
        ))
    };
    let (event, period, width, theme, scale, lang) = match read.await {
        Ok(asked) => asked,
        Err::<_, String>(why) => return mistake(&why),
    };
    match History::of_all(&*app.store, event, period, (app.now)()).await {
        Ok(history) => headers::picture(
            StatusCode::OK,
            Chart { scale, ..history.chart(&history.series(lang), lang, width) }.render_in(theme),
            NOT_COUNTED,
        ),
        Err(error) => Problem::store("reading the counts of a chart", &error).picture(NOT_COUNTED),
    }
}

fn width(query: Query<'_>) -> Result<u32, String> {
    let Some(text) = query.text("width") else { return Ok(DEFAULT_WIDTH) };
    let (least, most) = WIDTHS.into_inner();
    let width = text.parse().ok().filter(|width| WIDTHS.contains(width));
    width.ok_or_else(|| format!("width is {least} to {most}"))
}

fn theme(query: Query<'_>) -> Result<ChartTheme, String> {
    let word = query.text("theme").filter(|word| !word.is_empty());
    word.map_or(Ok(ChartTheme::Auto), |word| choice("theme", &word, &ChartTheme::EVERY))
}

/// `lang=zh`; English without it.
fn lang(query: Query<'_>) -> Result<Lang, String> {
    let word = query.text("lang").filter(|word| !word.is_empty());
    word.map_or(Ok(Lang::En), |word| choice("lang", &word, &LANGUAGES))
}

/// `/graph.svg?name=NAME&name=NAME`.
pub(crate) async fn of_names(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let mut names: Vec<Name> = Vec::new();
    for value in Query::of(&uri).all("name") {
        match from_bytes_of(event::of_name(&uri), &value) {
            // More are refused, whatever they are.
            Ok(_) if names.len() > MOST_SERIES => break,
            Ok(name) if names.contains(&name) => {}
            Ok(name) => names.push(name),
            Err(why) => return mistake(&why.to_string()),
        }
    }
    if names.is_empty() {
        return mistake("add ?name=NAME to the address");
    }
    show(&app, Ok(names), &uri).await
}

/// What the parameters of a request ask for.
struct ChartQuery {
    event: Event,
    /// More events of the same name.
    others: Vec<Event>,
    window: Window,
    width: u32,
    theme: ChartTheme,
    scale: AxisScale,
    lang: Lang,
    /// Whether several names have one.
    legend: bool,
    /// A badge with a line: how it is to look, and its numbers.
    spark: Option<(Dress, Figures)>,
}

impl ChartQuery {
    async fn read(app: &App, query: Query<'_>) -> Result<ChartQuery, String> {
        check(query, AnswerKind::Chart)?;
        let (event, others) = events(app, query).await?;
        let window = history::window(query.text("period").as_deref())?;
        let width = width(query)?;
        let legend = query.text("legend").filter(|word| !word.is_empty());
        let legend = legend.map_or(Some(true), |word| switch(&word));
        let legend = legend.ok_or("legend is true or false")?;
        let is_spark = match query.text("style") {
            None => false,
            Some(word) => choice("style", &word, &[("chart", false), ("spark", true)])?,
        };
        let scale = ChartScale::read(query)?.axis;
        let spark = match is_spark {
            true if scale != AxisScale::Linear => {
                return Err("a sparkline badge has no scale=log: leave it out".to_owned());
            }
            true => Some((Dress::of_spark(query)?, Figures::of_spark(query, event)?)),
            false => None,
        };
        Ok(ChartQuery {
            event,
            others,
            window,
            width,
            theme: theme(query)?,
            scale,
            lang: lang(query)?,
            legend,
            spark,
        })
    }
}

async fn show(app: &App, names: Result<Vec<Name>, NotAName>, uri: &Uri) -> Response {
    let names = match names {
        Ok(names) if names.len() > MOST_SERIES => {
            return mistake(&format!("at most {MOST_SERIES} names in one chart"));
        }
        Ok(names) => names,
        Err(why) => return mistake(&why.to_string()),
    };
    let asked = match ChartQuery::read(app, Query::of(uri)).await {
        Ok(asked) => asked,
        Err(why) => return mistake(&why),
    };
    let drawn = match (&asked.spark, names.as_slice()) {
        (_, names) if names.len() > 1 && !asked.others.is_empty() => {
            return mistake("several events are shown of one name");
        }
        (Some(_), _) if !asked.others.is_empty() => return mistake("style=spark shows one event"),
        (None, names) => chart(app, names, &asked).await,
        (Some(look), [name]) => spark(app, name, &asked, look).await,
        (Some(_), _) => return mistake("style=spark shows one name"),
    };
    match drawn {
        Ok(svg) => headers::picture(StatusCode::OK, svg, NOT_COUNTED),
        Err(error) => Problem::store("reading the counts of a chart", &error).picture(NOT_COUNTED),
    }
}

/// `event=hit,gh-views`: each once.
async fn events(app: &App, query: Query<'_>) -> Result<(Event, Vec<Event>), String> {
    let text = query.text("event").filter(|text| text.contains(',')).unwrap_or_default();
    if text.is_empty() {
        return Ok((event::asked(app, query).await?, Vec::new()));
    }
    if text.split(',').count() > MOST_SERIES {
        return Err(format!("at most {MOST_SERIES} events in one chart"));
    }
    let mut events: Vec<Event> = Vec::new();
    for word in text.split(',') {
        let event = event::known(app, word).await?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let first = events.remove(0);
    Ok((first, events))
}

/// Several events of one name, a line for each.
async fn chart_of_events(app: &App, name: &Name, asked: &ChartQuery) -> Result<String, StoreError> {
    let (names, now) = (std::slice::from_ref(name), (app.now)());
    let mut histories = vec![History::read(&*app.store, asked.event, names, asked.window, now).await?];
    for event in &asked.others {
        // In the buckets of the first one.
        histories.push(History::within(&*app.store, *event, names, histories[0].buckets).await?);
    }
    let words = ChartWords(asked.lang);
    // The name is said once.
    let label = |(at, history): (usize, &History)| match at {
        0 => format!("{}: {}", name.as_str(), words.noun(history.event, 0)),
        _ => words.noun(history.event, 0),
    };
    let labels: Vec<String> = histories.iter().enumerate().map(label).collect();
    let series: Vec<Series<'_>> = histories
        .iter()
        .zip(&labels)
        .map(|(history, label)| Series {
            name: label,
            counts: history.counts.first().map_or(&[], |(_, of)| of),
        })
        .collect();
    // What is alike in all of them.
    let event = Event::new(b"counts").unwrap_or(asked.event);
    let chart = Chart {
        event,
        scale: asked.scale,
        legend: asked.legend,
        ..histories[0].chart(&series, asked.lang, asked.width)
    };
    Ok(chart.render_in(asked.theme))
}

async fn chart(app: &App, names: &[Name], asked: &ChartQuery) -> Result<String, StoreError> {
    if let ([name], [_, ..]) = (names, asked.others.as_slice()) {
        return chart_of_events(app, name, asked).await;
    }
    let history = History::read(&*app.store, asked.event, names, asked.window, (app.now)()).await?;
    let series = history.series(asked.lang);
    let chart =
        Chart { scale: asked.scale, legend: asked.legend, ..history.chart(&series, asked.lang, asked.width) };
    Ok(chart.render_in(asked.theme))
}

async fn spark(
    app: &App,
    name: &Name,
    asked: &ChartQuery,
    (dress, figures): &(Dress, Figures),
) -> Result<String, StoreError> {
    let now = (app.now)();
    let names = std::slice::from_ref(name);
    let history = History::read(&*app.store, asked.event, names, asked.window, now).await?;
    let series = history.series(asked.lang);
    // The number is the badge's, with what this process has not written yet.
    let look = app.look.load();
    let counts = figures.counts(app, name, now).await.ok();
    let said = match &counts {
        Some(counts) => figures.say(counts, dress, &look.label),
        None => figures.unknown(&look.label),
    };
    let mut badge = look.badge(&said.value);
    dress.put_on(&mut badge, &said.label);
    let over_time = history.chart(&series, asked.lang, DEFAULT_WIDTH).title();
    let title = match asked.lang {
        Lang::Zh => format!("{}。{over_time}", figures.in_chinese(counts.as_deref(), dress)),
        _ => {
            let numbers = said.title.unwrap_or_else(|| titled(badge.label, &said.value));
            format!("{numbers}. {over_time}")
        }
    };
    badge.title = Some(&title);
    Ok(Spark { badge, counts: series.first().map_or(&[], |one| one.counts) }.render())
}
