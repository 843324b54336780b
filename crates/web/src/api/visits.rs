//! `/api/v1/counters/{name}/visits`: when a name was last visited, and by what kind of client.

use super::answer::{Answer, Api, event, json, limit, text};
use crate::{error::Problem, query::Query};
use axum::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use tallymark_core::{ClientClass, Name, Visit};

#[derive(Serialize)]
struct Last<'a> {
    name: &'a str,
    event: &'a str,
    kept: usize,
    classes: BTreeMap<&'static str, usize>,
    visits: Vec<VisitRow>,
}

#[derive(Serialize)]
struct VisitRow {
    time: String,
    class: &'static str,
}

pub(super) async fn show(api: &Api, name: &Name, query: Query<'_>) -> Answer {
    let (event, limit) = (event(query)?, limit(text(query, "limit")?)?);
    let kept = api.app.visits.of(event);
    if kept == 0 {
        let error = match api.app.visits.last {
            0 => "visits are not kept here: keep under [visits] is 0".to_owned(),
            _ => format!("visits of {event} are not kept here: set keep under [visits]"),
        };
        return Err(Problem::new(StatusCode::NOT_FOUND, error));
    }
    let visits = api.app.store.visits(event, name, limit.min(kept)).await?;
    let count = |class: ClientClass| visits.iter().filter(|visit| visit.class == class).count();
    let classes = ClientClass::EVERY.into_iter().map(|class| (class.word(), count(class))).collect();
    let row = |visit: &Visit| VisitRow { time: visit.minute.to_string(), class: visit.class.word() };
    let visits = visits.iter().map(row).collect();
    Ok(json(StatusCode::OK, &Last { name: name.as_str(), event: event.as_str(), kept, classes, visits }))
}
