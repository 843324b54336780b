//! Where sources that can be read again go on. The queues tell it; the sources hear it.

use std::sync::Arc;
use tallymark_core::Position;
use tokio::sync::watch;
use uuid::Uuid;

/// What is known of where replayable sources go on.
#[derive(Clone, Debug, Default)]
pub enum Places {
    /// Nothing yet.
    #[default]
    Unknown,
    /// What the state directory says. It may be a backup that was put back, so no source goes on from there before the
    /// store was claimed; but a source that is not in here is new, and may say where it begins.
    Kept(Arc<Vec<Position>>),
    /// Sources go on from here.
    Good {
        /// The positions of this instance. They may hold a source that was new in [`Places::Kept`]: what stands here is
        /// right.
        own: Arc<Vec<Position>>,
        /// Those of every other instance in the store, as far as their counts there. A source that has none of its own
        /// may have been read by one whose state directory is lost.
        others: Arc<Vec<(Uuid, Position)>>,
    },
}

/// Hears where replayable sources go on.
pub type StartPositions = watch::Receiver<Places>;
