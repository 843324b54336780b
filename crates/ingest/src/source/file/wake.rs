//! Wakes the thread of a log on file system events. A check every second finds all changes; this only finds them
//! sooner, so nothing is missed if there are no events (NFS, a full queue, no watches left).

use super::names::belongs;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use std::{
    ffi::OsString,
    fs,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::debug;

/// A pipe that can be read once something has happened to one file of a directory.
pub(super) struct Wake {
    log: PathBuf,
    reader: PipeReader,
    bell: Bell,
    watcher: Option<RecommendedWatcher>,
    /// The directory that is watched. It may have been renamed since, and be another one now.
    watched: Option<(u64, u64)>,
}

#[derive(Clone)]
struct Bell {
    name: OsString,
    rung: Arc<AtomicBool>,
    writer: Arc<PipeWriter>,
}

impl Wake {
    pub(super) fn new(log: &Path) -> io::Result<Wake> {
        let (reader, writer) = io::pipe()?;
        let name = log.file_name().unwrap_or_default().to_owned();
        let bell = Bell { name, rung: Arc::default(), writer: Arc::new(writer) };
        let mut wake = Wake { log: log.to_owned(), reader, bell, watcher: None, watched: None };
        wake.watch();
        Ok(wake)
    }

    /// Watches the directory, if it is not that one already.
    pub(super) fn watch(&mut self) {
        let Some(dir) = self.log.parent() else { return };
        let there = fs::metadata(dir).ok().map(|dir| (dir.dev(), dir.ino()));
        if there == self.watched {
            return;
        }
        // Dropping the old watcher ends it.
        self.watcher = None;
        self.watched = there;
        if there.is_none() {
            return;
        }
        let bell = self.bell.clone();
        let heard = move |event: notify::Result<Event>| match event {
            Ok(event) if !bell.concerns(&event) => {}
            _ => bell.ring(),
        };
        let watcher = notify::recommended_watcher(heard)
            .and_then(|mut watcher| watcher.watch(dir, RecursiveMode::NonRecursive).map(|()| watcher));
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => debug!(dir = %dir.display(), %error, "no events; looking every second"),
        }
    }

    /// Can be read when something has happened.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Hears what has happened up to now, so that only later events wake again. Look at the files after it.
    pub(super) fn clear(&mut self) {
        if self.bell.rung.load(Ordering::Acquire) {
            // The byte is there, or about to be.
            let _ = self.reader.read(&mut [0]);
            self.bell.rung.store(false, Ordering::Release);
        }
    }
}

impl Bell {
    fn concerns(&self, event: &Event) -> bool {
        let kind = match event.kind {
            // Reading the file is an event too, and must not cause the next read.
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            _ => true,
        };
        let name =
            || event.paths.iter().filter_map(|path| path.file_name()).any(|name| belongs(&self.name, name));
        event.need_rescan() || (kind && name())
    }

    /// One byte in the pipe is enough, however much happens.
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            let _ = (&*self.writer).write(b"x");
        }
    }
}
