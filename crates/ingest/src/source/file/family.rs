//! Names that differ only in their numbers, from a rotation whose names are not among the usual ones.
//!
//! `access-1.log` may be another log. Once one such file is known to belong to this log, others with a name like it
//! belong to it too.

use super::names::{Rank, kind, without_packer};
use std::ffi::OsStr;

/// How the files of one kind of rotation are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Family {
    stem: String,
    before: String,
    behind: String,
}

impl Family {
    /// The family of a rotated file. `None` if the name has no number of its own, or not the name of the log.
    pub(super) fn of(log: &OsStr, name: &OsStr) -> Option<Family> {
        let stem = stem(log)?;
        let (before, behind) = without_packer(name.to_str()?).split_once(stem)?;
        let numbered = [before, behind].iter().any(|part| part.bytes().any(|byte| byte.is_ascii_digit()));
        numbered.then(|| Family { stem: stem.to_owned(), before: shape(before), behind: shape(behind) })
    }

    /// The place of a file in the order, if its name is of this family.
    pub(super) fn rank(&self, name: &OsStr) -> Option<Rank> {
        let name = without_packer(name.to_str()?);
        let (before, behind) = name.split_once(&self.stem)?;
        if (shape(before), shape(behind)) != (self.before.clone(), self.behind.clone()) {
            return None;
        }
        let text = format!("{before} {behind}");
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
        let one = numbers.next().filter(|_| numbers.next().is_none());
        Some(one.and_then(kind).unwrap_or_else(|| Rank::Date(name.to_owned())))
    }
}

/// What all names of a log's files have in common.
pub(super) fn stem(log: &OsStr) -> Option<&str> {
    let log = log.to_str()?;
    Some(log.rsplit_once('.').map_or(log, |(stem, _)| stem)).filter(|stem| !stem.is_empty())
}

/// A text with one 0 in the place of every number.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for char in text.chars() {
        match char.is_ascii_digit() {
            true if shape.ends_with('0') => {}
            true => shape.push('0'),
            false => shape.push(char),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_differ_in_their_numbers_only() {
        let log = OsStr::new("app1.log");
        for (known, name, expect) in [
            ("app1-1.log", "app1-12.log.gz", Some(Rank::Number(12))),
            ("app1-1.log", "app1_2.log", None),
            ("app1-1.log", "app2-2.log", None),
            ("app1-1.log", "app1.log", None),
            ("app1_2026w48.log", "app1_2026w47.log", Some(Rank::Date("app1_2026w47.log".to_owned()))),
        ] {
            let family = Family::of(log, OsStr::new(known)).unwrap();
            assert_eq!(family.rank(OsStr::new(name)), expect, "{known} {name}");
        }
        for none in ["app1-old.log", "app2-1.log", "other.log.1"] {
            assert_eq!(Family::of(log, OsStr::new(none)), None, "{none}");
        }
    }
}
