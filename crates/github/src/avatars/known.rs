//! The avatars in memory: a bounded number of them, each with its age if known.

use crate::{AccountName, recent::RecentAccounts};
use std::{collections::HashSet, sync::Arc};

/// How many accounts are remembered. An avatar has a few kilobytes, at most 50.
const MOST: usize = 512;

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownAvatar {
    /// The picture, as a `data:` URI.
    pub(super) uri: Option<Arc<str>>,
    /// When it is looked for again, in seconds since 1970: in the directory, and elsewhere if that is due too.
    pub(super) due: u64,
    /// When it is fetched again.
    pub(super) fetched_again: u64,
}

/// What is known of accounts.
#[derive(Debug)]
pub(super) struct KnownAvatars {
    known: RecentAccounts<KnownAvatar>,
    /// The accounts that are being looked for.
    asked: HashSet<AccountName>,
}

impl Default for KnownAvatars {
    fn default() -> KnownAvatars {
        KnownAvatars { known: RecentAccounts::new(MOST), asked: HashSet::new() }
    }
}

impl KnownAvatars {
    pub(super) fn find(&mut self, login: &AccountName) -> Option<KnownAvatar> {
        self.known.find(login).cloned()
    }

    pub(super) fn put(&mut self, login: AccountName, face: KnownAvatar) {
        self.known.put(login, face);
    }

    /// Whether no task is looking for this account yet; then the caller has to.
    pub(super) fn ask(&mut self, login: &AccountName) -> bool {
        self.asked.insert(login.clone())
    }

    pub(super) fn is_asked(&self, login: &AccountName) -> bool {
        self.asked.contains(login)
    }

    pub(super) fn asked(&mut self, login: &AccountName) {
        self.asked.remove(login);
    }
}
