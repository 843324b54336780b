//! The record of one file of a log: which file it is, and how far it has been read. One record is one position.
//!
//! A record recognises its file by device, inode and time of birth; by fingerprints of the part that was read, because
//! a file can be renamed, copied, compressed or rewritten; and by a fingerprint of the compressed bytes.
//! [`super::survey`] finds the file.

use super::{
    ladder::{Ladder, LastLines},
    runs::Runs,
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    fmt,
    fs::Metadata,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    str::FromStr,
    time::UNIX_EPOCH,
};

/// The version of the text.
const VERSION: &str = "2";
/// The version that had all files in one text.
const FIRST: &str = "1";
/// How much of a file's beginning is in its fingerprint.
pub(crate) const PREFIX: usize = 1024;
/// How many bytes before the offset are.
pub(crate) const TAIL: usize = 256;

/// How many lines are evidence.
pub(super) const ENOUGH: usize = 4;

/// 128 bits of SHA-256: someone who can write into a log cannot make two equal ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Print(pub(crate) u128);

/// Which file of a file system this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    /// When the inode was born, in nanoseconds; 0 where the file system does not know.
    pub(crate) born: u64,
}

/// An [`Identity`] as a key.
pub(crate) type Key = (u64, u64, u64);

/// How far a content has been read, and what tells it from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What lies before this byte is counted. It is behind a line end, unless `skip` says otherwise.
    pub(crate) offset: u64,
    /// The offset lies within a line that is too long and was rejected: what is left of it is thrown away.
    pub(crate) skip: bool,
    /// Of the first [`PREFIX`] bytes before the offset.
    pub(crate) prefix: Print,
    /// Of the last [`TAIL`] bytes before the offset.
    pub(crate) tail: Print,
    /// Of the lines within the first [`PREFIX`] bytes before the offset.
    pub(crate) lines: Ladder,
    /// Of the last lines before the offset. Positions of older versions have none.
    pub(crate) last: LastLines,
    /// Of the runs of lines that were handed out. Positions of older versions have none.
    pub(crate) runs: Runs,
}

/// One file that was read, or that is not to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileRecord {
    /// Where it was last seen.
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    /// Its length and the time of its last write, in nanoseconds, when it was last read.
    pub(crate) length: u64,
    pub(crate) mtime: u64,
    pub(crate) mark: Mark,
    /// What lies before this byte was there before the log was followed, and is not counted, or an import has counted it.
    pub(crate) from: u64,
    /// Of the packed bytes, if it is packed.
    pub(crate) packed: Option<Print>,
    /// Everything in it was read at the last look.
    pub(crate) done: bool,
    /// It ended within a line.
    pub(crate) torn: bool,
    /// It is gone. It is still remembered, because a file may come back.
    pub(crate) gone: bool,
    /// No line of it has counted: the print of the format by which all that were read were refused.
    pub(crate) refused_by: Option<u32>,
    /// It is a copy of this record's file, which is the one that is read; of its own, if it may be one of any.
    pub(crate) copy_of: Option<u64>,
}

/// What the header of a log says: since when it is followed, in nanoseconds, and the records of an older version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) began: u64,
    pub(crate) older: Vec<FileRecord>,
}

impl FileRecord {
    /// Nothing of this packed file was read, or will be: it was there before the log was followed.
    pub(crate) fn is_passed_over(&self) -> bool {
        self.packed.is_some() && self.done && self.mark.offset == 0
    }
}

impl Print {
    pub(crate) fn of(bytes: &[u8]) -> Print {
        Print::finished(Sha256::new_with_prefix(bytes))
    }

    pub(crate) fn finished(digest: Sha256) -> Print {
        let digest = digest.finalize();
        Print(digest.iter().take(16).fold(0, |print, &byte| print << 8 | u128::from(byte)))
    }
}

/// Whether a text repeats one line, so that other files may well have the same bytes.
pub(crate) fn repeats_one_line(text: &[u8]) -> bool {
    let mut lines = text.split_inclusive(|&b| b == b'\n');
    let first = lines.next().unwrap_or_default();
    // The last may be cut.
    lines.all(|line| first.starts_with(line))
}

/// Whether there are enough lines, and no two of them alike, so that other files do not have them by chance.
pub(crate) fn are_distinct(text: &[u8]) -> bool {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let distinct: HashSet<&[u8]> = lines.iter().copied().collect();
    lines.len() >= ENOUGH && distinct.len() == lines.len()
}

