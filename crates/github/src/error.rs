//! Why GitHub gave no answer, or no useful one.

use crate::{FetchError, token_news::readable};
use hyper::StatusCode;

/// Why GitHub gave no statistics.
#[derive(Debug, thiserror::Error)]
pub enum GithubError {
    /// There is no such account.
    #[error("GitHub has no such account")]
    Nobody,
    /// No token may ask at the moment.
    #[error("no calls to GitHub are left until {}", readable(*.until))]
    Exhausted {
        /// When one is, in seconds since 1970.
        until: u64,
    },
    /// Every token was refused.
    #[error("GitHub refuses the token {token} ({status}){}", advice(*.status))]
    Refused {
        /// Its last four characters.
        token: String,
        /// With which status.
        status: u16,
    },
    /// A right is missing, or there is no such repository.
    #[error(
        "the token cannot see it: it needs permission to push (classic: repo; fine-grained: Administration, \
         read)"
    )]
    NoRight,
    /// No answer.
    #[error("GitHub does not answer")]
    NotFetched(#[from] FetchError),
    /// Another answer.
    #[error("GitHub answers {0}")]
    Status(StatusCode),
    /// The answer is not what was asked for.
    #[error("GitHub's answer cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// The answer cannot be true.
    #[error("GitHub's answer cannot be true: {0}")]
    Absurd(&'static str),
    /// What is left is for tracked accounts.
    #[error("the remaining calls are reserved for tracked accounts")]
    Reserved,
    /// A query was refused.
    #[error("GitHub refuses the query: {0}")]
    Query(String),
    /// Whether it has to be asked for is not known.
    #[error("the store does not answer")]
    Store,
}

fn advice(status: u16) -> &'static str {
    if status == 401 { ": write a new one into tokens under [github]" } else { " for now" }
}
