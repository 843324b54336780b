//! The colours of panels, light and dark, and the style sheet that chooses between them.
//!
//! Gradients and lines are the original's; the colours of texts are darker in light and lighter in dark, because the
//! original's do not reach a contrast of 4.5 on their tint. Every rule of the sheet begins with the theme, so that
//! panels of several themes in one page do not disturb each other, nor the page.

use super::Theme;
use crate::Color;
use std::fmt;
use tallymark_core::Event;

/// The parts of a picture for visits, and those for likes.
pub(super) struct Tone {
    /// Ends the names of its classes and ids.
    pub(super) word: &'static str,
    /// The tint, from corner to corner.
    pub(super) tint: [Color; 2],
    /// Borders and lines in the card.
    pub(super) line: Color,
    /// Background of the initials, which are white.
    pub(super) face: [Color; 2],
}

const fn rgb(rgb: u32) -> Color {
    Color::from_u32(rgb)
}

static VISIT: Tone = Tone {
    word: "visit",
    tint: [rgb(0x667eea), rgb(0x764ba2)],
    line: rgb(0x667eea),
    face: [rgb(0x566bd8), rgb(0x764ba2)],
};

static LIKE: Tone = Tone {
    word: "like",
    tint: [rgb(0xf093fb), rgb(0xf5576c)],
    line: rgb(0xf5576c),
    face: [rgb(0xb045c0), rgb(0xd63c52)],
};

impl Tone {
    pub(super) fn of(event: Event) -> &'static Tone {
        if event == Event::LIKE { &LIKE } else { &VISIT }
    }
}

/// How strong a tint is, in hundredths.
struct Tints {
    card: u32,
    bar: u32,
}

struct Palette {
    ground: Color,
    tints: Tints,
    text: Color,
    soft: Color,
    visit: Color,
    like: Color,
}

const LIGHT: Palette = Palette {
    ground: rgb(0xffffff),
    tints: Tints { card: 10, bar: 15 },
    text: rgb(0x3d4450),
    soft: rgb(0x5f6672),
    visit: rgb(0x4557c9),
    like: rgb(0xc02d45),
};

const DARK: Palette = Palette {
    ground: rgb(0x161b22),
    tints: Tints { card: 12, bar: 14 },
    text: rgb(0xd5dbe3),
    soft: rgb(0xa3adb9),
    visit: rgb(0xa9b6ff),
    like: rgb(0xff9fae),
};

impl Palette {
    fn write(&self, f: &mut fmt::Formatter<'_>, theme: &str) -> fmt::Result {
        let Palette { ground, tints, text, soft, visit, like } = self;
        write!(
            f,
            "{theme} .tp-ground{{fill:{ground}}}{theme} .tp-card{{fill-opacity:.{:02}}}{theme} .tp-bar{{fill-opacity:.{:02}}}\
             {theme} .tp-text{{fill:{text}}}{theme} .tp-soft{{fill:{soft}}}\
             {theme} .tp-visit{{fill:{visit}}}{theme} .tp-like{{fill:{like}}}",
            tints.card, tints.bar,
        )
    }
}

impl Theme {
    /// The class of the whole picture.
    pub(super) fn class(self) -> &'static str {
        match self {
            Theme::Auto => "tp-auto",
            Theme::Light => "tp-light",
            Theme::Dark => "tp-dark",
        }
    }
}

/// The style sheet of a theme, in one line.
pub(super) struct Rules(pub(super) Theme);

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Theme::Light => LIGHT.write(f, ".tp-light"),
            Theme::Dark => DARK.write(f, ".tp-dark"),
            Theme::Auto => {
                LIGHT.write(f, ".tp-auto")?;
                f.write_str("@media(prefers-color-scheme:dark){")?;
                DARK.write(f, ".tp-auto")?;
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::contrast;

    /// `above` laid over `below`.
    fn laid(above: Color, hundredths: u32, below: Color) -> Color {
        let mix =
            |a: u8, b: u8| ((u32::from(a) * hundredths + u32::from(b) * (100 - hundredths) + 50) / 100) as u8;
        Color::rgb(mix(above.r, below.r), mix(above.g, below.g), mix(above.b, below.b))
    }

    /// Along a gradient, in eleven steps.
    fn along([from, to]: [Color; 2]) -> impl Iterator<Item = Color> {
        (0..=10).map(move |step| laid(to, step * 10, from))
    }

    #[test]
    fn texts_reach_aa_on_every_tint_they_stand_on() {
        for (theme, palette) in [("light", &LIGHT), ("dark", &DARK)] {
            let Palette { ground, tints, text, soft, visit, like } = palette;
            for (tone, own) in [(&VISIT, visit), (&LIKE, like)] {
                for strength in [tints.card, tints.bar] {
                    for tint in along(tone.tint) {
                        let behind = laid(tint, strength, *ground);
                        for color in [text, soft, own] {
                            let reached = contrast(*color, behind);
                            assert!(
                                reached >= 4.5,
                                "{theme} {}: {color} on {behind} {reached:.2}",
                                tone.word
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn initials_reach_aa_on_their_gradient() {
        for tone in [&VISIT, &LIKE] {
            for behind in along(tone.face) {
                let reached = contrast(Color::WHITE, behind);
                assert!(reached >= 4.5, "{} on {behind} {reached:.2}", tone.word);
            }
        }
    }
}
