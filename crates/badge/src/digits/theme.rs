//! A theme: an image for each digit, checked when it is read.

use crate::{
    data_uri,
    shields::{LogoFile, NotALogo},
};

/// More themes are a mistake: each is kept in memory.
pub const MOST_THEMES: usize = 100;
/// The largest image, in bytes of its file.
pub const MOST_IMAGE: usize = 64 * 1024;
/// The largest theme: a picture may have each of its images in it.
pub const MOST_THEME: usize = 512 * 1024;
/// The longest side of an image, in pixels.
pub const LONGEST_SIDE: u32 = 512;

/// The names of the images, in the order in which they are kept.
const NAMES: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "_start", "_end"];

/// The images of a theme.
#[derive(Debug, Clone, PartialEq)]
pub struct DigitTheme {
    digits: [DigitImage; 10],
    pub(super) start: Option<DigitImage>,
    pub(super) end: Option<DigitImage>,
    /// Each image is opaque to its edges.
    pub(super) is_opaque: bool,
}

/// One image, as it is written into a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DigitImage {
    pub(super) uri: String,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Why files are no [`DigitTheme`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATheme {
    /// A name that no address should have to spell.
    #[error("its name is not 1 to 64 letters, digits, - _ and .")]
    Name,
    /// Only their case differs.
    #[error("another theme has this name")]
    Twice,
    /// More than there is room for.
    #[error("there are more than {MOST_THEMES} themes")]
    Many,
    /// A number could not be written.
    #[error("it has no image called {0} (0.svg to 9.svg; .png, .gif, .webp and .jpg work too)")]
    Missing(&'static str),
    /// Which one is meant is not known.
    #[error("it has two images called {0}")]
    Double(&'static str),
    /// An image that is none.
    #[error("{0} is not an SVG, PNG, JPEG, GIF or WebP of at most {kib} KiB", kib = MOST_IMAGE / 1024)]
    Image(String),
    /// An SVG that is none.
    #[error("{0}: the SVG cannot be read")]
    Svg(String),
    /// An SVG of which not everything would be drawn.
    #[error("{0}: {1}")]
    Drawn(String, NotALogo),
    /// An image that would be too large, or does not say how large it is.
    #[error("{0} is not 1 to {LONGEST_SIDE} pixels wide and high")]
    Side(String),
    /// Together they are too large.
    #[error("its images have more than {kib} KiB", kib = MOST_THEME / 1024)]
    Large,
}

impl DigitTheme {
    /// Which image a file is, by its name: `_start` for `_start.png`. `None` for files that belong to no picture.
    #[must_use]
    pub fn image_of(file: &str) -> Option<&'static str> {
        let stem = data_uri::stem(file)?;
        NAMES.into_iter().find(|name| *name == stem)
    }

    /// # Errors
    ///
    /// [`NotATheme`] says which file is wrong.
    pub(super) fn of_files(files: Vec<(String, Vec<u8>)>) -> Result<DigitTheme, NotATheme> {
        let mut images: [Option<DigitImage>; 12] = Default::default();
        let mut size = 0;
        for (file, content) in files {
            let Some(name) = DigitTheme::image_of(&file) else { continue };
            size += content.len();
            if size > MOST_THEME {
                return Err(NotATheme::Large);
            }
            let at = NAMES.iter().position(|known| *known == name).unwrap_or_default();
            if images[at].replace(DigitImage::read(file, &content)?).is_some() {
                return Err(NotATheme::Double(name));
            }
        }
        let [i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, start, end] = images;
        let digits = [i0, i1, i2, i3, i4, i5, i6, i7, i8, i9];
        if let Some(at) = digits.iter().position(Option::is_none) {
            return Err(NotATheme::Missing(NAMES[at]));
        }
        let digits = digits.map(Option::unwrap_or_default);
        Ok(DigitTheme { digits, start, end, is_opaque: false })
    }

    /// The image of a digit.
    pub(super) fn digit(&self, digit: u8) -> &DigitImage {
        &self.digits[usize::from(digit.min(9))]
    }

    /// Whether its digits are drawn as shapes, and not as pixels.
    #[must_use]
    pub fn is_vector(&self) -> bool {
        self.digits.iter().all(|image| image.uri.starts_with("data:image/svg+xml;"))
    }
}

impl Default for DigitImage {
    fn default() -> DigitImage {
        DigitImage { uri: String::new(), width: 1.0, height: 1.0 }
    }
}

impl DigitImage {
    fn read(file: String, content: &[u8]) -> Result<DigitImage, NotATheme> {
        let read = LogoFile::of_content_within(content, None, MOST_IMAGE);
        let image = match read {
            Ok(image) => image,
            Err(NotALogo::Svg) => return Err(NotATheme::Svg(file)),
            Err(why @ (NotALogo::LeftOut(_) | NotALogo::Empty)) => return Err(NotATheme::Drawn(file, why)),
            Err(_) => return Err(NotATheme::Image(file)),
        };
        let sides = 1.0..=f64::from(LONGEST_SIDE);
        match image.size().filter(|(width, height)| sides.contains(width) && sides.contains(height)) {
            Some((width, height)) => Ok(DigitImage { uri: image.into_uri(), width, height }),
            None => Err(NotATheme::Side(file)),
        }
    }
}
