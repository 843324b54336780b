//! Which word of a header is the tag.
//!
//! If one of its first few words, less `:` and `[pid]`, is the tag of a route, that is the tag. Everything else in a
//! header varies: the host may be doubled, in two spellings, or missing; relays write the tag with a colon or without
//! (rsyslog cuts it and its colon off at 32 bytes), or put a whole header in front of the existing one.

use super::{Message, Missed, header, message, priority, repeat, rfc5424, rfc5424_fields, time};
use crate::{Reject, Routes};

/// How many words of a header may be searched: a host, a host doubled by a relay, and one to spare before the tag.
const WORDS: u8 = 4;
/// How many words a line may begin with, those of its times included.
const MAX_WORDS: u8 = 40;

/// A word as a tag.
struct Word<'a> {
    tag: &'a [u8],
    /// Whether it ends in a colon, or in the quote or brace of a record, which a host never does.
    colon: bool,
    /// What follows the colon or the word.
    rest: &'a [u8],
}

/// Finds the tag and what follows it among the words of a header that comes after `priority`.
pub(super) fn among_words<'a>(
    priority: u8,
    text: &'a [u8],
    routes: &Routes,
    nested: u8,
) -> Result<Message<'a>, Missed<'a>> {
    let mut search =
        Search { priority, routes, nested, rest: text, left: WORDS, bare: None, other: None, last: None };
    for _ in 0..MAX_WORDS {
        match search.step() {
            TagStep::On => {}
            TagStep::Found(found) => return Ok(found),
            TagStep::Header(found) => return found.or_else(|missed| search.bare.ok_or(missed)),
            TagStep::Record => {
                let tag = search.other.or(search.last);
                return search.bare.ok_or(Missed { reject: Reject::Tag, tag });
            }
            TagStep::End => break,
        }
    }
    search.bare.ok_or(Missed { reject: Reject::Tag, tag: search.other })
}

/// The tag, if a word is the tag of a route and nothing else.
pub(super) fn alone<'a>(word: &'a [u8], routes: &Routes) -> Option<&'a [u8]> {
    let word = as_tag(word)?;
    (word.rest.is_empty() && routes.has_tag(word.tag)).then_some(word.tag)
}

/// Whether a text begins with the tag of a route and its colon, perhaps behind blanks: rsyslog leaves one there.
pub(super) fn begins(text: &[u8], routes: &Routes) -> bool {
    as_tag(text.trim_ascii_start()).is_some_and(|word| word.colon && routes.has_tag(word.tag))
}

struct Search<'a, 'r> {
    priority: u8,
    routes: &'r Routes,
    nested: u8,
    rest: &'a [u8],
    /// How many more words may be searched.
    left: u8,
    /// The last tag without a colon. It may be a host with the same name, so the search continues.
    bare: Option<Message<'a>>,
    /// The first word with a colon that is not the tag of a route.
    other: Option<&'a [u8]>,
    /// The last word that might have been a tag.
    last: Option<&'a [u8]>,
}

enum TagStep<'a> {
    On,
    Found(Message<'a>),
    /// A whole header is here, with what was found in it.
    Header(Result<Message<'a>, Missed<'a>>),
    /// The header ends and the body begins here.
    Record,
    End,
}

