//! Whether a request was made on this machine, by its own user: who may write where no secret is configured.
//!
//! The peer's address alone does not say so. A browser on this machine sends what any page asks it to send, also to a
//! name that its owner makes lead to 127.0.0.1, and a proxy on this machine connects for everyone. So whatever a request
//! says of its way has to be local too, and what cannot be judged is refused.

use super::Peer;
use crate::{
    cors::Origins,
    error::Problem,
    host::{host_name, origin_of},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::net::IpAddr;
use tallymark_core::parse_address;

/// Lists of addresses, which proxies write in one form.
const ADDRESSES: [&str; 2] = ["x-forwarded-for", "x-real-ip"];
/// What else proxies write when they pass a request on.
const PASSED_ON: [&str; 10] = [
    "forwarded",
    "via",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "cf-connecting-ip",
    "true-client-ip",
    "fastly-client-ip",
];

/// The pages that may have a browser write.
pub(crate) struct OwnPages<'a> {
    /// The address that this server is reached at.
    pub(crate) base_url: &'a str,
    /// Other sites' pages, if they are named.
    pub(crate) origins: &'a Origins,
}

/// Accepts a request that was made on this machine, or says what shows that it was not.
pub(crate) fn check(peer: Peer, sent: &HeaderMap, own: &OwnPages<'_>) -> Result<(), Problem> {
    let why = match why_not(peer, sent, own) {
        None => return Ok(()),
        Some(why) => why,
    };
    let what = format!(
        "without a secret under [github], banners can be created only from this machine, and {why} (tallymark \
         help banners)"
    );
    Err(Problem::new(StatusCode::FORBIDDEN, what))
}

fn why_not(peer: Peer, sent: &HeaderMap, own: &OwnPages<'_>) -> Option<String> {
    // A client of our unix socket has passed the permissions of that file.
    if !peer.0.is_none_or(is_local) {
        return Some("this request came over the network: set a secret, and sign it".to_owned());
    }
    let is_elsewhere = |name: &&&str| !sent.get_all(**name).iter().all(names_this_machine);
    if let Some(name) = ADDRESSES.iter().find(is_elsewhere) {
        return Some(format!("{name} names an address elsewhere: set a secret, and sign it"));
    }
    if let Some(name) = PASSED_ON.iter().find(|name| sent.contains_key(**name)) {
        return Some(format!("{name} says that a proxy passed this on: set a secret, and sign it"));
    }
    if !is_our_host(sent, own.base_url) {
        return Some(
            "the host of this request is neither localhost nor that of base-url: set base-url under [http]"
                .to_owned(),
        );
    }
    is_foreign_page(sent, own).then(|| {
        "a page of another site sent this request: name the site in cors-origins under [http]".to_owned()
    })
}

