use super::*;
use crate::Minute;
use proptest::prelude::*;

const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

/// Event, name, status, time, and whether that is the arrival day instead of the message's.
type Seen = (String, String, Option<String>, When, bool);

fn seen_at(message: &[u8], clock: Clock) -> Result<Vec<Seen>, Reject> {
    let mut hits = Vec::new();
    read(message, clock, NOW, |hit| {
        let status = hit.status.map(|status| status.as_str().to_owned());
        hits.push((hit.event.to_string(), hit.name.as_str().to_owned(), status, hit.when, hit.redated));
    })?;
    Ok(hits)
}

/// Hits as `event name status`.
fn seen(message: &[u8]) -> Result<Vec<String>, Reject> {
    let text = |(event, name, status, when, _): Seen| {
        assert_eq!(when, When::Minute(NOW.minute()));
        format!("{event} {name} {}", status.unwrap_or_else(|| "-".to_owned()))
    };
    Ok(seen_at(message, Clock::Arrival)?.into_iter().map(text).collect())
}

/// A message with this `data`.
fn of(kind: &str, data: &str) -> String {
    format!("{kind} {{\"type\":\"{kind}\",\"data\":{{{data}}}}}")
}

#[test]
fn messages_of_bootic_are_read() {
    let whole = br#"pageview {"type":"pageview","time":"2013-09-05T12:34:56.789-03:00","data":{"app":"x","account":"acme",
        "tz":"-3","status":"200","unq":"1","user":"u","h":"host","path":"/","browser":{"name":"Chrome","version":"23"}}}"#;
    assert_eq!(seen(whole).unwrap(), ["pageview acme -", "unique acme -"]);
    let rows = [
        (of("pageview", r#""account":"acme""#), vec!["pageview acme -"]),
        (of("pageview", r#""account":"acme","unq":"0""#), vec!["pageview acme -"]),
        (of("pageview", r#""account":"acme","unq":1"#), vec!["pageview acme -", "unique acme -"]),
        (of("pageview", r#""account":"acme","unq":1.0"#), vec!["pageview acme -", "unique acme -"]),
        (of("pageview", r#""account":"acme","unq":true"#), vec!["pageview acme -", "unique acme -"]),
        (of("pageview", r#""account":"acme","unq":[1]"#), vec!["pageview acme -"]),
        (of("pageview", r#""account":"acme","unq":false"#), vec!["pageview acme -"]),
        (of("order", r#""account":"acme","status":"closed""#), vec!["order acme closed"]),
        (of("order", r#""account":"acme","status":"in transit","unq":"1""#), vec!["order acme in transit"]),
        (of("order", r#""account":"acme","status":7"#), vec!["order acme 7"]),
        (of("order", r#""account":"acme""#), vec!["order acme -"]),
        (of("order", r#""account":"acme","status":"""#), vec!["order acme -"]),
        (of("order", r#""account":"acme","status":null"#), vec!["order acme -"]),
        (of("order", r#""account":42,"status":"a:b""#), vec!["order 42 a:b"]),
        (of("apievent", r#""account":"acme","status":"x""#), vec!["apievent acme x"]),
        (of("pageview", r#""account":"a\u002fb:c \u00e9""#), vec!["pageview a/b:c é -"]),
        (of("pageview", r#""account":"a%2Fb""#), vec!["pageview a%2Fb -"]),
    ];
    for (message, expected) in rows {
        assert_eq!(seen(message.as_bytes()).unwrap(), expected, "{message}");
    }
}

#[test]
fn topic_is_whatever_stands_before_the_first_blank() {
    let json = r#"{"type":"order","data":{"account":"a"}}"#;
    for topic in ["order ", " ", "pageview ", "order\n", "order \t ", "\u{e9}\u{ff} ", "\n\n"] {
        assert_eq!(seen(format!("{topic}{json}").as_bytes()).unwrap(), ["order a -"], "{topic:?}");
    }
    // Line ends in the JSON, and after it.
    let pretty = "order {\n \"type\": \"order\",\r\n \"data\": {\"account\": \"a\"}\n}\n";
    assert_eq!(seen(pretty.as_bytes()).unwrap(), ["order a -"]);
    assert_eq!(seen(b"\xff\xfe {\"type\":\"order\",\"data\":{\"account\":\"a\"}}").unwrap(), ["order a -"]);
}

#[test]
fn what_does_not_count_says_why() {
    let name = |account: &str| of("order", &format!("\"account\":{account}"));
    let deep = "[".repeat(100_000);
    let rows: Vec<(String, Reject)> = vec![
        ("".into(), Reject::Empty),
        ("order".into(), Reject::Topic),
        (r#"{"type":"order","data":{"account":"a"}}"#.into(), Reject::Topic),
        (r#"{"type": "order", "data": {"account": "a"}}"#.into(), Reject::Topic),
        ("order ".into(), Reject::Json),
        ("order  \n".into(), Reject::Json),
        ("order null".into(), Reject::Json),
        ("order 7".into(), Reject::Json),
        ("order []".into(), Reject::Json),
        ("order {".into(), Reject::Json),
        ("order {} {}".into(), Reject::Json),
        (r#"order {"type":"order","data":{"account":"a"}}x"#.into(), Reject::Json),
        (r#"order {"type":"order"}"#.into(), Reject::Json),
        (r#"order {"type":"order","data":null}"#.into(), Reject::Json),
        (r#"order {"type":"order","data":"a"}"#.into(), Reject::Json),
        (r#"order {"type":"order","type":"order","data":{"account":"a"}}"#.into(), Reject::Json),
        (name(r#""a","account":"b""#), Reject::Json),
        (name(r#""a","x":NaN"#), Reject::Json),
        (name(r#""a","x":Infinity"#), Reject::Json),
        (name(r#""\ud800""#), Reject::Json),
        (name(&format!(r#""a","x":{deep}"#)), Reject::Json),
        (r#"order {"data":{"account":"a"}}"#.into(), Reject::Event),
        (r#"order {"type":7e300,"data":{"account":"a"}}"#.into(), Reject::Event),
        (r#"order {"type":null,"data":{"account":"a"}}"#.into(), Reject::Event),
        (r#"order {"type":"","data":{"account":"a"}}"#.into(), Reject::Event),
        (of("order.create", r#""account":"a""#), Reject::Event),
        (of("Order", r#""account":"a""#), Reject::Event),
        (of("unique", r#""account":"a""#), Reject::Event),
        (of("order", ""), Reject::NoName),
        (name("null"), Reject::NoName),
        (name(r#""""#), Reject::NoName),
        (name(r#""all""#), Reject::Name),
        (name(r#""~all""#), Reject::Name),
        (name(r#""a\u0000""#), Reject::Name),
        (name(&format!("{:?}", "a".repeat(201))), Reject::Name),
        (name("true"), Reject::Name),
        (name("1.5"), Reject::Name),
        (name("1e400"), Reject::Json),
        (name(r#"["a"]"#), Reject::Name),
        (name(r#"{"a":1}"#), Reject::Name),
        (name(r#""a","status":"~overflow""#), Reject::Status),
        (name(r#""a","status":"a\nb""#), Reject::Status),
        (name(&format!(r#""a","status":{:?}"#, "s".repeat(65))), Reject::Status),
        (name(r#""a","status":true"#), Reject::Status),
        (name(r#""a","status":{}"#), Reject::Status),
    ];
    for (message, reject) in rows {
        assert_eq!(seen(message.as_bytes()), Err(reject), "{}", &message[..message.len().min(200)]);
    }
    assert_eq!(seen(b"order {\"type\":\"order\",\"data\":{\"account\":\"\xff\"}}"), Err(Reject::Json));
    // Bytes that are not read are checked no further than JSON needs.
    let nested = format!(r#""account":"a","x":{}1{}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(seen(of("order", &nested).as_bytes()).unwrap(), ["order a -"]);
}

#[test]
fn time_of_the_message_counts_where_that_is_wanted() {
    let at = |time: &str| format!(r#"order {{"type":"order","time":{time},"data":{{"account":"a"}}}}"#);
    let when = |time: &str| {
        let hits = seen_at(at(time).as_bytes(), Clock::Message)?;
        Ok((hits[0].3, hits[0].4))
    };
    let minute = NOW.minute().0;
    assert_eq!(when(r#""2026-11-20T09:00:00.789-03:00""#), Ok((When::Minute(Minute(minute)), false)));
    assert_eq!(when(r#""2026-11-19T12:00:00Z""#), Ok((When::Minute(Minute(minute - 1440)), false)));
    // Too old, or ahead: the day of its arrival.
    assert_eq!(when(r#""2013-09-05T12:34:56.789-03:00""#), Ok((When::Day(NOW.day()), true)));
    assert_eq!(when(r#""2027-01-01T00:00:00Z""#), Ok((When::Day(NOW.day()), true)));
    for time in ["null", "\"\"", "\"yesterday\"", "[]"] {
        assert_eq!(when(time), Err(Reject::Time), "{time}");
    }
    assert_eq!(seen(at("[1]").as_bytes()).unwrap(), ["order a -"]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = seen(&bytes);
        let _ = seen(&[b"order {\"type\":\"order\",\"data\":{\"account\":\"", &bytes[..], b"\"}}"].concat());
    }
}
