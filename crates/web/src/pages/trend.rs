//! Counts over time on a page: the chart, the same numbers as a table, and links and a form for other periods and
//! names. Each choice is a link, so it works without a script and can be shared.

use crate::{
    csv,
    history::{self, History},
    name::{
        chart_page_path, compare_path, event_page_path, from_bytes_of, graph_path, page_path, push,
        push_choices, push_scale, series_csv_path,
    },
    pages::{
        Back,
        chart::{self, WIDE, WIDTHS},
        language::{self, tr},
        maker, percent,
    },
    query::Query,
    scale::ChartScale,
    state::App,
};
use axum::response::Response;
use minijinja::{Value, context};
use tallymark_badge::{
    chart::{AxisScale, ChartWords, MOST_SERIES, Series},
    panel::Lang,
};
use tallymark_core::{Event, Name, Period, Window};
use tallymark_store::StoreError;

/// The field of the forms that add a name.
const TYPED: &str = "add";
/// How many of the busiest names are offered to compare.
const OFFERED: usize = 12;

/// The requested view.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) event: Event,
    window: Window,
    pub(crate) scale: AxisScale,
    names: Vec<Name>,
    /// Whether this is the page of the first name; otherwise it is the comparison.
    of_name: bool,
    /// What the address says of the badge maker on the page, which every link of it keeps.
    kept: Vec<(&'static str, String)>,
}

/// The requested view cannot be shown.
#[derive(Debug)]
pub(crate) struct CannotShow {
    pub(crate) why: String,
    /// The address of the part that can be shown.
    pub(crate) back: Option<Back>,
    /// What was asked for, if it was only too many names: some can be unticked.
    pub(crate) too_many: Option<Box<View>>,
}

impl View {
    /// The page of a name: `event`, `period` and every `compare`.
    pub(crate) fn of_name(name: &Name, query: Query<'_>) -> Result<View, CannotShow> {
        View::read(vec![name.clone()], "compare", query)
    }

    /// The page of a comparison: `event`, `period` and every `name`.
    pub(crate) fn of_names(query: Query<'_>) -> Result<View, CannotShow> {
        View::read(Vec::new(), "name", query)
    }

    /// Whether there is nothing to compare yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The first of several mistakes is reported. The valid part is kept, for the way back.
    fn read(mut names: Vec<Name>, key: &str, query: Query<'_>) -> Result<View, CannotShow> {
        let of_name = !names.is_empty();
        let mut mistakes = Vec::new();
        let event = query.event().unwrap_or_else(|why| {
            mistakes.push(why);
            Event::HIT
        });
        let window = history::window(query.text("period").as_deref()).unwrap_or_else(|why| {
            mistakes.push(why);
            Window::Days30
        });
        let scale = ChartScale::read(query).map(|scale| scale.axis).unwrap_or_else(|why| {
            mistakes.push(why);
            AxisScale::Linear
        });
        // Checkboxes and links send exact names, whose spaces count; typed names may have extra ones.
        let typed = query.form(TYPED).map(|value| value.trim_ascii().to_vec());
        for value in query.all_of_form(key).chain(typed) {
            // The form was sent empty.
            if value.is_empty() {
                continue;
            }
            match from_bytes_of(event, &value) {
                Ok(other) if names.contains(&other) => {}
                Ok(other) => names.push(other),
                Err(why) => mistakes.push(format!("a name to compare with: {why}")),
            }
        }
        let asked = (names.len() > MOST_SERIES).then(|| names.clone());
        names.truncate(MOST_SERIES);
        let kept = if of_name { maker::kept(query) } else { Vec::new() };
        let view = View { event, window, scale, names, of_name, kept };
        let too_many = match asked.filter(|_| mistakes.is_empty()) {
            Some(names) => {
                mistakes.push(format!("one chart compares at most {MOST_SERIES} names"));
                (!of_name).then(|| Box::new(View { names, ..view.clone() }))
            }
            None => None,
        };
        match mistakes.into_iter().next() {
            None => Ok(view),
            Some(why) => Err(CannotShow { why, back: view.back(), too_many }),
        }
    }

