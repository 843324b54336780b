//! The parameters of a HitMe request: an address and a time, from the query, a form or JSON.

use crate::error::{Problem, not_json};
use std::borrow::Cow;
use tallymark_core::{Event, NameRef, NotAName, Now, decode_percent};

/// How many pairs are read. HitMe's clients send two.
const MOST_PAIRS: usize = 100;
/// How many addresses a list has by default.
const USUAL_LIMIT: usize = 100;
/// How far ahead of our clock a time may be.
const AHEAD_MS: i64 = 600_000;

/// The parameters as they were sent, decoded.
#[derive(Debug, Default)]
pub(super) struct HitmeQuery<'a> {
    url: Option<Cow<'a, [u8]>>,
    timestamp: Option<Cow<'a, [u8]>>,
    limit: Option<Cow<'a, [u8]>>,
}

impl<'a> HitmeQuery<'a> {
    /// Reads the pairs of a form. The first of several with the same name counts.
    pub(super) fn form(text: &'a [u8]) -> HitmeQuery<'a> {
        let mut asked = HitmeQuery::default();
        for pair in text.split(|&b| b == b'&').take(MOST_PAIRS) {
            let end = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            let (key, value) = (&pair[..end], pair.get(end + 1..).unwrap_or_default());
            let place = match key {
                key if key.eq_ignore_ascii_case(b"url") => &mut asked.url,
                key if key.eq_ignore_ascii_case(b"timestamp") => &mut asked.timestamp,
                key if key.eq_ignore_ascii_case(b"limit") => &mut asked.limit,
                _ => continue,
            };
            place.get_or_insert_with(|| decoded(value));
        }
        asked
    }

    /// Reads an object. A time may be a number or text, as express accepted it.
    pub(super) fn json(text: &'a [u8]) -> Result<HitmeQuery<'a>, Problem> {
        // An array would be read as the values of the object in their order.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::bad_request("the body is not JSON as it should be: an array is no object"));
        }
        let object: Object<'a> = serde_json::from_slice(text).map_err(|why| {
            let why = not_json::of(&why, 1, "url is text, and timestamp a number or text, once");
            Problem::bad_request(format!("the body is not JSON as it should be: {why}"))
        })?;
        let bytes = |text: Cow<'a, str>| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        let timestamp = object.timestamp.map(|time| match time {
            Time::Number(number) => Cow::Owned(number.to_string().into_bytes()),
            Time::Text(text) => bytes(text),
        });
        Ok(HitmeQuery { url: object.url.map(bytes), timestamp, limit: None })
    }

    /// Fills in missing parameters from another.
    pub(super) fn or(self, other: HitmeQuery<'a>) -> HitmeQuery<'a> {
        HitmeQuery {
            url: self.url.or(other.url),
            timestamp: self.timestamp.or(other.timestamp),
            limit: self.limit.or(other.limit),
        }
    }

    /// The address.
    pub(super) fn url(&self) -> Result<NameRef<'_>, Problem> {
        let url = self.url.as_deref().unwrap_or_default();
        NameRef::of(Event::URL, url).map_err(|why| {
            Problem::bad_request(match why {
                NotAName::Empty => "Invalid URL".to_owned(),
                NotAName::Reserved => "Invalid URL: a name cannot begin with ~ or be a lone -".to_owned(),
                NotAName::Control => "Invalid URL: it has a control character".to_owned(),
                NotAName::NotUtf8 => "Invalid URL: it is not UTF-8".to_owned(),
                _ => format!("Invalid URL: it is longer than {} bytes", Event::URL.longest_name()),
            })
        })
    }

    /// How many addresses a list may have.
    pub(super) fn limit(&self, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.limit.as_deref() else { return Ok(USUAL_LIMIT) };
        let number = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let limit = number.and_then(|text| text.parse().ok()).filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| Problem::bad_request(format!("limit is a number from 1 to {most}")))
    }

    /// The time; now if there is none, or `0`.
    pub(super) fn at(&self, now: Now) -> Result<Now, Problem> {
        let Some(text) = self.timestamp.as_deref() else { return Ok(now) };
        let (minus, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Problem::bad_request("timestamp is in milliseconds since 1970, in digits"));
        }
        if minus {
            return Err(Problem::bad_request("timestamp is before 1970, and there are no counts"));
        }
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i64>().ok());
        match number {
            None => Err(Problem::bad_request("timestamp is out of range: it is in milliseconds since 1970")),
            Some(0) => Ok(now),
            Some(ms) if ms > now.unix_ms.saturating_add(AHEAD_MS) => {
                Err(Problem::bad_request("timestamp is more than 10 minutes ahead"))
            }
            Some(unix_ms) => Ok(Now { unix_ms }),
        }
    }
}

#[derive(serde::Deserialize)]
struct Object<'a> {
    #[serde(default, borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    timestamp: Option<Time<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Time<'a> {
    Number(serde_json::Number),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

