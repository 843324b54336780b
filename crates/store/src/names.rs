//! One entry of the change log, as text: the escaped names of one event, with a space between them.
//!
//! A `!` before a name says that it was corrected. An escaped name may begin with `!` itself. If it does and was not
//! corrected, a `=` is put in front of it, which no escaped name contains. Both stores write and read this form.

use crate::Change;
use tallymark_core::{Event, Name};

/// Appends one name to an entry.
pub(crate) fn push(entry: &mut String, name: &Name, corrected: bool) {
    if !entry.is_empty() {
        entry.push(' ');
    }
    if corrected {
        entry.push('!');
    } else if name.as_str().starts_with('!') {
        entry.push('=');
    }
    name.escaped().push_to(entry);
}

/// Reads an entry. Words that are not names were not written by us, and are skipped.
pub(crate) fn parse(event: Event, entry: &str) -> impl Iterator<Item = Change> + '_ {
    entry.split(' ').filter_map(move |word| {
        let (corrected, escaped) = match word.strip_prefix('!') {
            Some(escaped) => (true, escaped),
            None => (false, word.strip_prefix('=').unwrap_or(word)),
        };
        let name = Name::from_escaped_of(event, escaped).filter(|name| !name.is_aggregate())?;
        Some(Change { event, name, corrected })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_as_it_was_written() {
        let cases = [
            ("a b", false),
            ("!x", false),
            ("!x", true),
            ("x", true),
            ("!!", false),
            ("=", false),
            ("é%", true),
        ];
        let mut entry = String::new();
        for (name, corrected) in cases {
            push(&mut entry, &Name::new(name).unwrap(), corrected);
        }
        let read: Vec<_> = parse(Event::HIT, &entry).map(|c| (c.name.to_string(), c.corrected)).collect();
        assert_eq!(read, cases.map(|(name, corrected)| (name.to_owned(), corrected)));
        assert_eq!(parse(Event::HIT, " a/b %zz ~all  ~overflow !").count(), 0);
    }
}
