//! Which name a key of the totals means. snow-trace writes `namespace:key`, and both can contain colons. It never
//! decodes an address, and includes the query; here, a name is decoded, and the query is not part of it.

use super::{
    TraceFindings,
    totals::{quoted, totals_file},
    tree::TraceLogs,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::collections::{BTreeMap, BTreeSet};
use tallymark_core::{Event, Name, NameRef, NotAName, decode_percent};
use thousands::Separable;

/// What a browser escapes in a path (the path percent-encode set of the URL standard), and what would be decoded.
const IN_PATHS: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'%');

/// Namespace and key as snow-trace writes them. `None` for a name that is not `namespace/key`.
#[must_use]
pub fn trace_spelling(name: &str) -> Option<(String, String)> {
    let (namespace, key) = name.split_once('/')?;
    let is_one = !namespace.is_empty() && !key.is_empty() && !key.contains('/');
    let spelt = |part| utf8_percent_encode(part, &IN_PATHS).to_string();
    is_one.then(|| (spelt(namespace), spelt(key)))
}

/// The totals by name, and the logs whose total has no name.
#[derive(Default)]
pub(super) struct TraceKeys {
    totals: BTreeMap<(Event, Name), u64>,
    refused: BTreeSet<(Event, String, String)>,
}

impl TraceKeys {
    /// Finds the names of an event's totals; the logs decide where a key can be cut in several places.
    pub(super) fn resolve(
        &mut self,
        event: Event,
        totals: BTreeMap<String, i64>,
        logs: &TraceLogs,
        findings: &mut TraceFindings,
    ) {
        for (text, total) in totals {
            let (total, cuts) = (total.unsigned_abs(), cuts(&text));
            let why = match name(event, &cuts, logs) {
                // Of several spellings of a name, each has counted its own.
                Ok(name) => {
                    let sum = self.totals.entry((event, name)).or_default();
                    *sum = sum.saturating_add(total);
                    continue;
                }
                Err(why) => why,
            };
            findings.total(
                totals_file(event),
                &text,
                &format!("its total of {} is not counted: {why}", total.separate_with_commas()),
            );
            let sums = findings.of(event);
            sums.refused += 1;
            sums.refused_total = sums.refused_total.saturating_add(total);
            self.refused.extend(
                cuts.iter().map(|(namespace, key)| (event, (*namespace).to_owned(), (*key).to_owned())),
            );
        }
    }

    /// The name of a log, if it has a total.
    pub(super) fn name_of(&self, event: Event, namespace: &str, key: &str) -> Option<&Name> {
        let name = decoded(event, namespace, key).ok()?;
        self.totals.get_key_value(&(event, name)).map(|((_, name), _)| name)
    }

    /// Whether its total was refused, which is reported already.
    pub(super) fn is_refused(&self, event: Event, namespace: &str, key: &str) -> bool {
        self.refused.contains(&(event, namespace.to_owned(), key.to_owned()))
    }

    pub(super) fn into_totals(self) -> BTreeMap<(Event, Name), u64> {
        self.totals
    }
}

/// Every way to cut a key into a namespace and a key.
fn cuts(text: &str) -> Vec<(&str, &str)> {
    let cut = |(at, _)| (&text[..at], &text[at + 1..]);
    let path = text.find(['?', '#']).map_or(text, |query| &text[..query]);
    let is_one = |(namespace, key): &(&str, &str)| {
        // A colon in the query separates nothing.
        !namespace.is_empty() && namespace.len() + 1 < path.len() && !key.is_empty()
    };
    if path.contains('/') {
        return Vec::new();
    }
    text.match_indices(':').map(cut).filter(is_one).collect()
}

fn name(event: Event, cuts: &[(&str, &str)], logs: &TraceLogs) -> Result<Name, String> {
    let has_log = |(namespace, key): &&(&str, &str)| {
        logs.contains_key(&(event, (*namespace).to_owned(), (*key).to_owned()))
    };
    let (namespace, key) = match cuts {
        [] => return Err("it is not NAMESPACE:KEY".to_owned()),
        [only] => *only,
        several => match several.iter().filter(has_log).collect::<Vec<_>>()[..] {
            [only] => *only,
            [] => return Err("it has several colons, and no log says where the namespace ends".to_owned()),
            ref found => {
                let names: Vec<String> =
                    found.iter().map(|(namespace, key)| quoted(&format!("{namespace}/{key}"))).collect();
                return Err(format!(
                    "several names share it, according to their logs: {}. Add their counts with `tallymark \
                     add`",
                    names.join(" and ")
                ));
            }
        },
    };
    decoded(event, namespace, key).map_err(|why| format!("no name here: {why}"))
}

