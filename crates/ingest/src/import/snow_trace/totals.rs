//! snow-trace's two files of totals: `counters.json` and `likes.json`. A file that is not one is refused whole.

use super::SnowTraceError;
use serde::de::{self, Deserializer as _, MapAccess, Visitor};
use std::{collections::BTreeMap, fmt, fs, io, path::Path};
use tallymark_core::Event;

/// How much of a key is quoted.
const QUOTED: usize = 100;

/// The file that has the totals of an event.
#[must_use]
pub fn totals_file(event: Event) -> &'static str {
    if event == Event::LIKE { "likes.json" } else { "counters.json" }
}

/// The totals by key, and the bytes that they were read from.
pub(super) type TotalsRead = (BTreeMap<String, i64>, Vec<u8>);

/// Reads a file of totals. `None` if there is no file.
pub(super) fn read(dir: &Path, event: Event) -> Result<Option<TotalsRead>, SnowTraceError> {
    let path = dir.join(totals_file(event));
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SnowTraceError::Io { path, source }),
    };
    match parse(&bytes) {
        Ok(totals) => Ok(Some((totals, bytes))),
        Err(error) => Err(SnowTraceError::Totals { path, why: error.to_string() }),
    }
}

fn parse(bytes: &[u8]) -> serde_json::Result<BTreeMap<String, i64>> {
    // An editor may have put it there. JSON has none.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let totals = json.deserialize_map(TotalsVisitor)?;
    json.end()?;
    Ok(totals)
}

/// The file as snow-trace writes it: two blanks a level, and no line end behind it.
#[must_use]
pub fn totals_text(totals: &BTreeMap<String, i64>) -> Vec<u8> {
    // Text and numbers can always be written.
    serde_json::to_vec_pretty(totals).unwrap_or_default()
}

/// At most so much of a key as a message should repeat.
pub(super) fn quoted(key: &str) -> String {
    format!("{:?}", shortened(key))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

struct TotalsVisitor;

impl<'de> Visitor<'de> for TotalsVisitor {
    type Value = BTreeMap<String, i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and their totals")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut totals = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let value: serde_json::Value = map.next_value()?;
            let Some(total) = value.as_i64().filter(|total| *total >= 0) else {
                let value = shortened(&value.to_string());
                return Err(de::Error::custom(format!(
                    "the total of {} is {value}, which is not a count",
                    quoted(&key)
                )));
            };
            if totals.contains_key(&key) {
                return Err(de::Error::custom(format!("{} has two totals", quoted(&key))));
            }
            totals.insert(key, total);
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_as_they_are_written() {
        let text = "{\n  \"a:b\": 3,\n  \"x:y:z\": 9223372036854775807\n}";
        let totals = parse(text.as_bytes()).unwrap();
        assert_eq!(totals, BTreeMap::from([("a:b".to_owned(), 3), ("x:y:z".to_owned(), i64::MAX)]));
        assert_eq!(totals_text(&totals), text.as_bytes());
        assert_eq!(totals_text(&BTreeMap::new()), b"{}");
    }

    #[test]
    fn what_is_not_an_object_of_counts_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "EOF"),
            ("{\"a:b\": 1", "EOF"),
            ("{\"a:b\": 1} x", "trailing"),
            ("{}\u{feff}", "trailing"),
            ("null", "expected an object"),
            ("5", "expected an object"),
            ("\"x\"", "expected an object"),
            ("[]", "expected an object"),
            ("{\"a:b\": \"1000\"}", "the total of \"a:b\" is"),
            ("{\"a:b\": 1.5}", "1.5"),
            ("{\"a:b\": -1}", "-1"),
            ("{\"a:b\": 9223372036854775808}", "not a count"),
            ("{\"a:b\": 1e400}", "out of range"),
            ("{\"a:b\": null}", "null"),
            ("{\"a:b\": {}}", "not a count"),
            ("{\"a:b\": 1, \"a:b\": 1}", "two totals"),
        ] {
            let said = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
        let long = format!("{{\"{}\": null}}", "k".repeat(9000));
        assert!(parse(long.as_bytes()).unwrap_err().to_string().len() < 300);
    }
}
