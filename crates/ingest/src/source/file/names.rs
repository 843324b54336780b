//! The files into which a log may have been rotated, found by name in its directory and put in order.
//!
//! `access.log.1`, `access.log.2.gz`, `access.log-20261120`, `access-20261120.log.gz`: the number or date says which is
//! older. A file that is recognised by its inode or its content leads to others with a name like it. Nothing is opened
//! here, and there can be any number of files; [`super::strays`] opens some that cannot be found by name.

use super::family::Family;
use super::record::{FileRecord, Identity, Key, mtime};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::{self, DirEntry, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{DirEntryExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// How often a directory is read again that changes while it is read.
const ATTEMPTS: usize = 5;
/// What a packer appends.
const PACKED: [&str; 4] = [".gz", ".xz", ".bz2", ".zst"];

/// The kind of error that a FIFO, device, socket or directory is.
const NOT_REGULAR: io::ErrorKind = io::ErrorKind::InvalidInput;

/// What a file is to the log, by its name. The order is that of generations where all are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// 1 is the newest.
    Number(u32),
    /// The last is the newest.
    Date(String),
    /// Where the log was, in another directory: a link has led there.
    Former,
    /// At the log's own path.
    Live,
    /// Named by hand. It may be the log under another name, but it is never treated as a generation that was missed.
    Other,
}

/// One file next to the log, as found by a look.
#[derive(Clone, Debug)]
pub(super) struct SeenFile {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) length: u64,
    pub(super) mtime: u64,
    pub(super) rank: Rank,
}

impl SeenFile {
    fn of(path: PathBuf, metadata: &Metadata, rank: Rank) -> SeenFile {
        let (identity, length) = (Identity::of(metadata), metadata.len());
        SeenFile { path, identity, length, mtime: mtime(metadata), rank }
    }

    pub(super) fn is_live(&self) -> bool {
        self.rank == Rank::Live
    }

    /// Whether it is a rotated file.
    pub(super) fn is_generation(&self) -> bool {
        !matches!(self.rank, Rank::Live | Rank::Other)
    }

    /// Whether it is what the record last saw.
    pub(super) fn is_unchanged(&self, record: &FileRecord) -> bool {
        self.length == record.length && self.mtime == record.mtime
    }
}

/// `time` as a file tells it whose time of the last write is `mtime`: a packer may keep whole seconds only.
pub(super) fn as_exact_as(mtime: u64, time: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    if mtime.is_multiple_of(SECOND) { time / SECOND * SECOND } else { time }
}

/// Opens a regular file for reading. Anything else is refused: opening a FIFO could wait forever, and the contents of a
/// device cannot be read twice.
///
/// # Errors
///
/// It is no file, or cannot be opened.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let refused = || io::Error::new(NOT_REGULAR, "not a regular file");
    if !fs::metadata(path)?.is_file() {
        return Err(refused());
    }
    // It may be another by now.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused()) }
}

/// What is known of a log's files.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    /// Paths that belong to it, whatever their names are.
    pub(super) paths: Vec<PathBuf>,
    /// See [`Identity::inode`].
    pub(super) inodes: BTreeSet<(u64, u64)>,
    /// Those of copies among them.
    pub(super) copies: BTreeSet<(u64, u64)>,
    /// Files that other logs have. They are left out, whatever they are called.
    pub(super) foreign: BTreeSet<Key>,
}

impl KnownFiles {
    fn is_foreign(&self, file: &Metadata) -> bool {
        self.foreign.contains(&Identity::of(file).key())
    }
}

type Listing = BTreeMap<PathBuf, (Metadata, Rank)>;

/// Every file of the log, each once: the rotated ones from the oldest on, then the log, then the others.
pub(super) fn list(log: &Path, known: &KnownFiles) -> io::Result<Vec<SeenFile>> {
    let mut before = names(log, known)?;
    for _ in 0..ATTEMPTS {
        let after = names(log, known)?;
        let inodes = |found: &Listing| -> Vec<(PathBuf, u64)> {
            found.iter().map(|(path, (file, _))| (path.clone(), file.ino())).collect()
        };
        if inodes(&before) == inodes(&after) {
            return Ok(ordered(after));
        }
        before = after;
    }
    // A file missing from an incomplete list would be treated as gone.
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "files next to it are being renamed"))
}

