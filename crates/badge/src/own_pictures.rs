//! The operator's pictures by name, whole or broken: own logos and digit themes are kept alike.
//!
//! No other picture takes the place of a broken one: a badge with it would be believed. What a picture is, and which error
//! says that it is none, `shields` and `digits` know.

use std::collections::{BTreeMap, BTreeSet};

/// At most `MOST` pictures, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnPictures<T, const MOST: usize> {
    whole: BTreeMap<String, T>,
    broken: BTreeSet<String>,
}

impl<T, const MOST: usize> Default for OwnPictures<T, MOST> {
    fn default() -> Self {
        OwnPictures { whole: BTreeMap::new(), broken: BTreeSet::new() }
    }
}

impl<T: Clone, const MOST: usize> OwnPictures<T, MOST> {
    /// Keeps a picture, or that it is broken. Of two with one name it is not known which one is meant, so neither is used.
    pub(crate) fn put<E>(
        &mut self,
        name: String,
        picture: Result<T, E>,
        (twice, too_many): (E, E),
    ) -> Result<(), E> {
        let added = match picture {
            Ok(_) if self.has(&name) => Err(twice),
            Ok(_) if self.whole.len() >= MOST => Err(too_many),
            added => added,
        };
        match added {
            Ok(picture) => drop(self.whole.insert(name, picture)),
            Err(why) => {
                self.set_broken(name);
                return Err(why);
            }
        }
        Ok(())
    }

    /// From now on, none of that name can be used.
    pub(crate) fn set_broken(&mut self, name: String) {
        self.whole.remove(&name);
        if self.broken.len() < MOST {
            self.broken.insert(name);
        }
    }

    /// Takes the pictures of before for those that cannot be used now.
    pub(crate) fn keep(&mut self, before: &Self) {
        let kept =
            self.broken.iter().filter_map(|name| Some((name.clone(), before.whole.get(name)?.clone())));
        let kept: Vec<(String, T)> = kept.collect();
        self.broken.retain(|name| !before.whole.contains_key(name));
        self.whole.extend(kept);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.whole.get(name)
    }

    pub(crate) fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    /// Whether the operator has one of that name, whole or broken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.whole.contains_key(name) || self.is_broken(name)
    }

    /// Names of those that can be used.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.whole.keys().map(String::as_str)
    }
}

/// A name that an address can spell, in lower case.
pub(crate) fn plain_name(name: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=64).contains(&name.len()) && name.bytes().all(plain)).then(|| name.to_ascii_lowercase())
}