/// Whether there are enough different lines, so that a longer text that begins with them is the same file, grown.
pub(crate) fn has_enough(text: &[u8]) -> bool {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    text.len() >= PREFIX && !repeats_one_line(text) || lines.collect::<HashSet<_>>().len() >= ENOUGH
}

impl FileRecord {
    /// Whether all that the file had was read, also if it has been written to since.
    pub(crate) fn is_read(&self) -> bool {
        self.done || self.torn || self.mark.offset > 0 && self.mark.offset >= self.length
    }

    /// Whether the file had nothing when it was last looked at.
    pub(crate) fn is_blank(&self) -> bool {
        self.length == 0 && self.mark.offset == 0
    }
}

impl Mark {
    /// Behind `offset` bytes that begin and end so.
    pub(crate) fn of(offset: u64, skip: bool, prefix: &[u8], tail: &[u8]) -> Mark {
        let (lines, last, runs) = (Ladder::of(prefix), LastLines::default(), Runs::default());
        Mark { offset, skip, prefix: Print::of(prefix), tail: Print::of(tail), lines, last, runs }
    }

    /// Whether it is behind bytes that begin and end so.
    pub(crate) fn is_behind(&self, prefix: &[u8], tail: &[u8]) -> bool {
        (self.prefix, self.tail) == (Print::of(prefix), Print::of(tail))
    }

    /// Whether a text that begins so is as far as it goes what was read.
    pub(crate) fn begins_with(&self, first: &Beginning) -> bool {
        first.is_of(self.offset, self.prefix, &self.lines)
    }

    /// Whether both are behind the same bytes.
    pub(crate) fn is(&self, other: &Mark) -> bool {
        (self.offset, self.prefix, self.tail) == (other.offset, other.prefix, other.tail)
    }

    /// Whether its last lines are all that there are before it.
    pub(crate) fn knows_all_lines(&self) -> bool {
        !self.skip && self.last.are_all(&self.lines, self.offset > PREFIX as u64)
    }

    /// How many bytes its prefix is of.
    pub(crate) fn prefix_len(&self) -> usize {
        self.offset.min(PREFIX as u64) as usize
    }
}

/// How a text begins, to be compared with many contents.
#[derive(Clone)]
pub(crate) struct Beginning {
    is_long: bool,
    prefix: Print,
    lines: Ladder,
}

impl Beginning {
    /// Of the first bytes of a text, at most [`PREFIX`].
    pub(crate) fn of(first: &[u8]) -> Beginning {
        Beginning { is_long: first.len() == PREFIX, prefix: Print::of(first), lines: Ladder::of(first) }
    }

    /// Whether a content of so many bytes, of whose beginning these are the prints, begins so.
    pub(crate) fn is_of(&self, length: u64, prefix: Print, lines: &Ladder) -> bool {
        if self.is_long {
            length >= PREFIX as u64 && prefix == self.prefix
        } else {
            lines.begins_with(&self.lines)
        }
    }
}

impl Identity {
    pub(crate) fn of(file: &Metadata) -> Identity {
        let born = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|at| u64::try_from(at.as_nanos()).ok()).unwrap_or(0);
        Identity { dev: file.dev(), ino: file.ino(), born }
    }

    /// Equal for two that are one inode, as [`Identity::is`] decides it.
    pub(crate) fn key(&self) -> Key {
        (self.ino, self.born, if self.born == 0 { self.dev } else { 0 })
    }

    /// What tells an inode from others whatever the number of its device is.
    pub(crate) fn inode(&self) -> (u64, u64) {
        (self.ino, self.born)
    }

    /// Whether both are one inode. The number of a device may change with a reboot, so the time of birth decides where
    /// it is known.
    pub(crate) fn is(&self, other: &Identity) -> bool {
        self.key() == other.key()
    }
}

/// The time of the last write.
pub(crate) fn mtime(file: &Metadata) -> u64 {
    let nanos = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
    u64::try_from(nanos).unwrap_or(0)
}