fn names(log: &Path, known: &KnownFiles) -> io::Result<Listing> {
    let bases = paths_of(log);
    let bases: Vec<&Path> = bases.iter().map(PathBuf::as_path).collect();
    let here: BTreeSet<&Path> = bases.iter().filter_map(|base| base.parent()).collect();
    let mut found = Listing::new();
    for path in known.paths.iter().filter(|path| path.as_path() != log) {
        look(&mut found, known, path, Rank::Other, true)?;
    }
    elsewhere(&mut found, &bases, &here, known)?;
    for dir in &here {
        let entries = entries(dir)?;
        let families = families(&mut found, dir, &entries, &bases, known)?;
        for entry in entries {
            let name = entry.file_name();
            let shape = || same_shape(bases.get(1)?.file_name()?, &name);
            let relative = || families.iter().find_map(|family| family.rank(&name));
            let rank = rank_of_any(&bases, &name);
            let better = (!is_generation(rank.as_ref())).then(|| shape().or_else(relative)).flatten();
            if let Some(rank) = better.or(rank) {
                look(&mut found, known, &entry.path(), rank, false)?;
            }
        }
    }
    look(&mut found, known, log, Rank::Live, true)?;
    // A packer writes the new file first, then removes the old one: as long as both are there, the old one is whole.
    let plain: Vec<PathBuf> = found.keys().filter(|path| unpacked(path).is_none()).cloned().collect();
    found.retain(|path, _| unpacked(path).is_none_or(|path| plain.binary_search(&path).is_err()));
    Ok(found)
}

/// Files whose names say nothing, and that are known: `access-1.log` may be another log, until one of its kind has an inode
/// or a content of this one. Answers what others must be called to be of the same kind. A copy proves nothing.
fn families(
    found: &mut Listing,
    dir: &Path,
    entries: &[DirEntry],
    bases: &[&Path],
    known: &KnownFiles,
) -> io::Result<Vec<Family>> {
    let inodes: BTreeSet<u64> = known.inodes.iter().map(|(inode, _)| *inode).collect();
    for entry in entries.iter().filter(|entry| inodes.contains(&entry.ino())) {
        let is_known = |file: &Metadata| known.inodes.contains(&Identity::of(file).inode());
        if rank_of_any(bases, &entry.file_name()).is_none()
            && entry.metadata().is_ok_and(|file| is_known(&file))
        {
            look(found, known, &entry.path(), Rank::Other, false)?;
        }
    }
    let family = |(path, (file, _)): (&PathBuf, &(Metadata, Rank))| {
        let is_copy = known.copies.contains(&Identity::of(file).inode());
        let name = path.file_name().filter(|_| path.parent() == Some(dir) && !is_copy)?;
        let plain = !is_generation(rank_of_any(bases, name).as_ref());
        plain.then(|| bases.iter().find_map(|base| Family::of(base.file_name()?, name)))?
    };
    Ok(found.iter().filter_map(family).collect())
}

fn is_generation(rank: Option<&Rank>) -> bool {
    rank.is_some_and(|rank| *rank != Rank::Other)
}

fn look(found: &mut Listing, known: &KnownFiles, path: &Path, rank: Rank, is_needed: bool) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(file) if known.is_foreign(&file) => {}
        Ok(file) if file.is_file() => drop(found.insert(path.to_owned(), (file, rank))),
        Ok(_) if rank == Rank::Live => return Err(io::Error::new(NOT_REGULAR, "not a regular file")),
        Err(error) if is_needed && !is_missing(&error) => {
            let path = path.display();
            return Err(io::Error::new(error.kind(), format!("looking at {path}: {error}")));
        }
        _ => {}
    }
    Ok(())
}

