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

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The theme where an address names none.
pub const DEFAULT_THEME: &str = "odometer";

/// Themes by name: the operator's, and behind them our own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DigitThemes {
    whole: BTreeMap<String, Arc<DigitTheme>>,
    /// The operator's that cannot be used. None of ours takes their place.
    broken: BTreeSet<String>,
}

impl DigitThemes {
    /// Adds the files of a directory under its name, in lower case. Files that are no image of a digit are left out.
    ///
    /// # Errors
    ///
    /// [`NotATheme`]: a digit is missing, or cannot be used. Two themes of one name, or more than [`MOST_THEMES`].
    pub fn add(&mut self, name: &str, files: Vec<(String, Vec<u8>)>) -> Result<(), NotATheme> {
        let name = name_in(name).ok_or(NotATheme::Name)?;
        let added = match DigitTheme::of_files(files) {
            Err(why) => Err(why),
            Ok(_) if self.whole.contains_key(&name) || self.broken.contains(&name) => Err(NotATheme::Twice),
            Ok(_) if self.whole.len() >= MOST_THEMES => Err(NotATheme::Many),
            Ok(theme) => Ok(theme),
        };
        match added {
            Ok(theme) => {
                self.whole.insert(name, Arc::new(theme));
                Ok(())
            }
            Err(why) => {
                self.set_broken(name);
                Err(why)
            }
        }
    }

    /// A directory that cannot be read: whoever asks for its theme is told.
    pub fn add_unread(&mut self, name: &str) {
        name_in(name).into_iter().for_each(|name| self.set_broken(name));
    }

    fn set_broken(&mut self, name: String) {
        self.whole.remove(&name);
        if self.broken.len() < MOST_THEMES {
            self.broken.insert(name);
        }
    }

    /// Takes the themes of before for those that cannot be used now.
    pub fn keep(&mut self, before: &DigitThemes) {
        let kept =
            self.broken.iter().filter_map(|name| Some((name.clone(), before.whole.get(name)?.clone())));
        let kept: Vec<(String, Arc<DigitTheme>)> = kept.collect();
        self.broken.retain(|name| !before.whole.contains_key(name));
        self.whole.extend(kept);
    }

    /// Whether the operator has a theme of that name that cannot be used.
    #[must_use]
    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(&name.to_ascii_lowercase())
    }

    /// The theme of that name, whatever its case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<DigitTheme>> {
        let name = name.to_ascii_lowercase();
        let own = own::THEMES.get(name.as_str()).filter(|_| !self.broken.contains(&name));
        self.whole.get(&name).or(own).cloned()
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let has = |name: &str| self.whole.contains_key(name) || self.broken.contains(name);
        let own = own::THEMES.keys().copied().filter(move |name| !has(name));
        own.chain(self.whole.keys().map(String::as_str))
    }
}

/// A name that an address can spell.
fn name_in(name: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=64).contains(&name.len()) && name.bytes().all(plain)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
