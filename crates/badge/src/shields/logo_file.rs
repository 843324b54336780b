//! The logo that a request asks for: by its name in simple-icons, or as a `data:` URI.
//!
//! Parameters and colours are those of shields.io. A picture from a request is checked and, if it is an SVG, rewritten
//! (`logo_svg`). Called where the parameters of a badge are read; does not read files or addresses.

use super::{
    Logo, MAX_LOGO, NotALogo, OwnLogos,
    logo_svg::{self, CleanLogo},
};
use crate::color::Color;
use base64::{Engine, alphabet, engine};
use imagesize::ImageType;

/// Characters of a name; longer ones are refused unread.
const LONGEST_NAME: usize = 64;

/// A brand's colour is this bright at least, of 1,000, or the icon is drawn in whitesmoke on a dark label ...
const LEAST_BRIGHT: u32 = 400;
/// ... and this bright at most, or it is drawn in dark grey on a light one.
const MOST_BRIGHT: u32 = 600;
const LIGHT: Color = Color::rgb(0xf5, 0xf5, 0xf5);
const DARK: Color = Color::rgb(0x33, 0x33, 0x33);

/// Browsers and README authors leave the padding out.
const BASE64: engine::GeneralPurpose = engine::GeneralPurpose::new(
    &alphabet::STANDARD,
    engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A checked logo, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct LogoFile {
    uri: String,
    /// Width divided by height.
    proportion: f64,
    /// Width and height, if the file says them.
    size: Option<(f64, f64)>,
}

impl LogoFile {
    /// Reads the parameter `logo`: a `data:` URI, or the name of an icon of simple-icons (`github`, `Node.js`).
    ///
    /// `color` paints an icon or an SVG. Without it an icon has its brand's colour, or is light or dark where that could
    /// not be seen on the `ground` behind it. shields.io has the same rule, but takes every style except `social` for
    /// dark, also where `labelColor` is white.
    ///
    /// # Errors
    ///
    /// [`NotALogo`] says what is wrong.
    pub fn read(text: &str, color: Option<Color>, ground: Color) -> Result<LogoFile, NotALogo> {
        match text.strip_prefix("data:") {
            // Some clients make a space of a plus.
            Some(_) => LogoFile::from_uri(&text.replace(' ', "+"), color),
            None => LogoFile::named(text, color, ground),
        }
    }

    /// The same where the operator has logos, too, which win.
    ///
    /// # Errors
    ///
    /// As [`LogoFile::read`].
    pub fn read_with(
        own: &OwnLogos,
        text: &str,
        color: Option<Color>,
        ground: Color,
    ) -> Result<LogoFile, NotALogo> {
        match own.find(text)? {
            Some(content) => LogoFile::of_content(content, color),
            None => LogoFile::read(text, color, ground),
        }
    }

    /// A file of the operator's, known by its bytes.
    pub(super) fn of_content(content: &[u8], color: Option<Color>) -> Result<LogoFile, NotALogo> {
        LogoFile::of_content_within(content, color, MAX_LOGO)
    }

    /// The same of a picture that may have more bytes or fewer.
    pub(crate) fn of_content_within(
        content: &[u8],
        color: Option<Color>,
        most: usize,
    ) -> Result<LogoFile, NotALogo> {
        if content.len() > most {
            return Err(NotALogo::Content);
        }
        match std::str::from_utf8(content) {
            Ok(text) if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') => {
                let text = text.trim_start_matches('\u{feff}').trim_start();
                LogoFile::of_svg(text, color, most, Strictness::Whole)
            }
            _ => LogoFile::of_pixels(content).ok_or(NotALogo::Content),
        }
    }

    fn named(name: &str, color: Option<Color>, ground: Color) -> Result<LogoFile, NotALogo> {
        let icon = Some(name).filter(|name| name.len() <= LONGEST_NAME);
        let icon = icon.and_then(|name| simpleicons_rs::slug(&slug(name))).ok_or(NotALogo::Unknown)?;
        let brand = Color::parse(icon.hex).unwrap_or(DARK);
        let on_light = ground.text_and_shadow().0 != Color::WHITE;
        let color = color.unwrap_or(match brand.brightness() {
            bright if on_light && bright >= MOST_BRIGHT * 255 => DARK,
            bright if !on_light && bright <= LEAST_BRIGHT * 255 => LIGHT,
            _ => brand,
        });
        LogoFile::of_svg(icon.svg, Some(color), MAX_LOGO, Strictness::Whole)
    }

    fn from_uri(uri: &str, color: Option<Color>) -> Result<LogoFile, NotALogo> {
        let (kind, data) = uri
            .strip_prefix("data:image/")
            .and_then(|rest| rest.split_once(";base64,"))
            .filter(|(_, data)| data.len() / 4 * 3 <= MAX_LOGO)
            .ok_or(NotALogo::Uri)?;
        let bytes = BASE64.decode(data).map_err(|_| NotALogo::Uri)?;
        if kind == "svg+xml" {
            let text = std::str::from_utf8(&bytes).map_err(|_| NotALogo::Svg)?;
            return LogoFile::of_svg(text, color, MAX_LOGO, Strictness::WhatIsLeft);
        }
        LogoFile::of_pixels(&bytes).ok_or(NotALogo::Uri)
    }

    fn of_pixels(bytes: &[u8]) -> Option<LogoFile> {
        let kind = match imagesize::image_type(bytes) {
            Ok(ImageType::Png) => "png",
            Ok(ImageType::Jpeg) => "jpeg",
            Ok(ImageType::Gif) => "gif",
            Ok(ImageType::Webp) => "webp",
            _ => return None,
        };
        let size = imagesize::blob_size(bytes).ok()?;
        let size = (size.width as f64, size.height as f64);
        let proportion = size.0 / size.1.max(1.0);
        let uri = format!("data:image/{kind};base64,{}", BASE64.encode(bytes));
        Some(LogoFile { uri, proportion, size: Some(size) })
    }

    fn of_svg(
        text: &str,
        color: Option<Color>,
        most: usize,
        strictness: Strictness,
    ) -> Result<LogoFile, NotALogo> {
        let fill = color.map(|color| color.to_string());
        let CleanLogo { svg, sides, left_out, has_shapes } = logo_svg::clean(text, fill.as_deref())?;
        if let (Strictness::Whole, Some(element)) = (strictness, left_out) {
            return Err(NotALogo::LeftOut(element));
        }
        if !has_shapes {
            return Err(NotALogo::Empty);
        }
        if svg.len() > most {
            return Err(NotALogo::Uri);
        }
        let uri = format!("data:image/svg+xml;base64,{}", BASE64.encode(svg));
        Ok(LogoFile { uri, proportion: sides.proportion(), size: sides.size() })
    }

    /// Width and height in pixels, if the file says them.
    pub(crate) fn size(&self) -> Option<(f64, f64)> {
        self.size
    }

    /// Its `data:` URI.
    pub(crate) fn into_uri(self) -> String {
        self.uri
    }

    /// The logo, 14 px high and wide; `auto` gives it the width that its file says.
    #[must_use]
    pub fn logo(&self, auto: bool) -> Logo<'_> {
        let logo = Logo::made(&self.uri);
        if auto { logo.wide((self.proportion * f64::from(Logo::HEIGHT)).round() as u32) } else { logo }
    }
}