/// Files of the log in other directories: to which a link has led before, and to which rotated files are moved. A
/// sibling directory may have another log with the same name, so only a known file leads there.
fn elsewhere(
    found: &mut Listing,
    bases: &[&Path],
    here: &BTreeSet<&Path>,
    known: &KnownFiles,
) -> io::Result<()> {
    let known_dirs: BTreeSet<&Path> = known.paths.iter().filter_map(|path| path.parent()).collect();
    for dir in known_dirs.difference(here) {
        for entry in entries(dir)? {
            let (path, name) = (entry.path(), entry.file_name());
            let was_log =
                || bases.iter().any(|base| base.file_name() == Some(&name)) && found.contains_key(&path);
            match rank_of_any(bases, &name) {
                Some(Rank::Other) if was_log() => look(found, known, &path, Rank::Former, false)?,
                Some(rank) => look(found, known, &path, rank, false)?,
                None => {}
            }
        }
    }
    for dir in here.iter().flat_map(|dir| entries(dir).unwrap_or_default()) {
        let is_dir = dir.file_type().is_ok_and(|kind| kind.is_dir()) && !known_dirs.contains(&*dir.path());
        for entry in is_dir.then(|| entries(&dir.path()).unwrap_or_default()).into_iter().flatten() {
            let inode = || Some(Identity::of(&entry.metadata().ok()?).inode());
            if rank_of_any(bases, &entry.file_name()).is_some()
                && inode().is_some_and(|inode| known.inodes.contains(&inode))
            {
                look(found, known, &entry.path(), Rank::Other, false)?;
            }
        }
    }
    Ok(())
}

fn rank_of_any(bases: &[&Path], name: &OsStr) -> Option<Rank> {
    bases.iter().find_map(|base| rank(base.file_name()?, name))
}

