//! Colours: the values that a URL or a configuration can have, and the text in the picture.
//!
//! A [`Color`] is four numbers. No text of a caller reaches the SVG through it, so `red;background:url(//x)` has
//! nowhere to go. Code that reads a `color` parameter calls it.

mod function;
mod names;

use std::{fmt, str::FromStr};

/// A colour of the picture: red, green and blue, and how opaque it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub r: u8,
    /// Green, 0 to 255.
    pub g: u8,
    /// Blue, 0 to 255.
    pub b: u8,
    /// Opacity: 255 for a colour that nothing shines through.
    pub a: u8,
}

/// Why a text is not a [`Color`].
///
/// The text itself is not repeated: code that shows the error would have to escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ColorError {
    /// Nothing, or nothing but white space.
    #[error("the colour is empty")]
    Empty,
    /// It starts with `#`, but three, four, six or eight hexadecimal digits do not follow.
    #[error("a colour after # has three or six hexadecimal digits, or four or eight with its opacity")]
    Hex,
    /// It is `rgb(...)`, but without three numbers from 0 to 255 in it.
    #[error(
        "rgb() has three numbers from 0 to 255, or three percentages, and perhaps an opacity from 0 to 1"
    )]
    Decimal,
    /// It is `hsl(...)`, but without an angle and two percentages in it.
    #[error(
        "hsl() has an angle up to 360 and two percentages, and perhaps an opacity from 0 to 1: hsl(120, 50%, 50%)"
    )]
    Hsl,
    /// Neither hexadecimal digits, a function nor a name in the table.
    #[error(
        "the colour is neither a known name, nor three or six hexadecimal digits (with an opacity: # and four or eight), \
         nor rgb(R, G, B), nor hsl(H, S%, L%)"
    )]
    Unknown,
}

/// Longer than every name and than `rgba( 255, 255, 255, 0.55 )`; anything longer is refused unread.
const LONGEST: usize = 48;

impl Color {
    /// White, the text on a dark box.
    pub const WHITE: Color = Color::rgb(0xff, 0xff, 0xff);
    /// shields.io `red`, the value of an error badge.
    pub const RED: Color = Color::rgb(0xdd, 0x43, 0x43);
    /// shields.io `brightgreen`, the default colour of a value.
    pub const BRIGHT_GREEN: Color = Color::rgb(0x44, 0xbb, 0x00);

    /// A colour from its three parts.
    #[must_use]
    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Self { r, g, b, a: u8::MAX }
    }

    pub(crate) const fn from_u32(rgb: u32) -> Self {
        Self::rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }

    /// Reads a colour as shields.io does: one of its names or aliases, a CSS name, three or six hexadecimal digits with
    /// or without `#`, four or eight with it, `rgb(1, 2, 3)` or `hsl(120, 50%, 50%)`, both also with an opacity. Upper
    /// and lower case are the same, white space around it is ignored.
    ///
    /// shields.io names win over CSS names: `green` is `#67ac09`.
    ///
    /// # Errors
    ///
    /// [`ColorError`] for everything else; `transparent` is no colour here.
    pub fn parse(text: &str) -> Result<Self, ColorError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ColorError::Empty);
        }
        if let Some(digits) = text.strip_prefix('#') {
            return hex(digits).ok_or(ColorError::Hex);
        }
        if text.len() > LONGEST {
            return Err(ColorError::Unknown);
        }
        let text = text.to_ascii_lowercase();
        if let Some(color) = function::read(&text) {
            return color;
        }
        let named = names::value_of(&text).map(Color::from_u32);
        named.or_else(|| hex(&text).filter(|_| matches!(text.len(), 3 | 6))).ok_or(ColorError::Unknown)
    }

    /// The name that was probably meant: `blue` for `bleu`.
    #[must_use]
    pub fn nearest_name(text: &str) -> Option<&'static str> {
        names::nearest_to(&text.trim().to_ascii_lowercase())
    }

    /// How bright it looks, 0 to 255,000 (W3C AERT weights, as shields.io uses them).
    pub(crate) const fn brightness(self) -> u32 {
        self.r as u32 * 299 + self.g as u32 * 587 + self.b as u32 * 114
    }

    /// Colour of text on this colour, and of the shadow under the text.
    ///
    /// shields.io's rule: dark text above a brightness of 0.69, which it rounds to two places.
    #[must_use]
    pub const fn text_and_shadow(self) -> (Color, Color) {
        if self.brightness() * 1000 > 255_000 * 695 {
            (Color::rgb(0x33, 0x33, 0x33), Color::rgb(0xcc, 0xcc, 0xcc))
        } else {
            (Color::WHITE, Color::rgb(1, 1, 1))
        }
    }

    /// Appends `#rgb` where that says it all, else `#rrggbb`; what is not opaque has its opacity behind that.
    pub fn push_to(self, out: &mut String) {
        let (text, length) = self.written();
        out.extend(text[..length].iter().map(|&digit| char::from(digit)));
    }

    /// The text, and its length.
    fn written(self) -> ([u8; 9], usize) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let all = [self.r, self.g, self.b, self.a];
        let parts = if self.a == u8::MAX { &all[..3] } else { &all[..] };
        let is_short = parts.iter().all(|part| part >> 4 == part & 15);
        let (mut text, mut length) = ([b'#'; 9], 1);
        let mut put = |nibble: u8| {
            text[length] = DIGITS[usize::from(nibble)];
            length += 1;
        };
        for part in parts {
            if !is_short {
                put(part >> 4);
            }
            put(part & 15);
        }
        (text, length)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, length) = self.written();
        f.pad(std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        Self::parse(text)
    }
}

