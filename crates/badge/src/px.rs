//! Lengths of a picture in whole tenths of a pixel: no rounding differs between machines.

use std::fmt::{self, Display, Formatter};

/// Tenths of a pixel, written as pixels.
#[derive(Clone, Copy)]
pub(crate) struct Px(pub(crate) u32);

impl Display for Px {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}
