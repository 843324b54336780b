//! The client of a hit: an address, and whether it is GitHub's image proxy, behind which all readers look alike.
//!
//! A hit has a [`Visitor`] if its client is known: from the HTTP server, and from lines with the columns `address` and
//! `user-agent`. [`crate::Cooldowns`] uses it to tell visits from hits, [`crate::VisitorHash`] is made from it, and
//! then it is dropped: no tally, batch or store has it.

use crate::{Event, NameRef, Now, client};
use ipnet::IpNet;
use std::{
    fmt,
    hash::Hasher,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// Who asked, and when to the millisecond, which a count does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    address: IpAddr,
    says_camo: bool,
    at: Now,
}

impl Visitor {
    /// Somebody at an address, who says of itself what it is. An address of IPv4 is one, also if it comes mapped into IPv6.
    #[must_use]
    pub fn new(address: IpAddr, user_agent: &[u8], at: Now) -> Visitor {
        Visitor { address: address.to_canonical(), says_camo: client::is_camo(user_agent), at }
    }

    /// The network that counts as one visitor: in IPv6 a whole /64, which every subscriber has.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        network_of(self.address)
    }

    /// The address, for callers that look up its country, or were told to keep it.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Tells a keyed hasher who visits what.
    pub(crate) fn hash_with(&self, hasher: &mut impl Hasher, event: Event, name: NameRef<'_>) {
        hash_visited(hasher, event, name);
        match self.network() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
    }

    /// When it asked.
    #[must_use]
    pub fn at(&self) -> Now {
        self.at
    }
}

/// Tells a hasher what is visited.
pub(crate) fn hash_visited(hasher: &mut impl Hasher, event: Event, name: NameRef<'_>) {
    hasher.write(event.as_str().as_bytes());
    // Neither an event nor a name has a zero in it.
    hasher.write(&[0]);
    hasher.write(name.as_str().as_bytes());
    hasher.write(&[0]);
}

/// An address is in no message, not even in that of a test that failed.
impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("says_camo", &self.says_camo)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// The network of an address whose owner counts as one.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        v4 => v4,
    }
}

/// Reads an address as proxies and web servers write it: with or without a port.
#[must_use]
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let with_port = || text.parse::<SocketAddr>().map(|at| at.ip());
    text.parse().or_else(|_| with_port()).ok()
}

/// The networks from which GitHub's image proxy asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CamoNetworks(Vec<IpNet>);

impl CamoNetworks {
    /// What GitHub publishes of its own blocks (api.github.com/meta); Camo was seen in the first two.
    pub const PUBLISHED: [&str; 4] =
        ["192.30.252.0/22", "140.82.112.0/20", "185.199.108.0/22", "143.55.64.0/20"];

    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> CamoNetworks {
        CamoNetworks(networks)
    }

    /// Whether it is Camo: it says so, and asks from one of the networks. A user agent is easily forged, an address is not.
    #[must_use]
    pub fn has(&self, visitor: &Visitor) -> bool {
        visitor.says_camo && self.0.iter().any(|network| network.contains(&visitor.address))
    }
}

impl Default for CamoNetworks {
    fn default() -> CamoNetworks {
        CamoNetworks(Self::PUBLISHED.iter().filter_map(|network| network.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(address: &str, user_agent: &str) -> Visitor {
        Visitor::new(address.parse().unwrap(), user_agent.as_bytes(), Now { unix_ms: 0 })
    }

    #[test]
    fn camo_is_known_by_its_user_agent_and_its_network_together() {
        let camo = CamoNetworks::default();
        assert_eq!(camo.0.len(), CamoNetworks::PUBLISHED.len());
        for (address, user_agent, is) in [
            ("140.82.115.7", "github-camo (876de43e)", true),
            ("192.30.252.98", "GitHub-Camo", true),
            ("::ffff:192.30.255.255", "github-camo (876de43e)", true),
            ("140.82.115.7", "Mozilla/5.0 Firefox/128.0", false),
            ("140.82.115.7", "", false),
            ("192.0.2.7", "github-camo (876de43e)", false),
            ("140.82.128.1", "github-camo (876de43e)", false),
            ("2001:db8::1", "github-camo (876de43e)", false),
        ] {
            assert_eq!(camo.has(&visitor(address, user_agent)), is, "{address} {user_agent}");
        }
        assert!(!CamoNetworks::new(Vec::new()).has(&visitor("140.82.115.7", "github-camo")));
    }

    #[test]
    fn one_house_is_one_visitor() {
        let network = |address: &str| visitor(address, "").network();
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:ffff:ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn addresses_are_read_as_servers_write_them() {
        for (text, address) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("unix:", None),
            ("-", None),
            ("", None),
            ("host.example", None),
            ("192.0.2.1, 192.0.2.2", None),
        ] {
            assert_eq!(parse_address(text.as_bytes()), address.map(|text| text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn address_is_in_no_debug_text() {
        let text = format!("{:?}", visitor("203.0.113.9", "curl/8"));
        assert!(!text.contains("203"), "{text}");
    }
}
