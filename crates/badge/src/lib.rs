//! Drawing: badges, charts and panels as SVG text.
//!
//! A [`Badge`], [`Spark`], [`shields::Shield`], [`chart::Chart`] [`panel::Panel`], [`banner::Banner`],
//! [`digits::DigitPicture`] or one of the [`card`]s becomes text. Nothing here reads a
//! clock, a file or a store, and nothing is random. The same badge gives the same bytes on every machine and every day,
//! so the publisher can leave an unchanged file alone.
//!
//! It does not decide which number is shown, where the picture is stored or which headers are sent. The publisher
//! (files) and the HTTP server (responses) call it.
//!
//! ```
//! use tallymark_badge::{Badge, number};
//!
//! let svg = tallymark_badge::render(&Badge::hits(&number::group(1_234)));
//! assert!(svg.contains("<title>hits: 1,234</title>"));
//! ```

#![warn(missing_docs)]

mod badge;
pub mod banner;
pub mod card;
pub mod chart;
mod color;
mod data_uri;
pub mod digits;
mod icon;
mod id;
mod locale;
mod look;
pub mod number;
mod own_pictures;
pub mod panel;
mod px;
pub mod reading;
mod shares;
pub mod shields;
mod snippet;
mod spark;
pub mod template;
pub mod text;

pub use badge::{
    Badge, DEFAULT_LABEL, DEFAULT_LABEL_COLOR, DEFAULT_VALUE_COLOR, Layout, render, render_into,
};
pub use color::{Color, ColorError};
pub use locale::{Locale, LocaleError};
pub use look::Look;
pub use number::{Format, FormatError};
pub use snippet::Snippet;
pub use spark::Spark;
pub use template::{Template, TemplateError, Values};
