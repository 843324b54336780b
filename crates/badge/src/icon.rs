//! Icons as paths: an emoji looks different on every system, and is a box on some.

use crate::px::Px;
use std::fmt;

/// A path in a square of 24 by 24, in the middle of it. A fork, a book and a person are drawn with `evenodd`.
#[derive(Clone, Copy)]
pub(crate) enum Icon {
    Heart,
    Star,
    Pin,
    Fork,
    Book,
    Person,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Heart => {
                "M12 21.4C8 17.9 2 13.4 2 8.4 2 5.2 4.4 2.9 7.3 2.9c1.9 0 3.7 1 4.7 2.7 1-1.7 2.8-2.7 4.7-2.7 2.9 0 5.3 2.3 \
                 5.3 5.5 0 5-6 9.5-10 13z"
            }
            Icon::Star => "M12 1.8l3.1 6.5 7.1 1-5.1 5 1.2 7.1-6.3-3.4-6.3 3.4 1.2-7.1-5.1-5 7.1-1z",
            Icon::Pin => {
                "M12 22.5c-.6 0-7.5-7.6-7.5-13a7.5 7.5 0 0 1 15 0c0 5.4-6.9 13-7.5 13zM12 6.5a3 3 0 1 0 0 6 3 3 0 0 0 \
                 0-6z"
            }
            Icon::Fork => {
                "M6 2a3 3 0 0 0-1 5.8V9a3 3 0 0 0 3 3h3v4.2a3 3 0 1 0 2 0V12h3a3 3 0 0 0 3-3V7.8a3 3 0 1 0-2 0V9a1 1 0 0 1-1 \
                 1H8a1 1 0 0 1-1-1V7.8A3 3 0 0 0 6 2z"
            }
            Icon::Book => {
                "M6 2a3 3 0 0 0-3 3v14a3 3 0 0 0 3 3h3v-2H6a1 1 0 0 1 0-2h13v2h-4v2h5a1 1 0 0 0 1-1V3a1 1 0 0 0-1-1zm0 \
                 2h13v12H6a3 3 0 0 0-1 .2V5a1 1 0 0 1 1-1z"
            }
            Icon::Person => {
                "M12 2.5a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zM3 21.5c0-4.4 4-7.2 9-7.2s9 2.8 9 7.2z"
            }
        }
    }

    /// The icon with a size, centred on a point; all in tenths of a pixel.
    pub(crate) fn at(self, x: u32, y: u32, size: u32) -> Placed {
        Placed { icon: self, x, y, size }
    }
}

/// An icon at a place.
pub(crate) struct Placed {
    icon: Icon,
    x: u32,
    y: u32,
    size: u32,
}

impl Placed {
    /// Writes the path with more attributes.
    pub(crate) fn draw(&self, f: &mut fmt::Formatter<'_>, attributes: &str) -> fmt::Result {
        let Placed { icon, x, y, size } = self;
        let (left, top) = (Px(x - size / 2), Px(y - size / 2));
        // In thousandths: the scale of the 24 units.
        let scale = size * 100 / 24;
        writeln!(
            f,
            "<path {attributes} transform=\"translate({left} {top}) scale({}.{:03})\" d=\"{}\"/>",
            scale / 1000,
            scale % 1000,
            icon.path()
        )
    }
}