    /// The word of the chart's period.
    pub(crate) fn period(&self) -> &'static str {
        self.window.word()
    }

    /// The same names' hits.
    pub(crate) fn back_to_hits(self) -> Option<Back> {
        View { event: Event::HIT, ..self }.back()
    }

    /// The address of this page.
    fn back(&self) -> Option<Back> {
        let name = self.names.first()?;
        let to = if self.of_name { name.to_string() } else { tr("the comparison").to_owned() };
        Some(Back { link: self.with_period(self.window.word()), to, is_ahead: false })
    }

    /// The names that can be removed from the chart.
    fn others(&self) -> &[Name] {
        if self.of_name { &self.names[1..] } else { &self.names }
    }

    /// This page with another period.
    fn with_period(&self, word: &str) -> String {
        self.address(word, &self.names)
    }

    /// This page without one of the others.
    fn without(&self, other: &Name) -> String {
        let rest: Vec<Name> = self.names.iter().filter(|name| *name != other).cloned().collect();
        self.address(self.window.word(), &rest)
    }

    /// The page of one of the others.
    fn of_other(&self, other: &Name) -> String {
        let mut path = event_page_path(other.as_ref(), self.event);
        push_choices(&mut path, &self.kept);
        path
    }

    /// This page with another scale.
    fn with_scale(&self, scale: AxisScale) -> String {
        View { scale, ..self.clone() }.with_period(self.window.word())
    }

    fn address(&self, period: &str, names: &[Name]) -> String {
        let mut path = match names {
            [name, others @ ..] if self.of_name => chart_page_path(name.as_ref(), self.event, period, others),
            names => compare_path("/compare", names, self.event, period),
        };
        push_scale(&mut path, self.scale);
        push_choices(&mut path, &self.kept);
        path
    }

    /// The page of the name with another event, of which there may be none yet.
    pub(crate) fn with_event(&self, event: Event, is_empty: bool) -> String {
        let Some(name) = self.names.first() else { return self.with_period(self.window.word()) };
        let fits = |name: &&Name| name.as_str().len() <= event.longest_name();
        let names: Vec<Name> = self.names.iter().filter(fits).cloned().collect();
        if self.window != Window::Days30 || self.scale != AxisScale::Linear || names.len() > 1 {
            return View { event, names, ..self.clone() }.with_period(self.window.word());
        }
        let mut path = event_page_path(name.as_ref(), event);
        if event == Event::HIT && is_empty {
            // Without it, the page opens at another event.
            push(&mut path, "event", event.as_str());
        }
        push_choices(&mut path, &self.kept);
        path
    }

    /// What the badge maker's form sends along of the chart: what is not as usual.
    fn chosen(&self) -> Vec<(&'static str, String)> {
        let (_, mut sent) = View { kept: Vec::new(), ..self.clone() }.form();
        let is_usual =
            |key: &str| key == "event" || key == "name" || self.window == Window::Days30 && key == "period";
        sent.retain(|(key, _)| !is_usual(key));
        sent
    }

    /// The address of the picture.
    fn picture(&self) -> String {
        let mut path = graph_path(&self.names, self.event, self.window.word());
        push_scale(&mut path, self.scale);
        path
    }

    /// The same names, event and period at another address.
    fn address_of(&self, path: &str) -> String {
        compare_path(path, &self.names, self.event, self.window.word())
    }

    /// Where the form that adds a name goes, and what it sends along. A form drops the query of its address, so the
    /// form sends those parameters itself.
    fn form(&self) -> (String, Vec<(&'static str, String)>) {
        let mut sent = vec![("period", self.window.word().to_owned())];
        if self.event != Event::HIT {
            sent.push(("event", self.event.to_string()));
        }
        if self.scale != AxisScale::Linear {
            sent.push(("scale", self.scale.word().to_owned()));
        }
        let names = |key| self.others().iter().map(move |name| (key, name.to_string()));
        if !self.of_name {
            sent.extend(names("name"));
            return ("/compare".to_owned(), sent);
        }
        sent.extend(names("compare"));
        sent.extend(self.kept.iter().cloned());
        let path = page_path(self.names[0].as_ref());
        match path.split_once('?') {
            Some((path, _)) => {
                sent.push(("name", self.names[0].to_string()));
                (path.to_owned(), sent)
            }
            None => (path, sent),
        }
    }
}

/// What the template shows.
pub(crate) async fn values(app: &App, view: &View) -> Result<Value, StoreError> {
    let now = (app.now)();
    let history = History::read(&*app.store, view.event, &view.names, view.window, now).await?;
    let periods = Window::EVERY.map(|window| {
        context! { label => label(window), link => view.with_period(window.word()), current => window == view.window }
    });
    let widths: &[_] = if view.of_name { &WIDTHS } else { &WIDE };
    Ok(context! {
        periods => periods.to_vec(),
        csv => series_csv(view, &history),
        compared => if view.names.len() > 1 || !view.of_name { Some(compared(app, view, &history).await?) } else { None },
        room => view.names.len() < MOST_SERIES,
        most => MOST_SERIES,
        chart => chart::values(&history, view.scale, &view.picture(), widths),
        scale => other_scale(view, &history),
        chosen => pairs(&view.chosen()),
        ..form(view)
    })
}

