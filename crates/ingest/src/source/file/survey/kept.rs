//! Where in a log the lines end that were counted, if an editor has removed or changed the last of them.
//!
//! `sed -i '$d'`, `head -n -5`, `ed` and a truncation by some bytes leave lines before them, and new ones may follow before
//! anybody looks. Four lines in a row that are nowhere twice say where they are, and lines behind them that were read too
//! are still passed over. Where all lines are known, because they were few, or because the file was replaced and the former
//! one is still open, [`super::few`] needs no four in a row.

use super::super::{
    input::{Input, Portion, content, is_packed, last_lines, portion, retry},
    ladder::{LastLines, is_run},
    names::open_regular,
    record::{ENOUGH, Mark},
};
use super::few;
use crate::source::Stop;
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

/// How much is looked through at a time, and how much of a former file is.
pub(super) const CHUNK: usize = 256 * 1024;

/// What was found.
pub(super) struct KeptLines {
    pub(super) mark: Mark,
    /// Other lines could not have been taken for those that were read.
    pub(super) is_certain: bool,
    /// What follows may be new, or changed.
    pub(super) is_doubtful: bool,
}

/// The place behind the last line that was read and is still there. `replaced` is the former file, if it is open.
pub(super) fn behind_kept_lines(
    path: &Path,
    read: &Mark,
    replaced: Option<&File>,
    stop: &Stop,
) -> io::Result<Option<KeptLines>> {
    let former = match replaced {
        // It has no name any more, so another file was put in its place. It may have been edited itself before that.
        Some(file)
            if file.metadata()?.nlink() == 0 && Input::resume(file.try_clone()?, read, stop)?.is_some() =>
        {
            former(file, read.offset)?
        }
        _ => None,
    };
    let (known, is_all) = match &former {
        Some(former) => (former.lines.as_slice(), former.is_whole),
        None => (read.last.all(), read.knows_all_lines()),
    };
    let found = match behind_run(path, known, stop)? {
        None if is_all => few::behind_known(path, known, stop)?,
        found => found,
    };
    let Some(KeptEnd { end, is_last, is_certain }) = found else { return Ok(None) };
    let Some(mark) = mark_at(path, end, stop)? else { return Ok(None) };
    let is_doubtful = open_regular(path)?.metadata()?.len() > end && !is_last;
    Ok(Some(KeptLines { mark, is_certain, is_doubtful }))
}

/// The last lines of a file that were read.
struct Former {
    lines: Vec<u32>,
    /// They are all.
    is_whole: bool,
}

fn former(file: &File, read: u64) -> io::Result<Option<Former>> {
    let start = read.saturating_sub(CHUNK as u64);
    let mut text = vec![0; (read - start) as usize];
    match file.read_exact_at(&mut text, start) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    let is_end = |byte: &u8| matches!(byte, b'\n' | 0);
    // The first may be cut.
    let cut = usize::from(start > 0);
    let lines = text.split_inclusive(is_end).skip(cut).filter(|line| line.len() > 1);
    Ok(Some(Former { lines: lines.map(LastLines::print).collect(), is_whole: start == 0 }))
}

/// Where lines end that were read.
pub(super) struct KeptEnd {
    pub(super) end: u64,
    /// The last of the known lines is before it.
    pub(super) is_last: bool,
    /// Other lines could not have been taken for them.
    pub(super) is_certain: bool,
}

/// Behind the last four known lines in a row that are there, each of them once, and behind the known ones that follow.
fn behind_run(path: &Path, known: &[u32], stop: &Stop) -> io::Result<Option<KeptEnd>> {
    let mut places: HashMap<u32, Option<usize>> = HashMap::new();
    for (at, &print) in known.iter().enumerate() {
        places.entry(print).and_modify(|at| *at = None).or_insert(Some(at));
    }
    let (mut seen, mut again, mut runs) = (HashSet::new(), HashSet::new(), HashMap::new());
    let mut last = LastLines::default();
    each_line(content(path, 0, stop)?, stop, |line, end| {
        last.line(line);
        let print = LastLines::print(line);
        let Some(&place) = places.get(&print) else { return true };
        if !seen.insert(print) {
            again.insert(print);
        }
        if let Some(at) = place.filter(|at| at + 1 >= ENOUGH)
            && known[at + 1 - ENOUGH..=at] == *last.end()
        {
            runs.insert(at, end);
        }
        true
    })?;
    let is_single = |print: &u32| places.get(print).is_some_and(Option::is_some) && !again.contains(print);
    let is_evidence = |&(&at, _): &(&usize, &u64)| {
        let run = &known[at + 1 - ENOUGH..=at];
        is_run(run) && run.iter().all(is_single)
    };
    let Some((&at, &end)) = runs.iter().filter(is_evidence).max() else { return Ok(None) };
    let (mut known_now, mut end_now) = (at + 1, end);
    each_line(content(path, end, stop)?, stop, |line, further| {
        let print = LastLines::print(line);
        if let Some(next) = known[known_now..].iter().position(|&known| known == print) {
            (known_now, end_now) = (known_now + next + 1, end + further);
        }
        known_now < known.len()
    })?;
    Ok(Some(KeptEnd { end: end_now, is_last: known_now == known.len(), is_certain: true }))
}

/// Hands out whole lines and where each of them ends, until that answers no.
pub(super) fn each_line(
    mut content: impl Read,
    stop: &Stop,
    mut each: impl FnMut(&[u8], u64) -> bool,
) -> io::Result<()> {
    let (mut line, mut at, mut chunk) = (Vec::new(), 0, vec![0; CHUNK]);
    loop {
        stop.check()?;
        let length = read_full(&mut content, &mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        for part in chunk[..length].split_inclusive(|&byte| matches!(byte, b'\n' | 0)) {
            at += part.len() as u64;
            line.extend_from_slice(part);
            if !part.ends_with(b"\n") && !part.ends_with(&[0]) {
                continue;
            }
            // Empty ones are none.
            if line.len() > 1 && !each(&line, at) {
                return Ok(());
            }
            line.clear();
        }
    }
}

/// Reads until there is no more room, or no more to read.
pub(super) fn read_full(content: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match retry(|| content.read(&mut into[read..]))? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// The mark behind so many bytes of a file.
pub(super) fn mark_at(path: &Path, offset: u64, stop: &Stop) -> io::Result<Option<Mark>> {
    let file = open_regular(path)?;
    let last = if is_packed(&file)? { LastLines::default() } else { last_lines(&file, offset)? };
    let before = portion(file, offset, stop)?;
    Ok(before.map(|Portion { prefix, tail, .. }| Mark { last, ..Mark::of(offset, false, &prefix, &tail) }))
}
