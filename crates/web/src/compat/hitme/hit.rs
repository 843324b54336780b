//! `POST /hit` counts an address; `GET /hit` answers its counts.

use super::{
    answer::{FRESH, HitmeProblem, answer},
    buckets::{RangeCounts, Ranges},
    query::HitmeQuery,
};
use crate::{auth::Peer, body, error::Problem, state::App};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde::{Serialize, Serializer};
use std::{sync::Arc, time::Duration};
use tallymark_core::{Event, Hit, Name, NameRef, Now, When};

/// The largest body: the longest address, each byte of it as `\u00xx` or `%xx`.
const MOST_BODY: usize = 16 * 1024;
/// How long the store may take for the counts of one address.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// How often the store is read again if counts arrived in the meantime, and the pause in between.
const ATTEMPTS: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);

const COUNTED: &str = r#"{"status":"OK"}"#;

/// `POST /hit`. The store is not asked, and only the body is waited for.
pub(super) async fn count(
    State(app): State<Arc<App>>,
    peer: Peer,
    request: Request,
) -> Result<Response, HitmeProblem> {
    let (head, body) = request.into_parts();
    let body = body::read(&head.headers, body, MOST_BODY, None).await?;
    count_one(&app, &head.uri, (peer, &head.headers), &body)?;
    Ok(answer(StatusCode::OK, COUNTED))
}

fn count_one(app: &App, uri: &Uri, (peer, sent): (Peer, &HeaderMap), body: &[u8]) -> Result<(), Problem> {
    let query = HitmeQuery::form(uri.query().unwrap_or_default().as_bytes());
    let asked = if is_json(sent) { HitmeQuery::json(body)? } else { HitmeQuery::form(body) }.or(query);
    let url = asked.url()?;
    let at = asked.at((app.now)())?;
    let hit = Hit::one(Event::URL, url, When::Minute(at.minute()));
    let requester = app.requester((peer, sent));
    app.counter.note(&Hit { client: app.client(sent), requester, ..hit });
    Ok(())
}

fn is_json(sent: &HeaderMap) -> bool {
    let kind = sent.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    kind.get(..16).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/json"))
}

/// `GET /hit`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    uri: Uri,
    sent: HeaderMap,
) -> Result<Response, HitmeProblem> {
    app.access.may_list(&sent)?;
    let asked = HitmeQuery::form(uri.query().unwrap_or_default().as_bytes());
    let url = asked.url()?;
    let at = asked.at((app.now)())?;
    let counts = tokio::time::timeout(STORE_PATIENCE, counts(&app, url, at)).await;
    let counts = counts.unwrap_or_else(|_| Err(Problem::unavailable()))?;
    let shown = HitAnswer {
        status: "OK",
        url: url.as_str(),
        all_time: Count(counts.all),
        last_month: Count(counts.month),
        last_week: Count(counts.week),
        last_day: Count(counts.day),
        last_hour: Count(counts.hour),
        last_minute: Count(counts.minute),
    };
    // Text and numbers always serialize.
    let mut answer = answer(StatusCode::OK, serde_json::to_string(&shown).unwrap_or_default());
    answer.headers_mut().extend(FRESH);
    Ok(answer)
}

/// What the store has, plus what waits for it here: a client that has counted an address sees its hit.
async fn counts(app: &App, url: NameRef<'_>, at: Now) -> Result<RangeCounts, Problem> {
    let (buckets, name) = (Ranges::of(at.minute(), app.hitme_zone), Name::from(url));
    let read = || async {
        let read = buckets.read(&*app.store, &name).await;
        read.map_err(|error| Problem::store("reading counts for GET /hit", &error))
    };
    for _ in 0..ATTEMPTS {
        let before = app.counter.waiting(url);
        let mut counts = match before {
            Some(_) => read().await?,
            None => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let after = app.counter.waiting(url);
        if let (Some(before), Some(after)) = (before, after)
            && before.epoch == after.epoch
        {
            after.cells.iter().for_each(|&(when, count)| buckets.add(&mut counts, when, count));
            return Ok(counts);
        }
    }
    // The store accepts nothing, or changes all the time: its counts are at most a tick old.
    read().await
}

/// A count as HitMe wrote it: text, or the number 0.
struct Count(i64);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_u8(0),
            count => serializer.collect_str(&count),
        }
    }
}

#[derive(Serialize)]
struct HitAnswer<'a> {
    status: &'a str,
    url: &'a str,
    all_time: Count,
    last_month: Count,
    last_week: Count,
    last_day: Count,
    last_hour: Count,
    last_minute: Count,
}
