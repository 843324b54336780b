//! The log of corrections as its readers see it, and the answer to a correction: the same JSON from the commands and the
//! API.

use super::CorrectionRecord;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// All that is remembered of one correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastCorrection {
    /// Which one.
    pub id: Uuid,
    /// Which one has undone it.
    pub undone_by: Option<Uuid>,
    /// Its parts, in order; never none.
    pub parts: Vec<CorrectionRecord>,
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
    let undone: BTreeMap<Uuid, Uuid> =
        log.iter().filter_map(|record| Some((record.undoes?, record.id))).collect();
    let (mut past, mut places): (Vec<PastCorrection>, BTreeMap<Uuid, usize>) = Default::default();
    for record in log {
        let place = *places.entry(record.id).or_insert(past.len());
        match past.get_mut(place) {
            Some(known) => known.parts.push(record),
            None => {
                let (id, undone_by) = (record.id, undone.get(&record.id).copied());
                past.push(PastCorrection { id, undone_by, parts: vec![record] });
            }
        }
    }
    past.iter_mut().for_each(|past| past.parts.sort_by_key(|record| record.part));
    past
}