impl<'a> Search<'a, '_> {
    fn step(&mut self) -> TagStep<'a> {
        let rest = self.rest.trim_ascii_start();
        let end = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() || self.left == 0 {
            return TagStep::End;
        }
        self.rest = after;
        if let Some(found) = as_tag(rest).filter(|found| self.routes.has_tag(found.tag)) {
            return self.tag(&found);
        }
        if let Some(found) = self.inner_header(rest) {
            return TagStep::Header(found);
        }
        if let Some(after) = time::skip(rest).filter(|_| self.nested > 0) {
            (self.rest, self.left, self.bare, self.nested) = (after, WORDS, None, self.nested - 1);
            return TagStep::On;
        }
        if word.contains(&b'"') || word.contains(&b',') {
            self.last = before_record(word).or(self.last);
            return TagStep::Record;
        }
        if let Some((times, content, cut)) = repeat::whole(rest).filter(|_| self.nested > 0) {
            let found = among_words(self.priority, content, self.routes, self.nested - 1);
            return TagStep::Header(found.map(|found| Message { times, cut, ..found }));
        }
        if repeat::begins(rest) {
            return TagStep::End;
        }
        self.other(word);
        TagStep::On
    }

    fn tag(&mut self, found: &Word<'a>) -> TagStep<'a> {
        let body = found.rest.strip_prefix(b" ").unwrap_or(found.rest);
        let message = message(self.priority, found.tag, body);
        if found.colon {
            return TagStep::Found(message);
        }
        if !body.is_empty() {
            self.bare = Some(message);
        }
        self.left -= 1;
        TagStep::On
    }

    /// The meaning of a header that a relay put another one in front of. The search does not return from it, so a line
    /// of many headers costs no more than any other.
    fn inner_header(&self, rest: &'a [u8]) -> Option<Result<Message<'a>, Missed<'a>>> {
        let nested = self.nested.checked_sub(1)?;
        if let Some((priority, rest)) = priority(rest) {
            return Some(header(priority, rest, self.routes, nested));
        }
        // A relay that does not know RFC 5424 removes the priority, may take the version for the program (as
        // syslog-ng's network() source does), and leaves the rest.
        let versioned = rest.strip_prefix(b"1 ");
        if versioned.is_none() && time::skip_iso(rest).is_none() {
            return None;
        }
        let fields = rfc5424_fields(versioned.unwrap_or(rest)).filter(|fields| fields.is_header())?;
        Some(rfc5424(self.priority, fields, self.routes, nested))
    }

    /// A word that is not the tag of a route.
    fn other(&mut self, word: &'a [u8]) {
        let bare = word.strip_suffix(b":").unwrap_or(word);
        if is_of_a_time(bare) {
            return;
        }
        self.last = Some(bare);
        self.left -= 1;
        if bare.len() < word.len() {
            // The tag of another program, or a host that a relay took for one. Only the latter is followed directly by
            // a tag.
            self.other = self.other.or(as_tag(word).map(|word| word.tag));
            (self.bare, self.left) = (None, self.left.min(1));
        }
    }
}

/// Whether a word is a year, a zone, or the number that Cisco's devices count their messages with.
fn is_of_a_time(word: &[u8]) -> bool {
    let zone = word.len() <= 5 && word.iter().all(u8::is_ascii_uppercase);
    zone || word.iter().all(|b| b.is_ascii_digit() || b"+-:".contains(b))
}

/// The word directly in front of a record, if it looks like a tag.
fn before_record(word: &[u8]) -> Option<&[u8]> {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./".contains(b);
    let found = as_tag(word).filter(|found| is_record(found.rest))?;
    found.tag.iter().all(is_plain).then_some(found.tag)
}

fn is_record(text: &[u8]) -> bool {
    matches!(text, [b'"' | b'{', ..])
}

/// The tag is what comes before the pid, the colon or the space. rsyslog may cut it off inside the pid. Its
/// `%syslogtag%%msg%` leaves nothing between the tag and the record of an RFC 5424 message.
fn as_tag(text: &[u8]) -> Option<Word<'_>> {
    let end = text.iter().position(|b| b" :[\"{".contains(b)).unwrap_or(text.len());
    let (tag, mut rest) = text.split_at(end);
    if rest.starts_with(b"[") {
        let close = rest.iter().position(|b| b" ]".contains(b)).unwrap_or(rest.len());
        rest = rest[close..].strip_prefix(b"]").unwrap_or(&rest[close..]);
    }
    let behind = rest.strip_prefix(b":");
    let colon = behind.is_some() || is_record(rest);
    let whole = colon || rest.is_empty() || rest.starts_with(b" ");
    (whole && !tag.is_empty()).then_some(Word { tag, colon, rest: behind.unwrap_or(rest) })
}