/// The name that an address with these parts has here.
fn decoded(event: Event, namespace: &str, key: &str) -> Result<Name, NotAName> {
    let path = format!("{namespace}/{key}");
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut scratch = Vec::new();
    NameRef::of(event, decode_percent(path.as_bytes(), 1, &mut scratch)).map(Name::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_decide_where_a_key_is_cut() {
        let log = |namespace: &str, key: &str| ((Event::VISIT, namespace.to_owned(), key.to_owned()), 1);
        let logs = TraceLogs::from([log("a", "b:c"), log("x:y", "z"), log("p", "q:r"), log("p:q", "r")]);
        let totals =
            ["a:b:c", "x:y:z", "p:q:r", "u:v:w", "plain", ":k", "n:", "::", "a/b:c", "~n:k", "n:k", "..:k"];
        let totals = totals.iter().map(|key| ((*key).to_owned(), 2)).collect();
        let (mut keys, mut findings) = (TraceKeys::default(), TraceFindings::default());
        keys.resolve(Event::VISIT, totals, &logs, &mut findings);
        assert!(keys.is_refused(Event::VISIT, "p", "q:r") && keys.is_refused(Event::VISIT, "p:q", "r"));
        assert_eq!(keys.name_of(Event::VISIT, "a", "b:c").map(Name::as_str), Some("a/b:c"));
        assert!(keys.name_of(Event::VISIT, "a:b", "c").is_none());
        let names: Vec<String> =
            keys.into_totals().into_keys().map(|(_, name)| name.as_str().to_owned()).collect();
        assert_eq!(names, ["../k", "a/b:c", "n/k", "x:y/z"]);
        assert_eq!((findings.visits.refused, findings.visits.refused_total), (8, 16));
        let told: Vec<&str> = findings.problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(told[0], "\"::\": its total of 2 is not counted: it is not NAMESPACE:KEY");
        assert!(told.iter().any(|what| what.contains("\"p:q:r\"")
            && what.contains("several names share it, according to their logs: \"p/q:r\" and \"p:q/r\"")));
        assert!(told.iter().any(|what| what.contains("\"u:v:w\"") && what.contains("no log says")));
        assert!(told.iter().any(|what| what.contains("\"~n:k\"") && what.contains("no name here")));
    }

    #[test]
    fn spellings_of_one_name_are_added() {
        let log = |key: &str| ((Event::VISIT, "o".to_owned(), key.to_owned()), 1);
        let logs = TraceLogs::from([log("hello"), log("hello?t=1")]);
        let totals = [
            ("o:%E7%94%A8", 7),
            ("o:hello", 5),
            ("o:hello?t=1", 2),
            ("o:%68ello", 9),
            ("o:?x", 1),
            ("o:r?t=12:30", 3),
        ];
        let totals = totals.iter().map(|(key, total)| ((*key).to_owned(), *total)).collect();
        let (mut keys, mut findings) = (TraceKeys::default(), TraceFindings::default());
        keys.resolve(Event::VISIT, totals, &logs, &mut findings);
        for key in ["hello", "hello?t=1"] {
            assert_eq!(keys.name_of(Event::VISIT, "o", key).map(Name::as_str), Some("o/hello"));
        }
        let totals: Vec<(String, u64)> =
            keys.into_totals().into_iter().map(|((_, name), total)| (name.to_string(), total)).collect();
        assert_eq!(totals, [("o/hello".to_owned(), 16), ("o/r".to_owned(), 3), ("o/用".to_owned(), 7)]);
        assert_eq!((findings.visits.refused, findings.visits.refused_total), (1, 1));
    }

    #[test]
    fn names_are_spelt_as_a_browser_sends_them() {
        let spelt = |name| trace_spelling(name).map(|(namespace, key)| format!("{namespace}:{key}"));
        assert_eq!(spelt("a/b:c").as_deref(), Some("a:b:c"));
        assert_eq!(spelt("用/100% of it?").as_deref(), Some("%E7%94%A8:100%25%20of%20it%3F"));
        for name in ["a", "a/b/c", "/b", "a/", "a//b"] {
            assert_eq!(spelt(name), None, "{name}");
        }
    }
}
