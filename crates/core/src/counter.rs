//! What the HTTP server needs from the counting side: count a hit, and know the total that includes it.
//!
//! The binary wires an implementation from `tallymark-ingest` into `tallymark-web`; the two do not depend on each
//! other.

use crate::{Asker, Event, Hit, NameRef, Reject, Visit, When};
use std::{fmt, future::Future, pin::Pin};

/// A total, or a pending answer when the store has to be asked.
pub enum Total<'a> {
    /// Known without asking the store.
    Known(i64),
    /// The store is being asked.
    Asked(Pin<Box<dyn Future<Output = Result<i64, Unavailable>> + Send + 'a>>),
}

impl Total<'_> {
    /// Waits for the total.
    ///
    /// # Errors
    ///
    /// The store did not answer in time. The hit is still counted.
    pub async fn get(self) -> Result<i64, Unavailable> {
        match self {
            Total::Known(total) => Ok(total),
            Total::Asked(answer) => answer.await,
        }
    }
}

/// The store did not answer, so the total is not known. The hit itself is not lost: it waits in the tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store does not answer; the hit is kept and will be counted")
    }
}

impl std::error::Error for Unavailable {}

/// The total of an event on a name, and the last visits that are part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    /// The total.
    pub total: i64,
    /// The latest first. The first is the one that made the total what it is, if visits are kept of every occurrence.
    pub visits: Vec<Visit>,
}

/// The likes that are left when those that were taken back are subtracted.
#[must_use]
pub fn left(likes: i64, taken_back: i64) -> i64 {
    likes.saturating_sub(taken_back).max(0)
}

/// The answer of [`Counter::latest`].
pub type LatestAnswer<'a> = Pin<Box<dyn Future<Output = Result<Latest, Unavailable>> + Send + 'a>>;

/// What has been counted for a name and is not in the store yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// If two answers have the same number, the store took nothing from this process in between.
    pub epoch: u64,
    /// Counts by time, in no order. A time may occur twice.
    pub cells: Vec<(When, u64)>,
}

/// Why a hit is no part of what its name shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// The operator does not want it.
    Refused(Reject),
    /// It counts under `~overflow`, because there is no room for another name.
    Overflow,
}

/// What became of a hit.
pub struct CountedHit<'a> {
    /// The total of its name. It includes the hit, if that is a part of it.
    pub total: Total<'a>,
    /// Why it is none, as far as that is known before the total is.
    pub uncounted: Option<Uncounted>,
    /// New names have no room at the moment: [`Counter::is_over`] tells whether this is one, once the total is known.
    pub is_crowded: bool,
}

impl<'a> From<Total<'a>> for CountedHit<'a> {
    fn from(total: Total<'a>) -> CountedHit<'a> {
        CountedHit { total, uncounted: None, is_crowded: false }
    }
}

/// Counts hits and knows totals.
pub trait Counter: Send + Sync {
    /// Counts the hit at once, and returns the total that includes it.
    ///
    /// A hit of event `hit` that says who asked is also told a visit of the same name, if it is one: within the
    /// cooldown of its visitor only the first. A hit of event `visit` that says who asked counts only then, and the
    /// answer is the total of `visit` whether it counted or not. The same is true for a hit that is
    /// [refused](Counter::refusal). Without a visitor, every hit counts as it is, and is nothing else.
    fn count<'a>(&'a self, hit: &Hit<'_>) -> CountedHit<'a>;

    /// Whether a name is new, so that its hits count under `~overflow` while new names have no room.
    fn is_over(&self, _event: Event, _name: NameRef<'_>) -> bool {
        false
    }

    /// Counts the hit at once, as [`Counter::count`] does, for callers that need no total: the store is never asked.
    fn note(&self, hit: &Hit<'_>);

    /// Why this hit would not be counted, if the operator does not want it. [`Counter::count`] and [`Counter::note`] ask
    /// themselves: this is for hits that are written in another way.
    fn refusal(&self, _hit: &Hit<'_>) -> Option<Reject> {
        None
    }

    /// The client data to keep, for visits that are written elsewhere. Nothing without a visitor.
    fn asker(&self, _hit: &Hit<'_>) -> Asker {
        Asker::default()
    }

    /// The counts of the event `url` that wait for the store; `None` while some are on their way there, so the answer
    /// is unknown.
    fn waiting(&self, name: NameRef<'_>) -> Option<Waiting>;

    /// The total, including hits of this process that are not yet in the store. Counts nothing.
    fn total<'a>(&'a self, event: Event, name: NameRef<'_>) -> Total<'a>;

    /// The total and the last visits, at most `most`, with what this process has counted and the store does not have
    /// yet.
    fn latest<'a>(&'a self, event: Event, name: NameRef<'_>, most: usize) -> LatestAnswer<'a>;
}
