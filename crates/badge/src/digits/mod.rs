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

use crate::own_pictures::{OwnPictures, plain_name};
use std::sync::Arc;

/// The theme where an address names none.
pub const DEFAULT_THEME: &str = "odometer";

/// Themes by name: the operator's, and behind them our own. None of ours takes the place of a broken one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DigitThemes(OwnPictures<Arc<DigitTheme>, MOST_THEMES>);

impl DigitThemes {
    /// Adds the files of a directory under its name, in lower case. Files that are no image of a digit are left out.
    ///
    /// # Errors
    ///
    /// [`NotATheme`]: a digit is missing, or cannot be used. Two themes of one name, or more than [`MOST_THEMES`].
    pub fn add(&mut self, name: &str, files: Vec<(String, Vec<u8>)>) -> Result<(), NotATheme> {
        let name = plain_name(name).ok_or(NotATheme::Name)?;
        self.0.put(name, DigitTheme::of_files(files).map(Arc::new), (NotATheme::Twice, NotATheme::Many))
    }

    /// A directory that cannot be read: whoever asks for its theme is told.
    pub fn add_unread(&mut self, name: &str) {
        plain_name(name).into_iter().for_each(|name| self.0.set_broken(name));
    }

    /// Takes the themes of before for those that cannot be used now.
    pub fn keep(&mut self, before: &DigitThemes) {
        self.0.keep(&before.0);
    }

    /// Whether the operator has a theme of that name that cannot be used.
    #[must_use]
    pub fn is_broken(&self, name: &str) -> bool {
        self.0.is_broken(&name.to_ascii_lowercase())
    }

    /// The theme of that name, whatever its case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<DigitTheme>> {
        let name = name.to_ascii_lowercase();
        let own = own::THEMES.get(name.as_str()).filter(|_| !self.0.is_broken(&name));
        self.0.get(&name).or(own).cloned()
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        own::THEMES.keys().copied().filter(move |name| !self.0.has(name)).chain(self.0.names())
    }
}

#[cfg(test)]
mod tests;
