//! Words as values: a switch, or one of a list. Used wherever the parameters of an address are read.

use crate::nearest;

/// Reads a switch: `true 1 on yes`, `false 0 off no`.
#[must_use]
pub fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// Finds a word in a list, in any case. The error is what was probably meant.
///
/// # Errors
///
/// The word is not in it.
pub fn find_choice<'a, T: Copy>(word: &str, known: &[(&'a str, T)]) -> Result<T, Option<&'a str>> {
    let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|&(_, value)| value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|&(name, _)| name).collect();
        nearest(word, &names)
    })
}

/// Reads a word out of a list. The error says what was probably meant, or what there is.
///
/// # Errors
///
/// The word is not in it.
pub fn choice<T: Copy>(key: &str, word: &str, known: &[(&str, T)]) -> Result<T, String> {
    find_choice(word, known).map_err(|near| match near {
        Some(near) => format!("{key}={word}: did you mean {near}?"),
        None => {
            let names: Vec<&str> = known.iter().map(|&(name, _)| name).collect();
            format!("{key} is one of {}", names.join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_word_is_answered_with_the_nearest_or_all() {
        let known = [("flat", 1), ("plastic", 2)];
        assert_eq!(choice("style", "FLAT", &known), Ok(1));
        assert_eq!(choice("style", "flt", &known), Err("style=flt: did you mean flat?".to_owned()));
        assert_eq!(choice("style", "round", &known), Err("style is one of flat, plastic".to_owned()));
        let codes = [("en", 1), ("zh-cn", 2)];
        for code in ["es", "zh-tw"] {
            assert_eq!(
                choice("locale", code, &codes),
                Err("locale is one of en, zh-cn".to_owned()),
                "{code}"
            );
        }
    }

    #[test]
    fn switches_say_yes_or_no_and_nothing_else() {
        for (value, expect) in [
            ("true", Some(true)),
            ("YES", Some(true)),
            ("0", Some(false)),
            ("off", Some(false)),
            ("", None),
            ("2", None),
        ] {
            assert_eq!(switch(value), expect, "{value}");
        }
    }
}
