//! Colours: the values that a URL or a configuration can have, and the text in the picture.
//!
//! A [`Color`] is three numbers. No text of a caller reaches the SVG through it, so `red;background:url(//x)` has
//! nowhere to go. Code that reads a `color` parameter calls it.

use std::{fmt, str::FromStr};
use tallymark_core::nearest;

/// A colour of the picture: red, green and blue, opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub r: u8,
    /// Green, 0 to 255.
    pub g: u8,
    /// Blue, 0 to 255.
    pub b: u8,
}

/// Why a text is not a [`Color`].
///
/// The text itself is not repeated: code that shows the error would have to escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ColorError {
    /// Nothing, or nothing but white space.
    #[error("the colour is empty")]
    Empty,
    /// It starts with `#`, but three or six hexadecimal digits do not follow.
    #[error("a colour after # has three or six hexadecimal digits")]
    Hex,
    /// It is `rgb(...)`, but without three numbers from 0 to 255 in it.
    #[error("rgb() has three numbers from 0 to 255, with commas between them")]
    Decimal,
    /// Neither hexadecimal digits, `rgb(...)` nor a name in the table.
    #[error("the colour is neither a known name nor three or six hexadecimal digits nor rgb(R, G, B)")]
    Unknown,
}

/// Names that are suggested.
const COMMON: [&str; 27] = [
    "aqua",
    "beige",
    "black",
    "blue",
    "blueviolet",
    "brightgreen",
    "brown",
    "crimson",
    "cyan",
    "gold",
    "gray",
    "green",
    "grey",
    "indigo",
    "lightgrey",
    "lime",
    "magenta",
    "navy",
    "orange",
    "pink",
    "purple",
    "red",
    "teal",
    "violet",
    "white",
    "yellow",
    "yellowgreen",
];

/// Longer than every name in the tables below and than `rgb( 255, 255, 255 )`; anything longer is refused unread.
const LONGEST: usize = 24;

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
        Self { r, g, b }
    }

    pub(crate) const fn from_u32(rgb: u32) -> Self {
        Self::rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }

    /// Reads a colour: a shields.io name or alias, a CSS name, or three or six hexadecimal digits
    /// with or without `#`, or `rgb(1, 2, 3)`. Upper and lower case are the same, white space around it is ignored.
    ///
    /// shields.io names win over CSS names: `green` is `#67ac09`.
    ///
    /// # Errors
    ///
    /// [`ColorError`] for everything else; `hsl()`, `transparent` and alpha are not colours here.
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
        if let Some(parts) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) {
            return decimal(parts).ok_or(ColorError::Decimal);
        }
        named(&text).or_else(|| hex(&text)).ok_or(ColorError::Unknown)
    }

    /// The name that was probably meant: `blue` for `bleu`.
    #[must_use]
    pub fn nearest_name(text: &str) -> Option<&'static str> {
        nearest(&text.trim().to_ascii_lowercase(), &COMMON)
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

    /// Appends `#rgb` where that says it all, else `#rrggbb`.
    pub fn push_to(self, out: &mut String) {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let short = [self.r, self.g, self.b].iter().all(|part| part >> 4 == part & 15);
        out.push('#');
        for part in [self.r, self.g, self.b] {
            if !short {
                out.push(DIGITS[usize::from(part >> 4)]);
            }
            out.push(DIGITS[usize::from(part & 15)]);
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(7);
        self.push_to(&mut out);
        f.pad(&out)
    }
}

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        Self::parse(text)
    }
}

/// Three numbers with commas between them.
fn decimal(parts: &str) -> Option<Color> {
    // u8's own parser would take "+1".
    let part = |part: &str| part.trim().bytes().all(|b| b.is_ascii_digit()).then(|| part.trim().parse().ok());
    let mut parts = parts.split(',').map(|text| part(text).flatten());
    let color = Color::rgb(parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(color)
}

fn hex(digits: &str) -> Option<Color> {
    // from_str_radix alone would take "+ff".
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let n = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        6 => Some(Color::from_u32(n)),
        3 => Some(Color::rgb((n >> 8) as u8 * 17, (n >> 4 & 15) as u8 * 17, (n & 15) as u8 * 17)),
        _ => None,
    }
}

