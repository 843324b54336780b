//! The address with which links begin. Without a configured one it is a guess, and wrong behind a proxy; only requests
//! show that. Then Bootic's links use the request's `Host`, as they did, and the log warns about the links on pages.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::{self, Next},
    response::Response,
};
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::warn;

/// The public address, without a trailing slash: `https://hits.example.org`.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    text: String,
    guessed: bool,
}

impl BaseUrl {
    /// A configured address.
    pub fn configured(text: impl Into<String>) -> BaseUrl {
        BaseUrl { text: text.into(), guessed: false }
    }

    /// The default, if none is configured.
    pub fn guessed(text: impl Into<String>) -> BaseUrl {
        BaseUrl { text: text.into(), guessed: true }
    }

    /// The address, independent of the request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is not configured.
    #[must_use]
    pub fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// The address as the sender of a request knows it, if none is configured.
    pub(crate) fn as_asked(&self, sent: &HeaderMap) -> Cow<'_, str> {
        let mut hosts = sent.get_all(header::HOST).iter();
        let host = hosts.next().filter(|_| self.guessed && hosts.next().is_none());
        match host.and_then(|host| host.to_str().ok()).filter(|host| is_host(host)) {
            Some(host) => format!("http://{host}").into(),
            None => (&*self.text).into(),
        }
    }
}

/// Scheme, host and port of an address.
pub(crate) fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Whether it is just a host with or without a port.
fn is_host(host: &str) -> bool {
    host_name(host).is_some()
}

/// The name or address in a host with or without a port; an IPv6 address with its brackets.
pub(crate) fn host_name(host: &str) -> Option<&str> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let right = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    let is_host = (1..=253).contains(&name.len())
        && right
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|_| !port.starts_with('+')));
    is_host.then_some(name)
}

/// Logs once that a client knows this server by another name than its pages do.
pub fn warn_of_foreign_host(routes: Router, base_url: &BaseUrl) -> Router {
    let guess = Arc::new(Guess { base_url: base_url.text.clone(), warned: AtomicBool::new(false) });
    routes.layer(middleware::from_fn_with_state(guess, look))
}

struct Guess {
    base_url: String,
    warned: AtomicBool,
}

async fn look(State(guess): State<Arc<Guess>>, request: Request, next: Next) -> Response {
    if !guess.warned.load(Ordering::Relaxed)
        && let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok())
        && is_public_name(host)
        && !guess.warned.swap(true, Ordering::Relaxed)
    {
        let base_url = &guess.base_url;
        warn!(
            "visitors use the address {host}, but pages link to {base_url}: set base-url under [http], or \
             --base-url"
        );
    }
    next.run(request).await
}

/// Whether it is the name of a site, and not of this machine. A request may claim any name, and this one is logged.
fn is_public_name(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let letters = name
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_alphabetic()));
    name.contains('.')
        && name.len() <= 253
        && letters
        && name.bytes().all(plain)
        && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guess_gives_way_to_what_the_sender_says_and_only_to_a_host() {
        let asked = |base: &BaseUrl, hosts: &[&str]| {
            let mut sent = HeaderMap::new();
            for host in hosts {
                sent.append(header::HOST, host.parse().unwrap());
            }
            base.as_asked(&sent).into_owned()
        };
        let guess = BaseUrl::guessed("http://localhost:8080");
        for host in ["stats.example:99", "a", "127.0.0.1:8001", "[::1]:80", "[2001:db8::1]", "a_b.example"] {
            assert_eq!(asked(&guess, &[host]), format!("http://{host}"));
            assert_eq!(asked(&BaseUrl::configured("https://h.example/s"), &[host]), "https://h.example/s");
        }
        let long = "a".repeat(254);
        for none in [
            "", ":80", "a:", "a:b", "a:+1", "a:65536", "a b", "a/b", "a@b", "a\"b", "a<b", "a%2Fb", "a,b",
            "[::1", "::1", "[a]", "[::1]x", "a:80:80", "a?b", "a#b", "é", &long,
        ] {
            assert_eq!(asked(&guess, &[none]), "http://localhost:8080", "{none}");
        }
        assert_eq!(asked(&guess, &[]), "http://localhost:8080");
        assert_eq!(origin_of("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(origin_of("https://h.example/s"), "https://h.example");
        assert_eq!(asked(&guess, &["a", "b"]), "http://localhost:8080");
    }

    #[test]
    fn only_names_of_sites_are_told_of() {
        for name in ["hits.example.org", "hits.example.org:8443"] {
            assert!(is_public_name(name), "{name}");
        }
        for none in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:80",
            "web1",
            "a.b c",
            "x.y\u{1b}",
            "a.b:c",
            "a.",
        ] {
            assert!(!is_public_name(none), "{none}");
        }
    }
}
