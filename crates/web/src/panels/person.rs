//! Whether a request is a person's click. Prefetches, pictures, scanners and link previews ask for addresses too, and none
//! of them likes anything.

use crate::badges::badge::reads_ahead;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use tallymark_core::ClientClass;

const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A browser that follows a link says that it navigates to a document (W3C Fetch Metadata). One that says nothing of the
/// kind is taken by its name: an old one, or one that came over plain HTTP, where it says nothing.
pub(super) fn clicked(sent: &HeaderMap) -> bool {
    let says = |name: &HeaderName| sent.get(name).map(HeaderValue::as_bytes);
    let agent = says(&header::USER_AGENT).unwrap_or_default();
    let class = ClientClass::of(agent);
    // A browser that a program drives is somebody's test of a click.
    let driven = agent.windows(14).any(|part| part == b"HeadlessChrome");
    let is_program = !matches!(class, ClientClass::Browser | ClientClass::Unknown) && !driven;
    match (says(&MODE), says(&DEST)) {
        (None, None) => !reads_ahead(sent) && !is_program && !agent.is_empty(),
        (mode, dest) => {
            let navigates = mode == Some(b"navigate") && dest == Some(b"document");
            navigates && !reads_ahead(sent) && (class != ClientClass::Bot || driven)
        }
    }
}

/// Whether a form was sent from a page of ours. Browsers say so in one of two ways; what says nothing is refused.
pub(super) fn is_from_here(sent: &HeaderMap, base_url: &str) -> bool {
    let site = sent.get(SITE).map(HeaderValue::as_bytes);
    let origin = sent.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    match (site, origin) {
        (Some(site), _) => site == b"same-origin",
        (None, Some(origin)) => origin.eq_ignore_ascii_case(origin_of(base_url)),
        (None, None) => false,
    }
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    const FIREFOX: (&str, &str) =
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");

    #[test]
    fn only_what_a_person_does_is_a_click() {
        let navigates = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let with = |more: &[(&'static str, &str)]| sent(&[&navigates, more].concat());
        for click in [
            with(&[FIREFOX]),
            with(&[]),
            with(&[("user-agent", "Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36")]),
            sent(&[FIREFOX]),
            sent(&[("user-agent", "Mozilla/5.0 (SomeNewDevice)")]),
        ] {
            assert!(clicked(&click), "{click:?}");
        }
        for none in [
            sent(&[]),
            sent(&[("user-agent", "")]),
            sent(&[("user-agent", "curl/8.5.0")]),
            sent(&[("user-agent", "lychee/0.14.3")]),
            sent(&[(
                "user-agent",
                "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
            )]),
            sent(&[("user-agent", "Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:Port Check)")]),
            sent(&[("user-agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")]),
            sent(&[("user-agent", "github-camo (876de43e)")]),
            sent(&[FIREFOX, ("sec-purpose", "prefetch")]),
            sent(&[FIREFOX, ("purpose", "prefetch")]),
            sent(&[FIREFOX, ("x-moz", "prefetch")]),
            with(&[FIREFOX, ("sec-purpose", "prefetch;prerender")]),
            with(&[
                ("user-agent", "Mozilla/5.0 HeadlessChrome/156.0.0.0 Safari/537.36"),
                ("sec-purpose", "prefetch"),
            ]),
            with(&[("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1) Chrome/126.0 Safari/537.36")]),
            sent(&[FIREFOX, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]),
            sent(&[FIREFOX, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]),
            sent(&[FIREFOX, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]),
            sent(&[FIREFOX, ("sec-fetch-mode", "navigate")]),
            sent(&[FIREFOX, ("sec-fetch-dest", "document")]),
        ] {
            assert!(!clicked(&none), "{none:?}");
        }
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let base = "https://hits.example.org/stats";
        for ours in [
            &[("sec-fetch-site", "same-origin"), ("origin", "null")][..],
            &[("origin", "https://hits.example.org")],
            &[("origin", "https://HITS.example.org")],
        ] {
            assert!(is_from_here(&sent(ours), base), "{ours:?}");
        }
        for other in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://hits.example.org")],
            &[("origin", "https://hits.example.org.evil.example")],
            &[("origin", "https://hits.example.org:8443")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://hits.example.org")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!is_from_here(&sent(other), base), "{other:?}");
        }
        assert_eq!(origin_of("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
