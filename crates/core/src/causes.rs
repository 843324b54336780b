//! An error with what it comes from, in one line: for a message or a report that has no room for more.

use std::{error::Error, iter};

/// The messages of an error and of its sources, with colons between them.
///
/// ```
/// use std::{error::Error, fmt};
///
/// #[derive(Debug)]
/// struct NoNumber(std::num::ParseIntError);
///
/// impl fmt::Display for NoNumber {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("no number")
///     }
/// }
///
/// impl Error for NoNumber {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(&self.0)
///     }
/// }
///
/// if let Err(why) = "x".parse::<u8>() {
///     assert_eq!(tallymark_core::with_causes(&NoNumber(why)), "no number: invalid digit found in string");
/// }
/// ```
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
