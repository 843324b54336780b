//! The avatars in memory: a bounded number of them, each with what is known of its age.

use crate::AccountName;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How many accounts are remembered. An avatar has a few kilobytes, at most 50.
const MOST: usize = 512;

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownAvatar {
    /// The picture, as a `data:` URI.
    pub(super) uri: Option<Arc<str>>,
    /// When it is looked for again, in seconds since 1970.
    pub(super) due: u64,
}

/// What is known of accounts.
#[derive(Debug, Default)]
pub(super) struct KnownAvatars {
    known: HashMap<AccountName, (KnownAvatar, u64)>,
    /// Who is being looked for.
    asked: HashSet<AccountName>,
    /// Counts looks, so that the one who was not shown for longest makes room.
    looks: u64,
}

impl KnownAvatars {
    pub(super) fn find(&mut self, login: &AccountName) -> Option<KnownAvatar> {
        self.looks += 1;
        let (face, looked) = self.known.get_mut(login)?;
        *looked = self.looks;
        Some(face.clone())
    }

    pub(super) fn put(&mut self, login: AccountName, face: KnownAvatar) {
        if self.known.len() >= MOST && !self.known.contains_key(&login) {
            let oldest =
                self.known.iter().min_by_key(|(_, (_, looked))| *looked).map(|(login, _)| login.clone());
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.looks += 1;
        self.known.insert(login, (face, self.looks));
    }

    /// Whether nobody looks for this account yet; then the caller does.
    pub(super) fn ask(&mut self, login: &AccountName) -> bool {
        self.asked.insert(login.clone())
    }

    pub(super) fn asked(&mut self, login: &AccountName) {
        self.asked.remove(login);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_shown_for_longest_makes_room() {
        let login = |n: usize| AccountName::new(&format!("u{n}")).unwrap();
        let mut faces = KnownAvatars::default();
        for n in 0..MOST {
            faces.put(login(n), KnownAvatar { uri: None, due: n as u64 });
        }
        assert_eq!(faces.find(&login(0)).map(|face| face.due), Some(0));
        faces.put(login(MOST), KnownAvatar { uri: None, due: 7 });
        faces.put(login(MOST), KnownAvatar { uri: None, due: 8 });
        assert_eq!(faces.known.len(), MOST);
        assert!(faces.find(&login(0)).is_some() && faces.find(&login(1)).is_none());
        assert_eq!(faces.find(&login(MOST)).map(|face| face.due), Some(8));
    }
}
