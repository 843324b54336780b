//! A number as a row of pictures, one for each digit, from a theme in the form of Moe-Counter: images called `0` to
//! `9`, and if the theme has them, `_start` and `_end` around the number.
//!
//! Two themes of our own are compiled in; the binary adds those of the operator's directory. Images are checked like
//! logos, and an SVG is rewritten. The HTTP server decides which number is shown, and at which address.

mod own;
mod picture;
mod theme;

pub use picture::{Align, DigitPicture, Dimming, SIZES};
pub use theme::{DigitTheme, LONGEST_SIDE, MOST_IMAGE, MOST_THEME, MOST_THEMES, NotATheme};

use std::{collections::BTreeMap, sync::Arc};

/// The theme where an address names none.
pub const DEFAULT_THEME: &str = "odometer";

/// Themes by name: the operator's, and behind them our own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DigitThemes(BTreeMap<String, Arc<DigitTheme>>);

impl DigitThemes {
    /// Adds the files of a directory under its name, in lower case. Files that are no image of a digit are left out.
    ///
    /// # Errors
    ///
    /// [`NotATheme`]: a digit is missing, or cannot be used. Two themes of one name, or more than [`MOST_THEMES`].
    pub fn add(&mut self, name: &str, files: Vec<(String, Vec<u8>)>) -> Result<(), NotATheme> {
        let name = name.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(NotATheme::Name);
        }
        let theme = DigitTheme::of_files(files)?;
        if self.0.len() >= MOST_THEMES {
            return Err(NotATheme::Many);
        }
        match self.0.insert(name, Arc::new(theme)) {
            None => Ok(()),
            Some(_) => Err(NotATheme::Twice),
        }
    }

    /// The theme of that name, whatever its case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<DigitTheme>> {
        let name = name.to_ascii_lowercase();
        self.0.get(&name).or_else(|| own::THEMES.get(name.as_str())).cloned()
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = own::THEMES.keys().copied().filter(|name| !self.0.contains_key(*name));
        own.chain(self.0.keys().map(String::as_str))
    }
}

#[cfg(test)]
mod tests;
