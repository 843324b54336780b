//! A Redis that deletes keys when its memory is full loses counts, and no key shows that it did. So its policy is
//! checked with every claim and every check of the marker, and a wrong one is reported for as long as it is set.

use std::sync::{Mutex, PoisonError};
use tracing::{info, warn};

/// The command that helps.
const REMEDY: &str = "redis-cli config set maxmemory-policy noeviction";

/// The policy that was seen last, if it is one that deletes counts.
#[derive(Debug, Default)]
pub(super) struct Eviction(Mutex<Option<String>>);

impl Eviction {
    /// Reads the section `memory` of INFO.
    pub(super) fn look(&self, info: &str) {
        let Some(policy) = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")) else {
            return;
        };
        // The others delete only keys that expire anyway.
        let now = Some(policy.trim()).filter(|policy| policy.starts_with("allkeys-")).map(str::to_owned);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        match &now {
            Some(policy) => {
                warn!(policy, "this Redis deletes counts when its memory is full; run `{REMEDY}` on it");
            }
            None => info!("this Redis no longer deletes counts when its memory is full"),
        }
        *seen = now;
    }

    /// What is wrong with it, and what helps.
    pub(super) fn warning(&self) -> Option<String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = seen.as_ref()?;
        Some(format!(
            "Redis deletes counts when its memory is full (maxmemory-policy {policy}): run `{REMEDY}` on it"
        ))
    }
}
