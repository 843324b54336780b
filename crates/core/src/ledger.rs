//! What the HTTP server needs to write counts that somebody hands in: commit them, and say so only when they are there.
//!
//! The binary wires an implementation from `tallymark-ingest` into `tallymark-web`, as it does with
//! [`Counter`](crate::Counter).

use crate::{Counts, Day, Reject};
use std::{fmt, future::Future, pin::Pin};
use uuid::Uuid;

/// What makes a request that is sent twice one request.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// The client's name for the request.
    pub key: &'a str,
    /// What it sent, so that a key that is used for something else can be refused.
    pub body: &'a [u8],
}

/// Entries are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// By this call.
    Now,
    /// By an earlier one with the same key; nothing was counted now.
    Before,
}

/// Entries are not in the store, or nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCommitted {
    /// The store takes nothing now, and nothing was counted.
    Unavailable(String),
    /// The answer of the store did not come: they may be counted, wholly or in part.
    Unknown(String),
    /// The key was used for another body.
    OtherBody,
    /// So many names are new and there is no room for them. Nothing was counted.
    NoRoom,
}

impl fmt::Display for NotCommitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCommitted::Unavailable(why) => {
                write!(f, "the store takes nothing now, nothing was counted: {why}")
            }
            NotCommitted::Unknown(why) => {
                write!(f, "the store did not answer, so nobody knows whether this was counted: {why}")
            }
            NotCommitted::OtherBody => f.write_str("this idempotency key was used for another body"),
            NotCommitted::NoRoom => {
                f.write_str("there is no room for so many new names ([limits] names); nothing was counted")
            }
        }
    }
}

impl std::error::Error for NotCommitted {}

/// The answer of [`Ledger::commit`].
pub type Commit<'a> = Pin<Box<dyn Future<Output = Result<Committed, NotCommitted>> + Send + 'a>>;

/// What a store is asked for.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, NotCommitted>> + Send + 'a>>;

/// Writes counts that somebody hands in.
pub trait Ledger: Send + Sync {
    /// Puts counts into the store, and answers when they are there: with `once` exactly once for each key, however
    /// often it is called.
    fn commit<'a>(&'a self, once: Option<Once<'a>>, counts: Counts) -> Commit<'a>;

    /// Whether the counts of a key are in the store.
    ///
    /// Resolves to [`NotCommitted::Unavailable`] if the store does not say.
    fn is_committed<'a>(&'a self, key: &'a str) -> Asked<'a, bool>;

    /// The key of a day, for keyed hashes that tell visitors apart on that day: one for all who use the store, and gone
    /// afterwards.
    ///
    /// Resolves to [`NotCommitted::Unavailable`] if the store does not say.
    fn day_key(&self, day: Day) -> Asked<'_, Uuid>;

    /// Adds what became of the items of a request to the lines that were received, accepted and rejected.
    fn tell(&self, items: &[Result<(), Reject>]);
}
