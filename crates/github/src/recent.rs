//! A cache by account, bounded: the account that was used least recently makes room.

use crate::AccountName;
use std::collections::HashMap;

/// A value for each of a limited number of accounts.
#[derive(Debug)]
pub(crate) struct RecentAccounts<V> {
    most: usize,
    known: HashMap<AccountName, (V, u64)>,
    /// Counts uses, so that the least recently used account makes room.
    looks: u64,
}

impl<V> RecentAccounts<V> {
    pub(crate) fn new(most: usize) -> RecentAccounts<V> {
        RecentAccounts { most, known: HashMap::new(), looks: 0 }
    }

    pub(crate) fn find(&mut self, login: &AccountName) -> Option<&V> {
        self.looks += 1;
        let (value, looked) = self.known.get_mut(login)?;
        *looked = self.looks;
        Some(value)
    }

    pub(crate) fn remove(&mut self, login: &AccountName) {
        self.known.remove(login);
    }

    pub(crate) fn put(&mut self, login: AccountName, value: V) {
        if self.known.len() >= self.most && !self.known.contains_key(&login) {
            let oldest =
                self.known.iter().min_by_key(|(_, (_, looked))| *looked).map(|(login, _)| login.clone());
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.looks += 1;
        self.known.insert(login, (value, self.looks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_looked_at_for_longest_makes_room() {
        let login = |n: usize| AccountName::new(&format!("u{n}")).unwrap();
        let mut recent = RecentAccounts::new(5);
        for n in 0..5 {
            recent.put(login(n), n);
        }
        assert_eq!(recent.find(&login(0)), Some(&0));
        recent.put(login(5), 7);
        recent.put(login(5), 8);
        assert_eq!(recent.known.len(), 5);
        assert!(recent.find(&login(0)).is_some() && recent.find(&login(1)).is_none());
        assert_eq!(recent.find(&login(5)), Some(&8));
    }
}
