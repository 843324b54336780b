//! One line of snow-trace's logs: read by the import, written by the export.
//!
//! From a line, only the minute, the class of client, country, region and city are kept. Address, referer and user
//! agent are dropped here.

use super::TRACED;
use serde::{Deserialize, Serialize};
use serde_json::{Deserializer, Value};
use std::fmt;
use tallymark_core::{Asker, AskerDetails, ClientClass, Country, Event, Now, Visit, kept_text};

/// How every record begins, as snow-trace writes it.
const BEGINNING: &[u8] = b"{\"timestamp\":";

/// Whose record a line of a log must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    pub(super) event: Event,
    pub(super) namespace: &'a str,
    pub(super) key: &'a str,
}

/// Why a line is not a record that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokenRecord {
    TooLong,
    Glued,
    NotJson,
    NotAnObject,
    NoCount,
    NoTime,
    Future,
    NoType,
    OtherType,
    OtherName,
}

impl BrokenRecord {
    /// Whether it does not even say which event it is of.
    pub(super) fn is_of_no_event(self) -> bool {
        use BrokenRecord::{Glued, NoType, NotAnObject, NotJson, TooLong};
        matches!(self, TooLong | Glued | NotJson | NotAnObject | NoType)
    }
}

impl fmt::Display for BrokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BrokenRecord::TooLong => "the line is longer than 262,144 bytes",
            BrokenRecord::Glued => "several records are glued together: one had no line end",
            BrokenRecord::NotJson => "not JSON",
            BrokenRecord::NotAnObject => "not a JSON object with the fields of a record",
            BrokenRecord::NoCount => "count is missing, or is not a whole number from 1 on",
            BrokenRecord::NoTime => "timestamp is missing, or is not a time",
            BrokenRecord::Future => "timestamp is in the future",
            BrokenRecord::NoType => "it has no type, or one that is neither visit nor like",
            BrokenRecord::OtherType => "type is not that of the directory",
            BrokenRecord::OtherName => "namespace and key are not those of the file",
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordFields {
    timestamp: Option<Value>,
    namespace: Option<Value>,
    key: Option<Value>,
    count: Option<Value>,
    r#type: Option<Value>,
    user_agent: Option<Value>,
    country: Option<Value>,
    region: Option<Value>,
    city: Option<Value>,
}

/// Reads a line without its end.
pub(super) fn read(line: &[u8], whose: Whose<'_>, now: Now) -> Result<Visit, BrokenRecord> {
    let fields = fields(line)?;
    let is = |field: &Option<Value>, text: &str| field.as_ref().and_then(Value::as_str) == Some(text);
    if !TRACED.iter().any(|event| is(&fields.r#type, event.as_str())) {
        return Err(BrokenRecord::NoType);
    }
    if !is(&fields.r#type, whose.event.as_str()) {
        return Err(BrokenRecord::OtherType);
    }
    if !is(&fields.namespace, whose.namespace) || !is(&fields.key, whose.key) {
        return Err(BrokenRecord::OtherName);
    }
    if fields.count.as_ref().and_then(Value::as_i64).is_none_or(|count| count < 1) {
        return Err(BrokenRecord::NoCount);
    }
    let time = fields.timestamp.as_ref().and_then(Value::as_str).and_then(Now::parse_rfc3339);
    let minute = time.ok_or(BrokenRecord::NoTime)?.minute();
    if minute > now.minute() {
        return Err(BrokenRecord::Future);
    }
    let user_agent = fields.user_agent.as_ref().and_then(Value::as_str).unwrap_or_default();
    Ok(Visit { minute, class: ClientClass::of(user_agent.as_bytes()), asker: asker(&fields) })
}

/// Where it came from. snow-trace keeps empty texts, and calls the city of a local address localhost.
fn asker(fields: &RecordFields) -> Asker {
    let text = |field: &Option<Value>| {
        field.as_ref().and_then(Value::as_str).and_then(|text| kept_text(text.as_bytes()))
    };
    let country = text(&fields.country).and_then(|country| Country::parse(&country));
    if country == Some(Country::Local) {
        return Asker::new(country, AskerDetails::default());
    }
    let (region, city) = (text(&fields.region), text(&fields.city));
    Asker::new(country, AskerDetails { region, city, ..AskerDetails::default() })
}

fn fields(line: &[u8]) -> Result<RecordFields, BrokenRecord> {
    let parsed = serde_json::from_slice(line);
    if let Ok(fields) = parsed {
        // A list would be read too, by the order of its values.
        let is_object = line.trim_ascii_start().starts_with(b"{");
        return if is_object { Ok(fields) } else { Err(BrokenRecord::NotAnObject) };
    }
    let begins = line.windows(BEGINNING.len()).filter(|part| *part == BEGINNING).count();
    let mut values = Deserializer::from_slice(line).into_iter::<Value>();
    Err(match (values.next(), values.next()) {
        _ if begins > 1 => BrokenRecord::Glued,
        (Some(Ok(_)), Some(_)) => BrokenRecord::Glued,
        (Some(Ok(_)), None) => BrokenRecord::NotAnObject,
        _ => BrokenRecord::NotJson,
    })
}

#[derive(Serialize)]
struct WrittenRecord<'a> {
    timestamp: String,
    namespace: &'a str,
    key: &'a str,
    count: i64,
    r#type: &'a str,
    #[serde(rename = "userAgent", skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
}

