//! Which name a key of the totals is. snow-trace writes `namespace:key`, and both may have colons.

use super::{TraceFindings, totals::totals_file, tree::TraceLogs};
use std::collections::{BTreeMap, BTreeSet};
use tallymark_core::{Event, Name};

/// The key under which snow-trace keeps the total of a name. `None` for a name that is not `namespace/key`.
#[must_use]
pub fn trace_key(name: &str) -> Option<String> {
    let (namespace, key) = name.split_once('/')?;
    let is_one = !namespace.is_empty() && !key.is_empty() && !key.contains('/');
    is_one.then(|| format!("{namespace}:{key}"))
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
                Ok(name) => {
                    self.totals.insert((event, name), total);
                    continue;
                }
                Err(why) => why,
            };
            findings.total(totals_file(event), &text, &format!("its total of {total} is not counted: {why}"));
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
        let name = Name::of(event, &format!("{namespace}/{key}")).ok()?;
        Some(&self.totals.get_key_value(&(event, name))?.0.1)
    }

    /// Whether its total was refused, which is told already.
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
    let is_one = |(namespace, key): &(&str, &str)| !namespace.is_empty() && !key.is_empty();
    if text.contains('/') {
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
            _ => return Err("several names share it, as their logs say".to_owned()),
        },
    };
    Name::of(event, &format!("{namespace}/{key}")).map_err(|why| format!("no name here: {why}"))
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
        assert_eq!(keys.name_of(Event::VISIT, "a:b", "c"), None);
        let names: Vec<String> =
            keys.into_totals().into_keys().map(|(_, name)| name.as_str().to_owned()).collect();
        assert_eq!(names, ["../k", "a/b:c", "n/k", "x:y/z"]);
        assert_eq!((findings.visits.refused, findings.visits.refused_total), (8, 16));
        let told: Vec<&str> = findings.problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(told[0], "\"::\": its total of 2 is not counted: it is not NAMESPACE:KEY");
        assert!(
            told.iter().any(|what| what.contains("\"p:q:r\"") && what.contains("several names share it"))
        );
        assert!(told.iter().any(|what| what.contains("\"u:v:w\"") && what.contains("no log says")));
        assert!(told.iter().any(|what| what.contains("\"~n:k\"") && what.contains("no name here")));
    }

    #[test]
    fn names_that_snow_trace_cannot_have_have_no_key() {
        assert_eq!(trace_key("a/b:c").as_deref(), Some("a:b:c"));
        for name in ["a", "a/b/c", "/b", "a/", "a//b"] {
            assert_eq!(trace_key(name), None, "{name}");
        }
    }
}
