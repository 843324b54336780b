//! The state directory of one daemon, with the identity under which its batches are numbered.

use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tallymark_store::{durable, owner};
use uuid::Uuid;

/// A state directory that no other process uses.
#[derive(Debug)]
pub struct DirLock {
    // Held as long as the process lives; the kernel releases it even after a kill -9.
    _file: fs::File,
}

/// The identity of a state directory. Batch numbers belong to it.
#[derive(Debug)]
pub struct Instance {
    pub(crate) id: Uuid,
    pub(crate) dir: PathBuf,
    _lock: DirLock,
}

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another daemon uses it.
    #[error("{0} is in use by another tallymark; stop it, or give this one a --data-dir of its own")]
    InUse(PathBuf),
    /// Another copy of its store runs.
    #[error("another `tallymark store copy` runs, or waits ({0} is locked): let it finish, or stop it")]
    Copied(PathBuf),
    /// The identity in it is invalid.
    #[error(
        "{0} does not hold an instance id; restore it from a backup, or delete it to start as a new instance"
    )]
    Damaged(PathBuf),
    /// There is a file with its name.
    #[error("the data directory {0} is a file, not a directory")]
    NotADirectory(PathBuf),
    /// The file system returned an error.
    #[error("{attempt} {path}: {error}{}", owner::hint(.error, .path))]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// The path.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
}

/// Names what failed.
fn io(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstanceError {
    let path = path.to_owned();
    move |error| InstanceError::Io { attempt, path, error }
}

impl DirLock {
    /// Creates the directory if need be, and locks it.
    ///
    /// # Errors
    ///
    /// The directory cannot be created or locked, or another process has it.
    pub fn take(dir: &Path) -> Result<DirLock, InstanceError> {
        match fs::create_dir_all(dir) {
            // The obstacle is at the end of the path, or above it.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) =>
            {
                let file = dir.ancestors().find(|path| path.exists()).unwrap_or(dir);
                return Err(InstanceError::NotADirectory(file.to_owned()));
            }
            made => made.map_err(io("creating the data directory", dir))?,
        }
        let lock_path = dir.join("lock");
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io("opening the lock file", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(DirLock { _file: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(InstanceError::InUse(dir.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(io("locking", &lock_path)(error)),
        }
    }
}

impl Instance {
    /// The name of the file with the identity.
    pub const FILE: &str = "instance";

    /// Whether a daemon has this state directory at the moment.
    #[must_use]
    pub fn is_running(dir: &Path) -> bool {
        let lock = fs::File::open(dir.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Opens the state directory, creating it and its identity if need be, and locks it.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, written or locked, or another process has it.
    pub fn open(dir: &Path) -> Result<Instance, InstanceError> {
        let lock = DirLock::take(dir)?;
        let id_path = dir.join(Instance::FILE);
        let id = match fs::read_to_string(&id_path) {
            Ok(text) => text.trim().parse().map_err(|_| InstanceError::Damaged(id_path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_id(&id_path).map_err(io("writing", &id_path))?
            }
            Err(error) => return Err(io("reading", &id_path)(error)),
        };
        Ok(Instance { id, dir: dir.to_owned(), _lock: lock })
    }

    /// The identity of the data directory.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }
}

/// Half an id would be a damaged directory.
fn create_id(path: &Path) -> io::Result<Uuid> {
    let id = Uuid::new_v4();
    durable::replace(path, format!("{id}\n").as_bytes())?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_daemon_on_a_data_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = Instance::open(dir.path()).unwrap();
        assert!(matches!(Instance::open(dir.path()), Err(InstanceError::InUse(_))));
        let id = first.id;
        drop(first);
        assert_eq!(Instance::open(dir.path()).unwrap().id, id);
    }

    #[test]
    fn damaged_identity_is_an_error_and_not_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("instance"), "").unwrap();
        assert!(matches!(Instance::open(dir.path()), Err(InstanceError::Damaged(_))));
    }
}
