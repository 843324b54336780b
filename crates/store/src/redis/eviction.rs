//! A Redis that deletes keys when its memory is full loses counts, and no key shows that it did. So its policy is
//! checked with every claim and every check of the marker, and a wrong one is reported for as long as it is set.

use std::sync::{Mutex, PoisonError};
use tracing::{info, warn};

/// The command that helps.
const REMEDY: &str = "redis-cli config set maxmemory-policy noeviction";

/// What a policy deletes. Those that begin with `volatile-` take only keys that expire, but hours and minutes expire
/// only because they are old, and these need not be.
pub(super) fn lost_by(policy: &str) -> Option<&'static str> {
    match policy.split_once('-')?.0 {
        "allkeys" => Some("counts"),
        "volatile" => Some("hours, minutes and numbers of visitors (not totals, not days)"),
        _ => None,
    }
}

/// The policy that was seen last, if it is one that deletes what was counted.
#[derive(Debug, Default)]
pub(super) struct Eviction(Mutex<Option<String>>);

impl Eviction {
    /// Reads the section `memory` of INFO.
    pub(super) fn look(&self, info: &str) {
        let Some(policy) = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")) else {
            return;
        };
        let now = Some(policy.trim()).filter(|policy| lost_by(policy).is_some()).map(str::to_owned);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        match &now {
            Some(policy) => {
                let lost = lost_by(policy).unwrap_or_default();
                warn!(policy, "this Redis deletes {lost} when its memory is full; run `{REMEDY}` on it");
            }
            None => info!("this Redis no longer deletes anything when its memory is full"),
        }
        *seen = now;
    }

    /// What is wrong with it, and what helps.
    pub(super) fn warning(&self) -> Option<String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = seen.as_ref()?;
        let lost = lost_by(policy)?;
        Some(format!(
            "Redis deletes {lost} when its memory is full (maxmemory-policy {policy}): run `{REMEDY}` on it"
        ))
    }
}
