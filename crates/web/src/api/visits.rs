//! `/api/v1/counters/{name}/visits`: when a name was last visited, by what kind of client, and from where. Texts that a
//! client sent and its address, if they are kept, are shown only to requests with a token.

use super::answer::{Answer, Api, event, json, limit, text};
use crate::{error::Problem, query::Query};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use std::collections::BTreeMap;
use tallymark_core::{AskerDetails, ClientClass, Name, Visit};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(flatten)]
    details: AskerDetails,
}

pub(super) async fn show(api: &Api, name: &Name, query: Query<'_>, sent: &HeaderMap) -> Answer {
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
    let is_operator = api.app.access.has_token(sent);
    let row = |visit: &Visit| {
        let AskerDetails { region, city, address, user_agent, referer } =
            visit.asker.details.as_deref().cloned().unwrap_or_default();
        let own = |text: Option<Box<str>>| text.filter(|_| is_operator);
        let (address, user_agent, referer) = (own(address), own(user_agent), own(referer));
        VisitRow {
            time: visit.minute.to_string(),
            class: visit.class.word(),
            country: visit.asker.country.map(|country| country.as_str().to_owned()),
            details: AskerDetails { region, city, address, user_agent, referer },
        }
    };
    let visits = visits.iter().map(row).collect();
    Ok(json(StatusCode::OK, &Last { name: name.as_str(), event: event.as_str(), kept, classes, visits }))
}
