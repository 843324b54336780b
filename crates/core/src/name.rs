//! What is counted: the canonical name, its escaped form, and the percent-decoding that leads to it.
//!
//! A [`Name`] or [`NameRef`] only exists if its text passed [`NameRef::of`], so code that takes one may build a Redis
//! key or markup from it. Only [`Name::for_file`] makes a file name, because names of events that are never files may
//! be longer than a file name. The escaped form is nginx's `set_escape_uri` with upper-case hex: what ghit.me put into
//! its Redis keys and file names.

use crate::Event;
use std::{borrow::Borrow, fmt, sync::Arc};

/// The longest name, in bytes of UTF-8.
pub const MAX_NAME: usize = 200;
/// The longest name of an event that is never a file.
pub const MAX_LONG_NAME: usize = 2048;
/// The longest escaped name. With `.svg` it stays below the 255 bytes that a file name may have.
pub const MAX_ESCAPED: usize = 240;
/// The aggregate over every name of an event.
pub const ALL: &str = "~all";
/// Counts what is over a limit, so that totals stay exact. No line can produce it: names do not start with `~`.
pub const OVERFLOW: &str = "~overflow";

/// A canonical name: decoded UTF-8 of 1 to 200 bytes, at most 240 escaped (2,048 bytes where its event is never a
/// file), without control characters, and not starting with the reserved `~`. Shared: a clone copies no text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// A canonical [`Name`], borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameRef<'a>(&'a str);

/// The text is not a canonical name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAName {
    /// No bytes at all.
    Empty,
    /// More than [`MAX_NAME`] bytes; it has this many.
    TooLong(usize),
    /// More than [`MAX_ESCAPED`] bytes in escaped form; it has this many.
    TooLongEscaped(usize),
    /// More than [`MAX_LONG_NAME`] bytes, for an event with long names; it has this many.
    TooLongForAny(usize),
    /// Not UTF-8.
    NotUtf8,
    /// Contains a control character.
    Control,
    /// Starts with `~`, which is reserved for aggregates, or is `-`, which nginx writes for a missing name.
    Reserved,
}

impl Name {
    /// Checks and copies.
    ///
    /// # Errors
    ///
    /// Which rule the text breaks: see [`NotAName`].
    pub fn new(text: &str) -> Result<Name, NotAName> {
        NameRef::new(text.as_bytes()).map(Name::from)
    }

    /// Checks for an event, and copies.
    ///
    /// # Errors
    ///
    /// Which rule the text breaks: see [`NotAName`].
    pub fn of(event: Event, text: &str) -> Result<Name, NotAName> {
        NameRef::of(event, text.as_bytes()).map(Name::from)
    }

    /// The name that hits over a limit are counted under.
    #[must_use]
    pub fn overflow() -> Name {
        Name(OVERFLOW.into())
    }

    /// The name of the aggregate over every name of an event.
    #[must_use]
    pub fn all() -> Name {
        Name(ALL.into())
    }

    /// Whether this is `~all` or `~overflow`: an aggregate, which has no badge and is not in any list of names.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        self.as_ref().is_aggregate()
    }

    /// Reads the escaped form back. `None` if `escaped` is not what [`Escaped`] writes for some name, so that two file
    /// names or keys never mean the same name. `~overflow` is read back too.
    #[must_use]
    pub fn from_escaped(escaped: &str) -> Option<Name> {
        Name::from_escaped_of(Event::HIT, escaped)
    }

    /// The same for an event, which may be one with long names.
    #[must_use]
    pub fn from_escaped_of(event: Event, escaped: &str) -> Option<Name> {
        if escaped == OVERFLOW {
            return Some(Name::overflow());
        }
        let mut decoded = Vec::with_capacity(escaped.len());
        decode_once(escaped.as_bytes(), &mut decoded);
        let name = Name::from(NameRef::of(event, &decoded).ok()?);
        (name.escaped().to_string() == escaped).then_some(name)
    }

    /// Borrows it.
    #[must_use]
    pub fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for keys.
    #[must_use]
    pub fn escaped(&self) -> Escaped<'_> {
        Escaped(&self.0)
    }

    /// The form for file names; `None` for a long name and for an aggregate, which have no file.
    #[must_use]
    pub fn for_file(&self) -> Option<Escaped<'_>> {
        NameRef::new(self.0.as_bytes()).is_ok().then(|| self.escaped())
    }
}