/// What becomes of an SVG with elements that are not drawn.
#[derive(Clone, Copy)]
enum Strictness {
    /// A file of the operator's is refused, so that it can be mended.
    Whole,
    /// Of what a stranger sends, the rest is drawn.
    WhatIsLeft,
}

/// simple-icons' name of a brand: `Node.js` is `nodedotjs`.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            '+' => slug.push_str("plus"),
            '.' => slug.push_str("dot"),
            '&' => slug.push_str("and"),
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ => {}
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: Color = Color::rgb(0x55, 0x55, 0x55);

    fn svg_of(file: &LogoFile) -> String {
        let data = file.uri.strip_prefix("data:image/svg+xml;base64,").unwrap();
        String::from_utf8(BASE64.decode(data).unwrap()).unwrap()
    }

    fn fill(name: &str, color: Option<Color>, ground: Color) -> String {
        let svg = svg_of(&LogoFile::read(name, color, ground).unwrap());
        svg.split_once("fill=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
    }

    #[test]
    fn icons_are_found_by_the_names_people_use() {
        for name in
            ["github", "GitHub", "Node.js", "nodedotjs", "c++", "Stack Overflow", "stack-overflow", "rust"]
        {
            assert!(LogoFile::read(name, None, GREY).is_ok(), "{name}");
        }
        for name in ["", "gthub", "../github", &"a".repeat(65)] {
            assert_eq!(LogoFile::read(name, None, GREY), Err(NotALogo::Unknown), "{name}");
        }
    }

    #[test]
    fn icons_can_be_seen_on_their_label() {
        // GitHub's own colour is nearly black, Docker's a bright blue, and JavaScript's yellow.
        assert_eq!(fill("github", None, GREY), "#f5f5f5");
        assert_eq!(fill("github", None, Color::WHITE), "#181717");
        assert_eq!(fill("docker", None, GREY), "#2496ed");
        assert_eq!(fill("javascript", None, GREY), "#f7df1e");
        assert_eq!(fill("javascript", None, Color::WHITE), "#333");
        assert_eq!(fill("docker", None, Color::WHITE), "#2496ed");
        assert_eq!(fill("github", Some(Color::rgb(255, 0, 0)), GREY), "#f00");
    }

    #[test]
    fn pictures_are_known_by_their_bytes() {
        let gif = "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
        let file = LogoFile::read(&format!("data:image/png;base64,{gif}"), None, GREY).unwrap();
        assert_eq!(file.uri, format!("data:image/gif;base64,{gif}"));
        assert!(Logo::new(&file.uri).is_ok());
        for wrong in [
            "data:image/png;base64,QUFBQUFBQUFBQUFB",
            "data:image/png;base64,\"",
            "data:image/png,raw",
            "data:text/html;base64,PGI+",
            "https://example.org/a.png",
        ] {
            assert!(LogoFile::read(wrong, None, GREY).is_err(), "{wrong}");
        }
    }

    #[test]
    fn width_follows_the_file_on_request() {
        let svg = BASE64.encode(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 60 20\"><path d=\"M0 0h9z\"/></svg>",
        );
        let file = LogoFile::read(&format!("data:image/svg+xml;base64,{svg}"), None, GREY).unwrap();
        assert_eq!((file.logo(false).width, file.logo(true).width), (14, 42));
    }
}
