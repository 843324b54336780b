//! `/api/v1/counters/{name}/visitors`: how many distinct visitors a name had on each day.

use super::{
    answer::{Answer, Api, json},
    range,
};
use crate::{daily_visitors, error::Problem, query::Query};
use axum::http::StatusCode;
use serde::Serialize;
use tallymark_core::{Buckets, Day, Name, Step};

#[derive(Serialize)]
struct VisitorsJson<'a> {
    name: &'a str,
    from: String,
    to: String,
    /// Called what it is: who comes on two days is in it twice.
    sum_of_daily_visitors: i64,
    days: Vec<VisitorDay>,
}

#[derive(Serialize)]
struct VisitorDay {
    date: String,
    visitors: i64,
}

pub(super) async fn show(api: &Api, name: &Name, query: Query<'_>) -> Answer {
    let now = (api.app.now)();
    let Buckets { step, first, last } = range::read(query, now)?;
    if step != Step::Day {
        return Err(Problem::bad_request("visitors are counted by day: leave step out"));
    }
    // There are no visits after tomorrow, and Redis would read every day of it.
    let end = last.min(now.day().0 + 1).max(first);
    let mut days = daily_visitors::read(&*api.app.store, name, Day(first), Day(end)).await?;
    days.extend((end + 1..=last).map(|day| (Day(day), 0)));
    let row = |&(day, visitors): &(Day, i64)| VisitorDay { date: day.to_string(), visitors };
    Ok(json(
        StatusCode::OK,
        &VisitorsJson {
            name: name.as_str(),
            from: Day(first).to_string(),
            to: Day(last).to_string(),
            sum_of_daily_visitors: daily_visitors::sum(&days),
            days: days.iter().map(row).collect(),
        },
    ))
}
