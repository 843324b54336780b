//! The number of an old badge: it is added to a name once, on one day, and can be undone.
//!
//! How much of a name came from an old badge is known to the store (`brought`), and committed with the counts. So the
//! same number is recognised, however often it is imported, and a larger one adds the difference.

use super::{CorrectionCourse, Corrector, brought, draft::Draft, not_corrected, short, unread};
use crate::{clock::now, errand::ErrandError};
use std::collections::BTreeSet;
use tallymark_core::{
    BASE, CorrectionRecord, CountCell, Day, Event, MAX_CORRECTIONS, Name, NotCorrected, PastCorrection,
    past_corrections,
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
        let mut errand = self.errand(course.id);
        let mut last = String::new();
        for _ in 0..super::ATTEMPTS {
            if !dry_run {
                self.gather(&mut errand).await?;
            }
            let (brought, draft) = self.more(asked).await?;
            if brought.added == 0 {
                return Ok(brought);
            }
            let correction = draft.finish(&*self.store, record(&course, asked)).await.map_err(unread)?;
            let brought = OldBadgeBrought { record: correction.record.clone(), ..brought };
            if dry_run {
                return Ok(brought);
            }
            match self.apply(&mut errand, 1, &correction).await {
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

    /// What this number adds to what the store has now.
    async fn more(&self, asked: &OldBadgeNumber) -> Result<(OldBadgeBrought, Draft), NotCorrected> {
        let (event, name) = (asked.event, &asked.name);
        let before = brought::known(&*self.store, event, name).await?;
        let total = self.store.total(event, name).await.map_err(unread)?;
        let Some(added) = asked.number.checked_sub(before) else {
            return Err(self.less(asked, before, total).await?);
        };
        let by = i64::try_from(added).map_err(|error| NotCorrected::Refused(error.to_string()))?;
        let there = self.store.has(event, std::slice::from_ref(name)).await.map_err(unread)?;
        let sum = total.saturating_add(by);
        let mut draft = Draft::default();
        draft.add(event, name, vec![(CountCell::Total, by), (CountCell::Day(asked.day), by)]);
        draft.change(event, name, there.contains(&true).then_some(total), Some(sum));
        draft.remember(event, name, before, by);
        Ok((OldBadgeBrought { before, added, total: sum, record: None }, draft))
    }

    /// Why a smaller number is refused, and what helps.
    async fn less(
        &self,
        asked: &OldBadgeNumber,
        before: u64,
        total: i64,
    ) -> Result<NotCorrected, NotCorrected> {
        let log = self.store.corrections(MAX_CORRECTIONS).await.map_err(unread)?;
        let name = command_word(&asked.name);
        let too_much = before.saturating_sub(asked.number);
        let out = match way_back(log, asked.event, &asked.name) {
            Some(commands) => {
                format!(
                    "{commands} takes back the last of it; repeat that until less is left, and then this number can be given"
                )
            }
            // It came here from another name, or the log does not go back so far.
            None if u64::try_from(total).is_ok_and(|total| total >= too_much) => {
                let event = if asked.event == Event::HIT {
                    String::new()
                } else {
                    format!(" --event {}", asked.event)
                };
                format!("`tallymark add {name} -{too_much}{event}` takes away what is too much")
            }
            None => format!("its total was lowered to {} already", total.separate_with_commas()),
        };
        Ok(NotCorrected::Refused(format!(
            "{} is less than the {} that came from an old badge before: nothing was counted. {out}",
            asked.number.separate_with_commas(),
            before.separate_with_commas()
        )))
    }
}

/// A name as a word of a command.
fn command_word(name: &Name) -> String {
    let name = name.as_str().escape_debug().to_string();
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/~@".contains(&b));
    if is_plain { name } else { format!("'{name}'") }
}

/// The commands that take back the last number of a name: before it, whatever has taken hits of the name since. `None`
/// if no command does, because hits have come from another name since.
fn way_back(log: Vec<CorrectionRecord>, event: Event, name: &Name) -> Option<String> {
    let names = BTreeSet::from([(event, name.clone())]);
    let mut commands = Vec::new();
    for past in past_corrections(log).into_iter().filter(PastCorrection::is_in_force) {
        let known =
            past.parts.iter().filter_map(|part| brought::changes(part).remove(&(event, name.clone())));
        let by: i64 = known.sum();
        let is_base = past.parts[0].action == BASE && by != 0;
        if is_base || past.has_lowered(&names) {
            commands.push(format!("`tallymark undo {}`", short(past.id)));
        } else if by != 0 {
            return None;
        }
        if is_base {
            return Some(commands.join(" and then "));
        }
    }
    None
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
        remembered: Vec::new(),
    }
}
