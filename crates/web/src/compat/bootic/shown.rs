//! A response as Bootic wrote it: its order of fields, years as text, and the characters that Go escapes.

use super::path::{Date, StatsPath};
use crate::name::encoded_text;
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct StatsFound {
    /// What follows the path of the request in each link.
    links: Vec<String>,
    /// By text, so that keys are in byte order. None if there is no date.
    data: Option<BTreeMap<String, i64>>,
}

impl StatsFound {
    /// Links and no counts.
    pub(super) fn links(links: impl IntoIterator<Item = String>) -> StatsFound {
        StatsFound { links: links.into_iter().collect(), data: None }
    }

    /// Counts, and links to those of `linked`.
    pub(super) fn counts<K: ToString>(
        counts: impl IntoIterator<Item = (K, i64)>,
        linked: impl IntoIterator<Item = impl ToString>,
    ) -> StatsFound {
        let links = linked.into_iter().map(|part| part.to_string()).collect();
        let data = counts.into_iter().map(|(key, count)| (key.to_string(), count)).collect();
        StatsFound { links, data: Some(data) }
    }

    /// No link, and with a date no count either.
    pub(super) fn nothing(asked: &StatsPath) -> StatsFound {
        let data = (asked.date != Date::None).then(BTreeMap::new);
        StatsFound { links: Vec::new(), data }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct StatsAnswer {
    pub(super) asked: StatsPath,
    pub(super) found: StatsFound,
}

#[derive(Serialize)]
struct AnswerFields<'a> {
    r#type: &'a str,
    account: &'a str,
    event: &'a str,
    year: &'a str,
    month: &'a str,
    day: &'a str,
    /// Bootic has no hours; the others stay where they were.
    #[serde(skip_serializing_if = "str::is_empty")]
    hour: &'a str,
    links: Vec<String>,
    data: &'a Option<BTreeMap<String, i64>>,
}

impl StatsAnswer {
    /// The body. Every link begins with `root`.
    pub(super) fn json(&self, root: &str) -> String {
        let StatsPath { chart, account, event, date } = &self.asked;
        let [year, month, day, hour] = date.texts();
        let account = account.as_ref().map_or("", |(account, _)| account);
        let event = event.as_ref().map_or("", |event| event.as_str());
        let chart = chart.as_deref().unwrap_or_default();
        let mut here = root.to_owned();
        for part in [chart, account, event, &year, &month, &day, &hour] {
            if !part.is_empty() {
                here.push('/');
                here.push_str(&encoded_text(part, false));
            }
        }
        let link = |part: &String| format!("{here}/{}", encoded_text(part, false));
        let links = self.found.links.iter().map(link).collect();
        let fields = AnswerFields {
            r#type: chart,
            account,
            event,
            year: &year,
            month: &month,
            day: &day,
            hour: &hour,
            links,
            data: &self.found.data,
        };
        // Text and numbers always serialize.
        escaped_as_go(&serde_json::to_string(&fields).unwrap_or_default())
    }
}

/// Go's encoder escapes characters that break HTML and old JavaScript. They can only occur inside strings.
fn escaped_as_go(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // `write!` to a String cannot fail.
                let _ = fmt::Write::write_fmt(&mut out, format_args!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// Characters with which no JavaScript name begins.
const RESERVED: [&[u8]; 45] = [
    b"await",
    b"break",
    b"case",
    b"catch",
    b"class",
    b"const",
    b"continue",
    b"debugger",
    b"default",
    b"delete",
    b"do",
    b"else",
    b"enum",
    b"export",
    b"extends",
    b"false",
    b"finally",
    b"for",
    b"function",
    b"if",
    b"implements",
    b"import",
    b"in",
    b"instanceof",
    b"interface",
    b"let",
    b"new",
    b"null",
    b"package",
    b"private",
    b"protected",
    b"public",
    b"return",
    b"static",
    b"super",
    b"switch",
    b"throw",
    b"true",
    b"try",
    b"typeof",
    b"var",
    b"void",
    b"while",
    b"with",
    b"yield",
];

/// Whether text is a JavaScript name, or several with dots between them: nothing else is written before a response.
pub(super) fn is_callback(text: &[u8]) -> bool {
    let first = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$');
    let name =
        |name: &[u8]| name.first().is_some_and(first) && name.iter().all(|b| first(b) || b.is_ascii_digit());
    let begins = |word: &&[u8]| text.split(|&b| b == b'.').next() == Some(*word);
    text.len() <= 64 && text.split(|&b| b == b'.').all(name) && !RESERVED.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::{super::path::Path, *};

    fn asked(path: &str) -> StatsPath {
        match Path::read(path) {
            Ok(Path::Stats(asked)) => asked,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_are_bootic_s_byte_for_byte() {
        let counts = [("1", 10), ("10", 7), ("2", 5), ("21", 3)];
        let shown = StatsAnswer {
            asked: asked("/track/acme/pageview/2013/09"),
            found: StatsFound::counts(counts, [""; 0]),
        };
        let expect = r#"{"type":"track","account":"acme","event":"pageview","year":"2013","month":"9","day":"","links":[],"data":{"1":10,"10":7,"2":5,"21":3}}"#;
        assert_eq!(shown.json("http://x/stats"), expect);
        let shown = StatsAnswer { asked: asked("/"), found: StatsFound::links(["track".to_owned()]) };
        let expect = r#"{"type":"","account":"","event":"","year":"","month":"","day":"","links":["http://x/stats/track"],"data":null}"#;
        assert_eq!(shown.json("http://x/stats"), expect);
    }

    #[test]
    fn what_somebody_sent_is_escaped_in_text_and_in_links() {
        let shown = StatsAnswer {
            asked: asked("/track/%3C%2Fscript%3E&%22%5C%E2%80%A8"),
            found: StatsFound::links(["x".to_owned()]),
        };
        let json = shown.json("http://x");
        assert!(json.contains(r#""account":"\u003c/script\u003e\u0026\"\\\u2028""#), "{json}");
        assert!(json.contains(r#""links":["http://x/track/%3C%2Fscript%3E%26%22%5C%E2%80%A8/x"]"#), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["account"], "</script>&\"\\\u{2028}");
    }

    #[test]
    fn callbacks_are_names_with_dots_between() {
        for good in ["f", "a.b.c", "$", "_x1", "functions", "a.in", "this.f", "jQuery1_2", &"a".repeat(64)] {
            assert!(is_callback(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "1a",
            "a b",
            "a(",
            "function",
            "null",
            "new.target",
            "alert(1)//",
            "a[0]",
            "é",
            "a;b",
            "a\n",
            &"a".repeat(65),
        ] {
            assert!(!is_callback(bad.as_bytes()), "{bad}");
        }
    }
}
