//! Small files that are either complete or absent, even if the process or the machine crashes.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::Path,
};

/// Replaces a file: writes a temporary one and renames it. It is on disk when this returns.
///
/// # Errors
///
/// The temporary file cannot be written, renamed or flushed. The old file is intact then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, bytes, 0o666)
}

/// The same for a file that only its owner may read.
///
/// # Errors
///
/// As for [`replace`].
pub fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, bytes, 0o600)
}

/// Makes an empty file for a database, so that others than its owner and group cannot read it; SQLite gives its other
/// files the same mode. Does nothing if it is there.
///
/// # Errors
///
/// It cannot be made.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    match fs::File::options().write(true).create_new(true).mode(0o640).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn replace_with(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(mode).open(&aside)?;
    give_to_owner(&file, path);
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&aside, path)
}

/// What root writes by hand belongs to the owner of the directory, who has to read and to replace it.
fn give_to_owner(file: &fs::File, path: &Path) {
    let Some(dir) = path.parent().and_then(|dir| fs::metadata(dir).ok()) else { return };
    if file.metadata().is_ok_and(|file| file.uid() == 0 && dir.uid() != 0) {
        // In a container the owner may be one whom it cannot name; then root runs the daemon too.
        let _ = fchown(file, Some(dir.uid()), Some(dir.gid()));
    }
}

/// Moves a file within its directory. On disk when this returns.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    fs::File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
}
