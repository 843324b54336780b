//! One directory of badges: complete files only, replaced by rename.
//!
//! A reader (nginx) sees the old file or the new one, never a part of either. There is no fsync per badge: a badge can
//! always be drawn again from the store, and the cursor knows when it has to be.
//!
//! nginx makes its ETag from the mtime in seconds and the size. A file that is replaced twice within a second gets
//! another space in its comment, so that no two versions of a badge have the same ETag.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tallymark_core::Name;
use tallymark_store::owner::hint;

/// Where files are written before they are renamed. In the badge directory, because a rename cannot cross devices.
pub(crate) const TMP: &str = ".tmp";
const LOCK: &str = ".lock";
/// What [`Files::probe`] writes. No badge has this name, because every badge ends in `.svg`.
const PROBE: &str = ".probe";
/// The largest file that is read back to compare: a badge has about 1 KB, a template's at most 64 KiB.
const LARGEST: u64 = 128 * 1024;
/// The end of every published file, so that the count can be read back whatever the template drew.
const TRAILER: &str = "<!-- tallymark total=";
/// The clock of files lags behind the one we read by up to this.
const CLOCK_STEP: Duration = Duration::from_millis(20);
/// Badges are world-readable.
const MODE: u32 = 0o644;
const TRAILER_END: &str = " -->\n";
/// The maximum number of spaces in it. If a badge is replaced more often in a second, the time of the next second is
/// used.
const MOST_BLANKS: usize = 64;
/// The digits of an i64, and its sign.
const LONGEST_TOTAL: usize = 20;

/// The directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} {path}: {error}{}", hint(.error, .path))]
pub struct DirError {
    attempt: &'static str,
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl DirError {
    pub(crate) fn new(attempt: &'static str, path: &Path, error: io::Error) -> DirError {
        DirError { attempt, path: path.to_owned(), error }
    }
}

/// The right to publish into a directory. One process has it at a time.
#[derive(Debug)]
pub struct Lock {
    pub(crate) dir: PathBuf,
    file: File,
}

impl Lock {
    /// Opens the directory, creating it if need be, and takes the lock. `None` if another publisher has it. Files that
    /// a killed publisher left in `.tmp` are removed.
    ///
    /// # Errors
    ///
    /// The directory cannot be created or written, or does not contain badges.
    pub fn take(dir: &Path) -> Result<Option<Lock>, DirError> {
        let failed = |attempt, path: &Path| {
            let path = path.to_owned();
            move |error| DirError { attempt, path, error }
        };
        create_dir(dir).map_err(failed("creating the badge directory", dir))?;
        let tmp = dir.join(TMP);
        create_aside(&tmp, dir).map_err(failed("creating", &tmp))?;
        let path = dir.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(&path)
            .map_err(failed("opening the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(failed("locking", &path)(error)),
        }
        sweep(&tmp).map_err(failed("sweeping", &tmp))?;
        Ok(Some(Lock { dir: dir.to_owned(), file }))
    }

    /// Whether the directory is still the one that was locked, with its `.tmp`. Either may have been removed or
    /// replaced.
    pub(crate) fn is_in_place(&self) -> bool {
        let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        let there = fs::symlink_metadata(self.dir.join(LOCK));
        let locked = there.and_then(|there| Ok(same(&there, &self.file.metadata()?))).unwrap_or(false);
        locked && check_aside(&self.dir.join(TMP), &self.dir).is_ok()
    }
}

/// Creates a directory that nginx can enter, regardless of our umask.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if dir.exists() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is a file, not a directory"));
    }
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

/// Creates the directory in which files of `dir` are written before they are renamed.
pub(crate) fn create_aside(aside: &Path, dir: &Path) -> io::Result<()> {
    create_dir(aside)?;
    check_aside(aside, dir)
}

/// Whether files can be renamed from there. A symbolic link is refused: we must not clear its target.
pub(crate) fn check_aside(aside: &Path, dir: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(aside)?;
    if !about.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a directory"));
    }
    if about.dev() != fs::metadata(dir)?.dev() {
        let why = format!("it must be on the same device as {}, because files are renamed", dir.display());
        return Err(io::Error::new(io::ErrorKind::CrossesDevices, why));
    }
    Ok(())
}

fn sweep(tmp: &Path) -> io::Result<()> {
    for entry in fs::read_dir(tmp)? {
        let path = entry?.path();
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "sweeping a leftover file");
        }
    }
    Ok(())
}

