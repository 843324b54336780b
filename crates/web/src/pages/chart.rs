//! A chart on a page: the picture in several widths, its text for screen readers, and the same numbers as a table.
//! The trend of names and the front page show one.

use super::language::{self, tr};
use crate::{history::History, name::push};
use minijinja::{Value, context};
use tallymark_badge::{
    chart::{AxisScale, Chart},
    number::group,
    panel::Lang,
};
use tallymark_core::{Buckets, Name};

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
    let series = history.series();
    let mut path = path.to_owned();
    if series.len() > 1 {
        push(&mut path, "legend", "false");
    }
    let pictures: Vec<Value> = widths
        .iter()
        .map(|&(width, media)| {
            let chart = Chart { scale, legend: false, ..history.chart(&series, width) };
            let ((width, height), plot) = (chart.size(), chart.plot().map(|it| it.to_string()).join(" "));
            let mut url = path.clone();
            push(&mut url, "width", &width.to_string());
            context! { url, width, height, media, plot }
        })
        .collect();
    let chart = Chart { scale, ..history.chart(&series, PHONE.0) };
    let lang = language::of_request();
    // The newest first, because readers look for it.
    let rows: Vec<Value> = (0..history.length())
        .rev()
        .map(|at| {
            let bucket = history.buckets.first + at as i32;
            let when = match (lang, at + 1 == history.length()) {
                (Lang::Zh, true) => {
                    format!("{}，截至目前", language::bucket(lang, history.buckets.step, bucket))
                }
                (Lang::Zh, false) => language::bucket(lang, history.buckets.step, bucket),
                _ => chart.bucket_name(at),
            };
            let counts = history.counts.iter().map(|(_, counts)| group(counts[at]).to_string());
            context! { when, counts => counts.collect::<Vec<_>>() }
        })
        .collect();
    let totals: Vec<String> = series.iter().map(|series| group(series.total()).to_string()).collect();
    context! {
        pictures,
        alt => alt(&chart, history, lang),
        table => context! { rows, totals },
        event => history.event.as_str(),
        step => history.buckets.step.word(),
        names => history.counts.iter().map(|(name, _)| shown(name)).collect::<Vec<_>>(),
    }
}

/// What a chart shows, for those who do not see it. The table has all of it.
fn alt(chart: &Chart<'_>, history: &History, lang: Lang) -> String {
    if lang != Lang::Zh {
        return format!("{}. {}", chart.title(), chart.description());
    }
    let Buckets { step, first, last } = history.buckets;
    let noun = language::noun(lang, history.event.as_str(), 0);
    let sums = history.counts.iter().zip(history.series());
    let sums = sums.map(|((name, _), series)| format!("{} {}", shown(name), group(series.total())));
    let sums = sums.collect::<Vec<_>>();
    let [from, to] = [first, last].map(|bucket| language::bucket(lang, step, bucket));
    format!("{noun}趋势图，{from}至{to}：{}", sums.join("，"))
}

/// What a name is called on a page.
fn shown(name: &Name) -> String {
    if name.is_aggregate() { tr("All names").to_owned() } else { name.to_string() }
}