impl fmt::Display for FileRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileRecord { identity: Identity { dev, ino, born }, mtime, length, .. } = self;
        let Mark { offset, skip, prefix, tail, lines, last, runs } = &self.mark;
        write!(f, "{VERSION} dev={dev} ino={ino} born={born} mtime={mtime} offset={offset}")?;
        write!(f, " skip={} prefix={:032x} tail={:032x}", u8::from(*skip), prefix.0, tail.0)?;
        let flags = [(self.done, 'd'), (self.torn, 't'), (self.gone, 'g')];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|&(_, flag)| flag).collect();
        write!(f, " length={length} from={} flags={flags}", self.from)?;
        write!(f, " packed={}", self.packed.map(|print| format!("{:032x}", print.0)).unwrap_or_default())?;
        write!(f, " copy={}", self.copy_of.map(|id| id.to_string()).unwrap_or_default())?;
        if let Some(format) = self.refused_by {
            write!(f, " refused={format:08x}")?;
        }
        if !lines.is_empty() {
            write!(f, " lines={lines}")?;
        }
        if !last.is_empty() {
            write!(f, " last={last}")?;
        }
        if !runs.is_empty() {
            write!(f, " runs={runs}")?;
        }
        // Last, because a path may have blanks. It need not be UTF-8, nor free of line ends.
        write!(f, " path={}", escaped(&self.path))
    }
}

impl FromStr for FileRecord {
    type Err = ();

    fn from_str(text: &str) -> Result<FileRecord, ()> {
        let (fields, path) = text.split_once(" path=").ok_or(())?;
        let mut words = fields.split(' ');
        if words.next() != Some(VERSION) {
            return Err(());
        }
        let mut record = mark(&mut words).ok_or(())?;
        let mut word = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        record.length = word("length").and_then(|text| text.parse().ok()).ok_or(())?;
        record.from = word("from").and_then(|text| text.parse().ok()).ok_or(())?;
        let flags = word("flags").ok_or(())?;
        (record.done, record.torn, record.gone) =
            (flags.contains('d'), flags.contains('t'), flags.contains('g'));
        record.packed = match word("packed").ok_or(())? {
            "" => None,
            text => Some(print(text).ok_or(())?),
        };
        record.copy_of = match word("copy").ok_or(())? {
            "" => None,
            text => Some(text.parse().map_err(|_| ())?),
        };
        // Older versions wrote none of these.
        let mut words = words.peekable();
        let mut optional =
            |key: &str| words.next_if(|word| word.starts_with(key)).map(|word| &word[key.len()..]);
        if let Some(format) = optional("refused=") {
            record.refused_by = Some(u32::from_str_radix(format, 16).map_err(|_| ())?);
        }
        if let Some(prints) = optional("lines=") {
            record.mark.lines = prints.parse()?;
        }
        if let Some(prints) = optional("last=") {
            record.mark.last = prints.parse()?;
        }
        if let Some(prints) = optional("runs=") {
            record.mark.runs = prints.parse()?;
        }
        record.path = unescaped(path).ok_or(())?;
        words.next().is_none().then_some(record).ok_or(())
    }
}

pub(super) fn escaped(path: &Path) -> impl fmt::Display {
    path.as_os_str().as_bytes().escape_ascii()
}

