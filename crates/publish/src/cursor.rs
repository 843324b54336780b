//! How far a directory of badges has followed the store's log of changes.
//!
//! The cursor lies beside the badges, so several nginx hosts can each run a publisher of their own against one store.
//! It is written last, after every badge it stands for. Badges are not fsynced one by one, so after a power cut some may
//! be older than the cursor says: it carries the boot id, and under another boot it is not believed.

use std::{fs, io, path::Path, time::SystemTime};
use tallymark_badge::Look;
use tallymark_store::Cursor;

pub(crate) const FILE: &str = ".cursor";
const FORMAT: &str = "tallymark-cursor-1";

/// What the kernel calls this boot.
pub(crate) fn boot_id() -> String {
    // Without it (a kernel without /proc), every run counts as the same boot.
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// A line that is another one whenever badges would be drawn differently: then every badge has to be.
pub(crate) fn look_identity(look: &Look) -> String {
    let mut picture = String::new();
    // A template that cannot draw this one was refused when it was loaded.
    let _ = look.draw("tallymark/look", 1_234_567, 89, &mut picture);
    // FNV-1a: only has to tell one look from the next, and to stay the same over releases of the standard library.
    let hash = picture.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("look-{hash:016x}")
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

/// Notes on it when a pass began that has gone through.
pub(crate) fn mark(dir: &Path, began: SystemTime) -> io::Result<()> {
    fs::File::options().write(true).open(dir.join(FILE))?.set_modified(began)
}

/// What [`mark`] has noted, or when the cursor was written.
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
