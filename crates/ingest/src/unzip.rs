//! The members of a zip file, read as streams: stored or deflated, one file, not encrypted, less than 4 GiB. Everything else
//! is refused by name. A member is checked against its length and checksum when it ends.

use flate2::{Crc, read::DeflateDecoder};
use std::io::{self, Read, Seek, SeekFrom};

/// The end of the directory, without its comment.
const END: usize = 22;
const LONGEST_COMMENT: usize = 0xFFFF;
/// The most members that are listed.
const MOST_MEMBERS: usize = 1000;
/// What stands for a number that does not fit.
const ZIP64: u32 = u32::MAX;

/// A file in a zip file.
#[derive(Clone, Debug)]
pub(crate) struct ZipMember {
    pub(crate) name: String,
    method: u16,
    flags: u16,
    crc: u32,
    packed: u32,
    length: u32,
    at: u32,
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the zip file is broken or cut: {why}"))
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} zip files are not supported"))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// The members, by the directory at the end of the file.
pub(crate) fn zip_members(file: &mut (impl Read + Seek)) -> io::Result<Vec<ZipMember>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = length.min((END + LONGEST_COMMENT) as u64);
    file.seek(SeekFrom::End(-i64::try_from(tail).unwrap_or(0)))?;
    let mut end = Vec::new();
    file.by_ref().take(tail).read_to_end(&mut end)?;
    let at = end.windows(END).rposition(|window| window.starts_with(b"PK\x05\x06"));
    let end = at.and_then(|at| end.get(at..)).ok_or_else(|| broken("its directory is missing"))?;
    let cut = || broken("its directory is cut");
    let count = u16_at(end, 10).ok_or_else(cut)?;
    let (size, begin) = (u32_at(end, 12).ok_or_else(cut)?, u32_at(end, 16).ok_or_else(cut)?);
    if u16_at(end, 4) != Some(0) {
        return Err(unsupported("split"));
    }
    if count == u16::MAX || size == ZIP64 || begin == ZIP64 {
        return Err(unsupported("64-bit"));
    }
    if usize::from(count) > MOST_MEMBERS {
        return Err(broken("it has more files than an export"));
    }
    file.seek(SeekFrom::Start(u64::from(begin)))?;
    let mut directory = Vec::new();
    file.by_ref().take(u64::from(size)).read_to_end(&mut directory)?;
    let mut members = Vec::new();
    let mut rest = directory.as_slice();
    for _ in 0..count {
        let (member, next) = member(rest).ok_or_else(cut)?;
        if member.packed == ZIP64 || member.length == ZIP64 || member.at == ZIP64 {
            return Err(unsupported("64-bit"));
        }
        members.push(member);
        rest = &rest[next..];
    }
    Ok(members)
}

/// The first entry of a directory, and where the next one is.
fn member(entry: &[u8]) -> Option<(ZipMember, usize)> {
    if !entry.starts_with(b"PK\x01\x02") {
        return None;
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(entry, at).map(usize::from));
    let (name, next) = (name?, 46 + name? + extra? + comment?);
    let text = String::from_utf8_lossy(entry.get(46..46 + name)?).into_owned();
    let member = ZipMember {
        name: text,
        flags: u16_at(entry, 8)?,
        method: u16_at(entry, 10)?,
        crc: u32_at(entry, 16)?,
        packed: u32_at(entry, 20)?,
        length: u32_at(entry, 24)?,
        at: u32_at(entry, 42)?,
    };
    (entry.len() >= next).then_some((member, next))
}

impl ZipMember {
    /// What is in it.
    pub(crate) fn open<'a, F: Read + Seek>(&self, file: &'a mut F) -> io::Result<impl Read + use<'a, F>> {
        if self.flags & 1 != 0 {
            return Err(unsupported("encrypted"));
        }
        file.seek(SeekFrom::Start(u64::from(self.at)))?;
        let mut head = [0; 30];
        file.read_exact(&mut head).map_err(|_| broken("a file in it is missing"))?;
        let (Some(name), Some(extra)) = (u16_at(&head, 26), u16_at(&head, 28)) else {
            return Err(broken("?"));
        };
        if !head.starts_with(b"PK\x03\x04") {
            return Err(broken("a file in it has no header"));
        }
        file.seek(SeekFrom::Current(i64::from(name) + i64::from(extra)))?;
        let packed = file.by_ref().take(u64::from(self.packed));
        let input: Box<dyn Read + 'a> = match self.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            _ => return Err(unsupported("otherwise packed")),
        };
        Ok(CheckedMember { input, crc: Crc::new(), expected: (self.crc, u64::from(self.length)), read: 0 })
    }
}

/// Checks what it has read at the end.
struct CheckedMember<'a> {
    input: Box<dyn Read + 'a>,
    crc: Crc,
    expected: (u32, u64),
    read: u64,
}

impl Read for CheckedMember<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.crc.update(&into[..read]);
        self.read += read as u64;
        let (crc, length) = self.expected;
        let is_end = read == 0 && !into.is_empty();
        if self.read > length || is_end && (self.read, self.crc.sum()) != (length, crc) {
            return Err(broken("a file in it is not what the directory says"));
        }
        Ok(read)
    }
}
