//! Rows of stream -> frames: RFC 6587 as senders follow it, and as they break it.

use super::*;
use proptest::prelude::*;

const LIMIT: usize = 20;

/// The result of a stream: its messages, its errors, and whether its end was missing.
fn frames(framing: Framing, chunks: &[&[u8]]) -> String {
    let mut frames = Frames::new(framing, LIMIT);
    let mut out = Vec::new();
    for chunk in chunks {
        let mut rest = *chunk;
        while !rest.is_empty() {
            let (taken, frame) = frames.next(rest);
            assert!(taken > 0 || frame.is_some(), "it goes on");
            match frame {
                Some(Frame::Message(text)) => out.push(text.escape_ascii().to_string()),
                Some(Frame::Bad(reject)) => out.push(format!("!{reject}")),
                Some(Frame::Broken(reject)) => out.push(format!("!{reject}")),
                None => assert_eq!(taken, rest.len(), "without a frame all is taken"),
            }
            rest = &rest[taken..];
            // A CR may follow a line of maximum length.
            assert!(frames.kept.len() <= LIMIT + 1 + END_BYTES, "what is kept is bounded");
        }
    }
    if frames.partial().is_some() {
        out.push("!partial".to_owned());
    }
    out.join("|")
}

#[track_caller]
fn row(framing: Framing, stream: &str, expect: &str) {
    assert_eq!(frames(framing, &[stream.as_bytes()]), expect, "{stream:?}");
    let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    assert_eq!(frames(framing, &bytes), expect, "{stream:?}, a byte at a time");
}

#[test]
fn lines_end_with_lf() {
    row(Framing::Auto, "<1>a\n<2>b\n", "<1>a|<2>b");
    row(Framing::Auto, "<1>a\r\n<2>b\0\n", "<1>a|<2>b");
    row(Framing::Auto, "\n<1>a\n\n", "|<1>a|");
    row(Framing::Lines, "5 <1>a\n", "5 <1>a");
}

#[test]
fn counted_messages_end_where_their_count_says() {
    row(Framing::Auto, "4 <1>a4 <2>b", "<1>a|<2>b");
    row(Framing::Counted, "4 <1>a4 <2>b", "<1>a|<2>b");
    // syslog-ng counts its LF; others write one that they do not count.
    row(Framing::Auto, "5 <1>a\n5 <2>b\n", "<1>a\\n|<2>b\\n");
    row(Framing::Auto, "4 <1>a\n4 <2>b\n", "<1>a|<2>b");
    row(Framing::Counted, "4 <1>a\n4 <2>b\n", "<1>a|<2>b");
    // A LF inside belongs to the message.
    row(Framing::Auto, "9 <1>a\n<2>b", "<1>a\\n<2>b");
}

#[test]
fn both_may_be_mixed_in_one_stream() {
    row(Framing::Auto, "<1>a\n4 <2>b<3>c\n5 <4>d\n<5>e\n", "<1>a|<2>b|<3>c|<4>d\\n|<5>e");
}

#[test]
fn count_that_is_none_ends_the_stream() {
    for bad in ["0 ", "00005 <1>ab", "5<1>ab", "5\n", "12345678901 ", "99999999999999999999 x", "5x"] {
        row(Framing::Auto, &format!("<1>a\n{bad}<2>b\n"), "<1>a|!framing");
        row(Framing::Counted, &format!("4 <1>a{bad}<2>b\n"), "<1>a|!framing");
    }
    for bad in ["+5 <1>ab", "-5 <1>ab", " 5 <1>ab", "<1>a\n"] {
        row(Framing::Counted, bad, "!framing");
    }
    // Without a digit it is a line, and a bad one; the syslog parser rejects it.
    row(Framing::Auto, "+5 <1>ab\n<2>b\n", "+5 <1>ab|<2>b");
    let endless = "9".repeat(10_000);
    row(Framing::Auto, &endless, "!framing");
}

#[test]
fn count_over_the_limit_ends_the_stream_and_needs_no_room() {
    for bad in ["22 ", "65536 ", "1073741824 ", "9999999999 "] {
        row(Framing::Auto, &format!("{bad}<1>a"), "!too_long");
    }
    // Twenty bytes are the limit, and the LF may be counted.
    let text = "x".repeat(20);
    row(Framing::Auto, &format!("20 {text}"), &text);
    row(Framing::Auto, &format!("21 {text}\n"), &format!("{text}\\n"));
}

#[test]
fn line_over_the_limit_is_said_once_and_the_next_one_is_whole() {
    let text = "x".repeat(20);
    row(Framing::Auto, &format!("{text}\n{text}y\n<1>a\n"), &format!("{text}|!too_long|<1>a"));
    row(Framing::Auto, &format!("{text}{text}{text}{text}\n<1>a\n"), "!too_long|<1>a");
    row(Framing::Auto, &"x".repeat(10_000), "!too_long");
}

#[test]
fn end_within_a_message_is_seen() {
    for open in ["<1>a", "5", "50", "5 ", "5 <1>", "<1>a\n<"] {
        let stream = frames(Framing::Auto, &[open.as_bytes()]);
        assert!(stream.ends_with("!partial"), "{open:?}: {stream}");
    }
    row(Framing::Auto, "", "");
    // A message that was reported as too long is not reported as partial as well.
    row(Framing::Auto, &"x".repeat(21), "!too_long");
}

proptest! {
    #[test]
    fn where_chunks_end_does_not_matter(
        text in prop::collection::vec(prop_oneof![
            Just(b'\n'), Just(b' '), Just(b'<'), Just(b'a'), Just(b'\r'), b'0'..=b'9',
        ], 0..200),
        cuts in prop::collection::vec(0usize..200, 0..10),
        framing in prop_oneof![Just(Framing::Auto), Just(Framing::Lines), Just(Framing::Counted)],
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        prop_assert_eq!(frames(framing, &chunks), frames(framing, &[&text]));
        // A NUL is an end like any other, but for runs of them: the first of them may have been the end of a message.
        let mut with_nuls = text.clone();
        with_nuls.iter_mut().filter(|b| **b == b'\r').for_each(|b| *b = 0);
        with_nuls.dedup_by(|b, a| *a == 0 && *b == 0);
        let whole = frames(framing, &[&with_nuls]);
        let bytes: Vec<&[u8]> = with_nuls.chunks(1).collect();
        prop_assert_eq!(frames(framing, &bytes), whole);
    }

    #[test]
    fn what_was_framed_comes_out(
        messages in prop::collection::vec(("<[0-9a-z >]{0,15}", any::<bool>(), any::<bool>()), 0..20),
    ) {
        let mut stream = String::new();
        let mut expect = Vec::new();
        for (text, counted, lf) in &messages {
            match (*counted, *lf) {
                (true, true) => stream += &format!("{} {text}\n", text.len() + 1),
                (true, false) => stream += &format!("{} {text}", text.len()),
                (false, _) => stream += &format!("{text}\n"),
            }
            expect.push(format!("{text}{}", if *counted && *lf { "\\n" } else { "" }));
        }
        prop_assert_eq!(frames(Framing::Auto, &[stream.as_bytes()]), expect.join("|"));
    }
}

#[test]
fn message_behind_a_bad_one_is_framed_by_its_first_byte() {
    row(Framing::Auto, &format!("{}\n5 hello", "x".repeat(30)), "!too_long|hello");
    // A byte at a time, the first NUL is an end: a sender may wait behind it.
    assert_eq!(frames(Framing::Auto, &[b"\0\0\0\n5 hello"]), "!nul|hello");
}
