//! `/api/v1/counters/{name}/series`: counts over time, without a gap, as JSON or CSV.

use super::{
    Answer, Api, csv, event, json,
    range::{Range, Width, first_day, month},
};
use crate::query::Query;
use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use std::collections::BTreeMap;
use tallymark_core::{Day, Event, Name};
use tallymark_store::Step;

#[derive(Serialize)]
struct Series<'a> {
    name: &'a str,
    event: &'a str,
    step: &'a str,
    from: String,
    to: String,
    count: i64,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    time: String,
    count: i64,
}

pub(super) async fn show(api: &Api, name: &Name, query: Query<'_>, csv: bool) -> Answer {
    let event = event(query)?;
    let range = Range::read(query, (api.app.now)())?;
    let counts = counts(api, event, name, range).await?;
    let label = |bucket| range.width.label(bucket);
    let points: Vec<Point> = (range.first..=range.last)
        .map(|bucket| Point { time: label(bucket), count: counts.get(&bucket).copied().unwrap_or(0) })
        .collect();
    if csv {
        return Ok(as_csv(name, event, &points));
    }
    Ok(json(
        StatusCode::OK,
        &Series {
            name: name.as_str(),
            event: event.as_str(),
            step: range.width.word(),
            from: label(range.first),
            to: label(range.last),
            count: points.iter().fold(0, |sum, point| sum.saturating_add(point.count)),
            points,
        },
    ))
}

/// The buckets that are not empty. A month is the sum of its days.
async fn counts(
    api: &Api,
    event: Event,
    name: &Name,
    range: Range,
) -> tallymark_store::Result<BTreeMap<i32, i64>> {
    let (step, from, to) = match range.width {
        Width::Minute => (Step::Minute, range.first, range.last + 1),
        Width::Hour => (Step::Hour, range.first, range.last + 1),
        Width::Day => (Step::Day, range.first, range.last + 1),
        Width::Month => {
            // Nothing is counted in the future, and Redis would look into every day of it.
            let tomorrow = (api.app.now)().day().0 + 1;
            (Step::Day, first_day(range.first).0, first_day(range.last + 1).0.min(tomorrow + 1))
        }
    };
    let mut counts = BTreeMap::new();
    for (bucket, count) in api.app.store.series(event, name, step, from, to).await? {
        let bucket = if range.width == Width::Month { month(Day(bucket)) } else { bucket };
        let sum: &mut i64 = counts.entry(bucket).or_default();
        *sum = sum.saturating_add(count);
    }
    Ok(counts)
}

fn as_csv(name: &Name, event: Event, points: &[Point]) -> Response {
    let mut table = csv::Table::new("series.csv", "name,event,time,count");
    for point in points {
        table.row([name.as_str(), event.as_str(), &point.time], &[Some(point.count)]);
    }
    table.answer(None)
}
