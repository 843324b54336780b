//! `/api/v1/counters`: all names, page by page, and everything that is known about one name.

use super::{
    answer::{Answer, Api, event, exact, json, limit, text},
    busiest, series, visitors, visits,
};
use crate::{csv, daily_visitors, error::Problem, name::or_aggregate, query::Query, windows};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde::Serialize;
use std::sync::Arc;
use tallymark_badge::number::group;
use tallymark_core::{Event, Name};
use tallymark_store::Filter;

/// How often the windows of a counter are read again if it changed in the meantime.
const ATTEMPTS: usize = 3;

#[derive(Serialize)]
struct CounterPage<'a> {
    counters: Vec<CounterRow<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct CounterRow<'a> {
    name: &'a str,
    event: &'a str,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_text: Option<String>,
}

/// `GET /api/v1/counters`.
pub(super) async fn list(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap) -> Answer {
    api.may_read(&sent)?;
    let query = Query::of(&uri);
    let csv = uri.path().ends_with(".csv") || csv::is_wanted(&sent);
    let event = event(query)?;
    let limit = limit(text(query, "limit")?)?;
    let period = busiest::period(query)?;
    match text(query, "sort")?.as_deref() {
        None | Some("name") => {}
        Some("count") => return busiest::list(&api, event, query, period, limit, csv).await,
        Some(_) => return Err(Problem::bad_request("sort is name or count")),
    }
    let after = text(query, "after")?.map(|token| read_token(&token)).transpose()?;
    let prefix = text(query, "prefix")?.unwrap_or_default();
    let contains = text(query, "search")?.unwrap_or_default();
    let store = &api.app.store;
    let filter = Filter { prefix, contains };
    let page = store.find(event, &filter, after.as_deref(), limit).await?;
    let totals = store.totals(event, &page.names).await?;
    let rows = page.names.iter().zip(totals);
    let next = page.next.as_deref().map(write_token);
    if csv {
        let mut table = csv::Table::new("counters.csv", ["name", "event", "total"]);
        for (name, total) in rows {
            table.row([name.as_str(), event.as_str()], &[Some(total)]);
        }
        return Ok(table.answer(next.map(|next| with_after(&uri, &next))));
    }
    let rows = rows.map(|(name, total)| CounterRow {
        name: name.as_str(),
        event: event.as_str(),
        total,
        total_text: exact(total),
    });
    Ok(json(StatusCode::OK, &CounterPage { counters: rows.collect(), next }))
}

/// The address of the next page, for clients of CSV.
fn with_after(uri: &Uri, next: &str) -> String {
    let others = uri.query().unwrap_or_default().split('&');
    let others = others.filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
    let pairs: Vec<&str> = others.collect();
    let and = if pairs.is_empty() { "" } else { "&" };
    format!("{}?{}{and}after={next}", uri.path(), pairs.join("&"))
}

/// The store's own text in hex: clients are not tempted to invent one, and invalid ones are detected.
fn write_token(next: &str) -> String {
    next.bytes().map(|b| format!("{b:02x}")).collect()
}

fn read_token(token: &str) -> Result<String, Problem> {
    let pairs = token.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [b'0'..=b'9' | b'a'..=b'f', b'0'..=b'9' | b'a'..=b'f'] => {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        }
        _ => None,
    };
    let bytes = pairs.map(byte).collect::<Option<Vec<u8>>>();
    let next = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|next| !next.is_empty());
    next.ok_or_else(|| Problem::bad_request("after: no such page"))
}

/// A query for one counter.
enum CounterPart {
    Counts,
    Series { csv: bool },
    Visits,
    Visitors,
}

/// `GET /api/v1/counters/{name}` and the addresses below it, in one route, because a name may contain slashes.
pub(super) async fn one(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap) -> Answer {
    api.may_read(&sent)?;
    let raw = uri.path().strip_prefix("/api/v1/counters/").unwrap_or_default();
    let below = [
        ("/series", CounterPart::Series { csv: csv::is_wanted(&sent) }),
        ("/series.csv", CounterPart::Series { csv: true }),
        ("/visits", CounterPart::Visits),
        ("/visitors", CounterPart::Visitors),
    ];
    let below = below.into_iter().find_map(|(word, asked)| Some((raw.strip_suffix(word)?, asked)));
    let (raw, asked) = below.unwrap_or((raw, CounterPart::Counts));
    let query = Query::of(&uri);
    let event = event(query)?;
    let name = or_aggregate(event, raw)?;
    match asked {
        CounterPart::Series { csv } => series::show(&api, &name, query, csv).await,
        CounterPart::Visits => visits::show(&api, &name, query, &sent).await,
        CounterPart::Visitors => visitors::show(&api, &name, query).await,
        CounterPart::Counts => show(&api, &name, event).await,
    }
}

#[derive(Serialize)]
struct CounterJson<'a> {
    name: &'a str,
    event: &'a str,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_text: Option<String>,
    today: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    visitors_today: Option<i64>,
    formatted: &'a str,
    windows: windows::Windows,
}

async fn show(api: &Api, name: &Name, event: Event) -> Answer {
    let (store, now) = (&api.app.store, (api.app.now)());
    // Hits that are not in the store yet belong to the last minute. The windows are right if the store did not change
    // while they were read; if it changes every time, they may briefly lack hits that the total has.
    let mut in_store = store.total(event, name).await?;
    let mut windows = windows::read(&**store, event, name, now).await?;
    for _ in 0..ATTEMPTS {
        let before = std::mem::replace(&mut in_store, store.total(event, name).await?);
        if before == in_store {
            break;
        }
        windows = windows::read(&**store, event, name, now).await?;
    }
    let total = api.app.shown_total(event, name.as_ref()).await;
    let total = total?;
    windows.add(total.saturating_sub(in_store).max(0));
    let visitors_today = match daily_visitors::belong_to(event) {
        true => Some(daily_visitors::sum(&daily_visitors::read(&**store, name, now.day(), now.day()).await?)),
        false => None,
    };
    let (name, event, formatted) = (name.as_str(), event.as_str(), &*group(total).to_string());
    let today = windows.today;
    Ok(json(
        StatusCode::OK,
        &CounterJson {
            name,
            event,
            total,
            total_text: exact(total),
            today,
            visitors_today,
            formatted,
            windows,
        },
    ))
}
