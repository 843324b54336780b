//! `GET /hits`: the busiest addresses of six ranges around a time.
//!
//! HitMe returned everything it had. Here a response has at most a thousand addresses per range, and its work is
//! bounded: ranges are summed on request, one request at a time, within a share of the store's time. With too many
//! addresses for that, the rankings from the background answer for the present, a few seconds old; other times get no
//! answer.

use super::{
    answer::{FRESH, HitmeProblem, answer},
    buckets::Ranges,
    query::HitmeQuery,
};
use crate::{
    error::{Problem, report},
    state::App,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::{Serialize, Serializer};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tallymark_core::{Event, Name, Now, Period, Span, calendar::Zone};
use tallymark_rankings::{MOST, Top};
use tallymark_store::{StoreError, StoreRead};
use tokio::{sync::Semaphore, time::Instant};

/// How long a list may take: if the rankings can answer instead, and if not.
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(2);
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(3);
/// After a list, the store rests from lists for this many times as long as it took, and a list of the present is reused
/// for that time.
const REST: u32 = 5;
/// The minimum time for which a list of the present is reused: a tick, by which it lags anyway.
const GOOD: Duration = Duration::from_millis(200);
/// How many addresses are summed up over several spans; some 50 MB at the worst.
const MOST_SUMS: usize = 100_000;

/// The addresses of one range with their counts, the largest first.
type Busiest = Arc<Vec<(Name, i64)>>;
/// All time, the month, the week, the day, the hour and the minute.
type Six = [Busiest; 6];

/// The state shared by requests for lists.
pub(super) struct Lists {
    turn: Arc<Semaphore>,
    /// The last list, its ranges, and until when it is reused.
    last: Mutex<Option<(Ranges, Instant, Six)>>,
}

impl Lists {
    pub(super) fn new() -> Lists {
        Lists { turn: Arc::new(Semaphore::new(1)), last: Mutex::new(None) }
    }

    fn known(&self, buckets: &Ranges) -> Option<Six> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |(of, until, _): &&(Ranges, Instant, Six)| of == buckets && *until > Instant::now();
        last.as_ref().filter(good).map(|(_, _, six)| six.clone())
    }

    /// Sums the ranges up.
    async fn make(&self, app: &App, buckets: &Ranges, patience: Duration) -> Result<Six, NotMade> {
        let turn = tokio::time::timeout(TURN, self.turn.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(NotMade::Busy) };
        // The previous request may have asked for the same list.
        if let Some(six) = self.known(buckets) {
            return Ok(six);
        }
        let begun = Instant::now();
        let made = tokio::time::timeout(patience, sum_up(&*app.store, buckets)).await;
        let rest = begun.elapsed() * REST;
        tokio::spawn(async move {
            tokio::time::sleep(rest.min(TURN / 2)).await;
            drop(turn);
        });
        match made {
            Err(_) => Err(NotMade::Late),
            Ok(Ok(None)) => Err(NotMade::TooMany),
            Ok(Err(error)) => {
                report::store("reading counts for GET /hits", &error);
                Err(NotMade::NoStore)
            }
            Ok(Ok(Some(six))) => {
                let until = Instant::now() + rest.max(GOOD);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((buckets.clone(), until, six.clone()));
                Ok(six)
            }
        }
    }
}

/// Why there is no list.
#[derive(Clone, Copy)]
enum NotMade {
    /// Other requests for lists are running.
    Busy,
    /// There are too many addresses to sum them up in time.
    TooMany,
    /// It took longer than a list may.
    Late,
    /// The store does not answer.
    NoStore,
}

