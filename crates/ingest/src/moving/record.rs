//! The record of one name: its JSON form, and the counts in it.

use crate::correct::NameLedger;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use tallymark_core::{
    ALL, CountCell, Day, Difference, Event, Hour, Minute, Month, Name, Now, OVERFLOW, Visit, Visits,
};

/// Every count of an event on a name, as written in an export. Zeros are left out, except for the total.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameRecord {
    /// What happened.
    pub event: String,
    /// What it happened to; `~all` and `~overflow` are the aggregates.
    pub name: String,
    /// How often in all.
    pub total: i64,
    /// By day: `2026-11-20`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days: BTreeMap<String, i64>,
    /// By hour: `2026-11-20T13`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hours: BTreeMap<String, i64>,
    /// By minute: `2026-11-20T13:07`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub minutes: BTreeMap<String, i64>,
    /// By month, `2026-11`, and status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, BTreeMap<String, i64>>,
    /// The last visits that are kept, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visits: Vec<serde_json::Value>,
}

/// A record that can be brought into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivingName {
    pub(super) event: Event,
    pub(super) name: Name,
    pub(super) total: i64,
    pub(super) differences: Vec<Difference>,
    pub(super) visits: Option<Visits>,
}

/// Why a record is none.
#[derive(Debug)]
pub enum BadRecord {
    /// Not the JSON of a record.
    Json(serde_json::Error),
    /// Not an event.
    Event(String),
    /// Not a name of its event.
    Name(String),
    /// Not the time that it should be.
    Time(String),
    /// Less than 0, or a 0 where only non-zero counts are written.
    Count(String),
    /// Not a visit.
    Visit,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadRecord::Json(error) => write!(f, "it is no record of a name: {error}"),
            BadRecord::Event(text) => write!(f, "{text:?} is no event"),
            BadRecord::Name(text) => write!(f, "{text:?} is no name"),
            BadRecord::Time(text) => write!(f, "{text:?} is not the time that belongs there"),
            BadRecord::Count(what) => write!(f, "the count of {what} cannot be so small"),
            BadRecord::Visit => f.write_str("one of its visits is none"),
        }
    }
}

impl std::error::Error for BadRecord {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BadRecord::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl ArrivingName {
    /// What orders the records of an export.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        (self.event.as_str(), self.name.as_str())
    }

    /// Its total, unless it is that of an aggregate.
    #[must_use]
    pub fn own_total(&self) -> i64 {
        if self.name.is_aggregate() { 0 } else { self.total }
    }
}

impl NameRecord {
    /// What a store has of a name; its visits are the latest first.
    pub(super) fn of(event: Event, name: &Name, ledger: &NameLedger, visits: &[Visit]) -> NameRecord {
        let mut record = NameRecord {
            event: event.to_string(),
            name: name.as_str().to_owned(),
            total: ledger.total,
            ..NameRecord::default()
        };
        for (cell, count) in ledger.cells() {
            match cell {
                CountCell::Total => {}
                CountCell::Day(day) => _ = record.days.insert(day.to_string(), count),
                CountCell::Hour(hour) => _ = record.hours.insert(cut(hour.first_minute(), 13), count),
                CountCell::Minute(minute) => _ = record.minutes.insert(cut(minute, 16), count),
                CountCell::Status(month, status) => {
                    record.statuses.entry(month.to_string()).or_default().insert(status, count);
                }
            }
        }
        let visits = visits.iter().rev();
        record.visits = visits.filter_map(|visit| serde_json::from_str(&visit.to_json()).ok()).collect();
        record
    }

    /// Its line in an export, with the line feed.
    #[must_use]
    pub fn line(&self) -> String {
        // A map with text for keys can always be written.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// See [`BadRecord`].
    pub fn read(line: &[u8]) -> Result<ArrivingName, BadRecord> {
        let record: NameRecord = serde_json::from_slice(line).map_err(BadRecord::Json)?;
        record.arriving()
    }

    /// What a store is to get.
    ///
    /// # Errors
    ///
    /// See [`BadRecord`].
    pub fn arriving(&self) -> Result<ArrivingName, BadRecord> {
        let event = Event::new(self.event.as_bytes()).map_err(|_| BadRecord::Event(self.event.clone()))?;
        let name = match self.name.as_str() {
            ALL => Name::all(),
            OVERFLOW => Name::overflow(),
            text => Name::of(event, text).map_err(|_| BadRecord::Name(text.to_owned()))?,
        };
        if self.total < 0 {
            return Err(BadRecord::Count("the total".to_owned()));
        }
        let mut differences = Vec::new();
        let mut add =
            |cell: CountCell, by: i64| differences.push(Difference { event, name: name.clone(), cell, by });
        // One that is 0 makes the name. An aggregate needs no making.
        if self.total > 0 || !name.is_aggregate() {
            add(CountCell::Total, self.total);
        }
        for (text, by) in &self.days {
            add(CountCell::Day(day(text)?), counted(text, *by)?);
        }
        for (text, by) in &self.hours {
            add(CountCell::Hour(hour(text)?), counted(text, *by)?);
        }
        for (text, by) in &self.minutes {
            add(CountCell::Minute(minute(text)?), counted(text, *by)?);
        }
        for (text, statuses) in &self.statuses {
            let month = month(text)?;
            for (status, by) in statuses {
                add(CountCell::Status(month, status.clone()), counted(status, *by)?);
            }
        }
        let visit = |value: &serde_json::Value| Visit::from_json(value.to_string().as_bytes());
        let last = self.visits.iter().map(visit).collect::<Option<Vec<Visit>>>().ok_or(BadRecord::Visit)?;
        let visits = (!last.is_empty()).then(|| Visits { event, name: name.clone(), last });
        Ok(ArrivingName { event, name, total: self.total, differences, visits })
    }

    /// What it says as rows of a table: step, time, status and count.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &str, &str, i64)> {
        let of = |step: &'static str, buckets| {
            let buckets: &BTreeMap<String, i64> = buckets;
            buckets.iter().map(move |(time, count)| (step, time.as_str(), "", *count))
        };
        let statuses = self.statuses.iter().flat_map(|(month, statuses)| {
            statuses.iter().map(move |(status, count)| ("status", month.as_str(), status.as_str(), *count))
        });
        let total = [("total", "", "", self.total)].into_iter();
        let steps = of("day", &self.days).chain(of("hour", &self.hours)).chain(of("minute", &self.minutes));
        total.chain(steps).chain(statuses)
    }
}

