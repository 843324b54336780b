//! A link that was switched more than once between two looks.
//!
//! It may have led to a directory that was never seen, `releases/2/access.log` between `releases/1/access.log` and
//! `releases/3/access.log`, or to a file with an unrelated name, `blue.log` between `red.log` and `green.log`. A
//! different log can have such a path too, so its lines are not counted, and this is reported.

use super::{
    super::{
        names::{as_exact_as, belongs, packed_or_not, unpacked},
        record::{Identity, mtime},
    },
    Survey,
};
use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    path::{Path, PathBuf},
};

/// How many files are looked at.
const MOST: usize = 1000;

impl Survey<'_> {
    pub(super) fn tell_of_switches(&mut self) {
        let Some(target) = self.question.target.clone() else { return };
        let is_new = self.live.is_some_and(|live| self.new.contains_key(&live));
        // If no file is open, it is the first look after a start. A link that was recreated may have led elsewhere, and
        // back.
        let relinked = self.question.relinked;
        if !is_new && relinked.is_none() && !self.question.open.is_empty() {
            return;
        }
        // What was written before the last look is no news. There may have been no file then. Two files that are written
        // to within one step of the file system's clock have the same time.
        let seen = self.book.iter().map(|(_, record)| record.mtime).max();
        let seen = seen.unwrap_or(self.book.began());
        // What is read by now may have been written later than what is elsewhere.
        let before = relinked.map_or(seen, |made| made.min(seen));
        let is_since = |written: u64, moment: u64| written >= as_exact_as(written, moment);
        let is_news = |file: &Metadata| file.is_file() && file.len() > 0 && is_since(mtime(file), before);
        let is_made = |file: &Metadata| {
            is_new && is_since(mtime(file), seen)
                || Identity::of(file).born >= if is_new { seen } else { before }
        };
        let of_directories = self.other_directories(&target);
        let of_directories =
            of_directories.iter().flat_map(|path| packed_or_not(path)).map(|path| (path, true));
        let of_names = self.other_names(&target).into_iter().map(|path| (path, false));
        for (path, is_named_alike) in of_directories.chain(of_names) {
            let Ok(file) = fs::metadata(&path) else { continue };
            if is_news(&file)
                && (is_named_alike || is_made(&file))
                && !self.is_somebodys(&Identity::of(&file))
            {
                let why = "the link may have pointed there meanwhile: if it belongs to this log, count it with \
                           tallymark import log";
                self.tell(&path.display().to_string(), why);
            }
        }
    }

    /// Whether a file is known, to this log or another.
    fn is_somebodys(&self, file: &Identity) -> bool {
        self.question.foreign.contains(&file.key())
            || self.question.files.iter().any(|seen| seen.identity.is(file))
            || self.book.iter().any(|(_, record)| record.identity.is(file))
    }

    /// Where the link may have led to: the same file in directories of other numbers.
    fn other_directories(&self, target: &Path) -> Vec<PathBuf> {
        let before = self.book.iter().rev().map(|(_, record)| &*record.path);
        let before = before.filter(|path| path.file_name() == target.file_name());
        let differs = before.filter_map(|path| differing(path, target)).next();
        let parent = || target.parent()?.components().count().checked_sub(1);
        differs.or_else(parent).map_or_else(Vec::new, |place| siblings(target, place))
    }

    /// Where the link may have led to, if it has led from one name to another in this directory: files of the same kind.
    fn other_names(&self, target: &Path) -> Vec<PathBuf> {
        let (Some(dir), Some(name)) = (target.parent(), target.file_name()) else { return Vec::new() };
        let link = self.question.log.file_name().unwrap_or_default();
        let is_other = |path: &Path| {
            let is_rotated = |other: &OsStr| belongs(name, other) || belongs(link, other);
            path.parent() == Some(dir) && path.file_name().is_some_and(|other| !is_rotated(other))
        };
        if !self.book.iter().any(|(_, record)| record.path != target && is_other(&record.path)) {
            return Vec::new();
        }
        let is_like = |path: &PathBuf| {
            let plain = unpacked(path).unwrap_or_else(|| path.clone());
            plain != target && plain.extension() == target.extension() && is_other(&plain)
        };
        let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(is_like).take(MOST).collect()
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
