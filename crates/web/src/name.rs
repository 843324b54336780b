//! Names in URLs: read from paths and parameters, and written into links.

use crate::query::decoded;
use tallymark_badge::chart::AxisScale;
use tallymark_core::{ALL, Event, Name, NameRef, NotAName, OVERFLOW};

/// The name in a part of a request's path: decoded once, without anything after `?` or `#`.
pub(crate) fn from_path(raw: &str) -> Result<Name, NotAName> {
    from_bytes(&decoded(raw))
}

/// The same for a name of an event, which may be one with long names.
pub(crate) fn from_path_of(event: Event, raw: &str) -> Result<Name, NotAName> {
    from_bytes_of(event, &decoded(raw))
}

/// The same where aggregates can be asked for too: `~all` and `~overflow`.
pub(crate) fn or_aggregate(event: Event, raw: &str) -> Result<Name, NotAName> {
    match &*decoded(raw) {
        name if name == ALL.as_bytes() => Ok(Name::all()),
        name if name == OVERFLOW.as_bytes() => Ok(Name::overflow()),
        name => from_bytes_of(event, name),
    }
}

/// The name in a decoded value.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Name, NotAName> {
    from_bytes_of(Event::HIT, bytes)
}

/// The same for a name of an event.
pub(crate) fn from_bytes_of(event: Event, bytes: &[u8]) -> Result<Name, NotAName> {
    NameRef::of(event, bytes).map(Name::from)
}

/// The path and query of a name's badge, which both nginx and the HTTP server understand.
#[must_use]
pub fn badge_path(name: NameRef<'_>) -> String {
    format!("/badge.svg?repo={}", encoded(name, true))
}

/// The path of a name's page.
#[must_use]
pub fn page_path(name: NameRef<'_>) -> String {
    let text = name.as_str();
    let segments = text.split('/').count();
    if has_odd_segment(text) {
        return format!("/name?name={}", encoded(name, false));
    }
    let kind = if segments == 2 { "repo" } else { "name" };
    format!("/{kind}/{}", encoded(name, true))
}

/// The path of the page of a name that has an event.
#[must_use]
pub fn event_page_path(name: NameRef<'_>, event: Event) -> String {
    let mut path = page_path(name);
    push_event(&mut path, event);
    path
}

/// The path and query of the chart of one name or several.
pub(crate) fn graph_path(names: &[Name], event: Event, period: &str) -> String {
    let mut path = match names {
        [name] if !has_odd_segment(name.as_str()) => {
            format!("/graph/{}.svg", encoded(name.as_ref(), true))
        }
        names => with_names("/graph.svg", "name", names),
    };
    push_event(&mut path, event);
    push(&mut path, "period", period);
    path
}

/// The path of a name's page, with the period and the other names of its chart.
pub(crate) fn chart_page_path(name: NameRef<'_>, event: Event, period: &str, others: &[Name]) -> String {
    let mut path = event_page_path(name, event);
    push(&mut path, "period", period);
    with_names(&path, "compare", others)
}

/// The path of the page that compares names, or of its numbers.
pub(crate) fn compare_path(path: &str, names: &[Name], event: Event, period: &str) -> String {
    let mut path = with_names(path, "name", names);
    push_event(&mut path, event);
    push(&mut path, "period", period);
    path
}

/// The address of a name's counts as CSV, from a time on; none for a name whose path does not survive every proxy.
pub(crate) fn series_csv_path(name: NameRef<'_>, event: Event, step: &str, from: &str) -> Option<String> {
    if has_odd_segment(name.as_str()) {
        return None;
    }
    let mut path = format!("/api/v1/counters/{}/series.csv", encoded(name, true));
    push_event(&mut path, event);
    push(&mut path, "step", step);
    push(&mut path, "from", from);
    Some(path)
}

fn with_names(path: &str, key: &str, names: &[Name]) -> String {
    let mut path = path.to_owned();
    for name in names {
        push(&mut path, key, &encoded(name.as_ref(), true));
    }
    path
}

/// `hit` is the default.
pub(crate) fn push_event(path: &mut String, event: Event) {
    if event != Event::HIT {
        push(path, "event", event.as_str());
    }
}

/// Appends the scale of a chart, unless it is the usual one.
pub(crate) fn push_scale(path: &mut String, scale: AxisScale) {
    if scale != AxisScale::Linear {
        push(path, "scale", scale.word());
    }
}

/// Appends a parameter whose value needs no escaping.
pub(crate) fn push(path: &mut String, key: &str, value: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(key);
    path.push('=');
    path.push_str(value);
}

/// Appends what was chosen in a form. A comma needs no escape, and is easier to read.
pub(crate) fn push_choices(path: &mut String, choices: &[(&str, String)]) {
    for (key, value) in choices {
        push(path, key, &encoded_text(value, true).replace("%2C", ","));
    }
}

/// Browsers and proxies resolve `.` and `..` and merge empty segments, even if they are escaped.
pub(crate) fn has_odd_segment(name: &str) -> bool {
    name.split('/').any(|segment| matches!(segment, "" | "." | ".."))
}

/// Percent-encodes all but unreserved characters (RFC 3986 2.3), so that the result can be used in a URL, in Markdown
/// and in an attribute.
pub(crate) fn encoded(name: NameRef<'_>, keep_slash: bool) -> String {
    encoded_text(name.as_str(), keep_slash)
}

/// The same for any text.
pub(crate) fn encoded_text(text: &str, keep_slash: bool) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(b as char),
            b'/' if keep_slash => out.push('/'),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_to_the_name() {
        for (name, badge, page) in [
            ("o/r", "/badge.svg?repo=o/r", "/repo/o/r"),
            ("blog", "/badge.svg?repo=blog", "/name/blog"),
            ("a/b/c", "/badge.svg?repo=a/b/c", "/name/a/b/c"),
            ("a b&c=d?e", "/badge.svg?repo=a%20b%26c%3Dd%3Fe", "/name/a%20b%26c%3Dd%3Fe"),
            ("a%2Fb", "/badge.svg?repo=a%252Fb", "/name/a%252Fb"),
            ("..", "/badge.svg?repo=..", "/name?name=.."),
            ("a/../b", "/badge.svg?repo=a/../b", "/name?name=a%2F..%2Fb"),
            ("x+y)\"<", "/badge.svg?repo=x%2By%29%22%3C", "/name/x%2By%29%22%3C"),
        ] {
            let name = Name::new(name).unwrap();
            assert_eq!(badge_path(name.as_ref()), badge);
            assert_eq!(page_path(name.as_ref()), page);
            if let Some(raw) = page.strip_prefix("/name/").or(page.strip_prefix("/repo/")) {
                assert_eq!(from_path(raw), Ok(name));
            }
        }
    }
}
