//! How a copy of a store and the daemons of a data directory find each other: by two locks in the directory.
//!
//! A copy holds one as long as it runs. A daemon that is to count into the new store, and starts before the copy is done,
//! holds the other one and waits. By that the copy knows that the old daemon has been stopped for good, and copies the
//! rest. The kernel releases both, even after a kill -9.

use crate::InstanceError;
use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

const COPYING: &str = "copy.lock";
const WAITING: &str = "copy.waiting";

/// A copy of the store of a data directory is running.
#[derive(Debug)]
pub struct StoreCopying {
    _file: File,
}

/// A daemon waits for its end.
#[derive(Debug)]
pub struct WaitingDaemon {
    _file: File,
}

fn lock(path: &Path) -> Result<File, InstanceError> {
    let io = |attempt| move |error: io::Error| InstanceError::Io { attempt, path: path.to_owned(), error };
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(io("opening the lock file"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InstanceError::Copied(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(io("locking")(error)),
    }
}

fn is_locked(path: &Path) -> bool {
    let file = File::open(path);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl StoreCopying {
    /// Says that a copy runs.
    ///
    /// # Errors
    ///
    /// Another one does, or the directory cannot be written.
    pub fn begin(dir: &Path) -> Result<StoreCopying, InstanceError> {
        let path = dir.join(COPYING);
        Ok(StoreCopying { _file: lock(&path)? })
    }

    /// Whether one runs.
    #[must_use]
    pub fn is_running(dir: &Path) -> bool {
        is_locked(&dir.join(COPYING))
    }
}

impl WaitingDaemon {
    /// Says that a daemon waits; `None` if another one does already.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn begin(dir: &Path) -> Result<Option<WaitingDaemon>, InstanceError> {
        let path = dir.join(WAITING);
        match lock(&path) {
            Ok(file) => Ok(Some(WaitingDaemon { _file: file })),
            Err(InstanceError::Copied(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether one waits.
    #[must_use]
    pub fn is_there(dir: &Path) -> bool {
        is_locked(&dir.join(WAITING))
    }
}
