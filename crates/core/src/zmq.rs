//! What one message from a ZeroMQ bus counts: `TOPIC SP JSON`, as Bootic's collector publishes it.
//!
//! ```text
//! pageview {"type":"pageview","time":"...","data":{"account":"acme","unq":"1",...}}
//! order {"type":"order","data":{"account":"acme","status":"closed",...}}
//! ```
//!
//! The field `type` is the event, whatever the topic; `data.account` is the name, as it is: nothing is decoded. Where
//! this differs from Bootic's aggregator, and why:
//!
//! * Numbers count: `"unq":1` and `true` mean `"1"`, and a number is a valid account or status. Bootic's aggregator
//!   silently dropped them.
//! * Every type that is a valid event counts as that event, not only `pageview` and `order`; except for pageviews, the
//!   status counts too. `order.create` is not a valid event, and is rejected; so is `unique`, which is derived here
//!   from pageviews.
//! * An account that is missing, empty, or literally `all` is rejected: `all` is Bootic's word for every account, and
//!   an account of that name would be added to the sum over all.
//! * JSON may contain line ends. A message in which a key occurs twice is rejected.
//! * An order without a status counts, but only in its series. Bootic's aggregator counted it under an empty status.
//!
//! Parts that are not read may have any form and any depth: they are skipped without recursion.

use crate::{
    Event, Hit, NameRef, NotAName, Now, Reject, StatusRef, When, record::LineValues, route::Dating,
    time::parse_time,
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// Bootic's word for every account.
const ALL_ACCOUNTS: &str = "all";

/// Whose clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Ours: a message counts when it arrives, as with Bootic's aggregator since 2017.
    Arrival,
    /// The field `time` of the message, within the window of live lines.
    Message,
}

#[derive(Deserialize)]
struct EventMessage<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    time: Text<'a>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    account: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    unq: Text<'a>,
}

/// A value that should be a string.
#[derive(Default)]
enum Text<'a> {
    #[default]
    Missing,
    Is(Cow<'a, str>),
    /// `true` means 1 for a flag.
    True,
    /// Anything else, which has no text.
    Other,
}

impl Text<'_> {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Text::Is(text) if !text.is_empty() => Some(text.as_bytes()),
            _ => None,
        }
    }
}

/// Reads one message, and counts what it says: one hit, or two if a pageview was its visitor's first.
///
/// # Errors
///
/// Why the message does not count; nothing of it was counted then.
pub fn read(message: &[u8], clock: Clock, now: Now, mut count: impl FnMut(&Hit<'_>)) -> Result<(), Reject> {
    let pageview = Event::literal(b"pageview");
    let unique = Event::literal(b"unique");
    let message: EventMessage<'_> = serde_json::from_slice(payload(message)?).map_err(|_| Reject::Json)?;
    let kind = message.kind.bytes().ok_or(Reject::Event)?;
    let event = Event::new(kind).ok().filter(|&event| event != unique).ok_or(Reject::Event)?;
    let name = name(event, &message.data.account)?;
    let status = match &message.data.status {
        Text::Missing => None,
        _ if event == pageview => None,
        Text::Is(text) if text.is_empty() => None,
        Text::Is(text) => Some(StatusRef::new(text.as_bytes()).map_err(|_| Reject::Status)?),
        Text::True | Text::Other => return Err(Reject::Status),
    };
    let (when, redated) = match clock {
        Clock::Arrival => (When::Minute(now.minute()), false),
        Clock::Message => {
            let time = parse_time(message.time.bytes().ok_or(Reject::Time)?).ok_or(Reject::Time)?;
            LineValues { time: Some(time), ..LineValues::of(event) }.when(Dating::Live, now)?
        }
    };
    let hit = Hit { redated, status, ..Hit::one(event, name, when) };
    count(&hit);
    let first = match &message.data.unq {
        Text::Is(text) => text == "1",
        Text::True => true,
        Text::Missing | Text::Other => false,
    };
    if event == pageview && first {
        count(&Hit { event: unique, ..hit });
    }
    Ok(())
}

/// What follows the topic and the spaces after it. The topic may be empty, but the space is required.
fn payload(message: &[u8]) -> Result<&[u8], Reject> {
    if message.is_empty() {
        return Err(Reject::Empty);
    }
    // A topic does not begin like JSON. If it seems to, the message has no topic, and its first space is somewhere
    // inside.
    let blank = message.iter().position(u8::is_ascii_whitespace).filter(|_| message[0] != b'{');
    let payload = message[blank.ok_or(Reject::Topic)?..].trim_ascii();
    if payload.is_empty() { Err(Reject::Json) } else { Ok(payload) }
}

fn name<'a>(event: Event, account: &'a Text<'_>) -> Result<NameRef<'a>, Reject> {
    match account {
        Text::Missing => Err(Reject::NoName),
        Text::Is(text) if text == ALL_ACCOUNTS => Err(Reject::Name),
        Text::Is(text) => NameRef::of(event, text.as_bytes()).map_err(|why| match why {
            NotAName::Empty => Reject::NoName,
            _ => Reject::Name,
        }),
        Text::True | Text::Other => Err(Reject::Name),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text::Is(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text::Is(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text::Is(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text::Is(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        // JSON has no integer type: 1.0 is a whole number. Beyond 2^53 it is unclear which number was meant.
        let whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        Ok(if whole { Text::Is(Cow::Owned((number as i64).to_string())) } else { Text::Other })
    }

    fn visit_bool<E>(self, is: bool) -> Result<Text<'de>, E> {
        Ok(if is { Text::True } else { Text::Other })
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::Other)
    }
}

#[cfg(test)]
mod tests;
