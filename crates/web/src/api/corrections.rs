//! `/api/v1/corrections`: corrects the counts of one name, and lists corrections.
//!
//! Both need a token: the log has names of people, and their reasons.

use super::{
    answer::{Answer, Api, json, limit, text},
    writing::{for_the_writer_alone, key, may_write, media_type},
};
use crate::{
    body,
    error::{Problem, not_json, report},
    query::Query,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Deserialize;
use serde_json::error::Category;
use std::sync::Arc;
use tallymark_core::{
    Corrected, CorrectionAction, CorrectionReport, CorrectionRequest, Event, MAX_CORRECTIONS, Name,
    NotCorrected, Once, TimeStretch, past_corrections,
};
use uuid::Uuid;

/// The longest reason, in bytes.
const REASON: usize = 500;

/// A request, as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CorrectionBody {
    action: String,
    name: Option<String>,
    event: Option<String>,
    count: Option<i64>,
    to: Option<String>,
    from: Option<String>,
    until: Option<String>,
    id: Option<Uuid>,
    reason: Option<String>,
}

/// What it asks for.
enum CorrectionOrder {
    Correct(CorrectionRequest),
    Undo(Uuid, Option<String>),
}

/// `GET /api/v1/corrections`.
pub(super) async fn list(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap) -> Answer {
    may_write(&api, &sent)?;
    let most = limit(text(Query::of(&uri), "limit")?)?;
    let mut past = past_corrections(api.app.corrections.list(MAX_CORRECTIONS).await?);
    past.truncate(most);
    Ok(json(StatusCode::OK, &past))
}

/// `POST /api/v1/corrections`.
pub(super) async fn take(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap, body: Body) -> Response {
    for_the_writer_alone(handle(&api, &uri, &sent, body).await)
}

async fn handle(api: &Api, uri: &Uri, sent: &HeaderMap, body: Body) -> Answer {
    may_write(api, sent)?;
    if uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Problem::bad_request("there are no parameters here: everything is in the body"));
    }
    if media_type(sent) != "application/json" {
        let what = "send Content-Type: application/json with one object";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let key = key(sent)?;
    let body = body::read(sent, body, api.app.body_bytes, Some("[limits] body-bytes")).await?;
    let by =
        api.app.access.token_number(sent).map_or_else(|| "API".to_owned(), |at| format!("API token {at}"));
    let corrected = match order(&body, by.clone())? {
        CorrectionOrder::Correct(request) => {
            let once = key.map(|key| Once { key, body: &body });
            api.app.corrections.correct(once, request).await?
        }
        // It happens once in any case.
        CorrectionOrder::Undo(id, reason) => api.app.corrections.undo(id, by, reason).await?,
    };
    let Corrected { records: parts, before: duplicate, notes } = corrected;
    let id = parts.first().map(|part| part.id);
    Ok(json(StatusCode::OK, &CorrectionReport { id, dry_run: false, duplicate, parts, notes }))
}

fn order(body: &[u8], by: String) -> Result<CorrectionOrder, Problem> {
    // Values in the order of the fields would be read, too.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::bad_request("the body is not a correction: it is a list, not an object"));
    }
    let sent: CorrectionBody = serde_json::from_slice(body).map_err(|why| {
        let what = match why.classify() {
            Category::Data => why.to_string(),
            _ => not_json::of(&why, 1, ""),
        };
        Problem::bad_request(format!("the body is not a correction: {what}"))
    })?;
    let is_long = |reason: &String| reason.len() > REASON || reason.chars().any(char::is_control);
    if sent.reason.as_ref().is_some_and(is_long) {
        return Err(Problem::bad_request(format!("reason is one line of at most {REASON} bytes")));
    }
    sent.check()?;
    if sent.action == "undo" {
        let id = sent.id.ok_or_else(|| Problem::bad_request("undo needs the id of a correction"))?;
        return Ok(CorrectionOrder::Undo(id, sent.reason));
    }
    let event = sent.event.as_deref().map(|event| Event::new(event.as_bytes())).transpose();
    let event = event.map_err(|why| Problem::bad_request(format!("event: {why}")))?;
    let asked = sent.name.clone().ok_or_else(|| Problem::bad_request("a correction needs a name"))?;
    let name = name(event, "name", &asked)?;
    let action = sent.action(event)?;
    Ok(CorrectionOrder::Correct(CorrectionRequest { action, name, asked, event, by, reason: sent.reason }))
}

