//! An error with what it comes from, in one line: for a message or a report that has no room for more.

use std::{error::Error, iter};

/// The messages of an error and of its sources, with colons between them.
///
/// ```
/// let error = std::io::Error::other(std::fmt::Error);
/// assert_eq!(tallymark_core::with_causes(&error), error.to_string());
/// ```
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
