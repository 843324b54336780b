//! Where counts live: the [`Store`] trait, the embedded store and the Redis store.
//!
//! A store applies a [`Batch`] exactly once, whatever happens in between, and answers what badges, pages and the
//! publisher ask. It parses no log line and draws nothing. The writer in `tallymark-ingest` writes through it; the
//! publisher and the HTTP server read through it. One contract suite (`tests/contract.rs`) runs over every store.

mod claim;
mod deadline;
pub mod durable;
mod error;
mod filter;
mod names;
mod narrow;
pub mod outbox;
pub mod owner;
pub mod redis;
mod retention;
pub mod sqlite;
mod url;
mod written;

pub use claim::passing_instance;
pub use error::{Class, StoreError, or_nothing};
pub use filter::Filter;
pub use retention::Retention;
pub use tallymark_core::{Span, Step};
pub use url::{NotAStoreUrl, StoreUrl};
pub use written::Written;

use async_trait::async_trait;
use std::{fmt, str::FromStr, sync::Arc, time::Instant};
use tallymark_core::{Batch, Event, Month, Name, Position, Visit};
use uuid::Uuid;

/// A store's answer, or why there is none.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The right to apply batches of one instance, taken at start. A later claim of the same instance fences this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose batches.
    pub instance: Uuid,
    /// Written beside the marker, so that two copies of one state directory cannot both hold the claim: a number above
    /// that of the claim before, and random bytes.
    pub nonce: Uuid,
    /// The store that was claimed.
    pub store: Uuid,
    /// The number of the last batch of this instance that the store has applied; 0 if none.
    pub marker: u64,
    /// A digest of the request that the batches of this instance are made of, where there is one. The store keeps what it
    /// says when the first of them is applied, in the same transaction; a claim answers what is kept.
    pub body: Option<Uuid>,
}

/// What became of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the store now.
    Applied {
        /// The new total of each distinct (event, name) of the batch, in the batch's order; 0 for one whose key was left
        /// alone.
        totals: Vec<i64>,
        /// How many keys were left alone because they hold something that is no counter.
        quarantined: u64,
    },
    /// It was in the store already; nothing was counted.
    Duplicate,
    /// The store has applied only up to `marker`: what follows must be sent again.
    Gap {
        /// The number of the last applied batch.
        marker: u64,
    },
    /// This is not the store that was claimed: another server, or an emptied one.
    Foreign,
    /// Another process has claimed the same instance since.
    Fenced,
}

/// What a store says between two batches of an instance that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Claimed {
        /// The number of the last batch that the store has applied. It is lower than what was answered if the store has
        /// lost its tail, or if this server is one that is behind.
        marker: u64,
        /// What of it is on disk there.
        durability: outbox::Durability,
    },
    /// This is not the store that was claimed: another server, or an emptied one.
    Foreign,
    /// Another process has claimed the same instance since.
    Fenced,
}

/// A position in the log of changes.
///
/// Valid only for the store and the run it came from; its text form is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which store.
    pub store: Uuid,
    /// Which run of its server: Redis may come back from a restart with an older tail. Empty for an embedded store.
    pub run: String,
    /// The last entry that was read, in the store's own form.
    pub entry: String,
}

/// A name whose count changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The event.
    pub event: Event,
    /// The name. Never an aggregate.
    pub name: Name,
    /// It was corrected, so it may have gone down. Both stores keep the mark; no command corrects a count yet.
    pub corrected: bool,
}

/// What happened after a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These names changed, in order, with repetitions.
    Since {
        /// The names.
        names: Vec<Change>,
        /// Where to go on.
        cursor: Cursor,
        /// There was more than fitted.
        more: bool,
    },
    /// The cursor is of another store or run, or what followed it is gone: only a full pass finds every change.
    Lost,
}

/// Some of the names of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePage {
    /// Names, never an aggregate. Redis may name one twice.
    pub names: Vec<Name>,
    /// Where the next page starts, in the store's own form; `None` after the last.
    pub next: Option<String>,
}