fn name(event: Option<Event>, field: &str, text: &str) -> Result<Name, Problem> {
    let name = Name::of(event.unwrap_or(Event::HIT), text);
    name.map_err(|why| Problem::bad_request(format!("{field}: {why}")))
}

impl CorrectionBody {
    /// A field that means nothing for an action was meant to change what happens.
    fn check(&self) -> Result<(), Problem> {
        let given = [
            ("name", self.name.is_some()),
            ("event", self.event.is_some()),
            ("count", self.count.is_some()),
            ("to", self.to.is_some()),
            ("from", self.from.is_some()),
            ("until", self.until.is_some()),
            ("id", self.id.is_some()),
        ];
        let known: &[&str] = match self.action.as_str() {
            "set" | "add" => &["name", "event", "count"],
            "reset" => &["name", "event", "from", "until"],
            "delete" => &["name", "event"],
            "rename" | "merge" => &["name", "event", "to"],
            "undo" => &["id"],
            _ => {
                let what = "action is set, add, reset, delete, rename, merge or undo";
                return Err(Problem::bad_request(what));
            }
        };
        match given.into_iter().find(|(field, is_given)| *is_given && !known.contains(field)) {
            Some((field, _)) => {
                let what = format!("{} has {} and reason, and no {field}", self.action, known.join(", "));
                Err(Problem::bad_request(what))
            }
            None => Ok(()),
        }
    }

    fn action(&self, event: Option<Event>) -> Result<CorrectionAction, Problem> {
        let count = || self.count.ok_or_else(|| Problem::bad_request("this action needs a count"));
        let to = || {
            let to =
                self.to.as_deref().ok_or_else(|| Problem::bad_request("this action needs to: a name"))?;
            name(event, "to", to)
        };
        Ok(match self.action.as_str() {
            "set" => match count()? {
                count @ 0.. => CorrectionAction::Set(count),
                _ => return Err(Problem::bad_request("count is not negative here")),
            },
            "add" => CorrectionAction::Add(count()?),
            "delete" => CorrectionAction::Delete,
            "rename" => CorrectionAction::Rename(to()?),
            "merge" => CorrectionAction::Merge(to()?),
            _ if self.from.is_none() && self.until.is_none() => CorrectionAction::Reset(None),
            _ => {
                let stretch = TimeStretch::read(self.from.as_deref(), self.until.as_deref());
                let wrong = |why| Problem::bad_request(format!("from and until: {why}"));
                CorrectionAction::Reset(Some(stretch.map_err(wrong)?))
            }
        })
    }
}

impl From<NotCorrected> for Problem {
    fn from(why: NotCorrected) -> Problem {
        let status = match why {
            NotCorrected::Missing(_) => StatusCode::NOT_FOUND,
            NotCorrected::Changing(_) => StatusCode::CONFLICT,
            NotCorrected::Refused(_) | NotCorrected::OtherBody => StatusCode::UNPROCESSABLE_ENTITY,
            NotCorrected::Unavailable(_) | NotCorrected::Unknown(_) | NotCorrected::InPart(..) => {
                report::failed("a correction", &why);
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let error = match why {
            // The store's error may contain addresses; it is in the log.
            NotCorrected::Unavailable(_) => "the store takes nothing now; nothing was changed".to_owned(),
            NotCorrected::Unknown(_) => {
                "the store did not answer: send it again with the same Idempotency-Key; without one, \
                 GET /api/v1/corrections says whether it was done"
                    .to_owned()
            }
            NotCorrected::InPart(done, _) => {
                format!("{done} are done, and then the store took nothing: send it again")
            }
            other => other.to_string(),
        };
        Problem::new(status, error)
    }
}