/// What a directory has; nothing, if it is not there.
fn entries(dir: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(dir) {
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A name without what a packer appends.
pub(super) fn without_packer(name: &str) -> &str {
    PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// The name that a packed file had before.
pub(super) fn unpacked(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let name = PACKED.iter().find_map(|end| name.strip_suffix(end))?;
    Some(path.with_file_name(name))
}

/// What a file may be called, packed or not.
pub(super) fn packed_or_not(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let plain = path.as_os_str().to_owned();
    let packed = move |end: &&str| {
        let mut name = plain.clone();
        name.push(end);
        PathBuf::from(name)
    };
    [""].iter().chain(&PACKED).map(packed)
}

fn ordered(found: Listing) -> Vec<SeenFile> {
    let mut files: Vec<SeenFile> =
        found.into_iter().map(|(path, (file, rank))| SeenFile::of(path, &file, rank)).collect();
    // One file under two names is the log before anything else.
    files.sort_by_key(|file| (file.identity.inode(), !file.is_live(), file.rank == Rank::Other));
    files.dedup_by(|one, other| one.identity.is(&other.identity));
    // A link leads to another file tomorrow; what was read is the file.
    for live in files.iter_mut().filter(|file| file.is_live()) {
        live.path = real_path(&live.path);
    }
    let rotated = |file: &&SeenFile| matches!(file.rank, Rank::Number(_) | Rank::Date(_) | Rank::Former);
    let numbers = files.iter().filter(rotated).all(|file| matches!(file.rank, Rank::Number(_)));
    let dates = files.iter().filter(rotated).all(|file| matches!(file.rank, Rank::Date(_)));
    let class = |file: &SeenFile| match file.rank {
        Rank::Number(_) | Rank::Date(_) | Rank::Former => 0,
        Rank::Live => 1,
        Rank::Other => 2,
    };
    files.sort_by(|a, b| {
        let within = match (numbers, dates) {
            (true, _) => b.rank.cmp(&a.rank),
            (_, true) => a.rank.cmp(&b.rank),
            // Two ways of rotating have met here; the last writes have an order too.
            _ => (a.mtime, a.identity.born).cmp(&(b.mtime, b.identity.born)),
        };
        class(a).cmp(&class(b)).then(within)
    });
    files
}

/// Where a path leads: without links, `.` and `..`, as far as it exists. What a link leads to need not exist.
#[must_use]
pub fn real_path(path: &Path) -> PathBuf {
    /// As many as the kernel follows.
    const MOST_LINKS: usize = 40;
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..MOST_LINKS {
        if let Ok(real) = fs::canonicalize(&path) {
            return real;
        }
        let Some((dir, name)) = path.parent().zip(path.file_name()) else { break };
        path = real_path(dir).join(name);
        match fs::read_link(&path) {
            Ok(target) => path = path.with_file_name("").join(target),
            Err(_) => break,
        }
    }
    path
}

/// The path of a log, and where it leads if it is a link, both without links in their directories: so a file has one path,
/// whichever way leads to it.
pub(super) fn paths_of(log: &Path) -> Vec<PathBuf> {
    let beside = log.parent().map(real_path).zip(log.file_name()).map(|(dir, name)| dir.join(name));
    let mut paths: Vec<PathBuf> = beside.into_iter().chain([real_path(log)]).collect();
    paths.dedup();
    paths
}

/// Whether a file is at this place, or lies there and is named like one of its generations.
pub(super) fn is_at(place: &Path, file: &Path) -> bool {
    let is_rotated = || is_generation(rank_of_any(&[place], file.file_name()?).as_ref()).then_some(());
    file == place || file.parent() == place.parent() && is_rotated().is_some()
}

/// Whether a file is a log, by whatever path, or is next to it and named like one of its rotated files.
#[must_use]
pub fn is_of_log(log: &Path, file: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let dir = |path: &Path| real(std::path::absolute(path).ok()?.parent()?);
    let is_log = || real(log).is_some() && real(log) == real(file);
    let is_rotated = || dir(log).is_some() && dir(log) == dir(file) && is_rotated_name(log, file);
    is_log() || is_rotated()
}

/// Whether a file is named like one of the rotated files of a log, wherever both are.
#[must_use]
pub fn is_rotated_name(log: &Path, file: &Path) -> bool {
    log.file_name().zip(file.file_name()).is_some_and(|(log, name)| belongs(log, name))
}

/// Whether a file of this name may belong to the log.
pub(super) fn belongs(log: &OsStr, name: &OsStr) -> bool {
    rank(log, name).is_some()
}

/// What `name` has that the log's name has not, if it is one of its files.
fn rank(log: &OsStr, name: &OsStr) -> Option<Rank> {
    let (log, name) = (log.to_str()?, name.to_str()?);
    let plain = without_packer(name);
    if plain == log {
        // `access.log.gz`, packed by hand. The log itself is found by its path.
        return Some(Rank::Other);
    }
    // svlogd and multilog: the file they write is `current`, and the others have a TAI64N time.
    if log == "current"
        && let Some(time) = plain.strip_prefix('@')
    {
        let time = time.strip_suffix(".s").or_else(|| time.strip_suffix(".u")).unwrap_or(time);
        let hex = time.len() == 24 && time.bytes().all(|b| b.is_ascii_hexdigit());
        return hex.then(|| Rank::Date(time.to_owned()));
    }
    if let Some(rest) = plain.strip_prefix(log).filter(|rest| rest.starts_with(['.', '-', '_', '~'])) {
        return Some(kind(&rest[1..]).unwrap_or(Rank::Other));
    }
    let dated = |text: &str| kind(text).filter(|kind| matches!(kind, Rank::Date(_)));
    if let Some(before) = plain.strip_suffix(log).and_then(|before| before.strip_suffix(['.', '-', '_'])) {
        return dated(before);
    }
    // logrotate's `extension .log` and lumberjack put what tells them apart before it.
    let (stem, extension) = log.rsplit_once('.')?;
    let middle = plain.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
    if let Some(number) = middle.strip_prefix('.').and_then(kind) {
        return Some(number);
    }
    let time = middle.strip_prefix(['.', '-', '_'])?;
    // timberjack, in newer versions of Caddy, appends why it has rotated: `-size`, `-time`.
    let is_word = |why: &str| !why.is_empty() && why.bytes().all(|byte| byte.is_ascii_lowercase());
    dated(time.rsplit_once('-').filter(|(_, why)| is_word(why)).map_or(time, |(time, _)| time))
}

/// What a number or a date in a name says.
pub(super) fn kind(text: &str) -> Option<Rank> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits == text.len() && (1..=5).contains(&digits) {
        return text.parse().ok().map(Rank::Number);
    }
    let dated = digits >= 6 && text.bytes().all(|b| b.is_ascii_digit() || b"-_.:+TZ".contains(&b));
    dated.then(|| Rank::Date(text.to_owned()))
}

/// A link leads to a file with a date in its name, as rotatelogs and cronolog make them: those of other dates belong to it.
fn same_shape(target: &OsStr, name: &OsStr) -> Option<Rank> {
    let (target, name) = (target.to_str()?, name.to_str()?);
    let plain = without_packer(name);
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let dated = target.bytes().filter(u8::is_ascii_digit).count() >= 6;
    (dated && shape(target) == shape(plain)).then(|| Rank::Date(plain.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_are_known() {
        let date = |text: &str| Some(Rank::Date(text.to_owned()));
        for (name, expect) in [
            ("access.log.1", Some(Rank::Number(1))),
            ("access.log.12.gz", Some(Rank::Number(12))),
            ("access.log.12.zst", Some(Rank::Number(12))),
            ("access.log-20261120", date("20261120")),
            ("access.log-2026-11-20_03.gz", date("2026-11-20_03")),
            ("access.log-1795176030", date("1795176030")),
            ("access-20261120.log.gz", date("20261120")),
            ("access-2026-11-20T03-59-49.123.log", date("2026-11-20T03-59-49.123")),
            ("access-2026-11-20T03-59-49.123-size.log.gz", date("2026-11-20T03-59-49.123")),
            ("access.1.log", Some(Rank::Number(1))),
            ("access.12.log.gz", Some(Rank::Number(12))),
            ("access.20261120.log", date("20261120")),
            ("20261120-access.log", date("20261120")),
            ("access.log.0", Some(Rank::Number(0))),
            ("access.log.0.bz2", Some(Rank::Number(0))),
            ("access.log-2026112003", date("2026112003")),
            ("access.log.20261120T000000.gz", date("20261120T000000")),
            ("error-access.log", None),
            ("access-error.log", None),
            ("access.log.gz", Some(Rank::Other)),
            ("access.log.old", Some(Rank::Other)),
            ("access.log~", Some(Rank::Other)),
            ("access.log2", None),
            ("access-2.log", None),
            ("access.logs.1", None),
            ("other.log.1", None),
            ("error.log", None),
        ] {
            assert_eq!(rank(OsStr::new("access.log"), OsStr::new(name)), expect, "{name}");
        }
        let current = OsStr::new("current");
        assert_eq!(
            rank(current, OsStr::new("@40000000692a1f0c12345678.s")),
            date("40000000692a1f0c12345678")
        );
        assert_eq!(rank(current, OsStr::new("@4000.s")), None);
    }

    #[test]
    fn files_of_a_log_are_known_by_their_paths() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a.log", "a.log.1", "b.log"] {
            fs::write(path(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(path("a.log"), path("link")).unwrap();
        for (file, is) in
            [("a.log", true), ("link", true), ("a.log.1", true), ("a.log.2.gz", true), ("b.log", false)]
        {
            assert_eq!(is_of_log(&path("a.log"), &path(file)), is, "{file}");
        }
        assert!(!is_of_log(&path("missing/a.log"), &path("a.log.1")));
    }

    #[test]
    fn files_of_other_dates_belong_to_a_link() {
        let target = OsStr::new("access.2026-11-28.log");
        assert!(same_shape(target, OsStr::new("access.2026-11-27.log.gz")).is_some());
        assert!(same_shape(target, OsStr::new("error.2026-11-27.log")).is_none());
        assert!(same_shape(OsStr::new("log1"), OsStr::new("log2")).is_none());
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
        let found = list(&log, &KnownFiles::default()).unwrap();
        let names: Vec<_> = found.iter().map(|s| s.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.log.10", "a.log.2", "a.log.1", "a.log", "a.log.old"]);
    }
}
