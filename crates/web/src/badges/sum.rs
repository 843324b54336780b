//! `/sum.svg`: the total of many names on one badge, by patterns (`of=octo/*`) or by a group of the configuration
//! (`group=site`). It counts nothing, also behind nginx.
//!
//! Which names match is looked up in the rankings where they hold every name, else in the store, for a bounded time and
//! one request at a time, and remembered for a while.

use super::{
    dress::{Dress, echo},
    figures::Figures,
    parameters::{AnswerKind, check},
};
use crate::{error::Problem, event, headers, query::Query, state::App};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::get,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_badge::{Color, render};
use tallymark_core::{Event, Glob, Name, Period, nearest};
use tallymark_store::{Filter, StoreError};
use tokio::sync::Semaphore;

/// More names are not summed up.
const MOST: usize = 1000;
/// More patterns are not taken from an address.
const MOST_PATTERNS: usize = 10;
/// The time for looking through the names of a store.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the names of a pattern are taken as known, and of how many patterns.
const GOOD: Duration = Duration::from_secs(30);
const REMEMBERED: usize = 64;
const UNCOUNTED: &str = "not counted: a sum";
/// The same of a pattern that was perhaps misspelt: its 0 is no number of anything.
const OF_NOTHING: &str = "not counted: a sum; nothing is counted under these names";
/// `lightgrey` of shields.io.
const GREY: Color = Color::rgb(0x93, 0x93, 0x93);

/// The names of patterns, as they were found.
#[derive(Default)]
struct KnownMembers(Mutex<Vec<FoundMembers>>);

struct FoundMembers {
    event: Event,
    pattern: Glob,
    at: Instant,
    names: Arc<Vec<Name>>,
}

impl FoundMembers {
    fn is_of(&self, event: Event, pattern: &Glob) -> bool {
        self.event == event && self.pattern == *pattern
    }
}

/// One request looks through a store at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// The route.
pub(crate) fn routes(app: Arc<App>) -> Router {
    Router::new().route("/sum.svg", get(show)).with_state((app, Arc::new(KnownMembers::default())))
}

async fn show(
    State((app, known)): State<(Arc<App>, Arc<KnownMembers>)>,
    uri: Uri,
    sent: HeaderMap,
) -> Response {
    match draw(&app, &known, Query::of(&uri), &sent).await {
        Ok((picture, why)) => headers::picture(StatusCode::OK, picture, why),
        Err(problem) => problem.picture(UNCOUNTED),
    }
}

async fn draw(
    app: &App,
    known: &KnownMembers,
    query: Query<'_>,
    sent: &HeaderMap,
) -> Result<(String, &'static str), Problem> {
    let bad = |why: String| Problem::bad_request(why);
    check(query, AnswerKind::Sum).map_err(bad)?;
    let (event, look) = (event::asked(app, query).await.map_err(bad)?, app.look.load());
    let figures = Figures::read(query, event).map_err(bad)?;
    let dress = Dress::read(query, &look).map_err(bad)?;
    let patterns = patterns(app, query, sent)?;
    // The names of a group are the operator's.
    let may_be_list = query.get("of").is_some();
    let names = members(app, known, event, &patterns, may_be_list).await?;
    let sum = sum(app, event, &names).await;
    let sum = sum.map_err(|error| Problem::store("reading the totals of a sum", &error))?;
    let said = figures.say(&[sum], &dress, &look.label);
    // An exact name is there even if it was never counted, so it does not show that anything was found.
    let is_of_nothing = sum == 0 && names.iter().all(|name| patterns.iter().any(|one| is_whole(one, name)));
    let why = if is_of_nothing { OF_NOTHING } else { UNCOUNTED };
    if let Some(digits) = dress.digits() {
        return Ok((digits.draw(&figures, &[sum], &said, dress.label()), why));
    }
    let mut badge = look.badge(&said.value);
    dress.put_on(&mut badge, &said.label);
    if is_of_nothing {
        badge.color = GREY;
    }
    Ok((render(&badge), why))
}

fn is_whole(pattern: &Glob, name: &Name) -> bool {
    pattern.is_exact() && pattern.as_str() == name.as_str()
}

async fn sum(app: &App, event: Event, names: &[Name]) -> Result<i64, StoreError> {
    Ok(app.store.totals(event, names).await?.into_iter().fold(0, i64::saturating_add))
}

