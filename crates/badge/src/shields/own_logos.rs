//! The operator's own logos, by name: `logo=acme` for `acme.svg`. They take precedence over the icons of simple-icons.
//!
//! The binary reads them from a directory when it starts and when it reloads. They are checked, and an SVG is
//! rewritten, like those that strangers send.

use super::{LogoFile, NotALogo};
use crate::{
    data_uri,
    own_pictures::{OwnPictures, plain_name},
};

/// More are a mistake: each is kept in memory.
pub const MOST_LOGOS: usize = 500;

/// Logos by name. No icon takes the place of one that cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnLogos(OwnPictures<Vec<u8>, MOST_LOGOS>);

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
        let name = name_in(file_name).ok_or(NotALogo::Name)?;
        let logo = LogoFile::of_content(&content, None).map(|_| content);
        self.0.put(name, logo, (NotALogo::Twice, NotALogo::Many))
    }

    /// A file that cannot be read: whoever asks for its logo is told.
    pub fn add_unread(&mut self, file_name: &str) {
        name_in(file_name).into_iter().for_each(|name| self.0.set_broken(name));
    }

    /// Takes the logos of before for files that cannot be used now.
    pub fn keep(&mut self, before: &OwnLogos) {
        self.0.keep(&before.0);
    }

    /// The content of the logo of that name, whatever its case.
    ///
    /// # Errors
    ///
    /// [`NotALogo::Broken`]: the operator has one that cannot be used.
    pub fn find(&self, name: &str) -> Result<Option<&[u8]>, NotALogo> {
        let name = name.to_ascii_lowercase();
        if self.0.is_broken(&name) {
            return Err(NotALogo::Broken);
        }
        Ok(self.0.get(&name).map(Vec::as_slice))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }
}

fn name_in(file_name: &str) -> Option<String> {
    plain_name(OwnLogos::name_of(file_name)?)
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
        let mut logos = OwnLogos::default();
        logos.add("a.svg", SVG.to_vec()).unwrap();
        assert_eq!(logos.add("A.gif", GIF.to_vec()), Err(NotALogo::Twice));
        assert_eq!(logos.find("a"), Err(NotALogo::Broken), "which one is not known");
    }

    #[test]
    fn a_broken_logo_is_told_and_replaced_by_none() {
        let mut before = OwnLogos::default();
        before.add("rust.svg", SVG.to_vec()).unwrap();
        let mut logos = OwnLogos::default();
        assert!(logos.add("rust.svg", b"<svg".to_vec()).is_err());
        logos.add_unread("go.svg");
        let read = |logos: &OwnLogos, name: &str| LogoFile::read_with(logos, name, None, Color::WHITE);
        assert_eq!(read(&logos, "Rust"), Err(NotALogo::Broken));
        assert_eq!(read(&logos, "go"), Err(NotALogo::Broken));
        assert!(read(&logos, "github").is_ok());
        // What was there before a change stays.
        logos.keep(&before);
        assert_eq!(read(&logos, "rust"), LogoFile::of_content(SVG, None));
        assert_eq!(read(&logos, "go"), Err(NotALogo::Broken));
    }
}
