//! Files without a name that may still be written to.
//!
//! `sed -i`, `cp` and `mv`, or gzip put another file in the place of one that its writer has open. The record goes on in
//! the new file; what the writer adds is only in the former one, which is read as long as it is open. It needs no
//! position: once this process ends, nothing can open it again. [`super::follow`] calls this with each step.

use super::{
    cut::Sink,
    input::{Found, Input, length},
    names::open_regular,
    record::FileRecord,
};
use crate::source::Stop;
use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tracing::warn;

/// How many are read, the newest.
const MOST: usize = 8;
/// A file that nothing has happened to for so long is closed: as long as it is open, it takes its room on the disk.
const IDLE: Duration = Duration::from_secs(3600);

struct FormerFile {
    path: PathBuf,
    input: Input,
    /// That it was written to is told.
    told: bool,
}

/// The former files of a log.
#[derive(Default)]
pub(super) struct FormerFiles(VecDeque<FormerFile>);

impl FormerFiles {
    /// Keeps a file from which a record was read that goes on in another one now, if it has no name. What that may have, too,
    /// is left to it: nothing if all of it `was_read` before, unless all lines are identical. Answers whether it has less.
    pub(super) fn keep(
        &mut self,
        mut input: Input,
        record: &FileRecord,
        was_read: bool,
        stop: &Stop,
    ) -> io::Result<bool> {
        if record.identity.is(&input.identity()) || !input.is_nameless() {
            return Ok(false);
        }
        let read = input.offset();
        if !was_read || input.is_alike() {
            input.skip_to_end()?;
        }
        let unread = input.offset().saturating_sub(read);
        self.0.push_back(FormerFile { path: record.path.clone(), input, told: false });
        if self.0.len() > MOST {
            self.0.pop_front();
        }
        Ok(unread > 0 && length(open_regular(&record.path)?, stop)? < record.mark.offset + unread)
    }

    /// Reads a chunk of each that has more. Answers whether there may be more.
    pub(super) fn read(&mut self, max_line: usize, sink: &mut impl Sink) -> bool {
        let mut more = false;
        self.0.retain_mut(|FormerFile { path, input, told }| {
            if input.is_read() {
                return !input.plain().is_some_and(|file| is_idle(file, SystemTime::now()));
            }
            let before = input.offset();
            let found = input.read(max_line, sink);
            if input.offset() > before && !std::mem::replace(told, true) {
                warn!(
                    file = %path.display(),
                    "it was replaced, and its writer still has the former file open: what it writes there counts \
                     until this process ends, and is lost then. Let it open its log again, as nginx -s reopen does"
                );
            }
            more |= matches!(found, Ok(Found::Some));
            match found {
                Ok(Found::Some | Found::End) => true,
                Ok(Found::Truncated) => false,
                Err(error) => {
                    warn!(file = %path.display(), "the former file is not read any more: {error}");
                    false
                }
            }
        });
        more
    }
}

/// Whether a file was neither written to nor removed lately.
fn is_idle(file: &File, now: SystemTime) -> bool {
    let changed = |file: std::fs::Metadata| UNIX_EPOCH + Duration::from_secs(file.ctime().unsigned_abs());
    let idle = file.metadata().ok().and_then(|file| now.duration_since(changed(file)).ok());
    idle.is_some_and(|idle| idle > IDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_idle_an_hour_after_its_last_change() {
        let file = tempfile::tempfile().unwrap();
        let now = SystemTime::now();
        assert!(!is_idle(&file, now) && !is_idle(&file, now + IDLE / 2));
        assert!(is_idle(&file, now + 2 * IDLE));
    }
}
