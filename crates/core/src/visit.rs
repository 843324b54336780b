//! The last visits of a name: when each was, what kind of client it was, and from where. No client address and no
//! client text, unless the operator wants them.
//!
//! They are kept in addition to the counts if the operator turns that on, and only the last few of each name: in the
//! tally, in the outbox and in the stores. A visit is precise to the minute, because counts are; in JSON it is an
//! object that can get more fields.

use crate::{Asker, ClientClass, Event, Minute, Name, asker::StoredAsker};
use serde::Deserialize;

/// How many visits of one name may be kept.
pub const MAX_VISITS: usize = 1000;

/// How many of the last visits of a name are kept, and of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptVisits {
    /// So many; 0 for none.
    pub last: usize,
    /// Of every event, and not only of those that panels show.
    pub of_every_event: bool,
}

impl KeptVisits {
    /// The last few of every event.
    #[must_use]
    pub const fn of_every_event(last: usize) -> KeptVisits {
        KeptVisits { last, of_every_event: true }
    }

    /// How many are kept of an event.
    #[must_use]
    pub fn of(self, event: Event) -> usize {
        if self.of_every_event || event.is_on_panels() { self.last } else { 0 }
    }
}

/// One visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// When.
    pub minute: Minute,
    /// The class of the client.
    pub class: ClientClass,
    /// What else is kept of the client.
    pub asker: Asker,
}

/// The last visits of an event on a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visits {
    /// What happened.
    pub event: Event,
    /// What it happened to.
    pub name: Name,
    /// The last of them, in the order in which they were counted. Never empty.
    pub last: Vec<Visit>,
}

#[derive(Deserialize)]
struct Stored<'a> {
    time: &'a str,
    class: &'a str,
    #[serde(flatten)]
    asker: StoredAsker,
}

impl Visit {
    /// A visit without any client data.
    #[must_use]
    pub fn new(minute: Minute, class: ClientClass) -> Visit {
        Visit { minute, class, asker: Asker::default() }
    }

    /// The form in the stores: `{"time":"2026-11-20T12:00:00Z","class":"browser","country":"DE"}`, and more where more is
    /// kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        let known = format!("{{\"time\":\"{}\",\"class\":\"{}\"", self.minute, self.class);
        match self.asker.to_json() {
            Some(asker) => format!("{known},{}", asker.trim_start_matches('{')),
            None => known + "}",
        }
    }

    /// Reads what [`Visit::to_json`] wrote, even if a newer version has added fields. `None` if it is something else.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Option<Visit> {
        let stored: Stored<'_> = serde_json::from_slice(text).ok()?;
        let ms = crate::time::parse_time(stored.time.as_bytes())?;
        let minute = crate::Now { unix_ms: ms }.minute();
        Some(Visit { minute, class: ClientClass::from_word(stored.class), asker: stored.asker.read() })
    }
}

/// Puts visits in the order of their time, and those of a minute as they came, and keeps the last `keep`. Sources are not
/// in step, and some bring what is long past.
pub fn keep_last(visits: &mut Vec<Visit>, keep: usize) {
    visits.sort_by_key(|visit| visit.minute);
    visits.drain(..visits.len().saturating_sub(keep));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visit_is_read_as_it_was_written_and_with_what_comes_later() {
        for class in ClientClass::EVERY {
            let visit = Visit::new(Minute(29_919_600), class);
            assert_eq!(Visit::from_json(visit.to_json().as_bytes()), Some(visit));
        }
        let known = Visit::new(Minute(29_919_600), ClientClass::Bot);
        assert_eq!(known.to_json(), r#"{"time":"2026-11-20T12:00:00Z","class":"bot"}"#);
        let later = br#"{"planet":"Earth","time":"2026-11-20T12:00:59Z","class":"bot","city":null}"#;
        assert_eq!(Visit::from_json(later), Some(known.clone()));
        let asker = Asker::from_json(br#"{"country":"DE","city":"K\u00f6ln"}"#).unwrap();
        let placed = Visit { asker, ..known };
        let json = r#"{"time":"2026-11-20T12:00:00Z","class":"bot","country":"DE","city":"Köln"}"#;
        assert_eq!(placed.to_json(), json);
        assert_eq!(Visit::from_json(json.as_bytes()), Some(placed));
        let toaster = br#"{"time":"2026-11-20T12:00:00Z","class":"toaster"}"#;
        assert_eq!(Visit::from_json(toaster).map(|visit| visit.class), Some(ClientClass::Unknown));
        for none in [
            &b""[..],
            b"{}",
            b"1",
            b"\xff",
            br#"{"time":"now","class":"bot"}"#,
            br#"{"time":1,"class":"bot"}"#,
        ] {
            assert_eq!(Visit::from_json(none), None);
        }
    }
}
