//! The logo of a badge: a `data:` URI, never an address.

use crate::data_uri;

/// Largest logo, in bytes of its file.
pub const MAX_LOGO: usize = 32 * 1024;

const HEIGHT: u32 = Logo::HEIGHT;

/// A logo as a `data:` URI: SVG, PNG, JPEG, GIF or WebP in base64, of at most 32 KiB. The caller must have checked and
/// cleaned the file; here only the form is checked, so that nothing else can get into the badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logo<'a> {
    uri: &'a str,
    pub(super) width: u32,
}

/// Why a text is not a [`Logo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotALogo {
    /// Neither the `data:` URI of a picture nor within the limit.
    #[error(
        "use a data: URI of an SVG, PNG, JPEG, GIF or WebP of at most {} KiB, in base64",
        MAX_LOGO / 1024
    )]
    Uri,
    /// Not a well-formed SVG document of a moderate number of elements.
    #[error("the SVG cannot be read")]
    Svg,
    /// An SVG of the operator's with an element that would be seen and is not drawn.
    #[error("its <{0}> is not drawn in badges: {instead}", instead = instead_of(.0))]
    LeftOut(&'static str),
    /// An SVG without any shape.
    #[error("the SVG has no shape that can be drawn")]
    Empty,
    /// Neither of these kinds, or too large: a file of the operator's.
    #[error("it is not an SVG, PNG, JPEG, GIF or WebP of at most {} KiB", MAX_LOGO / 1024)]
    Content,
    /// A file name that no address should have to spell.
    #[error("its name is not 1 to 64 letters, digits, - _ and .")]
    Name,
    /// Only their extensions differ.
    #[error("another logo has this name")]
    Twice,
    /// More than there is room for.
    #[error("there are more than {} logos", super::MOST_LOGOS)]
    Many,
    /// A logo of the operator's that cannot be used.
    #[error("the file of this logo on the server is broken: tallymark check-config says why")]
    Broken,
    /// No icon has this name.
    #[error("unknown icon; the names are at simpleicons.org")]
    Unknown,
}

/// What to do about an element that is not drawn.
fn instead_of(element: &str) -> &'static str {
    match element {
        "style" => "use rules for a class, a tag or an id alone, or attributes",
        "text" => "convert it to paths",
        "use" => "put the shapes where they are used",
        "a" => "take its shapes out of the link",
        _ => "draw it with paths",
    }
}

impl<'a> Logo<'a> {
    /// In pixels.
    pub(super) const HEIGHT: u32 = 14;

    /// A URI that was made here.
    pub(super) fn made(uri: &'a str) -> Logo<'a> {
        Logo { uri, width: HEIGHT }
    }

    /// Checks a `data:` URI. The logo is 14 px high and 14 px wide.
    ///
    /// # Errors
    ///
    /// [`NotALogo::Uri`] for every other text.
    pub fn new(uri: &'a str) -> Result<Logo<'a>, NotALogo> {
        let kinds = ["svg+xml", "png", "jpeg", "gif", "webp"];
        if data_uri::is_picture(uri, &kinds, MAX_LOGO) { Ok(Logo::made(uri)) } else { Err(NotALogo::Uri) }
    }

    /// As wide as the file says it should be at a height of 14 px, between 1 and 112 px: `logoSize=auto`.
    #[must_use]
    pub fn wide(self, width: u32) -> Logo<'a> {
        Logo { width: width.clamp(1, 8 * HEIGHT), ..self }
    }

    pub(super) fn element(self, x: u32, badge_height: u32) -> String {
        let Logo { uri, width } = self;
        let y = f64::from(badge_height - HEIGHT) / 2.0;
        format!("<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" href=\"{uri}\"/>\n")
    }
}