impl<'a> NameRef<'a> {
    /// Whether this is `~all` or `~overflow`.
    #[must_use]
    pub fn is_aggregate(self) -> bool {
        self.as_str().starts_with('~')
    }

    /// Checks without copying.
    ///
    /// # Errors
    ///
    /// Which rule the bytes break: see [`NotAName`].
    pub fn new(bytes: &'a [u8]) -> Result<NameRef<'a>, NotAName> {
        NameRef::of(Event::HIT, bytes)
    }

    /// Checks for an event without copying.
    ///
    /// # Errors
    ///
    /// Which rule the bytes break: see [`NotAName`].
    pub fn of(event: Event, bytes: &'a [u8]) -> Result<NameRef<'a>, NotAName> {
        let first = *bytes.first().ok_or(NotAName::Empty)?;
        let longest = event.longest_name();
        if bytes.len() > longest {
            return Err(if longest == MAX_NAME {
                NotAName::TooLong(bytes.len())
            } else {
                NotAName::TooLongForAny(bytes.len())
            });
        }
        // nginx writes a lone `-` for a variable that is absent, so a name `-` could be shown but never counted.
        if first == b'~' || bytes == b"-" {
            return Err(NotAName::Reserved);
        }
        let mut escaped = 0;
        let mut seen = 0;
        for &b in bytes {
            let class = CLASS[usize::from(b)];
            escaped += usize::from(class & ESCAPED);
            seen |= class;
        }
        if seen & CONTROL != 0 {
            return Err(NotAName::Control);
        }
        let in_file_name = bytes.len() + 2 * escaped;
        if longest == MAX_NAME && in_file_name > MAX_ESCAPED {
            return Err(NotAName::TooLongEscaped(in_file_name));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NotAName::NotUtf8)?;
        // U+0080 to U+009F are control characters too; the table has already checked those below.
        if seen & HIGH != 0 && text.chars().any(char::is_control) {
            return Err(NotAName::Control);
        }
        Ok(NameRef(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The form for keys.
    #[must_use]
    pub fn escaped(self) -> Escaped<'a> {
        Escaped(self.0)
    }
}

impl From<NameRef<'_>> for Name {
    fn from(name: NameRef<'_>) -> Name {
        Name(name.0.into())
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({:?})", &self.0)
    }
}

impl fmt::Display for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameRef({:?})", self.0)
    }
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAName::Empty => f.write_str("the name is empty"),
            NotAName::TooLong(has) => {
                write!(f, "the name is too long: it has {has} bytes, and {MAX_NAME} are allowed")
            }
            NotAName::TooLongEscaped(has) => write!(
                f,
                "the name is too long: it has {has} bytes in escaped form (%XX for each byte that is not plain ASCII), \
                 and {MAX_ESCAPED} are allowed"
            ),
            NotAName::TooLongForAny(has) => {
                write!(f, "the name is too long: it has {has} bytes, and {MAX_LONG_NAME} are allowed")
            }
            NotAName::NotUtf8 => f.write_str("the name is not UTF-8"),
            NotAName::Control => f.write_str("the name has a control character"),
            NotAName::Reserved => f.write_str("a name cannot begin with ~ or be a lone -"),
        }
    }
}

impl std::error::Error for NotAName {}

/// Writes a name with upper-case `%XX` for exactly the bytes that nginx's `set_escape_uri` escapes, so that it holds
/// no `/` and no `:`.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(&'a str);