impl From<NotMade> for Problem {
    fn from(why: NotMade) -> Problem {
        let error = match why {
            NotMade::Busy => "too many lists are asked for at once; try again",
            NotMade::TooMany => {
                "there are too many addresses to sum up another time than the present; ask for each with GET /hit"
            }
            NotMade::Late => {
                "the store took too long to sum this up; try again, or ask for each address with GET /hit"
            }
            NotMade::NoStore => return Problem::unavailable(),
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

/// `GET /hits`.
pub(super) async fn list(
    State((app, lists)): State<(Arc<App>, Arc<Lists>)>,
    uri: Uri,
    sent: HeaderMap,
) -> Result<Response, HitmeProblem> {
    app.access.may_list(&sent)?;
    let asked = HitmeQuery::form(uri.query().unwrap_or_default().as_bytes());
    let now = (app.now)();
    let (at, limit) = (asked.at(now)?, asked.limit(MOST)?);
    let six = busiest(&app, &lists, at, now).await?;
    let [all_time, last_month, last_week, last_day, last_hour, last_minute] =
        six.each_ref().map(|busiest| Range(&busiest[..busiest.len().min(limit)]));
    let listed = Listed { status: "OK", all_time, last_month, last_week, last_day, last_hour, last_minute };
    // Text always serializes.
    let mut answer = answer(StatusCode::OK, serde_json::to_string(&listed).unwrap_or_default());
    answer.headers_mut().extend(FRESH);
    Ok(answer)
}

async fn busiest(app: &App, lists: &Lists, at: Now, now: Now) -> Result<Six, Problem> {
    let buckets = Ranges::of(at.minute(), app.hitme_zone);
    if let Some(six) = lists.known(&buckets) {
        return Ok(six);
    }
    let ranked = ranked(app, &buckets, at, now);
    let patience = if ranked.is_some() { SHORT } else { LONG };
    match (lists.make(app, &buckets, patience).await, ranked) {
        (Ok(six), _) => Ok(six),
        // While the store is down the age of the rankings is unlimited.
        (Err(NotMade::Busy | NotMade::TooMany | NotMade::Late), Some(six)) => Ok(six),
        (Err(why), _) => Err(why.into()),
    }
}

/// The ranges of the present, in their order.
const PERIODS: [Period; 6] =
    [Period::All, Period::Month, Period::Week, Period::Day, Period::ClockHour, Period::ClockMinute];

/// The rankings, if they are for the requested ranges: they cover the current UTC ranges.
fn ranked(app: &App, buckets: &Ranges, at: Now, now: Now) -> Option<Six> {
    let present = Ranges::of(now.minute(), Zone::default());
    if *buckets != present {
        return None;
    }
    let mut six: Six = Default::default();
    for (busiest, period) in six.iter_mut().zip(PERIODS) {
        let ranking = app.rankings.top(Event::URL, period)?;
        // Shortly after a range has begun, the ranking is still for the previous one, which does not count here.
        if ranking.from == period.span(at).begin() {
            *busiest = Arc::new(ranking.entries.clone());
        }
    }
    Some(six)
}

/// `None` when there are too many addresses.
async fn sum_up(store: &dyn StoreRead, buckets: &Ranges) -> Result<Option<Six>, StoreError> {
    let mut six: Six = Default::default();
    for (busiest, spans) in six.iter_mut().zip(buckets.spans()) {
        let mut top = Top::default();
        match spans.as_slice() {
            [span] => {
                let mut next = None;
                loop {
                    let slice = store.slice(Event::URL, *span, top.floor(), next.as_deref()).await?;
                    slice.counts.into_iter().for_each(|(name, count)| top.offer(name, count));
                    next = slice.next;
                    if next.is_none() {
                        break;
                    }
                }
            }
            spans => {
                let Some(sums) = sum_of_spans(store, spans).await? else { return Ok(None) };
                sums.into_iter().for_each(|(name, count)| top.offer(name, count));
            }
        }
        *busiest = Arc::new(top.entries());
    }
    Ok(Some(six))
}

async fn sum_of_spans(
    store: &dyn StoreRead,
    spans: &[Span],
) -> Result<Option<HashMap<Name, i64>>, StoreError> {
    let mut sums: HashMap<Name, i64> = HashMap::new();
    for &span in spans {
        // A name may occur twice in one span, with counts from different moments.
        let mut of_span: HashMap<Name, i64> = HashMap::new();
        let mut next = None;
        loop {
            let slice = store.slice(Event::URL, span, 0, next.as_deref()).await?;
            of_span.extend(slice.counts);
            next = slice.next;
            if sums.len() + of_span.len() > MOST_SUMS {
                return Ok(None);
            }
            if next.is_none() {
                break;
            }
        }
        for (name, count) in of_span {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    Ok(Some(sums))
}

/// An object of addresses and their counts, in this order, as text like all of HitMe's.
struct Range<'a>(&'a [(Name, i64)]);

impl Serialize for Range<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name.as_str(), count.to_string())))
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    status: &'a str,
    all_time: Range<'a>,
    last_month: Range<'a>,
    last_week: Range<'a>,
    last_day: Range<'a>,
    last_hour: Range<'a>,
    last_minute: Range<'a>,
}
