//! The parameters that say how a card looks, as github-readme-stats has them. No number depends on them, so a wrong
//! value is ignored.

use super::{
    CardAddress, CardNotes,
    values::{flag, number, read, word},
};
use tallymark_badge::{
    Format,
    card::{CardGround, CardLang, CardLook, CardPaint, CardTheme, StreakPaints, WIDEST},
};

/// The look that an address asks for.
pub(super) fn look(address: &CardAddress, notes: &mut CardNotes) -> CardLook {
    let theme = theme(address, notes);
    let mut paint =
        |key: &str| read(address, key, notes, |text| CardPaint::parse(text).map_err(|_| "is no color"));
    let title_color = paint("title_color");
    let text_color = paint("text_color");
    let icon_color = paint("icon_color").or_else(|| paint("fire"));
    let ring_color = paint("ring_color").or_else(|| paint("ring"));
    let border_color = paint("border_color").or_else(|| paint("border"));
    let streak = StreakPaints {
        stroke: paint("stroke"),
        current_number: paint("currstreaknum"),
        side_numbers: paint("sidenums"),
        current_label: paint("currstreaklabel"),
        side_labels: paint("sidelabels"),
        dates: paint("dates"),
    };
    let mut ground = |key: &str| {
        read(address, key, notes, |text| {
            CardGround::parse(text).map_err(|_| "is neither a color nor a gradient")
        })
    };
    let ground = ground("bg_color").or_else(|| ground("background")).or_else(|| theme.gradient());
    CardLook {
        theme,
        title_color,
        text_color,
        icon_color,
        ring_color,
        border_color,
        ground,
        hide_border: flag(address, "hide_border", notes),
        hide_title: flag(address, "hide_title", notes),
        title: address.text("custom_title").filter(|title| !title.trim().is_empty()),
        width: number(address, "card_width", 1..=WIDEST, notes),
        radius: number(address, "border_radius", 0..=50, notes),
        icons: flag(address, "show_icons", notes),
        numbers: numbers(address, notes),
        lang: lang(address, notes),
        streak,
    }
}

/// An unknown theme is the default, as in the original: a README may have one that is newer than we are.
fn theme(address: &CardAddress, notes: &mut CardNotes) -> CardTheme {
    let Some(asked) = address.given("theme") else { return CardTheme::default() };
    CardTheme::named(&asked).unwrap_or_else(|| {
        let meant = CardTheme::nearest_name(&asked).map(|near| format!(" (did you mean {near}?)"));
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

fn numbers(address: &CardAddress, notes: &mut CardNotes) -> Format {
    let format = word(address, "number_format", &[("long", Format::Comma), ("short", Format::Short)], notes);
    let usual = if flag(address, "short_numbers", notes) { Format::Short } else { Format::default() };
    format.unwrap_or(usual)
}
