//! `POST /api/v1/hits`: accepts counts from programs and answers once they are in the store.
//!
//! A token is required. Without a configured token no client can write, not even over loopback: a proxy in front
//! connects from there for everyone.

use super::{
    answer::{Answer, Api, json},
    item::Item,
    writing::{for_the_writer_alone, key, may_write, media_type},
};
use crate::{
    body,
    error::{Problem, not_json, report},
    state::App,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tallymark_core::{
    ClientClass, Committed, Counts, Entry, Event, Hit, Name, NameRef, NotAName, NotCommitted, Now, Once,
    Reject, Requester, Status, StatusCount, Visit, Visits, When, keep_last,
};

/// The maximum number of items in one request.
const ITEMS: usize = 10_000;
/// The largest count of one item.
const COUNT: u64 = 1_000_000;
/// How far ahead of our clock a time may be.
const AHEAD_MS: i64 = 600_000;

/// An item that does not count: the reason for the metrics, and in words.
struct RefusedItem {
    reject: Reject,
    why: String,
}

#[derive(Serialize)]
struct Receipt {
    accepted: usize,
    rejected: usize,
    duplicate: bool,
    results: Vec<Verdict>,
}

/// The result of one item.
#[derive(Serialize)]
struct Verdict {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The same, if nothing was counted.
#[derive(Serialize)]
struct Refusal {
    error: &'static str,
    results: Vec<Verdict>,
}

/// What the lines of a body are.
#[derive(Clone, Copy)]
enum Form {
    Array,
    Lines,
}

pub(super) async fn take(State(api): State<Arc<Api>>, uri: Uri, sent: HeaderMap, body: Body) -> Response {
    for_the_writer_alone(handle(&api, &uri, &sent, body).await)
}

async fn handle(api: &Api, uri: &Uri, sent: &HeaderMap, body: Body) -> Answer {
    may_write(api, sent)?;
    if uri.query().is_some_and(|query| !query.is_empty()) {
        // One that is ignored might have been meant to change what is counted.
        return Err(Problem::bad_request(
            "there are no parameters here: event, time and the like are keys of an item",
        ));
    }
    let form = form(sent)?;
    let key = key(sent)?;
    let body = body::read(sent, body, api.app.body_bytes, Some("[limits] body-bytes")).await?;
    let items = items(form, &body).inspect_err(|_| api.app.ledger.tell(&[Err(Reject::Json)]))?;
    if items.len() > ITEMS {
        return Err(Problem::bad_request(format!("at most {ITEMS} items in one request")));
    }
    let now = (api.app.now)();
    let counted: Vec<Result<CountedItem, RefusedItem>> =
        items.into_iter().map(|item| item.and_then(|item| counted(&api.app, item, now))).collect();
    let mut visits: BTreeMap<(Event, Name), Vec<Visit>> = BTreeMap::new();
    let (mut entries, mut statuses, mut fates, mut results) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for item in counted {
        fates.push(item.as_ref().map(|_| ()).map_err(|refused| refused.reject));
        match item {
            Ok(CountedItem { entry, status, visit }) => {
                if let Some(visit) = visit.filter(|_| api.app.visits.of(entry.event) > 0) {
                    let of_name = visits.entry((entry.event, entry.name.clone())).or_default();
                    of_name.push(visit);
                    keep_last(of_name, api.app.visits.last);
                }
                entries.push(entry);
                statuses.extend(status);
                results.push(Verdict { ok: true, error: None });
            }
            Err(refused) => results.push(Verdict { ok: false, error: Some(refused.why) }),
        }
    }
    let of_name = |((event, name), last)| Visits { event, name, last };
    let visits = visits.into_iter().map(of_name).collect();
    let (asked, accepted) = (results.len(), entries.len());
    if accepted == 0 && asked > 0 {
        api.app.ledger.tell(&fates);
        let error = "no item could be counted; results says why, for each";
        return Ok(json(StatusCode::BAD_REQUEST, &Refusal { error, results }));
    }
    let once = key.map(|key| Once { key, body: &body });
    let counts = Counts { visits, ..Counts::folded(entries, statuses) };
    let committed = api.app.ledger.commit(once, counts).await;
    let fate = match committed {
        Ok(Committed::Now) => Ok(()),
        Ok(Committed::Before) => Err(Reject::Duplicate),
        Err(_) => Err(Reject::Uncommitted),
    };
    fates.iter_mut().filter(|of_item| of_item.is_ok()).for_each(|of_item| *of_item = fate);
    api.app.ledger.tell(&fates);
    let duplicate = committed? == Committed::Before;
    Ok(json(StatusCode::OK, &Receipt { accepted, rejected: asked - accepted, duplicate, results }))
}

fn form(sent: &HeaderMap) -> Result<Form, Problem> {
    match &*media_type(sent) {
        "application/json" => Ok(Form::Array),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Lines),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send Content-Type: application/json with an array, or application/x-ndjson with a line for each item",
        )),
    }
}