/// The beginning of a minute's text.
fn cut(minute: Minute, bytes: usize) -> String {
    minute.to_string().chars().take(bytes).collect()
}

fn counted(what: &str, by: i64) -> Result<i64, BadRecord> {
    if by > 0 { Ok(by) } else { Err(BadRecord::Count(what.to_owned())) }
}

fn day(text: &str) -> Result<Day, BadRecord> {
    Day::parse(text.as_bytes()).ok_or_else(|| BadRecord::Time(text.to_owned()))
}

fn month(text: &str) -> Result<Month, BadRecord> {
    let first = Day::parse(format!("{text}-01").as_bytes());
    first.map(Day::month).ok_or_else(|| BadRecord::Time(text.to_owned()))
}

fn minute(text: &str) -> Result<Minute, BadRecord> {
    let at = Now::parse_rfc3339(&format!("{text}:00Z")).map(Now::minute);
    at.filter(|_| text.len() == 16).ok_or_else(|| BadRecord::Time(text.to_owned()))
}

fn hour(text: &str) -> Result<Hour, BadRecord> {
    minute(&format!("{text}:00")).map(Minute::hour).map_err(|_| BadRecord::Time(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tallymark_core::ClientClass;

    proptest! {
        /// What a line means is what the ledger had.
        #[test]
        fn record_is_read_as_it_was_written(
            total in 0i64..i64::MAX,
            days in prop::collection::btree_map(0i32..30_000, 1i64..i64::MAX, 0..4),
            hours in prop::collection::btree_map(0i32..700_000, 1i64..9, 0..4),
            minutes in prop::collection::btree_map(0i32..40_000_000, 1i64..9, 0..4),
            statuses in prop::collection::btree_map((0i32..1200, "[a-z\"\\\\é]{1,5}"), 1i64..9, 0..4),
            visits in prop::collection::vec(0i32..40_000_000, 0..4),
            name in "[a-z\"/\\\\日%]{1,9}",
        ) {
            let ledger = NameLedger {
                total,
                days: days.into_iter().map(|(day, n)| (Day(day), n)).collect(),
                hours: hours.into_iter().map(|(hour, n)| (Hour(hour), n)).collect(),
                minutes: minutes.into_iter().map(|(minute, n)| (Minute(minute), n)).collect(),
                statuses: statuses.into_iter().map(|((month, status), n)| ((Month(month), status), n)).collect(),
            };
            let visits: Vec<Visit> =
                visits.into_iter().map(|minute| Visit::new(Minute(minute), ClientClass::Browser)).collect();
            let name = Name::new(&name).unwrap();
            let record = NameRecord::of(Event::HIT, &name, &ledger, &visits);
            let read = NameRecord::read(record.line().as_bytes()).unwrap();
            let cells: Vec<(CountCell, i64)> =
                read.differences.iter().map(|difference| (difference.cell.clone(), difference.by)).collect();
            let mut expect: Vec<(CountCell, i64)> = ledger.cells().collect();
            if total == 0 {
                expect.insert(0, (CountCell::Total, 0));
            }
            prop_assert_eq!(cells, expect);
            let last = read.visits.map(|visits| visits.last).unwrap_or_default();
            prop_assert_eq!(last.into_iter().rev().collect::<Vec<_>>(), visits);
            prop_assert_eq!((read.event, read.name), (Event::HIT, name));
        }
    }

    #[test]
    fn what_is_no_record_is_told() {
        for (line, why) in [
            ("", "no record of a name"),
            (r#"{"event":"hit","name":"a"}"#, "missing field `total`"),
            (r#"{"event":"hit","name":"a","total":1,"weeks":{}}"#, "unknown field `weeks`"),
            (r#"{"event":"Hit","name":"a","total":1}"#, "\"Hit\" is no event"),
            (r#"{"event":"hit","name":"~a","total":1}"#, "\"~a\" is no name"),
            (r#"{"event":"hit","name":"a","total":-1}"#, "the count of the total"),
            (r#"{"event":"hit","name":"a","total":1,"days":{"2026-11-20":0}}"#, "the count of 2026-11-20"),
            (
                r#"{"event":"hit","name":"a","total":1,"days":{"2026-11-31":1}}"#,
                "\"2026-11-31\" is not the time",
            ),
            (
                r#"{"event":"hit","name":"a","total":1,"hours":{"2026-11-20":1}}"#,
                "\"2026-11-20\" is not the time",
            ),
            (r#"{"event":"hit","name":"a","total":1,"minutes":{"2026-11-20T24:00":1}}"#, "is not the time"),
            (r#"{"event":"hit","name":"a","total":1,"visits":[{}]}"#, "one of its visits is none"),
        ] {
            let told = NameRecord::read(line.as_bytes()).unwrap_err().to_string();
            assert!(told.contains(why), "{line}: {told}");
        }
    }
}
