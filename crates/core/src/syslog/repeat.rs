//! Repeats that a relay folded into one line.
//!
//! rsyslog (`$RepeatedMsgReduction on`) writes `message repeated 9 times: [ BODY]`, with the first 800 bytes of ` BODY`
//! only. syslog-ng's `suppress()` writes `Last message 'BODY' repeated 9 times, suppressed by syslog-ng on HOST`, with
//! the first 20 bytes of the body only.
//! sysklogd, BusyBox and the BSDs write `last message repeated 9 times`. If the body is whole, it counts that many
//! times; if not, the name to count is unknown, and the line is rejected as `repeated`.

use crate::{Reject, record::MAX_WEIGHT};

/// Where syslog-ng and rsyslog cut the body that they quote.
const SYSLOG_NG_CUTS: usize = 20;
const RSYSLOG_CUTS: usize = 800;

/// How often the sender logged a body, what it logged, and whether the end of that may be missing.
pub(super) fn unfold(body: &[u8]) -> Result<(u32, &[u8], bool), Reject> {
    let body = super::without_mark(body);
    if body.first() == Some(&b'"') {
        return Ok((1, body, false));
    }
    match folded(body) {
        None => Ok((1, body, false)),
        Some(Folded { times: Some(times), content: Some(content), cut }) => {
            Ok((times, super::without_mark(content), cut))
        }
        Some(_) => Err(Reject::Repeated),
    }
}

/// The same for a text that says that something was repeated, and has the whole of it: with its tag, where a relay took
/// something else for the tag.
pub(super) fn whole(text: &[u8]) -> Option<(u32, &[u8], bool)> {
    let Folded { times, content, cut } = folded(text)?;
    Some((times?, content?, cut))
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
    /// It is as long as the relay lets it be, so it is whole only if a record ends there.
    cut: bool,
}

impl<'a> Folded<'a> {
    fn new(times: Option<u32>, content: Option<&'a [u8]>, cut: bool) -> Folded<'a> {
        // A cut body may look whole, unless a quote ends it.
        let whole = |content: &&[u8]| !content.is_empty() && (!cut || content.ends_with(b"\""));
        Folded { times, content: content.filter(whole), cut }
    }
}

fn folded(body: &[u8]) -> Option<Folded<'_>> {
    let text = body.trim_ascii();
    let text = text.strip_prefix(b"--- ").unwrap_or(text);
    if let Some(said) = after(text, b"message repeated ") {
        let (times, rest) = times(said)?;
        let content = after(rest, b": [").and_then(|rest| rest.strip_suffix(b"]"));
        let cut = content.is_some_and(|content| content.len() >= RSYSLOG_CUTS);
        return Some(Folded::new(times, content.map(|it| it.strip_prefix(b" ").unwrap_or(it)), cut));
    }
    let said = after(text, b"last message ")?;
    if let Some(said) = said.strip_prefix(b"'") {
        let end = memchr::memmem::rfind(said, b"' repeated ")?;
        let (times, _) = times(&said[end + b"' repeated ".len()..])?;
        return Some(Folded::new(times, Some(said[..end].trim_ascii_start()), end == SYSLOG_NG_CUTS));
    }
    let said = after(said, b"repeated ").or_else(|| after(said, b"buffered "))?;
    let (times, _) = times(said)?;
    Some(Folded::new(times, None, false))
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