/// The colour of a lower-case name.
fn named(name: &str) -> Option<Color> {
    let rgb = match name {
        // shields.io (badge-maker 6), and its names for what a colour means.
        "brightgreen" | "success" => 0x44bb00,
        "green" => 0x67ac09,
        "yellow" => 0xd8b800,
        "yellowgreen" => 0x95991a,
        "orange" | "important" => 0xea7233,
        "red" | "critical" => 0xdd4343,
        "blue" | "informational" => 0x007ec6,
        "grey" | "gray" => 0x555555,
        "lightgrey" | "lightgray" | "inactive" => 0x939393,
        "blueviolet" => 0x8a2be2,
        // CSS Color 4, section 6.1: the names people use.
        "aqua" | "cyan" => 0x00ffff,
        "aquamarine" => 0x7fffd4,
        "beige" => 0xf5f5dc,
        "black" => 0x000000,
        "brown" => 0xa52a2a,
        "chocolate" => 0xd2691e,
        "coral" => 0xff7f50,
        "cornflowerblue" => 0x6495ed,
        "crimson" => 0xdc143c,
        "darkblue" => 0x00008b,
        "darkcyan" => 0x008b8b,
        "darkgreen" => 0x006400,
        "darkgrey" | "darkgray" => 0xa9a9a9,
        "darkmagenta" => 0x8b008b,
        "darkorange" => 0xff8c00,
        "darkred" => 0x8b0000,
        "darkslategrey" | "darkslategray" => 0x2f4f4f,
        "darkviolet" => 0x9400d3,
        "deeppink" => 0xff1493,
        "deepskyblue" => 0x00bfff,
        "dimgrey" | "dimgray" => 0x696969,
        "dodgerblue" => 0x1e90ff,
        "firebrick" => 0xb22222,
        "forestgreen" => 0x228b22,
        "fuchsia" | "magenta" => 0xff00ff,
        "gold" => 0xffd700,
        "goldenrod" => 0xdaa520,
        "hotpink" => 0xff69b4,
        "indianred" => 0xcd5c5c,
        "indigo" => 0x4b0082,
        "ivory" => 0xfffff0,
        "khaki" => 0xf0e68c,
        "lavender" => 0xe6e6fa,
        "lightblue" => 0xadd8e6,
        "lightgreen" => 0x90ee90,
        "lightyellow" => 0xffffe0,
        "lime" => 0x00ff00,
        "limegreen" => 0x32cd32,
        "maroon" => 0x800000,
        "mediumseagreen" => 0x3cb371,
        "midnightblue" => 0x191970,
        "navy" => 0x000080,
        "olive" => 0x808000,
        "orangered" => 0xff4500,
        "orchid" => 0xda70d6,
        "pink" => 0xffc0cb,
        "plum" => 0xdda0dd,
        "purple" => 0x800080,
        "rebeccapurple" => 0x663399,
        "royalblue" => 0x4169e1,
        "salmon" => 0xfa8072,
        "seagreen" => 0x2e8b57,
        "silver" => 0xc0c0c0,
        "skyblue" => 0x87ceeb,
        "slateblue" => 0x6a5acd,
        "slategrey" | "slategray" => 0x708090,
        "springgreen" => 0x00ff7f,
        "steelblue" => 0x4682b4,
        "tan" => 0xd2b48c,
        "teal" => 0x008080,
        "tomato" => 0xff6347,
        "turquoise" => 0x40e0d0,
        "violet" => 0xee82ee,
        "white" => 0xffffff,
        _ => return None,
    };
    Some(Color::from_u32(rgb))
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
    fn suggested_names_are_colours() {
        assert!(COMMON.iter().all(|name| Color::parse(name).is_ok()));
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
        check("#ffff", Err(ColorError::Hex));
        check("+ff", Err(ColorError::Unknown));
        check("#+ff", Err(ColorError::Hex));
        check("url(#b)", Err(ColorError::Unknown));
        check("red;background:url(//x)", Err(ColorError::Unknown));
        check("expression()", Err(ColorError::Unknown));
        for parts in ["", "1,2", "1,2,3,4", "1,2,256", "+1,2,3", "1 2 3", "1,,3", "10%,2,3"] {
            check(&format!("rgb({parts})"), Err(ColorError::Decimal));
        }
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
