//! The corrections that can be requested, and the trait that makes them. The binary wires an implementation from
//! `tallymark-ingest` into `tallymark-web`, as it does with [`Ledger`](crate::Ledger).

use super::CorrectionRecord;
use crate::{Day, Event, Minute, Name, Now, Once};
use std::{fmt, future::Future, ops::Range, pin::Pin};
use uuid::Uuid;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrectionAction {
    /// The total becomes this.
    Set(i64),
    /// The total grows by this, or shrinks.
    Add(i64),
    /// Nothing of the name is left, or nothing in a stretch of time. The name stays.
    Reset(Option<TimeStretch>),
    /// Nothing of the name is left, and the name goes.
    Delete,
    /// Everything of the name moves to another, which is not there yet.
    Rename(Name),
    /// Everything of the name is added to another.
    Merge(Name),
}

impl CorrectionAction {
    /// Its word, as in a command.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            CorrectionAction::Set(_) => "set",
            CorrectionAction::Add(_) => "add",
            CorrectionAction::Reset(_) => "reset",
            CorrectionAction::Delete => "delete",
            CorrectionAction::Rename(_) => "rename",
            CorrectionAction::Merge(_) => "merge",
        }
    }

    /// The event that is meant if none is given: numbers and resets are of hits, and all of a name moves or goes.
    #[must_use]
    pub fn usual_event(&self) -> Option<Event> {
        use CorrectionAction::{Add, Delete, Merge, Rename, Reset, Set};
        match self {
            Set(_) | Add(_) | Reset(_) => Some(Event::HIT),
            Delete | Rename(_) | Merge(_) => None,
        }
    }
}

/// A correction of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrectionRequest {
    /// What to do.
    pub action: CorrectionAction,
    /// With which name.
    pub name: Name,
    /// What was asked for: that name, or a pattern that it matches.
    pub asked: String,
    /// With which event; all without it.
    pub event: Option<Event>,
    /// Who makes the correction.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A stretch of time in whole minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStretch {
    minutes: Range<i32>,
    text: String,
}

/// A text is no stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAStretch {
    /// Neither a day nor a minute.
    Time,
    /// It ends before it begins.
    Backwards,
    /// Neither end is given.
    Open,
}

impl fmt::Display for NotAStretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAStretch::Time => {
                "a time is a day, like 2026-11-20, or a minute of it, like 2026-11-20T13:07 (UTC), without seconds"
            }
            NotAStretch::Backwards => "it ends before it begins",
            NotAStretch::Open => "it needs a beginning",
        })
    }
}

impl std::error::Error for NotAStretch {}

impl TimeStretch {
    /// From a day or minute to a day or minute, both of them included; to the end of time without the latter.
    ///
    /// # Errors
    ///
    /// See [`NotAStretch`].
    pub fn read(from: Option<&str>, to: Option<&str>) -> Result<TimeStretch, NotAStretch> {
        let from_text = from.ok_or(NotAStretch::Open)?;
        let (begin, _) = minutes(from_text).ok_or(NotAStretch::Time)?;
        let end = to.map_or(Some((0, i32::MAX)), minutes).ok_or(NotAStretch::Time)?.1;
        if begin >= end {
            return Err(NotAStretch::Backwards);
        }
        let text = to.map_or_else(|| format!("{from_text}.."), |to| format!("{from_text}..{to}"));
        Ok(TimeStretch { minutes: begin..end, text })
    }

    /// The minutes since 1970.
    #[must_use]
    pub fn minutes(&self) -> Range<i32> {
        self.minutes.clone()
    }
}

impl fmt::Display for TimeStretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first minute of a day or minute, and the one after its last.
fn minutes(text: &str) -> Option<(i32, i32)> {
    if let Some(day) = Day::parse(text.as_bytes()) {
        return Some((day.first_minute().0, Day(day.0 + 1).first_minute().0));
    }
    // Seconds would be dropped without a word.
    let text =
        Some(text.strip_suffix('Z').unwrap_or(text)).filter(|text| text.len() == "2026-11-20T13:07".len())?;
    let Minute(minute) = Now::parse_rfc3339(&format!("{text}:00Z"))?.minute();
    Some((minute, minute + 1))
}

