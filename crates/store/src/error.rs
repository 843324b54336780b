//! Why a store gave no answer, and what to do about it.
//!
//! An error names what was attempted on what, what the store said, and, where a person has to act, what helps. Callers
//! decide by its [`Class`] whether to try again. That a batch is a duplicate, or the store another one, is no error:
//! see [`crate::Outcome`].

use std::fmt;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The store does not answer now: try again soon. Nobody has to act yet.
    Unavailable,
    /// The store answers, and refuses: a full disk or memory, a missing right, a wrong password. Try again slowly and
    /// tell the operator.
    Refused,
    /// What is in the store is damaged, or is not ours. Trying again does not help.
    Data,
    /// One key of the store holds something else than it should. Others are well; trying again does not help.
    Key,
    /// The store was written by a newer version. Trying again does not help.
    Schema,
    /// What was asked cannot be: a malformed position or address. The caller's mistake.
    Request,
}

/// Why a store gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{attempt}: {cause}{}", Advice(.advice))]
pub struct StoreError {
    class: Class,
    attempt: String,
    cause: String,
    advice: &'static str,
}

impl StoreError {
    /// `attempt` says what was tried on what ("applying batch 7 to /var/lib/...").
    pub(crate) fn new(class: Class, attempt: impl Into<String>, cause: impl fmt::Display) -> StoreError {
        StoreError { class, attempt: attempt.into(), cause: cause.to_string(), advice: "" }
    }

    /// Adds what helps, as a sentence without its full stop.
    pub(crate) fn advise(self, advice: &'static str) -> StoreError {
        StoreError { advice, ..self }
    }

    /// What a caller can do about it.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether the same call may succeed later without a change to the store or the configuration.
    pub fn is_transient(&self) -> bool {
        matches!(self.class, Class::Unavailable | Class::Refused)
    }
}

/// Nothing where a [key](Class::Key) holds something else: for lists, of which one name must not hide the others.
pub fn or_nothing<T: Default>(answer: Result<T, StoreError>) -> Result<T, StoreError> {
    match answer {
        Err(err) if err.class == Class::Key => Ok(T::default()),
        answer => answer,
    }
}

struct Advice<'a>(&'a &'static str);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ". {}", self.0) }
    }
}