impl Escaped<'_> {
    /// Appends the escaped form to `out`.
    pub fn push_to(self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = self.write_to(out);
    }

    fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut rest = self.0;
        while let Some(at) = rest.bytes().position(|b| CLASS[usize::from(b)] & ESCAPED != 0) {
            // The byte may start a character of several bytes, all of which are escaped one by one.
            let end = at + rest[at..].chars().next().map_or(1, char::len_utf8);
            out.write_str(&rest[..at])?;
            for &b in &rest.as_bytes()[at..end] {
                out.write_char('%')?;
                out.write_char(HEX[usize::from(b >> 4)].into())?;
                out.write_char(HEX[usize::from(b & 15)].into())?;
            }
            rest = &rest[end..];
        }
        out.write_str(rest)
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// Undoes `layers` layers of percent-encoding; a malformed `%` stays as it is. Borrows `input` when there is nothing
/// to undo, else decodes into `scratch`.
///
/// Only as many layers as the route says, never "until stable": a name may contain a literal `%2F`.
pub fn decode_percent<'a>(input: &'a [u8], layers: u8, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if layers == 0 || !input.contains(&b'%') {
        return input;
    }
    scratch.clear();
    decode_once(input, scratch);
    for _ in 1..layers {
        if !scratch.contains(&b'%') {
            break;
        }
        decode_in_place(scratch);
    }
    scratch
}

fn decode_once(input: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&b) = input.get(at) {
        let pair = if b == b'%' { hex_pair(input.get(at + 1..at + 3)) } else { None };
        out.push(pair.unwrap_or(b));
        at += if pair.is_some() { 3 } else { 1 };
    }
}

fn decode_in_place(bytes: &mut Vec<u8>) {
    let (mut read, mut write) = (0, 0);
    while let Some(&b) = bytes.get(read) {
        let pair = if b == b'%' { hex_pair(bytes.get(read + 1..read + 3)) } else { None };
        bytes[write] = pair.unwrap_or(b);
        read += if pair.is_some() { 3 } else { 1 };
        write += 1;
    }
    bytes.truncate(write);
}

/// The byte that two hex digits encode.
pub(crate) fn hex_pair(digits: Option<&[u8]>) -> Option<u8> {
    let &[high, low] = digits? else { return None };
    let value = |digit: u8| (digit as char).to_digit(16);
    Some((value(high)? * 16 + value(low)?) as u8)
}

/// Whether a name is what GitHub allows as `owner/repo`: an owner of 1 to 39 letters, digits and hyphens that does
/// not start with a hyphen (with an optional `_shortcode`, for accounts an enterprise manages), and a repository of
/// 1 to 100 letters, digits, `.`, `_` and `-` that is not `.` or `..`. Case is kept.
#[must_use]
pub fn is_github(name: NameRef<'_>) -> bool {
    let Some((owner, repo)) = name.as_str().split_once('/') else { return false };
    let (login, code) = owner.split_once('_').map_or((owner, None), |(login, code)| (login, Some(code)));
    let alnum = |b: u8| b.is_ascii_alphanumeric();
    (1..=39).contains(&login.len())
        && !login.starts_with('-')
        && login.bytes().all(|b| alnum(b) || b == b'-')
        && code.is_none_or(|code| !code.is_empty() && code.len() <= 39 && code.bytes().all(alnum))
        && (1..=100).contains(&repo.len())
        && repo.bytes().all(|b| alnum(b) || matches!(b, b'.' | b'_' | b'-'))
        && repo != "."
        && repo != ".."
}

const ESCAPED: u8 = 1;
const CONTROL: u8 = 2;
const HIGH: u8 = 4;

