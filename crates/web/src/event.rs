//! The event that a request asks for. One that was never counted is refused, because a picture of it would show 0 after
//! a typing mistake: `event=likes`. Badges, charts and pages call it; the API takes any event.

use crate::{query::Query, state::App};
use axum::http::Uri;
use std::collections::BTreeSet;
use tallymark_core::{Event, nearest};

/// What the program counts by itself, also before the first one.
const OWN: [Event; 5] = [Event::HIT, Event::VISIT, Event::LIKE, Event::UNLIKE, Event::URL];

/// The events that people ask for. The message lists those of them that were counted, and this many others in addition.
const USUAL: [Event; 3] = [Event::HIT, Event::VISIT, Event::LIKE];
const MOST_TOLD: usize = 3;

/// The event that says how long a name may be. One that is none is refused with the rest of the query.
pub(crate) fn of_name(uri: &Uri) -> Event {
    Query::of(uri).event().unwrap_or(Event::HIT)
}

/// Reads `event`; `hit` by default.
///
/// # Errors
///
/// What to write instead: there is no such event.
pub(crate) async fn asked(app: &App, query: Query<'_>) -> Result<Event, String> {
    match query.text("event") {
        None => Ok(Event::HIT),
        Some(word) => known(app, &word).await,
    }
}

/// Reads one event, as [`asked`].
pub(crate) async fn known(app: &App, word: &str) -> Result<Event, String> {
    let event = match Event::new(word.as_bytes()) {
        Ok(event) => event,
        Err(why) => {
            let stored = app.store.events().await.unwrap_or_default();
            return Err(meant(app, &stored, word).unwrap_or(why.to_string()));
        }
    };
    if OWN.contains(&event) || app.events.contains(&event) || app.rankings.has(event) {
        return Ok(event);
    }
    // The rankings learn of a new event a little later. A store that is away says so when its counts are read.
    let Ok(stored) = app.store.events().await else { return Ok(event) };
    if stored.contains(&event) {
        return Ok(event);
    }
    Err(match meant(app, &stored, event.as_str()) {
        Some(meant) => meant,
        None => {
            let is_counted = |known: &&Event| **known == Event::HIT || stored.contains(known);
            let others: BTreeSet<Event> =
                stored.iter().copied().filter(|other| !OWN.contains(other)).collect();
            let usual = USUAL.iter().filter(is_counted);
            let words: Vec<&str> = usual.chain(others.iter().take(MOST_TOLD)).map(Event::as_str).collect();
            format!("event={event} was never counted: use {}", words.join(", "))
        }
    })
}

/// What a word was probably meant to be.
fn meant(app: &App, stored: &[Event], word: &str) -> Option<String> {
    let words: Vec<&str> = OWN.iter().chain(&app.events).chain(stored).map(Event::as_str).collect();
    let near = nearest(&word.to_ascii_lowercase(), &words)?;
    Some(format!("event={word}: did you mean {near}?"))
}
