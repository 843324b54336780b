//! An access log in JSON: nginx's `escape=json` with the usual keys, Caddy's, Traefik's, Envoy's.

use super::{Fact, LoggedRequest};
use crate::Reject;
use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// The keys of each fact, in the order of the facts, in lower case and without `-`, `_` and `.`.
const KEYS: [(Fact, &[&str]); 12] = [
    (Fact::Request, &["request", "requestline"]),
    (Fact::Method, &["method", "requestmethod", "verb", "httpmethod"]),
    (Fact::Target, &["requesturi", "url", "requestpath", "target", "urlpath"]),
    (Fact::Path, &["uri", "path", "documenturi"]),
    (Fact::Query, &["args", "querystring", "query"]),
    (Fact::Name, &["argrepo", "repo"]),
    (Fact::Status, &["status", "statuscode", "responsecode", "responsestatus", "downstreamstatus"]),
    (
        Fact::Time,
        &[
            "timeiso8601",
            "timelocal",
            "msec",
            "ts",
            "time",
            "timestamp",
            "@timestamp",
            "startutc",
            "starttime",
        ],
    ),
    (Fact::Agent, &["httpuseragent", "useragent", "agent", "requestuseragent"]),
    (
        Fact::Address,
        &["clientip", "remoteaddr", "remoteip", "clienthost", "clientaddr", "downstreamremoteaddress"],
    ),
    (Fact::Gpc, &["httpsecgpc", "secgpc", "requestsecgpc"]),
    (Fact::Dnt, &["httpdnt", "dnt", "requestdnt"]),
];

/// The value that was found and the rank of its key: of several keys, the first in the list counts.
#[derive(Default)]
pub(super) struct JsonTexts<'a>([Option<(usize, Cow<'a, str>)>; KEYS.len()]);

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Result<JsonTexts<'_>, Reject> {
    let mut texts = JsonTexts::default();
    let mut json = serde_json::Deserializer::from_slice(line);
    json.deserialize_map(JsonObject(&mut texts)).map_err(|_| Reject::Json)?;
    json.end().map_err(|_| Reject::Json)?;
    Ok(texts)
}

impl<'a> JsonTexts<'a> {
    pub(super) fn entry(&self) -> LoggedRequest<'_> {
        let mut entry = LoggedRequest::default();
        for ((fact, _), found) in KEYS.iter().zip(&self.0) {
            if let (Some(place), Some((_, text))) = (entry.place(*fact), found) {
                *place = Some(text.as_bytes());
            }
        }
        if entry.query.is_none() && entry.target.is_none() {
            entry.target = entry.path.take();
        }
        entry
    }

    fn put(&mut self, (fact, rank): (Fact, usize), text: Cow<'a, str>) {
        let place = &mut self.0[fact as usize];
        if place.as_ref().is_none_or(|(known, _)| rank < *known) {
            *place = Some((rank, text));
        }
    }
}

fn fact(key: &str) -> Option<(Fact, usize)> {
    let key: String =
        key.chars().filter(|c| !matches!(c, '-' | '_' | '.')).map(|c| c.to_ascii_lowercase()).collect();
    KEYS.iter().find_map(|(fact, keys)| Some((*fact, keys.iter().position(|known| *known == key)?)))
}

/// The keys of an object, and of the objects `request` and `headers` in it, which Caddy writes.
struct JsonObject<'t, 'a>(&'t mut JsonTexts<'a>);

impl<'a> Visitor<'a> for JsonObject<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Cow<'a, str>>()? {
            let at = fact(&key);
            if at.is_some() || key == "headers" {
                map.next_value_seed(Value { texts: self.0, at })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The value of a key that is known.
struct Value<'t, 'a> {
    texts: &'t mut JsonTexts<'a>,
    at: Option<(Fact, usize)>,
}

impl<'a> Value<'_, 'a> {
    fn put<E>(self, text: Cow<'a, str>) -> Result<(), E> {
        if let Some(at) = self.at {
            self.texts.put(at, text);
        }
        Ok(())
    }
}

impl<'a> serde::de::DeserializeSeed<'a> for Value<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Value<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.put(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.put(Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.put(Cow::Owned(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.put(Cow::Owned(number.to_string()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// A header may occur several times.
    fn visit_seq<S: SeqAccess<'a>>(self, mut list: S) -> Result<(), S::Error> {
        let Value { texts, at } = self;
        list.next_element_seed(Value { texts, at })?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, map: M) -> Result<(), M::Error> {
        match self.at {
            None | Some((Fact::Request, _)) => JsonObject(self.texts).visit_map(map),
            // A known key whose value is an object means something else.
            Some(_) => {
                let mut map = map;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }
}
