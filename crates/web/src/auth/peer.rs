//! The client: the other end of the connection, or the address given by a trusted proxy.
//!
//! Wrong tokens are counted per client (`patience`), and so are visits. The address is not stored.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;
use std::{convert::Infallible, net::IpAddr};
use tallymark_core::parse_address;

/// The peer of a request's connection, added by `server::connection`. None over a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Peer(None)))
    }
}

impl Peer {
    /// The client's address. A trusted proxy puts its client into the last word of X-Forwarded-For; the word before
    /// that comes from the proxy in front of it, and so on, up to the first address that is not trusted, which could
    /// claim anything. If there is no such word, it may be in X-Real-IP. A client on a unix socket has already passed
    /// the file permissions.
    pub(crate) fn behind(self, sent: &HeaderMap, proxies: &[IpNet]) -> Peer {
        let trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address.to_canonical()));
        let believed = |client: Option<IpAddr>| client.is_none_or(trusted);
        let mut client = self.0;
        let mut told = false;
        let lines = sent.get_all("x-forwarded-for").iter().rev();
        for word in lines.flat_map(|line| line.as_bytes().rsplit(|&b| b == b',')) {
            if !believed(client) {
                break;
            }
            let Some(address) = parse_address(word.trim_ascii()) else { break };
            (client, told) = (Some(address), true);
        }
        let mut named = sent.get_all("x-real-ip").iter();
        if let (false, true, Some(name), None) = (told, believed(client), named.next(), named.next()) {
            client = parse_address(name.as_bytes().trim_ascii()).or(client);
        }
        Peer(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(connection: Option<&str>, lines: &[&str], real: &[&str], proxies: &[&str]) -> Option<String> {
        let mut sent = HeaderMap::new();
        for line in lines {
            sent.append("x-forwarded-for", line.parse().unwrap());
        }
        for name in real {
            sent.append("x-real-ip", name.parse().unwrap());
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().unwrap()).collect();
        let peer = Peer(connection.map(|address| address.parse().unwrap()));
        peer.behind(&sent, &proxies).0.map(|address| address.to_string())
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
            // No untrusted address is believed, however long the list.
            (Some("203.0.113.9"), &["192.0.2.1"], &local, "203.0.113.9"),
            (Some("127.0.0.1"), &["192.0.2.1"], &[], "127.0.0.1"),
            (Some("127.0.0.1"), &["6.6.6.6, 127.0.0.1, 203.0.113.9"], &local, "203.0.113.9"),
            // A proxy behind a proxy, even if each writes its own header.
            (Some("127.0.0.1"), &["6.6.6.6, 192.0.2.1, 10.1.2.3"], &many, "192.0.2.1"),
            (Some("10.0.0.2"), &["192.0.2.1", "10.1.2.3"], &many, "192.0.2.1"),
            // All are proxies: the first one.
            (Some("127.0.0.1"), &["10.9.9.9, 10.1.2.3"], &many, "10.9.9.9"),
            // A word that is not an address says nothing, and nothing before it is believed.
            (Some("127.0.0.1"), &["192.0.2.1, unknown"], &local, "127.0.0.1"),
            (Some("127.0.0.1"), &[""], &local, "127.0.0.1"),
            (Some("127.0.0.1"), &[], &local, "127.0.0.1"),
        ] {
            let told = peer(connection, lines, &[], proxies);
            assert_eq!(told.as_deref(), Some(client), "{connection:?} {lines:?}");
        }
        assert_eq!(peer(None, &[], &[], &local), None);
    }

    #[test]
    fn real_ip_is_believed_of_a_trusted_proxy_that_says_nothing_else() {
        let local = ["127.0.0.0/8"];
        for (connection, lines, real, client) in [
            (Some("127.0.0.1"), &[][..], &["192.0.2.1"][..], Some("192.0.2.1")),
            (Some("127.0.0.1"), &[""], &["192.0.2.1"], Some("192.0.2.1")),
            (Some("127.0.0.1"), &["unknown"], &["192.0.2.1"], Some("192.0.2.1")),
            (None, &[], &["2001:db8::1"], Some("2001:db8::1")),
            (Some("127.0.0.1"), &["192.0.2.2"], &["6.6.6.6"], Some("192.0.2.2")),
            (Some("127.0.0.1"), &["6.6.6.6, 127.0.0.2"], &["192.0.2.1"], Some("6.6.6.6")),
            (Some("127.0.0.1"), &["192.0.2.2, 127.0.0.2"], &[], Some("192.0.2.2")),
            // Not a single address.
            (Some("127.0.0.1"), &[], &[""], Some("127.0.0.1")),
            (Some("127.0.0.1"), &[], &["192.0.2.1, 6.6.6.6"], Some("127.0.0.1")),
            (Some("127.0.0.1"), &[], &["192.0.2.1", "6.6.6.6"], Some("127.0.0.1")),
            (None, &[], &["-"], None),
            // No untrusted client is believed.
            (Some("203.0.113.9"), &[], &["6.6.6.6"], Some("203.0.113.9")),
        ] {
            assert_eq!(
                peer(connection, lines, real, &local).as_deref(),
                client,
                "{connection:?} {lines:?} {real:?}"
            );
        }
    }
}
