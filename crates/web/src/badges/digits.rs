//! A number in image digits: `digits=THEME`, and with it `padding prefix offset align size pixelated darkmode`.

use super::figures::{Figures, Wording, titled};
use crate::query::{Query, choice};
use std::{ops::RangeInclusive, sync::Arc};
use tallymark_badge::{
    Look,
    digits::{Align, DigitPicture, DigitTheme, Dimming, SIZES},
};

const PADDING: RangeInclusive<u32> = 0..=16;
const OFFSET: RangeInclusive<i32> = -500..=500;
const PREFIX: RangeInclusive<u32> = 0..=999_999;

/// A theme, and how it is used.
pub(crate) struct DigitDress {
    theme: Arc<DigitTheme>,
    prefix: Option<u32>,
    padding: u32,
    offset: i32,
    align: Align,
    size: f64,
    pixelated: bool,
    dimming: Dimming,
}

impl DigitDress {
    /// Reads them, if the address names a theme.
    pub(crate) fn read(query: Query<'_>, look: &Look) -> Result<Option<DigitDress>, String> {
        let Some(name) = query.text("digits").filter(|name| !name.is_empty()) else { return Ok(None) };
        let theme = match look.digits.find(&name) {
            Some(theme) => theme,
            None if look.digits.is_broken(&name) => {
                let why = "an image of this theme on the server is broken: tallymark check-config says why";
                return Err(format!("digits: {why}"));
            }
            None => {
                let known: Vec<(&str, ())> = look.digits.names().map(|name| (name, ())).collect();
                choice("digits", &name, &known)?;
                return Err("digits: there is no such theme".to_owned());
            }
        };
        // The same in four spellings; an empty one is a field of a form.
        let formats = ["format", "number_format", "abbreviated", "short_numbers"];
        let given = formats.into_iter().find(|key| query.get(key).is_some_and(|value| !value.is_empty()));
        if let Some(key) = given {
            return Err(format!("image digits show the whole number: leave out {key} or digits"));
        }
        let align = [("top", Align::Top), ("center", Align::Center), ("bottom", Align::Bottom)];
        let dimming = [("0", Dimming::Off), ("1", Dimming::On), ("auto", Dimming::Auto)];
        let prefix = within(query, "prefix", -1..=i64::from(*PREFIX.end()))?;
        Ok(Some(DigitDress {
            theme,
            // Moe-Counter's word for none is -1.
            prefix: prefix.and_then(|prefix| u32::try_from(prefix).ok()),
            padding: within(query, "padding", PADDING)?.unwrap_or(0),
            offset: within(query, "offset", OFFSET)?.unwrap_or(0),
            align: word(query, "align", &align)?.unwrap_or_default(),
            size: within(query, "size", SIZES)?.unwrap_or(1.0),
            pixelated: word(query, "pixelated", &[("0", false), ("1", true)])?.unwrap_or(false),
            dimming: word(query, "darkmode", &dimming)?.unwrap_or_default(),
        }))
    }

    /// The picture of a badge's number.
    pub(crate) fn draw(
        &self,
        figures: &Figures,
        counts: &[i64],
        said: &Wording,
        label: Option<&str>,
    ) -> String {
        let title = match &said.title {
            Some(title) => title.clone(),
            None => titled(label.unwrap_or(&said.label), &said.value),
        };
        self.picture(figures.first(counts), &title)
    }

    /// The picture of any number.
    pub(crate) fn picture(&self, number: i64, title: &str) -> String {
        let picture = DigitPicture {
            prefix: self.prefix,
            padding: self.padding as usize,
            offset: f64::from(self.offset),
            align: self.align,
            size: self.size,
            pixelated: self.pixelated,
            dimming: self.dimming,
            ..DigitPicture::new(&self.theme, number, title)
        };
        picture.render()
    }
}

/// A number within bounds.
fn within<T>(query: Query<'_>, key: &str, bounds: RangeInclusive<T>) -> Result<Option<T>, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = query.text(key).filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.map(Some).ok_or_else(|| format!("{key} is {} to {}", bounds.start(), bounds.end()))
}

fn word<T: Copy>(query: Query<'_>, key: &str, known: &[(&str, T)]) -> Result<Option<T>, String> {
    let word = query.text(key).filter(|word| !word.is_empty());
    word.map(|word| choice(key, &word, known)).transpose()
}
