//! Text in a picture: its width, which characters may be shown, and how it is written into XML.
//!
//! Every text of a caller passes through here on its way into an SVG: [`XmlText`] where it is shown
//! whole, [`Fitted`] where it must fit into a box. Both drop what XML 1.0 forbids and what would
//! disturb the text around it; see [`clean`](fn@clean).
//!
//! It does not shape text. Widths are sums of advances of DejaVu Sans: kerning, ligatures and joined letters are
//! ignored, so a drawn text may differ by a pixel; `textLength` in the picture compensates for that. All pictures use
//! it.

mod clean;
mod escape;
mod fit;
mod font;
mod metrics;
mod widths;
mod wrap;

pub use clean::{Clean, clean};
pub(crate) use escape::BeforeNumber;
pub use escape::XmlText;
pub(crate) use fit::BEFORE_ELLIPSIS;
pub use fit::Fitted;
pub(crate) use font::Font;
pub use metrics::{EM, width};
pub(crate) use metrics::{OneEmoji, has_joined_letters, is_zero_width, phrase};
