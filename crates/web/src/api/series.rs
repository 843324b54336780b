//! `/api/v1/counters/{name}/series`: counts over time, without a gap, as JSON or CSV.

use super::{
    answer::{Answer, Api, event, json},
    range,
};
use crate::{csv, query::Query};
use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use tallymark_core::{Buckets, Day, Event, Name};

#[derive(Serialize)]
struct SeriesJson<'a> {
    name: &'a str,
    event: &'a str,
    step: &'a str,
    from: String,
    to: String,
    count: i64,
    points: Vec<SeriesPoint>,
}

#[derive(Serialize)]
struct SeriesPoint {
    time: String,
    count: i64,
}

pub(super) async fn show(api: &Api, name: &Name, query: Query<'_>, csv: bool) -> Answer {
    let event = event(query)?;
    let now = (api.app.now)();
    let buckets = range::read(query, now)?;
    let Buckets { step, first, last } = buckets;
    // Nothing is counted after tomorrow, and Redis would read every day of it.
    let end = last.min(step.bucket(Day(now.day().0 + 2).first_minute()));
    let counts = buckets.fill(api.app.store.series(event, name, step, first, end + 1).await?);
    let points: Vec<SeriesPoint> = buckets
        .numbers()
        .zip(counts)
        .map(|(bucket, count)| SeriesPoint { time: step.label(bucket), count })
        .collect();
    if csv {
        return Ok(as_csv(name, event, &points));
    }
    Ok(json(
        StatusCode::OK,
        &SeriesJson {
            name: name.as_str(),
            event: event.as_str(),
            step: step.word(),
            from: step.label(first),
            to: step.label(last),
            count: points.iter().fold(0, |sum, point| sum.saturating_add(point.count)),
            points,
        },
    ))
}

fn as_csv(name: &Name, event: Event, points: &[SeriesPoint]) -> Response {
    let mut table = csv::Table::new("series.csv", ["name", "event", "time", "count"]);
    for point in points {
        table.row([name.as_str(), event.as_str(), &point.time], &[Some(point.count)]);
    }
    table.answer(None)
}
