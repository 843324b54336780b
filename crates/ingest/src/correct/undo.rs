//! Undoing a correction: the reverse of the changes that it made, part by part. Hits since then are kept.
//!
//! The instance of an undo is derived from the correction that it undoes, so nothing is undone twice.

use super::{
    CorrectionCourse, Corrector, brought,
    draft::{Draft, at_most},
    half,
    ledger::NameLedger,
    memory, not_corrected,
    rules::{self, CellChanges},
    unread,
};
use crate::{
    clock::now,
    errand::{Errand, ErrandError},
};
use std::collections::{BTreeMap, BTreeSet};
use tallymark_core::{
    Corrected, CorrectionRecord, CountCell, Day, Difference, Event, MAX_CORRECTIONS, Name, NotCorrected,
    PastCorrection, past_corrections,
};
use tallymark_store::passing_instance;
use uuid::Uuid;

/// Which correction is undone, by whom and why.
pub(super) struct Undoing<'a> {
    pub(super) course: CorrectionCourse,
    pub(super) of: Uuid,
    pub(super) by: &'a str,
    pub(super) reason: Option<&'a str>,
}

impl Undoing<'_> {
    pub(super) fn undone_already(&self) -> NotCorrected {
        NotCorrected::Refused(format!("{} was undone already", short(self.of)))
    }

    fn record(&self, part: &CorrectionRecord) -> CorrectionRecord {
        CorrectionRecord {
            id: self.course.id,
            at: self.course.now.to_rfc3339(),
            by: self.by.to_owned(),
            action: "undo".to_owned(),
            reason: self.reason.map(str::to_owned),
            undoes: Some(part.id),
            ..part.clone()
        }
    }
}

impl Corrector {
    /// What the log has of a correction.
    pub(super) async fn past(&self, id: Uuid) -> Result<PastCorrection, NotCorrected> {
        let log = self.store.corrections(MAX_CORRECTIONS).await.map_err(unread)?;
        let past = past_corrections(log).into_iter().find(|past| past.parts.iter().any(|part| part.id == id));
        past.ok_or_else(|| {
            NotCorrected::Missing(format!("there is no correction {id}: `tallymark corrections` lists them"))
        })
    }

    pub(super) async fn undo_one(
        &self,
        id: Uuid,
        by: String,
        reason: Option<String>,
    ) -> Result<Corrected, NotCorrected> {
        let past = self.past(id).await?;
        can_be_undone(&past)?;
        let undoing = undoing(id, &by, reason.as_deref());
        let first = &past.parts[0];
        let mut errand = self.errand(undoing.course.id);
        let claim = self.claim(&mut errand).await?;
        let parts = past.parts.len() as u64;
        // The store forgets markers after a while, and the log does not.
        if claim.marker >= parts || (claim.marker == 0 && past.undone_by.is_some()) {
            return Err(undoing.undone_already());
        }
        if claim.marker == 0 && past.undone_in_part_by.is_some() {
            let why = format!("{} was undone in part too long ago to know what is left of it", short(id));
            return Err(NotCorrected::Refused(why));
        }
        let mut records = Vec::new();
        for part in past.parts.iter().filter(|part| part.part > claim.marker) {
            let record = self.undo_part(&undoing, part, &mut errand).await;
            records.extend(record.map_err(|error| super::in_part(error, records.len(), "parts"))?);
        }
        Ok(Corrected { records, before: false, notes: notes(first) })
    }

