//! Access logs of any form, described by a format string as in nginx's `log_format` or Apache's `LogFormat`.
//!
//! Each variable's text extends to the literal that follows the variable in the format string. In quotes it extends to
//! the closing quote; elsewhere it contains no quote, so that two joined lines do not match.

use super::{Fact, LoggedRequest, closing_quote, statement::format_string};
use crate::{Escape, Reject};
use memchr::{memchr, memmem};
use std::fmt;

/// A parsed format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    head: Vec<u8>,
    fields: Vec<Field>,
    escape: Escape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    fact: Fact,
    /// The literal after it.
    behind: Vec<u8>,
    /// A path follows it directly.
    until_slash: bool,
}

/// The nginx variables that are read.
const VARIABLES: &[(&str, Fact)] = &[
    ("request", Fact::Request),
    ("request_method", Fact::Method),
    ("request_uri", Fact::Target),
    ("uri", Fact::Path),
    ("document_uri", Fact::Path),
    ("is_args", Fact::QuestionMark),
    ("args", Fact::Query),
    ("query_string", Fact::Query),
    ("arg_repo", Fact::Name),
    ("status", Fact::Status),
    ("time_local", Fact::LocalTime),
    ("time_iso8601", Fact::Time),
    ("msec", Fact::Time),
    ("http_user_agent", Fact::Agent),
    ("remote_addr", Fact::Address),
    ("http_sec_gpc", Fact::Gpc),
    ("http_dnt", Fact::Dnt),
];

/// The length of `20/Nov/2026:03:59:49 +0000`.
const LOCAL_TIME_BYTES: usize = 26;

/// Why a text is not a usable format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPattern {
    /// It has no variable.
    NoVariable,
    /// Nothing in it says which badge was requested.
    NoRequest,
    /// There is nothing between two variables, so it is unclear where the first ends.
    Adjacent,
    /// A directive of Apache that is not known.
    Unknown(String),
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPattern::NoVariable => f.write_str("it has no variable such as $request or %r"),
            BadPattern::NoRequest => f.write_str(
                "it does not say what was requested: it needs $request, $request_uri, $uri or $arg_repo (Apache: %r or %U)",
            ),
            BadPattern::Adjacent => {
                f.write_str("two variables have nothing between them, so the end of the first cannot be found")
            }
            BadPattern::Unknown(text) => write!(f, "{text} is no directive of Apache's that is read"),
        }
    }
}

impl std::error::Error for BadPattern {}

enum Token {
    Text(u8),
    Variable(Fact),
}

impl Pattern {
    /// Reads a format string: Apache's if it has `%` and no `$`, else nginx's. The whole statement that has it will do.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, or that nothing in it says which page was requested.
    pub fn parse(text: &str) -> Result<Pattern, BadPattern> {
        let text = &*format_string(text);
        let tokens = if text.contains('$') { nginx(text) } else { apache(text)? };
        let mut pattern = Pattern { head: Vec::new(), fields: Vec::new(), escape: Escape::Default };
        for token in with_queries(tokens) {
            match (token, pattern.fields.last_mut()) {
                (Token::Text(byte), None) => pattern.head.push(byte),
                (Token::Text(byte), Some(field)) => field.behind.push(byte),
                // A path begins with a slash, which ends the value before it.
                (Token::Variable(fact), Some(before))
                    if before.behind.is_empty() && !matches!(fact, Fact::Target | Fact::Path) =>
                {
                    return Err(BadPattern::Adjacent);
                }
                (Token::Variable(fact), before) => {
                    if let Some(before) = before {
                        before.until_slash = before.behind.is_empty();
                    }
                    pattern.fields.push(Field { fact, behind: Vec::new(), until_slash: false });
                }
            }
        }
        if pattern.fields.is_empty() {
            return Err(BadPattern::NoVariable);
        }
        let tells =
            |field: &Field| matches!(field.fact, Fact::Request | Fact::Target | Fact::Path | Fact::Name);
        if !pattern.fields.iter().any(tells) {
            return Err(BadPattern::NoRequest);
        }
        if pattern.head.first() == Some(&b'{') {
            pattern.escape = Escape::Json;
        }
        Ok(pattern)
    }

    /// How its values are escaped: as JSON if it is an object, else as nginx does by default.
    pub(super) fn escape(&self) -> Escape {
        self.escape
    }

    /// The first value of a line.
    pub(super) fn first<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        let (first, rest) = (self.fields.first()?, line.strip_prefix(&self.head[..])?);
        Some(&rest[..first.end(rest).ok()?])
    }

    /// Reads one line, all of it.
    pub(super) fn read<'a>(&self, line: &'a [u8]) -> Result<LoggedRequest<'a>, Reject> {
        let mut rest = line.strip_prefix(&self.head[..]).ok_or(Reject::Columns)?;
        let mut entry = LoggedRequest::default();
        for field in &self.fields {
            let end = field.end(rest)?;
            let value = &rest[..end];
            rest = rest[end..].strip_prefix(&field.behind[..]).ok_or(Reject::Columns)?;
            if !field.is_quoted() && memchr(b'"', value).is_some() {
                return Err(Reject::Quote);
            }
            if let Some(place) = entry.place(field.fact) {
                place.get_or_insert(value);
            }
        }
        if !rest.is_empty() {
            return Err(Reject::Columns);
        }
        let is_status = |status: &[u8]| status.len() == 3 && status.iter().all(u8::is_ascii_digit);
        if entry.status.is_some_and(|status| !is_status(status)) {
            return Err(Reject::Columns);
        }
        Ok(entry)
    }
}

