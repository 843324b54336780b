//! Numbers for people: `1,234,567`, `1234567` or `1.2M`.
//!
//! The result is on the stack, because a publisher writes hundreds of thousands of them in a row. The separator is always
//! a comma, as in ghit.me; what a request asks for is written by `locale`.

use std::{fmt, ops::Deref, str::FromStr};
use tallymark_core::{find_choice, switch};
use thousands::Separable;

/// `i64::MIN` with commas: 19 digits, 6 commas, the sign.
const LONGEST: usize = 26;

/// How a number is written on a picture. Default: [`Format::Comma`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// `1,234,567`
    #[default]
    Comma,
    /// `1234567`
    Plain,
    /// `1.2M`
    Short,
    /// `0001234`: seven digits at least.
    Padded,
}

impl Format {
    /// Reads the value of a `format` parameter; case does not matter.
    ///
    /// Besides our own names, this accepts those of other counters: `comma` (`grouped`, `thousands`, `true`), `plain`
    /// (`raw`, `none`, `long`, `false`), `short` (`abbreviated`, `metric`), `padded`.
    ///
    /// # Errors
    ///
    /// [`FormatError`] for every other name.
    pub fn parse(name: &str) -> Result<Self, FormatError> {
        const NAMES: [(&str, Format); 13] = [
            ("comma", Format::Comma),
            ("grouped", Format::Comma),
            ("thousands", Format::Comma),
            ("true", Format::Comma),
            ("plain", Format::Plain),
            ("raw", Format::Plain),
            ("none", Format::Plain),
            ("long", Format::Plain),
            ("false", Format::Plain),
            ("short", Format::Short),
            ("abbreviated", Format::Short),
            ("metric", Format::Short),
            ("padded", Format::Padded),
        ];
        find_choice(name, &NAMES).map_err(FormatError::Name)
    }

    /// The parameters that [`Format::from_query`] reads.
    pub const KEYS: [&str; 4] = ["format", "number_format", "abbreviated", "short_numbers"];

    /// Reads one parameter of a badge's URL: `format` or `number_format` with a name,
    /// `abbreviated` or `short_numbers` with a boolean.
    ///
    /// `None` if the parameter is another one, or is false: `abbreviated=false` does not abbreviate.
    ///
    /// # Errors
    ///
    /// [`FormatError`] when the parameter is one of these and its value is neither.
    pub fn from_query(key: &str, value: &str) -> Result<Option<Self>, FormatError> {
        match key {
            // As on cards, where github-readme-stats means 1,234 by it.
            "number_format" if value.eq_ignore_ascii_case("long") => Ok(Some(Format::Comma)),
            "format" | "number_format" => Self::parse(value).map(Some),
            "abbreviated" | "short_numbers" => match switch(value) {
                Some(is_short) => Ok(is_short.then_some(Format::Short)),
                None => Err(FormatError::Switch),
            },
            _ => Ok(None),
        }
    }

    /// Writes a number in this format.
    #[must_use]
    pub fn apply(self, n: i64) -> Number {
        match self {
            Format::Comma => group(n),
            Format::Plain => plain(n),
            Format::Short => short(n),
            Format::Padded => padded(n),
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        Self::parse(name)
    }
}

const FORMATS: &str = "a number format is comma, plain, short or padded";

/// What is not a [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Of a name, and what was probably meant.
    #[error("{}", .0.map_or_else(|| FORMATS.to_owned(), |near| format!("did you mean {near}?")))]
    Name(Option<&'static str>),
    /// Of a parameter that switches one on.
    #[error("it is true or false")]
    Switch,
}

/// A written number; reads as a `&str`.
#[derive(Clone, Copy)]
pub struct Number {
    // Filled from the end, as digits come.
    bytes: [u8; LONGEST],
    start: u8,
}

impl Number {
    const fn new() -> Self {
        Self { bytes: [0; LONGEST], start: LONGEST as u8 }
    }

    fn push_front(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[usize::from(self.start)] = byte;
    }

    /// Writes the digits of `n` in front of the existing text.
    fn push_digits(&mut self, mut n: u64) {
        loop {
            self.push_front(b'0' + (n % 10) as u8);
            n /= 10;
            if n == 0 {
                return;
            }
        }
    }

