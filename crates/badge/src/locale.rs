//! How a language writes numbers: the separator of groups of digits, the size of a group, and the decimal mark. The
//! values are those of CLDR. Digits stay 0 to 9.
//!
//! Used for badges that are drawn for a request. The publisher draws without a locale, as ghit.me did: with commas.

use crate::number::Format;

/// The writing of numbers in one language or region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locale {
    /// Between groups.
    group: char,
    /// In the short form.
    decimal: char,
    /// Groups after the first have two digits, as in India.
    lakhs: bool,
    /// A first group of one digit is not cut off: 1234, and 12.345.
    long_first: bool,
}

const COMMA: Locale = Locale { group: ',', decimal: '.', lakhs: false, long_first: false };
const DOT: Locale = Locale { group: '.', decimal: ',', lakhs: false, long_first: false };
const SPACE: Locale = Locale { group: '\u{a0}', decimal: ',', lakhs: false, long_first: false };
/// A space that is narrow in fonts that have it.
const NARROW: Locale = Locale { group: '\u{202f}', decimal: ',', lakhs: false, long_first: false };
const INDIAN: Locale = Locale { lakhs: true, ..COMMA };
const APOSTROPHE: Locale = Locale { group: '’', decimal: '.', lakhs: false, long_first: false };

/// Languages, and regions that write otherwise than their language.
const KNOWN: [(&str, Locale); 34] = [
    ("ar", COMMA),
    ("bn", INDIAN),
    ("cs", SPACE),
    ("da", DOT),
    ("de", DOT),
    ("de-at", SPACE),
    ("de-ch", APOSTROPHE),
    ("el", DOT),
    ("en", COMMA),
    ("en-in", INDIAN),
    ("es", Locale { long_first: true, ..DOT }),
    ("es-mx", COMMA),
    ("es-us", COMMA),
    ("fi", SPACE),
    ("fr", NARROW),
    ("fr-ca", SPACE),
    ("he", COMMA),
    ("hi", INDIAN),
    ("hu", Locale { long_first: true, ..SPACE }),
    ("id", DOT),
    ("it", DOT),
    ("ja", COMMA),
    ("ko", COMMA),
    ("nb", SPACE),
    ("nl", DOT),
    ("pl", Locale { long_first: true, ..SPACE }),
    ("pt", DOT),
    ("pt-pt", Locale { long_first: true, ..SPACE }),
    ("ru", SPACE),
    ("sv", SPACE),
    ("tr", DOT),
    ("uk", SPACE),
    ("vi", DOT),
    ("zh", COMMA),
];

/// The text is no locale that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use a language like en, de, fr, es, pt, ru, zh, ja or hi, or a region like de-CH")]
pub struct LocaleError;

impl Locale {
    /// Reads a tag like `de`, `de-CH` or `pt_BR`. A region that is not known writes as its language.
    ///
    /// # Errors
    ///
    /// [`LocaleError`] if the language is not known.
    pub fn parse(tag: &str) -> Result<Locale, LocaleError> {
        let tag = tag.to_ascii_lowercase().replace('_', "-");
        let of = |tag: &str| KNOWN.iter().find(|(known, _)| *known == tag).map(|&(_, locale)| locale);
        let (language, rest) = tag.split_once('-').unwrap_or((&tag, ""));
        let plain = !tag.ends_with('-') && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        of(&tag).or_else(|| of(language).filter(|_| plain && tag.len() <= 20)).ok_or(LocaleError)
    }

    /// Writes a number in a format, as this locale does.
    #[must_use]
    pub fn write(self, format: Format, number: i64) -> String {
        let text = format.apply(number);
        match format {
            Format::Plain | Format::Padded => text.to_string(),
            Format::Short => text.replace('.', &self.decimal.to_string()),
            Format::Comma => self.grouped(number),
        }
    }

    fn grouped(self, number: i64) -> String {
        let digits = number.unsigned_abs().to_string();
        let mut text = if number < 0 { "-".to_owned() } else { String::new() };
        let is_whole = self.long_first && digits.len() <= 4;
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && !is_whole && self.begins_group(digits.len() - at) {
                text.push(self.group);
            }
            text.push(digit);
        }
        text
    }

    /// Whether a group begins before the last `left` digits.
    fn begins_group(self, left: usize) -> bool {
        match self.lakhs {
            true => left >= 3 && left % 2 == 1,
            false => left.is_multiple_of(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_language_has_its_own_marks() {
        for (tag, number, comma, short) in [
            ("en", 1_234_567, "1,234,567", "1.2M"),
            ("de", 1_234_567, "1.234.567", "1,2M"),
            ("DE_de", 1_234, "1.234", "1,2k"),
            ("de-CH", 1_234_567, "1’234’567", "1.2M"),
            ("fr", 1_234_567, "1\u{202f}234\u{202f}567", "1,2M"),
            ("es", 1_234, "1234", "1,2k"),
            ("es", 12_345, "12.345", "12k"),
            ("es-MX", 1_234, "1,234", "1.2k"),
            ("pt", 1_234, "1.234", "1,2k"),
            ("pt-BR", 1_234, "1.234", "1,2k"),
            ("pt-PT", 1_234, "1234", "1,2k"),
            ("ru", 1_234_567, "1\u{a0}234\u{a0}567", "1,2M"),
            ("zh", 1_234_567, "1,234,567", "1.2M"),
            ("zh-Hant-TW", 1_234, "1,234", "1.2k"),
            ("ja", 1_234_567, "1,234,567", "1.2M"),
            ("hi", 1_234, "1,234", "1.2k"),
            ("hi", 123_456_789, "12,34,56,789", "123M"),
            ("en-IN", 123_456, "1,23,456", "123k"),
            ("hi", -100_000, "-1,00,000", "-100k"),
            ("de", 999, "999", "999"),
        ] {
            let locale = Locale::parse(tag).unwrap();
            assert_eq!(locale.write(Format::Comma, number), comma, "{tag}");
            assert_eq!(locale.write(Format::Short, number), short, "{tag}");
            assert_eq!(locale.write(Format::Plain, number), number.to_string(), "{tag}");
        }
        for tag in
            ["", "-", "xx", "deutsch", "e", "en-", "en-<b>", "de CH", "-de", "en-aaaaaaaaaaaaaaaaaaaaa"]
        {
            assert_eq!(Locale::parse(tag), Err(LocaleError), "{tag}");
        }
    }

    #[test]
    fn list_is_sorted_and_without_repeats() {
        assert!(KNOWN.windows(2).all(|two| two[0].0 < two[1].0));
    }

    proptest! {
        #[test]
        fn only_marks_are_added(number: i64, at in 0..KNOWN.len()) {
            let (tag, locale) = KNOWN[at];
            let text = locale.write(Format::Comma, number);
            let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
            prop_assert_eq!(digits, number.to_string(), "{}", tag);
            prop_assert!(!text.ends_with(locale.group) && !text.starts_with(locale.group));
        }

        #[test]
        fn english_is_what_there_is_without_a_locale(number: i64) {
            for format in [Format::Comma, Format::Plain, Format::Short, Format::Padded] {
                prop_assert_eq!(COMMA.write(format, number), format.apply(number).to_string());
            }
        }
    }
}