/// The line of a visit after which the counter was `count`, with its end. It has the fields that are known.
#[must_use]
pub fn record_line(event: Event, (namespace, key): (&str, &str), visit: &Visit, count: i64) -> String {
    let timestamp = visit.minute.to_string().replace('Z', ".000Z");
    let details = visit.asker.details.as_deref().cloned().unwrap_or_default();
    let local = visit.asker.country == Some(Country::Local);
    let written = WrittenRecord {
        timestamp,
        namespace,
        key,
        count,
        r#type: event.as_str(),
        user_agent: details.user_agent.as_deref(),
        referer: details.referer.as_deref(),
        ip: details.address.as_deref(),
        country: visit.asker.country.as_ref().map(Country::as_str),
        region: details.region.as_deref(),
        city: details.city.as_deref().or(local.then_some("localhost")),
    };
    // Text and a number can always be written.
    serde_json::to_string(&written).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose<'_> = Whose { event: Event::LIKE, namespace: "ailuntz", key: "ailuntz" };
    const REAL: &str = r#"{"timestamp":"2025-12-29T16:51:36.407Z","namespace":"ailuntz","key":"ailuntz","count":2,"type":"like","userAgent":"curl/8.7.1","ip":"::1","country":"LOCAL","city":"localhost"}"#;

    fn of(line: &str) -> Result<Visit, BrokenRecord> {
        read(line.as_bytes(), WHOSE, Now { unix_ms: 1_795_147_189_000 })
    }

    #[test]
    fn real_record_is_read_and_so_is_what_is_written() {
        let visit = of(REAL).unwrap();
        assert_eq!(
            (visit.minute.to_string().as_str(), visit.class),
            ("2025-12-29T16:51:00Z", ClientClass::Program)
        );
        let line = record_line(Event::LIKE, ("ailuntz", "ailuntz"), &visit, 7);
        assert_eq!(
            line,
            "{\"timestamp\":\"2025-12-29T16:51:00.000Z\",\"namespace\":\"ailuntz\",\"key\":\"ailuntz\",\"count\":7,\"type\":\"like\",\"country\":\"LOCAL\",\"city\":\"localhost\"}\n"
        );
        assert_eq!(of(line.trim_end()).unwrap(), Visit { class: ClientClass::Unknown, ..visit });
    }

    #[test]
    fn every_broken_line_has_its_reason() {
        use BrokenRecord::*;
        let with = |from: &str, to: &str| {
            let changed = REAL.replace(from, to);
            assert_ne!(changed, REAL);
            changed
        };
        for (line, why) in [
            (format!("{REAL}{REAL}"), Glued),
            (format!("{}{REAL}", &REAL[..40]), Glued),
            ("{} {}".to_owned(), Glued),
            (REAL[..80].to_owned(), NotJson),
            ("x".to_owned(), NotJson),
            ("\u{0}\u{0}".to_owned(), NotJson),
            ("5".to_owned(), NotAnObject),
            ("null".to_owned(), NotAnObject),
            (r#"["2025-12-29T16:51:36.407Z","ailuntz","ailuntz",2,"like",null]"#.to_owned(), NotAnObject),
            (with("\"count\":2,", ""), NoCount),
            (with("\"count\":2", "\"count\":\"2\""), NoCount),
            (with("\"count\":2", "\"count\":2.5"), NoCount),
            (with("\"count\":2", "\"count\":-2"), NoCount),
            (with("\"count\":2", "\"count\":0"), NoCount),
            (with("\"count\":2", "\"count\":null"), NoCount),
            (with("2025-12-29T16:51:36.407Z", "Invalid Date"), NoTime),
            (with("2025-12-29T16:51:36.407Z", "2025-13-29T16:51:36.407Z"), NoTime),
            (with("\"2025-12-29T16:51:36.407Z\"", "1767027096407"), NoTime),
            (with("2025-12-29", "2099-12-29"), Future),
            (with("\"like\"", "\"visit\""), OtherType),
            (with("\"like\"", "\"star\""), NoType),
            (with("\"type\":\"like\",", ""), NoType),
            (with("\"key\":\"ailuntz\"", "\"key\":\"other\""), OtherName),
            (with("\"namespace\":\"ailuntz\",", ""), OtherName),
        ] {
            assert_eq!(of(&line), Err(why), "{line}");
        }
        assert_eq!(of(&with("\"curl/8.7.1\"", "5")).map(|visit| visit.class), Ok(ClientClass::Unknown));
    }
}
