//! Keeps passwords out of messages.
//!
//! Messages quote refused values, and a value in the wrong flag or key may be the address of a store with its password,
//! or a password or token. So such values are removed from messages. The errors of the configuration reader, of the
//! environment and of clap all pass through here. Valid addresses do not need it: [`tallymark_store::StoreUrl`] prints
//! itself without its password. The final message of a command and of a panic may contain anything, so the configured
//! password and tokens are removed from them as well.

use std::{
    panic,
    sync::{Mutex, PoisonError},
};

/// The replacement for a removed value.
pub(crate) const HIDDEN: &str = "(not shown, it may hold a password)";

/// The longest word of letters that is not treated as a password, and the longest of letters and digits. A plain word
/// is mostly a mistake that its author wants to see.
const LETTERS: usize = 12;
const MIXED: usize = 4;
/// And of digits: as in a port, a date or a size.
const DIGITS: usize = 10;
/// Longer words that are often written in place of a valid one, also with digits behind them, as in `local9`.
const OURS: [&str; 9] =
    ["localhost", "local", "syslog", "tallymark", "github", "sqlite", "combined", "private", "default"];

/// The message without these values, as far as they look like an address with a password.
pub(crate) fn without<'v>(message: &str, values: impl IntoIterator<Item = &'v str>) -> String {
    hide(message, values.into_iter().filter(|value| may_hold_one(value)).collect())
}

/// The message without these refused values, as far as they may be or contain a password: a wrong value has no known
/// form, so only short words and numbers are shown.
pub(crate) fn without_refused<'v>(message: &str, values: impl IntoIterator<Item = &'v str>) -> String {
    hide(message, values.into_iter().filter(|value| may_be_one(value)).collect())
}

/// The valid passwords and tokens that this process was given.
static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Adds a secret that is removed from now on.
pub(crate) fn remember<'s>(secrets: impl IntoIterator<Item = &'s str>) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for secret in secrets {
        // A shorter one would be found in other words.
        if secret.len() >= 4 && !known.iter().any(|known| known == secret) {
            known.push(secret.to_owned());
        }
    }
}

/// A text of unknown contents without the known secrets.
pub(crate) fn cleaned(text: &str) -> String {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    hide(text, known.iter().map(String::as_str).collect())
}

/// A core file would have every password and token in it, and a pipe to a collector of cores obeys no limit of their size.
/// Other processes of the same user cannot read this one's memory either.
pub(crate) fn keep_out_of_cores() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    // A kernel that does not know the call has no other way.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// From now on a panic message contains no secret. The process still ends.
pub(crate) fn keep_out_of_panics() {
    panic::set_hook(Box::new(|panic| crate::log::say_panic(&cleaned(&panic.to_string()))));
}

fn hide(message: &str, mut values: Vec<&str>) -> String {
    // A value may be a part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.iter().fold(message.to_owned(), |message, value| {
        message.replace(&format!("{value:?}"), HIDDEN).replace(value, HIDDEN)
    })
}

/// Whether it looks like `user:password@host`, `scheme://...`, or a part of either.
fn may_hold_one(value: &str) -> bool {
    // A scheme alone holds nothing, and is a part of every address.
    if value.strip_suffix("://").is_some_and(|scheme| !scheme.contains([':', '/', '@'])) {
        return false;
    }
    value.contains('@') || value.contains("://") || value.contains(":/") && value.starts_with("redis")
}

/// Whether a wrong value may be a password, or contain one.
pub(crate) fn may_be_one(value: &str) -> bool {
    may_hold_one(value) || !value.split(|c: char| !c.is_alphanumeric()).all(is_harmless)
}

/// An unknown key, as far as it may be shown: known keys are words, and a password may have been written in place of a
/// key.
pub(crate) fn shown_key(key: &str) -> &str {
    if key.bytes().all(|b| b.is_ascii_alphabetic() || b"-_".contains(&b)) { key } else { HIDDEN }
}

fn is_harmless(word: &str) -> bool {
    let longest = match () {
        () if word.bytes().all(|b| b.is_ascii_digit()) => DIGITS,
        () if word.chars().all(char::is_alphabetic) => LETTERS,
        () => MIXED,
    };
    word.len() <= longest || OURS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_leaves_no_core_file() {
        use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
        keep_out_of_cores();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn only_what_may_hold_a_password_is_taken_out() {
        let value = "redis://:a\"b@h";
        assert_eq!(without(&format!("{value:?} is wrong"), [value]), format!("{HIDDEN} is wrong"));
        assert_eq!(without(&format!("'{value}' is wrong"), ["b@h", value]), format!("'{HIDDEN}' is wrong"));
        assert_eq!(without("\"maybe\" is wrong", ["maybe"]), "\"maybe\" is wrong");
    }

    #[test]
    fn what_is_remembered_is_in_no_text() {
        remember(["p4ssw0rd", "t0ken", "ab"]);
        assert_eq!(cleaned("about \"p4ssw0rd\" and t0ken"), format!("about {HIDDEN} and {HIDDEN}"));
        let said = std::sync::Arc::new(Mutex::new(String::new()));
        let heard = said.clone();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| *heard.lock().unwrap() = cleaned(&panic.to_string())));
        let _ = panic::catch_unwind(|| panic!("no way with p4ssw0rd"));
        panic::set_hook(before);
        assert!(said.lock().unwrap().ends_with(&format!("no way with {HIDDEN}")), "{said:?}");
    }

    #[test]
    fn of_what_is_refused_only_short_words_and_numbers_are_shown() {
        for shown in [
            "maybe",
            "80x",
            "local9",
            "127.0.0.1:80x",
            "[::1]:http",
            "localhost:99999",
            "2026-11-31",
            "8MiB",
            "syslog-ng",
            "",
            "-1",
            "x y",
            "Europe/Berlin",
            "frobnicate",
        ] {
            assert!(!may_be_one(shown), "{shown}");
        }
        for hidden in [
            "hunter2",
            "c4n4ry",
            "h:c4n4ry",
            ":c4n4ry",
            "a c4n4ry",
            "p\u{e4}ssw\u{f6}rd1",
            "x=s3cret",
            "u:p@h",
            "correcthorsebattery",
        ] {
            assert!(may_be_one(hidden), "{hidden}");
        }
    }
}
