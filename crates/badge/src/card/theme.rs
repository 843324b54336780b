//! The colours of cards: by name, or the caller's own.
//!
//! The names are github-readme-stats', and the colours are drawn anew from what the makers of those palettes publish.
//! Every text reaches a contrast of 4.5 on its card. The default follows the reader: light, or dark.

use crate::{Color, ColorError};
use std::fmt;

/// A colour of a card, which may let shine through what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardPaint {
    color: Color,
    alpha: u8,
}

impl CardPaint {
    /// Reads a colour as [`Color::parse`] does, or four or eight hexadecimal digits, the last of which are its opacity.
    ///
    /// # Errors
    ///
    /// [`ColorError`] for everything else.
    pub fn parse(text: &str) -> Result<CardPaint, ColorError> {
        let digits = text.trim().trim_start_matches('#');
        let (short, long) = (digits.len() == 4, digits.len() == 8);
        if !(short || long) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(CardPaint { color: Color::parse(text)?, alpha: 0xff });
        }
        let (color, alpha) = digits.split_at(if short { 3 } else { 6 });
        let alpha = if short { alpha.repeat(2) } else { alpha.to_owned() };
        let alpha = u8::from_str_radix(&alpha, 16).map_err(|_| ColorError::Hex)?;
        Ok(CardPaint { color: Color::parse(&format!("#{color}"))?, alpha })
    }
}

impl From<Color> for CardPaint {
    fn from(color: Color) -> CardPaint {
        CardPaint { color, alpha: 0xff }
    }
}

impl fmt::Display for CardPaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CardPaint { color: Color { r, g, b }, alpha } = self;
        match alpha {
            0xff => self.color.fmt(f),
            _ => write!(f, "#{r:02x}{g:02x}{b:02x}{alpha:02x}"),
        }
    }
}

/// What is behind a card's texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardGround {
    /// One colour.
    Plain(CardPaint),
    /// From colour to colour, turned by so many degrees.
    Gradient(u16, Vec<CardPaint>),
}

impl CardGround {
    /// Reads a colour, or `ANGLE,COLOUR,COLOUR...`.
    ///
    /// # Errors
    ///
    /// [`ColorError`] for everything else.
    pub fn parse(text: &str) -> Result<CardGround, ColorError> {
        let Some((angle, colors)) = text.split_once(',').filter(|(angle, _)| !angle.starts_with("rgb("))
        else {
            return CardPaint::parse(text).map(CardGround::Plain);
        };
        let angle = angle.trim().parse().ok().filter(|angle| *angle <= 360).ok_or(ColorError::Unknown)?;
        let colors: Vec<CardPaint> = colors.split(',').map(CardPaint::parse).collect::<Result<_, _>>()?;
        if (2..=10).contains(&colors.len()) {
            Ok(CardGround::Gradient(angle, colors))
        } else {
            Err(ColorError::Unknown)
        }
    }
}

/// The colours of one card, in one light.
#[derive(Clone, Copy, Debug)]
pub(super) struct CardPalette {
    pub(super) title: Color,
    pub(super) text: Color,
    pub(super) icon: Color,
    pub(super) ground: Color,
    pub(super) border: Color,
}

const fn palette(title: u32, text: u32, icon: u32, ground: u32, border: u32) -> CardPalette {
    CardPalette {
        title: Color::from_u32(title),
        text: Color::from_u32(text),
        icon: Color::from_u32(icon),
        ground: Color::from_u32(ground),
        border: Color::from_u32(border),
    }
}

const LIGHT: CardPalette = palette(0x0550ae, 0x1f2328, 0x8250df, 0xffffff, 0xd0d7de);
const DARK: CardPalette = palette(0x79c0ff, 0xe6edf3, 0xd2a8ff, 0x0d1117, 0x30363d);

/// A set of colours.
#[derive(Clone, Copy, Debug)]
pub struct CardTheme {
    name: &'static str,
    pub(super) light: CardPalette,
    /// For a reader in the dark, if it is another.
    pub(super) dark: Option<CardPalette>,
}

const fn fixed(name: &'static str, palette: CardPalette) -> CardTheme {
    CardTheme { name, light: palette, dark: None }
}

impl CardTheme {
    /// Every theme; the first one follows the reader.
    pub const EVERY: [CardTheme; 12] = [
        CardTheme { name: "default", light: LIGHT, dark: Some(DARK) },
        fixed("light", LIGHT),
        fixed("dark", DARK),
        fixed("radical", palette(0xff6ba8, 0xb7f0e6, 0xffd866, 0x17142b, 0x3b3560)),
        fixed("merko", palette(0xb8d93b, 0x86c9a4, 0xd0e58f, 0x0b120d, 0x28402e)),
        fixed("gruvbox", palette(0xfabd2f, 0xebdbb2, 0xfe8019, 0x282828, 0x504945)),
        fixed("tokyonight", palette(0x7aa2f7, 0xc0caf5, 0xbb9af7, 0x1a1b26, 0x3b4261)),
        fixed("onedark", palette(0x61afef, 0xc5cbd6, 0x98c379, 0x282c34, 0x4b5263)),
        fixed("cobalt", palette(0xffc600, 0xe1efff, 0xff9d00, 0x193549, 0x35597a)),
        fixed("synthwave", palette(0xff7edb, 0xf0eff1, 0xfede5d, 0x262335, 0x495495)),
        fixed("highcontrast", palette(0xffff00, 0xffffff, 0x00ffff, 0x000000, 0xffffff)),
        fixed("dracula", palette(0xff79c6, 0xf8f8f2, 0x8be9fd, 0x282a36, 0x6272a4)),
    ];

    /// Its name in an address.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }
}

impl Default for CardTheme {
    fn default() -> CardTheme {
        CardTheme::EVERY[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::contrast;

    #[test]
    fn every_text_can_be_read_in_every_theme() {
        for theme in CardTheme::EVERY {
            for CardPalette { title, text, icon, ground, .. } in
                [Some(theme.light), theme.dark].into_iter().flatten()
            {
                for color in [title, text, icon] {
                    let reached = contrast(color, ground);
                    assert!(reached >= 4.5, "{}: {color} on {ground}: {reached:.2}", theme.name);
                }
            }
        }
    }

    #[test]
    fn colours_may_be_seen_through() {
        for (text, written) in [
            ("fff", "#fff"),
            ("#0d1117", "#0d1117"),
            ("00000000", "#00000000"),
            ("f008", "#ff000088"),
            ("ffffffff", "#fff"),
        ] {
            assert_eq!(CardPaint::parse(text).unwrap().to_string(), written, "{text}");
        }
        for text in ["", "ggg", "12345", "#00000", "url(#x)", "0000000g"] {
            assert!(CardPaint::parse(text).is_err(), "{text}");
        }
        assert!(
            matches!(CardGround::parse("30,e96443,904e95"), Ok(CardGround::Gradient(30, colors)) if colors.len() == 2)
        );
        assert!(matches!(CardGround::parse("rgb(1, 2, 3)"), Ok(CardGround::Plain(_))));
        for text in ["30,", "30,fff", "400,fff,000", "x,fff,000", "30,fff,zzz"] {
            assert!(CardGround::parse(text).is_err(), "{text}");
        }
    }
}
