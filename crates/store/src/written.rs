//! Word, within one process, that the store has been written to.
//!
//! Whoever follows the log of changes (the publisher, the rankings) waits for it and need not ask again and again. What
//! another process writes is not told of: that is only in the log, which is still read now and then. The HTTP counter of
//! `tallymark-ingest` tells, because it hears of every batch that is applied.

use tokio::sync::watch;

/// Both ends. Clones belong together, and each hears for itself.
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
    /// Something was written. Never waits.
    pub fn tell(&self) {
        self.told.send_replace(());
    }

    /// Returns once something was written since the last return. Dropping the future forgets nothing.
    pub async fn hear(&mut self) {
        // Cannot fail: this value holds a sender itself.
        let _ = self.heard.changed().await;
    }
}