fn hex(digits: &str) -> Option<Color> {
    // from_str_radix alone would take "+ff".
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let n = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        8 => Some(Color { a: n as u8, ..Color::from_u32(n >> 8) }),
        6 => Some(Color::from_u32(n)),
        4 => hex(&digits[..3]).map(|color| Color { a: (n & 15) as u8 * 17, ..color }),
        3 => Some(Color::rgb((n >> 8) as u8 * 17, (n >> 4 & 15) as u8 * 17, (n & 15) as u8 * 17)),
        _ => None,
    }
}

/// The contrast of two colours by WCAG 2: 1 to 21.
pub(crate) fn contrast(a: Color, b: Color) -> f64 {
    let luminance = |color| {
        let parts = linear(color).into_iter().zip([0.2126, 0.7152, 0.0722]);
        parts.map(|(part, weight)| part * weight).sum::<f64>() + 0.05
    };
    let (a, b) = (luminance(a), luminance(b));
    f64::max(a, b) / f64::min(a, b)
}

/// Linear sRGB.
pub(crate) fn linear(color: Color) -> [f64; 3] {
    [color.r, color.g, color.b].map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, ColorError>) {
        assert_eq!(
            Color::parse(text).map(|c| c.to_string()).as_deref(),
            expect.as_ref().copied(),
            "{text:?}"
        );
    }

    #[test]
    fn shields_names_and_aliases_are_shields_colours() {
        check("brightgreen", Ok("#4b0"));
        check("success", Ok("#4b0"));
        check("green", Ok("#67ac09"));
        check("gray", Ok("#555"));
        check("inactive", Ok("#939393"));
        check("Critical", Ok("#dd4343"));
    }

    #[test]
    fn the_name_that_was_meant_is_found() {
        assert_eq!(Color::nearest_name(" Bleu"), Some("blue"));
        assert_eq!(Color::nearest_name("banana-split"), None);
    }

    #[test]
    fn hex_is_read_with_and_without_hash() {
        check("#13B28A", Ok("#13b28a"));
        check("13b28a", Ok("#13b28a"));
        check("f0a", Ok("#f0a"));
        check(" #FFF ", Ok("#fff"));
        check("#ffeedd", Ok("#fed"));
        check("rgb(255,238,221)", Ok("#fed"));
        check("RGB( 1, 2 ,3 )", Ok("#010203"));
    }

    /// What badge-maker draws is drawn here.
    #[test]
    fn every_colour_of_shields_io_is_one() {
        for (text, expect) in [
            ("whitesmoke", "#f5f5f5"),
            ("Peru", "#cd853f"),
            ("#ff0000ff", "#f00"),
            ("#f008", "#f008"),
            ("#01020380", "#01020380"),
            ("rgb(1 2 3)", "#010203"),
            ("rgb(1%,2%,3%)", "#030508"),
            ("rgba(1,2,3,0.5)", "#01020380"),
            ("rgba(1, 2, 3, .5)", "#01020380"),
            ("rgb(1 2 3 / 50%)", "#01020380"),
            ("rgba(255,255,255,1)", "#fff"),
            ("hsl(120,50%,50%)", "#40bf40"),
            ("hsl(240deg, 100%, 50%)", "#00f"),
            ("HSLA(360,100%,50%,0)", "#f000"),
        ] {
            check(text, Ok(expect));
        }
    }

    #[test]
    fn names_of_hex_letters_do_not_exist_to_confuse() {
        // No name in the table is three or six hexadecimal digits, so the order of lookup is free.
        check("fade", Err(ColorError::Unknown));
        check("facade", Ok("#facade"));
    }

    #[test]
    fn everything_else_is_refused() {
        check("", Err(ColorError::Empty));
        check("  ", Err(ColorError::Empty));
        check("#zzz", Err(ColorError::Hex));
        check("##fff", Err(ColorError::Hex));
        check("#fffff", Err(ColorError::Hex));
        check("ff0000ff", Err(ColorError::Unknown));
        check("+ff", Err(ColorError::Unknown));
        check("#+ff", Err(ColorError::Hex));
        check("url(#b)", Err(ColorError::Unknown));
        check("red;background:url(//x)", Err(ColorError::Unknown));
        check("expression()", Err(ColorError::Unknown));
        for parts in
            ["", "1,2", "1,2,3,4", "1,2,256", "+1,2,3", "1 2", "1,,3", "10%,2,3", "1,2,3,4,5", "1e2,2,3"]
        {
            check(&format!("rgb({parts})"), Err(ColorError::Decimal));
        }
        for parts in ["", "1,2,3", "361,1%,1%", "1,101%,1%", "1%,1%,1%", "nan,1%,1%"] {
            check(&format!("hsl({parts})"), Err(ColorError::Hsl));
        }
        check("hsv(1,2,3)", Err(ColorError::Unknown));
        check("rgb(1,2,3", Err(ColorError::Unknown));
        check("赤", Err(ColorError::Unknown));
        check(&"f".repeat(10_000), Err(ColorError::Unknown));
    }

    #[test]
    fn text_is_dark_on_bright_boxes_only() {
        let text = |name| Color::parse(name).unwrap().text_and_shadow().0.to_string();
        assert_eq!(text("13b28a"), "#fff");
        assert_eq!(text("555"), "#fff");
        assert_eq!(text("yellow"), "#fff"); // shields' #d8b800 is 0.68: white there too
        assert_eq!(text("b0b0b0"), "#fff"); // 0.690
        assert_eq!(text("b2b2b2"), "#333"); // 0.698, which shields takes for 0.70
        assert_eq!(text("gold"), "#333");
        assert_eq!(text("white"), "#333");
    }
}
