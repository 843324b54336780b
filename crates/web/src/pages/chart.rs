//! A chart on a page: the picture in several widths, its text for screen readers, and the same numbers as a table.
//! The trend of names and the front page show one.

use super::language;
use crate::{history::History, name::push};
use minijinja::{Value, context};
use tallymark_badge::{
    chart::{AxisScale, Chart},
    number::group,
    panel::Lang,
};

/// A width of the picture, and the pages that show it. A picture that is only scaled down has no legible text.
pub(super) type Width = (u32, &'static str);

const PHONE: Width = (340, "(max-width: 28rem)");
const TABLET: Width = (520, "(max-width: 42rem)");
const PAGE: Width = (672, "(min-width: 0)");

/// The widths on a page.
pub(super) const WIDTHS: [Width; 3] = [PHONE, TABLET, PAGE];

/// The widths on a wide page.
pub(super) const WIDE: [Width; 4] = [PHONE, TABLET, (672, "(max-width: 52rem)"), (928, "(min-width: 0)")];

/// What `chart.html` shows; `path` is the address of the picture. Several names have no legend in it: the table of the
/// page has their swatches.
pub(super) fn values(history: &History, scale: AxisScale, path: &str, widths: &[Width]) -> Value {
    let lang = language::of_request();
    let series = history.series(lang);
    let mut path = path.to_owned();
    if series.len() > 1 {
        push(&mut path, "legend", "false");
    }
    if lang == Lang::Zh {
        push(&mut path, "lang", lang.word());
    }
    let pictures: Vec<Value> = widths
        .iter()
        .map(|&(width, media)| {
            let chart = Chart { scale, legend: false, ..history.chart(&series, lang, width) };
            let ((width, height), plot) = (chart.size(), chart.plot().map(|it| it.to_string()).join(" "));
            let mut url = path.clone();
            push(&mut url, "width", &width.to_string());
            context! { url, width, height, media, plot }
        })
        .collect();
    let chart = Chart { scale, ..history.chart(&series, lang, PHONE.0) };
    // The newest first, because readers look for it.
    let rows: Vec<Value> = (0..history.length())
        .rev()
        .map(|at| {
            let when = chart.bucket_name(at);
            let counts = history.counts.iter().map(|(_, counts)| group(counts[at]).to_string());
            context! { when, counts => counts.collect::<Vec<_>>() }
        })
        .collect();
    let totals: Vec<String> = series.iter().map(|series| group(series.total()).to_string()).collect();
    context! {
        pictures,
        // What it shows, for those who do not see it. The table has all of it.
        alt => format!("{}{}{}", chart.title(), if lang == Lang::Zh { "。" } else { ". " }, chart.description()),
        table => context! { rows, totals },
        event => history.event.as_str(),
        step => history.buckets.step.word(),
        names => series.iter().map(|series| series.name.to_owned()).collect::<Vec<_>>(),
    }
}
