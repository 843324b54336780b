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
        // Both are rounded, so that a text that is reported to fit is not cut.
        let room = if self.width(text) <= room { u32::from(u16::MAX) } else { self.badge_room(room) };
        Fitted::new(text, room).shown().into_owned()
    }

    /// A name that fits. Of `owner/repository`, the owner is cut first: the repository tells more.
    pub(crate) fn fit_name(self, name: &str, room: u32) -> String {
        let Some((owner, repo)) = name.split_once('/').filter(|_| self.width(name) > room) else {
            return self.fit(name, room);
        };
        let behind = format!("/{repo}");
        let left = room.saturating_sub(self.width(&behind));
        let owner = self.fit(owner, left);
        if self.width(&owner) <= left && owner.chars().count() > 2 {
            owner + &behind
        } else {
            self.fit(repo, room)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_is_cut_before_the_repository() {
        let font = Font::regular(11);
        assert_eq!(font.fit_name("octo/hello", 200), "octo/hello");
        let cut = font.fit_name("a-very-long-organisation-name/hello", 120);
        assert!(cut.ends_with("…/hello") && cut.starts_with("a-v"), "{cut}");
        assert_eq!(font.fit_name("organisation/the-repository-alone", 125), "the-repository-alone");
        let cut = font.fit_name("o/a-repository-with-a-name-that-never-ends", 100);
        assert!(cut.starts_with("a-repo") && cut.ends_with('…'), "{cut}");
        for room in 0..200 {
            for name in [
                "octo/hello",
                "日本/日本語日本語日本語日本語",
                "no-slash-but-rather-long-as-names-go",
                "a//b",
            ] {
                assert!(font.width(&font.fit_name(name, room)) <= room.max(font.width("…")), "{name} {room}");
            }
        }
    }

    #[test]
    fn text_that_fits_is_not_cut() {
        for font in [Font::bold(24), Font::bold(18), Font::regular(11)] {
            for text in ["5,025", "1,665", "路过", "octo-cat/hello"] {
                assert_eq!(font.fit(text, font.width(text)), text);
            }
        }
    }

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
