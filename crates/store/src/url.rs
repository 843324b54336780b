//! The address of a store, as in the command line and the configuration.
//!
//! Parsing an address opens nothing. `Display`, `Debug` and errors never show a password. The binary reads it;
//! [`crate::open`] takes it.

use redis::IntoConnectionInfo;
use std::{fmt, path::PathBuf, str::FromStr};

/// Which store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum StoreUrl {
    /// The embedded store, in this file.
    Sqlite(PathBuf),
    /// A Redis server: `redis://...` or `redis+unix:///...`, complete with its password.
    Redis(String),
}

/// The text is not a store address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAStoreUrl {
    /// A kind of store that a later version may support.
    #[error("a {scheme}: store is not supported by this version yet. Possible are {POSSIBLE}")]
    NotYet {
        /// What comes before the first `:`.
        scheme: &'static str,
    },
    /// Not a kind of store at all.
    #[error("not the address of a store. Possible are {POSSIBLE}")]
    Unknown,
    /// A path or a server without its scheme.
    #[error("not the address of a store; did you mean {meant}? Possible are {POSSIBLE}")]
    NoScheme {
        /// The same with one.
        meant: String,
    },
    /// `sqlite:` without a path.
    #[error("sqlite: needs the path of a file, for example sqlite:/var/lib/tallymark/tallymark.db")]
    NoPath,
    /// The right scheme with something wrong after it.
    #[error(
        "not a Redis address ({why}). Possible are {POSSIBLE}; other characters of a password are written as %XX"
    )]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

const POSSIBLE: &str = "sqlite:PATH, redis://[user:password@]host[:port][/db] and redis+unix:///path";
const LATER: [&str; 3] = ["rediss", "redis+sentinel", "redis+cluster"];

impl FromStr for StoreUrl {
    type Err = NotAStoreUrl;

    fn from_str(text: &str) -> Result<StoreUrl, NotAStoreUrl> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| no_scheme(text))?;
        if let Some(&scheme) = LATER.iter().find(|&&later| later == scheme) {
            return Err(NotAStoreUrl::NotYet { scheme });
        }
        match scheme {
            "sqlite" => match sqlite_path(rest) {
                "" => Err(NotAStoreUrl::NoPath),
                path => Ok(StoreUrl::Sqlite(PathBuf::from(path))),
            },
            "redis" | "redis+unix" => match text.into_connection_info() {
                Ok(_) => Ok(StoreUrl::Redis(text.to_owned())),
                Err(_) if has_odd_database(rest) => Err(NotAStoreUrl::Malformed {
                    why: "the part after the last / is not a database number".to_owned(),
                }),
                Err(_) if !port_is_one(rest) => Err(NotAStoreUrl::Malformed {
                    why: "the part after the last : is not a port number".to_owned(),
                }),
                Err(err) => Err(NotAStoreUrl::Malformed { why: err.category().to_owned() }),
            },
            _ => Err(no_scheme(text)),
        }
    }
}

/// A text without a scheme. Only what is certainly a path or an address is shown again: anything else may contain a
/// password.
fn no_scheme(text: &str) -> NotAStoreUrl {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/".contains(&b);
    let path =
        text.starts_with(['/', '.']) || [".db", ".sqlite", ".sqlite3"].iter().any(|end| text.ends_with(end));
    let server = text.split_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok()
    });
    let scheme = match (path && text.bytes().all(plain), server) {
        (true, _) => "sqlite:",
        (_, true) => "redis://",
        _ => return NotAStoreUrl::Unknown,
    };
    NotAStoreUrl::NoScheme { meant: format!("{scheme}{text}") }
}

/// Whether something else than a number is where the number of a database would be, in an address that is a server's.
fn has_odd_database(rest: &str) -> bool {
    let server = rest.trim_start_matches('/').rsplit('@').next().unwrap_or_default();
    let path = server.split('?').next().unwrap_or_default().split_once('/').map_or("", |(_, path)| path);
    port_is_one(rest) && !path.is_empty() && path.parse::<u32>().is_err()
}

