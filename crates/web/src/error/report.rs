//! Logs errors of requests, once a minute and kind, with how many were left out: requests during an outage of the store
//! must not fill the disk.

use std::{
    collections::HashMap,
    fmt,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tallymark_store::{Class, StoreError};

/// How long further errors of one kind are not logged.
const PAUSE: Duration = Duration::from_secs(60);

/// When each kind was last logged, and how often it was not since then. The kinds are those of the source text.
static LOGGED: LazyLock<Mutex<HashMap<&'static str, (Instant, u64)>>> = LazyLock::new(Mutex::default);

/// The store did not answer. Returns the error for the client.
pub(crate) fn store(doing: &'static str, error: &StoreError) -> &'static str {
    failed(doing, error);
    match error.class() {
        Class::Key => "a key of this counter has the wrong type in the store; the log says which",
        _ => "the store does not answer; try again",
    }
}

/// Something failed.
pub(crate) fn failed(doing: &'static str, error: &dyn fmt::Display) {
    if let Some(unlogged) = due(doing, Instant::now()) {
        tracing::warn!(%error, unlogged, "{doing}");
    }
}

/// An internal error.
pub(crate) fn broken(what: &'static str, of: &dyn fmt::Display, error: &dyn fmt::Display) {
    if let Some(unlogged) = due(what, Instant::now()) {
        tracing::error!(%of, %error, unlogged, "{what}");
    }
}

/// How many were not logged, if this one is.
fn due(kind: &'static str, now: Instant) -> Option<u64> {
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    match logged.get_mut(kind) {
        Some((at, unlogged)) if now.saturating_duration_since(*at) < PAUSE => {
            *unlogged += 1;
            None
        }
        Some((at, unlogged)) => {
            *at = now;
            Some(std::mem::take(unlogged))
        }
        None => {
            logged.insert(kind, (now, 0));
            Some(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once_a_minute_with_how_often_it_was_not() {
        let begin = Instant::now();
        let at = |kind, seconds| due(kind, begin + Duration::from_secs(seconds));
        assert_eq!([at("a", 0), at("a", 1), at("b", 1), at("a", 59)], [Some(0), None, Some(0), None]);
        assert_eq!([at("a", 60), at("a", 61), at("a", 120), at("b", 120)], [Some(2), None, Some(1), Some(0)]);
    }
}
