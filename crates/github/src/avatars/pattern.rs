//! The address of an account's avatar, from a pattern.

use crate::AccountName;
use std::{fmt, str::FromStr};
use url::Url;

/// The placeholder for the account.
const OWNER: &str = "{owner}";

/// An address with `{owner}` in its path or query.
#[derive(Clone, PartialEq, Eq)]
pub struct AvatarPattern(String);

/// The text is not an [`AvatarPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern is an address with {OWNER} in its path or its query, like https://github.com/{OWNER}.png?size=96; it has no password"
)]
pub struct NotAPattern;

impl AvatarPattern {
    pub(super) fn url_of(&self, login: &AccountName) -> Option<Url> {
        Url::parse(&self.0.replace(OWNER, login.as_str())).ok()
    }
}

impl Default for AvatarPattern {
    /// GitHub's, which needs no token.
    fn default() -> AvatarPattern {
        AvatarPattern("https://github.com/{owner}.png?size=96".to_owned())
    }
}

impl FromStr for AvatarPattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<AvatarPattern, NotAPattern> {
        let of = |owner: &str| Url::parse(&text.replace(OWNER, owner)).map_err(|_| NotAPattern);
        let (one, other) = (of("a")?, of("b")?);
        let plain =
            matches!(one.scheme(), "http" | "https") && one.username().is_empty() && one.password().is_none();
        // The operator says which host is asked, and not who asks for a picture.
        let same = one.origin() == other.origin() && one.username() == other.username();
        let varies = one[url::Position::BeforePath..url::Position::AfterQuery]
            != other[url::Position::BeforePath..url::Position::AfterQuery];
        if plain && same && varies { Ok(AvatarPattern(text.to_owned())) } else { Err(NotAPattern) }
    }
}

impl fmt::Debug for AvatarPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AvatarPattern({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_is_in_the_path_or_the_query() {
        for text in [
            "https://github.com/{owner}.png?size=96",
            "https://git.example.org:3000/{owner}.png",
            "http://127.0.0.1:8000/avatars?of={owner}&size=96",
            "http://[::1]:8000/{owner}",
        ] {
            assert!(text.parse::<AvatarPattern>().is_ok(), "{text}");
        }
        for text in [
            "",
            "github.com/{owner}.png",
            "https://github.com/owner.png",
            "https://{owner}.example.org/",
            "https://{owner}@example.org/x",
            "https://octo:secret@example.org/{owner}",
            "https://example.org:{owner}/",
            "https://example.org/#{owner}",
            "file:///avatars/{owner}.png",
            "ftp://example.org/{owner}",
            "data:image/png,{owner}",
        ] {
            assert_eq!(text.parse::<AvatarPattern>(), Err(NotAPattern), "{text}");
        }
        let url = AvatarPattern::default().url_of(&AccountName::new("Octo-Cat").unwrap()).unwrap();
        assert_eq!(url.as_str(), "https://github.com/octo-cat.png?size=96");
    }
}
