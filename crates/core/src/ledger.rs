//! What the HTTP server needs to write the counts that a client sends: commit them, and confirm once they are stored.
//!
//! The binary wires an implementation from `tallymark-ingest` into `tallymark-web`, as it does with
//! [`Counter`](crate::Counter).

use crate::{Counts, Day, Reject};
use std::{fmt, future::Future, pin::Pin};
use uuid::Uuid;

/// Makes a request that is sent twice count once.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// The client's name for the request.
    pub key: &'a str,
    /// A digest of the body, so that a key that is reused for another body can be refused.
    pub body: &'a [u8],
}

/// Entries are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// By this call.
    Now,
    /// By an earlier call with the same key; nothing was counted now.
    Before,
}

/// Entries are not in the store, or it is unknown whether they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCommitted {
    /// The store accepts nothing now, and nothing was counted.
    Unavailable(String),
    /// The store did not answer: they may be counted, fully or in part.
    Unknown(String),
    /// The key was used for another body.
    OtherBody,
    /// This many names are new, and there is no room for them. Nothing was counted.
    NoRoom,
}

impl fmt::Display for NotCommitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCommitted::Unavailable(why) => {
                write!(f, "the store takes nothing now, nothing was counted: {why}")
            }
            NotCommitted::Unknown(why) => {
                write!(f, "the store did not answer, so it is not known whether this was counted: {why}")
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

/// Writes counts that a client sends.
pub trait Ledger: Send + Sync {
    /// Writes counts to the store, and returns when they are there. With `once`, they count exactly once for each key,
    /// however often this is called.
    fn commit<'a>(&'a self, once: Option<Once<'a>>, counts: Counts) -> Commit<'a>;

    /// Whether the counts of a key are in the store.
    ///
    /// Resolves to [`NotCommitted::Unavailable`] if the store does not say.
    fn is_committed<'a>(&'a self, key: &'a str) -> Asked<'a, bool>;

    /// Which of these bodies the key was used for, by its place in the list. `None` if it is none of them, or if nothing
    /// of the key is in the store.
    ///
    /// Resolves to [`NotCommitted::Unavailable`] if the store does not say.
    fn body_of<'a>(&'a self, key: &'a str, bodies: &'a [Vec<u8>]) -> Asked<'a, Option<usize>>;

    /// The key of a day, for keyed hashes that tell visitors apart on that day: one for all who use the store, and gone
    /// afterwards.
    ///
    /// Resolves to [`NotCommitted::Unavailable`] if the store does not say.
    fn day_key(&self, day: Day) -> Asked<'_, Uuid>;

    /// Adds the outcome of a request's items to the numbers of lines received, accepted and rejected.
    fn tell(&self, items: &[Result<(), Reject>]);
}
