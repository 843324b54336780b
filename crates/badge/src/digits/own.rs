//! The themes that come with Tallymark, compiled in. Their files are in `themes/`.

use super::DigitTheme;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// By name.
pub(super) static THEMES: LazyLock<BTreeMap<&'static str, Arc<DigitTheme>>> = LazyLock::new(|| {
    let themes = [("odometer", ODOMETER), ("nixie", NIXIE)];
    // A test holds all of them against the rules of a theme.
    let read = |(name, files): (&'static str, [(&str, &str); 12])| {
        let files = files.map(|(file, svg)| (format!("{file}.svg"), svg.as_bytes().to_vec()));
        let mut theme = DigitTheme::of_files(files.into()).ok()?;
        theme.is_opaque = true;
        Some((name, Arc::new(theme)))
    };
    themes.into_iter().filter_map(read).collect()
});

/// The file of one image, with its name.
macro_rules! image {
    ($theme:literal, $name:literal) => {
        ($name, include_str!(concat!("themes/", $theme, "/", $name, ".svg")))
    };
}

/// A theme of twelve images.
macro_rules! theme {
    ($theme:literal) => {
        [
            image!($theme, "0"),
            image!($theme, "1"),
            image!($theme, "2"),
            image!($theme, "3"),
            image!($theme, "4"),
            image!($theme, "5"),
            image!($theme, "6"),
            image!($theme, "7"),
            image!($theme, "8"),
            image!($theme, "9"),
            image!($theme, "_start"),
            image!($theme, "_end"),
        ]
    };
}

/// A car's counter: white figures on black drums, in a frame of steel.
const ODOMETER: [(&str, &str); 12] = theme!("odometer");
/// Glowing wire in tubes of glass.
const NIXIE: [(&str, &str); 12] = theme!("nixie");
