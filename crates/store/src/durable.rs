//! Small files that are there whole or not at all, whatever ends the process or the machine.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Replaces a file by what is written aside and renamed. On disk when this returns.
///
/// # Errors
///
/// The file cannot be written aside, renamed or flushed. The old one is whole then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