/// Whether there is a number where a port would be, or no port.
fn port_is_one(rest: &str) -> bool {
    let server = rest.trim_start_matches('/').rsplit('@').next().unwrap_or_default();
    let server = server.split(['/', '?']).next().unwrap_or_default();
    // After the brackets of an IPv6 address.
    let behind = server.rsplit(']').next().unwrap_or_default();
    behind.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok())
}

/// `sqlite:///abs` is what other programs write for `sqlite:/abs`, so it is accepted too.
fn sqlite_path(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        _ => rest,
    }
}

/// The address without what may be secret: everything before the last `@`, and the query. A password with a forgotten
/// `%` may put its `@` or `/` anywhere, hence the last one of the whole text.
pub(crate) fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (secret, open) = rest.rsplit_once('@').map_or((false, rest), |(_, open)| (true, open));
    let open = open.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}{open}", if secret { "***@" } else { "" })
}

impl StoreUrl {
    /// The password in it, as written.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        let StoreUrl::Redis(url) = self else { return None };
        let (_, rest) = url.split_once("://")?;
        let (login, _) = rest.rsplit_once('@')?;
        let (_, password) = login.split_once(':')?;
        (!password.is_empty()).then_some(password)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreUrl::Redis(url) => f.write_str(&redacted(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_what_stands_between_user_and_host() {
        for (url, password) in [
            ("redis://h:1", None),
            ("redis://u@h:1", None),
            ("redis://:@h", None),
            ("redis://:p@h", Some("p")),
            ("redis://u:p:%40q@h:1/2", Some("p:%40q")),
            ("sqlite:/a:b@c", None),
        ] {
            assert_eq!(url.parse::<StoreUrl>().unwrap().password(), password, "{url}");
        }
    }

    #[test]
    fn addresses_of_both_stores_are_read() {
        for (text, shown) in [
            ("sqlite:a.db", "sqlite:a.db"),
            ("sqlite:/a/b c.db", "sqlite:/a/b c.db"),
            ("sqlite:///a/b.db", "sqlite:/a/b.db"),
            ("redis://localhost", "redis://localhost"),
            ("redis://h:1/2", "redis://h:1/2"),
            ("redis://[::1]:7/0", "redis://[::1]:7/0"),
            ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), shown);
        }
        assert_eq!("sqlite:/x".parse(), Ok(StoreUrl::Sqlite("/x".into())));
    }

    #[test]
    fn no_password_is_ever_shown() {
        for text in [
            "redis://user:secret@h/1",
            "redis://:secret@h",
            "redis://:sec%40secret@h",
            "redis+unix:///run/redis.sock?pass=secret",
            "redis://secret@h",
            "redis://:a@secret@h",
            "redis://:x/secret@h",
            "redis://:x secret@h:port",
            "rediss://u:secret@h",
            "redis+cluster://u:secret@h",
            "secret:secret@h",
            "secret",
        ] {
            let shown = match text.parse::<StoreUrl>() {
                Ok(url) => format!("{url} {url:?}"),
                Err(err) => format!("{err} {err:?}"),
            };
            assert!(!shown.contains("secret"), "{shown}");
            assert!(!redacted(text).contains("secret") || !text.contains("://"), "{}", redacted(text));
        }
    }

    #[test]
    fn what_is_no_store_is_refused_with_what_is_possible() {
        for text in [
            "",
            "x",
            "/path",
            "http://h",
            "postgres://h",
            "redis:",
            "redis://",
            "rediss://h",
            "redis://h/notanumber",
        ] {
            let err = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(err.contains("sqlite:PATH"), "{text:?}: {err}");
        }
        for (text, part) in [
            ("/var/lib/x.db", "did you mean sqlite:/var/lib/x.db?"),
            ("x.sqlite3", "did you mean sqlite:x.sqlite3?"),
            ("localhost:6379", "did you mean redis://localhost:6379?"),
            ("redis://localhost:port", "is not a port number"),
            ("redis://u:p@[::1]:x/1", "is not a port number"),
        ] {
            let err = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(err.contains(part), "{text:?}: {err}");
        }
        let err = "redis+sentinel://h/m".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(err.contains("not supported by this version yet"), "{err}");
        assert_eq!("sqlite:".parse::<StoreUrl>(), Err(NotAStoreUrl::NoPath));
    }
}
