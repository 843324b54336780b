//! One log of snow-trace, line by line, up to the length it had at the first look.
//!
//! Lines end only in LF, as for snow-trace and for editors, so that line numbers are those an operator sees. The logs
//! of web servers are cut by other rules (`core::Cutter`).

use super::{
    super::{CHUNK, MAX_LINE, domain},
    record::{BrokenRecord, Whose, read},
};
use sha2::Digest;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};
use tallymark_core::{Now, Visit};

/// A digest of what was read.
pub(super) type TracePrint = [u8; 32];

/// Hands out every line that has something in it. Answers a digest of all bytes.
pub(super) fn scan(
    path: &Path,
    length: u64,
    whose: Whose<'_>,
    now: Now,
    mut each: impl FnMut(u64, Result<Visit, BrokenRecord>),
) -> io::Result<TracePrint> {
    let mut input = BufReader::with_capacity(CHUNK.min(length as usize + 1), File::open(path)?.take(length));
    let (mut digest, mut line) = (domain("snow-trace log"), Vec::new());
    for number in 1.. {
        line.clear();
        if input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        digest.update(&line);
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if text.len() > MAX_LINE {
            skip_line(&mut input, |part| digest.update(part))?;
            each(number, Err(BrokenRecord::TooLong));
        } else if !text.trim_ascii().is_empty() {
            each(number, read(text, whose, now));
        }
    }
    Ok(digest.finalize().into())
}

/// Reads to the end of a line that is too long to be kept.
fn skip_line(input: &mut impl BufRead, mut seen: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let end = memchr::memchr(b'\n', chunk).map(|at| at + 1);
        let taken = end.unwrap_or(chunk.len());
        seen(&chunk[..taken]);
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::Event;

    #[test]
    fn lines_have_the_numbers_of_an_editor_and_long_ones_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.jsonl");
        let whose = Whose { event: Event::VISIT, namespace: "n", key: "k" };
        let good =
            r#"{"timestamp":"2025-01-01T00:00:00.000Z","namespace":"n","key":"k","count":1,"type":"visit"}"#;
        let text = format!("{good}\r\n\n{}\n\u{0}\n{good}\n{good}", "x".repeat(MAX_LINE + 1));
        std::fs::write(&path, &text).unwrap();
        let seen = |length| {
            let mut seen = Vec::new();
            let now = Now { unix_ms: 1_795_147_189_000 };
            let print = scan(&path, length, whose, now, |line, read| seen.push((line, read.err()))).unwrap();
            (print, seen)
        };
        let (print, all) = seen(text.len() as u64);
        let (long, bad) = (Some(BrokenRecord::TooLong), Some(BrokenRecord::NotJson));
        assert_eq!(all, [(1, None), (3, long), (4, bad), (5, None), (6, None)]);
        let (shorter, most) = seen(text.len() as u64 - 1);
        assert_eq!(most[4], (6, bad));
        assert_ne!(print, shorter);
    }
}
