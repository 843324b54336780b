//! Where counts live: the [`Store`] traits, the embedded store and the Redis store.
//!
//! A store applies each [`tallymark_core::Batch`] exactly once, whatever fails in between, and answers the queries of
//! badges, pages and the publisher. It parses no log lines and draws nothing. The writer in `tallymark-ingest` writes
//! through it; the publisher and the HTTP server read through it. One contract suite (`tests/contract`) runs over every
//! store.
//!
//! ```
//! use tallymark_core::{Day, Entry, Event, Name, When, batches};
//! use tallymark_store::{Outcome, Retention};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let url = format!("sqlite:{}", dir.path().join("tallymark.db").display());
//! let store = tallymark_store::open(&url.parse()?, Retention::default()).await?;
//! let claim = store.claim(uuid::Uuid::new_v4()).await?;
//!
//! let (event, name) = (Event::HIT, Name::new("octo/hello")?);
//! let entry = Entry { event, name: name.clone(), when: When::Day(Day(20_785)), count: 3 };
//! let batch = batches(claim.instance, claim.marker + 1, vec![entry]);
//! store.apply(&claim, &batch).await?;
//! // The answer was lost, and the same is sent again: it counts once.
//! assert_eq!(store.apply(&claim, &batch).await?, [Outcome::Duplicate]);
//! assert_eq!(store.total(event, &name).await?, 3);
//! # Ok(())
//! # }
//! ```

mod address;
mod age;
mod claim;
mod corrections;
pub mod current;
mod deadline;
pub mod durable;
mod error;
mod filter;
mod log;
mod moves;
mod names;
mod narrow;
mod net_likes;
pub mod outbox;
pub mod owner;
mod read;
pub mod redis;
mod retention;
mod shelf;
mod snapshot;
pub mod sqlite;
mod url;
mod write;
mod written;

pub use age::{Level, StoreAge, TooOld};
pub use claim::passing_instance;
pub use corrections::StoreCorrections;
pub use error::{Class, StoreError, or_nothing};
pub use filter::Filter;
pub use log::{Change, Changes, Cursor, StoreLog, StoreSight};
pub use moves::{InstanceMark, KnownCorrection, MarkPage, StoreMoves};
pub use net_likes::NetLikes;
pub use read::{NamePage, Slice, StoreRead};
pub use retention::Retention;
pub use shelf::{Shelf, Shelved, StoreShelf, change_kept};
pub use tallymark_core::{Span, Step};
pub use url::{NotAStoreUrl, StoreUrl};
pub use write::{Claim, Outcome, Standing, StoreWrite};
pub use written::Written;

use std::sync::Arc;

/// A store's answer, or the error.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A complete store, as [`open`] returns it.
pub trait Store:
    StoreWrite + StoreRead + StoreLog + StoreShelf + StoreCorrections + StoreMoves + StoreAge
{
}

impl<T> Store for T where
    T: StoreWrite + StoreRead + StoreLog + StoreShelf + StoreCorrections + StoreMoves + StoreAge + ?Sized
{
}

/// Opens the store that a URL names. An embedded one is created if it does not exist. The first call connects to a
/// Redis, so a Redis that is down does not prevent a start.
///
/// # Errors
///
/// The address cannot be read, or the embedded store cannot be opened.
pub async fn open(url: &StoreUrl, retention: Retention) -> Result<Arc<dyn Store>> {
    Ok(match url {
        StoreUrl::Sqlite(path) => Arc::new(sqlite::Sqlite::open(path, retention)?),
        StoreUrl::Redis(url) => Arc::new(redis::Redis::new(url, retention)?),
    })
}