/// A part of what was counted in a [`Span`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Names, never an aggregate, and their counts in the span. One may come twice, with the count of another moment.
    pub counts: Vec<(Name, i64)>,
    /// Where the next slice starts, in the store's own form; `None` after the last.
    pub next: Option<String>,
}

/// Where counts live.
///
/// Every call may be repeated: [`Store::apply`] because batches are numbered, the others because they only read.
#[async_trait]
pub trait Store: Send + Sync {
    /// The identity of the store, made when it was first used.
    async fn identity(&self) -> Result<Uuid>;

    /// Takes the right to apply batches of `instance`. Writes, so it also shows that this server can be written to.
    async fn claim(&self, instance: Uuid) -> Result<Claim> {
        self.claim_from(instance, 0).await
    }

    /// The same, and raises the marker to `least` if it is lower: the batches up to there are gone, so the one behind them
    /// comes next. The others keep their numbers, by which a store that has them knows them.
    async fn claim_from(&self, instance: Uuid, least: u64) -> Result<Claim>;

    /// Goes on with this store: gives it back its identity, and `instance` its marker, where somebody deleted them.
    /// `seq` is the last batch that it is known to have applied. Answers the identity.
    async fn adopt(&self, _instance: Uuid, _seq: u64) -> Result<Uuid> {
        self.identity().await
    }

    /// What the store itself does that loses counts, in words for the operator, as it was at the last claim or
    /// [standing](Store::standing).
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Applies batches in order, each all-or-nothing and exactly once. Stops behind the first whose outcome is
    /// neither `Applied` nor `Duplicate`; so there are as many outcomes as batches, or fewer with such a one at the
    /// end. Every entry counts once more under [`Name::all`] of its event. An error says nothing about what was
    /// applied: ask again with the same batches. The positions of a batch are committed with its counts.
    async fn apply(&self, claim: &Claim, batches: &[Batch]) -> Result<Vec<Outcome>>;

    /// This process ends then: no write waits longer than that for another process, if it cannot be given up from outside.
    fn finish_by(&self, _deadline: Instant) {}

    /// How many batches of an instance have been applied. Claims nothing.
    async fn applied(&self, instance: Uuid) -> Result<u64>;

    /// Forgets [passing instances](passing_instance) that were last claimed before a time, in seconds since 1970: a slice
    /// of all that there are, from `start` (what the call before answered) or from the beginning. `None` at the end.
    async fn forget_passing(&self, before: u64, start: Option<&str>) -> Result<Option<String>>;

    /// The positions that an instance has committed here, or every instance, in no order. They are as far as the counts
    /// in this store, whatever a state directory says.
    async fn positions(&self, of: Option<Uuid>) -> Result<Vec<(Uuid, Position)>>;

    /// What has become of a claim, and of what was applied under it. Only reads; a server that is behind and cannot be
    /// written to answers too.
    async fn standing(&self, claim: &Claim) -> Result<Standing>;

    /// The total of each name, 0 for one that was never counted. Aggregates may be asked for too.
    async fn totals(&self, event: Event, names: &[Name]) -> Result<Vec<i64>>;

    /// The total of one name. Where another program keeps something else in its place, that is an error
    /// ([`Class::Key`]); [`Store::totals`] answers 0 then, as for many names one must not stand for all.
    async fn total(&self, event: Event, name: &Name) -> Result<i64> {
        Ok(self.totals(event, std::slice::from_ref(name)).await?.first().copied().unwrap_or(0))
    }

    /// The counts of one name in the buckets `from..to`, ascending; buckets without a hit are left out. Days are kept for
    /// ever, hours and minutes for as long as [`Retention`] says, and a month is the sum of its days. The caller bounds the
    /// range: Redis looks into every day of it, or into every hour. [`Class::Key`] as with [`Store::total`], and so it is
    /// with statuses.
    async fn series(
        &self,
        event: Event,
        name: &Name,
        step: Step,
        from: i32,
        to: i32,
    ) -> Result<Vec<(i32, i64)>>;

