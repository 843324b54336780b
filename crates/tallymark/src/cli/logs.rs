//! What is wrong with the path of a log, as far as it shows before a daemon reads it.

use super::doctor::OtherUser;
use std::{fs, io, os::unix::fs::FileTypeExt, path::Path};
use tallymark_ingest::source::open_regular;
use tallymark_store::owner::{User, reading_hint, shell_word};

/// What is wrong, in words.
pub(super) enum LogTrouble {
    /// It may come later.
    Missing(String),
    /// There is something, and it is not a file.
    NotAFile(String),
    /// It is a file that the daemon cannot read.
    NotReadable(String),
}

impl LogTrouble {
    pub(super) fn text(self) -> String {
        match self {
            LogTrouble::Missing(text) | LogTrouble::NotAFile(text) | LogTrouble::NotReadable(text) => text,
        }
    }
}

/// `data_dir` belongs to the user of the daemon.
pub(super) fn trouble(log: &Path, data_dir: &Path) -> Option<LogTrouble> {
    let shown = log.display();
    let found = match fs::metadata(log) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Some(LogTrouble::Missing(format!(
                "there is no log {shown} yet; it is read as soon as it is there"
            )));
        }
        Err(error) => {
            return Some(LogTrouble::NotReadable(format!("{shown}: {error}{}", reading_hint(&error, log))));
        }
    };
    if !found.is_file() {
        return Some(LogTrouble::NotAFile(match () {
            () if found.is_dir() => {
                format!("{shown} is a directory, and a log is a file: name the file in it")
            }
            () if found.is_fifo() => format!(
                "{shown} is a named pipe, and a log is a file: what is in a pipe can be read only once. Write to a file, or \
                 send syslog (tallymark help syslog)"
            ),
            () if found.is_socket() => format!(
                "{shown} is a socket, and a log is a file: a daemon that listens on it has kind = \"unix\" (--syslog-unix {})",
                shell_word(log)
            ),
            () => format!("{shown} is a device, and a log is a file"),
        }));
    }
    match open_regular(log) {
        Err(error) => Some(LogTrouble::NotReadable(format!("{shown}: {error}{}", reading_hint(&error, log)))),
        // Root reads everything, and the daemon is seldom root.
        Ok(_) if User::current().is_some_and(|user| user.is_root()) => {
            let daemon = OtherUser::owner_of(data_dir).filter(|daemon| !daemon.may_read(log))?;
            Some(LogTrouble::NotReadable(format!(
                "{shown} cannot be read by {}, to whom {} belongs, unless its service has SupplementaryGroups: `tallymark \
                 help files` shows how to let it in",
                daemon.name,
                data_dir.display()
            )))
        }
        Ok(_) => None,
    }
}