/// A correction is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// What was done. Nothing if everything was already as it was asked for.
    pub records: Vec<CorrectionRecord>,
    /// It was done by an earlier call with the same key.
    pub before: bool,
    /// What the answer should say besides.
    pub notes: Vec<String>,
}

/// A correction is not in the store, or it is unknown whether it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCorrected {
    /// It cannot be done: nothing was changed.
    Refused(String),
    /// There is no such name, or no such correction.
    Missing(String),
    /// The counts went below what it takes away, again and again. Nothing was changed.
    Changing(String),
    /// The key was used for another body.
    OtherBody,
    /// The store does not answer, or refuses; nothing was changed.
    Unavailable(String),
    /// The store did not answer: it may be done.
    Unknown(String),
    /// So much of it is done, and then this happened.
    InPart(String, Box<NotCorrected>),
}

impl fmt::Display for NotCorrected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCorrected::Refused(why) | NotCorrected::Missing(why) => f.write_str(why),
            NotCorrected::Changing(what) => {
                write!(f, "the counts changed meanwhile ({what}); nothing was changed: run it again")
            }
            NotCorrected::OtherBody => f.write_str("this idempotency key was used for another body"),
            NotCorrected::Unavailable(why) => {
                write!(f, "the store takes nothing now, nothing was changed: {why}")
            }
            NotCorrected::Unknown(why) => {
                write!(f, "the store did not answer, so it is not known whether this was done: {why}")
            }
            NotCorrected::InPart(done, why) => write!(f, "{done} are done; of the next: {why}"),
        }
    }
}

impl std::error::Error for NotCorrected {}

/// The answer to a correction.
pub type Correcting<'a> = Pin<Box<dyn Future<Output = Result<Corrected, NotCorrected>> + Send + 'a>>;

/// What is known of earlier ones.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Vec<CorrectionRecord>, NotCorrected>> + Send + 'a>>;

/// Corrects counts.
pub trait Corrections: Send + Sync {
    /// Corrects one name, and returns when that is in the store. With `once`, exactly once for each key.
    fn correct<'a>(&'a self, once: Option<Once<'a>>, request: CorrectionRequest) -> Correcting<'a>;

    /// Undoes a correction: exactly once, however often it is asked for.
    fn undo(&self, id: Uuid, by: String, reason: Option<String>) -> Correcting<'_>;

    /// The latest ones first.
    fn list(&self, most: usize) -> Asking<'_>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_days_or_minutes_with_both_ends() {
        let day = Day::from_date(2026, 11, 20).unwrap().first_minute().0;
        for (from, to, minutes) in [
            ("2026-11-20", Some("2026-11-20"), day..day + 1440),
            ("2026-11-20", Some("2026-11-21"), day..day + 2880),
            ("2026-11-20T13:07", Some("2026-11-20T13:07"), day + 787..day + 788),
            ("2026-11-20T13:07Z", Some("2026-11-20T14:00Z"), day + 787..day + 841),
            ("2026-11-20T13:07", Some("2026-11-20"), day + 787..day + 1440),
            ("2026-11-20", None, day..i32::MAX),
        ] {
            assert_eq!(TimeStretch::read(Some(from), to).unwrap().minutes(), minutes, "{from} {to:?}");
        }
        for (from, to, why) in [
            (None, Some("2026-11-20"), NotAStretch::Open),
            (Some("yesterday"), None, NotAStretch::Time),
            (Some("2026-11-31"), None, NotAStretch::Time),
            (Some("2026-11-20"), Some("2026-11-19"), NotAStretch::Backwards),
            (Some("2026-11-20T13"), None, NotAStretch::Time),
            (Some("2026-11-20T13:07:30"), None, NotAStretch::Time),
            (Some("2026-11-20"), Some("2026-11-20T13:07:00Z"), NotAStretch::Time),
            (Some("2026-11-20T13:07+01:00"), None, NotAStretch::Time),
        ] {
            assert_eq!(TimeStretch::read(from, to), Err(why), "{from:?} {to:?}");
        }
    }
}
