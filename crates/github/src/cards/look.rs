//! The parameters that say how a card looks, as github-readme-stats has them, and the forms that parameters have.

use super::CardAddress;
use std::ops::RangeInclusive;
use tallymark_badge::{
    Format,
    card::{CardGround, CardLang, CardLook, CardPaint, CardTheme},
};
use tallymark_core::{choice, switch};

/// The look that an address asks for.
pub(super) fn look(address: &CardAddress) -> Result<CardLook, String> {
    let themes = CardTheme::EVERY.map(|theme| (theme.name(), theme));
    let paint = |key: &str| {
        let read = |text: String| CardPaint::parse(&text).map_err(|why| format!("{key}: {why}"));
        address.given(key).map(read).transpose()
    };
    let ground = address.given("bg_color");
    let numbers = word(address, "number_format", &[("long", Format::Comma), ("short", Format::Short)])?;
    // The original's is 4.5.
    let radius = address.given("border_radius").map(|text| {
        let number = text.parse::<f64>().ok().filter(|radius| (0.0..=50.0).contains(radius));
        number.map(|radius| radius.round() as u32).ok_or("border_radius is a number from 0 to 50".to_owned())
    });
    Ok(CardLook {
        theme: word(address, "theme", &themes)?.unwrap_or_default(),
        title_color: paint("title_color")?,
        text_color: paint("text_color")?,
        icon_color: paint("icon_color")?,
        ring_color: paint("ring_color")?.or(paint("ring")?),
        border_color: paint("border_color")?,
        ground: ground
            .map(|text| CardGround::parse(&text).map_err(|why| format!("bg_color: {why}")))
            .transpose()?,
        hide_border: flag(address, "hide_border")?,
        hide_title: flag(address, "hide_title")?,
        title: address.text("custom_title").filter(|title| !title.trim().is_empty()),
        width: number(address, "card_width", 1..=10_000)?,
        radius: radius.transpose()?,
        icons: flag(address, "show_icons")?,
        numbers: numbers.unwrap_or_default(),
        lang: word(address, "locale", &CardLang::EVERY)?.unwrap_or_default(),
    })
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

/// A number within bounds.
pub(super) fn number(
    address: &CardAddress,
    key: &str,
    within: RangeInclusive<u32>,
) -> Result<Option<u32>, String> {
    let wrong = || format!("{key} is a number from {} to {}", within.start(), within.end());
    let read = |text: String| text.parse().ok().filter(|number| within.contains(number)).ok_or_else(wrong);
    address.given(key).map(read).transpose()
}
