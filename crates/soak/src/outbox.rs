//! The file of a daemon's outbox, read and aged from outside: what takes a quarter of an hour happens at once.

use crate::Bed;
use rusqlite::Connection;
use std::time::Duration;

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

    /// Makes that everything was applied a day ago: longer than the outbox keeps anything that the store cannot lose. For
    /// when everything is counted.
    #[track_caller]
    pub(crate) fn age_outbox(&self) {
        let aged = "UPDATE batch SET applied_at = unixepoch() - 86400";
        let aged = self.outbox().execute(aged, []).expect("the outbox can be written");
        assert!(aged > 0, "the outbox holds nothing");
    }
}
