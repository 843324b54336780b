//! What is kept about a client, in addition to the time of a visit and the class of client: the country, and anything
//! else the operator wants. Unless the operator asks for it, it contains no address and no text that a client sent.

use serde::{Deserialize, Serialize};
use std::{net::IpAddr, sync::Arc};

/// Texts of clients and of databases are cut here, in bytes.
const MAX_TEXT: usize = 512;

/// Where an address is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Country {
    /// In no country: the network of a house, a company or a provider.
    Local,
    /// Two letters of ISO 3166-1, in upper case.
    Code([u8; 2]),
}

impl Country {
    /// Reads what [`Country::as_str`] gives. Two letters in lower case are a country too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Country> {
        match text.as_bytes() {
            b"LOCAL" => Some(Country::Local),
            &[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Country::Code([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// Two letters, or `LOCAL`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Country::Local => "LOCAL",
            Country::Code(code) => std::str::from_utf8(code).unwrap_or_default(),
        }
    }
}

/// Whether an address is in a network that is not unique: private, loopback, link-local, or of a provider's NAT.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            address.is_private() || address.is_loopback() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// What only some operators have or want. At least one of it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AskerDetails {
    /// The first part of the country, as the database calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Box<str>>,
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Box<str>>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Box<str>>,
    /// `User-Agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Box<str>>,
    /// `Referer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referer: Option<Box<str>>,
}

/// Who asked, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    /// The country.
    pub country: Option<Country>,
    /// The rest; mostly none.
    pub details: Option<Arc<AskerDetails>>,
}

/// Its form in the stores.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct StoredAsker {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(flatten)]
    details: AskerDetails,
}

impl Asker {
    /// With details, if there are any.
    #[must_use]
    pub fn new(country: Option<Country>, details: AskerDetails) -> Asker {
        let details = (details != AskerDetails::default()).then(|| Arc::new(details));
        Asker { country, details }
    }

    /// The city; empty if it is not known.
    #[must_use]
    pub fn city(&self) -> &str {
        self.details.as_ref().and_then(|details| details.city.as_deref()).unwrap_or_default()
    }

    /// A JSON object of what is known, and `None` if nothing is.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        if *self == Asker::default() {
            return None;
        }
        let country = self.country.map(|country| country.as_str().to_owned());
        let details = self.details.as_deref().cloned().unwrap_or_default();
        serde_json::to_string(&StoredAsker { country, details }).ok()
    }

    /// Reads what [`Asker::to_json`] wrote.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Option<Asker> {
        serde_json::from_slice(text).ok().map(StoredAsker::read)
    }
}

impl StoredAsker {
    pub(crate) fn read(self) -> Asker {
        Asker::new(self.country.as_deref().and_then(Country::parse), self.details)
    }
}

/// A text of a client or of a database as it is kept: valid, and not too long. `None` for an empty one, and for the `-` of
/// a log.
#[must_use]
pub fn kept_text(text: &[u8]) -> Option<Box<str>> {
    if matches!(text, b"" | b"-") {
        return None;
    }
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT)]);
    Some(text.chars().filter(|c| !c.is_control()).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_that_anybody_may_have_are_local() {
        for (address, local) in [
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("192.168.255.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("::1", true),
            ("fe80::1", true),
            ("febf::1", true),
            ("fc00::1", true),
            ("fdff::1", true),
            ("::ffff:192.168.1.1", true),
            // Not so: snow-trace took all of 172/8 for local.
            ("172.15.0.1", false),
            ("172.32.0.1", false),
            ("172.217.1.1", false),
            ("100.63.255.255", false),
            ("100.128.0.1", false),
            ("192.169.0.1", false),
            ("8.8.8.8", false),
            ("fec0::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_local(address.parse().unwrap()), local, "{address}");
        }
    }

    #[test]
    fn asker_is_read_as_it_was_written() {
        assert_eq!(Asker::default().to_json(), None);
        let country = Country::parse("de");
        let known = Asker::new(country, AskerDetails::default());
        assert_eq!(known.to_json().as_deref(), Some(r#"{"country":"DE"}"#));
        assert_eq!(known.details, None);
        let text = |text: &str| Some(text.into());
        let details = AskerDetails {
            region: text("BE"),
            city: text("Köln \"am\" Rhein"),
            address: text("2001:db8::1"),
            user_agent: text("curl/8"),
            referer: text("https://example.org/?a=b"),
        };
        for asker in [known, Asker::new(Some(Country::Local), details.clone()), Asker::new(None, details)] {
            assert_eq!(Asker::from_json(asker.to_json().unwrap().as_bytes()), Some(asker));
        }
        assert_eq!(Asker::from_json(br#"{"country":"Germany","more":1}"#), Some(Asker::default()));
        assert_eq!(Asker::from_json(b"[1]"), None);
    }

    #[test]
    fn texts_are_cut_and_clean() {
        assert_eq!(kept_text(b"-"), None);
        assert_eq!(kept_text(b"a\x1b[1m\nb\xff").as_deref(), Some("a[1mb\u{fffd}"));
        assert!(kept_text(&"é".repeat(1000).into_bytes()).unwrap().len() <= MAX_TEXT + 3);
    }
}
