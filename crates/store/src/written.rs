//! Notification, within one process, that the store was written.
//!
//! The followers of the change log (the publisher, the rankings) wait for it and need not poll all the time. Writes of
//! other processes are not notified: they are only in the log, which is still read now and then. The HTTP counter of
//! `tallymark-ingest` sends the notifications, because it learns of every applied batch.

use tokio::sync::watch;

/// Both ends. Clones are connected, and each receives every notification.
#[derive(Clone, Debug)]
pub struct Written {
    told: watch::Sender<()>,
    heard: watch::Receiver<()>,
}

impl Default for Written {
    fn default() -> Written {
        let (told, heard) = watch::channel(());
        Written { told, heard }
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
}
