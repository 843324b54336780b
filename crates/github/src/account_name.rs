//! The name of an account, in a form that is safe in an address and in a file name.

use std::fmt;
use tallymark_core::NameRef;

/// GitHub's own limit.
const LONGEST: usize = 39;

/// The name of an account on GitHub, or on a server with the same rules: letters, digits, `-` and `_`, and the first is
/// a letter or a digit. In lower case, because GitHub does not tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Box<str>);

/// The text is not a [`AccountName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account has 1 to {LONGEST} letters, digits, - and _, and begins with a letter or a digit")]
pub struct NotAnAccountName;

impl AccountName {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`NotAnAccountName`]: no account can have this name, so GitHub need not be asked.
    pub fn new(text: &str) -> Result<AccountName, NotAnAccountName> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let right = begins && text.len() <= LONGEST && text.bytes().all(plain);
        if right { Ok(AccountName(text.to_ascii_lowercase().into())) } else { Err(NotAnAccountName) }
    }

    /// The owner of a name: the part before the first `/`.
    #[must_use]
    pub fn owner_of(name: NameRef<'_>) -> Option<AccountName> {
        let (owner, _) = name.as_str().split_once('/')?;
        AccountName::new(owner).ok()
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallymark_core::Name;

    #[test]
    fn only_what_can_be_an_account_is_one() {
        for (text, is) in [
            ("octo", Some("octo")),
            ("Octo-Cat_9", Some("octo-cat_9")),
            ("9", Some("9")),
            (&"a".repeat(39), Some(&*"a".repeat(39))),
            (&"a".repeat(40), None),
            ("", None),
            ("-a", None),
            ("_a", None),
            (".", None),
            ("..", None),
            ("../x", None),
            ("a.b", None),
            ("a/b", None),
            ("a?b", None),
            ("a#b", None),
            ("a@b", None),
            ("a:b", None),
            ("a b", None),
            ("a%2fb", None),
            ("a\n", None),
            ("é", None),
            ("用户", None),
        ] {
            assert_eq!(AccountName::new(text).ok().as_ref().map(AccountName::as_str), is, "{text:?}");
        }
    }

    #[test]
    fn owner_is_before_the_first_slash() {
        for (name, owner) in
            [("Octo/hello", Some("octo")), ("octo/a/b", Some("octo")), ("octo", None), ("/x", None)]
        {
            let name = Name::new(name).unwrap();
            assert_eq!(AccountName::owner_of(name.as_ref()).as_ref().map(AccountName::as_str), owner);
        }
    }
}