/// What is on disk under a name.
pub(crate) struct Published {
    /// The bytes, with the trailer.
    text: Vec<u8>,
    /// Where the trailer begins; the length, if there is none.
    body: usize,
    /// The count, if the file has our trailer.
    pub(crate) total: Option<i64>,
    /// When it was written, in seconds since 1970.
    pub(crate) mtime: i64,
}

/// What a file is called, without its ending.
pub(crate) trait FileStem {
    /// Without a slash; whether it has a name.
    fn push_to(&self, file: &mut String) -> bool;
}

impl FileStem for Name {
    fn push_to(&self, file: &mut String) -> bool {
        // The escaped form has no slash.
        self.for_file().map(|name| name.push_to(file)).is_some()
    }
}

/// A name that is written as it is.
pub(crate) struct PlainFile<'a>(pub(crate) &'a str);

impl FileStem for PlainFile<'_> {
    fn push_to(&self, file: &mut String) -> bool {
        file.push_str(self.0);
        !self.0.is_empty() && !self.0.starts_with('.') && !self.0.contains(['/', '\0'])
    }
}

/// Replaces badges.
pub(crate) struct Files {
    dir: PathBuf,
    path: PathBuf,
    aside: PathBuf,
    file_name: String,
    old: Vec<u8>,
    /// Whether new files get the mode we ask for, so that it need not be set; unknown before the first.
    mode_comes_right: Option<bool>,
}

/// The result of [`Files::replace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    Written,
    Unchanged,
}

impl Files {
    pub(crate) fn new(lock: &Lock) -> Files {
        Files::at(lock.dir.clone(), lock.dir.join(TMP).join("badge"))
    }

    /// For another directory, on the same device as the file to be renamed.
    pub(crate) fn at(dir: PathBuf, aside: PathBuf) -> Files {
        Files {
            path: dir.clone(),
            dir,
            aside,
            file_name: String::new(),
            old: Vec::new(),
            mode_comes_right: None,
        }
    }

    fn point_at(&mut self, name: &impl FileStem) -> io::Result<()> {
        self.file_name.clear();
        if !name.push_to(&mut self.file_name) {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "this name has no file"));
        }
        self.file_name.push_str(".svg");
        // There is no slash in it, so this is always a file of this directory.
        self.path.clone_from(&self.dir);
        self.path.push(&self.file_name);
        Ok(())
    }

    /// The names that have a file.
    pub(crate) fn names(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let file = entry?.file_name();
            let name = file.to_str().and_then(|file| Name::from_escaped(file.strip_suffix(".svg")?));
            names.extend(name);
        }
        Ok(names)
    }

    /// What is stored under a name now; `None` if it is nothing that could be a badge.
    pub(crate) fn read(&mut self, name: &impl FileStem) -> io::Result<Option<Published>> {
        self.point_at(name)?;
        // A planted symlink is not followed, and a planted FIFO does not block; both are replaced by the rename.
        let open =
            OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&self.path);
        let file = match open {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO | libc::EACCES)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        if !about.is_file() || about.len() > LARGEST {
            return Ok(None);
        }
        let mut text = std::mem::take(&mut self.old);
        text.resize(about.len() as usize, 0);
        // One read is enough: badges are never changed in place. If one is, the file is not ours.
        match file.read_exact_at(&mut text, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (body, total) = split(&text).map_or((text.len(), None), |(body, total)| (body, Some(total)));
        Ok(Some(Published { text, body, total, mtime: about.mtime() }))
    }

    /// Removes what is stored under a name. Answers whether there was anything.
    pub(crate) fn remove(&mut self, name: &Name) -> io::Result<bool> {
        self.point_at(name)?;
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a picture under a name, unless exactly that is already there.
    pub(crate) fn replace(
        &mut self,
        name: &impl FileStem,
        picture: &mut String,
        total: i64,
        old: Option<Published>,
    ) -> io::Result<Replaced> {
        self.point_at(name)?;
        if !picture.ends_with('\n') {
            picture.push('\n');
        }
        let mut version = Version::default();
        if let Some(old) = old {
            let same = old.total == Some(total) && old.text[..old.body] == *picture.as_bytes();
            version = version_after(&old, picture.len(), total);
            self.old = old.text;
            if same {
                return Ok(Replaced::Unchanged);
            }
        }
        push_trailer(picture, total, version.blanks);
        let result = self.write(picture.as_bytes(), version.mtime);
        if result.is_err() {
            // Half a file on a full disk takes up the space that the next one needs.
            let _ = fs::remove_file(&self.aside);
        }
        result.map(|()| Replaced::Written)
    }

    /// Whether any file can be written there. If so, the files that failed are at fault, not the disk.
    pub(crate) fn probe(&mut self) -> io::Result<()> {
        self.path = self.dir.join(PROBE);
        let written = self.write(&[b'\n'; 4096], None);
        let _ = fs::remove_file(if written.is_ok() { &self.path } else { &self.aside });
        written
    }

    fn write(&mut self, bytes: &[u8], mtime: Option<i64>) -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&self.aside)?;
        file.write_all(bytes)?;
        // The umask may remove permissions that nginx needs. It is the same for all files.
        if self.mode_comes_right.is_none() {
            self.mode_comes_right = Some(file.metadata()?.mode() & 0o777 == MODE);
        }
        if self.mode_comes_right == Some(false) {
            file.set_permissions(fs::Permissions::from_mode(MODE))?;
        }
        if let Some(seconds) = mtime {
            let time = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
            file.set_times(FileTimes::new().set_modified(time))?;
        }
        drop(file);
        fs::rename(&self.aside, &self.path)
    }
}