/// What [`escaped`] made, the other way round.
pub(super) fn unescaped(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first()?;
        rest = after;
        bytes.push(match escape {
            b't' => b'\t',
            b'r' => b'\r',
            b'n' => b'\n',
            b'x' => {
                let (hex, after) = rest.split_at_checked(2)?;
                rest = after;
                u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
}

/// The last word of a position, which may not be there.
pub(super) fn lines(word: Option<&str>) -> Result<Ladder, ()> {
    word.map_or(Ok(Ladder::default()), |word| word.strip_prefix("lines=").ok_or(())?.parse())
}

fn print(text: &str) -> Option<Print> {
    (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map(Print))?
}

/// The fields that both versions have.
fn mark<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<FileRecord> {
    let mut word = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
    let number = |text: Option<&str>| text?.parse::<u64>().ok();
    let identity =
        Identity { dev: number(word("dev"))?, ino: number(word("ino"))?, born: number(word("born"))? };
    let mtime = number(word("mtime"))?;
    let mark = Mark {
        offset: number(word("offset"))?,
        skip: number(word("skip"))? == 1,
        prefix: print(word("prefix")?)?,
        tail: print(word("tail")?)?,
        lines: Ladder::default(),
        last: LastLines::default(),
        runs: Runs::default(),
    };
    Some(FileRecord { identity, mtime, length: mark.offset, mark, ..FileRecord::default() })
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION} began={}", self.began)
    }
}

impl FromStr for Header {
    type Err = ();

    fn from_str(text: &str) -> Result<Header, ()> {
        if let Some(began) = text.strip_prefix(VERSION).and_then(|text| text.strip_prefix(" began=")) {
            return Ok(Header { began: began.parse().map_err(|_| ())?, older: Vec::new() });
        }
        let mut parts = text.trim_end().split("; ");
        if parts.next() != Some(FIRST) {
            return Err(());
        }
        let one = |part: &str| {
            let mut words = part.split(' ');
            mark(&mut words).filter(|_| words.next().is_none()).ok_or(())
        };
        let mut older = parts.map(one).collect::<Result<Vec<_>, _>>()?;
        // What was not there then has neither device nor inode, and was last written before anything that is to be read.
        let began = older.last().map_or(0, |record| record.mtime);
        older.retain(|record| record.identity != Identity::default());
        Ok(Header { began, older })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    prop_compose! {
        fn any_record()(
            numbers in any::<[u64; 7]>(),
            flags in any::<[bool; 4]>(),
            prints in any::<[u128; 2]>(),
            lines in any::<Vec<u32>>(),
            last in any::<Vec<u32>>(),
            runs in any::<Vec<u64>>(),
            packed in any::<Option<u128>>(),
            copy_of in any::<Option<u64>>(),
            refused_by in any::<Option<u32>>(),
            path in any::<Vec<u8>>(),
        ) -> FileRecord {
            let [dev, ino, born, mtime, offset, length, from] = numbers;
            let [prefix, tail] = prints.map(Print);
            let mark = Mark { offset, skip: flags[0], prefix, tail, lines: Ladder::made_up(lines), last: LastLines::made_up(last), runs: Runs::made_up(runs) };
            FileRecord {
                path: std::ffi::OsString::from_vec(path).into(),
                identity: Identity { dev, ino, born },
                length, mtime, mark, from, copy_of, refused_by,
                packed: packed.map(Print),
                done: flags[1], torn: flags[2], gone: flags[3],
            }
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(record in any_record()) {
            let text = record.to_string();
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(text.parse(), Ok(record));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(1|2|; dev=| path=|\\\\x|[a-z]+=[0-9a-f]{0,33}| ){0,30}") {
            let _ = text.parse::<FileRecord>();
            let _ = text.parse::<Header>();
        }
    }

    #[test]
    fn text_of_another_version_is_refused() {
        for text in ["", "3", "1;", "1; dev=1", "2", "2 began=", "1; dev=1 ino=2 born=3 mtime=4 offset=x"] {
            assert_eq!(text.parse::<Header>(), Err(()), "{text}");
            assert_eq!(text.parse::<FileRecord>(), Err(()), "{text}");
        }
    }

    #[test]
    fn position_without_prints_of_lines_is_read() {
        let record = FileRecord { mark: Mark::of(4, false, b"a\nb\n", b"a\nb\n"), ..FileRecord::default() };
        let text = record.to_string();
        let (before, after) = text.split_once(" lines=").unwrap();
        let older = format!("{before} path={}", after.split_once(" path=").unwrap().1);
        let read: FileRecord = older.parse().unwrap();
        assert!(read.mark.is(&record.mark) && read.mark.lines.is_empty());
        assert!(
            record.mark.begins_with(&Beginning::of(b"a\n")) && !read.mark.begins_with(&Beginning::of(b"a\n"))
        );
        for bad in [" lines= path=", " lines=1 path=", " more=00000000 path="] {
            let text = older.replace(" path=", bad);
            assert_eq!(text.parse::<FileRecord>(), Err(()), "{text}");
        }
    }

    #[test]
    fn position_of_the_first_version_is_read() {
        let print = "0".repeat(32);
        let text = format!(
            "1; dev=0 ino=0 born=0 mtime=5 offset=0 skip=0 prefix={print} tail={print}; \
             dev=1 ino=2 born=3 mtime=4 offset=9 skip=1 prefix={print} tail={print}"
        );
        let header: Header = text.parse().unwrap();
        assert_eq!((header.began, header.older.len()), (4, 1));
        assert_eq!((header.older[0].identity.ino, header.older[0].mark.offset), (2, 9));
        assert_eq!("1".parse(), Ok(Header::default()));
    }

    #[test]
    fn prints_are_those_of_sha_256() {
        assert_eq!(Print::of(b""), Print(0xe3b0_c442_98fc_1c14_9afb_f4c8_996f_b924));
    }
}
