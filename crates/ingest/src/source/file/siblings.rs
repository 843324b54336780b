//! The files a log may have been rotated into, found by name in its directory and put into their order.
//!
//! `access.log.1`, `access.log.2.gz`, `access.log-20261120`, `access-20261120.log.gz`: what stands in the place of the
//! number or date says which is older. All are opened at once, so that a rotation in the middle of the search moves
//! names and not files.

use super::mark::{Identity, mtime};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// How many rotated files are looked at. logrotate keeps a year of days as 365.
const MOST: usize = 1000;
/// How often a directory is read again that changes while it is read.
const ATTEMPTS: usize = 5;

/// The kind of error that a FIFO, device, socket or directory is.
pub(super) const NOT_REGULAR: io::ErrorKind = io::ErrorKind::InvalidInput;

/// One file, open.
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) identity: Identity,
    pub(super) mtime: u64,
}

/// What stands in the place of a rotation's number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    /// 1 is the newest.
    Number(u32),
    /// The last is the newest.
    Date(String),
    /// A file that somebody named by hand.
    Other,
}

/// Everything that belongs to a log at one moment.
#[derive(Default)]
pub(super) struct Siblings {
    /// The file at the path itself.
    pub(super) live: Option<Sibling>,
    /// What a rotation has put aside, the oldest first.
    pub(super) rotated: Vec<Sibling>,
    /// Other files that begin with the log's name. One may be the log under another name, but none is taken for a
    /// generation that was missed.
    pub(super) others: Vec<Sibling>,
    /// Files that could not be opened.
    pub(super) troubles: Vec<String>,
}

/// Opens a regular file for reading. Anything else is refused: opening a FIFO could wait for ever, and what is in a
/// device cannot be read twice.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let refused = || io::Error::new(NOT_REGULAR, "not a regular file");
    if !fs::metadata(path)?.is_file() {
        return Err(refused());
    }
    // It may be another by now.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused()) }
}

impl Siblings {
    /// Finds and opens them all. The directory itself may be missing; then there are none.
    pub(super) fn find(log: &Path) -> io::Result<Siblings> {
        let mut before = list(log)?;
        for _ in 0..ATTEMPTS {
            let found = open_all(log, &before);
            let after = list(log)?;
            if before == after {
                return Ok(found);
            }
            before = after;
        }
        // What is missing in a list that is not whole would be taken for a file that is gone.
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "files are being renamed beside it"))
    }

    /// Every file, the rotated ones first and from the oldest on.
    pub(super) fn all(&self) -> impl Iterator<Item = &Sibling> {
        self.rotated.iter().chain(&self.others).chain(&self.live)
    }

    /// Takes out the rotated files that are newer than the given one, from the oldest on. `None` if it is not here.
    pub(super) fn newer_than(&mut self, identity: &Identity) -> Option<Vec<Sibling>> {
        if let Some(at) = self.rotated.iter().position(|sibling| sibling.identity.is(identity)) {
            return Some(self.rotated.split_off(at + 1));
        }
        let other = self.others.iter().find(|sibling| sibling.identity.is(identity))?.mtime;
        Some(self.rotated.extract_if(.., |sibling| sibling.mtime > other).collect())
    }

    /// Takes out the rotated files that were made and written after `mtime`: the generations that surely came after a
    /// file that cannot be found any more. (A gzip is made later than what is in it, but keeps the time of its last write.)
    pub(super) fn made_after(&mut self, time: u64) -> Vec<Sibling> {
        let after = |sibling: &mut Sibling| {
            sibling.mtime > time && (sibling.identity.born > time || sibling.identity.born == 0)
        };
        self.rotated.extract_if(.., after).collect()
    }
}

/// `time` as a file tells it whose time of the last write is `mtime`: gzip may keep whole seconds only.
pub(super) fn as_exact_as(mtime: u64, time: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    if mtime.is_multiple_of(SECOND) { time / SECOND * SECOND } else { time }
}

/// Names and inodes, so that two lists can be compared.
fn list(log: &Path) -> io::Result<BTreeMap<PathBuf, (u64, u64, Suffix)>> {
    let (Some(name), Some(dir)) = (log.file_name(), log.parent()) else { return Ok(BTreeMap::new()) };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let of_log = entry.file_name() == name;
        let suffix = suffix(name, &entry.file_name());
        if (of_log || suffix.is_some())
            && found.len() < MOST
            && let Ok(metadata) = fs::metadata(entry.path())
        {
            found.insert(entry.path(), (metadata.dev(), metadata.ino(), suffix.unwrap_or(Suffix::Other)));
        }
    }
    // gzip writes the new file first, then removes the old one: as long as both are there, the old one is whole.
    let compressed = |path: &Path| path.extension() == Some(OsStr::new("gz"));
    let plain: Vec<PathBuf> = found.keys().filter(|path| !compressed(path)).cloned().collect();
    found.retain(|path, _| !compressed(path) || !plain.contains(&path.with_extension("")));
    Ok(found)
}