/// What distinguishes this version of a badge from the previous one: its write time, unless this says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Version {
    blanks: usize,
    mtime: Option<i64>,
}

fn version_after(old: &Published, body: usize, total: i64) -> Version {
    let now = SystemTime::now();
    let second = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    if old.mtime < second(now - CLOCK_STEP) {
        return Version::default();
    }
    let natural = body + trailer_length(total);
    let blanks = (old.text.len() + 1).saturating_sub(natural);
    if old.mtime <= second(now) && blanks <= MOST_BLANKS {
        // If the second changes after all, the extra space is not needed, and is harmless.
        return Version { blanks, mtime: None };
    }
    // The clock was set back, or the badge shrank.
    Version { blanks: 0, mtime: Some(old.mtime + 1) }
}

fn push_trailer(picture: &mut String, total: i64, blanks: usize) {
    // `write!` to a String cannot fail.
    let _ = std::fmt::Write::write_fmt(picture, format_args!("{TRAILER}{total}{:blanks$}{TRAILER_END}", ""));
}

fn trailer_length(total: i64) -> usize {
    let digits = total.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    TRAILER.len() + usize::from(total < 0) + digits + TRAILER_END.len()
}

/// Where the trailer begins, and the count in it.
fn split(text: &[u8]) -> Option<(usize, i64)> {
    const LONGEST: usize = TRAILER.len() + LONGEST_TOTAL + MOST_BLANKS + TRAILER_END.len();
    let start = text.len().saturating_sub(LONGEST);
    let inner = text[start..].strip_suffix(TRAILER_END.as_bytes())?;
    let at = memchr::memmem::rfind(inner, TRAILER.as_bytes())?;
    let total = std::str::from_utf8(&inner[at + TRAILER.len()..]).ok()?;
    Some((start + at, total.trim_end_matches(' ').parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> (tempfile::TempDir, Files, Lock) {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap().unwrap();
        let files = Files::new(&lock);
        (dir, files, lock)
    }

    fn put(files: &mut Files, name: &str, text: &str, total: i64) -> io::Result<Replaced> {
        let name = Name::new(name).unwrap();
        let old = files.read(&name)?;
        files.replace(&name, &mut text.to_owned(), total, old)
    }

    #[test]
    fn file_name_is_the_escaped_name_and_nothing_leaves_the_directory() {
        let (dir, mut files, _lock) = setup();
        for name in ["a/b", "..", "../../etc/passwd", ".tmp", "日", "a%2Fb"] {
            put(&mut files, name, "<svg/>", 1).unwrap();
            let path = dir.path().join(format!("{}.svg", Name::new(name).unwrap().escaped()));
            assert_eq!(fs::read_to_string(path).unwrap(), "<svg/>\n<!-- tallymark total=1 -->\n");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6 + 2);
        assert_eq!(fs::read_dir(dir.path().join(TMP)).unwrap().count(), 0);
    }

    /// nginx makes its ETag of both.
    #[test]
    fn unchanged_picture_is_not_written_and_every_version_differs_in_mtime_or_size() {
        let (dir, mut files, _lock) = setup();
        let about = || fs::metadata(dir.path().join("a.svg")).unwrap();
        let version = || (about().mtime(), about().size());
        assert_eq!(put(&mut files, "a", "<svg>1</svg>", 1).unwrap(), Replaced::Written);
        let mut versions = vec![version()];
        for total in 2..200 {
            let text = format!("<svg>{}</svg>", total % 10);
            assert_eq!(put(&mut files, "a", &text, total).unwrap(), Replaced::Written);
            let inode = about().ino();
            assert_eq!(put(&mut files, "a", &text, total).unwrap(), Replaced::Unchanged);
            assert_eq!(about().ino(), inode);
            assert!(about().mtime() >= versions[versions.len() - 1].0, "time does not go back");
            versions.push(version());
        }
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions.len(), 199);
    }

    #[test]
    fn badge_from_the_future_gets_an_even_later_one() {
        let (dir, mut files, _lock) = setup();
        let path = dir.path().join("a.svg");
        put(&mut files, "a", "<svg>1</svg>", 1).unwrap();
        let future = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        File::options().write(true).open(&path).unwrap().set_modified(future).unwrap();
        put(&mut files, "a", "<svg>2</svg>", 2).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mtime(), 4_000_000_001);
    }

    #[test]
    fn count_is_read_back_from_any_picture() {
        for total in [0, 7, 10, 99, i64::MAX, i64::MIN, -1] {
            for blanks in [0, 1, MOST_BLANKS] {
                let mut picture = "<svg>x</svg>\n".to_owned();
                push_trailer(&mut picture, total, blanks);
                assert_eq!(split(picture.as_bytes()), Some((13, total)));
                assert_eq!(picture.len(), 13 + trailer_length(total) + blanks);
            }
        }
        for text in ["", "<svg/>", "<!-- tallymark total= -->\n", "<!-- tallymark total=x -->\n", "\u{e9}"] {
            assert_eq!(split(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn badges_can_be_read_by_everybody_whatever_the_umask() {
        let (dir, mut files, _lock) = setup();
        put(&mut files, "a", "<svg/>", 1).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&dir.path().join("a.svg")), 0o644);
        let fresh = dir.path().join("new/badges");
        let _lock = Lock::take(&fresh).unwrap().unwrap();
        assert_eq!(mode(&fresh), 0o755);
    }

    #[test]
    fn planted_symlink_and_fifo_are_replaced_and_a_directory_is_an_error() {
        let (dir, mut files, _lock) = setup();
        let secret = dir.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        std::os::unix::fs::symlink(&secret, dir.path().join("link.svg")).unwrap();
        // Not by the program of that name: a child has this process's locks until it has begun.
        let fifo = dir.path().join("fifo.svg");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        fs::create_dir(dir.path().join("dir.svg")).unwrap();
        assert_eq!(put(&mut files, "link", "<svg/>", 1).unwrap(), Replaced::Written);
        assert_eq!(put(&mut files, "fifo", "<svg/>", 1).unwrap(), Replaced::Written);
        assert!(put(&mut files, "dir", "<svg/>", 1).is_err());
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        assert!(fs::symlink_metadata(dir.path().join("link.svg")).unwrap().is_file());
        assert_eq!(fs::read_dir(dir.path().join(TMP)).unwrap().count(), 0);
    }

    #[test]
    fn directory_that_lost_its_tmp_is_not_in_place_and_is_mended_by_opening_it_again() {
        let (dir, _files, lock) = setup();
        let tmp = dir.path().join(TMP);
        assert!(lock.is_in_place());
        fs::remove_dir(&tmp).unwrap();
        assert!(!lock.is_in_place());
        drop(lock);
        let lock = Lock::take(dir.path()).unwrap().unwrap();
        assert!(lock.is_in_place());

        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("precious"), "").unwrap();
        fs::remove_dir(&tmp).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &tmp).unwrap();
        assert!(!lock.is_in_place());
        drop(lock);
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains("it is not a directory"), "{error}");
        assert!(elsewhere.path().join("precious").exists(), "a planted link has nothing swept");
        fs::remove_file(&tmp).unwrap();
        fs::write(&tmp, "").unwrap();
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains("it is a file, not a directory"), "{error}");
    }

    #[test]
    fn second_publisher_does_not_get_the_lock_and_leftovers_are_swept() {
        let (dir, _files, lock) = setup();
        assert!(Lock::take(dir.path()).unwrap().is_none());
        fs::write(dir.path().join(TMP).join("badge"), "half").unwrap();
        drop(lock);
        let _lock = Lock::take(dir.path()).unwrap().unwrap();
        assert_eq!(fs::read_dir(dir.path().join(TMP)).unwrap().count(), 0);
    }
}
