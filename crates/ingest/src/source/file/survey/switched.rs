//! A link that was switched more than once while nobody looked.
//!
//! It may have led to a directory that nobody has looked into: `releases/2/access.log` between `releases/1/access.log`
//! and `releases/3/access.log`. Another log may have such a path too, so its lines are not counted, and that is said.

use super::{
    super::record::{Identity, mtime},
    Survey,
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// How many directories are looked into.
const MOST: usize = 1000;

impl Survey<'_> {
    pub(super) fn tell_of_switches(&mut self) {
        let Some(target) = self.question.target.clone() else { return };
        let is_new = self.live.is_some_and(|live| self.new.contains_key(&live));
        // With nothing open it is the first look after a start.
        if !is_new && !self.question.open.is_empty() {
            return;
        }
        // What was written before the last look is no news.
        let Some(seen) = self.book.iter().map(|(_, record)| record.mtime).max() else { return };
        let known: Vec<(u64, u64)> =
            self.question.files.iter().map(|file| (file.identity.dev, file.identity.ino)).collect();
        let before = self.book.iter().rev().map(|(_, record)| &*record.path);
        let before = before.filter(|path| path.file_name() == target.file_name());
        let differs = before.filter_map(|path| differing(path, &target)).next();
        let Some(place) = differs.or_else(|| target.parent()?.components().count().checked_sub(1)) else {
            return;
        };
        for path in siblings(&target, place) {
            let Ok(file) = fs::metadata(&path) else { continue };
            let is_known = known.contains(&(file.dev(), file.ino()));
            let was_read = self.book.iter().any(|(_, record)| record.identity.is(&Identity::of(&file)));
            if file.is_file() && file.len() > 0 && mtime(&file) > seen && !is_known && !was_read {
                let why = "the link may have led there meanwhile: if it is of this log, count it with tallymark import log";
                self.tell(&path.display().to_string(), why);
            }
        }
    }
}

/// The one part in which two paths differ.
fn differing(one: &Path, other: &Path) -> Option<usize> {
    if one.components().count() != other.components().count() {
        return None;
    }
    let mut differ = one.components().zip(other.components()).enumerate().filter(|(_, (a, b))| a != b);
    let (at, _) = differ.next()?;
    differ.next().is_none().then_some(at)
}

/// Files whose path has, in one place, another name of the same shape.
fn siblings(target: &Path, place: usize) -> Vec<PathBuf> {
    let parts: Vec<_> = target.components().collect();
    let (Some(name), Some(dir)) = (parts.get(place), parts.get(..place)) else { return Vec::new() };
    let (dir, name): (PathBuf, &OsStr) = (dir.iter().collect(), name.as_os_str());
    let rest: PathBuf = parts[place + 1..].iter().collect();
    let (Some(shape), Ok(entries)) = (shape(name), fs::read_dir(&dir)) else { return Vec::new() };
    let like = entries.flatten().map(|entry| entry.file_name());
    let like = like.filter(|other| other != name && self::shape(other).as_ref() == Some(&shape));
    like.take(MOST).map(|other| dir.join(other).join(&rest)).collect()
}

/// A name without its numbers. One without any is no generation.
fn shape(name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    let parts: Vec<&str> = name.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    name.bytes().any(|byte| byte.is_ascii_digit()).then(|| parts.join("0"))
}
