//! Repeats that a relay folded into one line.
//!
//! rsyslog (`$RepeatedMsgReduction on`) writes `message repeated 9 times: [ BODY]`. syslog-ng's `suppress()` writes
//! `Last message 'BODY' repeated 9 times, suppressed by syslog-ng on HOST`, with the first 20 bytes of the body only.
//! sysklogd, BusyBox and the BSDs write `last message repeated 9 times`. If the body is whole, it counts that many
//! times; if not, the name to count is unknown, and the line is rejected as `repeated`.

use crate::{Reject, record::MAX_WEIGHT};

/// Where syslog-ng cuts the body that it quotes.
const SYSLOG_NG_CUTS: usize = 20;

/// How often the sender logged a body, and what it logged.
pub(super) fn unfold(body: &[u8]) -> Result<(u32, &[u8]), Reject> {
    let body = super::without_mark(body);
    if body.first() == Some(&b'"') {
        return Ok((1, body));
    }
    match folded(body) {
        None => Ok((1, body)),
        Some(Folded { times: Some(times), content: Some(content) }) => {
            Ok((times, super::without_mark(content)))
        }
        Some(_) => Err(Reject::Repeated),
    }
}

/// How often a text says that something was repeated, and what, if it contains the whole: with its tag, where a relay
/// took something else for the tag.
pub(super) fn whole(text: &[u8]) -> Option<(u32, &[u8])> {
    let Folded { times, content } = folded(text)?;
    Some((times?, content?))
}

/// Whether a body begins like this.
pub(super) fn begins(body: &[u8]) -> bool {
    folded(body).is_some()
}

/// Whether a line ends with words that say only that something was repeated.
pub(super) fn is_without_content(line: &[u8]) -> bool {
    let text = line.trim_ascii_end();
    let text = text.strip_suffix(b" ---").unwrap_or(text);
    let text = text.strip_suffix(b".").unwrap_or(text);
    let text = text.strip_suffix(b"s").unwrap_or(text);
    let Some(text) = text.strip_suffix(b" time") else { return false };
    let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let said = &text[..text.len() - digits];
    digits > 0 && (said.ends_with(b"last message repeated ") || said.ends_with(b"last message buffered "))
}

/// A line that says that something was repeated: how often, if the number is valid, and what, if it is whole.
struct Folded<'a> {
    times: Option<u32>,
    content: Option<&'a [u8]>,
}

fn folded(body: &[u8]) -> Option<Folded<'_>> {
    let text = body.trim_ascii();
    let text = text.strip_prefix(b"--- ").unwrap_or(text);
    if let Some(said) = after(text, b"message repeated ") {
        let (times, rest) = times(said)?;
        let content = after(rest, b": [").and_then(|rest| rest.strip_suffix(b"]"));
        return Some(Folded { times, content: content.map(|it| it.strip_prefix(b" ").unwrap_or(it)) });
    }
    let said = after(text, b"last message ")?;
    if let Some(said) = said.strip_prefix(b"'") {
        let end = memchr::memmem::rfind(said, b"' repeated ")?;
        let (times, _) = times(&said[end + b"' repeated ".len()..])?;
        let content = said[..end].trim_ascii_start();
        // A cut body may look whole, unless a quote ends it.
        let cut = end == SYSLOG_NG_CUTS && !content.ends_with(b"\"");
        return Some(Folded { times, content: Some(content).filter(|content| !cut && !content.is_empty()) });
    }
    let said = after(said, b"repeated ").or_else(|| after(said, b"buffered "))?;
    let (times, _) = times(said)?;
    Some(Folded { times, content: None })
}

/// What follows a phrase, ignoring case.
fn after<'a>(text: &'a [u8], phrase: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(phrase.len())?;
    start.eq_ignore_ascii_case(phrase).then_some(rest)
}

/// Reads `9 times`: how often, if it is a number that a line may count, and what follows.
fn times(text: &[u8]) -> Option<(Option<u32>, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(b" time").filter(|_| digits > 0)?;
    let number: Option<u32> = std::str::from_utf8(number).ok()?.parse().ok();
    let number = number.filter(|number| (1..=MAX_WEIGHT).contains(number));
    Some((number, rest.strip_prefix(b"s").unwrap_or(rest)))
}
