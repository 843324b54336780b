//! The face of a card: an avatar as a `data:` URI, or initials.

use crate::data_uri;
use unicode_segmentation::UnicodeSegmentation;

/// Largest avatar, in bytes of its file.
pub const MAX_AVATAR: usize = 256 * 1024;

/// No SVG: a picture in the picture is pixels and nothing else.
const KINDS: [&str; 4] = ["png", "jpeg", "gif", "webp"];

/// An avatar as a `data:` URI: a PNG, JPEG, GIF or WebP of at most 256 KiB, in base64. The caller must have checked the
/// file; here only the form is checked, so that nothing else can get into the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avatar<'a>(&'a str);

/// The text is not the `data:` URI of an [`Avatar`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an avatar is a data: URI of a PNG, JPEG, GIF or WebP of at most {} KiB, in base64", MAX_AVATAR / 1024)]
pub struct NotAnAvatar;

impl<'a> Avatar<'a> {
    /// Checks a `data:` URI.
    ///
    /// # Errors
    ///
    /// [`NotAnAvatar`] for every other text.
    pub fn new(uri: &'a str) -> Result<Avatar<'a>, NotAnAvatar> {
        if data_uri::is_picture(uri, &KINDS, MAX_AVATAR) { Ok(Avatar(uri)) } else { Err(NotAnAvatar) }
    }

    pub(super) fn uri(self) -> &'a str {
        self.0
    }
}

/// One or two capitals of the owner of a name: `octo-cat/hello` is `OC`. `None` if the owner has no letter and no
/// digit.
pub(super) fn initials(name: &str) -> Option<String> {
    let owner = name.split('/').find(|part| !part.is_empty())?;
    let is_of_word = |grapheme: &str| grapheme.starts_with(char::is_alphanumeric);
    let mut in_word = false;
    let mut firsts = owner.graphemes(true).filter(|grapheme| {
        let was_in_word = std::mem::replace(&mut in_word, is_of_word(grapheme));
        in_word && !was_in_word
    });
    let first = firsts.next()?;
    // Two Chinese characters are too wide, and one says enough.
    let second = firsts.next().filter(|second| first.is_ascii() && second.is_ascii()).unwrap_or_default();
    Some([first, second].concat().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avatar_is_a_picture_in_base64_and_nothing_else() {
        for uri in ["data:image/png;base64,iVBORw0KGgo=", "data:image/webp;base64,AAAA"] {
            assert_eq!(Avatar::new(uri).map(Avatar::uri), Ok(uri));
        }
        let large = format!("data:image/png;base64,{}", "A".repeat(MAX_AVATAR / 3 * 4 + 4));
        for uri in [
            "",
            "https://github.com/octo.png",
            "data:image/png;base64,",
            "data:image/png;base64,AAA",
            "data:image/png;base64,AA\"/",
            "data:image/png,AAAA",
            "data:image/svg+xml;base64,AAAA",
            "data:text/html;base64,AAAA",
            "DATA:image/png;base64,AAAA",
            "data:image/png;base64,====",
            &large,
        ] {
            assert_eq!(Avatar::new(uri), Err(NotAnAvatar), "{uri:.60}");
        }
    }

    #[test]
    fn initials_are_the_owners() {
        for (name, expect) in [
            ("octo/hello", Some("O")),
            ("octo-cat/hello", Some("OC")),
            ("foo_bar.baz", Some("FB")),
            ("/x", Some("X")),
            ("用户/项目", Some("用")),
            ("éa/b", Some("É")),
            ("e\u{301}a/b", Some("E\u{301}")),
            ("straße-ßx", Some("S")),
            ("<script>/x", Some("S")),
            ("\u{202e}abc/x", Some("A")),
            ("\u{200b}\u{200b}/x", None),
            ("🎉/x", None),
            ("---/x", None),
        ] {
            assert_eq!(initials(name).as_deref(), expect, "{name:?}");
        }
    }
}
