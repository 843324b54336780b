//! The count for shields.io's endpoint badge, `/badge/NAME.shields.json`: shields.io draws what this says. Never counts.

use super::badge::Wish;
use crate::{headers, query::Query, state::App};
use axum::{
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use tallymark_core::{Event, Name, NotAName};

/// What shields.io reads, of version 1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    schema_version: u8,
    label: &'a str,
    message: &'a str,
    color: String,
    label_color: String,
}

#[derive(Serialize)]
struct Mistake<'a> {
    error: &'a str,
}

pub(crate) async fn show(app: &App, name: Result<Name, NotAName>, uri: &Uri) -> Response {
    match endpoint(app, name, uri).await {
        // A struct of text always serializes.
        Ok(body) => headers::json(StatusCode::OK, body),
        Err((status, error)) => {
            headers::json(status, serde_json::to_string(&Mistake { error: &error }).unwrap_or_default())
        }
    }
}

async fn endpoint(
    app: &App,
    name: Result<Name, NotAName>,
    uri: &Uri,
) -> Result<String, (StatusCode, String)> {
    let name = name.map_err(|why| (StatusCode::BAD_REQUEST, why.to_string()))?;
    let wish = Wish::read(Query::of(uri)).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let total = app.counter.total(Event::HIT, name.as_ref()).get().await;
    let total = total.map_err(|why| (StatusCode::SERVICE_UNAVAILABLE, why.to_string()))?;
    let (look, value) = (app.look.load(), wish.format(total));
    let mut badge = look.badge(&value);
    wish.dress(&mut badge);
    let endpoint = Endpoint {
        schema_version: 1,
        label: badge.label,
        message: badge.value,
        color: badge.color.to_string(),
        label_color: badge.label_color.to_string(),
    };
    Ok(serde_json::to_string(&endpoint).unwrap_or_default())
}
