//! Whether a request is a person's click. Prefetches, pictures, scanners and link previews request addresses too, and
//! none of them is a like.

use crate::{badges::badge::reads_ahead, host::origin_of};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use tallymark_core::ClientClass;

const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const USER: HeaderName = HeaderName::from_static("sec-fetch-user");
const PURPOSE: HeaderName = HeaderName::from_static("x-purpose");

/// What follows links and calls itself a browser: mail gateways that look for malware, and office programs that look
/// where a link leads before the browser opens it.
const FOLLOWERS: [&str; 4] = ["barracuda", "microsoft office", "ms-office", "msoffice"];

/// A browser that follows a link says that it navigates to a document, because of its user (W3C Fetch Metadata): a page
/// that sends its reader here by itself does not make a click. A browser that says nothing of the kind is an old one, or
/// came over plain HTTP. It is taken by its name, and by what it accepts: a picture, a style or a film is no page.
pub(super) fn clicked(sent: &HeaderMap) -> bool {
    let agent = says(sent, &header::USER_AGENT).unwrap_or_default();
    let is_person = !is_machine(sent);
    match (says(sent, &MODE), says(sent, &DEST)) {
        (None, None) => {
            let wants_one = match ClientClass::of(agent) {
                ClientClass::Browser => wants_a_page(sent, true),
                // Many are scanners and previews that no list names. They take anything.
                ClientClass::Unknown => wants_a_page(sent, false),
                _ => false,
            };
            is_person && !agent.is_empty() && wants_one
        }
        (mode, dest) => {
            let navigates = mode == Some(b"navigate") && dest == Some(b"document");
            is_person && navigates && says(sent, &USER) == Some(b"?1")
        }
    }
}

/// Browsers name the types of a picture, a style or a film, and `text/html` first for a page. A browser that names none may
/// want one.
fn wants_a_page(sent: &HeaderMap, or_anything: bool) -> bool {
    says(sent, &header::ACCEPT).map_or(or_anything, |accept| {
        let accept = String::from_utf8_lossy(accept).to_ascii_lowercase();
        accept.contains("text/html") || or_anything && accept.trim() == "*/*"
    })
}

/// Whether a form may have been sent by a press of its button. A script that posts gets no document.
pub(super) fn may_press(sent: &HeaderMap) -> bool {
    !is_machine(sent) && says(sent, &DEST).is_none_or(|dest| dest == b"document")
}

/// Whether a client says that it is not a person's click: a robot, or a browser that is automated or prefetches.
fn is_machine(sent: &HeaderMap) -> bool {
    let agent = says(sent, &header::USER_AGENT).unwrap_or_default();
    let lower = String::from_utf8_lossy(agent).to_ascii_lowercase();
    ClientClass::of(agent) == ClientClass::Bot
        || FOLLOWERS.iter().any(|follower| lower.contains(follower))
        || reads_ahead(sent)
        // Safari, for the page that a new tab begins with.
        || says(sent, &PURPOSE).is_some_and(|purpose| purpose.eq_ignore_ascii_case(b"preview"))
}

fn says<'a>(sent: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    sent.get(name).map(HeaderValue::as_bytes)
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

/// Where a page of this site was opened from which a form was sent, if that is not its address: over plain HTTP, or under
/// another name of this server. A page of another site cannot say the host that it asks.
pub(super) fn other_address<'a>(sent: &'a HeaderMap, base_url: &str) -> Option<&'a str> {
    let text = |name| sent.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = text(header::ORIGIN)?;
    let (_, from) = origin.split_once("://")?;
    let (_, own) = origin_of(base_url).split_once("://")?;
    let is_here = |host: &str| host.eq_ignore_ascii_case(from);
    (is_here(own) || text(header::HOST).is_some_and(is_here)).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    const FIREFOX: (&str, &str) =
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");

    const HEADLESS: (&str, &str) =
        ("user-agent", "Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36");

    #[test]
    fn only_what_a_person_does_is_a_click() {
        let navigates =
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-user", "?1")];
        let with = |more: &[(&'static str, &str)]| sent(&[&navigates, more].concat());
        for click in [
            with(&[FIREFOX]),
            with(&[]),
            sent(&[FIREFOX]),
            sent(&[FIREFOX, ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]),
            sent(&[FIREFOX, ("accept", "*/*")]),
            sent(&[("user-agent", "Mozilla/5.0 (SomeNewDevice)"), ("accept", "text/html,*/*;q=0.8")]),
        ] {
            assert!(clicked(&click), "{click:?}");
        }
        for none in [
            sent(&[]),
            // Over plain HTTP, where browsers say nothing else.
            sent(&[FIREFOX, ("accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")]),
            sent(&[FIREFOX, ("accept", "text/css,*/*;q=0.1")]),
            sent(&[("user-agent", "")]),
            sent(&[("user-agent", "kube-probe/1.25"), ("accept", "*/*")]),
            sent(&[("user-agent", "Snap URL Preview Service; bot; snapchat")]),
            sent(&[("user-agent", "SomethingNew/1.0")]),
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
            with(&[FIREFOX, ("x-purpose", "preview")]),
            sent(&[FIREFOX, ("x-purpose", "preview")]),
            with(&[HEADLESS]),
            sent(&[HEADLESS]),
            with(&[("user-agent", "Mozilla/5.0 (Windows NT 10.0) Barracuda Sentinel (EE)")]),
            sent(&[(
                "user-agent",
                "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)",
            )]),
            sent(&[("user-agent", "Mozilla/4.0 (compatible; ms-office; MSOffice 16)")]),
            // A page that sets its own location.
            sent(&[FIREFOX, navigates[0], navigates[1]]),
            sent(&[FIREFOX, navigates[0], navigates[1], ("sec-fetch-user", "?0")]),
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
    fn a_button_is_pressed_by_a_person() {
        let document = ("sec-fetch-dest", "document");
        assert!(may_press(&sent(&[FIREFOX])) && may_press(&sent(&[FIREFOX, document])));
        for none in [
            sent(&[HEADLESS, document]),
            sent(&[("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1) Chrome/126.0 Safari/537.36")]),
            sent(&[FIREFOX, ("sec-fetch-dest", "empty")]),
            sent(&[FIREFOX, ("sec-fetch-dest", "iframe")]),
            sent(&[FIREFOX, document, ("x-purpose", "preview")]),
        ] {
            assert!(!may_press(&none), "{none:?}");
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
        for (origin, is) in [
            ("http://hits.example.org", true),
            ("http://192.0.2.2:8080", true),
            ("http://hits.example.org:8080", false),
            ("http://evil.example", false),
            ("null", false),
        ] {
            let sent = sent(&[("origin", origin), ("host", "192.0.2.2:8080")]);
            assert_eq!(other_address(&sent, base), is.then_some(origin));
        }
    }
}
