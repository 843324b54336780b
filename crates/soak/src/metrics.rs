//! The text of `/metrics` as numbers.

use std::collections::BTreeMap;

/// Every metric, by name and labels as written in the text.
#[derive(Debug)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

/// What became of the lines of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) received: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) dropped: u64,
}

impl Metrics {
    pub(crate) fn parse(text: &str) -> Metrics {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pair = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        Metrics(lines.map(pair).collect())
    }

    /// One value without its prefix, 0 if it is not there.
    pub(crate) fn get(&self, key: &str) -> u64 {
        self.0.get(&format!("tallymark_{key}")).copied().unwrap_or(0.0) as u64
    }

    /// The lines of one source.
    #[track_caller]
    pub(crate) fn lines(&self, source: &str) -> Lines {
        let of = |what: &str| self.get(&format!("{what}_total{{source=\"{source}\"}}"));
        let start = format!("tallymark_lines_rejected_total{{source=\"{source}\",reason=");
        let rejects = self.0.iter().filter(|(key, _)| key.starts_with(&start));
        let rejected = rejects.map(|(_, &count)| count as u64).sum();
        let (received, accepted) = (of("lines_received"), of("lines_accepted"));
        Lines { received, accepted, rejected, dropped: of("socket_drops") }
    }
}

impl Lines {
    /// received = accepted + rejected. Only of a source at rest: the counters are read one after the other.
    #[track_caller]
    pub(crate) fn check(self) -> Lines {
        assert_eq!(self.received, self.accepted + self.rejected, "received = accepted + rejected: {self:?}");
        self
    }
}
