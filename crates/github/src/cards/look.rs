//! The parameters that say how a card looks, as github-readme-stats has them, and the forms that parameters have.

use super::{CardAddress, CardNotes};
use std::ops::RangeInclusive;
use tallymark_badge::{
    Format,
    card::{CardGround, CardLang, CardLook, CardPaint, CardTheme, StreakPaints},
};
use tallymark_core::{choice, switch};

/// The look that an address asks for.
pub(super) fn look(address: &CardAddress, notes: &mut CardNotes) -> Result<CardLook, String> {
    let paint = |key: &str| {
        let read = |text: String| CardPaint::parse(&text).map_err(|why| format!("{key}: {why}"));
        address.given(key).map(read).transpose()
    };
    let ground = |key: &str| {
        let read = |text: String| CardGround::parse(&text).map_err(|why| format!("{key}: {why}"));
        address.given(key).map(read).transpose()
    };
    let theme = theme(address, notes);
    Ok(CardLook {
        theme,
        title_color: paint("title_color")?,
        text_color: paint("text_color")?,
        icon_color: paint("icon_color")?.or(paint("fire")?),
        ring_color: paint("ring_color")?.or(paint("ring")?),
        border_color: paint("border_color")?.or(paint("border")?),
        ground: ground("bg_color")?.or(ground("background")?).or_else(|| theme.gradient()),
        hide_border: flag(address, "hide_border")?,
        hide_title: flag(address, "hide_title")?,
        title: address.text("custom_title").filter(|title| !title.trim().is_empty()),
        width: number(address, "card_width", 1..=10_000, notes)?,
        radius: number(address, "border_radius", 0..=50, notes)?,
        icons: flag(address, "show_icons")?,
        numbers: numbers(address)?,
        lang: lang(address, notes),
        streak: StreakPaints {
            stroke: paint("stroke")?,
            current_number: paint("currstreaknum")?,
            side_numbers: paint("sidenums")?,
            current_label: paint("currstreaklabel")?,
            side_labels: paint("sidelabels")?,
            dates: paint("dates")?,
        },
    })
}

/// An unknown theme is the default, as in the original: a README may have one that is newer than we are.
fn theme(address: &CardAddress, notes: &mut CardNotes) -> CardTheme {
    let Some(asked) = address.given("theme") else { return CardTheme::default() };
    CardTheme::named(&asked).unwrap_or_else(|| {
        let meant = CardTheme::nearest_name(&asked).map(|near| format!(", did you mean {near}?"));
        notes.instead("theme", &asked, &format!("is unknown{}: default is shown", meant.unwrap_or_default()));
        CardTheme::default()
    })
}

/// A language that we do not speak is English: a number is read in any.
fn lang(address: &CardAddress, notes: &mut CardNotes) -> CardLang {
    let Some(asked) = address.given("locale") else { return CardLang::default() };
    CardLang::named(&asked).unwrap_or_else(|| {
        notes.instead("locale", &asked, "is unknown: en is shown");
        CardLang::default()
    })
}

fn numbers(address: &CardAddress) -> Result<Format, String> {
    let format = word(address, "number_format", &[("long", Format::Comma), ("short", Format::Short)])?;
    let usual = if flag(address, "short_numbers")? { Format::Short } else { Format::default() };
    Ok(format.unwrap_or(usual))
}

/// One word of a list.
pub(super) fn word<T: Copy>(
    address: &CardAddress,
    key: &str,
    known: &[(&str, T)],
) -> Result<Option<T>, String> {
    address.given(key).map(|text| choice(key, &text, known)).transpose()
}

/// Words with commas between them, all of which are known.
pub(super) fn words<T: Copy>(
    address: &CardAddress,
    key: &str,
    known: &[(&str, T)],
) -> Result<Vec<T>, String> {
    list(address, key).iter().map(|word| choice(key, word, known)).collect()
}

/// Any words with commas between them.
pub(super) fn list(address: &CardAddress, key: &str) -> Vec<String> {
    let text = address.text(key).unwrap_or_default();
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A switch, which is off without a word.
pub(super) fn flag(address: &CardAddress, key: &str) -> Result<bool, String> {
    let wrong = || format!("{key} is true or false");
    address.given(key).map_or(Ok(false), |text| switch(&text).ok_or_else(wrong))
}

/// A number. One beyond its bounds is the nearest within them.
pub(super) fn number(
    address: &CardAddress,
    key: &str,
    within: RangeInclusive<u32>,
    notes: &mut CardNotes,
) -> Result<Option<u32>, String> {
    let Some(text) = address.given(key) else { return Ok(None) };
    let read = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let asked =
        read.ok_or_else(|| format!("{key} is a number from {} to {}", within.start(), within.end()))?;
    let taken = asked.clamp(f64::from(*within.start()), f64::from(*within.end()));
    if taken != asked {
        notes.instead(key, &text, &format!("is out of range: {taken} is taken"));
    }
    // The original's radius is 4.5.
    Ok(Some(taken.round() as u32))
}

/// A year. Another one would be another number.
pub(super) fn year(address: &CardAddress, key: &str) -> Result<Option<i32>, String> {
    let wrong = || format!("{key} is a year from 2005 on");
    let read = |text: String| text.parse().ok().filter(|year| (2005..=2199).contains(year)).ok_or_else(wrong);
    address.given(key).map(read).transpose()
}
