//! The marker of an instance: the last of its batches that a store has applied, and which process may apply the next.
//!
//! The nonce of a claim is a number, one above that of the claim before, followed by the time and random bytes. So a
//! store that lost its tail, and the claim with it, can be told from one that another process has claimed since: its
//! nonce is lower, and the lost batches are sent again. A higher nonce is another claim.
//!
//! A Redis also remembers which instances were claimed, together with its identity. Both are written by one script, so
//! a lost tail takes both. If the marker is gone while that record exists, it was deleted or evicted, and the counts
//! are still there. Sending the batches again would count twice, so the store refuses until an operator adopts it.

use crate::{Claim, Class, Outcome, Result, StoreError};
use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};
use tallymark_core::Batch;
use uuid::{Builder, Uuid};

/// What a store keeps per instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) nonce: Uuid,
    pub(crate) seq: u64,
    /// See [`Claim::body`].
    pub(crate) body: Option<Uuid>,
}

/// Its form in Redis.
impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.nonce, self.seq, body_suffix(self.body))
    }
}

impl FromStr for Marker {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Marker, ()> {
        let mut parts = text.splitn(3, ':');
        let (Some(nonce), Some(seq), body) = (parts.next(), parts.next(), parts.next()) else {
            return Err(());
        };
        let body = body.map(str::parse).transpose().map_err(|_| ())?;
        Ok(Marker { nonce: nonce.parse().map_err(|_| ())?, seq: seq.parse().map_err(|_| ())?, body })
    }
}

/// What follows the number of a batch in Redis, if its instance belongs to the body of a request.
pub(crate) fn body_suffix(body: Option<Uuid>) -> String {
    body.map_or_else(String::new, |body| format!(":{}", body.simple()))
}

/// The nonce of the claim that follows a marker.
pub(crate) fn next_nonce(marker: Option<Marker>) -> Uuid {
    let (number, _) = marker.map_or((0, 0), |marker| marker.nonce.as_u64_pair());
    let (_, random) = Uuid::new_v4().as_u64_pair();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Uuid::from_u64_pair(number.saturating_add(1), since.as_secs() << 32 | random >> 32)
}

/// When the claim with this nonce was made, in seconds since 1970 as far as 32 bits go.
pub(crate) fn claimed_at(nonce: Uuid) -> u64 {
    nonce.as_u64_pair().1 >> 32
}

/// An instance that [`crate::StoreWrite::forget_passing`] may forget when it is old: one with a UUID of version 5,
/// which no other instance has.
#[must_use]
pub fn passing_instance(digest: [u8; 16]) -> Uuid {
    Builder::from_sha1_bytes(digest).into_uuid()
}

pub(crate) fn is_passing(instance: Uuid) -> bool {
    instance.get_version_num() == 5
}

/// Why batch `seq` must not be applied; `None` if it is the next one. The script of the Redis store implements the same
/// rule in Lua.
pub(crate) fn refuse(marker: Option<Marker>, claim: &Claim, seq: u64) -> Option<Outcome> {
    let at = marker.map_or(0, |marker| marker.seq);
    if marker.is_some_and(|marker| marker.nonce > claim.nonce) {
        Some(Outcome::Fenced)
    } else if seq <= at {
        Some(Outcome::Duplicate)
    } else if seq - 1 != at {
        Some(Outcome::Gap { marker: at })
    } else {
        None
    }
}

/// A claim is valid only for the batches of its own instance.
pub(crate) fn check(claim: &Claim, batches: &[Batch]) -> Result<()> {
    match batches.iter().find(|batch| batch.instance != claim.instance) {
        None => Ok(()),
        Some(batch) => {
            let attempt = format!("applying batch {} of instance {}", batch.seq, batch.instance);
            Err(StoreError::new(
                Class::Request,
                attempt,
                format!("the claim is of instance {}", claim.instance),
            ))
        }
    }
}
