//! The path prefix of Bootic's API.

use std::fmt;
use tallymark_core::OWN_SEGMENTS;

/// The path in Bootic's own README, served whatever the prefix.
pub(crate) const USUAL: &str = "/api/stats";

/// A path like `/stats`, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsPrefix(String);

/// The text is not such a path, or the path is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAPrefix(String);

impl Default for StatsPrefix {
    fn default() -> StatsPrefix {
        StatsPrefix("/stats".to_owned())
    }
}

impl StatsPrefix {
    /// Reads a path: segments of letters, digits, `-`, `_` and `.`, the first of which is not taken.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<StatsPrefix, NotAPrefix> {
        let wrong = |why: &str| NotAPrefix(format!("{text:?} {why}"));
        let path = text.strip_suffix('/').unwrap_or(text);
        let segments = path.strip_prefix('/').ok_or_else(|| wrong("is not a path like /stats"))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let right = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        if text.len() > 100 || !segments.split('/').all(right) {
            return Err(wrong("is not a path like /stats: segments of letters, digits, - _ and ."));
        }
        let first = segments.split('/').next().unwrap_or_default();
        if OWN_SEGMENTS.contains(&first) && path != USUAL {
            return Err(wrong("is where something else lies"));
        }
        Ok(StatsPrefix(path.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NotAPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAPrefix {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_path_where_nothing_else_lies() {
        for (text, path) in [
            ("/stats", "/stats"),
            ("/stats/", "/stats"),
            ("/api/stats", "/api/stats"),
            ("/a/b.c_d-e/v1", "/a/b.c_d-e/v1"),
        ] {
            assert_eq!(StatsPrefix::parse(text).unwrap().as_str(), path);
        }
        for text in [
            "", "/", "//", "stats", "/a//b", "/..", "/a/./b", "/{x}", "/a b", "/é", "/badge", "/api",
            "/api/v1", "/hit/x", "/a?b", "/a%20",
        ] {
            assert!(StatsPrefix::parse(text).is_err(), "{text}");
        }
    }
}