/// The value of a form: `+` is a space, and percent-encoding is decoded once.
fn decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.iter().any(|&b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(value);
    }
    let blanks: Vec<u8> = value.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    if !blanks.contains(&b'%') {
        return Cow::Owned(blanks);
    }
    let mut out = Vec::with_capacity(blanks.len());
    decode_percent(&blanks, 1, &mut out);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T12:00:30Z.
    const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

    fn url(asked: &HitmeQuery<'_>) -> Result<String, String> {
        asked.url().map(|url| url.as_str().to_owned()).map_err(|why| why.what)
    }

    #[test]
    fn an_address_is_taken_whole_and_decoded_once() {
        for (form, expect) in [
            ("url=http%3A%2F%2Fwww.olark.com%2F&timestamp=0", "http://www.olark.com/"),
            ("url=http://x/?a=1;b=2#c", "http://x/?a=1;b=2#c"),
            ("url=http%3A%2F%2Fx%2F%3Fa%3D1%26b%3D2", "http://x/?a=1&b=2"),
            ("URL=a&url=b", "a"),
            ("x=1&url=a+b%2Bc", "a b+c"),
            ("url=a%252Fb", "a%2Fb"),
            ("url=%zz%", "%zz%"),
            ("url=%E6%97%A5", "日"),
        ] {
            assert_eq!(url(&HitmeQuery::form(form.as_bytes())).as_deref(), Ok(expect), "{form}");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        let long = format!("url={}", "a".repeat(2049));
        for (form, expect) in [
            ("", "Invalid URL"),
            ("url=", "Invalid URL"),
            ("url", "Invalid URL"),
            ("xurl=a", "Invalid URL"),
            ("url=&url=a", "Invalid URL"),
            ("url=~all", "Invalid URL: a name cannot begin"),
            ("url=%00", "Invalid URL: it has a control character"),
            ("url=a%0d%0ab", "Invalid URL: it has a control character"),
            ("url=%ff", "Invalid URL: it is not UTF-8"),
            (&long, "Invalid URL: it is longer than 2048 bytes"),
        ] {
            assert!(
                url(&HitmeQuery::form(form.as_bytes())).is_err_and(|why| why.starts_with(expect)),
                "{form}"
            );
        }
        assert!(url(&HitmeQuery::form(&long.as_bytes()[..long.len() - 1])).is_ok());
    }

    #[test]
    fn times_are_milliseconds_and_nothing_else() {
        let at = |text: &str| {
            HitmeQuery::form(format!("timestamp={text}").as_bytes()).at(NOW).map_err(|why| why.what)
        };
        for text in ["0", "00"] {
            assert_eq!(at(text), Ok(NOW), "{text:?}");
        }
        assert_eq!(HitmeQuery::default().at(NOW).map_err(|why| why.what), Ok(NOW));
        for ms in [1, 1_709_210_096_789, NOW.unix_ms + 600_000] {
            assert_eq!(at(&ms.to_string()), Ok(Now { unix_ms: ms }));
        }
        for (text, part) in [
            ("", "in digits"),
            ("12abc", "in digits"),
            ("1e3", "in digits"),
            ("0x10", "in digits"),
            ("NaN", "in digits"),
            ("1.5", "in digits"),
            ("%2B5", "in digits"),
            ("+5", "in digits"),
            ("-", "in digits"),
            ("%EF%BC%91", "in digits"),
            ("-1", "before 1970"),
            ("18446744073709551616", "out of range"),
            ("9223372036854775808", "out of range"),
            ("9223372036854775807", "10 minutes ahead"),
            ("1795176630001", "10 minutes ahead"),
        ] {
            assert!(at(text).is_err_and(|why| why.contains(part)), "{text}");
        }
    }

    #[test]
    fn json_says_the_same_as_a_form() {
        for (json, ms) in [
            (r#"{"url":"http://a/?b=c&d"}"#, NOW.unix_ms),
            (r#"{"url":"http:\/\/a/?b=c\u0026d","timestamp":0,"more":[]}"#, NOW.unix_ms),
            (r#"{"timestamp":"1709210096789","url":"http://a/?b=c&d"}"#, 1_709_210_096_789),
            (r#"{"timestamp":1709210096789,"url":"http://a/?b=c&d"}"#, 1_709_210_096_789),
            (r#"{"timestamp":null,"url":"http://a/?b=c&d"}"#, NOW.unix_ms),
        ] {
            let asked = HitmeQuery::json(json.as_bytes()).unwrap();
            assert_eq!(url(&asked).as_deref(), Ok("http://a/?b=c&d"), "{json}");
            assert_eq!(asked.at(NOW).unwrap().unix_ms, ms, "{json}");
        }
        for json in [
            "",
            "[]",
            "{",
            r#"{"url":5}"#,
            r#"{"url":"a","url":"b"}"#,
            r#"{"url":"\ud800"}"#,
            "{\"url\":\"\u{1}\"}",
        ] {
            assert!(HitmeQuery::json(json.as_bytes()).is_err(), "{json}");
        }
        for json in ["{}", r#"{"url":null}"#, r#"{"url":""}"#] {
            assert_eq!(url(&HitmeQuery::json(json.as_bytes()).unwrap()).unwrap_err(), "Invalid URL");
        }
        for (time, part) in
            [("1e3", "in digits"), ("-5", "before 1970"), ("1.5", "in digits"), ("1e400", ""), ("true", "")]
        {
            let json = format!(r#"{{"url":"a","timestamp":{time}}}"#);
            let at = HitmeQuery::json(json.as_bytes()).and_then(|asked| asked.at(NOW));
            assert!(at.is_err_and(|why| why.what.contains(part)), "{json}");
        }
    }

    #[test]
    fn a_body_goes_before_the_query() {
        let asked = HitmeQuery::form(b"timestamp=5").or(HitmeQuery::form(b"url=a&timestamp=6"));
        assert_eq!((url(&asked).as_deref(), asked.at(NOW).unwrap().unix_ms), (Ok("a"), 5));
    }
}
