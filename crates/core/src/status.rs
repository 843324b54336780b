//! The outcome of an occurrence: `closed` for an order, or any other short text from its sender.
//!
//! Statuses are counted in addition to the hit they come with, for each name, event and month (Bootic's funnels). They
//! are the sender's text, so their number is limited everywhere: those over the limit count as [`OVERFLOW`], and sums
//! stay exact.

use crate::{Event, Month, Name, OVERFLOW};
use std::{borrow::Borrow, fmt, sync::Arc};

/// The longest status, in bytes of UTF-8.
pub const MAX_STATUS: usize = 64;
/// How many different statuses are counted for one name, event and month. Those over the limit count as `~overflow`.
pub const MAX_STATUSES: usize = 1000;

/// The status of a hit: UTF-8 of 1 to 64 bytes, without control characters, and not starting with the reserved `~`.
/// Shared: a clone copies no text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(Arc<str>);

/// A [`Status`], borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusRef<'a>(&'a str);

/// The text is not a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAStatus;

/// How many occurrences of an event on a name had a status in one month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusCount {
    /// What happened.
    pub event: Event,
    /// What it happened to.
    pub name: Name,
    /// In which month.
    pub month: Month,
    /// Its outcome.
    pub status: Status,
    /// The count. Never 0.
    pub count: u64,
}

impl Status {
    /// Checks and copies.
    ///
    /// # Errors
    ///
    /// Which rule the text breaks: see [`NotAStatus`].
    pub fn new(text: &str) -> Result<Status, NotAStatus> {
        StatusRef::new(text.as_bytes()).map(Status::from)
    }

    /// What statuses over a limit are counted as.
    #[must_use]
    pub fn overflow() -> Status {
        Status(OVERFLOW.into())
    }

    /// Borrows it.
    #[must_use]
    pub fn as_ref(&self) -> StatusRef<'_> {
        StatusRef(&self.0)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> StatusRef<'a> {
    /// Checks without copying.
    ///
    /// # Errors
    ///
    /// Which rule the bytes break: see [`NotAStatus`].
    pub fn new(bytes: &'a [u8]) -> Result<StatusRef<'a>, NotAStatus> {
        if bytes.is_empty() || bytes.len() > MAX_STATUS || bytes[0] == b'~' {
            return Err(NotAStatus);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NotAStatus)?;
        if text.chars().any(char::is_control) {
            return Err(NotAStatus);
        }
        Ok(StatusRef(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl From<StatusRef<'_>> for Status {
    fn from(status: StatusRef<'_>) -> Status {
        Status(status.0.into())
    }
}

impl Borrow<str> for Status {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:?})", &*self.0)
    }
}

impl fmt::Debug for StatusRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusRef({:?})", self.0)
    }
}

impl fmt::Display for NotAStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a status is 1 to {MAX_STATUS} bytes of UTF-8, has no control characters and does not start with ~"
        )
    }
}

impl std::error::Error for NotAStatus {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_keeps_its_text() {
        for text in ["closed", "a", " in transit ", "a:b", "日本", "\"<&>", &"z".repeat(64)] {
            assert_eq!(Status::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for text in ["", "~overflow", "~", "a\nb", "a\0", "\u{85}", &"z".repeat(65)] {
            assert_eq!(Status::new(text), Err(NotAStatus), "{text:?}");
        }
        assert_eq!(StatusRef::new(b"\xff"), Err(NotAStatus));
    }
}