    /// What undoing would do. Of a correction that was undone in part, the rest.
    ///
    /// # Errors
    ///
    /// Why it cannot be done.
    pub async fn plan_undo(
        &self,
        id: Uuid,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Corrected, NotCorrected> {
        let past = self.past(id).await?;
        can_be_undone(&past)?;
        let undoing = undoing(id, by, reason);
        if past.undone_by.is_some() {
            return Err(undoing.undone_already());
        }
        let log = self.store.corrections(MAX_CORRECTIONS).await.map_err(unread)?;
        let is_left = |part: &&CorrectionRecord| {
            !log.iter().any(|done| done.undoes == Some(id) && done.part == part.part)
        };
        let mut records = Vec::new();
        for part in past.parts.iter().filter(is_left) {
            let draft = self.reversed(&undoing.course, part).await?;
            let correction = draft.finish(&*self.store, undoing.record(part)).await.map_err(unread)?;
            records.extend(correction.record);
        }
        Ok(Corrected { records, before: false, notes: notes(&past.parts[0]) })
    }

    /// Undoes one part, as the batch with its number.
    async fn undo_part(
        &self,
        undoing: &Undoing<'_>,
        part: &CorrectionRecord,
        errand: &mut Errand,
    ) -> Result<Option<CorrectionRecord>, NotCorrected> {
        let mut short = String::new();
        for _ in 0..super::ATTEMPTS {
            self.gather(errand).await?;
            let draft = self.reversed(&undoing.course, part).await?;
            let correction = draft.finish(&*self.store, undoing.record(part)).await.map_err(unread)?;
            match self.apply(errand, part.part, &correction).await {
                Ok(()) => return Ok(correction.record),
                Err(ErrandError::Short { what }) => short = what,
                Err(error) => return Err(not_corrected(errand, &error)),
            }
        }
        Err(self.taken(part, &short).await)
    }

    async fn reversed(
        &self,
        course: &CorrectionCourse,
        part: &CorrectionRecord,
    ) -> Result<Draft, NotCorrected> {
        let differences = self.store.differences(part.id, part.part).await.map_err(unread)?;
        let differences = differences.ok_or_else(|| {
            NotCorrected::Refused("its changes are no longer stored, so it cannot be undone".to_owned())
        })?;
        let mut of_names: BTreeMap<(Event, Name), BTreeMap<CountCell, i64>> = BTreeMap::new();
        for Difference { event, name, cell, by } in differences {
            of_names.entry((event, name)).or_default().insert(cell, by.saturating_neg());
        }
        let mut draft = Draft::default();
        for ((event, name), cells) in of_names {
            self.reverse(part, (event, &name), cells, course.now.day(), &mut draft).await?;
        }
        for (event, name, before) in names(part) {
            let total = self.store.total(event, &name).await.map_err(unread)?;
            let has = self.store.has(event, std::slice::from_ref(&name)).await.map_err(unread)?;
            let sum = total.saturating_add(draft.by(event, &name));
            let is_gone = before.is_none() && sum == 0;
            if is_gone {
                draft.forget(event, &name);
            }
            let there = has.first().copied().unwrap_or(false);
            draft.change(event, &name, there.then_some(total), (!is_gone).then_some(sum));
        }
        for ((event, name), by) in brought::changes(part) {
            let known = brought::known(&*self.store, event, &name).await?;
            // A name from before this was kept with it may know less.
            let most = i64::try_from(known).unwrap_or(i64::MAX);
            draft.remember(event, &name, known, by.saturating_neg().max(most.saturating_neg()));
        }
        draft.change_memory(memory::back(&*self.store, &part.remembered).await?);
        self.lists_back(course, part, &mut draft).await?;
        Ok(draft)
    }

    /// Hours, minutes and statuses that have expired since cannot be taken back, and aggregates give what they have.
    async fn reverse(
        &self,
        part: &CorrectionRecord,
        (event, name): (Event, &Name),
        cells: BTreeMap<CountCell, i64>,
        today: Day,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        let exact =
            |cell: &CountCell| !name.is_aggregate() && matches!(cell, CountCell::Total | CountCell::Day(_));
        let (exact, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            cells.into_iter().partition(|(cell, _)| exact(cell));
        let mut cells: CellChanges = exact.into_iter().collect();
        cells.extend(at_most(&*self.store, event, name, others).await.map_err(unread)?);
        if !name.is_aggregate() && cells.iter().any(|(_, by)| *by < 0) {
            let ledger = NameLedger::read(&*self.store, event, name, today).await.map_err(unread)?;
            if let Some(cell) = rules::overdrawn(&ledger, &cells) {
                let name = name.as_str().escape_debug();
                let short = format!("{cell} of {name} ({event}) would have less than its parts");
                return Err(self.taken(part, &short).await);
            }
        }
        draft.add(event, name, cells);
        Ok(())
    }

    /// Another correction has taken since what this one had added: which one.
    async fn taken(&self, part: &CorrectionRecord, what: &str) -> NotCorrected {
        let log = match self.store.corrections(MAX_CORRECTIONS).await {
            Ok(log) => log,
            Err(error) => return unread(error),
        };
        let names: BTreeSet<(Event, Name)> = names(part).map(|(event, name, _)| (event, name)).collect();
        let later = past_corrections(log).into_iter().take_while(|past| past.id != part.id);
        let took = later.filter(PastCorrection::is_in_force).find(|past| past.has_lowered(&names));
        let out =
            took.map_or_else(String::new, |took| format!(" first: `tallymark undo {}`", short(took.id)));
        NotCorrected::Refused(format!(
            "it has added counts that no longer exist ({what}): another correction has removed them since. Undo \
             that one{}",
            if out.is_empty() { " first" } else { &out }
        ))
    }

    /// The lists of a renamed name come back with it.
    async fn lists_back(
        &self,
        course: &CorrectionCourse,
        part: &CorrectionRecord,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        if part.action != "rename" {
            return Ok(());
        }
        for (event, name, _) in names(part).filter(|(_, name, _)| Some(name.as_str()) == part.to.as_deref()) {
            let Ok(back) = Name::of(event, &part.name) else { continue };
            let today = course.now.day();
            draft.move_lists(&*self.store, (event, &name), Some(&back), today).await.map_err(unread)?;
        }
        Ok(())
    }
}

fn undoing<'a>(id: Uuid, by: &'a str, reason: Option<&'a str>) -> Undoing<'a> {
    let course = CorrectionCourse { id: passing_instance(half(b"undo", id.as_bytes())), now: now() };
    Undoing { course, of: id, by, reason }
}

fn can_be_undone(past: &PastCorrection) -> Result<(), NotCorrected> {
    let first = &past.parts[0];
    let why = if first.undoes.is_some() {
        "this one has undone another: make that correction again instead"
    } else if first.is_of_pause() {
        "this is a pause: `tallymark pause NAME --end` ends it"
    } else if first.part != 1 {
        "its first parts are no longer stored, so it cannot be undone"
    } else {
        return Ok(());
    };
    Err(NotCorrected::Refused(why.to_owned()))
}

fn names(part: &CorrectionRecord) -> impl Iterator<Item = (Event, Name, Option<i64>)> {
    part.changed.iter().filter_map(|changed| {
        let (event, name) = changed.key()?;
        Some((event, name, changed.before))
    })
}

/// The beginning of an id, as it is shown and accepted.
pub(super) fn short(id: Uuid) -> String {
    id.simple().to_string().chars().take(8).collect()
}

/// The log does not say whether there were any.
const GONE: &str = "if it had last visits, or visitors of days, they do not come back";

fn notes(of: &CorrectionRecord) -> Vec<String> {
    let lists = match of.action.as_str() {
        "delete" => GONE,
        "reset" if of.stretch.is_none() => GONE,
        "merge" => "the last visits and the visitors of days stay where they were merged",
        _ => return Vec::new(),
    };
    vec![lists.to_owned()]
}
