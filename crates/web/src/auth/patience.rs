//! Limits the wrong tokens that one address may send: ten in a row, then one every six seconds.
//!
//! A token has at least 16 characters and cannot be guessed; the limit keeps attempts from filling a log or a core. The
//! memory is a table of fixed size. Addresses share its places by a hash with a key of this process, so it holds no
//! address, and many addresses gain at most as many attempts as there are places.

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;
use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many wrong tokens one may send in a row.
const ROW: u32 = 10;
/// How long one of them weighs.
const EACH: Duration = Duration::from_secs(6);
const PLACES: usize = 1024;

/// Where a request comes from, as far as the connection says; put beside it by `server::connection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

/// For each place, when the last of its wrong tokens will weigh no more.
pub(crate) struct Patience {
    places: Mutex<Vec<Option<Instant>>>,
    hasher: RandomState,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { places: Mutex::new(vec![None; PLACES]), hasher: RandomState::new() }
    }
}

impl Peer {
    /// Who asks. A proxy that is trusted says for whom it does, in the last word of X-Forwarded-For; the word before it is
    /// what a proxy in front of that one said, and so on to the first that is not trusted, who might say anything. Who
    /// comes over a unix socket was let in by the file system.
    pub(crate) fn of(beside: &Extensions, sent: &HeaderMap, proxies: &[IpNet]) -> Peer {
        let trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address.to_canonical()));
        let mut client = beside.get::<Peer>().and_then(|peer| peer.0);
        let lines = sent.get_all("x-forwarded-for").iter().rev();
        for word in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')) {
            if client.is_some_and(|address| !trusted(address)) {
                break;
            }
            let Some(told) = address(word.trim()) else { break };
            client = Some(told);
        }
        Peer(client)
    }

    /// What counts as one: of IPv6 a whole /64, which everybody has.
    fn network(self) -> Option<IpAddr> {
        match self.0.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(address)) => Some(IpAddr::V6((u128::from(address) >> 64 << 64).into())),
            other => other,
        }
    }
}

/// An address as proxies write it: with or without a port.
fn address(word: &str) -> Option<IpAddr> {
    let with_port = || word.parse::<SocketAddr>().map(|at| at.ip());
    word.parse().or_else(|_| with_port()).ok()
}

impl Patience {
    /// Whether a token from there is looked at; if not, how long to wait.
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
        // Two that were looked at together are no reason to wait for ever.
        places[place] = Some((from + EACH).min(now + EACH * ROW));
    }

    fn place(&self, peer: Peer) -> usize {
        self.hasher.hash_one(peer.network()) as usize % PLACES
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
        // Another address has a place of its own, but for one in a thousand.
        let others = (1..20).map(|n| Peer(Some([198, 51, 100, n].into())));
        assert!(others.filter(|&other| patience.may_try_at(other, now).is_ok()).count() > 10);
    }

    fn peer(connection: Option<&str>, lines: &[&str], proxies: &[&str]) -> Option<String> {
        let mut beside = Extensions::new();
        beside.insert(Peer(connection.map(|address| address.parse().unwrap())));
        let mut sent = HeaderMap::new();
        for line in lines {
            sent.append("x-forwarded-for", line.parse().unwrap());
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().unwrap()).collect();
        Peer::of(&beside, &sent, &proxies).0.map(|address| address.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_says_for_whom_it_asks() {
        let local = ["127.0.0.0/8", "::1/128"];
        let many = ["127.0.0.0/8", "10.0.0.0/8"];
        for (connection, lines, proxies, client) in [
            (Some("127.0.0.1"), &["6.6.6.6, 192.0.2.1"][..], &local[..], "192.0.2.1"),
            (Some("127.0.0.1"), &["6.6.6.6", "192.0.2.1"], &local, "192.0.2.1"),
            (Some("::1"), &["192.0.2.1:4711"], &local, "192.0.2.1"),
            (Some("::ffff:127.0.0.1"), &["[2001:db8::1]:4711"], &local, "2001:db8::1"),
            (None, &["6.6.6.6, 192.0.2.1"], &local, "192.0.2.1"),
            // Nobody who is not trusted is believed, however long the line.
            (Some("203.0.113.9"), &["192.0.2.1"], &local, "203.0.113.9"),
            (Some("127.0.0.1"), &["192.0.2.1"], &[], "127.0.0.1"),
            (Some("127.0.0.1"), &["6.6.6.6, 127.0.0.1, 203.0.113.9"], &local, "203.0.113.9"),
            // A proxy behind a proxy, also when each writes a header of its own.
            (Some("127.0.0.1"), &["6.6.6.6, 192.0.2.1, 10.1.2.3"], &many, "192.0.2.1"),
            (Some("10.0.0.2"), &["192.0.2.1", "10.1.2.3"], &many, "192.0.2.1"),
            // All are proxies: the first one.
            (Some("127.0.0.1"), &["10.9.9.9, 10.1.2.3"], &many, "10.9.9.9"),
            // What is no address says nothing, and nothing before it is believed.
            (Some("127.0.0.1"), &["192.0.2.1, unknown"], &local, "127.0.0.1"),
            (Some("127.0.0.1"), &[""], &local, "127.0.0.1"),
            (Some("127.0.0.1"), &[], &local, "127.0.0.1"),
        ] {
            assert_eq!(peer(connection, lines, proxies).as_deref(), Some(client), "{connection:?} {lines:?}");
        }
        assert_eq!(peer(None, &[], &local), None);
    }

    #[test]
    fn one_house_is_one_address() {
        let of_one_house = |text: &str| Peer(text.parse().ok()).network();
        assert_eq!(of_one_house("2001:db8::1"), of_one_house("2001:db8::ffff:1"));
        assert_ne!(of_one_house("2001:db8::1"), of_one_house("2001:db8:0:1::1"));
        assert_eq!(of_one_house("::ffff:192.0.2.1"), of_one_house("192.0.2.1"));
    }
}
