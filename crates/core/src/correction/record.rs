//! One entry of the log of corrections: who changed what, when and why. The same JSON is in the store, on the command line
//! and in the API.

use super::PositionChange;
use crate::{Event, Name};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The action of a [`CorrectionRecord`] that stops counting names for a while.
pub const PAUSE: &str = "pause";
/// The action that counts them again.
pub const RESUME: &str = "resume";

/// The action of a [`CorrectionRecord`] that has added the number of an old badge.
pub const BASE: &str = "base";

/// What the log says of one part of a correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionRecord {
    /// Which correction. All its parts have the same.
    pub id: Uuid,
    /// The number of this part, from 1.
    pub part: u64,
    /// When it was computed, as RFC 3339 writes it.
    pub at: String,
    /// Who asked for it.
    pub by: String,
    /// `set`, `add`, `reset`, `delete`, `rename`, `merge`, [`BASE`], `undo`, [`PAUSE`] or [`RESUME`].
    pub action: String,
    /// The name or pattern that was asked for.
    pub name: String,
    /// Of which event; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Where the counts went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What was set or added, or the number of an old badge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// The stretch of time that was corrected, or the day on which an old badge counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stretch: Option<String>,
    /// Until when the names are not counted, as RFC 3339 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which correction this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Uuid>,
    /// The names of this part.
    pub changed: Vec<CorrectedName>,
    /// What is remembered of these names, and changed with them, besides numbers of old badges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<PositionChange>,
}

/// The total of a name around a correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectedName {
    /// The event.
    pub event: String,
    /// The name.
    pub name: String,
    /// Its total when the correction was computed; none for a name that was not there.
    pub before: Option<i64>,
    /// The total from then on; none for a name that is gone.
    pub after: Option<i64>,
    /// By how much this changes what is known to have come from old badges.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

impl CorrectionRecord {
    /// Whether it has changed no count, so that there is nothing to undo.
    #[must_use]
    pub fn is_of_pause(&self) -> bool {
        self.action == PAUSE || self.action == RESUME
    }
}

impl CorrectedName {
    /// The event and the name, if they are ones.
    #[must_use]
    pub fn key(&self) -> Option<(Event, Name)> {
        let event = Event::new(self.event.as_bytes()).ok()?;
        Some((event, Name::of(event, &self.name).ok()?))
    }
}