    /// The statuses of one name in a year, or in one month of it (1 to 12), sorted by their text. At most about
    /// [`tallymark_core::MAX_STATUSES`] of a month; what was over stands under [`tallymark_core::OVERFLOW`]. Another
    /// program's statuses are answered as they stand there, so not each is a [`tallymark_core::Status`].
    async fn statuses(
        &self,
        event: Event,
        name: &Name,
        year: i32,
        month: Option<u32>,
    ) -> Result<Vec<(String, i64)>>;

    /// The months in which one name has statuses, ascending.
    async fn status_months(&self, event: Event, name: &Name) -> Result<Vec<Month>>;

    /// The last visits of one name, the latest first, at most `limit`. A [key](Class::Key) that is no list is an error.
    async fn visits(&self, event: Event, name: &Name, limit: usize) -> Result<Vec<Visit>>;

    /// A page of the names that have the event, from `start` (a [`NamePage::next`]) or from the beginning.
    async fn names(&self, event: Event, start: Option<&str>, limit: usize) -> Result<NamePage>;

    /// A page of those names of an event that a filter lets through, from `start` (a [`NamePage::next`] of the same
    /// filter) or from the beginning. It looks at a bounded number of names, so a page may be short, even empty, and
    /// have a next one. SQLite lists in the order of bytes; Redis has none, and sorts some thousand at a time.
    async fn find(
        &self,
        event: Event,
        filter: &Filter,
        start: Option<&str>,
        limit: usize,
    ) -> Result<NamePage> {
        filter::scan(self, event, filter, start, limit).await
    }

    /// How many names have the event.
    async fn name_count(&self, event: Event) -> Result<u64>;

    /// The events that have a name. Redis keeps no list of events, so it answers which of `known` have one.
    async fn events(&self, known: &[Event]) -> Result<Vec<Event>>;

    /// A slice of what was counted in a span, from `start` (a [`Slice::next`] of the same event and span) or from the
    /// beginning. Names with `floor` or less may be left out. A slice holds up nobody: it looks at a bounded number of
    /// counts, in one short read. How many slices there are grows with the number of names, not with that of hits.
    async fn slice(&self, event: Event, span: Span, floor: i64, start: Option<&str>) -> Result<Slice>;

    /// Whether [`Store::slice`] asks for the counts of one name after the other. Several spans are then best made of the
    /// slices of one, with [`Store::counts`] for the others.
    fn slices_by_name(&self) -> bool;

    /// What was counted for each of some names in each of some spans: a row for each name. Behind a span stands its floor:
    /// in place of a count that is not above it, 0 may be answered, which costs less. Widths other than those of days are
    /// best asked for together with the day that they are in.
    async fn counts(&self, event: Event, names: &[Name], spans: &[(Span, i64)]) -> Result<Vec<Vec<i64>>>;

    /// The end of the log of changes.
    async fn head(&self) -> Result<Cursor>;

    /// What changed after `after`, at most about `limit` names.
    async fn changes(&self, after: &Cursor, limit: usize) -> Result<Changes>;
}

/// Opens the store that a URL names. An embedded one is created if it is not there; a Redis is connected to by the first
/// call, so one that is away keeps nobody from starting.
pub async fn open(url: &StoreUrl, retention: Retention) -> Result<Arc<dyn Store>> {
    Ok(match url {
        StoreUrl::Sqlite(path) => Arc::new(sqlite::Sqlite::open(path, retention)?),
        StoreUrl::Redis(url) => Arc::new(redis::Redis::new(url, retention)?),
    })
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = if self.run.is_empty() { "-" } else { &self.run };
        write!(f, "{} {run} {}", self.store, self.entry)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Cursor, ()> {
        let mut words = text.split_whitespace();
        let (Some(store), Some(run), Some(entry), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(());
        };
        let run = if run == "-" { "" } else { run };
        Ok(Cursor { store: store.parse().map_err(|_| ())?, run: run.to_owned(), entry: entry.to_owned() })
    }
}
