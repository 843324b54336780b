//! The part of a name's page that shows its counts over time: the chart, the same numbers as a table, and links and a
//! form to look further back or beside. All of it is addresses, so it works without a script and can be sent to others.

use crate::{
    app::App,
    history::{History, PERIODS, Period},
    name::{chart_page_path, from_bytes, graph_path, page_path},
    query::Query,
};
use minijinja::{Value, context};
use tallymark_badge::{chart::MOST_SERIES, number::group};
use tallymark_core::Name;
use tallymark_store::StoreError;

/// Widths of the chart: of a telephone, a tablet, and the page. A picture that is only scaled down has no legible text.
const WIDTHS: [(u32, &str); 3] =
    [(340, "(max-width: 28rem)"), (520, "(max-width: 42rem)"), (672, "(min-width: 0)")];

/// What somebody wants to see.
pub(crate) struct View {
    period: Period,
    /// The name of the page, and those it is compared with.
    names: Vec<Name>,
}

impl View {
    /// Reads `period` and every `compare`.
    pub(crate) fn read(name: &Name, query: Query<'_>) -> Result<View, String> {
        let period = Period::read(query.text("period").as_deref())?;
        let mut names = vec![name.clone()];
        for value in query.all_of_form("compare") {
            let value = value.trim_ascii();
            // The form was sent empty.
            if value.is_empty() {
                continue;
            }
            let other = from_bytes(value).map_err(|why| format!("a name to compare with: {why}"))?;
            if !names.contains(&other) {
                names.push(other);
            }
        }
        if names.len() > MOST_SERIES {
            return Err(format!("one chart compares at most {MOST_SERIES} names"));
        }
        Ok(View { period, names })
    }

    fn name(&self) -> &Name {
        &self.names[0]
    }

    fn others(&self) -> &[Name] {
        &self.names[1..]
    }

    /// This page with another period.
    fn with_period(&self, word: &str) -> String {
        chart_page_path(self.name().as_ref(), word, self.others())
    }

    /// This page without one of the others.
    fn without(&self, other: &Name) -> String {
        let rest: Vec<Name> = self.others().iter().filter(|name| *name != other).cloned().collect();
        chart_page_path(self.name().as_ref(), self.period.word(), &rest)
    }
}

/// What the template shows.
pub(crate) async fn values(app: &App, view: &View) -> Result<Value, StoreError> {
    let history = History::read(&*app.store, &view.names, view.period, (app.now)()).await?;
    let periods = PERIODS.map(|(period, word, label)| {
        context! { label, link => view.with_period(word), current => period == view.period }
    });
    let others: Vec<Value> = view
        .others()
        .iter()
        .map(|other| {
            let link = page_path(other.as_ref());
            context! { name => other.as_str(), link, without => view.without(other) }
        })
        .collect();
    Ok(context! {
        periods => periods.to_vec(),
        period => view.period.word(),
        pictures => pictures(view, &history),
        alt => alternative(&history),
        table => table(&history),
        step => history.step.word(),
        names => view.names.iter().map(Name::to_string).collect::<Vec<_>>(),
        others,
        room => view.names.len() < MOST_SERIES,
        most => MOST_SERIES,
        // A form drops the query of its address, so a name that is in the query is sent by the form.
        action => page_path(view.name().as_ref()).split('?').next(),
        by_query => page_path(view.name().as_ref()).contains('?'),
    })
}

fn pictures(view: &View, history: &History) -> Vec<Value> {
    let series = history.series();
    let path = graph_path(&view.names, view.period.word());
    WIDTHS
        .iter()
        .map(|&(width, media)| {
            let (width, height) = history.chart(&series, width).size();
            context! { url => format!("{path}&width={width}"), width, height, media }
        })
        .collect()
}

/// What a screen reader says of the chart.
fn alternative(history: &History) -> String {
    let series = history.series();
    let chart = history.chart(&series, WIDTHS[0].0);
    format!("{}. {}", chart.title(), chart.description())
}

/// The newest first: that is the row one looks for.
fn table(history: &History) -> Value {
    let rows: Vec<Value> = (0..history.length())
        .rev()
        .map(|at| {
            let counts = history.counts.iter().map(|(_, counts)| group(counts[at]).to_string());
            context! { when => history.step.name(history.first + at as i32), counts => counts.collect::<Vec<_>>() }
        })
        .collect();
    let totals: Vec<String> =
        history.series().iter().map(|series| group(series.total()).to_string()).collect();
    context! { rows, totals }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Uri;

    fn view(query: &str) -> Result<View, String> {
        let uri: Uri = format!("/repo/o/r?{query}").parse().unwrap();
        View::read(&Name::new("o/r").unwrap(), Query::of(&uri))
    }

    #[test]
    fn links_keep_what_is_shown() {
        let view = view("period=7d&compare=a%2Fb&compare=x+y&compare=o/r&compare=").unwrap();
        assert_eq!(view.others().iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["a/b", "x y"]);
        assert_eq!(view.with_period("24h"), "/repo/o/r?period=24h&compare=a/b&compare=x%20y");
        assert_eq!(view.without(&view.names[1]), "/repo/o/r?period=7d&compare=x%20y");
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        assert!(view("period=1d").is_err());
        assert!(view("compare=~all").is_err());
        assert!(view("compare=1&compare=2&compare=3&compare=4&compare=5").is_ok());
        assert!(view("compare=1&compare=2&compare=3&compare=4&compare=5&compare=6").is_err());
    }
}