/// What the address asks for. Patterns of its own would tell which names there are, so they need the right to see lists.
fn patterns(app: &App, query: Query<'_>, sent: &HeaderMap) -> Result<Vec<Glob>, Problem> {
    if let Some(group) = query.text("group") {
        if query.get("of").is_some() {
            return Err(Problem::bad_request("a sum is of a group or of names: leave out group or of"));
        }
        let found = app.groups.iter().find(|known| known.name == group);
        let found =
            found.ok_or_else(|| Problem::bad_request("there is no such [[group]] in the configuration"));
        return found.map(|group| group.members.clone());
    }
    let texts: Vec<Vec<u8>> = query.all("of").collect();
    if texts.len() > MOST_PATTERNS {
        let what = format!("of is given {} times, and {MOST_PATTERNS} are the most", texts.len());
        return Err(Problem::bad_request(what));
    }
    if texts.is_empty() {
        // A word of two letters is too short for `check`, and needed here.
        if let Some((key, _)) = query.raw().find(|(key, _)| nearest(key, &["of"]).is_some()) {
            return Err(Problem::bad_request(format!("{}: did you mean of?", echo(key))));
        }
        let what = format!("add ?of=OWNER/* (up to {MOST_PATTERNS} of them) or ?group=NAME to the address");
        return Err(Problem::bad_request(what));
    }
    app.access.may_list(sent)?;
    let glob = |bytes: &Vec<u8>| {
        let text = std::str::from_utf8(bytes).map_err(|_| "of: its bytes are not UTF-8".to_owned())?;
        Glob::new(text).map_err(|why| format!("of: {why}"))
    };
    texts.iter().map(glob).collect::<Result<_, _>>().map_err(|why: String| Problem::bad_request(why))
}

/// A comma may be part of a name, and is more often a mistake: `show` takes several words so.
fn no_list(pattern: &Glob) -> Problem {
    let parts: Vec<String> = pattern.as_str().split(',').map(|part| format!("of={}", part.trim())).collect();
    Problem::bad_request(format!("nothing is called {}: write {}", pattern.as_str(), parts.join("&")))
}

/// The names that match any of them.
async fn members(
    app: &App,
    known: &KnownMembers,
    event: Event,
    patterns: &[Glob],
    may_be_list: bool,
) -> Result<Vec<Name>, Problem> {
    let mut names = BTreeSet::new();
    for pattern in patterns {
        let found = match pattern.is_exact() {
            true => {
                let name = Name::of(event, pattern.as_str());
                Arc::new(vec![name.map_err(|why| Problem::bad_request(format!("of: {why}")))?])
            }
            false => matching(app, known, event, pattern).await?,
        };
        if may_be_list && pattern.as_str().contains(',') {
            let sum = sum(app, event, &found).await;
            if sum.map_err(|error| Problem::store("reading the totals of a sum", &error))? == 0 {
                return Err(no_list(pattern));
            }
        }
        names.extend(found.iter().cloned());
        if names.len() > MOST {
            return Err(too_many(pattern));
        }
    }
    Ok(names.into_iter().collect())
}

fn too_many(pattern: &Glob) -> Problem {
    Problem::bad_request(format!("more than {MOST} names match {}", pattern.as_str()))
}

async fn matching(
    app: &App,
    known: &KnownMembers,
    event: Event,
    pattern: &Glob,
) -> Result<Arc<Vec<Name>>, Problem> {
    let ranked = app.rankings.top(event, Period::All);
    // All names there are, in memory.
    if let Some(ranking) = ranked.filter(|ranking| !ranking.is_full() && !ranking.is_late((app.now)())) {
        let all = ranking.entries.iter().map(|(name, _)| name);
        let names: Vec<Name> = all.filter(|name| pattern.matches(name.as_str())).cloned().collect();
        return Ok(Arc::new(names));
    }
    if let Some(names) = known.find(event, pattern) {
        return Ok(names);
    }
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many sums are asked for; try again");
    let turn = tokio::time::timeout(PATIENCE, TURN.acquire()).await;
    let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let slow = |_| {
        let what = format!("too many names to look through for {}", pattern.as_str());
        Problem::bad_request(what + ": a [[group]] with whole names needs no search")
    };
    let found = tokio::time::timeout(PATIENCE, find(app, event, pattern)).await.map_err(slow)?;
    let found = found.map_err(|error| Problem::store("looking for the names of a sum", &error))?;
    let names = Arc::new(found.ok_or_else(|| too_many(pattern))?);
    known.put(event, pattern, &names);
    Ok(names)
}

/// `None` if there are too many.
async fn find(app: &App, event: Event, pattern: &Glob) -> Result<Option<Vec<Name>>, StoreError> {
    let filter = Filter { prefix: pattern.prefix().to_owned(), contains: String::new() };
    let (mut names, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = app.store.find(event, &filter, next.as_deref(), MOST).await?;
        names.extend(page.names.into_iter().filter(|name| pattern.matches(name.as_str())));
        next = page.next;
        if names.len() > MOST {
            return Ok(None);
        }
        if next.is_none() {
            return Ok(Some(names));
        }
    }
}

impl KnownMembers {
    fn find(&self, event: Event, pattern: &Glob) -> Option<Arc<Vec<Name>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|found| found.is_of(event, pattern) && found.at.elapsed() < GOOD);
        found.map(|found| found.names.clone())
    }

    /// The oldest makes room.
    fn put(&self, event: Event, pattern: &Glob, names: &Arc<Vec<Name>>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|found| !found.is_of(event, pattern) && found.at.elapsed() < GOOD);
        if known.len() >= REMEMBERED {
            known.remove(0);
        }
        let (pattern, names) = (pattern.clone(), names.clone());
        known.push(FoundMembers { event, pattern, at: Instant::now(), names });
    }
}
