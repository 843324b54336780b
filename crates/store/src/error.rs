//! Why a store gave no answer, and what to do about it.
//!
//! An error says what was attempted on what, what the store said, and, if a person has to act, what helps. Callers
//! decide by its [`Class`] whether to retry. A duplicate batch or a different store is not an error: see
//! [`crate::Outcome`].

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The store does not answer now: try again soon. No one has to act yet.
    Unavailable,
    /// The store answers, and refuses: a full disk or memory, a missing right, a wrong password. Try again slowly and
    /// tell the operator.
    Refused,
    /// What is in the store is damaged, or is not ours. Trying again does not help.
    Data,
    /// One key of the store has the wrong type. The others are fine; trying again does not help.
    Key,
    /// The store was written by a newer version. Trying again does not help.
    Schema,
    /// The request is invalid: a malformed position or address. This is the caller's mistake.
    Request,
}

/// Why a store gave no answer. Its text includes that of its source.
#[derive(Clone, Debug)]
pub struct StoreError {
    class: Class,
    attempt: String,
    cause: String,
    advice: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// `attempt` says what was tried on what ("applying batch 7 to /var/lib/...").
    pub(crate) fn new(class: Class, attempt: impl Into<String>, cause: impl fmt::Display) -> StoreError {
        StoreError {
            class,
            attempt: attempt.into(),
            cause: cause.to_string(),
            advice: Cow::Borrowed(""),
            source: None,
        }
    }

    /// Keeps the error of the underlying library.
    pub(crate) fn because_of(self, source: impl Error + Send + Sync + 'static) -> StoreError {
        StoreError { source: Some(Arc::new(source)), ..self }
    }

    /// Adds what helps, as a sentence without its full stop.
    pub(crate) fn advise(self, advice: impl Into<Cow<'static, str>>) -> StoreError {
        StoreError { advice: advice.into(), ..self }
    }

    /// What a caller can do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether the same call may succeed later without a change to the store or the configuration.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.class, Class::Unavailable | Class::Refused)
    }
}

/// Turns an error about one [key](Class::Key) into nothing: for lists, in which one name must not hide the others.
///
/// # Errors
///
/// Every other error, as it is.
pub fn or_nothing<T: Default>(answer: Result<T, StoreError>) -> Result<T, StoreError> {
    match answer {
        Err(err) if err.class == Class::Key => Ok(T::default()),
        answer => answer,
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.attempt, self.cause)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, ". {}", self.advice) }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
