//! Small files that are there whole or not at all, whatever ends the process or the machine.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Replaces a file by what is written aside and renamed. On disk when this returns.
///
/// # Errors
///
/// The file cannot be written aside, renamed or flushed. The old one is whole then.
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

fn replace_with(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(mode).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&aside, path)
}

/// Moves a file within its directory. On disk when this returns.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    fs::File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
}