fn is_local(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether every word of a list is an address of this machine.
fn names_this_machine(list: &HeaderValue) -> bool {
    let mut words = list.as_bytes().split(|&b| b == b',');
    words.all(|word| parse_address(word.trim_ascii()).is_some_and(is_local))
}

/// Whether a request asks for this machine, or for the public address. A name that leads here for a moment is neither.
fn is_our_host(sent: &HeaderMap, base_url: &str) -> bool {
    let mut hosts = sent.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(name) = host.to_str().ok().and_then(host_name) else { return false };
    let own = origin_of(base_url).split_once("://").and_then(|(_, host)| host_name(host));
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(is_local)
        || own.is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// Whether a browser says that a page of another site made it send this. That any page may read counts does not let it
/// write: only sites that are named may.
fn is_foreign_page(sent: &HeaderMap, own: &OwnPages<'_>) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let mut pages = sent.get_all(header::ORIGIN).iter();
    match (pages.next(), pages.next()) {
        (None, _) => sent.get_all(SITE).iter().any(|site| site == "cross-site" || site == "same-site"),
        (Some(page), None) => {
            let ours = origin_of(own.base_url).as_bytes();
            let host = sent.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
            let of_host = |scheme: &[u8]| page.as_bytes().strip_prefix(scheme) == Some(host);
            let is_ours =
                page.as_bytes().eq_ignore_ascii_case(ours) || of_host(b"http://") || of_host(b"https://");
            !is_ours && !own.origins.names(page)
        }
        (Some(_), Some(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://hits.example.org/stats";

    /// What is wrong with a request that has these headers, beside a right host unless they name one.
    fn wrong(peer: Option<&str>, lines: &[(&'static str, &str)]) -> Option<String> {
        let mut sent = HeaderMap::new();
        for (name, value) in lines {
            sent.append(*name, value.parse().unwrap());
        }
        if !lines.iter().any(|(name, _)| *name == "host") {
            sent.append("host", "127.0.0.1:8080".parse().unwrap());
        }
        let origins = Origins::parse(["https://front.example"]).unwrap();
        let own = OwnPages { base_url: BASE, origins: &origins };
        let peer = Peer(peer.map(|address| address.parse().unwrap()));
        check(peer, &sent, &own).err().map(|problem| {
            assert_eq!(problem.status, StatusCode::FORBIDDEN);
            problem.what
        })
    }

    #[test]
    fn what_was_made_here_is_accepted() {
        for peer in [None, Some("127.0.0.1"), Some("127.9.9.9"), Some("::1"), Some("::ffff:127.0.0.1")] {
            assert_eq!(wrong(peer, &[]), None, "{peer:?}");
        }
        for lines in [
            &[("host", "localhost")][..],
            &[("host", "LOCALHOST:8080")],
            &[("host", "[::1]:8080")],
            &[("host", "127.0.0.1")],
            &[("host", "hits.example.org")],
            &[("host", "Hits.Example.org:8443")],
            &[
                ("x-forwarded-for", "127.0.0.1, ::1"),
                ("x-forwarded-for", "[::1]:80"),
                ("x-real-ip", "127.0.0.1"),
            ],
            &[("x-forwarded-proto", "https")],
            &[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")],
            &[("host", "localhost:8080"), ("origin", "http://localhost:8080")],
            &[("origin", "https://hits.example.org")],
            &[("origin", "https://front.example"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert_eq!(wrong(Some("127.0.0.1"), lines), None, "{lines:?}");
        }
    }

    #[test]
    fn what_came_from_elsewhere_is_told_by_what_shows_it() {
        for peer in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(wrong(Some(peer), &[]).unwrap().contains("over the network"), "{peer}");
        }
        for (says, lines) in [
            ("x-forwarded-for names", &[("x-forwarded-for", "203.0.113.1")][..]),
            ("x-forwarded-for names", &[("x-forwarded-for", "203.0.113.1, 127.0.0.1")]),
            ("x-forwarded-for names", &[("x-forwarded-for", "127.0.0.1, 203.0.113.1")]),
            (
                "x-forwarded-for names",
                &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.1")],
            ),
            ("x-forwarded-for names", &[("x-forwarded-for", "unknown")]),
            ("x-forwarded-for names", &[("x-forwarded-for", "")]),
            ("x-forwarded-for names", &[("x-forwarded-for", "127.0.0.1,")]),
            ("x-real-ip names", &[("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "203.0.113.1")]),
            ("x-real-ip names", &[("x-real-ip", "127.0.0.1"), ("x-real-ip", "203.0.113.1")]),
            ("forwarded says", &[("forwarded", "for=127.0.0.1")]),
            ("via says", &[("via", "1.1 proxy")]),
            ("x-forwarded-host says", &[("x-forwarded-host", "localhost")]),
            ("cf-connecting-ip says", &[("cf-connecting-ip", "127.0.0.1")]),
            ("set base-url", &[("host", "evil.example:8080")]),
            ("set base-url", &[("host", "localhost.evil.example")]),
            ("set base-url", &[("host", "hits.example.org.evil.example")]),
            ("set base-url", &[("host", "127.0.0.1.nip.example")]),
            ("set base-url", &[("host", "192.0.2.1")]),
            ("set base-url", &[("host", "0.0.0.0")]),
            ("set base-url", &[("host", "")]),
            ("set base-url", &[("host", "localhost"), ("host", "localhost")]),
            ("cors-origins", &[("origin", "https://evil.example")]),
            ("cors-origins", &[("origin", "null")]),
            ("cors-origins", &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")]),
            ("cors-origins", &[("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "same-site")]),
            ("cors-origins", &[("origin", "https://front.example"), ("origin", "https://front.example")]),
            ("cors-origins", &[("sec-fetch-site", "cross-site")]),
            ("cors-origins", &[("sec-fetch-site", "same-site")]),
        ] {
            for peer in [None, Some("127.0.0.1")] {
                let what = wrong(peer, lines);
                assert!(what.as_ref().is_some_and(|what| what.contains(says)), "{lines:?}: {what:?}");
            }
        }
        let sent = [(header::HOST, "localhost"), (header::ORIGIN, "https://evil.example")];
        let sent = sent.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
        let own = OwnPages { base_url: BASE, origins: &Origins::Any };
        assert!(check(Peer(None), &sent, &own).is_err(), "any page may read, and none writes");
        assert!(check(Peer(None), &HeaderMap::new(), &own).is_err(), "a request without a host");
    }
}
