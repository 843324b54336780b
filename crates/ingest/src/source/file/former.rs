//! Files without a name that may still be written to.
//!
//! `sed -i`, `cp` and `mv`, or gzip put another file in the place of one that its writer has open. The record goes on in
//! the new file; what the writer adds is only in the former one, which is read as long as it is open. It needs no
//! position: no later process can open it. [`super::follow`] calls this with each step.

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

/// The most that are read; the newest ones.
const MOST: usize = 8;
/// A file without a write for this long is closed, because an open file keeps its space on the disk.
const IDLE: Duration = Duration::from_secs(3600);

struct FormerFile {
    path: PathBuf,
    input: Input,
    /// Whether the warning was logged.
    told: bool,
}

/// The former files of a log.
#[derive(Default)]
pub(super) struct FormerFiles(VecDeque<FormerFile>);

impl FormerFiles {
    /// Keeps a replaced file that has no name. Unless it `was_read` to its end before, the lines that are in it now may also be
    /// in the new file, so they are skipped; the same if all lines are identical. Answers whether the new file is too short
    /// to have them.
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
        if self.0.len() > MOST
            && let Some(FormerFile { path, .. }) = self.0.pop_front()
        {
            warn!(
                file = %path.display(),
                "the former file is not read any more, because {MOST} newer ones are: what its writer adds is lost"
            );
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
                    "it was replaced, but its writer still has the former file open. What it writes there is counted \
                     until this process ends, or nothing was written for an hour; after that it is lost. Let the writer \
                     open its log again, as nginx -s reopen does"
                );
            }
            more |= matches!(found, Ok(Found::Some));
            match found {
                Ok(Found::Some | Found::End) => true,
                Ok(Found::Truncated) => {
                    warn!(file = %path.display(), "the former file is not read any more, because it was truncated");
                    false
                }
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