/// The class of each byte. The escaped ones are the `uri[]` table of set-misc's ngx_http_set_escape_uri.c.
static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = match b as u8 {
            0x00..=0x1F | 0x7F => CONTROL | ESCAPED,
            0x80..=0xFF => HIGH | ESCAPED,
            b' ' | b'"' | b'#' | b'%' | b'&' | b'+' | b'/' | b':' | b';' | b'<' | b'=' | b'>' | b'?'
            | b'[' | b'\\' | b']' | b'^' | b'{' | b'}' => ESCAPED,
            _ => 0,
        };
        b += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(input: &str, layers: u8) -> String {
        let mut scratch = Vec::new();
        String::from_utf8_lossy(decode_percent(input.as_bytes(), layers, &mut scratch)).into_owned()
    }

    #[test]
    fn escaped_form_is_that_of_set_escape_uri() {
        for (name, escaped) in [
            ("benwilber/bashids", "benwilber%2Fbashids"),
            ("a b+c&d=e?f#g", "a%20b%2Bc%26d%3De%3Ff%23g"),
            ("!$'()*,-._`|x~@", "!$'()*,-._`|x~@"),
            ("[\\]^{}<>;:\"%", "%5B%5C%5D%5E%7B%7D%3C%3E%3B%3A%22%25"),
            ("é/日", "%C3%A9%2F%E6%97%A5"),
            ("..", ".."),
        ] {
            assert_eq!(Name::new(name).unwrap().escaped().to_string(), escaped);
            assert_eq!(Name::from_escaped(escaped).unwrap().as_str(), name);
        }
    }

    #[test]
    fn other_spellings_of_an_escaped_name_are_refused() {
        for text in ["a%2fb", "a/b", "%61", "a%", "a%2", "a%GG", "", "~all", "%00", "%FF", "a b"] {
            assert_eq!(Name::from_escaped(text), None, "{text:?}");
        }
    }

    #[test]
    fn text_that_is_no_name_says_why() {
        let long = "a".repeat(MAX_NAME + 1);
        let wide = "/".repeat(MAX_ESCAPED / 3 + 1);
        for (text, why) in [
            (&b""[..], NotAName::Empty),
            (long.as_bytes(), NotAName::TooLong(MAX_NAME + 1)),
            (wide.as_bytes(), NotAName::TooLongEscaped(MAX_ESCAPED + 3)),
            ("日".repeat(27).as_bytes(), NotAName::TooLongEscaped(243)),
            (b"a\0", NotAName::Control),
            (b"a\x7f", NotAName::Control),
            (b"a\x1b[31m", NotAName::Control),
            ("a\u{85}".as_bytes(), NotAName::Control),
            (b"a\xff", NotAName::NotUtf8),
            (b"a\xc0\xaf", NotAName::NotUtf8),
            (b"\xed\xa0\x80", NotAName::NotUtf8),
            (b"~all", NotAName::Reserved),
            (b"~", NotAName::Reserved),
            (b"-", NotAName::Reserved),
        ] {
            assert_eq!(NameRef::new(text), Err(why), "{text:?}");
        }
        assert!(NameRef::new("a".repeat(MAX_NAME).as_bytes()).is_ok());
        assert!(NameRef::new("/".repeat(MAX_ESCAPED / 3).as_bytes()).is_ok());
    }

    #[test]
    fn only_names_of_addresses_are_long_and_they_are_no_files() {
        let long = "/".repeat(MAX_LONG_NAME);
        for event in [Event::HIT, Event::OVERFLOW, Event::new(b"visit").unwrap()] {
            assert_eq!(Name::of(event, &long), Err(NotAName::TooLong(MAX_LONG_NAME)), "{event}");
            assert_eq!(Name::from_escaped_of(event, &"%2F".repeat(MAX_LONG_NAME)), None);
        }
        let name = Name::of(Event::URL, &long).unwrap();
        assert!(name.for_file().is_none());
        assert_eq!(Name::from_escaped_of(Event::URL, &name.escaped().to_string()), Some(name));
        assert_eq!(Name::of(Event::URL, &(long + "/")), Err(NotAName::TooLongForAny(MAX_LONG_NAME + 1)));
        for (text, why) in [("~all", NotAName::Reserved), ("a\nb", NotAName::Control), ("", NotAName::Empty)]
        {
            assert_eq!(Name::of(Event::URL, text), Err(why), "{text:?}");
        }
        assert_eq!(Name::new("a/b").unwrap().for_file().unwrap().to_string(), "a%2Fb");
        assert!(Name::overflow().for_file().is_none() && Name::all().for_file().is_none());
    }

    #[test]
    fn decoding_undoes_exactly_the_layers_it_is_told() {
        for (input, one, two) in [
            ("a/b", "a/b", "a/b"),
            ("a%2Fb", "a/b", "a/b"),
            ("a%252Fb", "a%2Fb", "a/b"),
            ("a%25252Fb", "a%252Fb", "a%2Fb"),
            ("a%2fb", "a/b", "a/b"),
            ("100%", "100%", "100%"),
            ("%G1%2", "%G1%2", "%G1%2"),
            ("%%41", "%A", "%A"),
            ("%2525", "%25", "%"),
            ("a+b", "a+b", "a+b"),
        ] {
            assert_eq!(decoded(input, 0), input);
            assert_eq!(decoded(input, 1), one, "{input}");
            assert_eq!(decoded(input, 2), two, "{input}");
        }
    }

    #[test]
    fn github_rule_takes_owner_and_repo_only() {
        for good in
            ["a/b", "rust-lang/rust", "A-b-/x.y_z-", "0/...", "octo_corp/x", &format!("{}/r", "a".repeat(39))]
        {
            assert!(is_github(Name::new(good).unwrap().as_ref()), "{good}");
        }
        for bad in [
            "a",
            "a/",
            "/b",
            "a/b/c",
            "a/..",
            "a/.",
            "-a/b",
            "a b/c",
            "../x",
            "a//b",
            "a\\b/c",
            "é/b",
            "a/é",
            "_x/y",
            "a_/b",
            &format!("{}/r", "a".repeat(40)),
            &format!("a/{}", "r".repeat(101)),
            "/etc/passwd",
        ] {
            assert!(!is_github(Name::new(bad).unwrap().as_ref()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn name_and_escaped_form_are_a_bijection(text in "\\PC{1,60}") {
            if let Ok(name) = Name::new(&text) {
                let escaped = name.escaped().to_string();
                prop_assert!(escaped.len() <= MAX_ESCAPED);
                prop_assert!(!escaped.contains(['/', ':', '\0', '\\']));
                prop_assert_eq!(Name::from_escaped(&escaped), Some(name));
            }
        }

        #[test]
        fn long_names_and_their_escaped_form_are_a_bijection(text in "\\PC{1,600}") {
            if let Ok(name) = Name::of(Event::URL, &text) {
                let escaped = name.escaped().to_string();
                prop_assert!(!escaped.contains(['/', ':', ' ', '\0', '\\']));
                prop_assert_eq!(name.for_file().is_some(), Name::new(&text).is_ok());
                prop_assert_eq!(Name::from_escaped_of(Event::URL, &escaped), Some(name));
            }
        }

        #[test]
        fn any_bytes_are_a_name_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(name) = NameRef::new(&bytes) {
                prop_assert_eq!(name.as_str().as_bytes(), &bytes[..]);
                prop_assert!(!name.as_str().chars().any(char::is_control));
            }
        }

        #[test]
        fn any_escaped_text_reads_back_to_itself_or_not_at_all(text in "([a-c/%:~.]|%[0-9A-Fa-f]{2}){0,40}") {
            if let Some(name) = Name::from_escaped(&text) {
                prop_assert_eq!(name.escaped().to_string(), text);
            }
        }

        #[test]
        fn decoding_undoes_encoding(text in "\\PC{0,40}", layers in 0u8..4) {
            let mut encoded = text.clone();
            for _ in 0..layers {
                encoded = Escaped(&encoded.clone()).to_string();
            }
            prop_assert_eq!(decoded(&encoded, layers), text);
        }
    }
}
