//! A token for GitHub, of which only the last four characters are ever shown, and the budgets that its calls use.

use hyper::header::HeaderValue;
use std::fmt;

/// A token for GitHub's API.
#[derive(Clone, PartialEq, Eq)]
pub struct GithubToken(Box<str>);

/// The text is not a [`GithubToken`]. It is not in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token has 8 to 255 letters, digits, - and _")]
pub struct NotAGithubToken;

impl GithubToken {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`NotAGithubToken`] for what cannot be sent, or is too short to be shown in part.
    pub fn new(text: &str) -> Result<GithubToken, NotAGithubToken> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let right = (8..=255).contains(&text.len()) && text.bytes().all(plain);
        if right { Ok(GithubToken(text.into())) } else { Err(NotAGithubToken) }
    }

    /// The token itself, for code that must keep it out of messages.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// By its last four characters.
impl fmt::Display for GithubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "...{}", &self.0[self.0.len() - 4..])
    }
}

impl fmt::Debug for GithubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GithubToken({self})")
    }
}

/// What a call is paid from. GitHub counts those of its two APIs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    Rest,
    Graph,
}
