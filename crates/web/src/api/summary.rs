//! `/api/v1/summary`: the totals of one event over all names.

use super::answer::{Answer, Api, event, json};
use crate::{query::Query, windows};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde::Serialize;
use std::sync::Arc;
use tallymark_core::{Name, Step};

#[derive(Serialize)]
struct Summary<'a> {
    event: &'a str,
    total: i64,
    /// Null while unknown.
    names: Option<u64>,
    today: i64,
    last_minute: LastMinute,
    windows: windows::Windows,
}

#[derive(Serialize)]
struct LastMinute {
    from: String,
    count: i64,
}

/// `GET /api/v1/summary`.
pub(super) async fn show(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap) -> Answer {
    api.may_read(&sent)?;
    let event = event(Query::of(&uri))?;
    let (store, now, all) = (&*api.app.store, (api.app.now)(), Name::all());
    let names = match api.app.rankings.names(event) {
        Some(names) => names,
        None => api.counted.names(store, event).await?,
    };
    let windows = windows::read(store, event, &all, now).await?;
    let total = store.totals(event, std::slice::from_ref(&all)).await?.first().copied().unwrap_or(0);
    // The names were counted before there was anything; hits since then have names, too.
    let names = Some(names).filter(|&names| names > 0 || total == 0);
    // The last whole minute: the current one would start at zero again and again.
    let last = now.minute().0 - 1;
    let count = store.series(event, &all, Step::Minute, last, last + 1).await?;
    let count = count.first().map_or(0, |&(_, count)| count);
    let from = Step::Minute.label(last);
    let last_minute = LastMinute { from, count };
    let event = event.as_str();
    Ok(json(StatusCode::OK, &Summary { event, total, names, today: windows.today, last_minute, windows }))
}
