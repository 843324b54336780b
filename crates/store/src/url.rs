//! The address of a store, as in the command line and the configuration.
//!
//! Parsing an address opens nothing. `Display`, `Debug` and errors never show a password. The binary reads it;
//! [`crate::open`] takes it.

use crate::address::{RedisAddress, redacted};
use std::{fmt, path::PathBuf, str::FromStr};

/// Which store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum StoreUrl {
    /// The embedded store, in this file.
    Sqlite(PathBuf),
    /// A Redis server, or the master of Sentinels: complete with its password.
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

const POSSIBLE: &str = "sqlite:PATH, redis://[user:password@]host[:port][/db], the same with rediss:// for TLS, \
                        redis+unix:///path and redis+sentinel://host,host,host/master[/db]";
const LATER: [&str; 2] = ["redis+cluster", "rediss+cluster"];

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
            "redis" | "rediss" | "redis+unix" | "redis+sentinel" | "rediss+sentinel" => {
                match RedisAddress::parse(text) {
                    Ok(_) => Ok(StoreUrl::Redis(text.to_owned())),
                    Err(why) => Err(NotAStoreUrl::Malformed { why }),
                }
            }
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

/// `sqlite:///abs` is what other programs write for `sqlite:/abs`, so it is accepted too.
fn sqlite_path(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        _ => rest,
    }
}

impl StoreUrl {
    /// The passwords in it, as written: that of the Redis, and that of the Sentinels.
    pub fn passwords(&self) -> impl Iterator<Item = &str> {
        let rest = match self {
            StoreUrl::Redis(url) => url.split_once("://").map(|(_, rest)| rest),
            StoreUrl::Sqlite(_) => None,
        };
        let login = rest.and_then(|rest| rest.rsplit_once('@')).and_then(|(login, _)| login.split_once(':'));
        let query = rest.and_then(|rest| rest.rsplit_once('?')).map_or("", |(_, query)| query);
        let of_sentinels = query.split('&').filter_map(|one| one.strip_prefix("sentinel-password="));
        login.map(|(_, password)| password).into_iter().chain(of_sentinels).filter(|word| !word.is_empty())
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
    fn passwords_are_found_where_they_are() {
        for (url, passwords) in [
            ("redis://h:1", [].as_slice()),
            ("redis://u@h:1", &[]),
            ("redis://:@h", &[]),
            ("redis://:p@h", &["p"]),
            ("redis://u:p:%40q@h:1/2", &["p:%40q"]),
            ("rediss://u:p@h:1/2?ca=/a.pem", &["p"]),
            ("redis+sentinel://u:p@h,i/m?sentinel-user=s&sentinel-password=q", &["p", "q"]),
            ("redis+sentinel://h,i/m?sentinel-password=q", &["q"]),
            ("sqlite:/a:b@c", &[]),
        ] {
            let found: Vec<String> =
                url.parse::<StoreUrl>().unwrap().passwords().map(str::to_owned).collect();
            assert_eq!(found, passwords, "{url}");
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
            ("rediss://h:1/2?ca=/a.pem&cert=/c&key=/k", "rediss://h:1/2"),
            ("redis+sentinel://h,[::1]:7,10.0.0.1/main/2", "redis+sentinel://h,[::1]:7,10.0.0.1/main/2"),
            ("rediss+sentinel://h/main?ca=/a.pem", "rediss+sentinel://h/main"),
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
            "rediss://u:secret@h?certificate=secret",
            "redis+cluster://u:secret@h",
            "redis+sentinel://u:secret@h,i/m",
            "redis+sentinel://u:secret@h,i",
            "redis+sentinel://h,i/m?sentinel-password=secret",
            "redis+sentinel://h,i/m?sentinel-pass=secret",
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
            "rediss://",
            "redis+cluster://h",
            "redis+sentinel://h",
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
            ("rediss://h?cafile=x", "has no parameter \"cafile\""),
            ("rediss://h?cert=x", "cert and key belong together"),
            ("redis+sentinel://h:1,i:x/m", "in i:x, the part after the last : is not a port number"),
            ("redis+sentinel://h,,i/m", "\"\" is not a host"),
            ("redis+sentinel://h,i", "where MASTER is what the Sentinels call it"),
            ("redis+sentinel://h,i/m/x", "is not a database number"),
            ("redis+sentinel://h,i/m?ca=x", "for rediss+sentinel://"),
        ] {
            let err = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(err.contains(part), "{text:?}: {err}");
        }
        let err = "redis+cluster://h".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(err.contains("not supported by this version yet"), "{err}");
        assert_eq!("sqlite:".parse::<StoreUrl>(), Err(NotAStoreUrl::NoPath));
    }
}
