//! What Redis' errors mean: the class of each, and what helps.
//!
//! Nothing is sent here. Every call of the Redis store explains its errors with it.

use crate::{Class, StoreError};
use redis::{ErrorKind, RedisError};

/// How the standard library begins the error of a name that no server knows.
const UNRESOLVED: &str = "failed to lookup address information:";

/// Converts the client's error to ours.
pub(super) fn explain(err: &RedisError, attempt: String) -> StoreError {
    let text = message(err);
    // Redis 6 hides the code of an error in the text of a script's error, hence the search.
    let (class, advice) = match err.kind() {
        _ if has_word(&text, &["OOM"]) => {
            (Class::Refused, "Redis has reached maxmemory: give it more, or free some; nothing was counted")
        }
        _ if has_word(&text, &["READONLY"]) => (
            Class::Refused,
            "This Redis is a replica: use the address of the master, or promote it (REPLICAOF NO ONE)",
        ),
        _ if has_word(&text, &["MISCONF", "NOREPLICAS"]) => {
            (Class::Refused, "Redis rejects writes until its disk or its replicas work again: see its log")
        }
        _ if has_word(&text, &["NOAUTH", "WRONGPASS", "NOPERM"]) || text.contains("ACL failure") => (
            Class::Refused,
            "Check the user and password in the store's address (redis://USER:PASSWORD@HOST:PORT), and the user's ACL in \
             Redis",
        ),
        _ if has_word(&text, &["LOADING", "BUSY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "UNKILLABLE"]) => {
            (Class::Unavailable, "")
        }
        _ if has_word(&text, &["WRONGTYPE"]) => (
            Class::Data,
            "Another program uses one of Tallymark's keys: check `changes` and `tallymark:*` with TYPE",
        ),
        _ if text.contains("DB index is out of range") || text.contains("refused to switch database") => (
            Class::Refused,
            "The number at the end of the address is a database that this Redis does not have: see `databases` in its \
             configuration",
        ),
        ErrorKind::AuthenticationFailed => (
            Class::Refused,
            "Check the user and password in the store's address (redis://USER:PASSWORD@HOST:PORT)",
        ),
        ErrorKind::Client => (Class::Refused, ""),
        ErrorKind::InvalidClientConfig => (Class::Request, ""),
        ErrorKind::Io if text.contains("InvalidContentType") || text.contains("InvalidMessage") => (
            Class::Refused,
            "This port does not speak TLS: use the server's tls-port, or redis:// without TLS",
        ),
        ErrorKind::Io if text.contains("CertificateRequired") => (
            Class::Refused,
            "The server asks for a certificate: add ?cert=FILE&key=FILE to the address of the store",
        ),
        ErrorKind::Io if text.contains("received fatal alert") => (
            Class::Refused,
            "The server does not accept this connection: check the certificate (cert=FILE) in the address of the store, and \
             the authorities that the server trusts",
        ),
        ErrorKind::Io if text.contains("invalid peer certificate") => (
            Class::Refused,
            "Name the file of the authority that signed it (rediss://HOST:PORT?ca=FILE), and the host by a name that is in \
             the certificate",
        ),
        ErrorKind::Io if err.is_connection_refusal() => (
            Class::Unavailable,
            "Is Redis running, and is this its address? Try `redis-cli -h HOST -p PORT ping`",
        ),
        ErrorKind::Parse => (
            Class::Unavailable,
            "The server at this address does not speak the Redis protocol. Is the address right?",
        ),
        ErrorKind::Io if err.is_timeout() => (
            Class::Unavailable,
            "Redis is overloaded or stopped, or a firewall is in the way. Try `redis-cli -h HOST -p PORT ping`",
        ),
        ErrorKind::Io => (Class::Unavailable, ""),
        _ => (Class::Data, ""),
    };
    let cause = match err.kind() {
        ErrorKind::AuthenticationFailed => "Redis rejects the user or the password".to_owned(),
        _ if err.is_timeout() => "no answer in time".to_owned(),
        ErrorKind::Io if text.contains(UNRESOLVED) => {
            format!(
                "the host name in this address cannot be resolved ({})",
                text.replace(UNRESOLVED, "").trim()
            )
        }
        // The parser lists every byte that it would have accepted.
        ErrorKind::Parse => text.lines().next().unwrap_or_default().to_owned(),
        _ => text,
    };
    StoreError::new(class, attempt, cause).advise(advice).because_of(err.clone())
}

/// The error as Redis wrote it, code first; the client's own rendering hides the codes that it knows.
pub(super) fn message(err: &RedisError) -> String {
    let text = match (err.code(), err.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(detail)) if err.kind() == ErrorKind::Client => detail.to_owned(),
        _ => err.to_string(),
    };
    // Redis adds the hash of the script and the line number, which do not help.
    let text = text.split(" script: ").next().unwrap_or_default();
    text.trim_end_matches('.').to_owned()
}

/// Whether the text contains one of the words, as a word.
pub(super) fn has_word(text: &str, words: &[&str]) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.contains(&word))
}
