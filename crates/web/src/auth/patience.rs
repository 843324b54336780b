//! Limits how often one client can do something: a burst first, then one per interval.
//!
//! A client is its network. The memory is a table of fixed size with two rows. A network has a slot in each, by a hash
//! with a key of this process, and is limited only if both are full: then two others share its slots, or it was the one.
//! So the table contains no address, and many addresses gain at most as many attempts as there are slots. It limits wrong
//! tokens, which cannot be guessed but could fill a log or a core, and the requests of `client_limit`.

use super::Peer;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{Allowance, network_of};

const ROWS: usize = 2;
/// Of a row.
const PLACES: usize = 4096;

/// For each slot, when the last of its attempts will no longer count.
pub(crate) struct Patience {
    /// Of each client.
    allowance: Allowance,
    places: Mutex<Vec<Option<Instant>>>,
    hasher: RandomState,
}

impl Patience {
    pub(crate) fn new(row: u32, each: Duration) -> Patience {
        let allowance = Allowance::new(row, each);
        Patience { allowance, places: Mutex::new(vec![None; ROWS * PLACES]), hasher: RandomState::new() }
    }

    /// With wrong tokens: ten in a row, then one every six seconds.
    pub(crate) fn with_wrong_tokens() -> Patience {
        Patience::new(10, Duration::from_secs(6))
    }

    /// Whether an attempt from there is allowed; if not, how long to wait.
    pub(crate) fn may_try(&self, peer: Peer) -> Result<(), Duration> {
        self.may_try_at(peer, Instant::now())
    }

    /// An attempt was made from there.
    pub(crate) fn failed(&self, peer: Peer) {
        self.failed_at(peer, Instant::now());
    }

    /// Makes an attempt, if it is allowed; if not, how long to wait.
    pub(crate) fn take(&self, peer: Peer) -> Result<(), Duration> {
        let now = Instant::now();
        self.may_try_at(peer, now)?;
        self.failed_at(peer, now);
        Ok(())
    }

    fn may_try_at(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        let known = self.lock();
        let least = self.places(peer).into_iter().map(|place| known[place]).min().flatten();
        self.allowance.check(least, now)
    }

    fn failed_at(&self, peer: Peer, now: Instant) {
        let mut known = self.lock();
        for place in self.places(peer) {
            known[place] = Some(self.allowance.done(known[place], now));
        }
    }

    fn places(&self, peer: Peer) -> [usize; ROWS] {
        let network = peer.0.map(network_of);
        std::array::from_fn(|row| row * PLACES + self.hasher.hash_one((row, network)) as usize % PLACES)
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
        let (patience, now) = (Patience::with_wrong_tokens(), Instant::now());
        let (peer, each) = (Peer(Some([192, 0, 2, 7].into())), Duration::from_secs(6));
        for n in 0..10 {
            assert_eq!(patience.may_try_at(peer, now), Ok(()), "{n}");
            patience.failed_at(peer, now);
        }
        assert_eq!(patience.may_try_at(peer, now), Err(each));
        assert_eq!(patience.may_try_at(peer, now + each), Ok(()));
        patience.failed_at(peer, now + each);
        assert!(patience.may_try_at(peer, now + each).is_err());
        // Another address has slots of its own.
        let mut others = (1..200).map(|n| Peer(Some([198, 51, 100, n].into())));
        assert!(others.all(|other| patience.may_try_at(other, now).is_ok()));
        // One slot in common with a client that is limited is no limit; both are.
        let patience = Patience::with_wrong_tokens();
        let other = Peer(Some([203, 0, 113, 1].into()));
        let full = Some(now + 10 * each);
        for (place, is_allowed) in patience.places(other).into_iter().zip([true, false]) {
            patience.lock()[place] = full;
            assert_eq!(patience.may_try_at(other, now).is_ok(), is_allowed);
        }
    }
}
