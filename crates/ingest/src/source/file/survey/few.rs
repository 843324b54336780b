//! Where in a log the lines end that were counted, if all of them are known.
//!
//! Of a log of few lines a position knows each, and of a file that was replaced and is still open all are there. An editor
//! leaves most of them, in their order. So the place is the one before which there are the most known lines for each other
//! one. A line with a time of day does not come again by chance; one without does, and then the log may be a new one.

use super::{
    super::{input::content, ladder::LastLines, record::ENOUGH},
    kept::{KeptEnd, each_line},
};
use crate::source::Stop;
use std::{collections::HashSet, io, path::Path};

/// How many digits in a row are a time in seconds, or an identifier.
const DIGITS: usize = 10;

/// How many lines are there that are known, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct KnownLines {
    /// Those with a time of day.
    timed: u64,
    all: u64,
}

/// The place behind the last of the known lines, if as many lines before it are known as are not, or if it is no further on
/// than those were.
pub(super) fn behind_known(path: &Path, known: &[u32], stop: &Stop) -> io::Result<Option<KeptEnd>> {
    // For each number of known lines, how many of these are in the lines so far.
    let mut kept = vec![KnownLines::default(); known.len() + 1];
    let (mut lines, mut best, mut found) = (0u64, None, None);
    let different: HashSet<u32> = known.iter().copied().collect();
    let are_distinct = different.len() == known.len();
    each_line(content(path, 0, stop)?, stop, |line, end| {
        lines += 1;
        let before = kept[known.len()];
        if different.contains(&LastLines::print(line)) {
            add(&mut kept, known, line);
        }
        let now = kept[known.len()];
        let is_likely = now.timed > 0 || lines <= 2 * now.all || lines <= known.len() as u64;
        let score = (now.timed, (2 * now.all).cast_signed() - lines.cast_signed());
        if now > before && is_likely && best.is_none_or(|best| score >= best) {
            best = Some(score);
            let is_certain = now.timed > 0 || are_distinct && now.all >= ENOUGH as u64;
            let is_last = now > kept[known.len() - 1];
            found = Some(KeptEnd { end, is_last, is_certain });
        }
        true
    })?;
    Ok(found)
}

/// Adds a line to the longest part of the known lines that is there in the same order.
fn add(kept: &mut [KnownLines], known: &[u32], line: &[u8]) {
    let (print, timed) = (LastLines::print(line), u64::from(tells_a_time(line)));
    let mut before = kept[0];
    for (at, known) in known.iter().enumerate() {
        let with = KnownLines { timed: before.timed + timed, all: before.all + 1 };
        before = kept[at + 1];
        if *known == print {
            kept[at + 1] = before.max(with);
        }
        kept[at + 1] = kept[at + 1].max(kept[at]);
    }
}

/// Whether a line has a time of day, as `10:22:33` or in seconds since 1970.
fn tells_a_time(line: &[u8]) -> bool {
    let is_time = |text: &[u8]| {
        text.iter().enumerate().all(|(at, byte)| match at {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
    };
    line.windows("10:22:33".len()).any(is_time)
        || line.windows(DIGITS).any(|text| text.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_time_of_day_are_known() {
        for (line, has) in [
            ("\"1732999999.123\",\"a\"", true),
            ("1.2.3.4 - - [20/Nov/2026:10:22:33 +0000] \"GET / HTTP/1.1\"", true),
            ("\"2026-11-20T10:22:33Z\",\"a\"", true),
            ("\"2026-11-20\",\"a\"", false),
            ("\"2026-11-20\",\"a:10:22\",\"123456789\"", false),
            ("", false),
        ] {
            assert_eq!(tells_a_time(line.as_bytes()), has, "{line}");
        }
    }
}