impl Field {
    fn is_quoted(&self) -> bool {
        self.behind.first() == Some(&b'"')
    }

    /// Where its value ends.
    fn end(&self, rest: &[u8]) -> Result<usize, Reject> {
        if self.is_quoted() {
            return closing_quote(rest).ok_or(Reject::Quote);
        }
        if self.fact == Fact::LocalTime && rest.len() >= LOCAL_TIME_BYTES {
            return Ok(LOCAL_TIME_BYTES);
        }
        if self.until_slash {
            return memchr(b'/', rest).ok_or(Reject::Columns);
        }
        if self.behind.is_empty() {
            return Ok(rest.len());
        }
        let mut from = 0;
        loop {
            let end = from + memmem::find(&rest[from..], &self.behind).ok_or(Reject::Columns)?;
            // nginx writes several upstreams as `a, b` and `a : b`.
            let goes_on =
                self.behind[0] == b' ' && (rest[..end].ends_with(b",") || rest[end..].starts_with(b" : "));
            if !goes_on {
                return Ok(end);
            }
            from = end + if rest[end..].starts_with(b" : ") { 3 } else { 1 };
        }
    }
}

/// `$is_args$args` is the query with its question mark; right behind a path, it and the path are one text.
fn with_queries(tokens: Vec<Token>) -> Vec<Token> {
    use {Fact::*, Token::Variable};
    let mut merged: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let marked =
            matches!(token, Variable(Query)) && matches!(merged.last(), Some(Variable(QuestionMark)));
        if marked {
            merged.pop();
        }
        if !(marked && matches!(merged.last(), Some(Variable(Path)))) {
            merged.push(token);
        }
    }
    merged
}

/// `$name` and `${name}`.
fn nginx(text: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let (name, behind) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, behind)) => (name, behind),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        if first == '$' && !name.is_empty() {
            let known = VARIABLES.iter().find(|(known, _)| *known == name);
            tokens.push(Token::Variable(known.map_or(Fact::Other, |(_, fact)| *fact)));
            rest = behind;
        } else {
            tokens.extend(rest.as_bytes()[..first.len_utf8()].iter().map(|&byte| Token::Text(byte)));
            rest = after;
        }
    }
    tokens
}

/// `%h`, `%>s`, `%{User-Agent}i`, and `\"` for a quote.
fn apache(text: &str) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '\\']) {
        tokens.extend(rest.as_bytes()[..at].iter().map(|&byte| Token::Text(byte)));
        let (sign, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        if sign == b'\\' {
            let byte = after.bytes().next().unwrap_or(b'\\');
            let is_ascii = byte.is_ascii();
            tokens.push(Token::Text(match byte {
                b't' => b'\t',
                _ if !is_ascii => b'\\',
                byte => byte,
            }));
            rest = &after[usize::from(is_ascii && !after.is_empty())..];
            continue;
        }
        let condition =
            after.trim_start_matches(|c: char| matches!(c, '<' | '>' | '!' | ',') || c.is_ascii_digit());
        let (what, letter) = match condition.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((what, letter)) => (Some(what), letter),
            None => (None, condition),
        };
        let kind = letter.chars().next().unwrap_or(' ');
        let unknown = || BadPattern::Unknown(format!("%{kind}"));
        let fact = match (kind, what) {
            ('%', None) => None,
            ('r', None) => Some(Fact::Request),
            ('U', None) => Some(Fact::Path),
            ('q', None) => Some(Fact::Query),
            ('m', None) => Some(Fact::Method),
            ('s', None) => Some(Fact::Status),
            ('t', None) => Some(Fact::LocalTime),
            ('t', Some("sec" | "msec")) => Some(Fact::Time),
            ('i', Some(header)) if header.eq_ignore_ascii_case("user-agent") => Some(Fact::Agent),
            ('i', Some(header)) if header.eq_ignore_ascii_case("sec-gpc") => Some(Fact::Gpc),
            ('i', Some(header)) if header.eq_ignore_ascii_case("dnt") => Some(Fact::Dnt),
            ('a' | 'h', None) => Some(Fact::Address),
            ('a'..='z' | 'A'..='Z', _) if kind != 't' => Some(Fact::Other),
            _ => return Err(unknown()),
        };
        match (fact, kind) {
            (None, _) => tokens.push(Token::Text(b'%')),
            (Some(Fact::LocalTime), _) => {
                // Its brackets are part of it.
                tokens.extend([Token::Text(b'['), Token::Variable(Fact::LocalTime), Token::Text(b']')]);
            }
            (Some(Fact::Query), _) => {
                tokens.extend([Token::Variable(Fact::QuestionMark), Token::Variable(Fact::Query)]);
            }
            (Some(fact), _) => tokens.push(Token::Variable(fact)),
        }
        rest = &letter[kind.len_utf8().min(letter.len())..];
    }
    tokens.extend(rest.bytes().map(Token::Text));
    Ok(tokens)
}
