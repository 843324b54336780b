//! The cards that were drawn in the last second, by their address: a popular README costs one drawing a second. Called
//! for every card; errors and cards with long addresses are not kept.

use axum::{body::Bytes, http::HeaderValue};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a card may be shown. New statistics come every few minutes.
const FRESH: Duration = Duration::from_secs(1);
/// So many are kept at most, and only short addresses.
const MOST: usize = 512;
const LONGEST: usize = 512;

/// Cards by the path and query of their address, with the time at which they were drawn.
#[derive(Default)]
pub(crate) struct DrawnCards(Mutex<HashMap<String, CardInMemory>>);

struct CardInMemory {
    at: Instant,
    card: Bytes,
    /// The notes about it.
    why: HeaderValue,
}

impl CardInMemory {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

impl DrawnCards {
    pub(crate) fn find(&self, address: &str) -> Option<(Bytes, HeaderValue)> {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = drawn.get(address).filter(|drawn| drawn.is_fresh());
        found.map(|drawn| (drawn.card.clone(), drawn.why.clone()))
    }

    pub(crate) fn put(&self, address: &str, card: Bytes, why: HeaderValue) {
        if address.len() > LONGEST {
            return;
        }
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() >= MOST {
            drawn.retain(|_, drawn| drawn.is_fresh());
        }
        if drawn.len() < MOST {
            drawn.insert(address.to_owned(), CardInMemory { at: Instant::now(), card, why });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_found_by_their_address_and_bounded() {
        let drawn = DrawnCards::default();
        let why = HeaderValue::from_static("said");
        for at in 0..2 * MOST {
            drawn.put(&format!("/api?username=u{at}"), Bytes::from_static(b"<svg/>"), why.clone());
        }
        drawn.put(&"x".repeat(LONGEST + 1), Bytes::new(), why.clone());
        assert_eq!(drawn.0.lock().unwrap().len(), MOST);
        assert!(drawn.find("/api?username=u").is_none());
        let (first, ..) = drawn.0.lock().unwrap().iter().next().map(|(key, _)| (key.clone(),)).unwrap();
        assert_eq!(drawn.find(&first).unwrap(), (Bytes::from_static(b"<svg/>"), why.clone()));
        let old = Instant::now().checked_sub(2 * FRESH).unwrap();
        drawn.0.lock().unwrap().values_mut().for_each(|drawn| drawn.at = old);
        assert!(drawn.find(&first).is_none());
        drawn.put("/api", Bytes::new(), why);
        assert_eq!(drawn.0.lock().unwrap().len(), 1, "the old ones made room");
    }
}
