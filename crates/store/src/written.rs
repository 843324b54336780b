//! Notification, within one process, that the store was written.
//!
//! The followers of the store (the publisher, the rankings, the pauses) wait for it, so an idle process reads nothing.
//! The HTTP counter of `tallymark-ingest` reports every batch that this process has applied, because it sees the
//! results. One task looks for writes of other processes, for all followers ([`Written::look_for_others`]): each check
//! of a store wakes several threads, and so does each timer.

use crate::{Shelf, StoreLog};
use std::time::Duration;
use tokio::sync::watch;

/// How often a process looks for what others have written.
const LOOK: Duration = Duration::from_secs(2);

/// Both ends. Clones are connected, and each receives every notification.
#[derive(Clone, Debug)]
pub struct Written {
    told: watch::Sender<()>,
    heard: watch::Receiver<()>,
    /// The same of looks that have found nothing.
    looks: watch::Sender<()>,
    looked: watch::Receiver<()>,
}

impl Default for Written {
    fn default() -> Written {
        let ((told, heard), (looks, looked)) = (watch::channel(()), watch::channel(()));
        Written { told, heard, looks, looked }
    }
}

impl Written {
    /// Notifies of a write. Never waits.
    pub fn tell(&self) {
        self.told.send_replace(());
    }

    /// Returns once something was written since the last return. Dropping the future loses nothing.
    pub async fn hear(&mut self) {
        // Cannot fail: this value holds a sender itself.
        let _ = self.heard.changed().await;
    }

    /// Returns true once something was written since the last return, and false when a look has found nothing: for
    /// a follower that has something to do from time to time, and then needs no timer of its own. With more than one of
    /// them each look would wake a second thread.
    pub async fn hear_or_look(&mut self) -> bool {
        let written = tokio::select! {
            biased;
            _ = self.heard.changed() => true,
            _ = self.looked.changed() => false,
        };
        self.looked.mark_unchanged();
        written
    }

    /// Notifies of counts that others have written, and of changes of a shelf, until it is dropped. A store that does
    /// not answer counts as written: its followers find out themselves what that means to them.
    pub async fn look_for_others(&self, store: &(impl StoreLog + ?Sized), shelf: Shelf) {
        let mut seen = None;
        loop {
            let sight = store.sight(shelf).await.ok();
            if sight.is_some() && sight == seen {
                self.looks.send_replace(());
            } else {
                self.tell();
            }
            seen = sight;
            tokio::time::sleep(LOOK).await;
        }
    }
}