/// The items, each valid or not; an error if not even their number is known.
fn items(form: Form, body: &[u8]) -> Result<Vec<Result<Item, RefusedItem>>, Problem> {
    let json = refused(Reject::Json);
    match form {
        Form::Array => {
            let values: Vec<Value> = serde_json::from_slice(body).map_err(|why| {
                let why = not_json::of(&why, 1, "put even a single item into [ ]");
                Problem::bad_request(format!("the body is not a JSON array: {why}"))
            })?;
            Ok(values.into_iter().map(|value| Item::read(value).map_err(&json)).collect())
        }
        Form::Lines => {
            let lines = body.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).zip(1..);
            let lines = lines.filter(|(line, _)| !line.is_empty()).take(ITEMS + 1);
            let item = |(line, at): (&[u8], usize)| {
                let value = serde_json::from_slice(line).map_err(|why| json(not_json::of(&why, at, "")))?;
                Item::read(value).map_err(&json)
            };
            Ok(lines.map(item).collect())
        }
    }
}

/// What one item counts.
struct CountedItem {
    entry: Entry,
    status: Option<StatusCount>,
    visit: Option<Visit>,
}

fn refused(reject: Reject) -> impl Fn(String) -> RefusedItem {
    move |why| RefusedItem { reject, why }
}

fn counted(app: &App, item: Item, now: Now) -> Result<CountedItem, RefusedItem> {
    let event = item.event.map_or(Ok(Event::HIT), |event| Event::new(event.as_bytes()));
    let event = event.map_err(|why| refused(Reject::Event)(why.to_string()))?;
    let name = NameRef::of(event, item.name.as_bytes()).map(Name::from);
    let name = name.map_err(|why| match why {
        NotAName::Empty => refused(Reject::NoName)(why.to_string()),
        _ => refused(Reject::Name)(why.to_string()),
    })?;
    let count = item.count.map_or(Some(1), |count| whole(&count)).filter(|count| (1..=COUNT).contains(count));
    let count =
        count.ok_or_else(|| refused(Reject::Weight)(format!("count is a whole number from 1 to {COUNT}")))?;
    let no_time = "time is as RFC 3339 writes it (2026-11-20T12:00:00Z), from 1970 on";
    let at = item.time.map_or(Some(now), |time| Now::parse_rfc3339(&time));
    let at = at.ok_or_else(|| refused(Reject::Time)(no_time.to_owned()))?;
    if at.unix_ms > now.unix_ms.saturating_add(AHEAD_MS) {
        return Err(refused(Reject::Date)("time is more than 10 minutes ahead".to_owned()));
    }
    let user_agent = item.user_agent.as_deref().map(str::as_bytes);
    let requester = Requester { user_agent, ..Requester::default() };
    let hit = Hit { requester, ..Hit::one(event, name.as_ref(), When::Minute(at.minute())) };
    if let Some(refusal) = app.counter.refusal(&hit) {
        return Err(refused(refusal)(refusal.explained().to_owned()));
    }
    let status = item.status.map(|status| Status::new(&status)).transpose();
    let status = status.map_err(|why| refused(Reject::Status)(why.to_string()))?;
    let month = at.day().month();
    let status = status.map(|status| StatusCount { event, name: name.clone(), month, status, count });
    let minute = at.minute();
    // Whatever it counts, it is one visit; the text is not kept.
    let class = item.user_agent.map(|text| ClientClass::of(text.as_bytes()));
    let visit = class.map(|class| Visit::new(minute, class));
    Ok(CountedItem { entry: Entry { event, name, when: When::Minute(minute), count }, status, visit })
}

/// JSON has no integer type: `3.0` is a whole number.
fn whole(number: &serde_json::Number) -> Option<u64> {
    let float = || number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=1e15).contains(n)).map(|n| n as u64);
    number.as_u64().or_else(float)
}

impl From<NotCommitted> for Problem {
    fn from(why: NotCommitted) -> Problem {
        let status = match why {
            NotCommitted::OtherBody | NotCommitted::NoRoom => StatusCode::UNPROCESSABLE_ENTITY,
            NotCommitted::Unavailable(_) | NotCommitted::Unknown(_) => {
                report::failed("counts that were handed in", &why);
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let error = match why {
            // The store's error may contain addresses; it is in the log.
            NotCommitted::Unavailable(_) => "the store takes nothing now; nothing was counted".to_owned(),
            NotCommitted::Unknown(_) => {
                "the store did not answer: send it again with the same Idempotency-Key; without \
                one, it is not known whether it was counted"
                    .to_owned()
            }
            other => other.to_string(),
        };
        Problem::new(status, error)
    }
}
