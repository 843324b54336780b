//! Where in a log the lines end that were counted, if an editor has removed or changed the last of them.
//!
//! `sed -i '$d'`, `head -n -5`, `ed` and a truncation by some bytes leave lines before them, and new ones may follow before
//! anybody looks. Four lines in a row that are nowhere twice say where they are, and lines behind them that were read too
//! are still passed over. Where the file was replaced and the former one is still open, lines that come again are known as
//! well: each must have its own in the former file, in the same order.

use super::super::{
    input::{Input, Portion, content, portion, retry},
    ladder::{LastLines, is_run},
    names::open_regular,
    record::{ENOUGH, Mark},
};
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
    let known = match &former {
        Some(former) => former.lines.as_slice(),
        None => read.last.all(),
    };
    let found = match behind_run(path, known, stop)? {
        None => former
            .as_ref()
            .filter(|former| former.is_whole)
            .map_or(Ok(None), |former| behind_same_order(path, &former.lines, stop))?,
        found => found,
    };
    let Some(found) = found else { return Ok(None) };
    let Some(mark) = mark_at(path, found.end, stop)? else { return Ok(None) };
    let of_known = LastLines::of(&known[..found.known]);
    let is_last = found.known == known.len();
    let follows = File::open(path)?.metadata()?.len() > found.end;
    let is_doubtful = follows && !is_last || !found.is_certain;
    Ok(Some(KeptLines { mark: Mark { last: of_known, ..mark }, is_doubtful }))
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
struct KeptEnd {
    end: u64,
    /// How many of the known lines are before it.
    known: usize,
    /// Other lines could not have been taken for them.
    is_certain: bool,
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
    Ok(Some(KeptEnd { end: end_now, known: known_now, is_certain: true }))
}

/// Behind the lines from the first on that are the known ones in their order, some of them missing. If lines follow, none
/// of them may be one of the last that were read: then lines before them were changed.
fn behind_same_order(path: &Path, known: &[u32], stop: &Stop) -> io::Result<Option<KeptEnd>> {
    let (mut place, mut is_behind, mut is_mixed) =
        (KeptEnd { end: 0, known: 0, is_certain: false }, false, false);
    let last = &known[known.len().saturating_sub(ENOUGH)..];
    each_line(content(path, 0, stop)?, stop, |line, end| {
        let print = LastLines::print(line);
        let next = || known[place.known..].iter().position(|&known| known == print);
        match if is_behind { None } else { next() } {
            Some(next) => (place.known, place.end) = (place.known + next + 1, end),
            None => is_behind = true,
        }
        is_mixed |= is_behind && place.known < known.len() && last.contains(&print);
        !is_mixed
    })?;
    Ok((place.end > 0 && !is_mixed).then_some(place))
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
    let before = portion(open_regular(path)?, offset, stop)?;
    Ok(before.map(|Portion { prefix, tail, .. }| Mark::of(offset, false, &prefix, &tail)))
}
