//! What is beside the counts, on its way to or from another store: see [`StoreMoves`](crate::StoreMoves).

use super::{
    correct, day_keys,
    writer::{read_marker, write_marker},
};
use crate::{InstanceMark, KnownCorrection, MarkPage, claim::Marker};
use rusqlite::{Connection, TransactionBehavior};
use tallymark_core::{Day, DayKeys, Event, Name, VisitorHash};
use uuid::Uuid;

/// How many instances are in a page.
const PAGE: usize = 5000;

/// Written by the one thread that writes.
#[derive(Debug)]
pub(super) enum MoveWrite {
    Marks(Vec<InstanceMark>),
    Corrections(Vec<KnownCorrection>, Vec<(Event, i64)>),
    DayKeys(DayKeys),
}

impl MoveWrite {
    pub(super) fn run(self, db: &mut Connection) -> rusqlite::Result<()> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match self {
            MoveWrite::Marks(marks) => {
                for InstanceMark { instance, nonce, seq, body } in marks {
                    let known = read_marker(&transaction, instance)?;
                    if known.is_none_or(|known| known.seq < seq) {
                        write_marker(&transaction, instance, Marker { nonce, seq, body })?;
                    }
                }
            }
            MoveWrite::Corrections(log, corrected) => correct::replace(&transaction, &log, &corrected)?,
            MoveWrite::DayKeys(keys) => day_keys::put(&transaction, &keys)?,
        }
        transaction.commit()
    }
}

/// A page of the instances behind `start`.
pub(super) fn marks(db: &Connection, start: Uuid) -> rusqlite::Result<MarkPage> {
    let mut list = db.prepare_cached(
        "SELECT instance, nonce, seq, body FROM applied WHERE instance > ?1 ORDER BY instance LIMIT ?2",
    )?;
    let marks: Vec<InstanceMark> = list
        .query_map((start.as_bytes(), PAGE as i64), |row| {
            let (seq, body): (i64, Option<[u8; 16]>) = (row.get(2)?, row.get(3)?);
            let (instance, nonce) = (Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?));
            Ok(InstanceMark { instance, nonce, seq: seq.unsigned_abs(), body: body.map(Uuid::from_bytes) })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let next = marks.last().filter(|_| marks.len() == PAGE).map(|last| last.instance.to_string());
    Ok(MarkPage { marks, next })
}

pub(super) fn visitor_hashes(
    db: &Connection,
    event: Event,
    name: &Name,
    day: Day,
) -> rusqlite::Result<Vec<VisitorHash>> {
    let mut list = db.prepare_cached(
        "SELECT hash FROM visitor WHERE day = ?3 AND id = (SELECT id FROM name WHERE event = ?1 AND name = ?2)
         ORDER BY hash",
    )?;
    let hashes = list.query_map((event.as_str(), name.as_str(), day.0), |row| row.get::<_, i64>(0))?;
    let mut hashes: Vec<VisitorHash> =
        hashes.map(|hash| Ok(VisitorHash(hash?.cast_unsigned()))).collect::<rusqlite::Result<_>>()?;
    hashes.sort_unstable();
    Ok(hashes)
}
