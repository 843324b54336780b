//! `combined` and its relatives: `common`, Apache's `vhost_combined`, Traefik's and ingress-nginx's, with fields that a
//! site has added at the beginning or the end.
//!
//! They all contain `[TIME] ... "REQUEST" STATUS BYTES`, with three words or more before the time. A line counts only
//! if all of it has that form, so two lines that a full disk joined do not count.

use super::{LoggedRequest, closing_quote};
use crate::{Reject, time::parse_clf_time};
use memchr::{memchr, memrchr};

/// The length of `20/Nov/2026:03:59:49 +0000`.
const TIME_BYTES: usize = 26;

/// The request and its time, and what follows them.
pub(super) fn request(line: &[u8]) -> Result<(LoggedRequest<'_>, &[u8]), Reject> {
    let mut from = 0;
    // The time, if there is one, comes after the last quoted field.
    let mut reject = Reject::Quote;
    loop {
        let quote = from + opening_quote(&line[from..]).ok_or(reject)?;
        let field = &line[quote + 1..];
        let end = closing_quote(field).ok_or(Reject::Quote)?;
        let (field, rest) = (&field[..end], &field[end + 1..]);
        match head(&line[..quote]) {
            Some((who, time)) => {
                let (request, time, address) = (Some(field), Some(time), Some(who));
                return Ok((LoggedRequest { request, time, address, ..LoggedRequest::default() }, rest));
            }
            // A quoted field in front, such as X-Forwarded-For.
            None if rest.first() != Some(&b' ') => return Err(Reject::Columns),
            None => (from, reject) = (quote + end + 2, Reject::Columns),
        }
    }
}

/// A quote that opens a field. The user name before the request may contain a quote, which nginx writes as `\x22` and
/// Apache as `\"`.
fn opening_quote(line: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr(b'"', &line[from..])?;
        if at == 0 || line[at - 1] != b'\\' {
            return Some(at);
        }
        from = at + 1;
    }
}

/// `WORD WORD WORD [TIME] `, and words after it. Returns the words in front, and the time.
fn head(head: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = memrchr(b'[', head)?;
    let (who, time) = (&head[..open], &head[open + 1..]);
    let (time, behind) = time.split_at_checked(TIME_BYTES)?;
    let words = behind.strip_prefix(b"] ")?;
    if !words.is_empty() && !words.ends_with(b" ") {
        return None;
    }
    // Three words, of which the last may contain spaces.
    let mut words = who.strip_suffix(b" ")?.splitn(3, |&b| b == b' ');
    let full = |word: Option<&[u8]>| word.is_some_and(|word| !word.is_empty());
    (full(words.next()) && full(words.next()) && full(words.next())).then_some((who, time))
}

/// ` STATUS BYTES`, mostly ` "REFERER" "AGENT"`, and whatever a site has added, quoted or bare.
pub(super) fn tail<'a>(entry: LoggedRequest<'a>, rest: &'a [u8]) -> Result<LoggedRequest<'a>, Reject> {
    let (&[b' ', ref status @ .., b' '], rest) = rest.split_first_chunk::<5>().ok_or(Reject::Columns)? else {
        return Err(Reject::Columns);
    };
    let (bytes, mut rest) = rest.split_at(memchr(b' ', rest).unwrap_or(rest.len()));
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits(status) || !(digits(bytes) || bytes == b"-") {
        return Err(Reject::Columns);
    }
    let (mut fields, mut quoted, mut agent) = (0, 0, None);
    while let Some(field) = rest.strip_prefix(b" ") {
        fields += 1;
        if let Some(text) = field.strip_prefix(b"\"") {
            quoted += 1;
            let end = closing_quote(text).ok_or(Reject::Quote)?;
            if (fields, quoted) == (2, 2) {
                agent = Some(&text[..end]);
            }
            rest = &text[end + 1..];
        } else {
            let end = memchr(b' ', field).unwrap_or(field.len());
            if !is_bare(&field[..end]) {
                return Err(Reject::Columns);
            }
            rest = &field[end..];
        }
    }
    if rest.is_empty() {
        Ok(LoggedRequest { status: Some(status), agent, ..entry })
    } else {
        Err(Reject::Columns)
    }
}

/// A word, with or without brackets. A single bracket belongs to the time of another line.
fn is_bare(word: &[u8]) -> bool {
    let inner = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).unwrap_or(word);
    let is_other_line =
        parse_clf_time(inner).is_some() || inner.iter().any(|b| matches!(b, b'[' | b']' | b'"'));
    !word.is_empty() && !is_other_line
}
