//! The change log: which names changed since a reader last looked. The publisher and the rankings follow it.

use crate::{Result, Shelf};
use async_trait::async_trait;
use std::{fmt, str::FromStr};
use tallymark_core::{Event, Name};
use uuid::Uuid;

/// A position in the change log.
///
/// Valid only for the store and the run it came from; its text form is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which store.
    pub store: Uuid,
    /// Which run of its server: Redis may restart with an older tail. Empty for an embedded store.
    pub run: String,
    /// The last entry that was read, in the store's own form.
    pub entry: String,
}

/// What one look at a store sees: another sight if the log has grown, or if things of a shelf came, went or got another
/// end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSight {
    /// The end of the change log.
    pub head: Cursor,
    /// The keys of the shelf, and until when each thing is kept.
    pub kept: Vec<(String, Option<u64>)>,
}

/// A name whose count changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The event.
    pub event: Event,
    /// The name. Never an aggregate.
    pub name: Name,
    /// It was corrected, so it may have gone down, or be gone.
    pub corrected: bool,
}

/// What happened after a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These names changed, in order, with repetitions.
    Since {
        /// The names.
        names: Vec<Change>,
        /// Where to continue.
        cursor: Cursor,
        /// There is more.
        more: bool,
    },
    /// The cursor belongs to another store or run, or the entries after it are gone: only a full pass finds every
    /// change.
    Lost,
}

/// The interface of a store for readers that follow changes.
#[async_trait]
pub trait StoreLog: Send + Sync {
    /// The end of the change log.
    async fn head(&self) -> Result<Cursor>;

    /// Looks whether there is anything to read, with one read.
    async fn sight(&self, shelf: Shelf) -> Result<StoreSight>;

    /// What changed after `after`, at most about `limit` names.
    async fn changes(&self, after: &Cursor, limit: usize) -> Result<Changes>;
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
