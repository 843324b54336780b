//! The log of corrections as its readers see it, and the answer to a correction: the same JSON from the commands and the
//! API.

use super::{CorrectedName, CorrectionRecord};
use crate::{Event, Name};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// All that is remembered of one correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastCorrection {
    /// Which one.
    pub id: Uuid,
    /// Which one has undone all of it.
    pub undone_by: Option<Uuid>,
    /// Which one has begun to undo it and was interrupted: undoing it again does the rest.
    pub undone_in_part_by: Option<Uuid>,
    /// Its parts, in order; never none.
    pub parts: Vec<CorrectionRecord>,
}

impl PastCorrection {
    /// Whether it has changed counts and was not undone, nor is it an undo.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.undone_by.is_none() && self.parts.iter().all(|part| part.undoes.is_none() && !part.is_of_pause())
    }

    /// Whether one of these names had less after it.
    #[must_use]
    pub fn has_lowered(&self, names: &BTreeSet<(Event, Name)>) -> bool {
        let mut changed = self.parts.iter().flat_map(|part| &part.changed);
        let is_less = |changed: &CorrectedName| changed.after.unwrap_or(-1) < changed.before.unwrap_or(0);
        changed.any(|changed| is_less(changed) && changed.key().is_some_and(|key| names.contains(&key)))
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CorrectionReport {
    /// Under which id; none if there was nothing to change.
    pub id: Option<Uuid>,
    /// Nothing was written.
    pub dry_run: bool,
    /// An earlier request with the same key has done it.
    pub duplicate: bool,
    /// What changed.
    pub parts: Vec<CorrectionRecord>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

/// The corrections of a log, whose latest part comes first, in that order.
#[must_use]
pub fn past_corrections(log: Vec<CorrectionRecord>) -> Vec<PastCorrection> {
    let undone: BTreeMap<(Uuid, u64), Uuid> =
        log.iter().filter_map(|record| Some(((record.undoes?, record.part), record.id))).collect();
    let (mut past, mut places): (Vec<PastCorrection>, BTreeMap<Uuid, usize>) = Default::default();
    for record in log {
        let place = *places.entry(record.id).or_insert(past.len());
        match past.get_mut(place) {
            Some(known) => known.parts.push(record),
            None => {
                let id = record.id;
                past.push(PastCorrection {
                    id,
                    undone_by: None,
                    undone_in_part_by: None,
                    parts: vec![record],
                });
            }
        }
    }
    for past in &mut past {
        past.parts.sort_by_key(|record| record.part);
        let undone: Vec<Option<&Uuid>> =
            past.parts.iter().map(|record| undone.get(&(record.id, record.part))).collect();
        let by = undone.iter().copied().flatten().next().copied();
        match undone.iter().all(Option::is_some) {
            true => past.undone_by = by,
            false => past.undone_in_part_by = by,
        }
    }
    past
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u128, part: u64, undoes: Option<u128>) -> CorrectionRecord {
        CorrectionRecord {
            id: Uuid::from_u128(id),
            part,
            at: String::new(),
            by: String::new(),
            action: String::new(),
            name: String::new(),
            event: None,
            to: None,
            count: None,
            stretch: None,
            until: None,
            reason: None,
            undoes: undoes.map(Uuid::from_u128),
            changed: Vec::new(),
            remembered: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_undone_as_a_whole_is_undone() {
        let mut log = vec![record(2, 1, Some(1)), record(1, 2, None), record(1, 1, None)];
        let by = |log: &[CorrectionRecord]| {
            let past = past_corrections(log.to_vec());
            let past = past.iter().find(|past| past.id == Uuid::from_u128(1)).unwrap();
            [past.undone_by, past.undone_in_part_by]
        };
        assert_eq!(by(&log), [None, Some(Uuid::from_u128(2))]);
        log.insert(0, record(2, 2, Some(1)));
        assert_eq!(by(&log), [Some(Uuid::from_u128(2)), None]);
    }
}
