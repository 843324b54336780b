//! Rows of bytes -> lines, and a check that every way of reading finds the same lines.

use super::*;
use crate::{Frame, Frames, Framing};
use proptest::prelude::*;

fn shown(line: Line<'_>) -> String {
    match line {
        Line::Whole(line) => format!("{}|", String::from_utf8_lossy(line)),
        Line::Bad(reject) => format!("!{reject}|"),
    }
}

/// As imports and replays read.
fn in_chunks(chunks: &[&[u8]], limit: usize) -> String {
    let (mut lines, mut seen) = (Lines::new(limit), String::new());
    for chunk in chunks {
        lines.push(chunk, |line| seen += &shown(line));
    }
    lines.finish(|line| seen += &shown(line));
    seen
}

fn cut(text: &[u8]) -> String {
    in_chunks(&[text], 5)
}

/// As a TCP connection reads.
fn framed(chunks: &[&[u8]], limit: usize) -> String {
    let (mut frames, mut seen) = (Frames::new(Framing::Lines, limit), String::new());
    for chunk in chunks {
        let mut rest = *chunk;
        while !rest.is_empty() {
            let (taken, frame) = frames.next(rest);
            rest = &rest[taken..];
            match frame {
                Some(Frame::Message(line)) => seen += &shown(Line::Whole(line)),
                Some(Frame::Bad(reject)) => seen += &shown(Line::Bad(reject)),
                Some(Frame::Broken(reject)) => panic!("{reject}"),
                None => {}
            }
        }
    }
    seen
}

#[test]
fn line_ends_with_lf_cr_lf_or_nul_and_any_of_them_together() {
    for end in ["\n", "\r\n", "\0", "\r\0", "\0\n", "\n\0", "\0\r\n", "\r\n\0", "\r\0\n"] {
        let text = format!("a{end}b{end}c{end}");
        assert_eq!(cut(text.as_bytes()), "a|b|c|", "{end:?}");
        assert_eq!(framed(&[text.as_bytes()], 5), "a|b|c|", "{end:?} over TCP");
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(in_chunks(&bytes, 5), "a|b|c|", "{end:?} byte by byte");
    }
    assert_eq!(cut(b"a\n\nb\nc"), "a||b|c|", "an empty line is one, and the last may lack its end");
}

/// Over TCP a sender waits after the NUL, and its message counts at once.
#[test]
fn nul_ends_a_message_over_tcp_before_anything_follows_it() {
    assert_eq!(framed(&[b"a\0", b"b\0", b"\nc\0"], 5), "a|b|c|");
    assert_eq!(framed(&[b"a\0", b"\0\0b\n"], 5), "a|!nul|b|");
}

#[test]
fn run_of_nuls_is_one_reject_and_what_follows_is_a_line() {
    assert_eq!(cut(b"a\n\0\0\0\0\0\0\0\0b\n"), "a|!nul|b|");
    assert_eq!(cut(b"to\0\0\0rn\nc\n"), "!partial|!nul|rn|c|");
    assert_eq!(cut(b"\0\0\0\nc\n"), "!nul|c|");
    assert_eq!(cut(b"\0\0\n\0\0\nc\n"), "!nul|!nul|c|");
    assert_eq!(cut(b"a\n\0\0"), "a|!nul|");
}

#[test]
fn line_over_the_limit_is_one_reject_and_the_next_one_is_whole() {
    assert_eq!(cut(b"12345\r\n123456\n1"), "12345|!too_long|1|");
    assert_eq!(in_chunks(&[b"123", b"456", b"789", b"\nok\n"], 5), "!too_long|ok|");
    assert_eq!(in_chunks(&[b"123", b"456", b"789", b"\0ok\0"], 5), "!too_long|ok|");
    assert_eq!(cut(b"123456789"), "!too_long|");
}

#[test]
fn byte_order_mark_costs_no_line_and_utf_16_is_named() {
    assert_eq!(cut(b"\xEF\xBB\xBFa\nb\n"), "a|b|");
    assert_eq!(in_chunks(&[b"\xEF", b"\xBB", b"\xBF", b"a\n"], 5), "a|");
    assert_eq!(framed(&[b"\xEF\xBB\xBFa\nb\n"], 5), "a|b|");
    for encode in [u16::to_le_bytes, u16::to_be_bytes] {
        let text: Vec<u8> = "\u{FEFF}a\nb\n".encode_utf16().flat_map(encode).collect();
        assert_eq!(cut(&text), "!utf16|!utf16|");
    }
}

proptest! {
    #[test]
    fn where_chunks_end_does_not_matter_and_tcp_reads_as_files_do(
        text in prop::collection::vec(prop::sample::select(&b"\n\n\r\0\0ab\xEF\xBB\xBF\xFF\xFE"[..]), 0..200),
        cuts in prop::collection::vec(0usize..200, 0..10), limit in 1usize..12,
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let whole = in_chunks(&[&text], limit);
        prop_assert_eq!(in_chunks(&chunks, limit), whole.clone());
        // Without an unterminated last line, which only a complete file may have.
        let mut ended = text.clone();
        ended.extend_from_slice(b"\n");
        prop_assert_eq!(framed(&[&ended], limit), in_chunks(&[&ended], limit));
    }
}
