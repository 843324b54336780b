//! Our keys that are missing while the counts are there: they were deleted or evicted.
//!
//! Each says what was counted, so continuing without it could count twice, and the store refuses until an operator
//! adopts it. A lost tail takes all of them with it, which is how the two are told apart: see `claim.rs` and
//! `apply.lua`.

use super::keys;
use crate::{Class, StoreError};

/// What says which batches are in the counts.
pub(super) fn unmarked(attempt: String) -> StoreError {
    let cause = format!(
        "{} was deleted or evicted, which says what this store has applied: writing on could count it twice, so nothing \
         is written",
        keys::APPLIED
    );
    StoreError::new(Class::Data, attempt, cause).advise(
        "Restore it from a backup, or run `tallymark store adopt` to go on with the counts that are there",
    )
}

/// The identity.
pub(super) fn unidentified(attempt: String) -> StoreError {
    let cause = format!(
        "{} was deleted or evicted, which says whose counts these are: nothing is written",
        keys::STORE
    );
    StoreError::new(Class::Data, attempt, cause).advise(
        "Restore it from a backup, or run `tallymark store adopt` to go on with the counts that are there",
    )
}

/// How far logs were read.
pub(super) fn unplaced(attempt: String) -> StoreError {
    let cause = format!(
        "{} was deleted or evicted, or a part of it, which says what of which log is counted: reading on could count it \
         twice, so nothing is",
        keys::POSITIONS
    );
    StoreError::new(Class::Data, attempt, cause).advise(
        "Restore it from a backup, or run `tallymark store adopt`: a daemon then goes on from where its own data directory \
         says; first move away a log of which no data directory knows, because it will be read from its beginning",
    )
}
