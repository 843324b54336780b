//! Icons as paths. Emoji are not used, because they look different on every system, and are boxes on some.

use crate::px::Px;
use std::fmt;

/// A path in a square of 24 by 24, in the middle of it. All but a heart, a star and a flame are drawn with `evenodd`.
#[derive(Clone, Copy)]
pub(crate) enum Icon {
    Heart,
    Star,
    Pin,
    Fork,
    Book,
    Person,
    Commit,
    PullRequest,
    Issue,
    Eye,
    Speech,
    Flame,
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
            Icon::Commit => {
                "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zm0 2.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM1 10.9h4.6v2.2H1zm17.4 \
                 0H23v2.2h-4.6z"
            }
            Icon::PullRequest => {
                "M6 2a3 3 0 0 0-1 5.8v8.4a3 3 0 1 0 2 0V7.8A3 3 0 0 0 6 2zm7-.5L8.6 5.8l4.4 4.3V6.9h2a2 2 0 0 1 2 2v7.3a3 3 0 \
                 1 0 2 0V8.9a4 4 0 0 0-4-4h-2z"
            }
            Icon::Issue => {
                "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2.2a7.8 7.8 0 1 1 0 15.6 7.8 7.8 0 0 1 0-15.6zm0 4.8a3 3 0 1 0 0 \
                 6 3 3 0 0 0 0-6z"
            }
            Icon::Eye => {
                "M12 5C6 5 2.5 9.5 1 12c1.5 2.5 5 7 11 7s9.5-4.5 11-7c-1.5-2.5-5-7-11-7zm0 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8z"
            }
            Icon::Speech => {
                "M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2h-8l-5 5v-5H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm2 4v1.8h12V7zm0 4v1.8h8V11z"
            }
            Icon::Flame => {
                "M12.5 1.5c.8 4.2 6 6.8 6 12.7a6.5 6.5 0 0 1-13 0c0-2.6 1.2-4.7 2.8-6 .1 1.7.8 2.8 1.7 3.3.6-3.2-.5-6.6 2.5-10z"
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
