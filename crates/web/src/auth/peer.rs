//! Who asks: the other end of the connection, or whom a proxy that is trusted names.
//!
//! Wrong tokens are counted against it (`patience`), and visits are told by it. It is written nowhere.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;
use std::{convert::Infallible, net::IpAddr};
use tallymark_core::parse_address;

/// Where a request comes from, as far as the connection says; put beside it by `server::connection`. Nobody over a unix
/// socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Peer(None)))
    }
}

impl Peer {
    /// For whom it asks. A proxy that is trusted says so in the last word of X-Forwarded-For; the word before it is what a
    /// proxy in front of that one said, and so on to the first that is not trusted, who might say anything. If there is no
    /// such word, it may be in X-Real-IP. Who comes over a unix socket was let in by the file system.
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
            // Nothing that is one address.
            (Some("127.0.0.1"), &[], &[""], Some("127.0.0.1")),
            (Some("127.0.0.1"), &[], &["192.0.2.1, 6.6.6.6"], Some("127.0.0.1")),
            (Some("127.0.0.1"), &[], &["192.0.2.1", "6.6.6.6"], Some("127.0.0.1")),
            (None, &[], &["-"], None),
            // Nobody who is not trusted is believed.
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
