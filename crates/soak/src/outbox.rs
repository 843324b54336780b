//! The file of a daemon's outbox, read from outside.

use crate::Bed;
use rusqlite::Connection;
use std::{thread, time::Duration};

impl Bed {
    fn outbox(&self) -> Connection {
        let file = Connection::open(self.data().join("outbox.db")).expect("the outbox is there");
        file.busy_timeout(Duration::from_secs(10)).expect("a timeout can be set");
        file
    }

    /// How many batches the outbox holds.
    #[track_caller]
    pub(crate) fn held(&self) -> u64 {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let held = self.outbox().query_row("SELECT count(*) FROM batch", [], count);
        held.expect("the outbox can be read").unsigned_abs()
    }

    /// Keeps applied batches for ten seconds, the least that can be configured.
    pub(crate) fn forget_soon(&self) {
        self.configure("outbox-retention = \"10s\"", "", "");
    }

    /// Waits until what is applied now has been applied for longer than the outbox keeps anything that the store cannot
    /// lose. Only the time of the process decides that, so nothing can make it pass sooner.
    pub(crate) fn outlive_retention(&self) {
        assert!(self.held() > 0, "the outbox holds nothing");
        thread::sleep(Duration::from_secs(12));
    }
}
