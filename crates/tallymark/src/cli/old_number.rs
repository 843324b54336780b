//! The number in what `tallymark import badge` was given: digits, the SVG of a badge, or JSON of a counter.
//!
//! An answer that says that something is wrong has no number, whatever else is in it.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tallymark_badge::reading::{NotRead, is_no_mistake, is_total, label_on_svg, number_in, number_on_svg};
use tallymark_core::Event;

/// Where other counters and shields.io have the number in JSON, in this order.
const KEYS: [&str; 8] = ["message", "total", "count", "value", "num", "hits", "views", "counter"];

/// A number in digits, with or without zeros in front.
pub(super) fn whole(digits: &str) -> Result<u64> {
    Ok(digits.trim_start_matches('0').parse().unwrap_or(if digits.trim_matches('0').is_empty() {
        0
    } else {
        u64::MAX
    }))
}

pub(super) fn number_of(text: &str) -> Result<u64> {
    match serde_json::from_str::<Value>(text) {
        Ok(json) => number_in_json(&json),
        Err(_) => Ok(number_on_svg(text)?),
    }
}

fn number_in_json(json: &Value) -> Result<u64> {
    let found = match json {
        Value::Object(object) => KEYS.iter().find_map(|key| object.get(*key)),
        value => Some(value),
    };
    for key in ["label", "message"] {
        if let Some(text) = json.get(key).and_then(Value::as_str) {
            is_no_mistake(text)?;
            is_total(text)?;
        }
    }
    is_answer(json)?;
    match found {
        Some(Value::Number(number)) => {
            number.as_u64().filter(|&number| i64::try_from(number).is_ok()).context("it is not a count")
        }
        Some(Value::String(text)) => Ok(number_in(text)?),
        _ => bail!("the JSON has none of {}", KEYS.join(", ")),
    }
}

/// Whether nothing in the JSON says that it is an error.
fn is_answer(json: &Value) -> Result<(), NotRead> {
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
        Value::Number(code) => code.as_u64() != Some(0),
        Value::Bool(true) => true,
    };
    let wrong =
        ["error", "errors", "isError", "err"].into_iter().find(|key| json.get(*key).is_some_and(is_set));
    let failed = ["success", "ok"].into_iter().find(|key| json.get(*key) == Some(&Value::Bool(false)));
    match wrong.or(failed) {
        Some(key) => Err(NotRead::Mistake(format!("{key}: {}", json[key]).chars().take(60).collect())),
        None => Ok(()),
    }
}

/// The event whose number a badge of this program shows, if that is said and it is not hits.
pub(super) fn event_of(text: &str) -> Option<Event> {
    let label = match serde_json::from_str::<Value>(text) {
        Ok(json) => {
            let said = json.get("event").or_else(|| json.get("label"))?;
            said.as_str()?.to_owned()
        }
        Err(_) => label_on_svg(text)?,
    };
    let named = |event: &Event| label == event.as_str() || label == event.noun(0);
    [Event::VISIT, Event::LIKE].into_iter().find(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_other_counters_is_read() {
        for (text, number) in [
            (r#"{"schemaVersion":1,"label":"hits","message":"1,234","color":"green"}"#, 1234),
            (r#"{"schemaVersion":1,"label":"hits","style":"flat","message":"42","color":"lightgrey"}"#, 42),
            (r#"{"name":"o/r","event":"hit","total":77,"today":4,"formatted":"77"}"#, 77),
            (r#"{"name":"demo","num":9}"#, 9),
            (r#"{"value": 5}"#, 5),
            ("12", 12),
            ("\"1.234\"", 1234),
        ] {
            assert_eq!(number_of(text).unwrap(), number, "{text}");
        }
        for text in
            ["{}", "[1]", "null", r#"{"total":-1}"#, r#"{"total":1.5}"#, r#"{"message":"12k"}"#, "<p>", ""]
        {
            assert!(number_of(text).is_err(), "{text}");
        }
        for text in [
            r#"{"schemaVersion":1,"label":"hits in 30d","message":"12"}"#,
            r#"{"label":"weekly hits","message":"12"}"#,
            r#"{"label":"hits","message":"12/month"}"#,
            r#"{"label":"404","message":"404 badge not found"}"#,
            r#"{"label":"rate limited","message":"60"}"#,
            r#"{"message":"404","isError":true}"#,
            r#"{"error":"x","count":5}"#,
            r#"{"success":false,"count":5}"#,
            r#"{"message":"100+"}"#,
        ] {
            assert!(number_of(text).is_err(), "{text}");
        }
        assert_eq!(number_of(r#"{"error":null,"isError":false,"success":true,"count":5}"#).unwrap(), 5);
        for (text, number) in [("007", 7), ("000", 0), ("12", 12), ("99999999999999999999", u64::MAX)] {
            assert_eq!(whole(text).unwrap(), number, "{text}");
        }
        for (text, event) in [
            (r#"{"name":"o/r","event":"visit","total":77}"#, Some(Event::VISIT)),
            (r#"{"schemaVersion":1,"label":"likes","message":"12"}"#, Some(Event::LIKE)),
            (r#"{"schemaVersion":1,"label":"hits","message":"12"}"#, None),
            ("12", None),
        ] {
            assert_eq!(event_of(text), event, "{text}");
        }
    }
}
