//! Sets of names: a pattern, or a group that the operator has named. Sum badges and the configuration use them.

use std::fmt;

/// A pattern in which each `*` matches any text, including slashes and the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

/// A text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAGlob {
    /// It has no text at all.
    Empty,
    /// It would match everything.
    Bare,
    /// Longer than any name.
    TooLong,
    /// Matching takes longer with each.
    TooMany,
    /// No name has one.
    Control,
    /// No name begins so, so it would match nothing.
    Reserved,
}

impl fmt::Display for NotAGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAGlob::Empty => "a name or pattern is missing: it is empty",
            NotAGlob::Bare => "a pattern needs something besides *",
            NotAGlob::TooLong => "a pattern has at most 200 bytes",
            NotAGlob::TooMany => "a pattern has at most 4 *",
            NotAGlob::Control => "a pattern has no control characters",
            NotAGlob::Reserved => "no name begins with ~ or is -, so nothing matches",
        })
    }
}

impl std::error::Error for NotAGlob {}

/// Names that the operator has put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameGroup {
    /// What it is called.
    pub name: String,
    /// Whose names belong to it.
    pub members: Vec<Glob>,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// See [`NotAGlob`].
    pub fn new(text: &str) -> Result<Glob, NotAGlob> {
        if text.is_empty() {
            return Err(NotAGlob::Empty);
        }
        if text.bytes().all(|b| b == b'*') {
            return Err(NotAGlob::Bare);
        }
        if text.len() > crate::MAX_NAME {
            return Err(NotAGlob::TooLong);
        }
        if text.bytes().filter(|&b| b == b'*').count() > 4 {
            return Err(NotAGlob::TooMany);
        }
        if text.chars().any(char::is_control) {
            return Err(NotAGlob::Control);
        }
        if text.starts_with('~') || text == "-" {
            return Err(NotAGlob::Reserved);
        }
        Ok(Glob(text.to_owned()))
    }

    /// The pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every match begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// Whether it is a name and not a pattern.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether a name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut left) = name.strip_prefix(first) else { return false };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The leftmost place of each part leaves the most for those that follow.
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            match left.find(part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn star_stands_for_any_text() {
        for (glob, matching, other) in [
            ("octo/*", &["octo/", "octo/a", "octo/a/b"][..], &["octo", "Octo/a", "xocto/a"][..]),
            ("*/docs", &["a/docs", "a/b/docs", "/docs"], &["docs", "a/docs2"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc"], &["acb", "ab", "bc"]),
            ("blog", &["blog"], &["blog2", "a blog", ""]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("日*", &["日本"], &["本日"]),
        ] {
            let glob = Glob::new(glob).unwrap();
            assert!(matching.iter().all(|name| glob.matches(name)), "{glob:?}");
            assert!(!other.iter().any(|name| glob.matches(name)), "{glob:?}");
        }
        for (text, why) in [
            ("", NotAGlob::Empty),
            ("**", NotAGlob::Bare),
            ("a*b*c*d*e*", NotAGlob::TooMany),
            ("a\n", NotAGlob::Control),
            ("~all", NotAGlob::Reserved),
            ("~*", NotAGlob::Reserved),
            ("-", NotAGlob::Reserved),
        ] {
            assert_eq!(Glob::new(text), Err(why));
        }
        assert_eq!(Glob::new(&"a".repeat(201)), Err(NotAGlob::TooLong));
    }

    /// The definition, without cleverness.
    fn matches(glob: &[char], name: &[char]) -> bool {
        match glob.split_first() {
            None => name.is_empty(),
            Some((&'*', rest)) => (0..=name.len()).any(|at| matches(rest, &name[at..])),
            Some((c, rest)) => {
                name.split_first().is_some_and(|(first, more)| first == c && matches(rest, more))
            }
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(glob in "[ab*]{1,7}", name in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            if let Ok(found) = Glob::new(&glob) {
                prop_assert_eq!(found.matches(&name), matches(&chars(&glob), &chars(&name)));
                prop_assert!(!found.matches(&name) || name.starts_with(found.prefix()));
            }
        }
    }
}
