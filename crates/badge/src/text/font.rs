//! A size and a weight of text: the width of a text in it, and how much of it fits.

use super::fit::{FONT_SIZE, Fitted};

/// A size and a weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    /// In pixels.
    pub(crate) size: u32,
    pub(crate) bold: bool,
}

impl Font {
    pub(crate) const fn regular(size: u32) -> Font {
        Font { size, bold: false }
    }

    pub(crate) const fn bold(size: u32) -> Font {
        Font { size, bold: true }
    }

    /// What its letters are wider by. Bold Verdana, which is taken where DejaVu Sans is not, is a fifth wider than the
    /// table of widths says.
    const fn fifths(self) -> u32 {
        if self.bold { 6 } else { 5 }
    }

    /// The width that text in a badge's size needs, if text in this font needs `room`.
    pub(crate) const fn badge_room(self, room: u32) -> u32 {
        room * FONT_SIZE * 5 / (self.size * self.fifths())
    }

    /// Width of a text in pixels, rounded up.
    pub(crate) fn width(self, text: &str) -> u32 {
        let tenths = Fitted::new(text, u32::from(u16::MAX)).tenths();
        (tenths * self.size * self.fifths()).div_ceil(FONT_SIZE * 5 * 10)
    }

    /// The text, cut if it is wider than `room` pixels. Not escaped.
    pub(crate) fn fit(self, text: &str, room: u32) -> String {
        Fitted::new(text, self.badge_room(room)).shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_was_cut_is_as_wide_as_its_room() {
        for font in [Font::regular(11), Font::regular(14), Font::bold(16)] {
            for room in [20, 100, 222] {
                for text in [
                    "The quick brown fox jumps over the lazy dog, twice",
                    "路过打卡路过打卡路过打卡路过打卡路过打卡路过",
                ] {
                    let cut = font.fit(text, room);
                    assert!(cut.ends_with('…'), "{cut}");
                    let width = font.width(&cut);
                    assert!(width <= room && width + 2 * font.size > room, "{cut}: {width} of {room}");
                }
            }
        }
    }
}
