//! The number of an old badge: it is added to a name once, on one day, and can be undone.
//!
//! How much of a name came from an old badge is a position in the store, committed with the counts. So the same number
//! is recognised, however often it is imported, and a larger one adds the difference. Positions belong to an instance,
//! so all of this, including an undo, is written under the instance of that name.

use super::{CorrectionCourse, Corrector, draft::Draft, not_corrected, short, undo::Undoing, unread};
use crate::{clock::now, errand::ErrandError, import::named_instance};
use tallymark_core::{
    BASE, Batch, Corrected, CorrectedName, CorrectionRecord, CountCell, Day, Event, MAX_CORRECTIONS, Name,
    NotCorrected, Position, past_corrections,
};
use tallymark_store::passing_instance;
use thousands::Separable;
use uuid::Uuid;

/// The number of an old badge, and whose it is.
#[derive(Clone, Debug)]
pub struct OldBadgeNumber {
    /// The name to count for.
    pub name: Name,
    /// What happened to it.
    pub event: Event,
    /// All that the old badge has counted.
    pub number: u64,
    /// The day on which it counts.
    pub day: Day,
    /// Who makes the correction.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// What an old badge has brought.
#[derive(Clone, Debug)]
pub struct OldBadgeBrought {
    /// How much of the name came from an old badge before.
    pub before: u64,
    /// How much more comes now.
    pub added: u64,
    /// The total of the name with it.
    pub total: i64,
    /// The entry of the log of corrections. None if nothing was added.
    pub record: Option<CorrectionRecord>,
}

fn source(event: Event, name: &Name) -> String {
    format!("badge:{event}:{name}")
}

impl Corrector {
    /// Adds what this number has more than what came from an old badge before. With `dry_run`, only says so.
    ///
    /// # Errors
    ///
    /// It is less; or why it cannot be done.
    pub async fn bring(
        &self,
        asked: &OldBadgeNumber,
        dry_run: bool,
    ) -> Result<OldBadgeBrought, NotCorrected> {
        let id = if dry_run { Uuid::nil() } else { passing_instance(*Uuid::new_v4().as_bytes()) };
        let course = CorrectionCourse { id, now: now() };
        let mut errand = self.errand(named_instance(&source(asked.event, &asked.name)));
        // Read under the claim: from then on, any other import of a number for this name is refused.
        let seq = if dry_run { 0 } else { self.claim(&mut errand).await?.marker + 1 };
        let before = self.brought_before(asked.event, &asked.name).await?;
        let Some(added) = asked.number.checked_sub(before) else {
            return Err(self.less(asked, before).await?);
        };
        let by = i64::try_from(added).map_err(|error| NotCorrected::Refused(error.to_string()))?;
        let mut last = String::new();
        for _ in 0..super::ATTEMPTS {
            if !dry_run && added > 0 {
                self.gather(&mut errand).await?;
            }
            let (event, name) = (asked.event, &asked.name);
            let there = self.store.has(event, std::slice::from_ref(name)).await.map_err(unread)?;
            let total = self.store.total(event, name).await.map_err(unread)?;
            let sum = total.saturating_add(by);
            let mut brought = OldBadgeBrought { before, added, total: sum, record: None };
            if added == 0 {
                return Ok(brought);
            }
            let mut draft = Draft::default();
            draft.add(event, name, vec![(CountCell::Total, by), (CountCell::Day(asked.day), by)]);
            draft.change(event, name, there.contains(&true).then_some(total), Some(sum));
            let correction = draft.finish(&*self.store, record(&course, asked)).await.map_err(unread)?;
            brought.record.clone_from(&correction.record);
            if dry_run {
                return Ok(brought);
            }
            let batch = Batch {
                positions: vec![position(event, name, asked.number)],
                ..Batch::correcting(errand.instance(), seq, correction.clone())
            };
            match errand.apply(&[batch]).await {
                Ok(()) => return Ok(brought),
                Err(ErrandError::Short { what }) => {
                    self.fits(&correction).await?;
                    last = what;
                }
                Err(error) => return Err(not_corrected(&errand, &error)),
            }
        }
        Err(NotCorrected::Changing(last))
    }