    fn push_sign_of(&mut self, n: i64) {
        if n < 0 {
            self.push_front(b'-');
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is pushed above, so the default is never taken.
        std::str::from_utf8(&self.bytes[usize::from(self.start)..]).unwrap_or_default()
    }
}

impl Deref for Number {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Number {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Number {}

/// `1,234,567`: a comma after every third digit.
#[must_use]
pub fn group(n: i64) -> Number {
    let mut out = Number::new();
    for &byte in n.separate_with_commas().as_bytes().iter().rev() {
        out.push_front(byte);
    }
    out
}

/// `1234567`: digits only.
#[must_use]
pub fn plain(n: i64) -> Number {
    let mut out = Number::new();
    out.push_digits(n.unsigned_abs());
    out.push_sign_of(n);
    out
}

/// `999`, `1.2k`, `12k`, `1M`: one decimal only below 10, rounded half away from zero.
///
/// A number that rounds up to 1000 carries into the next unit: 999,950 is `1M`, never `1000k`.
#[must_use]
pub fn short(n: i64) -> Number {
    let mut out = short_size(n.unsigned_abs());
    out.push_sign_of(n);
    out
}

/// `0001234`: the counters of old, with seven digits at least. A minus is in front of them.
///
/// ```
/// # use tallymark_badge::number::padded;
/// assert_eq!(&*padded(1_234), "0001234");
/// ```
#[must_use]
pub fn padded(n: i64) -> Number {
    let mut out = Number::new();
    out.push_digits(n.unsigned_abs());
    while LONGEST - usize::from(out.start) < 7 {
        out.push_front(b'0');
    }
    out.push_sign_of(n);
    out
}

/// [`short`] for values that may exceed every count, like the top of an axis.
pub(crate) fn short_size(size: u64) -> Number {
    let mut out = Number::new();
    if size < 1000 {
        out.push_digits(size);
    } else {
        push_short(&mut out, size);
    }
    out
}

fn push_short(out: &mut Number, size: u64) {
    // shields.io's letters; i64::MAX is 9.2E.
    const UNITS: [u8; 6] = *b"kMGTPE";
    let mut unit = 0;
    let mut limit = 1000;
    while unit + 1 < UNITS.len() && size / limit >= 1000 {
        unit += 1;
        limit *= 1000;
    }
    // In integers throughout: as a float, 999,950 / 1000 has no exact value to round.
    let tenths = (size + limit / 20) / (limit / 10);
    let whole = (size + limit / 2) / limit;
    if tenths < 100 {
        out.push_front(UNITS[unit]);
        if !tenths.is_multiple_of(10) {
            out.push_digits(tenths % 10);
            out.push_front(b'.');
        }
        out.push_digits(tenths / 10);
    } else if whole < 1000 || unit + 1 == UNITS.len() {
        out.push_front(UNITS[unit]);
        out.push_digits(whole);
    } else {
        out.push_front(UNITS[unit + 1]);
        out.push_digits(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(n: i64, comma: &str, plain: &str, short: &str) {
        let all = [Format::Comma, Format::Plain, Format::Short].map(|f| f.apply(n).to_string());
        assert_eq!(all, [comma, plain, short], "{n}");
    }

    #[test]
    fn edges_are_written_right() {
        check(0, "0", "0", "0");
        check(1, "1", "1", "1");
        check(999, "999", "999", "999");
        check(1000, "1,000", "1000", "1k");
        check(1049, "1,049", "1049", "1k");
        check(1050, "1,050", "1050", "1.1k");
        check(1234, "1,234", "1234", "1.2k");
        check(12_345, "12,345", "12345", "12k");
        check(999_499, "999,499", "999499", "999k");
        check(1_234_567, "1,234,567", "1234567", "1.2M");
        check(-1, "-1", "-1", "-1");
        check(-1000, "-1,000", "-1000", "-1k");
        check(i64::MAX, "9,223,372,036,854,775,807", "9223372036854775807", "9.2E");
        check(i64::MIN, "-9,223,372,036,854,775,808", "-9223372036854775808", "-9.2E");
    }

    #[test]
    fn short_form_carries_into_the_next_unit() {
        check(9_949, "9,949", "9949", "9.9k");
        check(9_950, "9,950", "9950", "10k");
        check(999_500, "999,500", "999500", "1M");
        check(999_950, "999,950", "999950", "1M");
        check(999_999, "999,999", "999999", "1M");
        check(999_999_999, "999,999,999", "999999999", "1G");
        check(999_999_999_999_999_999, "999,999,999,999,999,999", "999999999999999999", "1E");
    }

    #[test]
    fn padded_numbers_have_seven_digits_at_least() {
        for (n, expect) in
            [(0, "0000000"), (1_234_567, "1234567"), (12_345_678, "12345678"), (-5, "-0000005")]
        {
            assert_eq!(&*padded(n), expect);
        }
        assert_eq!(&*padded(i64::MIN), "-9223372036854775808");
    }

    #[test]
    fn formats_are_found_by_every_name() {
        for (name, format) in [
            ("comma", Format::Comma),
            ("true", Format::Comma),
            ("PLAIN", Format::Plain),
            ("long", Format::Plain),
            ("short", Format::Short),
            ("Abbreviated", Format::Short),
            ("metric", Format::Short),
            ("padded", Format::Padded),
        ] {
            assert_eq!(Format::parse(name), Ok(format), "{name}");
        }
        assert_eq!(Format::parse(""), Err(FormatError::Name(None)));
        assert_eq!(Format::parse("1,000"), Err(FormatError::Name(None)));
    }

    #[test]
    fn parameter_that_says_no_changes_nothing() {
        assert_eq!(Format::from_query("abbreviated", "true"), Ok(Some(Format::Short)));
        assert_eq!(Format::from_query("abbreviated", "false"), Ok(None));
        assert_eq!(Format::from_query("short_numbers", "maybe"), Err(FormatError::Switch));
        assert_eq!(Format::from_query("number_format", "short"), Ok(Some(Format::Short)));
        assert_eq!(Format::from_query("number_format", "Long"), Ok(Some(Format::Comma)));
        assert_eq!(Format::from_query("format", "long"), Ok(Some(Format::Plain)));
        assert_eq!(Format::from_query("format", "nonsense"), Err(FormatError::Name(None)));
        assert_eq!(Format::from_query("label", "short"), Ok(None));
    }

    proptest! {
        #[test]
        fn groups_are_three_digits_each_and_nothing_else_is_added(n: i64) {
            let text = group(n).to_string();
            prop_assert_eq!(text.replace(',', ""), n.to_string());
            let (first, others) = text.trim_start_matches('-').split_once(',').unwrap_or((&text, ""));
            prop_assert!((1..=3).contains(&first.trim_start_matches('-').len()), "{}", text);
            prop_assert!(others.is_empty() || others.split(',').all(|part| part.len() == 3), "{}", text);
            prop_assert_eq!(plain(n).to_string(), n.to_string());
        }

        #[test]
        fn short_form_has_at_most_three_digits(n: i64) {
            let text = short(n).to_string();
            prop_assert!(text.chars().filter(char::is_ascii_digit).count() <= 3, "{}", text);
        }
    }
}
