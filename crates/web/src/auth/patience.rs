//! Limits the wrong tokens that one address may send: ten in a row, then one every six seconds.
//!
//! A token has at least 16 characters and cannot be guessed; the limit keeps attempts from filling a log or a core. The
//! memory is a table of fixed size. Addresses share its slots by a hash with a key of this process. So it contains no
//! address, and many addresses gain at most as many attempts as there are slots.

use super::Peer;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::network_of;

/// How many wrong tokens an address may send in a row.
const ROW: u32 = 10;
/// How long one of them counts.
const EACH: Duration = Duration::from_secs(6);
const PLACES: usize = 1024;

/// For each slot, when the last of its wrong tokens will no longer count.
pub(crate) struct Patience {
    places: Mutex<Vec<Option<Instant>>>,
    hasher: RandomState,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { places: Mutex::new(vec![None; PLACES]), hasher: RandomState::new() }
    }
}

impl Patience {
    /// Whether a token from there is checked; if not, how long to wait.
    pub(crate) fn may_try(&self, peer: Peer) -> Result<(), Duration> {
        self.may_try_at(peer, Instant::now())
    }

    /// A wrong token came from there.
    pub(crate) fn failed(&self, peer: Peer) {
        self.failed_at(peer, Instant::now());
    }

    fn may_try_at(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        let free = self.lock()[self.place(peer)];
        let owed = free.map_or(Duration::ZERO, |free| free.saturating_duration_since(now));
        match owed.checked_sub(EACH * (ROW - 1)) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            _ => Ok(()),
        }
    }

    fn failed_at(&self, peer: Peer, now: Instant) {
        let place = self.place(peer);
        let mut places = self.lock();
        let from = places[place].map_or(now, |free| free.max(now));
        // Two that were checked at the same time must not cause an endless wait.
        places[place] = Some((from + EACH).min(now + EACH * ROW));
    }

    fn place(&self, peer: Peer) -> usize {
        self.hasher.hash_one(peer.0.map(network_of)) as usize % PLACES
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tokens_of_one_address_are_limited_and_then_come_slowly() {
        let (patience, now) = (Patience::default(), Instant::now());
        let peer = Peer(Some([192, 0, 2, 7].into()));
        for n in 0..ROW {
            assert_eq!(patience.may_try_at(peer, now), Ok(()), "{n}");
            patience.failed_at(peer, now);
        }
        assert_eq!(patience.may_try_at(peer, now), Err(EACH));
        assert_eq!(patience.may_try_at(peer, now + EACH), Ok(()));
        patience.failed_at(peer, now + EACH);
        assert!(patience.may_try_at(peer, now + EACH).is_err());
        // Another address has its own slot, except one in a thousand.
        let others = (1..20).map(|n| Peer(Some([198, 51, 100, n].into())));
        assert!(others.filter(|&other| patience.may_try_at(other, now).is_ok()).count() > 10);
    }
}
