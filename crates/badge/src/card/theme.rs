//! The colours of a card that an address can set: of its texts, and of its background.

use super::themes::CardPalette;
use crate::{Color, ColorError, color::contrast};
use std::fmt;

/// A colour of a card, which may let shine through what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardPaint(Color);

impl CardPaint {
    /// Reads a colour as [`Color::parse`] does, `transparent`, or four or eight hexadecimal digits, the last of which are its
    /// opacity.
    ///
    /// # Errors
    ///
    /// [`ColorError`] for everything else.
    pub fn parse(text: &str) -> Result<CardPaint, ColorError> {
        if text.trim().eq_ignore_ascii_case("transparent") {
            return Ok(CardPaint::seen_through(Color::WHITE));
        }
        let digits = text.trim().trim_start_matches('#');
        let is_hex = matches!(digits.len(), 4 | 8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let color = if is_hex { Color::parse(&format!("#{digits}")) } else { Color::parse(text) };
        color.map(CardPaint)
    }

    /// No paint at all.
    pub(super) const fn seen_through(color: Color) -> CardPaint {
        CardPaint(Color { a: 0, ..color })
    }

    /// Whether it is rather the page behind it that is seen.
    fn is_clear(self) -> bool {
        self.0.a < 0x80
    }
}

impl From<Color> for CardPaint {
    fn from(color: Color) -> CardPaint {
        CardPaint(color)
    }
}

impl fmt::Display for CardPaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        let Some((angle, colors)) = text.split_once(',').filter(|(angle, _)| !angle.contains('(')) else {
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

    /// The one of two sets of colours whose texts are read better on it; `None` if the page behind it is seen.
    pub(super) fn better<'p>(&self, one: &'p CardPalette, other: &'p CardPalette) -> Option<&'p CardPalette> {
        let paints = match self {
            CardGround::Plain(paint) => std::slice::from_ref(paint),
            CardGround::Gradient(_, paints) => paints,
        };
        if paints.iter().any(|paint| paint.is_clear()) {
            return None;
        }
        let worst = |palette: &CardPalette| {
            let on = |paint: &CardPaint| palette.texts().map(|text| contrast(text, paint.0));
            paints.iter().flat_map(on).fold(f64::INFINITY, f64::min)
        };
        Some(if worst(one) >= worst(other) { one } else { other })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_may_be_seen_through() {
        for (text, written) in [
            ("fff", "#fff"),
            ("#0d1117", "#0d1117"),
            ("00000000", "#0000"),
            ("f008", "#f008"),
            ("0d1117cc", "#0d1117cc"),
            ("ffffffff", "#fff"),
            ("Transparent", "#fff0"),
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
