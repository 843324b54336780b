//! Where replayable sources continue. The queues publish it; the sources receive it.

use std::sync::Arc;
use tallymark_core::Position;
use tokio::sync::watch;
use uuid::Uuid;

/// What is known about where replayable sources continue.
#[derive(Clone, Debug, Default)]
pub enum Places {
    /// Nothing yet.
    #[default]
    Unknown,
    /// The positions in the state directory. It may be a restored backup, so no source continues from there before the
    /// store is claimed. But a source that is not in it is new, and may record where it begins.
    Kept(Arc<Vec<Position>>),
    /// Sources continue from here.
    Good {
        /// The positions of this instance. They may include a source that was new in [`Places::Kept`]; the ones here
        /// are right.
        own: Arc<Vec<Position>>,
        /// Those of every other instance in the store, matching their counts there. A source without a position here
        /// may have been read by an instance whose state directory is lost.
        others: Arc<Vec<(Uuid, Position)>>,
    },
}

/// Receives where replayable sources continue.
pub type StartPositions = watch::Receiver<Places>;
