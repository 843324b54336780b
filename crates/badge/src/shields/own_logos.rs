//! The operator's own logos, by name: `logo=acme` for `acme.svg`. They take precedence over the icons of simple-icons.
//!
//! The binary reads them from a directory when it starts and when it reloads. They are checked, and an SVG is
//! rewritten, like those that strangers send.

use super::{LogoFile, NotALogo};
use crate::data_uri;
use std::collections::BTreeMap;

/// More are a mistake: each is kept in memory.
pub const MOST_LOGOS: usize = 500;

/// Logos by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnLogos(BTreeMap<String, Vec<u8>>);

impl OwnLogos {
    /// Which logo a file is, by its name: `acme` for `acme.svg`. `None` for files that are no pictures.
    #[must_use]
    pub fn name_of(file: &str) -> Option<&str> {
        data_uri::stem(file)
    }

    /// Adds a file under the part of its name before the extension, in lower case.
    ///
    /// # Errors
    ///
    /// [`NotALogo`]: its content, or its name, cannot be used. Two files of one name, or more than [`MOST_LOGOS`].
    pub fn add(&mut self, file_name: &str, content: Vec<u8>) -> Result<(), NotALogo> {
        let name = OwnLogos::name_of(file_name).unwrap_or_default().to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(NotALogo::Name);
        }
        LogoFile::of_content(&content, None)?;
        if self.0.len() >= MOST_LOGOS {
            return Err(NotALogo::Many);
        }
        match self.0.insert(name, content) {
            None => Ok(()),
            Some(_) => Err(NotALogo::Twice),
        }
    }

    /// The content of the logo of that name, whatever its case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&[u8]> {
        self.0.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Color;

    const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 2 1\"><script>alert(1)</script><path d=\"M0 0h2v1z\"/></svg>";
    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

    #[test]
    fn own_logos_win_and_are_cleaned() {
        let mut logos = OwnLogos::default();
        logos.add("GitHub.svg", SVG.to_vec()).unwrap();
        logos.add("acme-2.gif", GIF.to_vec()).unwrap();
        assert_eq!(logos.names().collect::<Vec<_>>(), ["acme-2", "github"]);
        let read = |name: &str, color| LogoFile::read_with(&logos, name, color, Color::WHITE);
        let ours = read("github", None).unwrap();
        assert_eq!(ours.logo(true).width, 28);
        assert_eq!(ours, LogoFile::of_content(SVG, None).unwrap());
        assert_ne!(ours, read("GITHUB", Some(Color::RED)).unwrap());
        assert!(read("acme-2", None).is_ok() && read("rust", None).is_ok());
        assert_eq!(read("acme", None), Err(NotALogo::Unknown));
    }

    #[test]
    fn what_is_no_logo_is_refused() {
        let mut logos = OwnLogos::default();
        for (name, content, why) in [
            ("a b.svg", SVG, NotALogo::Name),
            (".svg", SVG, NotALogo::Name),
            ("../a.svg", SVG, NotALogo::Name),
            ("a.svg", &b"<svg"[..], NotALogo::Svg),
            ("a.png", b"nothing", NotALogo::Content),
            ("a.png", &[0; 33 * 1024], NotALogo::Content),
        ] {
            assert_eq!(logos.add(name, content.to_vec()), Err(why), "{name}");
        }
        logos.add("a.svg", SVG.to_vec()).unwrap();
        assert_eq!(logos.add("A.gif", GIF.to_vec()), Err(NotALogo::Twice));
    }
}
