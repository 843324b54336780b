//! Logs that are followed for the first time, until the list of their files at the first look is committed.
//!
//! If a log is rotated before that, its rotated file looks like an old one. So the daemon is not ready until then. The
//! sources report what they sent, the queues what they committed; `/readyz` and the service manager are told.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tallymark_core::Position;
use tokio::sync::Notify;

/// The logs of a process that are not known yet.
#[derive(Clone, Debug, Default)]
pub struct FirstLooks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// By path: the last of the positions that were sent first, if they were.
    due: Mutex<BTreeMap<PathBuf, Option<String>>>,
    changed: Notify,
}

impl FirstLooks {
    fn due(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Option<String>>> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A log that will be followed.
    pub(crate) fn expect(&self, log: &Path) {
        self.due().insert(log.to_owned(), None);
    }

    /// What was there is about to be committed. Positions are committed in this order.
    pub(crate) fn sent(&self, log: &Path, positions: &[Position]) {
        if let (Some(due), Some(last)) = (self.due().get_mut(log), positions.last()) {
            *due = Some(last.source.clone());
        }
    }

    /// It was known before, or it cannot be looked at: then nothing is known that could be committed.
    pub(crate) fn over(&self, log: &Path) {
        if self.due().remove(log).is_some() {
            self.0.changed.notify_waiters();
        }
    }

    /// These are in the store or in the outbox.
    pub(crate) fn committed<'a>(&self, sources: impl IntoIterator<Item = &'a str>) {
        let mut due = self.due();
        if due.is_empty() {
            return;
        }
        for source in sources {
            due.retain(|_, last| last.as_deref() != Some(source));
        }
        drop(due);
        self.0.changed.notify_waiters();
    }

    /// Why the daemon is not ready yet.
    #[must_use]
    pub fn due_still(&self) -> Vec<String> {
        let why = |log: &PathBuf| {
            format!("{}: which files it has is not committed yet; do not rotate it now", log.display())
        };
        self.due().keys().map(why).collect()
    }

    /// Returns once nothing is due.
    pub async fn none_due(&self) {
        loop {
            // Before the look, so that nothing is missed in between.
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.due().is_empty() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn log_is_due_until_the_last_of_its_positions_is_committed() {
        let (looks, log) = (FirstLooks::default(), Path::new("/var/log/a"));
        looks.none_due().await;
        looks.expect(log);
        looks.expect(Path::new("/var/log/b"));
        assert_eq!(looks.due_still().len(), 2);
        let at = |source: &str| Position { source: source.to_owned(), state: "x".to_owned() };
        looks.sent(log, &[at("file:/var/log/a"), at("file:/var/log/a#0")]);
        looks.committed(["file:/var/log/a"]);
        assert_eq!(looks.due_still().len(), 2);
        let waiting = tokio::spawn({
            let looks = looks.clone();
            async move { looks.none_due().await }
        });
        tokio::task::yield_now().await;
        looks.committed(["file:/var/log/a#0"]);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        looks.over(Path::new("/var/log/b"));
        waiting.await.unwrap();
    }
}
