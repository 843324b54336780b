//! Keeps passwords out of messages.
//!
//! Messages quote what they refuse, and what somebody put into the wrong flag or key may be the address of a store with its
//! password. So a value that may hold one is taken out of the message again. The configuration's reader, the environment
//! and clap's errors all come through here. It is not for what is right: [`tallymark_store::StoreUrl`] shows itself without
//! its password.

/// What stands in a message where the value stood.
pub(crate) const HIDDEN: &str = "(not shown, it may hold a password)";

/// The message without these values, as far as they may hold a password.
pub(crate) fn without<'v>(message: &str, values: impl IntoIterator<Item = &'v str>) -> String {
    let mut values: Vec<&str> = values.into_iter().filter(|value| may_hold_one(value)).collect();
    // A value may be a part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.iter().fold(message.to_owned(), |message, value| {
        message.replace(&format!("{value:?}"), HIDDEN).replace(value, HIDDEN)
    })
}

/// Whether it looks like `user:password@host`, `scheme://...`, or a part of either.
fn may_hold_one(value: &str) -> bool {
    value.contains('@') || value.contains("://") || value.contains(":/") && value.starts_with("redis")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_hold_a_password_is_taken_out() {
        let value = "redis://:a\"b@h";
        assert_eq!(without(&format!("{value:?} is wrong"), [value]), format!("{HIDDEN} is wrong"));
        assert_eq!(without(&format!("'{value}' is wrong"), ["b@h", value]), format!("'{HIDDEN}' is wrong"));
        assert_eq!(without("\"maybe\" is wrong", ["maybe"]), "\"maybe\" is wrong");
    }
}