/// The way to the other scale, where this one hides something or is not the usual one.
fn other_scale(view: &View, history: &History) -> Option<Value> {
    let other = match view.scale {
        AxisScale::Linear if !history.chart(&history.series(Lang::En), Lang::En, WIDTHS[0].0).is_uneven() => {
            return None;
        }
        AxisScale::Linear => AxisScale::Log,
        AxisScale::Log => AxisScale::Linear,
    };
    Some(context! { word => other.word(), link => view.with_scale(other) })
}

/// The names of a chart with their swatches: what was counted of each, and its share of all of them.
async fn compared(app: &App, view: &View, history: &History) -> Result<Value, StoreError> {
    let ever = app.store.totals(view.event, &view.names).await?;
    let counts: Vec<i64> = history.series(Lang::En).iter().map(Series::total).collect();
    let together = counts.iter().fold(0, |sum: i64, &count| sum.saturating_add(count));
    let row = |((name, &count), ever): ((&Name, &i64), i64)| {
        let is_page = view.of_name && name == &view.names[0];
        let removable = !is_page && (view.of_name || view.names.len() > 1);
        context! {
            name => name.as_str(),
            link => (!is_page).then(|| view.of_other(name)),
            never => ever == 0,
            count,
            share => percent(count, together),
            without => removable.then(|| view.without(name)),
        }
    };
    Ok(context! {
        noun => view.event.as_str(),
        when => when(history),
        rows => view.names.iter().zip(&counts).zip(ever).map(row).collect::<Vec<_>>(),
        together,
        csv => (!view.of_name).then(|| view.address_of("/compare/series.csv")),
    })
}

/// From the first bucket to the last.
fn when(history: &History) -> String {
    ChartWords(language::of_request()).range(history.buckets)
}

/// The numbers of a comparison, with a column for each name.
pub(crate) async fn as_csv(app: &App, view: &View) -> Result<Response, StoreError> {
    let history = History::read(&*app.store, view.event, &view.names, view.window, (app.now)()).await?;
    let names = view.names.iter().map(|name| name.as_str());
    let mut table = csv::Table::new("compare.csv", ["time"].into_iter().chain(names));
    for (at, bucket) in history.buckets.numbers().enumerate() {
        let counts: Vec<Option<i64>> = history.counts.iter().map(|(_, counts)| Some(counts[at])).collect();
        table.row([&*history.buckets.step.label(bucket)], &counts);
    }
    Ok(table.answer(None))
}

/// What the form shows that adds a name.
fn form(view: &View) -> Value {
    let (action, hidden) = view.form();
    context! { action, hidden => pairs(&hidden), field => TYPED }
}

