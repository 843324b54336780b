//! The file that `backup` writes and `restore` reads: a tar file, so that it can be inspected on every system.
//!
//! Its first member is `manifest.json`, which has the size and the SHA-256 of each of the others. [`pack`] writes it,
//! and [`unpack`] reads it with every digest checked. What is in the members is up to the two commands.

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The version of the form of the file.
pub(crate) const FORMAT: u32 = 1;
/// The name of the first member.
const MANIFEST: &str = "manifest.json";
/// A manifest is much smaller.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupManifest {
    pub(crate) format: u32,
    /// The version of the program that wrote it.
    pub(crate) version: String,
    /// When, in UTC.
    pub(crate) time: String,
    /// The address of the store, without its password.
    pub(crate) store: String,
    /// What is in the embedded store; `None` where the counts are in Redis.
    pub(crate) counts: Option<BackupCounts>,
    /// How many hits wait in the outbox.
    pub(crate) waiting: u64,
    pub(crate) parts: Vec<BackupPart>,
}

/// What an embedded store says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupCounts {
    pub(crate) identity: Uuid,
    pub(crate) schema: i32,
    /// Over all events, of which a badge over HTTP has two.
    pub(crate) total: u64,
    /// Each with its event.
    pub(crate) names: u64,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupPart {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Describes a file of this name in `dir`.
pub(crate) fn part(dir: &Path, name: &str) -> Result<BackupPart> {
    let path = dir.join(name);
    let read = || digested(File::open(&path)?, &mut io::sink());
    let (bytes, sha256) = read().with_context(|| format!("reading {}", path.display()))?;
    Ok(BackupPart { name: name.to_owned(), bytes, sha256 })
}

/// Writes the parts, which are files in `dir`, to `out`.
pub(crate) fn pack(manifest: &BackupManifest, dir: &Path, mtime: u64, out: impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let header = |bytes: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(mtime);
        header
    };
    let text = serde_json::to_vec_pretty(manifest)?;
    archive.append_data(&mut header(text.len() as u64), MANIFEST, &text[..])?;
    for part in &manifest.parts {
        let file = File::open(dir.join(&part.name))?;
        archive.append_data(&mut header(part.bytes), &part.name, file.take(part.bytes))?;
    }
    archive.into_inner()?.flush()
}

/// Reads a whole backup and checks it against its manifest. `place` says where a part is written, if anywhere.
pub(crate) fn unpack(file: &Path, place: impl Fn(&str) -> Option<PathBuf>) -> Result<BackupManifest> {
    let attempt = || format!("reading the backup {}", file.display());
    let mut archive = tar::Archive::new(File::open(file).with_context(attempt)?);
    let mut members = archive.entries().with_context(attempt)?;
    let damaged = || format!("{} is damaged, or not a backup of Tallymark's", file.display());
    let mut first = members.next().with_context(damaged)?.with_context(damaged)?;
    ensure!(first.path_bytes().as_ref() == MANIFEST.as_bytes(), "{}: it has no {MANIFEST}", damaged());
    let manifest = read_manifest(&mut first).with_context(damaged)?;
    let mut missing: BTreeSet<&str> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
    for member in members {
        let mut member = member.with_context(damaged)?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        let part = manifest.parts.iter().find(|part| part.name == name && missing.contains(name.as_str()));
        let Some(part) = part else { bail!("{}: its {MANIFEST} does not know {name:?}", damaged()) };
        let kind = member.header().entry_type();
        ensure!(kind.is_file(), "{}: {name} is not a regular file", damaged());
        let found = match place(&name) {
            Some(path) => write_part(&mut member, &path)?,
            None => digested(&mut member, &mut io::sink()).with_context(damaged)?,
        };
        ensure!(
            found == (part.bytes, part.sha256.clone()),
            "{}: {name} has changed since it was saved (its SHA-256 differs). Take an older backup",
            damaged()
        );
        missing.remove(part.name.as_str());
    }
    match missing.first() {
        None => Ok(manifest),
        Some(name) => bail!("{}: {name} is missing. Take an older backup", damaged()),
    }
}

