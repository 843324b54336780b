//! How far a directory of badges has followed the store's change log.
//!
//! The cursor is stored next to the badges, so several nginx hosts can each run their own publisher against one store.
//! It is written last, after every badge that it covers. Badges are not fsynced one by one, so after a power cut some
//! may be older than the cursor says. It contains the boot id, and is not trusted after another boot.

use std::{fs, io, path::Path, time::SystemTime};
use tallymark_badge::Look;
use tallymark_store::Cursor;

pub(crate) const FILE: &str = ".cursor";
const FORMAT: &str = "tallymark-cursor-1";

/// The kernel's id of this boot.
pub(crate) fn boot_id() -> String {
    // Without it (a kernel without /proc), every run counts as the same boot.
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// A line that changes whenever badges would be drawn differently: then every badge has to be redrawn.
pub(crate) fn look_identity(look: &Look) -> String {
    let mut picture = String::new();
    // A template that cannot draw this one was refused when it was loaded.
    let _ = look.draw("tallymark/look", 1_234_567, 89, &mut picture);
    format!("look-{:016x}", fingerprint(&picture))
}

/// FNV-1a: it only has to distinguish looks, and to stay the same across releases of the standard library.
pub(crate) fn fingerprint(picture: &str) -> u64 {
    picture
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The cursor, if there is one of this boot for badges of this look.
pub(crate) fn load(dir: &Path, look: &str) -> io::Result<Option<Cursor>> {
    let text = match fs::read_to_string(dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Not text: damaged, and a full pass makes a new one.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut lines = text.lines();
    let right =
        lines.next() == Some(FORMAT) && lines.next() == Some(&boot_id()) && lines.next() == Some(look);
    Ok(lines.next().filter(|_| right).and_then(|line| line.parse().ok()))
}

/// Replaces the cursor.
pub(crate) fn save(dir: &Path, look: &str, cursor: &Cursor) -> io::Result<()> {
    let text = format!("{FORMAT}\n{}\n{look}\n{cursor}\n", boot_id());
    let aside = dir.join(super::files::TMP).join(FILE);
    fs::write(&aside, text)?;
    fs::rename(&aside, dir.join(FILE))
}

/// Records on it when the last completed pass began.
pub(crate) fn mark(dir: &Path, began: SystemTime) -> io::Result<()> {
    fs::File::options().write(true).open(dir.join(FILE))?.set_modified(began)
}

/// What [`mark`] recorded, or when the cursor was written.
pub(crate) fn marked(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir.join(FILE)).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_comes_back_only_for_the_same_look_and_boot() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(crate::files::TMP)).unwrap();
        let cursor = Cursor { store: uuid::Uuid::new_v4(), run: String::new(), entry: "42".to_owned() };
        assert_eq!(load(dir.path(), "look").unwrap(), None);
        save(dir.path(), "look", &cursor).unwrap();
        assert_eq!(load(dir.path(), "look").unwrap(), Some(cursor));
        assert_eq!(load(dir.path(), "other").unwrap(), None);
        let path = dir.path().join(FILE);
        let rebooted = fs::read_to_string(&path).unwrap().replace(&boot_id(), "another-boot");
        fs::write(&path, rebooted).unwrap();
        assert_eq!(load(dir.path(), "look").unwrap(), None);
    }

    #[test]
    fn damaged_cursor_is_no_cursor() {
        let dir = tempfile::tempdir().unwrap();
        for damage in [&b""[..], b"tallymark-cursor-1\n", b"\xff\xfe", b"tallymark-cursor-9\n\n\n\n"] {
            fs::write(dir.path().join(FILE), damage).unwrap();
            assert_eq!(load(dir.path(), "look").unwrap(), None, "{damage:?}");
        }
    }
}
