//! Which addresses can be connected to. Other people control what a name resolves to, so a name is no reason for trust:
//! only the address is checked, and exactly that address is connected to.

use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};
use url::{Host, Url};

/// What is not the public internet: IANA's special-purpose registries, and multicast.
static NOT_PUBLIC: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let networks = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        // Teredo, benchmarks and ORCHID; documentation; 6to4, which has an IPv4 address in it.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];
    networks.iter().filter_map(|text| text.parse().ok()).collect()
});

/// What is handed out to the public.
static GLOBAL: LazyLock<Option<IpNet>> = LazyLock::new(|| "2000::/3".parse().ok());

/// Addresses through which IPv6 reaches IPv4; the last four bytes are the IPv4 address.
const NAT64: [u8; 12] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

/// Whether an address is on the public internet.
fn is_public(address: IpAddr) -> bool {
    let address = match address.to_canonical() {
        IpAddr::V6(v6) => match v6.octets().split_last_chunk::<4>() {
            Some((prefix, v4)) if prefix == NAT64 => IpAddr::V4(Ipv4Addr::from(*v4)),
            _ => IpAddr::V6(v6),
        },
        v4 => v4,
    };
    let handed_out = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(_) => GLOBAL.is_some_and(|global| global.contains(&address)),
    };
    handed_out && !NOT_PUBLIC.iter().any(|network| network.contains(&address))
}

/// The last parts of names that lead nowhere outside a network.
const INSIDE: [&str; 9] =
    ["localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "home.arpa"];

/// Whether a site may be on the public internet, as far as its address says: no private address, and no name that only
/// its own network knows.
#[must_use]
pub fn is_public_site(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let is_inside = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| rest.ends_with('.'));
            name.contains('.') && !INSIDE.iter().any(is_inside)
        }
        None => false,
    }
}

/// Where connections may lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Reachable {
    /// Networks that are not public, but allowed.
    pub(super) allowed: Vec<IpNet>,
}

impl Reachable {
    /// Whether `url` may be fetched from `address`, on the way from `first`, the address that the operator wrote.
    pub(super) fn permits(&self, url: &Url, address: IpAddr, first: &Url) -> bool {
        let written = is_written_out(first) && url.origin() == first.origin();
        let address = address.to_canonical();
        written || is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Whether the host needs no look-up: a literal address, or this machine.
fn is_written_out(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_public_unless_its_address_says_otherwise() {
        for public in [
            "https://hits.example.org",
            "http://8.8.8.8:8080/x",
            "https://[2606:4700::1111]",
            "https://h.local.org",
        ] {
            assert!(is_public_site(public), "{public}");
        }
        for inside in [
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://10.1.2.3:80/x",
            "http://[::1]:8080",
            "http://0.0.0.0",
            "http://192.168.1.2",
            "http://nas",
            "http://nas.local/",
            "http://x.lan.",
            "http://h.home.arpa",
            "http://a.localhost",
            "nothing",
        ] {
            assert!(!is_public_site(inside), "{inside}");
        }
    }

    #[test]
    fn only_public_addresses_are_public() {
        assert_eq!(NOT_PUBLIC.len(), 18, "each of them is a network");
        for address in
            ["8.8.8.8", "140.82.121.3", "2606:50c0:8000::154", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_the_operator_wrote_is_allowed_and_nothing_beside_it() {
        let url = |text: &str| Url::parse(text).unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        let reach = Reachable::default();
        let permits = |to: &str, first: &str| reach.permits(&url(to), loopback, &url(first));
        assert!(permits("http://127.0.0.1:8000/b", "http://127.0.0.1:8000/a"));
        assert!(permits("http://localhost:8000/b", "http://localhost:8000/a"));
        // Another port is another server.
        assert!(!permits("http://127.0.0.1:6379/", "http://127.0.0.1:8000/a"));
        assert!(!permits("https://127.0.0.1:8000/", "http://127.0.0.1:8000/a"));
        // A name is what its name server says today.
        assert!(!permits("http://octo.example/a", "http://octo.example/a"));
        assert!(!permits("http://127.0.0.1/a", "http://octo.example/a"));
        let reach = Reachable { allowed: vec!["127.0.0.0/8".parse().unwrap()] };
        assert!(reach.permits(&url("http://octo.example/a"), loopback, &url("http://octo.example/a")));
        assert!(!reach.permits(
            &url("http://octo.example/a"),
            [10, 0, 0, 1].into(),
            &url("http://octo.example/a")
        ));
    }
}
