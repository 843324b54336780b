//! Keys of ours that are missing although the counts exist: they were deleted or evicted. Keys that were overwritten
//! count as missing.
//!
//! Each says what was counted, so continuing without it could count twice, and the store refuses until an operator
//! adopts it. A lost tail takes all of them with it, which is how the two are told apart: see `claim.rs` and
//! `apply.lua`.

use super::keys;
use crate::{Class, StoreError, claim};
use uuid::Uuid;

/// What says which batches are in the counts.
pub(super) fn unmarked(attempt: String) -> StoreError {
    let cause = format!(
        "{} was deleted or evicted. It says what this store has applied: continuing could count it twice, so \
         nothing is written",
        keys::APPLIED
    );
    StoreError::new(Class::Data, attempt, cause).advise(
        "Restore it from a backup, or run `tallymark store adopt` to continue with the existing counts",
    )
}

/// The same, overwritten by hand.
pub(super) fn unreadable(attempt: String, instance: Uuid, text: &str) -> StoreError {
    let cause = format!(
        "{} holds {text:?} for {instance}, which is not a marker. It says what this store has applied: \
         continuing could count it twice, so nothing is written",
        keys::APPLIED
    );
    StoreError::new(Class::Data, attempt, cause).advise(if claim::is_passing(instance) {
        "Restore this field from a backup, or delete it with HDEL: if a request is repeated with its key, or an \
         import is run again, it then counts again"
    } else {
        "Restore this field from a backup, or run `tallymark store adopt` to continue with the existing counts"
    })
}

/// The identity.
pub(super) fn unidentified(attempt: String) -> StoreError {
    let cause =
        format!("{} was deleted or evicted. It identifies this store: nothing is written", keys::STORE);
    StoreError::new(Class::Data, attempt, cause).advise(
        "Restore it from a backup, or run `tallymark store adopt` to continue with the existing counts",
    )
}

/// How far logs were read.
pub(super) fn unplaced(attempt: String) -> StoreError {
    let cause = format!(
        "{} was deleted or evicted, or a part of it. It says how much of each log is counted: continuing could \
         count lines twice, so no log is read",
        keys::POSITIONS
    );
    StoreError::new(Class::Data, attempt, cause).advise(
        "Restore it from a backup, or run `tallymark store adopt`: a daemon then continues from the position in \
         its own data directory. First move away every log without a stored position, to an unrelated directory \
         (not next to or below its own); otherwise it is read from its beginning",
    )
}
