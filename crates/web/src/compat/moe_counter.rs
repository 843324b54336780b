//! The parts of Moe-Counter's address that a badge does not have: a theme of images, and a number that is only shown.
//! Called by `counters`, which translates its parameters.

use crate::query::Query;
use tallymark_badge::{Look, digits::DEFAULT_THEME};

/// Its parameters, and ours.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("padding", "padding"),
    ("offset", "offset"),
    ("align", "align"),
    ("scale", "size"),
    ("pixelated", "pixelated"),
    ("darkmode", "darkmode"),
    ("prefix", "prefix"),
];

/// The largest `num`.
const LARGEST: i64 = 1_000_000_000_000_000;

/// Shown for the name `demo`, behind a zero.
const EVERY_DIGIT: i64 = 123_456_789;

/// The number that an address shows instead of counting: `num`, or every digit for the name `demo`.
pub(super) fn given_number(name: &[u8], query: Query<'_>) -> Result<Option<i64>, String> {
    if is_demo(name) {
        return Ok(Some(EVERY_DIGIT));
    }
    let Some(text) = query.text("num").filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    match text.trim().parse() {
        Ok(0) => Ok(None),
        Ok(number @ 1..=LARGEST) => Ok(Some(number)),
        _ => Err(format!("num is a whole number, 0 to {LARGEST}")),
    }
}

fn is_demo(name: &[u8]) -> bool {
    name == b"demo"
}

/// Adds the theme, or the usual one where there is none of its name, as Moe-Counter did. Themes of pixels are sharp, and
/// dimmed on dark pages, unless the address says otherwise.
pub(super) fn put_theme(name: &[u8], query: Query<'_>, look: &Look, put: &mut impl FnMut(&str, &str)) {
    let asked = query.text("theme").unwrap_or_default();
    // A broken one is a mistake of this site, and told.
    let is_known = look.digits.find(&asked).is_some() || look.digits.is_broken(&asked);
    let theme = if is_known { asked.as_str() } else { DEFAULT_THEME };
    put("digits", theme);
    if is_demo(name) {
        put("padding", "10");
    }
    if look.digits.find(theme).is_some_and(|theme| !theme.is_vector()) {
        put("pixelated", "1");
        put("darkmode", "auto");
    }
}
