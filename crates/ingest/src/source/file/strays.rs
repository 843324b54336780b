//! Files that cannot be found by name, but have the content of a file that is missing: rotated under an unusual name,
//! or into another directory, as logrotate's `olddir` does.
//!
//! Their content decides. Only their first bytes are checked here, and only while a file is missing; [`super::survey`]
//! finds out whether they have all of it.

use super::{
    book::Book,
    family::stem,
    input::{Input, beginning},
    names::{SeenFile, as_exact_as, belongs, open_regular, paths_of},
    record::{FileRecord, Print, has_enough, mtime, repeats_one_line},
};
use crate::source::Stop;
use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tracing::info;

/// How many files are opened.
const MOST: usize = 1000;
/// The largest number of directories, in addition to that of the log.
const MOST_DIRECTORIES: usize = 100;

/// Files that begin like one that is missing among `files`.
pub(super) fn strays(log: &Path, book: &Book, files: &[SeenFile], stop: &Stop) -> io::Result<Vec<PathBuf>> {
    let missing = missing(book, files, stop)?;
    let Some(since) = missing.iter().map(|record| record.mtime).min() else { return Ok(Vec::new()) };
    let listed: BTreeSet<&Path> = files.iter().map(|file| &*file.path).collect();
    let mut found = Vec::new();
    let were = missing.iter().filter_map(|record| record.path.parent());
    let were: BTreeSet<PathBuf> = were.map(Path::to_owned).collect();
    for path in candidates(log, since, &were).into_iter().filter(|path| !listed.contains(&**path)).take(MOST)
    {
        stop.check()?;
        // A file that cannot be read is assumed not to be ours.
        let Ok(first) = open_regular(&path).and_then(beginning) else { continue };
        if missing.iter().any(|record| begins_like(record, &first, is_named_like(log, &path))) {
            info!(log = %log.display(), file = %path.display(), "found by its content");
            found.push(path);
        }
    }
    Ok(found)
}

/// Records whose file is not where it was, or has another content.
fn missing<'a>(book: &'a Book, files: &[SeenFile], stop: &Stop) -> io::Result<Vec<&'a FileRecord>> {
    let by_inode: HashMap<_, &SeenFile> = files.iter().map(|file| (file.identity.inode(), file)).collect();
    let mut missing = Vec::new();
    for (_, record) in book.iter() {
        if record.gone || record.mark.offset == 0 || record.copy_of.is_some() {
            continue;
        }
        let file = by_inode.get(&record.identity.inode()).filter(|file| file.identity.is(&record.identity));
        let is_there = match file {
            None => false,
            Some(file) if file.is_unchanged(record) || record.packed.is_some() => true,
            Some(file) if file.length < record.mark.offset => false,
            Some(file) => Input::resume(open_regular(&file.path)?, &record.mark, stop)?.is_some(),
        };
        missing.extend((!is_there).then_some(record));
    }
    Ok(missing)
}

/// Files that were written to since then: all files next to the log, or where one of these was, those with a name like
/// the log's first; then files with the name of a rotated file in the directories inside and next to that of the log.
fn candidates(log: &Path, since: u64, were: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let paths = paths_of(log);
    let here: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    let is_recent = |path: &PathBuf| {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        file.map(|file| mtime(&file)).is_some_and(|mtime| mtime >= as_exact_as(mtime, since))
    };
    let beside: BTreeSet<&Path> = here.iter().copied().chain(were.iter().map(PathBuf::as_path)).collect();
    let mut beside: Vec<PathBuf> = beside.into_iter().flat_map(files_of).filter(is_recent).collect();
    beside.sort_by_key(|path| !is_named_like(log, path));
    // In a world-writable directory such as /tmp, the directories next to that of the log belong to others.
    let is_closed = |dir: &&Path| fs::metadata(dir).is_ok_and(|dir| dir.mode() & 0o002 == 0);
    let around = here.iter().flat_map(|dir| [Some(*dir), dir.parent().filter(is_closed)]).flatten();
    let dirs: BTreeSet<PathBuf> =
        around.flat_map(directories_of).filter(|dir| !here.contains(&**dir)).collect();
    let is_of_log =
        |path: &PathBuf| log.file_name().zip(path.file_name()).is_some_and(|(log, name)| belongs(log, name));
    let elsewhere = dirs.iter().take(MOST_DIRECTORIES).flat_map(|dir| files_of(dir)).filter(is_of_log);
    beside.extend(elsewhere.filter(is_recent));
    beside
}

fn files_of(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    fs::read_dir(dir).into_iter().flatten().flatten().filter(is_file).map(|entry| entry.path())
}

fn directories_of(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    fs::read_dir(dir).into_iter().flatten().flatten().filter(is_dir).map(|entry| entry.path())
}

fn is_named_like(log: &Path, path: &Path) -> bool {
    let stem = log.file_name().and_then(stem);
    stem.zip(path.file_name().and_then(|name| name.to_str())).is_some_and(|(stem, name)| name.contains(stem))
}

/// Whether a text may go on with what was read of a record's file. A few lines are evidence only where the name is, too.
fn begins_like(record: &FileRecord, first: &[u8], is_named_like: bool) -> bool {
    let Some(prefix) = first.get(..record.mark.prefix_len()) else { return false };
    let is_evidence = has_enough(prefix) || is_named_like && !repeats_one_line(prefix);
    is_evidence && Print::of(prefix) == record.mark.prefix
}
