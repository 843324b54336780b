//! The cards that were drawn in the last second, by their address: a README that many look at costs one drawing a second.
//! Called for every card; what is no card, or a long address, is not kept.

use axum::body::Bytes;
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
pub(crate) struct DrawnCards(Mutex<HashMap<String, (Instant, Bytes)>>);

impl DrawnCards {
    pub(crate) fn find(&self, address: &str) -> Option<Bytes> {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.get(address).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, card)| card.clone())
    }

    pub(crate) fn put(&self, address: &str, card: Bytes) {
        if address.len() > LONGEST {
            return;
        }
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() >= MOST {
            drawn.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if drawn.len() < MOST {
            drawn.insert(address.to_owned(), (Instant::now(), card));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_found_by_their_address_and_bounded() {
        let drawn = DrawnCards::default();
        for at in 0..2 * MOST {
            drawn.put(&format!("/api?username=u{at}"), Bytes::from_static(b"<svg/>"));
        }
        drawn.put(&"x".repeat(LONGEST + 1), Bytes::new());
        assert_eq!(drawn.0.lock().unwrap().len(), MOST);
        assert!(drawn.find("/api?username=u").is_none());
        let (first, ..) = drawn.0.lock().unwrap().iter().next().map(|(key, _)| (key.clone(),)).unwrap();
        assert_eq!(drawn.find(&first).unwrap_or_default(), b"<svg/>".as_slice());
        let old = Instant::now().checked_sub(2 * FRESH).unwrap();
        drawn.0.lock().unwrap().values_mut().for_each(|(at, _)| *at = old);
        assert!(drawn.find(&first).is_none());
        drawn.put("/api", Bytes::new());
        assert_eq!(drawn.0.lock().unwrap().len(), 1, "the old ones made room");
    }
}
