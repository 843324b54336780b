//! The count for shields.io's endpoint badge, `/badge/NAME.shields.json`: shields.io draws what this says. Never counts.

use super::{
    dress::Dress,
    figures::Figures,
    parameters::{AnswerKind, check},
};
use crate::{error::Problem, event, headers, query::Query, state::App};
use axum::{
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use tallymark_core::{Name, NotAName};

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

pub(super) async fn show(app: &App, name: Result<Name, NotAName>, uri: &Uri) -> Result<Response, Problem> {
    let name = name?;
    let (query, look) = (Query::of(uri), app.look.load());
    check(query, AnswerKind::Badge).map_err(Problem::bad_request)?;
    let event = event::asked(app, query).await.map_err(Problem::bad_request)?;
    let figures = Figures::read(query, event).map_err(Problem::bad_request)?;
    let dress = Dress::read(query, &look).map_err(Problem::bad_request)?;
    let counts = figures.counts(app, &name, (app.now)()).await?;
    let said = figures.say(&counts, &dress, &look.label);
    let mut badge = look.badge(&said.value);
    dress.put_on(&mut badge, &said.label);
    let endpoint = Endpoint {
        schema_version: 1,
        label: badge.label,
        message: badge.value,
        color: badge.color.to_string(),
        label_color: badge.label_color.to_string(),
    };
    // A struct of text always serializes.
    Ok(headers::json(StatusCode::OK, serde_json::to_string(&endpoint).unwrap_or_default()))
}