    async fn brought_before(&self, event: Event, name: &Name) -> Result<u64, NotCorrected> {
        let source = source(event, name);
        let positions = self.store.positions(Some(named_instance(&source))).await.map_err(unread)?;
        let known = positions.into_iter().find(|(_, position)| position.source == source);
        known.map_or(Ok(0), |(_, position)| {
            let why = "the store has a position that is not a number";
            position.state.parse().map_err(|_| NotCorrected::Refused(why.to_owned()))
        })
    }

    /// Why a smaller number is refused, and what takes back the last one.
    async fn less(&self, asked: &OldBadgeNumber, before: u64) -> Result<NotCorrected, NotCorrected> {
        let log = self.store.corrections(MAX_CORRECTIONS).await.map_err(unread)?;
        let key = Some((asked.event, asked.name.clone()));
        let last = past_corrections(log).into_iter().find(|past| {
            let first = &past.parts[0];
            let is_base = first.action == BASE && first.undoes.is_none() && past.undone_by.is_none();
            is_base && first.changed.first().and_then(CorrectedName::key) == key
        });
        let out = match last {
            Some(last) => {
                let id = short(last.id);
                format!(
                    "`tallymark undo {id}` takes back the last of it; repeat that until less is left, and then this number can be given"
                )
            }
            None => "`tallymark set NAME N` lowers a total".to_owned(),
        };
        Ok(NotCorrected::Refused(format!(
            "{} is less than the {} that came from an old badge before: nothing was counted. {out}",
            asked.number.separate_with_commas(),
            before.separate_with_commas()
        )))
    }

    /// Takes back what one number has added. What other numbers of that name have added stays, and is still known.
    pub(super) async fn undo_bringing(
        &self,
        of: &CorrectionRecord,
        undoing: &Undoing<'_>,
    ) -> Result<Corrected, NotCorrected> {
        let changed = of.changed.first().and_then(|changed| Some((changed, changed.key()?)));
        let Some((changed, (event, name))) = changed else {
            return Err(NotCorrected::Refused("its entry in the log has no name".to_owned()));
        };
        let mut errand = self.errand(named_instance(&source(event, &name)));
        let seq = self.claim(&mut errand).await?.marker + 1;
        // Asked again under the claim: only its marker keeps another process from undoing the same.
        if self.past(of.id).await?.undone_by.is_some() {
            return Err(undoing.undone_already());
        }
        let added = changed.after.unwrap_or(0).saturating_sub(changed.before.unwrap_or(0));
        let known = self.brought_before(event, &name).await?;
        let left = position(event, &name, known.saturating_sub(added.unsigned_abs()));
        let record = self.undo_part(undoing, of, (seq, vec![left]), &mut errand).await?;
        Ok(Corrected { records: record.into_iter().collect(), before: false, notes: Vec::new() })
    }
}

fn position(event: Event, name: &Name, known: u64) -> Position {
    // An empty state deletes it.
    let state = if known == 0 { String::new() } else { known.to_string() };
    Position { source: source(event, name), state }
}

fn record(course: &CorrectionCourse, asked: &OldBadgeNumber) -> CorrectionRecord {
    CorrectionRecord {
        id: course.id,
        part: 1,
        at: course.now.to_rfc3339(),
        by: asked.by.clone(),
        action: BASE.to_owned(),
        name: asked.name.as_str().to_owned(),
        event: Some(asked.event.to_string()),
        to: None,
        count: i64::try_from(asked.number).ok(),
        stretch: Some(asked.day.to_string()),
        until: None,
        reason: asked.reason.clone(),
        undoes: None,
        changed: Vec::new(),
    }
}