fn read_manifest(member: &mut impl Read) -> Result<BackupManifest> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let mut text = Vec::new();
    member.take(LONGEST_MANIFEST).read_to_end(&mut text)?;
    let Form { format } = serde_json::from_slice(&text)?;
    ensure!(
        format == FORMAT,
        "it has format {format}, and this version knows {FORMAT}: restore it with the version that wrote it"
    );
    Ok(serde_json::from_slice(&text)?)
}

fn write_part(member: &mut impl Read, path: &Path) -> Result<(u64, String)> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        let found = digested(member, &mut file)?;
        file.sync_all()?;
        Ok::<_, io::Error>(found)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Copies everything, and returns its length and its digest.
fn digested(mut from: impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let (mut digest, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(got) = buffer.get(..read).filter(|got| !got.is_empty()) else { break };
        digest.update(got);
        to.write_all(got)?;
        bytes += read as u64;
    }
    let hex = digest.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok((bytes, hex))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn backup(dir: &Path) -> Vec<u8> {
        fs::write(dir.join("instance"), "one").unwrap();
        fs::write(dir.join("store.json"), "x".repeat(100_000)).unwrap();
        let parts = ["instance", "store.json"].map(|name| part(dir, name).unwrap());
        let manifest = BackupManifest {
            format: FORMAT,
            version: "1".to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            store: "sqlite:x".to_owned(),
            counts: None,
            waiting: 0,
            parts: parts.to_vec(),
        };
        let mut out = Vec::new();
        pack(&manifest, dir, 0, &mut out).unwrap();
        let file = dir.join("backup.tar");
        fs::write(&file, &out).unwrap();
        assert_eq!(unpack(&file, |_| None).unwrap(), manifest);
        out
    }

    #[test]
    fn any_flipped_or_missing_byte_that_matters_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let good = backup(dir.path());
        let file = dir.path().join("damaged.tar");
        // The members end before the padding at the end of the file.
        for at in (0..good.len() - 2048).step_by(997) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x20;
            fs::write(&file, &bytes).unwrap();
            let found = unpack(&file, |_| None);
            // Padding of a member, or a field of a header that nothing depends on, is no content.
            if let Ok(manifest) = found {
                assert_eq!(manifest.parts.len(), 2, "at {at}");
            }
            fs::write(&file, &good[..at]).unwrap();
            assert!(unpack(&file, |_| None).is_err(), "cut at {at}");
        }
        let at = good.windows(4).position(|bytes| bytes == b"xxxx").unwrap();
        let mut bytes = good.clone();
        bytes[at + 5000] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let error = format!("{:#}", unpack(&file, |_| None).unwrap_err());
        assert!(error.contains("store.json has changed since it was saved"), "{error}");
    }

    /// A link has no bytes, like an empty file.
    #[test]
    fn a_link_is_no_part() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("instance"), "").unwrap();
        let manifest = BackupManifest {
            format: FORMAT,
            version: "1".to_owned(),
            time: String::new(),
            store: String::new(),
            counts: None,
            waiting: 0,
            parts: vec![part(dir.path(), "instance").unwrap()],
        };
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
            let mut archive = tar::Builder::new(Vec::new());
            let text = serde_json::to_vec(&manifest).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            archive.append_data(&mut header, MANIFEST, &text[..]).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            archive.append_link(&mut header, "instance", "/etc/passwd").unwrap();
            let file = dir.path().join("link.tar");
            fs::write(&file, archive.into_inner().unwrap()).unwrap();
            let error = format!("{:#}", unpack(&file, |_| None).unwrap_err());
            assert!(error.contains("instance is not a regular file"), "{error}");
        }
    }

    #[test]
    fn another_format_and_another_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let good = backup(dir.path());
        let at = good.windows(12).position(|bytes| bytes == b"\"format\": 1,").unwrap();
        let mut bytes = good;
        bytes[at + 10] = b'9';
        let file = dir.path().join("other.tar");
        fs::write(&file, &bytes).unwrap();
        let error = format!("{:#}", unpack(&file, |_| None).unwrap_err());
        assert!(error.contains("format 9"), "{error}");
        for text in ["", "garbage"] {
            fs::write(&file, text).unwrap();
            let error = format!("{:#}", unpack(&file, |_| None).unwrap_err());
            assert!(error.contains("not a backup of Tallymark's"), "{error}");
        }
    }
}
