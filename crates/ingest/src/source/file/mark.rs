//! How far a log has been read, as one line of text: the position that is committed with the counts.
//!
//! A log is one or more files at a time: the one that is written to, and before it those that were rotated away and may
//! still get a late line. Each has a mark, and the mark knows its file again: by device, inode and time of birth, and by
//! fingerprints of what has been read of it, because inodes are used again and a rotated file may be copied or gzipped.

use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, fs::Metadata, os::unix::fs::MetadataExt, str::FromStr};

/// The version of the text.
const VERSION: &str = "1";
/// How much of a file's beginning is in its fingerprint.
pub(super) const PREFIX: usize = 1024;
/// How much of what stands before the offset is.
pub(super) const TAIL: usize = 256;

/// 128 bits of SHA-256: nobody who writes into a log can make two alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Print(u128);

/// Which file of a file system this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) dev: u64,
    pub(super) ino: u64,
    /// When the inode was born, in nanoseconds; 0 where the file system does not know.
    pub(super) born: u64,
}

/// How far one file has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) identity: Identity,
    /// The time of the last write that was seen, in nanoseconds. No earlier generation was written to later.
    pub(super) mtime: u64,
    /// What lies before this byte is counted. It is behind a line end, unless `skip` says otherwise.
    pub(super) offset: u64,
    /// The offset lies within a line that is too long and was rejected: what is left of it is thrown away.
    pub(super) skip: bool,
    /// Of the first [`PREFIX`] bytes before the offset.
    pub(super) prefix: Print,
    /// Of the last [`TAIL`] bytes before the offset.
    pub(super) tail: Print,
}

/// A whole position, the oldest file first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(pub(super) Vec<Mark>);

impl Print {
    pub(super) fn of(bytes: &[u8]) -> Print {
        let digest = Sha256::digest(bytes);
        Print(digest.iter().take(16).fold(0, |print, &byte| print << 8 | u128::from(byte)))
    }
}

impl Mark {
    /// Stands for a file that was not there when it was first looked for. The clock of files runs a little behind.
    pub(super) fn absent(now: SystemTime) -> Mark {
        let before =
            now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(Duration::from_secs(1));
        let identity = Identity { dev: 0, ino: 0, born: 0 };
        let mtime = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
        Mark { identity, mtime, offset: 0, skip: false, prefix: Print::of(b""), tail: Print::of(b"") }
    }

    pub(super) fn is_absent(&self) -> bool {
        self.identity == Identity { dev: 0, ino: 0, born: 0 }
    }
}

impl Identity {
    pub(super) fn of(file: &Metadata) -> Identity {
        let born = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|at| u64::try_from(at.as_nanos()).ok()).unwrap_or(0);
        Identity { dev: file.dev(), ino: file.ino(), born }
    }

    /// Whether both are one inode. The number of a device may change with a reboot, so the time of birth decides where
    /// it is known.
    pub(super) fn is(&self, other: &Identity) -> bool {
        let inode = self.ino == other.ino && self.born == other.born;
        inode && (self.born != 0 || self.dev == other.dev)
    }
}

/// The time of the last write.
pub(super) fn mtime(file: &Metadata) -> u64 {
    let nanos = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
    u64::try_from(nanos).unwrap_or(0)
}

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VERSION)?;
        for mark in &self.0 {
            let Mark { identity: Identity { dev, ino, born }, mtime, offset, skip, prefix, tail } = mark;
            write!(f, "; dev={dev} ino={ino} born={born} mtime={mtime} offset={offset}")?;
            write!(f, " skip={} prefix={:032x} tail={:032x}", u8::from(*skip), prefix.0, tail.0)?;
        }
        Ok(())
    }
}

impl FromStr for Marks {
    type Err = ();

    fn from_str(text: &str) -> Result<Marks, ()> {
        let mut parts = text.trim_end().split("; ");
        if parts.next() != Some(VERSION) {
            return Err(());
        }
        parts.map(|part| mark(part).ok_or(())).collect::<Result<_, _>>().map(Marks)
    }
}

fn mark(text: &str) -> Option<Mark> {
    let mut words = text.split(' ');
    let mut word = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
    let number = |text: Option<&str>| text?.parse::<u64>().ok();
    let print =
        |text: Option<&str>| Some(Print(u128::from_str_radix(text.filter(|t| t.len() == 32)?, 16).ok()?));
    let identity =
        Identity { dev: number(word("dev"))?, ino: number(word("ino"))?, born: number(word("born"))? };
    let mark = Mark {
        identity,
        mtime: number(word("mtime"))?,
        offset: number(word("offset"))?,
        skip: number(word("skip"))? == 1,
        prefix: print(word("prefix"))?,
        tail: print(word("tail"))?,
    };
    words.next().is_none().then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_mark() -> impl Strategy<Value = Mark> {
        (any::<[u64; 5]>(), any::<bool>(), any::<[u128; 2]>()).prop_map(
            |([dev, ino, born, mtime, offset], skip, print)| {
                let identity = Identity { dev, ino, born };
                Mark { identity, mtime, offset, skip, prefix: Print(print[0]), tail: Print(print[1]) }
            },
        )
    }

    proptest! {
        #[test]
        fn text_reads_back(marks in prop::collection::vec(any_mark(), 0..4)) {
            let marks = Marks(marks);
            let text = marks.to_string();
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(text.parse(), Ok(marks));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(1|2|; dev=|[a-z]+=[0-9a-f]{0,33}| ){0,30}") {
            let _ = text.parse::<Marks>();
        }
    }

    #[test]
    fn text_of_another_version_is_refused() {
        for text in
            ["", "2", "1;", "1; dev=1", "1; dev=1 ino=2 born=3 mtime=4 offset=x skip=0 prefix=0 tail=0"]
        {
            assert_eq!(text.parse::<Marks>(), Err(()), "{text}");
        }
        assert_eq!("1".parse(), Ok(Marks::default()));
    }

    #[test]
    fn prints_are_those_of_sha_256() {
        assert_eq!(Print::of(b""), Print(0xe3b0_c442_98fc_1c14_9afb_f4c8_996f_b924));
    }
}
