//! The file `store.json` itself: what it says, and how the daemon and commands change it without losing what the other
//! has written.

use super::total::{StoreState, StoreTotal};
use crate::cli::out;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};
use tallymark_store::{StoreUrl, durable};
use tracing::debug;
use uuid::Uuid;

/// Its name in the data directory.
pub(crate) const FILE: &str = "store.json";

/// The contents of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Home {
    /// Its identity, a UUID.
    pub(super) store: String,
    /// The address, without its password.
    pub(super) url: String,
    /// Everything that was counted there, over all events, whatever was corrected.
    pub(super) total: u64,
    /// By how much corrections have changed that.
    #[serde(default)]
    pub(super) corrected: i64,
    /// The latest correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_correction: Option<Uuid>,
    /// The events that `total` is the sum of.
    #[serde(default)]
    pub(super) events: BTreeSet<String>,
    /// A command has begun to write, and has not ended: there may be more than `total`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) writing: bool,
    /// The previous store, which an operator has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<String>,
}

/// The file cannot be read as what it should be.
#[derive(Debug)]
pub(crate) struct DamagedHome(PathBuf);

impl fmt::Display for DamagedHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged; restore it from a backup, or run `tallymark store adopt`", self.0.display())
    }
}

impl Home {
    /// Whether a different store would lack counts.
    pub(super) fn has_counts(&self) -> bool {
        self.total > 0 || self.had() > 0 || self.writing
    }

    /// What the store had when it was last looked at.
    pub(super) fn had(&self) -> u64 {
        StoreTotal { ever: self.total, corrected: self.corrected }.now()
    }

    /// The same in words.
    pub(super) fn had_in_words(&self) -> String {
        let more = if self.writing { " or more" } else { "" };
        format!("{}{more}", out::counted(self.had(), "hit"))
    }

    /// The store, as it is now. What is known of it does not become less because it was emptied, or because an older copy
    /// was put in its place.
    pub(super) fn seen(before: Option<&Home>, store: Uuid, url: &StoreUrl, state: &StoreState) -> Home {
        let StoreState { total, events, last_correction } = state;
        let same = before.filter(|home| home.store == store.to_string()).cloned();
        let same = same
            .unwrap_or_else(|| Home { left: before.and_then(|home| home.left.clone()), ..Home::default() });
        // Corrections are never removed from the log one by one, so a store without any was emptied.
        let emptied = same.last_correction.is_some() && last_correction.is_none();
        let less = emptied || total.ever < same.total;
        Home {
            store: store.to_string(),
            url: shown(url),
            total: total.ever.max(same.total),
            corrected: if less { same.corrected } else { total.corrected },
            last_correction: if emptied { same.last_correction } else { *last_correction },
            events: events.clone(),
            writing: false,
            left: same.left,
        }
    }

    pub(super) fn read(data_dir: &Path) -> Result<Option<Home>> {
        let path = data_dir.join(FILE);
        match std::fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| DamagedHome(path))?)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                debug!(path = %path.display(), %error, "which store was counted into is not known");
                Ok(None)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes what `change` makes of the file, or nothing. The daemon and commands take turns.
    pub(super) fn update(data_dir: &Path, change: impl FnOnce(Option<Home>) -> Option<Home>) -> Result<()> {
        let path = data_dir.join(FILE);
        let attempt = || format!("writing {}", path.display());
        // Released when it is closed.
        let turn = File::open(data_dir).with_context(attempt)?;
        turn.lock().with_context(attempt)?;
        // A damaged one is refused where a store is opened; the daemon and `store adopt` replace it.
        let before = Home::read(data_dir).unwrap_or_default();
        match change(before.clone()) {
            Some(now) if Some(&now) != before.as_ref() => {
                durable::replace(&path, &serde_json::to_vec_pretty(&now)?).with_context(attempt)
            }
            _ => Ok(()),
        }
    }
}

/// The database at `place` comes from a backup without this file, and has this much.
pub(crate) fn remember_backup(data_dir: &Path, place: &Path, identity: Uuid, total: u64) -> Result<()> {
    let home = Home {
        store: identity.to_string(),
        url: shown(&StoreUrl::Sqlite(place.to_owned())),
        // What of it is corrections is not known, so nothing is expected of what was counted.
        corrected: i64::try_from(total).unwrap_or(i64::MAX),
        ..Home::default()
    };
    Home::update(data_dir, |_| Some(home))
}

/// Checks the file in a directory, if it is there.
pub(crate) fn examine(dir: &Path) -> Result<()> {
    Home::read(dir).map(drop)
}

/// The address without its password, and with the full path.
pub(crate) fn shown(store: &StoreUrl) -> String {
    match store {
        StoreUrl::Sqlite(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            StoreUrl::Sqlite(path).to_string()
        }
        StoreUrl::Redis(_) => store.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_store_does_not_become_less_unless_it_was_corrected() {
        let (store, url) = (Uuid::from_u128(1), StoreUrl::Sqlite(PathBuf::from("/t.db")));
        let state = |ever, corrected, last: Option<u128>| StoreState {
            total: StoreTotal { ever, corrected },
            events: BTreeSet::new(),
            last_correction: last.map(Uuid::from_u128),
        };
        let home = Home::seen(None, store, &url, &state(0, 5000, Some(7)));
        assert_eq!((home.had(), home.has_counts()), (5000, true));
        // Emptied; an older copy; taken back.
        assert_eq!(Home::seen(Some(&home), store, &url, &state(0, 0, None)), home);
        let more = Home::seen(Some(&home), store, &url, &state(3, 5000, Some(7)));
        assert_eq!(Home::seen(Some(&more), store, &url, &state(0, 5000, Some(7))).had(), 5003);
        assert_eq!(Home::seen(Some(&more), store, &url, &state(3, -3, Some(8))).had(), 0);
        // Another store is another beginning.
        let other = Home::seen(Some(&more), Uuid::from_u128(2), &url, &state(1, 0, None));
        assert_eq!((other.had(), other.last_correction), (1, None));
    }

    #[test]
    fn writers_take_turns_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let add = |home: Option<Home>| {
            let home = home.unwrap_or_default();
            Some(Home { total: home.total + 1, ..home })
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| Home::update(dir.path(), add).unwrap()));
            }
        });
        assert_eq!(Home::read(dir.path()).unwrap().unwrap().total, 100);
    }
}
