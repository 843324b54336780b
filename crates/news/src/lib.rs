//! News of names: milestones (a name has reached 1,000 hits) and spikes (many more hits in an hour than usual).
//!
//! One of the daemons on a store follows the change log, finds them ([`NewsTeller`]), keeps them in the store and sends
//! them to webhooks. Whatever shows them as a feed reads them with [`RecentNews`]. Without a rule of the operator's,
//! nothing of this runs. Counting never waits for it: it reads the store as the rankings do, with a rest after each
//! read, and everything it writes is beside the counts. It draws nothing and serves nothing.

mod finder;
mod hooks;
mod item;
mod meters;
mod recent;
mod rule;
mod teller;
mod turn;

pub use hooks::{HookError, send_test};
pub use item::{NewsItem, NewsKind};
pub use meters::NewsMeters;
pub use recent::RecentNews;
pub use rule::{NewsRule, NotAnOccasion, Occasion, Webhook};
pub use teller::{NewsTeller, PageAddress};

use tallymark_store::Shelf;

/// What was found, for feeds. When it is full, the oldest goes.
const NEWS: Shelf = Shelf { name: "news", most: 1_000 };
/// The ids of what was found, kept longer than the news themselves, so that none is told twice.
const TOLD: Shelf = Shelf { name: "news-told", most: 20_000 };
/// What webhooks have not received yet.
const DUE: Shelf = Shelf { name: "news-due", most: 10_000 };
/// Which daemon tells, and how far it has followed the log.
const TURN: Shelf = Shelf { name: "news-turn", most: 1 };

/// What this crate keeps in a store, for whoever takes all of it to another one. Whose turn it is stays behind: its
/// place in the log is of no use elsewhere.
pub const SHELVES: [Shelf; 3] = [NEWS, TOLD, DUE];

const DAY: u64 = 86_400;

/// What stops the telling for a moment.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error(transparent)]
    Store(#[from] tallymark_store::StoreError),
    #[error("another daemon tells")]
    AnotherTells,
}

#[cfg(test)]
mod tests;
