//! The changes that a request makes to one name, given its counts in the store.

use super::{
    brought,
    draft::Draft,
    ledger::NameLedger,
    memory,
    rules::{self, TooCoarse},
    unread,
};
use tallymark_core::{
    CorrectionAction, CorrectionRequest, CountCell, Day, Event, Name, NotCorrected, PositionChange,
    TimeStretch,
};
use tallymark_store::Store;

/// Adds what changes to a draft.
pub(super) async fn propose(
    store: &dyn Store,
    (request, name): (&CorrectionRequest, &Name),
    events: &[Event],
    today: Day,
    draft: &mut Draft,
) -> Result<(), NotCorrected> {
    let proposal = Proposal { store, name, today };
    let mut found = false;
    for &event in events {
        let there = has(store, event, name).await?;
        found |= there;
        // Those that were taken back, where likes are what is asked for.
        let follows = event == Event::UNLIKE && request.event == Some(Event::LIKE);
        match &request.action {
            CorrectionAction::Add(_) if follows => {}
            CorrectionAction::Set(_) if follows => {
                if there {
                    proposal.set(event, there, 0, draft).await?;
                }
            }
            CorrectionAction::Set(count) => proposal.set(event, there, *count, draft).await?,
            CorrectionAction::Add(count) => proposal.add(event, there, *count, draft).await?,
            _ if !there => {}
            CorrectionAction::Reset(None) => proposal.reset(event, draft).await?,
            CorrectionAction::Reset(Some(stretch)) => proposal.scrub(event, stretch, draft).await?,
            CorrectionAction::Delete => proposal.delete(event, draft).await?,
            CorrectionAction::Rename(to) => proposal.bring(event, to, true, draft).await?,
            CorrectionAction::Merge(to) => proposal.bring(event, to, false, draft).await?,
        }
    }
    let may_be_new = matches!(request.action, CorrectionAction::Set(_) | CorrectionAction::Add(_));
    match found || may_be_new {
        true => Ok(()),
        false => Err(NotCorrected::Missing(missing(name, request.event))),
    }
}

fn missing(name: &Name, event: Option<Event>) -> String {
    let of = event.map_or_else(String::new, |event| format!(" with a count of {event}"));
    format!(
        "there is no name {}{of}: `tallymark top` lists the busiest, and names are case-sensitive",
        name.as_str().escape_debug()
    )
}

async fn has(store: &dyn Store, event: Event, name: &Name) -> Result<bool, NotCorrected> {
    let has = store.has(event, std::slice::from_ref(name)).await.map_err(unread)?;
    Ok(has.first().copied().unwrap_or(false))
}

struct Proposal<'a> {
    store: &'a dyn Store,
    name: &'a Name,
    today: Day,
}

