//! Where a reader is sent after a like. A `Referer` cannot be trusted, so only two kinds are followed: a page of this
//! site, and the page of a repository on GitHub. Any other address leads to the name's page.

use crate::name::page_path;
use axum::http::{HeaderMap, header};
use tallymark_core::{Name, NameRef, is_github};

const GITHUB: &str = "https://github.com/";

/// The address to go on to: one of ours, or `https://github.com/OWNER/REPO`.
pub(super) fn after_a_like(sent: &HeaderMap, base_url: &str, name: &Name) -> String {
    let mut said = sent.get_all(header::REFERER).iter();
    let referer = said.next().filter(|_| said.next().is_none()).and_then(|said| said.to_str().ok());
    as_said(referer.unwrap_or_default(), base_url, name)
}

/// The same for an address that a form of the page says, which may be a stranger's too.
pub(super) fn as_said(address: &str, base_url: &str, name: &Name) -> String {
    match is_page_here(address, base_url) || is_repository(address) {
        true => address.to_owned(),
        false => format!("{base_url}{}", page_path(name.as_ref())),
    }
}

fn is_repository(address: &str) -> bool {
    let path = address.strip_prefix(GITHUB);
    path.and_then(|path| NameRef::new(path.as_bytes()).ok()).is_some_and(is_github)
}

/// Below the base, and no picture or like: these lead nowhere. Only plain characters, and no step that a browser would
/// resolve to another place.
fn is_page_here(address: &str, base_url: &str) -> bool {
    let Some(path) = address.strip_prefix(base_url) else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/?=&%+,".contains(&b);
    let (steps, _) = path.split_once('?').unwrap_or((path, ""));
    let is_odd = |step: &str| step.is_empty() || step.contains("..") || step == "." || step.contains('%');
    let mut steps_below = steps.strip_prefix('/').unwrap_or("?").split('/');
    let goes_on =
        path == "/" || path.starts_with('/') && !path.starts_with("/v1/") && !steps_below.any(is_odd);
    (path.is_empty() || goes_on) && path.bytes().all(plain) && path.len() <= 500
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(referer: &str, base_url: &str) -> String {
        let mut sent = HeaderMap::new();
        if let Ok(value) = axum::http::HeaderValue::from_bytes(referer.as_bytes()) {
            sent.insert(header::REFERER, value);
        }
        after_a_like(&sent, base_url, &Name::new("octo/hello").unwrap())
    }

    #[test]
    fn readers_are_led_back_to_this_site_and_to_a_repository() {
        for (base, referer) in [
            ("https://hits.example.org", "https://github.com/octo/hello"),
            ("https://hits.example.org", "https://github.com/some-one/a.b_c"),
            ("https://hits.example.org", "https://hits.example.org"),
            ("https://hits.example.org", "https://hits.example.org/"),
            ("https://hits.example.org", "https://hits.example.org/repo/octo/hello?period=7d"),
            ("https://hits.example.org/stats", "https://hits.example.org/stats/name/a"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/compare?name=a&name=b"),
        ] {
            assert_eq!(after(referer, base), referer);
        }
    }

    #[test]
    fn hostile_addresses_lead_to_the_names_page() {
        let hostile = include_str!("hostile_referers.txt");
        let hostile: Vec<&str> = hostile.lines().filter(|line| !line.is_empty()).collect();
        assert!(hostile.len() >= 60, "{}", hostile.len());
        for referer in hostile {
            let own = "https://hits.example.org/repo/octo/hello";
            assert_eq!(after(referer, "https://hits.example.org"), own, "{referer}");
            let below = after(referer, "https://hits.example.org/stats");
            assert_eq!(below, "https://hits.example.org/stats/repo/octo/hello", "{referer}");
        }
        // Two of them are none.
        let mut sent = HeaderMap::new();
        for referer in ["https://hits.example.org/", "https://evil.example/"] {
            sent.append(header::REFERER, referer.parse().unwrap());
        }
        let name = Name::new("octo/hello").unwrap();
        assert!(after_a_like(&sent, "https://h.example", &name).starts_with("https://h.example/repo/"));
    }
}
