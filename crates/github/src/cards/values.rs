//! The forms that parameters have, and the rule for values that are none of them.
//!
//! A value that changes no number, and that the original ignores, is ignored here too, and a note says so. A value that
//! would change a number is an error, because a card with another number would be believed.

use super::{CardAddress, CardNotes};
use std::ops::RangeInclusive;
use tallymark_badge::card::CardLang;
use tallymark_core::{choice, find_choice, switch};

/// GitHub's first year is a little later.
const YEARS: RangeInclusive<i32> = 2005..=2199;
/// What a note says of a value that is ignored.
const IGNORED: &str = "so it is ignored";

/// A value, or none if it is ignored.
pub(super) fn read<T>(
    address: &CardAddress,
    key: &str,
    notes: &mut CardNotes,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<T> {
    let text = address.given(key)?;
    read(&text).map_err(|why| notes.instead(key, &text, &format!("{why}, {IGNORED}"))).ok()
}

/// One word of a list.
pub(super) fn word<T: Copy>(
    address: &CardAddress,
    key: &str,
    known: &[(&str, T)],
    notes: &mut CardNotes,
) -> Option<T> {
    address.given(key).and_then(|word| known_word(key, &word, known, notes))
}

/// Words with commas between them.
pub(super) fn words<T: Copy>(
    address: &CardAddress,
    key: &str,
    known: &[(&str, T)],
    notes: &mut CardNotes,
) -> Vec<T> {
    list(address, key).iter().filter_map(|word| known_word(key, word, known, notes)).collect()
}

fn known_word<T: Copy>(key: &str, word: &str, known: &[(&str, T)], notes: &mut CardNotes) -> Option<T> {
    let ignored = |near: Option<&str>| {
        let meant = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        notes.instead(key, word, &format!("is unknown{meant}, {IGNORED}"));
    };
    find_choice(word, known).map_err(ignored).ok()
}

/// Any words with commas between them.
pub(super) fn list(address: &CardAddress, key: &str) -> Vec<String> {
    let text = address.text(key).unwrap_or_default();
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A switch, which is off without a word.
pub(super) fn flag(address: &CardAddress, key: &str, notes: &mut CardNotes) -> bool {
    let switch = |text: &str| switch(text).ok_or("is neither true nor false");
    read(address, key, notes, switch).unwrap_or_default()
}

/// A number. One beyond its bounds is the nearest within them, and what is behind the digits is left out, as in
/// `495px`.
pub(super) fn number(
    address: &CardAddress,
    key: &str,
    within: RangeInclusive<u32>,
    notes: &mut CardNotes,
) -> Option<u32> {
    let text = address.given(key)?;
    let digits = text.trim().split_once(|c: char| !c.is_ascii_digit() && !"+-.".contains(c));
    let digits = digits.map_or(text.trim(), |(digits, _)| digits);
    let Some(asked) = digits.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        notes.instead(key, &text, &format!("is no number, {IGNORED}"));
        return None;
    };
    let taken = asked.clamp(f64::from(*within.start()), f64::from(*within.end()));
    if taken != asked {
        notes.instead(key, &text, &format!("is out of range: {taken} is taken"));
    } else if digits.len() < text.trim().len() {
        notes.instead(key, &text, &format!("is no number: {taken} is taken"));
    }
    // The original's radius is 4.5.
    Some(taken.round() as u32)
}

/// A switch on which a number depends.
pub(super) fn deciding_flag(address: &CardAddress, key: &str, lang: CardLang) -> Result<bool, String> {
    let wrong = || lang.say(&format!("{key} is true or false"), &format!("{key} 只能是 true 或 false"));
    address.given(key).map_or(Ok(false), |text| switch(&text).ok_or_else(wrong))
}

/// A word on which a number depends.
pub(super) fn deciding_word<T: Copy>(
    key: &str,
    word: &str,
    known: &[(&str, T)],
    lang: CardLang,
) -> Result<T, String> {
    choice(key, word, known).map_err(|why| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        lang.say(&why, &format!("{key} 只能是 {}", names.join("、")))
    })
}

/// A year, on which numbers depend.
pub(super) fn year(address: &CardAddress, key: &str, lang: CardLang) -> Result<Option<i32>, String> {
    let wrong = || {
        let [first, last] = [YEARS.start(), YEARS.end()];
        lang.say(
            &format!("{key} is a year from {first} to {last}"),
            &format!("{key} 是 {first} 年至 {last} 年之间的年份"),
        )
    };
    let read = |text: String| text.parse().ok().filter(|year| YEARS.contains(year)).ok_or_else(wrong);
    address.given(key).map(read).transpose()
}
