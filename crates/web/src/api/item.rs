//! One item of `POST /api/v1/hits`, as it was sent. `hits` checks what its texts mean.

use serde_json::{Number, Value};

/// What one item says; what it leaves out is `None`.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) event: Option<String>,
    pub(super) count: Option<Number>,
    pub(super) time: Option<String>,
    pub(super) status: Option<String>,
    pub(super) user_agent: Option<String>,
}

impl Item {
    /// Reads an object, strictly: otherwise a misspelled or empty field would count something else.
    pub(super) fn read(value: Value) -> Result<Item, String> {
        let Value::Object(fields) = value else {
            return Err(format!(
                "an item is an object like {{\"name\": \"you/repo\"}}, not {}",
                shown(&value)
            ));
        };
        let (mut item, mut name) = (Item::default(), None);
        for (field, value) in fields {
            match (&*field, value) {
                ("name", Value::String(text)) => name = Some(text),
                ("event", Value::String(text)) => item.event = Some(text),
                ("time", Value::String(text)) => item.time = Some(text),
                ("status", Value::String(text)) => item.status = Some(text),
                ("user_agent", Value::String(text)) => item.user_agent = Some(text),
                ("count", Value::Number(number)) => item.count = Some(number),
                ("name" | "event" | "time" | "status" | "user_agent", other) => {
                    return Err(format!("{field} is text, not {}", shown(&other)));
                }
                ("count", other) => return Err(format!("count is a number, not {}", shown(&other))),
                (other, _) => {
                    let other = other.chars().take(50).collect::<String>();
                    let fields = "name, event, count, time, status and user_agent";
                    return Err(format!("an item has {fields}, and no {other:?}"));
                }
            }
        }
        item.name = name.ok_or("an item needs a name")?;
        Ok(item)
    }
}

/// A received value, in a few words.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(50).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