impl Proposal<'_> {
    async fn ledger(&self, event: Event, name: &Name) -> Result<NameLedger, NotCorrected> {
        let ledger = NameLedger::at_one_moment(self.store, event, name, self.today).await.map_err(unread)?;
        ledger.ok_or_else(|| {
            let name = name.as_str().escape_debug();
            NotCorrected::Changing(format!("the total of {name} grew each time that its counts were read"))
        })
    }

    async fn set(
        &self,
        event: Event,
        there: bool,
        count: i64,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        let total = self.store.total(event, self.name).await.map_err(unread)?;
        match count.saturating_sub(total) {
            0 => {}
            more @ 1.. => self.up(event, (there, total), more, draft).await?,
            _ => {
                let ledger = self.ledger(event, self.name).await?;
                // It may have changed since.
                let less = ledger.total.saturating_sub(count);
                match less {
                    0 => {}
                    1.. => self.down(event, &ledger, less, draft),
                    _ => self.up(event, (there, ledger.total), less.saturating_neg(), draft).await?,
                }
            }
        }
        Ok(())
    }

    /// Exactly this many, whatever comes meanwhile.
    async fn add(
        &self,
        event: Event,
        there: bool,
        count: i64,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        let refused = |total: i64| {
            let name = self.name.as_str().escape_debug();
            let noun = event.noun(total);
            NotCorrected::Refused(format!("{name} has {total} {noun}, so {count} cannot be added"))
        };
        if count < 0 {
            let ledger = self.ledger(event, self.name).await?;
            let less = count.checked_neg().filter(|less| *less <= ledger.total);
            self.down(event, &ledger, less.ok_or_else(|| refused(ledger.total))?, draft);
        } else if count > 0 {
            let total = self.store.total(event, self.name).await.map_err(unread)?;
            total.checked_add(count).ok_or_else(|| refused(total))?;
            self.up(event, (there, total), count, draft).await?;
        }
        Ok(())
    }

    async fn up(
        &self,
        event: Event,
        (there, total): (bool, i64),
        by: i64,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        if event == Event::UNLIKE {
            let likes = self.store.total(Event::LIKE, self.name).await.map_err(unread)?;
            if total.saturating_add(by) > likes {
                return Err(self.more_than_likes(likes));
            }
        }
        draft.add(event, self.name, rules::up(self.today, by));
        draft.change(event, self.name, there.then_some(total), Some(total.saturating_add(by)));
        Ok(())
    }

    fn more_than_likes(&self, likes: i64) -> NotCorrected {
        let name = self.name.as_str().escape_debug();
        let given = if likes == 1 { "like was" } else { "likes were" };
        NotCorrected::Refused(format!(
            "{likes} {given} given to {name}, and no more can be taken back: with --event like you set the number that is shown"
        ))
    }

    fn down(&self, event: Event, ledger: &NameLedger, by: i64, draft: &mut Draft) {
        draft.add(event, self.name, rules::down(ledger, by));
        draft.change(event, self.name, Some(ledger.total), Some(ledger.total.saturating_sub(by)));
    }

    async fn reset(&self, event: Event, draft: &mut Draft) -> Result<(), NotCorrected> {
        let ledger = self.ledger(event, self.name).await?;
        let lists = self.lists(event, None, draft).await?;
        let cells = rules::all(&ledger);
        let known = brought::known(self.store, event, self.name).await?;
        let memory = self.memory(event, None).await?;
        if cells.is_empty() && !lists && known == 0 && memory.is_empty() {
            return Ok(());
        }
        draft.change_memory(memory);
        draft.add(event, self.name, cells);
        draft.change(event, self.name, Some(ledger.total), Some(0));
        self.old_badges(event, known, None, draft).await
    }

    async fn scrub(
        &self,
        event: Event,
        stretch: &TimeStretch,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        let ledger = self.ledger(event, self.name).await?;
        let cells = rules::stretch(&ledger, &stretch.minutes()).map_err(|coarse| {
            let what = match coarse {
                TooCoarse::Day(day) => format!("the hours of {day} are not kept any more: name whole days"),
                TooCoarse::Hour(hour) => format!(
                    "the minutes of {} are not kept any more: name whole hours, as from {}:00 to {}:59",
                    hour.first_minute().readable(),
                    hour.of_day(),
                    hour.of_day()
                ),
            };
            NotCorrected::Refused(format!("{}: {what}", self.name.as_str().escape_debug()))
        })?;
        let total = cells.iter().find(|(cell, _)| *cell == CountCell::Total);
        let Some(&(_, by)) = total else { return Ok(()) };
        draft.add(event, self.name, cells);
        draft.change(event, self.name, Some(ledger.total), Some(ledger.total.saturating_add(by)));
        Ok(())
    }

    async fn delete(&self, event: Event, draft: &mut Draft) -> Result<(), NotCorrected> {
        let ledger = self.ledger(event, self.name).await?;
        self.lists(event, None, draft).await?;
        draft.add(event, self.name, rules::all(&ledger));
        draft.forget(event, self.name);
        draft.change(event, self.name, Some(ledger.total), None);
        draft.change_memory(self.memory(event, None).await?);
        let known = brought::known(self.store, event, self.name).await?;
        self.old_badges(event, known, None, draft).await
    }

    /// Everything goes to another name.
    async fn bring(
        &self,
        event: Event,
        to: &Name,
        is_new: bool,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        let shown = to.as_str().escape_debug();
        if to == self.name {
            return Err(NotCorrected::Refused(format!("{shown} has this name already")));
        }
        let there = has(self.store, event, to).await?;
        let total = self.store.total(event, to).await.map_err(unread)?;
        if is_new && there {
            return Err(NotCorrected::Refused(format!(
                "{shown} is there already, with {total} {}: `tallymark merge` adds to it",
                event.noun(total)
            )));
        }
        let ledger = self.ledger(event, self.name).await?;
        let sum = total.checked_add(ledger.total);
        let sum = sum.ok_or_else(|| NotCorrected::Refused(format!("the sum is too large for {shown}")))?;
        self.lists(event, Some(to), draft).await?;
        draft.add(event, self.name, rules::all(&ledger));
        draft.add(event, to, ledger.cells().collect());
        draft.forget(event, self.name);
        draft.change(event, self.name, Some(ledger.total), None);
        draft.change(event, to, there.then_some(total), Some(sum));
        draft.change_memory(self.memory(event, Some(to)).await?);
        let known = brought::known(self.store, event, self.name).await?;
        self.old_badges(event, known, Some(to), draft).await
    }

    /// What is known to have come from old badges goes with the counts, or with the name.
    async fn old_badges(
        &self,
        event: Event,
        known: u64,
        to: Option<&Name>,
        draft: &mut Draft,
    ) -> Result<(), NotCorrected> {
        let by = i64::try_from(known).unwrap_or(i64::MAX);
        if let Some(to) = to {
            let there = brought::known(self.store, event, to).await?;
            draft.remember(event, to, there, by);
        }
        draft.remember(event, self.name, known, by.saturating_neg());
        Ok(())
    }

    /// What else is remembered of the name.
    async fn memory(&self, event: Event, to: Option<&Name>) -> Result<Vec<PositionChange>, NotCorrected> {
        memory::following(self.store, event, self.name, to).await
    }

    /// Moves or deletes the lists. Answers whether there are any.
    async fn lists(&self, event: Event, to: Option<&Name>, draft: &mut Draft) -> Result<bool, NotCorrected> {
        draft.move_lists(self.store, (event, self.name), to, self.today).await.map_err(unread)
    }
}
