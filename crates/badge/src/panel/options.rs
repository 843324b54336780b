//! The viewer's choices for a panel, and their parameters: `theme`, `lang`, `layout`.

use std::fmt;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// As in the viewer's system (`prefers-color-scheme`).
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// The language of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// Chinese and English in one line, as in the original.
    #[default]
    Both,
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Its word in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Lang::Both => "both",
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }
}

/// How the parts of a picture are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Arrangement {
    /// Side by side, 780 wide.
    #[default]
    Wide,
    /// One below the other, 380 wide: legible on a phone.
    Stacked,
}

/// What a viewer may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Options {
    /// `theme=auto|light|dark`
    pub theme: Theme,
    /// `lang=both|zh|en`
    pub lang: Lang,
    /// `layout=wide|stacked`
    pub arrangement: Arrangement,
}

/// A parameter has an invalid value. The value is not repeated: code that shows the error would have to escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnOption {
    parameter: &'static str,
    values: [&'static str; 3],
}

impl fmt::Display for NotAnOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotAnOption { parameter, values: [first, second, third] } = self;
        match *third {
            "" => write!(f, "{parameter} is {first} or {second}"),
            third => write!(f, "{parameter} is {first}, {second} or {third}"),
        }
    }
}

impl std::error::Error for NotAnOption {}

impl Options {
    /// Reads one parameter of a picture's URL. `false` if the parameter is another one.
    ///
    /// # Errors
    ///
    /// [`NotAnOption`] when the parameter is one of these and its value is not.
    pub fn set(&mut self, parameter: &str, value: &str) -> Result<bool, NotAnOption> {
        let wrong = |parameter, values| Err(NotAnOption { parameter, values });
        match parameter {
            "theme" => {
                self.theme = match value {
                    "auto" => Theme::Auto,
                    "light" => Theme::Light,
                    "dark" => Theme::Dark,
                    _ => return wrong("theme", ["auto", "light", "dark"]),
                }
            }
            "lang" => {
                self.lang = match value {
                    "both" => Lang::Both,
                    "zh" => Lang::Zh,
                    "en" => Lang::En,
                    _ => return wrong("lang", ["zh", "en", "both"]),
                }
            }
            "layout" => {
                self.arrangement = match value {
                    "wide" => Arrangement::Wide,
                    "stacked" => Arrangement::Stacked,
                    _ => return wrong("layout", ["wide", "stacked", ""]),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_or_refused_with_what_they_take() {
        let mut options = Options::default();
        for (parameter, value) in [("theme", "dark"), ("lang", "zh"), ("layout", "stacked")] {
            assert_eq!(options.set(parameter, value), Ok(true));
        }
        let chosen = Options { theme: Theme::Dark, lang: Lang::Zh, arrangement: Arrangement::Stacked };
        assert_eq!(options, chosen);
        assert_eq!(options.set("color", "dark"), Ok(false));
        let refused = |parameter| Options::default().set(parameter, "<b>").unwrap_err().to_string();
        assert_eq!(refused("theme"), "theme is auto, light or dark");
        assert_eq!(refused("lang"), "lang is zh, en or both");
        assert_eq!(refused("layout"), "layout is wide or stacked");
    }
}
