//! Limits how often one client can do something: a burst first, then one per interval.
//!
//! A client is its network. The memory is a table of fixed size. Networks share its slots by a hash with a key of this
//! process. So it contains no address, and many addresses gain at most as many attempts as there are slots. It limits
//! wrong tokens, which cannot be guessed but could fill a log or a core, and the requests of `client_limit`.

use super::Peer;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tallymark_core::{Allowance, network_of};

const PLACES: usize = 1024;

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
        Patience { allowance, places: Mutex::new(vec![None; PLACES]), hasher: RandomState::new() }
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
        let free = self.lock()[self.place(peer)];
        self.allowance.check(free, now)
    }

    fn failed_at(&self, peer: Peer, now: Instant) {
        let place = self.place(peer);
        let mut places = self.lock();
        places[place] = Some(self.allowance.done(places[place], now));
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
        // Another address has its own slot, except one in a thousand.
        let others = (1..20).map(|n| Peer(Some([198, 51, 100, n].into())));
        assert!(others.filter(|&other| patience.may_try_at(other, now).is_ok()).count() > 10);
    }
}