fn pairs(hidden: &[(&'static str, String)]) -> Vec<Value> {
    hidden.iter().map(|(key, value)| context! { key => *key, value }).collect()
}

/// What the form shows in which names are ticked: those that were asked for, or else the busiest ones.
pub(crate) fn choose(app: &App, view: &View) -> Value {
    let ticked = view.names.len();
    let ranking = app.rankings.top(view.event, Period::All).filter(|_| ticked == 0);
    let busiest = ranking.iter().flat_map(|ranking| ranking.entries.iter().take(OFFERED));
    let offered = view.names.iter().chain(busiest.map(|(name, _)| name));
    let none = View { names: Vec::new(), ..view.clone() };
    context! {
        too_many => ticked.saturating_sub(MOST_SERIES),
        ticked,
        most => MOST_SERIES,
        names => offered.map(|name| name.as_str().to_owned()).collect::<Vec<_>>(),
        hidden => pairs(&none.form().1),
        field => TYPED,
    }
}

/// The label of a link to a window.
fn label(window: Window) -> &'static str {
    match window {
        Window::Hours24 => "24 hours",
        Window::Days7 => "7 days",
        Window::Days30 => "30 days",
        Window::Days90 => "90 days",
        Window::Months12 => "12 months",
        Window::All => "All",
    }
}

/// The address of the same numbers as CSV, for the name of this page.
fn series_csv(view: &View, history: &History) -> Option<String> {
    let name = view.names.first().filter(|_| view.of_name)?;
    series_csv_path(name.as_ref(), view.event, history.buckets.step.word(), &history.from())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Uri;

    fn view(query: &str) -> Result<View, CannotShow> {
        let uri: Uri = format!("/repo/o/r?{query}").parse().unwrap();
        View::of_name(&Name::new("o/r").unwrap(), Query::of(&uri))
    }

    #[test]
    fn links_keep_what_is_shown() {
        let shown = view("period=7d&compare=a%2Fb&compare=x+y&compare=o/r&compare=").unwrap();
        assert_eq!(shown.others().iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["a/b", "x y"]);
        assert_eq!(shown.with_period("24h"), "/repo/o/r?period=24h&compare=a/b&compare=x%20y");
        assert_eq!(shown.without(&shown.names[1]), "/repo/o/r?period=7d&compare=x%20y");
        let blanks = view("period=7d&compare=+x+&compare=%20&add=+o/t+").unwrap();
        assert_eq!(blanks.with_period("24h"), "/repo/o/r?period=24h&compare=%20x%20&compare=%20&compare=o/t");
        let shown = view("event=like&compare=b").unwrap();
        assert_eq!(shown.with_period("24h"), "/repo/o/r?event=like&period=24h&compare=b");
        let uri: Uri = "/compare?name=a&name=b+c&event=like".parse().unwrap();
        let shown = View::of_names(Query::of(&uri)).unwrap();
        assert_eq!(shown.with_period("7d"), "/compare?name=a&name=b%20c&event=like&period=7d");
        assert_eq!(shown.without(&shown.names[0]), "/compare?name=b%20c&event=like&period=30d");
    }

    #[test]
    fn every_link_keeps_the_badge_that_was_made() {
        let made = "style=social&show=total,today&label=a+%26+b";
        let kept = "style=social&show=total,today&label=a%20%26%20b";
        let shown = view(&format!("period=7d&compare=b&{made}&color=&lang=zh")).unwrap();
        let like = Event::LIKE;
        for (link, expect) in [
            (shown.with_period("24h"), format!("/repo/o/r?period=24h&compare=b&{kept}")),
            (shown.with_scale(AxisScale::Log), format!("/repo/o/r?period=7d&compare=b&scale=log&{kept}")),
            (shown.without(&shown.names[1]), format!("/repo/o/r?period=7d&{kept}")),
            (shown.of_other(&shown.names[1]), format!("/name/b?{kept}")),
            (shown.with_event(like, false), format!("/repo/o/r?event=like&period=7d&compare=b&{kept}")),
            (view(made).unwrap().with_event(like, true), format!("/repo/o/r?event=like&{kept}")),
            (view(made).unwrap().with_event(Event::HIT, true), format!("/repo/o/r?event=hit&{kept}")),
            (
                view(&format!("period=1d&{made}")).unwrap_err().back.unwrap().link,
                format!("/repo/o/r?period=30d&{kept}"),
            ),
        ] {
            assert_eq!(link, expect);
        }
        assert!(shown.form().1.contains(&("label", "a & b".to_owned())));
        assert_eq!(shown.chosen(), [("period", "7d".to_owned()), ("compare", "b".to_owned())]);
        assert_eq!(view("event=like").unwrap().chosen(), []);
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        assert!(view("period=1d").is_err());
        assert!(view("compare=~all").is_err());
        assert!(view("event=A").is_err());
        assert!(view("compare=1&compare=2&compare=3&compare=4&compare=5").is_ok());
        assert!(view("compare=1&compare=2&compare=3&compare=4&compare=5&compare=6").is_err());
        let names = |query: &str| View::of_names(Query::of(&format!("/compare?{query}").parse().unwrap()));
        assert!(names("period=7d").is_ok_and(|view| view.is_empty()));
        assert!(names("name=~all").is_err_and(|refused| refused.back.is_none()));
    }

    #[test]
    fn the_way_back_leads_to_what_was_right() {
        let names = |query: &str| View::of_names(Query::of(&format!("/compare?{query}").parse().unwrap()));
        let log = view("scale=log&compare=b").unwrap();
        assert_eq!(log.with_period("7d"), "/repo/o/r?period=7d&compare=b&scale=log");
        assert_eq!(log.with_scale(AxisScale::Linear), "/repo/o/r?period=30d&compare=b");
        assert_eq!(log.picture(), "/graph.svg?name=o/r&name=b&period=30d&scale=log");
        assert!(log.form().1.contains(&("scale", "log".to_owned())));
        for (refused, link, to) in [
            (view("scale=logarithmic&period=7d").unwrap_err(), "/repo/o/r?period=7d", "o/r"),
            (view("period=1d&compare=a").unwrap_err(), "/repo/o/r?period=30d&compare=a", "o/r"),
            (
                view("period=7d&event=A&compare=~all&compare=b").unwrap_err(),
                "/repo/o/r?period=7d&compare=b",
                "o/r",
            ),
            (names("name=a&name=~b&period=7d").unwrap_err(), "/compare?name=a&period=7d", "the comparison"),
            (
                names("name=1&name=2&name=3&name=4&name=5&name=6&name=6&name=7").unwrap_err(),
                "/compare?name=1&name=2&name=3&name=4&name=5&name=6&period=30d",
                "the comparison",
            ),
        ] {
            assert_eq!(
                refused.back,
                Some(Back { link: link.to_owned(), to: to.to_owned(), is_ahead: false }),
                "{refused:?}"
            );
        }
        assert!(names("name=~a").is_err_and(|refused| refused.back.is_none()));
    }
}