fn open_all(log: &Path, names: &BTreeMap<PathBuf, (u64, u64, Suffix)>) -> Siblings {
    let mut siblings = Siblings::default();
    let mut dated: Vec<(Suffix, Sibling)> = Vec::new();
    // The log itself first: a dated file that it is a link to is not one more.
    let live = names.get_key_value(log);
    for (path, (_, _, suffix)) in live.into_iter().chain(names.iter().filter(|(path, _)| *path != log)) {
        let sibling = match Sibling::open(path) {
            Ok(sibling) => sibling,
            // A directory beside the log may have any name; a FIFO in its place is worth a word.
            Err(error) if error.kind() == NOT_REGULAR && path != log => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                siblings.troubles.push(format!("opening {}: {error}", path.display()));
                continue;
            }
        };
        let again = |known: &Sibling| known.identity.is(&sibling.identity);
        if siblings.all().any(again) || dated.iter().any(|(_, known)| again(known)) {
            continue;
        }
        match suffix {
            _ if path == log => siblings.live = Some(sibling),
            Suffix::Other => siblings.others.push(sibling),
            suffix => dated.push((suffix.clone(), sibling)),
        }
    }
    let numbers = dated.iter().all(|(suffix, _)| matches!(suffix, Suffix::Number(_)));
    let dates = dated.iter().all(|(suffix, _)| matches!(suffix, Suffix::Date(_)));
    dated.sort_by(|(a, one), (b, other)| match (numbers, dates) {
        (true, _) => b.cmp(a),
        (_, true) => a.cmp(b),
        // Two ways of rotating have met here; the last writes have an order too.
        _ => (one.mtime, one.identity.born).cmp(&(other.mtime, other.identity.born)),
    });
    siblings.rotated = dated.into_iter().map(|(_, sibling)| sibling).collect();
    siblings
}

impl Sibling {
    fn open(path: &Path) -> io::Result<Sibling> {
        let file = open_regular(path)?;
        let metadata = file.metadata()?;
        Ok(Sibling {
            path: path.to_owned(),
            file,
            identity: Identity::of(&metadata),
            mtime: mtime(&metadata),
        })
    }
}

/// What `name` has that the log's name has not, if it is one of its files.
fn suffix(log: &OsStr, name: &OsStr) -> Option<Suffix> {
    let (log, name) = (log.to_str()?, name.to_str()?);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    if name == log {
        // `access.log.gz`, packed by hand.
        return Some(Suffix::Other);
    }
    if let Some(rest) = name.strip_prefix(log).filter(|rest| rest.starts_with(['.', '-', '_', '~'])) {
        return Some(kind(&rest[1..]).unwrap_or(Suffix::Other));
    }
    // logrotate's `extension .log` puts the date before it.
    let (stem, extension) = log.rsplit_once('.')?;
    let middle = name.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
    let middle = middle.strip_prefix(['.', '-', '_'])?;
    kind(middle).filter(|kind| matches!(kind, Suffix::Date(_)))
}

fn kind(text: &str) -> Option<Suffix> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits == text.len() && (1..=5).contains(&digits) {
        return text.parse().ok().map(Suffix::Number);
    }
    let dated = digits >= 6 && text.bytes().all(|b| b.is_ascii_digit() || b"-_.:T".contains(&b));
    dated.then(|| Suffix::Date(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_are_known() {
        let date = |text: &str| Some(Suffix::Date(text.to_owned()));
        for (name, expect) in [
            ("access.log.1", Some(Suffix::Number(1))),
            ("access.log.12.gz", Some(Suffix::Number(12))),
            ("access.log-20261120", date("20261120")),
            ("access.log-2026-11-20_03.gz", date("2026-11-20_03")),
            ("access.log-1795176030", date("1795176030")),
            ("access-20261120.log.gz", date("20261120")),
            ("access.log.gz", Some(Suffix::Other)),
            ("access.log.old", Some(Suffix::Other)),
            ("access.log~", Some(Suffix::Other)),
            ("access.log2", None),
            ("access-2.log", None),
            ("access.logs.1", None),
            ("other.log.1", None),
            ("error.log", None),
        ] {
            assert_eq!(suffix(OsStr::new("access.log"), OsStr::new(name)), expect, "{name}");
        }
    }

    #[test]
    fn files_come_from_the_oldest_on_and_a_packed_one_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a.log");
        for name in ["a.log", "a.log.1", "a.log.2", "a.log.2.gz", "a.log.10", "a.log.old", "b.log.1"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(&log, dir.path().join("a.log.3")).unwrap();
        fs::create_dir(dir.path().join("a.log.4")).unwrap();
        let found = Siblings::find(&log).unwrap();
        let names: Vec<_> = found.all().map(|s| s.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.log.10", "a.log.2", "a.log.1", "a.log.old", "a.log"]);
        assert!(found.troubles.is_empty());
    }
}
